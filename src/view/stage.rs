//! Stages: which arenas are drawn, where and how large; and the camera that sees them.
//!
//! One unit of the camera is one logical pixel. A stage's children live in the arena's own
//! coordinates; the stage's transform brings them to the screen.

use bevy::prelude::*;
use bevy::render::renderer::RenderAdapterInfo;
use bevy::window::PrimaryWindow;

use super::editor::Editor;
use super::effects::FlatMaterials;
use super::paint::{Paint, rounded};
use super::palette::MINT;
use super::{Screen, ViewSystems};
use crate::sim::arena::show_bodies;
use crate::sim::{Arena, Shown};

/// Thumbnails below the watched arena.
const STRIP: usize = 8;
/// Arenas in the zoomed-out grid.
const GRID: usize = 64;
/// Arenas of a grid that are looked at closely, all of them.
const FEW: usize = 4;
/// Empty pixels around everything, and between two stages.
const MARGIN: f32 = 22.0;
const GAP: f32 = 14.0;

/// How closely a stage is looked at: soft edges are as wide as a pixel, small stages leave things out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// The watched arena.
    Large,
    /// A thumbnail.
    Small,
}

impl Detail {
    /// Both, in the order of [`Detail::index`].
    pub const ALL: [Self; 2] = [Self::Large, Self::Small];

    /// Position in arrays of meshes made for both.
    pub fn index(self) -> usize {
        match self {
            Self::Large => 0,
            Self::Small => 1,
        }
    }

    /// Width of a soft edge in pixels of a stage that is drawn `pixels` high and `units` tall.
    pub fn feather(self, units: f32) -> f32 {
        let pixels = match self {
            Self::Large => 560.0,
            Self::Small => 90.0,
        };
        1.3 * units / pixels
    }
}

/// One drawn arena.
#[derive(Component, Debug, Clone)]
#[require(Transform, Visibility)]
pub struct Stage {
    /// The arena.
    pub arena: Entity,
    /// Its number; 0 is watched.
    pub index: usize,
    /// How closely it is looked at.
    pub detail: Detail,
    place: Place,
}

impl Stage {
    /// A stage of `arena` in large, for tests of what is on it.
    #[cfg(test)]
    pub fn at(arena: Entity, index: usize) -> Self {
        Self { arena, index, detail: Detail::Large, place: Place::default() }
    }
}

/// Center and pixels per unit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Place {
    center: Vec2,
    scale: f32,
}

/// Half the width and height a stage needs, in world units. Inserted by the running world.
#[derive(Resource, Debug, Clone, Copy, PartialEq)]
pub struct StageSize(pub Vec2);

/// Adds camera and stages.
pub(super) fn plugin(app: &mut App) {
    app.add_systems(Startup, spawn_camera).add_systems(
        PostUpdate,
        (
            arrange.in_set(ViewSystems::Arrange),
            frame.run_if(resource_exists::<FlatMaterials>).in_set(ViewSystems::Furnish),
        )
            .run_if(resource_exists::<StageSize>),
    );
}

/// A frame around the watched arena where it is one of many: it is what keys and panel speak of.
fn frame(
    mut commands: Commands,
    stages: Query<(Entity, &Stage), Added<Stage>>,
    size: Res<StageSize>,
    inks: Res<FlatMaterials>,
    mut meshes: ResMut<Assets<Mesh>>,
) {
    for (entity, _) in stages.iter().filter(|(_, stage)| stage.index == 0 && stage.detail == Detail::Small) {
        let pixel = Detail::Small.feather(2.0 * size.0.y);
        let mut paint = Paint::new(pixel);
        paint.line(&rounded(Vec2::ZERO, size.0, 0.08 * size.0.y), 1.6 * pixel, MINT.solid());
        let place = Transform::from_xyz(0.0, 0.0, 9.0);
        commands.spawn((Mesh2d(meshes.add(paint.mesh())), inks.plain(), place, ChildOf(entity)));
    }
}

fn spawn_camera(mut commands: Commands, adapter: Option<Res<RenderAdapterInfo>>) {
    // Edges are soft by themselves; on a software renderer multisampling would cost more than all else.
    let software = adapter.is_some_and(|adapter| format!("{:?}", adapter.device_type) == "Cpu");
    commands.spawn((Camera2d, if software { Msaa::Off } else { Msaa::Sample4 }));
}

fn arrange(
    mut commands: Commands,
    screen: Res<Screen>,
    size: Res<StageSize>,
    time: Res<Time<Real>>,
    window: Query<&Window, With<PrimaryWindow>>,
    editor: Option<Res<Editor>>,
    arenas: Query<(Entity, &Arena, Has<Shown>)>,
    mut stages: Query<(Entity, &mut Stage, &mut Transform)>,
) {
    let Ok(window) = window.single() else { return };
    let most = if screen.zoomed_out { GRID } else { STRIP + 1 };
    let mut wanted: Vec<(usize, Entity)> = Vec::new();
    let mut fresh = false;
    for (entity, arena, shown) in &arenas {
        let show = arena.index < most;
        if show {
            wanted.push((arena.index, entity));
        }
        if show && !shown {
            fresh = true;
            commands.entity(entity).try_insert(Shown);
        } else if !show && shown {
            commands.entity(entity).try_remove::<Shown>();
        }
    }
    if fresh {
        // Where time stands still no tick tells where their bodies are.
        commands.queue(show_bodies);
    }
    wanted.sort_unstable();
    let places = places(&screen, Vec2::new(window.width(), window.height()), size.0, wanted.len());

    // A few are as large as one of many is not.
    let large = |index: usize| if screen.zoomed_out { wanted.len() <= FEW } else { index == 0 };
    let detail = |index: usize| if large(index) { Detail::Large } else { Detail::Small };
    // Half way in about 50 ms, whatever the frame rate.
    let ease = 1.0 - (-time.delta_secs() * 14.0).exp();
    let mut there = vec![false; wanted.len()];
    for (entity, mut stage, mut transform) in &mut stages {
        let place = wanted.iter().position(|(_, arena)| *arena == stage.arena);
        let Some(position) = place.filter(|_| stage.detail == detail(stage.index)) else {
            commands.entity(entity).despawn();
            continue;
        };
        there[position] = true;
        stage.place = places[position];
        let target = stage.place;
        let center = transform.translation.truncate().lerp(target.center, ease);
        transform.translation = center.extend(0.0);
        let scale = transform.scale.x + (target.scale - transform.scale.x) * ease;
        transform.scale = Vec3::new(scale, scale, 1.0);
    }
    for (position, &(index, arena)) in wanted.iter().enumerate() {
        if !there[position] {
            let place = places[position];
            // What is being drawn on does not move.
            let scale = place.scale * if editor.is_some() { 1.0 } else { 0.92 };
            commands.spawn((
                Stage { arena, index, detail: detail(index), place },
                Transform::from_translation(place.center.extend(0.0))
                    .with_scale(Vec3::new(scale, scale, 1.0)),
            ));
        }
    }
}

/// Where `count` stages of half size `half` go; the first is the watched one.
fn places(screen: &Screen, window: Vec2, half: Vec2, count: usize) -> Vec<Place> {
    let free = Rect::from_corners(
        Vec2::new(-window.x / 2.0 + MARGIN, -window.y / 2.0 + screen.bottom + MARGIN),
        Vec2::new(window.x / 2.0 - screen.right - MARGIN, window.y / 2.0 - MARGIN),
    );
    let free = Rect::from_center_size(free.center(), free.size().max(Vec2::splat(40.0)));
    if screen.zoomed_out {
        return grid(free, half, count);
    }
    if count <= 1 {
        return grid(free, half, count);
    }
    // The strip is as high as its thumbnails can be wide, within reason.
    let thumbs = count - 1;
    let widest = (free.width() - GAP * (STRIP - 1) as f32) / STRIP as f32;
    let height = (widest * half.y / half.x).min(free.height() * 0.12).max(16.0);
    let scale = height / (2.0 * half.y);
    let width = 2.0 * half.x * scale;
    let main = Rect::from_corners(free.min + Vec2::new(0.0, height + 1.5 * GAP), free.max);
    let mut places = grid(main, half, 1);
    let whole = thumbs as f32 * width + (thumbs - 1) as f32 * GAP;
    for index in 0..thumbs {
        let x = free.center().x - whole / 2.0 + width / 2.0 + index as f32 * (width + GAP);
        places.push(Place { center: Vec2::new(x, free.min.y + height / 2.0), scale });
    }
    places
}

/// The grid of `count` cells within `free` that draws them largest.
fn grid(free: Rect, half: Vec2, count: usize) -> Vec<Place> {
    let gap = if count > 16 { GAP / 2.0 } else { GAP };
    let fit = |columns: usize| {
        let rows = count.div_ceil(columns);
        let width = (free.width() - gap * (columns - 1) as f32) / columns as f32;
        let height = (free.height() - gap * (rows - 1) as f32) / rows as f32;
        (width / (2.0 * half.x)).min(height / (2.0 * half.y)).max(0.1)
    };
    let Some(columns) = (1..=count).max_by(|&a, &b| fit(a).total_cmp(&fit(b))) else { return Vec::new() };
    let scale = fit(columns);
    let cell = 2.0 * half * scale + Vec2::splat(if count > 1 { gap } else { 0.0 });
    let rows = count.div_ceil(columns);
    (0..count)
        .map(|index| {
            let at = Vec2::new((index % columns) as f32, (index / columns) as f32);
            let middle = Vec2::new(columns as f32 - 1.0, rows as f32 - 1.0) / 2.0;
            let offset = (at - middle) * cell * Vec2::new(1.0, -1.0);
            Place { center: free.center() + offset, scale }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_stay_inside_the_window_and_apart() {
        let half = Vec2::new(5.0, 4.0);
        for window in [Vec2::new(1280.0, 800.0), Vec2::new(700.0, 1000.0)] {
            for (zoomed_out, count) in [(false, 1), (false, 2), (false, 9), (true, 1), (true, 7), (true, 64)]
            {
                let screen = Screen { zoomed_out, right: 320.0, bottom: 40.0, ..Screen::default() };
                let rects: Vec<Rect> = places(&screen, window, half, count)
                    .iter()
                    .map(|place| Rect::from_center_half_size(place.center, half * place.scale))
                    .collect();
                assert_eq!(rects.len(), count);
                for (index, rect) in rects.iter().enumerate() {
                    assert!(rect.max.x <= window.x / 2.0 - 320.0 && rect.min.x >= -window.x / 2.0);
                    assert!(rect.max.y <= window.y / 2.0 && rect.min.y >= -window.y / 2.0 + 40.0);
                    assert!(rects[..index].iter().all(|other| rect.intersect(*other).is_empty()));
                }
            }
        }
    }
}
