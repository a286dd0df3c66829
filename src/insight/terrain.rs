//! Terrain: layers of the map beside what the agent expects: where agents have been, and what the exact solution says.

use bevy::prelude::*;

use super::values::{MapLayer, OverlaySettings, ValueEstimates, ValueMap};
use crate::agent::LiveLearner;
use crate::learner::exact::{self, ExactValues, SacConfig};
use crate::sim::AgentSlots;
use crate::sim::arena::ProbeObservation;
use crate::sim::level::{Level, Place};
use crate::sim::worlds::lava_room::CellModel;
use crate::sim::worlds::rooms::Rooms;

/// Of visits counted, what is kept every time they are looked at: old ones fade within a minute or so.
const KEPT: f32 = 0.997;

/// How often players stood at each place lately, over all arenas.
#[derive(Resource, Debug, Clone, Default)]
pub(super) struct Visits {
    /// By place: where it lies as observations tell, and the count.
    places: Vec<([f32; 2], f32)>,
}

/// Where the places of `imagined` lie as observations tell: their first two numbers.
fn marks(imagined: &ProbeObservation) -> impl Iterator<Item = [f32; 2]> + '_ {
    (0..imagined.places.len()).filter_map(|index| {
        let (vector, _) = imagined.observations.row(index);
        Some([*vector.first()?, *vector.get(1)?])
    })
}

/// The place nearest to `at`.
fn nearest(places: impl Iterator<Item = [f32; 2]>, at: [f32; 2]) -> Option<usize> {
    let far = |place: [f32; 2]| (place[0] - at[0]).powi(2) + (place[1] - at[1]).powi(2);
    places.enumerate().min_by(|a, b| far(a.1).total_cmp(&far(b.1))).map(|(index, _)| index)
}

/// Counts where players stand, while that is looked at.
pub(super) fn count(seats: Query<&AgentSlots>, mut visits: ResMut<Visits>) {
    for seats in &seats {
        let (vector, _) = seats.observations.row(0);
        let [Some(&x), Some(&y)] = [vector.first(), vector.get(1)] else { continue };
        let place = nearest(visits.places.iter().map(|(place, _)| *place), [x, y]);
        if let Some((_, count)) = place.and_then(|place| visits.places.get_mut(place)) {
            *count += 1.0;
        }
    }
}

/// Whether visits are looked at.
pub(super) fn counted(insight: Res<OverlaySettings>) -> bool {
    insight.map == Some(MapLayer::Visits)
}

/// Turns `landscape`, which tells what the agent expects, into the layer that is looked at.
pub(super) fn turn(
    world: &mut World,
    imagined: &ProbeObservation,
    layer: MapLayer,
    landscape: &mut ValueMap,
) {
    landscape.layer = layer;
    landscape.path = way(world, imagined, landscape);
    match layer {
        MapLayer::Expected => {}
        MapLayer::Visits => {
            let mut visits = world.get_resource_or_init::<Visits>();
            let marks: Vec<[f32; 2]> = marks(imagined).collect();
            // Gates that open and maps that are edited make other places.
            if visits.places.len() != marks.len() || visits.places.iter().zip(&marks).any(|(a, b)| a.0 != *b)
            {
                visits.places = marks.into_iter().map(|mark| (mark, 0.0)).collect();
            }
            visits.places.iter_mut().for_each(|(_, count)| *count *= KEPT);
            let sum: f32 = visits.places.iter().map(|(_, count)| count).sum();
            landscape.values = visits.places.iter().map(|(_, count)| count / sum.max(1.0)).collect();
        }
        MapLayer::Exact => {
            let Some((values, policy)) = solved(world, &landscape.places) else {
                landscape.error = None;
                landscape.values.fill(0.0);
                landscape.policy.fill(0.0);
                return;
            };
            let apart = landscape.values.iter().zip(&values).map(|(learned, exact)| (learned - exact).abs());
            landscape.error = Some(apart.sum::<f32>() / values.len().max(1) as f32);
            (landscape.values, landscape.policy) = (values, policy);
        }
    }
}

/// The last problem that was solved, and its solution: a large level takes longer than a frame may.
#[derive(Resource, Debug, Clone)]
pub(super) struct Solved {
    level: Level,
    gamma: f32,
    entropy_in_target: bool,
    temperature: f32,
    cells: Vec<Place>,
    exact: ExactValues,
}

impl Solved {
    /// Share by which the temperature may move before it is solved again.
    const SLACK: f32 = 0.05;

    /// Whether it is still what `config` learns on `level` at `temperature`, nearly.
    fn holds(&self, level: &Level, config: &SacConfig, temperature: f32) -> bool {
        let near = (self.temperature - temperature).abs() <= Self::SLACK * temperature;
        self.level == *level
            && self.gamma == config.gamma
            && self.entropy_in_target == config.entropy_in_target
            && (near || !config.entropy_in_target)
    }
}

/// The exact values, `[n]`, and policy, `[n, A]`, at `places`; `None` where the world is no small table.
fn solved(world: &mut World, places: &[Vec2]) -> Option<(Vec<f32>, Vec<f32>)> {
    let rooms = world.get_resource::<Rooms>().filter(|rooms| rooms.rules.name == "lava-room")?.clone();
    let level = rooms.first();
    let learner = world.get_resource::<LiveLearner>()?;
    let config = learner.config().sac.clone();
    let temperature = learner.status().measured().map_or(config.initial_temperature, |seen| seen.temperature);
    let known = world.get_resource::<Solved>();
    if !known.is_some_and(|known| known.holds(level, &config, temperature)) {
        let CellModel { cells, model } = CellModel::new(level).ok()?;
        let exact = exact::solve(&model, &config, temperature)?;
        let SacConfig { gamma, entropy_in_target, .. } = config;
        world.insert_resource(Solved {
            level: level.clone(),
            gamma,
            entropy_in_target,
            temperature,
            cells,
            exact,
        });
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

/// Steps that a way is followed for.
const FARTHEST: usize = 40;

/// Where the watched player would go if it did what it thinks best from where it is on.
fn way(world: &mut World, imagined: &ProbeObservation, landscape: &ValueMap) -> Vec<Vec2> {
    let names: Vec<String> = world.resource::<crate::sim::arena::Spec>().action.names().to_vec();
    let mut seats = world.query::<&AgentSlots>();
    let Some(seats) = seats.iter(world).find(|seats| seats.arena == 0) else { return Vec::new() };
    let (vector, _) = seats.observations.row(0);
    let [Some(&x), Some(&y)] = [vector.first(), vector.get(1)] else { return Vec::new() };
    let Some(begin) = nearest(marks(imagined), [x, y]) else { return Vec::new() };
    let (places, actions) = (&landscape.places, names.len());
    let mut path = vec![begin];
    while path.len() < FARTHEST {
        let here = path[path.len() - 1];
        let policy = &landscape.policy[here * actions..][..actions];
        let best = (0..actions).max_by(|&a, &b| policy[a].total_cmp(&policy[b]));
        let Some(way) = best.and_then(|best| super::values::way(&names[best])) else { break };
        let next = places.iter().position(|place| place.distance(places[here] + way) < 0.1);
        match next.filter(|next| !path.contains(next)) {
            Some(next) => path.push(next),
            None => {
                // Off the map of places lie the goal, and whatever else ends a way.
                path.push(here);
                break;
            }
        }
    }
    path.into_iter().map(|place| places[place]).collect()
}

/// Adds the counts.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Visits>().add_systems(
        crate::sim::SimTick,
        count
            .in_set(crate::sim::SimSystems::Record)
            .run_if(counted)
            .run_if(resource_exists::<ValueEstimates>),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_place_counts() {
        let places = [[0.0, 0.0], [0.5, 0.0], [0.5, 0.5]];
        assert_eq!(nearest(places.into_iter(), [0.4, 0.1]), Some(1));
        assert_eq!(nearest(std::iter::empty(), [0.0, 0.0]), None);
    }
}
