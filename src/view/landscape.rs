//! ValueMap: what the agent expects of every place of the watched arena, as colors, and what it would do there, as
//! arrows. Nothing is drawn, and nothing worked out, until somebody asks.

use bevy::prelude::*;

use super::ViewSystems;
use super::effects::FlatMaterials;
use super::paint::{Paint, circle, rounded};
use super::palette::{AMBER, INK, NIGHT, SKY, Tone};
use super::stage::{Detail, Stage};
use crate::insight::compare::Comparison;
use crate::insight::values::{ValueEstimates, ValueMap, way};
use crate::sim::arena::Spec;

/// Above floors, below whoever walks there.
const DEPTH: f32 = 0.6;
/// Half the side of a colored square.
const HALF: f32 = 0.47;
/// Length of the arrow of an action that is certain.
const REACH: f32 = 0.42;
/// Probabilities below this are not drawn.
const LEAST: f32 = 0.04;

/// The one that is drawn, of which version.
#[derive(Component, Debug)]
struct Drawn(u64);

/// Draws the landscape where there is one.
pub(super) fn plugin(app: &mut App) {
    app.add_systems(PostUpdate, draw.run_if(resource_exists::<ValueEstimates>).in_set(ViewSystems::Animate));
}

fn draw(
    mut commands: Commands,
    mind: Res<ValueEstimates>,
    spec: Res<Spec>,
    inks: Option<Res<FlatMaterials>>,
    comparison: Option<Res<Comparison>>,
    stages: Query<(Entity, &Stage)>,
    old: Query<(Entity, &Drawn, &ChildOf)>,
    mut meshes: ResMut<Assets<Mesh>>,
) {
    let Some(inks) = inks else { return };
    let landscape = &mind.landscape;
    // It is of one agent; where several are compared there is none.
    let large = |stage: &Stage| stage.index == 0 && stage.detail == Detail::Large && comparison.is_none();
    let watched = stages.iter().find(|(_, stage)| large(stage));
    let there =
        |stage: Entity| old.iter().any(|(_, drawn, on)| on.0 == stage && drawn.0 == landscape.version);
    if watched.is_some_and(|(stage, _)| there(stage)) {
        return;
    }
    old.iter().for_each(|(entity, ..)| commands.entity(entity).despawn());
    let Some((stage, _)) = watched.filter(|_| !landscape.places.is_empty()) else { return };
    let ways: Vec<Option<Vec2>> = spec.action.names().iter().map(|name| way(name)).collect();
    let mesh = meshes.add(paint(landscape, &ways).mesh());
    let place = Transform::from_xyz(0.0, 0.0, DEPTH);
    commands.spawn((Drawn(landscape.version), Mesh2d(mesh), inks.plain(), place, ChildOf(stage)));
}

fn paint(landscape: &ValueMap, ways: &[Option<Vec2>]) -> Paint {
    let mut paint = Paint::new(0.02);
    let range = range(&landscape.values);
    for (index, (&place, &value)) in landscape.places.iter().zip(&landscape.values).enumerate() {
        paint.fill(&rounded(place, Vec2::splat(HALF), 0.1), color(value, range).alpha(0.72));
        let policy = &landscape.policy[index * ways.len()..][..ways.len()];
        for (way, &share) in ways.iter().zip(policy).filter(|(_, share)| **share >= LEAST) {
            match way {
                Some(way) => paint.fill(&arrow(place, *way, share), INK.alpha(0.35 + 0.65 * share)),
                None => paint.fill(&circle(place, 0.13 * share.sqrt()), INK.alpha(0.35 + 0.65 * share)),
            };
        }
    }
    let dot = |index: usize| 0.05 + 0.05 * (1.0 - index as f32 / landscape.path.len() as f32);
    for (index, place) in landscape.path.iter().enumerate().skip(1) {
        paint.fill(&circle(*place, dot(index)), AMBER.alpha(0.95));
    }
    paint
}

/// Least and greatest value; never equal.
fn range(values: &[f32]) -> [f32; 2] {
    let finite = values.iter().copied().filter(|value| value.is_finite());
    let [least, most] = finite
        .fold([f32::INFINITY, f32::NEG_INFINITY], |[least, most], value| [least.min(value), most.max(value)]);
    if least < most { [least, most] } else { [least.min(0.0) - 0.5, most.max(0.0) + 0.5] }
}

/// From deep blue over blue to amber: told apart by brightness alone, whatever colors one sees.
fn color(value: f32, [least, most]: [f32; 2]) -> Tone {
    let share = ((value - least) / (most - least)).clamp(0.0, 1.0);
    let deep = NIGHT.mix(SKY, 0.35);
    if share < 0.5 { deep.mix(SKY, 1.4 * share) } else { deep.mix(SKY, 0.7).mix(AMBER, 2.0 * share - 1.0) }
}

/// A dart from the middle of a cell, longer the likelier; counter-clockwise.
fn arrow(place: Vec2, way: Vec2, share: f32) -> [Vec2; 3] {
    let (tip, side) = (way * REACH * (0.35 + 0.65 * share), way.perp() * (0.05 + 0.09 * share));
    [place + tip, place + side, place - side]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn better_places_are_brighter() {
        let luminance = |value| {
            let Tone(r, g, b) = color(value, [-1.0, 3.0]);
            0.2126 * f32::from(r) + 0.7152 * f32::from(g) + 0.0722 * f32::from(b)
        };
        let steps: Vec<f32> = (0..=40).map(|step| luminance(-1.0 + 0.1 * step as f32)).collect();
        assert!(steps.windows(2).all(|pair| pair[0] <= pair[1]), "{steps:?}");
        assert!(steps[40] > 2.0 * steps[0]);
    }

    #[test]
    fn a_range_is_never_empty() {
        for values in [vec![], vec![0.3; 4], vec![f32::NAN, 0.2], vec![-0.2, 1.0]] {
            let [least, most] = range(&values);
            assert!(least < most, "{values:?}: {least} {most}");
        }
    }
}
