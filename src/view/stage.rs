//! Stages: which arenas are drawn, where and how large, and the camera.
//!
//! One camera unit is one logical pixel. A stage's children are in the arena's coordinates; the stage's transform maps
//! them to the screen.

use bevy::prelude::*;
use bevy::render::renderer::RenderAdapterInfo;
use bevy::window::PrimaryWindow;

use super::commands::{AddKeys as _, KeyGroup, KeyHint, KeySpec};
use super::modes::Mode;
use super::{ScreenLayout, ViewSystems};
use crate::agent::Watched;
use crate::sim::arena::{EnvironmentHooks, show_bodies};
use crate::sim::{AgentSlots, Arena, Shown};

/// Thumbnails below the watched arena.
const STRIP: usize = 8;
/// Arenas in the zoomed-out grid.
const GRID: usize = 64;
/// Largest grid whose arenas are all drawn in full detail.
const FEW: usize = 4;
/// Pixels around everything, and between two stages.
const MARGIN: f32 = 22.0;
const GAP: f32 = 14.0;

/// Level of detail of a stage: soft edges are one pixel wide, and small stages omit details.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// The watched arena.
    Large,
    /// A thumbnail.
    Small,
}

impl Detail {
    /// Both levels, in the order of [`Detail::index`].
    pub const ALL: [Self; 2] = [Self::Large, Self::Small];

    /// Index into arrays of meshes for both.
    pub fn index(self) -> usize {
        match self {
            Self::Large => 0,
            Self::Small => 1,
        }
    }

    /// Width of a soft edge in world units, for a stage that is `units` tall.
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
    /// Index of the arena.
    pub index: usize,
    /// Whether it is the watched one.
    pub watched: bool,
    /// Its level of detail.
    pub detail: Detail,
    place: Place,
}

impl Stage {
    /// A large stage of `arena`, for tests.
    #[cfg(test)]
    pub fn at(arena: Entity, index: usize) -> Self {
        Self { arena, index, watched: index == 0, detail: Detail::Large, place: Place::default() }
    }
}

/// Center and pixels per unit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Place {
    center: Vec2,
    scale: f32,
}

/// Half the width and height of a stage, in world units. Inserted by the running world.
#[derive(Resource, Debug, Clone, Copy, PartialEq)]
pub struct StageSize(pub Vec2);

/// Whether new stages appear at full size instead of growing: the level being edited must not move.
#[derive(Resource, Debug, Clone, Copy, Default)]
pub struct InstantStages(pub bool);

/// The key of the grid of arenas.
pub const KEYS: &[KeySpec] = &[KeySpec {
    hint: KeyHint::Now(|world| {
        let zoomed_out = world.get_resource::<ScreenLayout>().is_some_and(|screen| screen.zoomed_out);
        if zoomed_out { "one arena" } else { "many arenas" }
    }),
    act: Some(|world| {
        let mut screen = world.resource_mut::<ScreenLayout>();
        screen.zoomed_out = !screen.zoomed_out;
    }),
    not_while: &[
        (Mode::Compare, "all agents are shown side by side"),
        (Mode::Edit, "one level is edited at a time"),
    ],
    needs: Some(EnvironmentHooks::restore_in),
    ..KeySpec::new("zoom", "one arena or many", KeyCode::KeyZ, KeyGroup::Screen)
}];

/// Adds the camera that all screens share.
pub(super) fn camera(app: &mut App) {
    app.add_systems(Startup, spawn_camera);
}

/// Adds stages.
pub(super) fn plugin(app: &mut App) {
    app.add_keys(KEYS)
        .init_resource::<InstantStages>()
        .add_systems(PostUpdate, arrange.in_set(ViewSystems::Arrange).run_if(resource_exists::<StageSize>));
}

fn spawn_camera(mut commands: Commands, adapter: Option<Res<RenderAdapterInfo>>) {
    // Edges are soft already; multisampling would dominate the cost on a software renderer.
    let software = adapter.is_some_and(|adapter| format!("{:?}", adapter.device_type) == "Cpu");
    commands.spawn((Camera2d, if software { Msaa::Off } else { Msaa::Sample4 }));
}

fn arrange(
    mut commands: Commands,
    screen: Res<ScreenLayout>,
    size: Res<StageSize>,
    time: Res<Time<Real>>,
    window: Query<&Window, With<PrimaryWindow>>,
    still: Res<InstantStages>,
    arenas: Query<(Entity, &AgentSlots, Has<Arena>, Has<Shown>, Has<Watched>)>,
    mut stages: Query<(Entity, &mut Stage, &mut Transform)>,
) {
    let Ok(window) = window.single() else { return };
    let most = if screen.zoomed_out { GRID } else { STRIP + 1 };
    // The watched arena comes first.
    let mut drawn: Vec<(bool, usize, Entity)> = Vec::new();
    // Copies of an outside environment draw a picture of the watched one only.
    let all = arenas.iter().filter(|(_, _, is_arena, _, watched)| *is_arena || *watched);
    drawn.extend(all.map(|(entity, slots, _, _, watched)| (!watched, slots.arena, entity)));
    drawn.sort_unstable();
    drawn.truncate(most);
    let mut fresh = false;
    for (entity, slots, _, shown, watched) in &arenas {
        let show = drawn.binary_search(&(!watched, slots.arena, entity)).is_ok();
        if show && !shown {
            fresh = true;
            commands.entity(entity).try_insert(Shown);
        } else if !show && shown {
            commands.entity(entity).try_remove::<Shown>();
        }
    }
    if fresh {
        // While paused, no tick updates the transforms of their bodies.
        commands.queue(show_bodies);
    }
    let places = places(&screen, Vec2::new(window.width(), window.height()), size.0, drawn.len());

    // A small grid is drawn in full detail.
    let large = |watched: bool| if screen.zoomed_out { drawn.len() <= FEW } else { watched };
    let detail = |watched: bool| if large(watched) { Detail::Large } else { Detail::Small };
    // Half the distance in about 50 ms, at any frame rate.
    let ease = 1.0 - (-time.delta_secs() * 14.0).exp();
    let mut present = vec![false; drawn.len()];
    for (entity, mut stage, mut transform) in &mut stages {
        let place = drawn.iter().position(|(_, _, arena)| *arena == stage.arena);
        let fits = |position: &usize| {
            let watched = !drawn[*position].0;
            stage.watched == watched && stage.detail == detail(watched)
        };
        let Some(position) = place.filter(fits) else {
            commands.entity(entity).despawn();
            continue;
        };
        present[position] = true;
        stage.place = places[position];
        let target = stage.place;
        let center = transform.translation.truncate().lerp(target.center, ease);
        transform.translation = center.extend(0.0);
        let scale = transform.scale.x + (target.scale - transform.scale.x) * ease;
        transform.scale = Vec3::new(scale, scale, 1.0);
    }
    for (position, &(other, index, arena)) in drawn.iter().enumerate() {
        if !present[position] {
            let place = places[position];
            let scale = place.scale * if still.0 { 1.0 } else { 0.92 };
            commands.spawn((
                Stage { arena, index, watched: !other, detail: detail(!other), place },
                Transform::from_translation(place.center.extend(0.0))
                    .with_scale(Vec3::new(scale, scale, 1.0)),
            ));
        }
    }
}

/// Places of `count` stages of half size `half`; the first is the watched one.
fn places(screen: &ScreenLayout, window: Vec2, half: Vec2, count: usize) -> Vec<Place> {
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
    // The strip's height follows from the width of its thumbnails, within limits.
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

/// The grid of `count` cells within `free` with the largest scale.
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
    fn stages_are_inside_the_window_and_do_not_overlap() {
        let half = Vec2::new(5.0, 4.0);
        for window in [Vec2::new(1280.0, 800.0), Vec2::new(700.0, 1000.0)] {
            for (zoomed_out, count) in [(false, 1), (false, 2), (false, 9), (true, 1), (true, 7), (true, 64)]
            {
                let screen =
                    ScreenLayout { zoomed_out, right: 320.0, bottom: 40.0, ..ScreenLayout::default() };
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
