//! Lookahead drawing: predicted trajectories as dots that grow fainter.

use bevy::prelude::*;

use super::Lookahead;
use crate::agent::Controllers;
use crate::insight::compare::Comparison;
use crate::view::ViewSystems;
use crate::view::effects::FlatMaterials;
use crate::view::paint::{Paint, circle};
use crate::view::palette::{self, INK};
use crate::view::scroll::Scrolled;
use crate::view::stage::{Detail, Stage, StageSize};

/// Below bodies, above floors and maps.
const DEPTH: f32 = 1.2;
/// Minimum distance between two dots, in world units of a stage 10 high.
const GAP: f32 = 0.28;
/// Radius of the nearest dot, in the same units.
const RADIUS: f32 = 0.085;

/// The drawn prediction, by its version.
#[derive(Component, Debug)]
struct Drawn(u64);

/// Draws the prediction.
pub(super) fn plugin(app: &mut App) {
    app.add_systems(PostUpdate, draw.run_if(resource_exists::<FlatMaterials>).in_set(ViewSystems::Animate));
}

fn draw(
    mut commands: Commands,
    lookahead: Res<Lookahead>,
    materials: Res<FlatMaterials>,
    comparison: Option<Res<Comparison>>,
    size: Option<Res<StageSize>>,
    stages: Query<(Entity, &Stage)>,
    controllers: Query<&Controllers>,
    old: Query<(Entity, &Drawn, &ChildOf)>,
    mut meshes: ResMut<Assets<Mesh>>,
) {
    // The prediction is for one arena; a comparison shows none.
    let large = |stage: &Stage| stage.watched && stage.detail == Detail::Large && comparison.is_none();
    let watched = stages.iter().find(|(_, stage)| large(stage));
    let drawn =
        |stage: Entity| old.iter().any(|(_, version, on)| on.0 == stage && version.0 == lookahead.version);
    if watched.is_some_and(|(stage, _)| drawn(stage)) {
        return;
    }
    old.iter().for_each(|(entity, ..)| commands.entity(entity).despawn());
    let Some((entity, stage)) = watched else { return };
    let unit = size.map_or(1.0, |size| size.0.y / 5.0);
    let mut paint = Paint::new(0.02 * unit);
    let controllers = controllers.get(stage.arena);
    for (slot, path) in &lookahead.trajectories.paths {
        let controller = slot.and_then(|slot| controllers.as_ref().ok()?.get(slot));
        let tone = controller.map_or(INK, palette::of);
        for (place, left) in dots(path, GAP * unit) {
            paint.fill(&circle(place, RADIUS * unit * (0.4 + 0.6 * left)), tone.alpha(0.15 + 0.7 * left));
        }
    }
    if !paint.is_empty() {
        let place = Transform::from_xyz(0.0, 0.0, DEPTH);
        let mesh = Mesh2d(meshes.add(paint.mesh()));
        let drawn = (Drawn(lookahead.version), Scrolled);
        commands.spawn((drawn, mesh, materials.plain(), place, ChildOf(entity)));
    }
}

/// Points along `path` that are at least `gap` apart, each with the share of the path that is left, 1 to 0. A jump
/// leaves a gap.
fn dots(path: &[Vec2], gap: f32) -> Vec<(Vec2, f32)> {
    let mut dots: Vec<(Vec2, f32)> = Vec::new();
    let Some(&first) = path.first() else { return dots };
    let (mut last, count) = (first, path.len() as f32);
    for (index, &place) in path.iter().enumerate() {
        if place.distance(last) >= gap {
            dots.push((place, 1.0 - index as f32 / count));
            last = place;
        }
    }
    dots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_apart_and_grow_fainter() {
        let path: Vec<Vec2> = (0..100).map(|tick| Vec2::new(0.1 * tick as f32, 0.0)).collect();
        let dots = dots(&path, 0.28);
        assert!(dots.len() > 20 && dots.windows(2).all(|pair| pair[0].0.distance(pair[1].0) >= 0.28));
        assert!(dots.windows(2).all(|pair| pair[0].1 > pair[1].1) && dots[0].1 > 0.9);
        assert!(super::dots(&[Vec2::ONE; 50], 0.28).is_empty() && super::dots(&[], 0.28).is_empty());
    }
}
