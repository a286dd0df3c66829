//! Goals: which of two goals the memory says is right, after the cue has gone out. A linear probe on what the memory makes
//! of each moment is fitted to all arenas while the overlay is shown.

use std::collections::{BTreeMap, VecDeque};

use bevy::prelude::*;

use super::probe::LinearProbe;
use super::{GoalBelief, WatchedMemory};
use crate::agent::{ActorStates, Controllers, Watched};
use crate::sim::{AgentSlots, Arena};
use crate::worlds::rooms::level::Cell;
use crate::worlds::rooms::{Room, Rooms, Win};

/// Held-out episodes that the accuracy is taken over, and how many it needs.
const TESTS: usize = 100;
const LEAST_TESTS: usize = 10;

/// The probe and its tests.
#[derive(Resource, Debug, Clone, Default)]
pub(super) struct GoalProbe {
    probe: LinearProbe,
    /// By arena: the open episode.
    episodes: BTreeMap<usize, Episode>,
    /// Shares of the last held-out episodes.
    tests: VecDeque<f32>,
}

/// The open episode of an arena.
#[derive(Debug, Clone, Copy, Default)]
struct Episode {
    number: usize,
    /// Moments that were told right, and all, if it is held out.
    right: u32,
    moments: u32,
}

impl GoalProbe {
    /// Begins the next episode of `arena`.
    fn begin(&mut self, arena: usize) {
        let episode = self.episodes.entry(arena).or_default();
        if episode.moments > 0 {
            self.tests.push_back(episode.right as f32 / episode.moments as f32);
            let surplus = self.tests.len().saturating_sub(TESTS);
            self.tests.drain(..surplus);
        }
        *episode = Episode { number: episode.number + 1, ..Episode::default() };
    }

    /// Fits the probe to a moment, or tests it.
    fn take(&mut self, arena: usize, watched: bool, features: &[f32], first_is_right: bool) {
        let episode = self.episodes.entry(arena).or_default();
        // Whole episodes are held out: moments of one are alike. So is the watched arena, whose bars are a test as well.
        if watched || (episode.number + arena).is_multiple_of(4) {
            episode.moments += 1;
            episode.right += u32::from((self.probe.predict(features) > 0.5) == first_is_right);
        } else {
            self.probe.fit(features, first_is_right);
        }
    }

    fn accuracy(&self) -> Option<(f32, usize)> {
        let count = self.tests.len();
        (count >= LEAST_TESTS).then(|| (self.tests.iter().sum::<f32>() / count as f32, count))
    }
}

/// Run condition: whether a cue tells which goal is right.
pub(super) fn has_cue(rooms: Option<Res<Rooms>>) -> bool {
    rooms.is_some_and(|rooms| rooms.rules.win == Win::Cue)
}

/// Fits and tests the probe, and reads the watched agent's memory.
pub(super) fn read(
    rooms: Res<Rooms>,
    states: Res<ActorStates>,
    arenas: Query<(&AgentSlots, &Controllers, &Arena, &Room, Has<Watched>)>,
    mut goals: ResMut<GoalProbe>,
    mut shown: ResMut<WatchedMemory>,
) {
    let several = arenas.iter().nth(1).is_some();
    for (slots, controllers, arena, room, watched) in &arenas {
        if slots.on_hold || arena.waits() {
            continue;
        }
        if arena.steps() == 0 {
            goals.begin(arena.index);
        }
        let (right, lit) = (room.named(), room.cue().is_some());
        let features = states.features(slots, controllers, 0).filter(|_| !lit);
        if let Some(features) = features {
            goals.take(arena.index, watched && several, features, right == 0);
        }
        if watched {
            shown.goals = belief(&rooms, room, right, features.map(|features| goals.probe.predict(features)));
        }
    }
    if let Some(shown) = &mut shown.goals {
        (shown.samples, shown.accuracy) = (goals.probe.samples(), goals.accuracy());
    }
}

fn belief(rooms: &Rooms, room: &Room, right: usize, first: Option<f32>) -> Option<GoalBelief> {
    let level = room.level(rooms);
    let mut all = level.places(|cell| cell == Cell::Goal);
    let (a, b) = (all.next()?, all.next()?);
    let names = match a.1 == b.1 {
        true => ["left goal", "right goal"],
        false => ["upper goal", "lower goal"],
    };
    let places = [a, b].map(|(column, row)| level.center(column, row));
    Some(GoalBelief { names, places, right, first, samples: 0, accuracy: None })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::agent::{AgentPlugin, Controller, ControllerAssignment, LearningPolicy};
    use crate::insight::memory::{ID, plugin};
    use crate::insight::overlay::OverlaySettings;
    use crate::learner::untrained;
    use crate::mdp::{ActInput, ActionRow, Policy, PolicyId, PolicyOutput, PolicySnapshot, Stream};
    use crate::sim::{SimConfig, run_agent_step};
    use crate::worlds::WorldChoice;

    /// Walks at random and keeps the cue, or nothing.
    struct Keeps(bool);

    impl Policy for Keeps {
        fn id(&self) -> PolicyId {
            PolicyId::of(&["keeps"])
        }

        fn state_width(&self) -> usize {
            2
        }

        fn act(&self, input: ActInput<'_>, output: &mut PolicyOutput) {
            output.clear();
            for row in 0..input.observations.count {
                let (vector, _) = input.observations.row(row);
                let state = input.states.row_mut(row);
                if vector[4] != 0.0 {
                    state[0] = if self.0 { 0.1 * vector[4] } else { 0.0 };
                }
                state[1] += 0.3;
                output.features.extend([state[0], state[1].sin()]);
                output.actions.push(ActionRow::Discrete((state[1] * 77.0) as u16 % 5));
                output.entropies.push(0.0);
                output.probabilities.extend([0.2; 5]);
            }
        }
    }

    fn belief_of(policy: Keeps) -> (Vec<(Option<f32>, usize, bool)>, GoalBelief) {
        let world = WorldChoice::new("memory-corridor", None).unwrap();
        let spec = world.spec();
        let assignment = ControllerAssignment::all(vec![Controller::Learning]);
        let learning = LearningPolicy(untrained(&spec.action));
        let policy =
            PolicySnapshot { version: 1, gradient_steps: 1, policy: Arc::new(policy), critics: None };
        learning.0.store(Arc::new(policy));
        let mut app = App::new();
        app.add_plugins(crate::sim::plugin).insert_resource(OverlaySettings::only(ID));
        world.add_to(&mut app, SimConfig { arenas: 8, seed: 3, stream: Stream::Environment });
        app.add_plugins(AgentPlugin::new(spec, assignment, learning).with_seed(1));
        plugin(&mut app);
        let mut all = Vec::new();
        for _ in 0..3000 {
            run_agent_step(app.world_mut());
            let mut watched = app.world_mut().query_filtered::<&Room, With<Watched>>();
            let lit = watched.single(app.world()).unwrap().cue().is_some();
            let goals = app.world().resource::<WatchedMemory>().goals.clone().unwrap();
            all.push((goals.first, goals.right, lit));
        }
        let goals = app.world().resource::<WatchedMemory>().goals.clone().unwrap();
        (all, goals)
    }

    #[test]
    fn what_the_memory_keeps_is_read_and_what_it_does_not_keep_is_not() {
        let (steps, goals) = belief_of(Keeps(true));
        assert_eq!(goals.names, ["upper goal", "lower goal"]);
        assert!(goals.places[0].y > goals.places[1].y && goals.samples > 500, "{goals:?}");
        assert!(goals.accuracy.unwrap().0 > 0.97, "{goals:?}");
        let late: Vec<_> =
            steps[400..].iter().filter_map(|(first, right, _)| Some((first.as_ref()?, right))).collect();
        assert!(late.len() > 100 && late.iter().all(|(first, right)| (**first > 0.5) == (**right == 0)));
        assert!(
            steps.iter().any(|(_, right, _)| *right == 0) && steps.iter().any(|(_, right, _)| *right == 1)
        );

        let (steps, goals) = belief_of(Keeps(false));
        assert!((0.25..0.75).contains(&goals.accuracy.unwrap().0), "{goals:?}");
        assert!(steps.iter().any(|(first, ..)| first.is_none()), "the cue is seen at first");
    }
}
