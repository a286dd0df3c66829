//! Lookahead: where bodies of the watched arena would go, as dots that grow fainter. Working that out is left to `agent`.

use bevy::prelude::*;

use super::ViewSystems;
use super::effects::FlatMaterials;
use super::paint::{Paint, circle};
use super::palette::{self, INK};
use super::stage::{Detail, Stage};
use crate::agent::Controllers;
use crate::insight::compare::Comparison;
use crate::insight::lookahead::Lookahead;

/// Below bodies, above floors and maps.
const DEPTH: f32 = 1.2;
/// Least distance between two dots, in world units of a stage 10 high.
const GAP: f32 = 0.28;
/// Radius of the nearest dot, likewise.
const RADIUS: f32 = 0.085;

/// The ways that are drawn, of which version.
#[derive(Component, Debug)]
struct Drawn(u64);

/// Draws what is trajectories.
pub(super) fn plugin(app: &mut App) {
    app.add_systems(PostUpdate, draw.run_if(resource_exists::<Lookahead>).in_set(ViewSystems::Animate));
}

fn draw(
    mut commands: Commands,
    lookahead: Res<Lookahead>,
    inks: Option<Res<FlatMaterials>>,
    comparison: Option<Res<Comparison>>,
    size: Option<Res<super::stage::StageSize>>,
    stages: Query<(Entity, &Stage)>,
    controllers: Query<&Controllers>,
    old: Query<(Entity, &Drawn, &ChildOf)>,
    mut meshes: ResMut<Assets<Mesh>>,
) {
    let Some(inks) = inks else { return };
    // They are of one arena; where several are compared there are none.
    let large = |stage: &Stage| stage.index == 0 && stage.detail == Detail::Large && comparison.is_none();
    let watched = stages.iter().find(|(_, stage)| large(stage));
    let there =
        |stage: Entity| old.iter().any(|(_, drawn, on)| on.0 == stage && drawn.0 == lookahead.version);
    if watched.is_some_and(|(stage, _)| there(stage)) {
        return;
    }
    old.iter().for_each(|(entity, ..)| commands.entity(entity).despawn());
    let Some((entity, stage)) = watched else { return };
    let unit = size.map_or(1.0, |size| size.0.y / 5.0);
    let mut paint = Paint::new(0.02 * unit);
    let controllers = controllers.get(stage.arena);
    for (slot, way) in &lookahead.trajectories.ways {
        let controller = slot.and_then(|slot| controllers.as_ref().ok()?.get(slot));
        let tone = controller.map_or(INK, palette::of);
        for (place, left) in dots(way, GAP * unit) {
            paint.fill(&circle(place, RADIUS * unit * (0.4 + 0.6 * left)), tone.alpha(0.15 + 0.7 * left));
        }
    }
    if !paint.is_empty() {
        let place = Transform::from_xyz(0.0, 0.0, DEPTH);
        let mesh = Mesh2d(meshes.add(paint.mesh()));
        commands.spawn((Drawn(lookahead.version), mesh, inks.plain(), place, ChildOf(entity)));
    }
}

/// Places along `way` that are `gap` apart, with what of the way is left there, 1 to 0. What jumps leaves none between.
fn dots(way: &[Vec2], gap: f32) -> Vec<(Vec2, f32)> {
    let mut found: Vec<(Vec2, f32)> = Vec::new();
    let Some(&first) = way.first() else { return found };
    let (mut last, count) = (first, way.len() as f32);
    for (index, &place) in way.iter().enumerate() {
        if place.distance(last) >= gap {
            found.push((place, 1.0 - index as f32 / count));
            last = place;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_apart_and_grow_fainter() {
        let way: Vec<Vec2> = (0..100).map(|tick| Vec2::new(0.1 * tick as f32, 0.0)).collect();
        let dots = dots(&way, 0.28);
        assert!(dots.len() > 20 && dots.windows(2).all(|pair| pair[0].0.distance(pair[1].0) >= 0.28));
        assert!(dots.windows(2).all(|pair| pair[0].1 > pair[1].1) && dots[0].1 > 0.9);
        assert!(super::dots(&[Vec2::ONE; 50], 0.28).is_empty() && super::dots(&[], 0.28).is_empty());
    }
}
