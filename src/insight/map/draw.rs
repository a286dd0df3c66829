//! Value map drawing: values as colored cells, the policy as arrows, the greedy path as dots.

use bevy::prelude::*;

use super::ValueMap;
use crate::insight::compare::Comparison;
use crate::sim::arena::Spec;
use crate::view::ViewSystems;
use crate::view::effects::FlatMaterials;
use crate::view::paint::{Paint, circle, rounded};
use crate::view::palette::{AMBER, INK, NIGHT, SKY, Tone};
use crate::view::stage::{Detail, Stage};

/// Above floors, below players.
const DEPTH: f32 = 0.6;
/// Half the side of a colored cell.
const HALF: f32 = 0.47;
/// Length of the arrow of an action with probability 1.
const REACH: f32 = 0.42;
/// Probabilities below this are not drawn.
const LEAST: f32 = 0.04;

/// The drawn map, by its version.
#[derive(Component, Debug)]
struct Drawn(u64);

/// Draws the map while there is one.
pub(super) fn plugin(app: &mut App) {
    app.add_systems(PostUpdate, draw.run_if(resource_exists::<FlatMaterials>).in_set(ViewSystems::Animate));
}

fn draw(
    mut commands: Commands,
    map: Res<ValueMap>,
    spec: Res<Spec>,
    materials: Res<FlatMaterials>,
    comparison: Option<Res<Comparison>>,
    stages: Query<(Entity, &Stage)>,
    old: Query<(Entity, &Drawn, &ChildOf)>,
    mut meshes: ResMut<Assets<Mesh>>,
) {
    // The map is for one agent; a comparison shows none.
    let large = |stage: &Stage| stage.watched && stage.detail == Detail::Large && comparison.is_none();
    let watched = stages.iter().find(|(_, stage)| large(stage));
    let drawn = |stage: Entity| old.iter().any(|(_, version, on)| on.0 == stage && version.0 == map.version);
    if watched.is_some_and(|(stage, _)| drawn(stage)) {
        return;
    }
    old.iter().for_each(|(entity, ..)| commands.entity(entity).despawn());
    let Some((stage, _)) = watched.filter(|_| !map.places.is_empty()) else { return };
    let directions: Vec<_> = (0..spec.action.len()).map(|action| spec.action.direction(action)).collect();
    let mesh = meshes.add(paint(&map, &directions).mesh());
    let place = Transform::from_xyz(0.0, 0.0, DEPTH);
    commands.spawn((Drawn(map.version), Mesh2d(mesh), materials.plain(), place, ChildOf(stage)));
}

fn paint(map: &ValueMap, directions: &[Option<[f32; 2]>]) -> Paint {
    let mut paint = Paint::new(0.02);
    let range = range(&map.values);
    for (index, (&place, &value)) in map.places.iter().zip(&map.values).enumerate() {
        paint.fill(&rounded(place, Vec2::splat(HALF), 0.1), color(value, range).alpha(0.72));
        let policy =
            map.policy.get(index * directions.len()..(index + 1) * directions.len()).unwrap_or_default();
        for (direction, &share) in directions.iter().zip(policy).filter(|(_, share)| **share >= LEAST) {
            match direction {
                Some(direction) => {
                    paint.fill(&arrow(place, Vec2::from(*direction), share), INK.alpha(0.35 + 0.65 * share))
                }
                None => paint.fill(&circle(place, 0.13 * share.sqrt()), INK.alpha(0.35 + 0.65 * share)),
            };
        }
    }
    let dot = |index: usize| 0.05 + 0.05 * (1.0 - index as f32 / map.path.len() as f32);
    for (index, place) in map.path.iter().enumerate().skip(1) {
        paint.fill(&circle(*place, dot(index)), AMBER.alpha(0.95));
    }
    paint
}

/// Minimum and maximum of the finite values; never equal.
fn range(values: &[f32]) -> [f32; 2] {
    let finite = values.iter().copied().filter(|value| value.is_finite());
    let [least, most] = finite
        .fold([f32::INFINITY, f32::NEG_INFINITY], |[least, most], value| [least.min(value), most.max(value)]);
    if least < most { [least, most] } else { [least.min(0.0) - 0.5, most.max(0.0) + 0.5] }
}

/// From deep blue through blue to amber, with brightness increasing, so that it works for color-blind players too.
fn color(value: f32, [least, most]: [f32; 2]) -> Tone {
    let share = ((value - least) / (most - least)).clamp(0.0, 1.0);
    let deep = NIGHT.mix(SKY, 0.35);
    if share < 0.5 { deep.mix(SKY, 1.4 * share) } else { deep.mix(SKY, 0.7).mix(AMBER, 2.0 * share - 1.0) }
}

/// An arrow from the middle of a cell, counter-clockwise; the longer, the more probable.
fn arrow(place: Vec2, direction: Vec2, share: f32) -> [Vec2; 3] {
    let (tip, side) = (direction * REACH * (0.35 + 0.65 * share), direction.perp() * (0.05 + 0.09 * share));
    [place + tip, place + side, place - side]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_values_are_brighter() {
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
