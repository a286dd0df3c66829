//! Map layers: visitation and the exact solution, in place of the value estimates.

use bevy::prelude::*;

use super::{MapLayer, OverlaySettings, ValueMap};
use crate::agent::{LiveLearner, Watched};
use crate::algo::report::TEMPERATURE;
use crate::algo::{AlgorithmConfig, ExactValues};
use crate::sim::AgentSlots;
use crate::sim::arena::{ProbeObservation, Spec};
use crate::worlds::rooms::Rooms;
use crate::worlds::rooms::lava_room::CellModel;
use crate::worlds::rooms::level::{Level, Place};

/// Decay of the visit counts per update: old visits fade within a minute or so.
const DECAY: f32 = 0.997;

/// Recent visits of each cell, over all arenas.
#[derive(Resource, Debug, Clone, Default)]
pub(super) struct Visits {
    /// `[n]`: the cell's coordinates in observations, and its decayed count.
    places: Vec<([f32; 2], f32)>,
}

/// `[n]`: coordinates of the cells of `probe` as observations give them in their first two entries.
fn coordinates(probe: &ProbeObservation) -> impl Iterator<Item = [f32; 2]> + '_ {
    (0..probe.places.len()).filter_map(|index| {
        let (vector, _) = probe.observations.row(index);
        Some([*vector.first()?, *vector.get(1)?])
    })
}

/// The place nearest to `at`.
fn nearest(places: impl Iterator<Item = [f32; 2]>, at: [f32; 2]) -> Option<usize> {
    let far = |place: [f32; 2]| (place[0] - at[0]).powi(2) + (place[1] - at[1]).powi(2);
    places.enumerate().min_by(|a, b| far(a.1).total_cmp(&far(b.1))).map(|(index, _)| index)
}

/// Counts the positions of players while visits are shown.
pub(super) fn count(slots: Query<&AgentSlots>, mut visits: ResMut<Visits>) {
    for slots in &slots {
        let (vector, _) = slots.observations.row(0);
        let [Some(&x), Some(&y)] = [vector.first(), vector.get(1)] else { continue };
        let place = nearest(visits.places.iter().map(|(place, _)| *place), [x, y]);
        if let Some((_, count)) = place.and_then(|place| visits.places.get_mut(place)) {
            *count += 1.0;
        }
    }
}

/// Run condition: whether visits are shown.
pub(super) fn counted(settings: Res<OverlaySettings>) -> bool {
    MapLayer::shown(&settings) == Some(MapLayer::Visits)
}

/// Replaces the value estimates of `map` by those of `layer`.
pub(super) fn apply(world: &mut World, probe: &ProbeObservation, layer: MapLayer, map: &mut ValueMap) {
    map.layer = layer;
    // Of an agent with memory there is no policy per cell.
    let unknown = map.policy.is_empty();
    map.path = if unknown { Vec::new() } else { greedy_path(world, probe, map) };
    match layer {
        MapLayer::Estimated => {}
        MapLayer::Visits => {
            let mut visits = world.get_resource_or_init::<Visits>();
            let cells: Vec<[f32; 2]> = coordinates(probe).collect();
            // Open gates and edits of the level change the set of cells.
            if visits.places.len() != cells.len() || visits.places.iter().zip(&cells).any(|(a, b)| a.0 != *b)
            {
                visits.places = cells.into_iter().map(|cell| (cell, 0.0)).collect();
            }
            visits.places.iter_mut().for_each(|(_, count)| *count *= DECAY);
            let sum: f32 = visits.places.iter().map(|(_, count)| count).sum();
            map.values = visits.places.iter().map(|(_, count)| count / sum.max(1.0)).collect();
        }
        MapLayer::Exact => {
            let Some((values, policy)) = solved(world, &map.places) else {
                map.error = None;
                map.values.fill(0.0);
                map.policy.fill(0.0);
                return;
            };
            let errors = map.values.iter().zip(&values).map(|(learned, exact)| (learned - exact).abs());
            map.error = (!unknown).then_some(errors.sum::<f32>() / values.len().max(1) as f32);
            (map.values, map.policy) = (values, policy);
        }
    }
}

/// The last exact solution, cached with its problem: a large level takes longer than a frame.
#[derive(Resource, Debug, Clone)]
pub(super) struct Solved {
    level: Level,
    algorithm: AlgorithmConfig,
    temperature: f32,
    cells: Vec<Place>,
    exact: ExactValues,
}

impl Solved {
    /// Relative change of the temperature before the problem is solved again.
    const TOLERANCE: f32 = 0.05;

    /// Whether it is the solution for `level`, `algorithm` and nearly `temperature`.
    fn matches(&self, level: &Level, algorithm: &AlgorithmConfig, temperature: f32) -> bool {
        let near = (self.temperature - temperature).abs() <= Self::TOLERANCE * temperature;
        near && self.level == *level && self.algorithm == *algorithm
    }
}

/// The exact values `[n]` and policy `[n, A]` at `places`; `None` for a world without a tabular model.
fn solved(world: &mut World, places: &[Vec2]) -> Option<(Vec<f32>, Vec<f32>)> {
    let rooms = world.get_resource::<Rooms>()?.clone();
    let table = rooms.rules.table?;
    let level = rooms.first();
    let learner = world.get_resource::<LiveLearner>()?;
    let algorithm = learner.config().algorithm.clone();
    let measured = learner.status().measured().and_then(|report| report.get(TEMPERATURE));
    let temperature = algorithm.exact_temperature(measured.map(|temperature| temperature as f32));
    let known = world.get_resource::<Solved>();
    if !known.is_some_and(|known| known.matches(level, &algorithm, temperature)) {
        let CellModel { cells, model } = table(level).ok()?;
        let exact = algorithm.exact(&model, temperature)?;
        world.insert_resource(Solved { level: level.clone(), algorithm, temperature, cells, exact });
    }
    let Solved { cells, exact: solved, .. } = world.get_resource::<Solved>()?;
    let actions = solved.policy.len() / cells.len().max(1);
    let (mut values, mut policy) = (Vec::new(), Vec::new());
    for place in places {
        let state = cells.iter().position(|cell| *cell == level.locate(*place))?;
        values.push(solved.values[state]);
        policy.extend_from_slice(&solved.policy[state * actions..][..actions]);
    }
    Some((values, policy))
}

/// Maximum length of a path in cells.
const MAX_PATH: usize = 40;

/// The path of the watched player under the greedy policy, from its current position.
fn greedy_path(world: &mut World, probe: &ProbeObservation, map: &ValueMap) -> Vec<Vec2> {
    let space = world.resource::<Spec>().action.clone();
    let mut watched = world.query_filtered::<&AgentSlots, With<Watched>>();
    let Ok(slots) = watched.single(world) else { return Vec::new() };
    let (vector, _) = slots.observations.row(0);
    let [Some(&x), Some(&y)] = [vector.first(), vector.get(1)] else { return Vec::new() };
    let Some(start) = nearest(coordinates(probe), [x, y]) else { return Vec::new() };
    let (places, actions) = (&map.places, space.len());
    let mut path = vec![start];
    while path.len() < MAX_PATH {
        let here = path[path.len() - 1];
        let policy = &map.policy[here * actions..][..actions];
        let best = (0..actions).max_by(|&a, &b| policy[a].total_cmp(&policy[b]));
        let Some(direction) = best.and_then(|best| space.direction(best)).map(Vec2::from) else { break };
        let next = places.iter().position(|place| place.distance(places[here] + direction) < 0.1);
        match next.filter(|next| !path.contains(next)) {
            Some(next) => path.push(next),
            None => {
                // The goal, and other cells that end an episode, are not part of the map.
                path.push(here);
                break;
            }
        }
    }
    path.into_iter().map(|place| places[place]).collect()
}

/// Adds the visit counts.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Visits>()
        .add_systems(crate::sim::SimTick, count.in_set(crate::sim::SimSystems::Record).run_if(counted));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_cell_is_found() {
        let places = [[0.0, 0.0], [0.5, 0.0], [0.5, 0.5]];
        assert_eq!(nearest(places.into_iter(), [0.4, 0.1]), Some(1));
        assert_eq!(nearest(std::iter::empty(), [0.0, 0.0]), None);
    }
}
