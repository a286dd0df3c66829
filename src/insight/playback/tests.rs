//! Tests: episodes are replayed as they were, with the memory of the time, and live play goes on unaffected.

use std::sync::Arc;

use bevy::prelude::*;

use super::*;
use crate::agent::{AgentPlugin, Controller, ControllerAssignment, LearningPolicy};
use crate::insight::memory;
use crate::insight::overlay::OverlaySettings;
use crate::learner::untrained;
use crate::mdp::{ActInput, ActionRow, Attention, PolicyId, PolicyOutput, PolicySnapshot, Stream};
use crate::sim::{SimConfig, run_agent_step};
use crate::worlds::WorldChoice;

#[test]
fn an_episode_is_replayed_exactly_and_live_play_is_unaffected() {
    for world in ["lava-room", "paddle-duel"] {
        let make = || {
            let world = WorldChoice::new(world, None).unwrap();
            let spec = world.spec();
            let sim = SimConfig { arenas: 2, seed: 3, stream: Stream::Environment };
            let assignment = ControllerAssignment::all(vec![Controller::Random; spec.slots()]);
            let policy = LearningPolicy(untrained(&spec.action));
            let mut app = App::new();
            app.add_plugins(crate::sim::plugin).init_resource::<Pace>().init_resource::<Time>();
            world.add_to(&mut app, sim);
            app.add_plugins(AgentPlugin::new(spec, assignment, policy).with_seed(1));
            plugin(&mut app);
            app
        };
        let observed = |app: &mut App| {
            let mut watched = app.world_mut().query_filtered::<&AgentSlots, With<Watched>>();
            watched.single(app.world()).unwrap().observations.clone()
        };
        let (mut app, mut twin) = (make(), make());
        // Observations before every step of the open episode, and of the last one that ended.
        let (mut open, mut last) = (Vec::new(), Vec::new());
        for _ in 0..400 {
            let before = observed(&mut app);
            open.push(before);
            run_agent_step(app.world_mut());
            run_agent_step(twin.world_mut());
            let mut watched = app.world_mut().query_filtered::<&Arena, With<Watched>>();
            if watched.single(app.world()).unwrap().steps() == 0 {
                last = std::mem::take(&mut open);
            }
        }
        let episode = app.world().resource::<EpisodeHistory>().episodes.len() - 1;
        assert_eq!(app.world().resource::<EpisodeHistory>().episodes[episode].steps(), last.len(), "{world}");
        for step in [0, last.len() / 2, last.len() - 1, 1] {
            seek(app.world_mut(), episode, step);
            assert_eq!(observed(&mut app), last[step], "{world}, step {step}");
            assert!(app.world().resource::<Pace>().paused);
        }
        toggle(app.world_mut());
        assert!(!app.world().resource::<Pace>().paused);
        for _ in 0..50 {
            assert_eq!(observed(&mut app), observed(&mut twin), "{world}");
            run_agent_step(app.world_mut());
            run_agent_step(twin.world_mut());
        }
    }
}

/// Sums what it sees and what came before.
struct Sums {
    width: usize,
}

impl Policy for Sums {
    fn id(&self) -> PolicyId {
        PolicyId::of(&["sums"])
    }

    fn state_width(&self) -> usize {
        self.width
    }

    fn act(&self, input: ActInput<'_>, output: &mut PolicyOutput) {
        output.clear();
        for row in 0..input.observations.count {
            let sum = input.observations.row(row).0.iter().sum::<f32>();
            let before = input.previous_actions.index(row) as f32 + input.previous_rewards[row];
            let state = input.states.row_mut(row);
            state[0] = 0.9 * state[0] + sum + if input.is_first[row] { 0.0 } else { before };
            output.features.push(state[0]);
            output.actions.push(ActionRow::Discrete((state[0].abs() * 100.0) as u16 % 5));
            output.entropies.push(0.0);
            output.probabilities.extend([0.2; 5]);
        }
    }

    fn attention(&self, input: ActInput<'_>) -> Option<Attention> {
        let mut output = PolicyOutput::default();
        self.act(input, &mut output);
        Some(Attention { heads: 1, moments: output.features, ..default() })
    }
}

#[test]
fn looking_back_shows_the_memory_of_that_time() {
    // A small state is recorded, a large one made anew.
    for width in [3, 5000] {
        let world = WorldChoice::new("lava-room", None).unwrap();
        let spec = world.spec();
        let assignment = ControllerAssignment::all(vec![Controller::Learning]);
        let learning = LearningPolicy(untrained(&spec.action));
        let policy: Arc<dyn Policy> = Arc::new(Sums { width });
        let snapshot =
            PolicySnapshot { version: 1, gradient_steps: 1, policy: policy.clone(), critics: None };
        learning.0.store(Arc::new(snapshot));
        let mut app = App::new();
        app.add_plugins(crate::sim::plugin).init_resource::<Pace>().init_resource::<Time>();
        app.insert_resource(OverlaySettings::only(memory::ID));
        world.add_to(&mut app, SimConfig { arenas: 2, seed: 3, stream: Stream::Environment });
        app.add_plugins(AgentPlugin::new(spec, assignment, learning).with_seed(1));
        plugin(&mut app);
        (memory::OVERLAY.plugin)(&mut app);
        let state = |app: &App| {
            let all = app.world().resource::<ActorStates>().memories(0);
            all[0].state(&*policy).map(|state| state[0])
        };
        let shown = |app: &App| {
            let (history, playback) = (app.world().resource::<EpisodeHistory>(), app.world().get_resource());
            memory::strip(history, playback, 0).iter().map(|row| row[0]).collect::<Vec<f32>>()
        };
        let attended = |app: &App| {
            let memory = app.world().resource::<WatchedMemory>();
            memory.attention[0].as_ref().map(|attention| attention.moments.clone())
        };
        // The state after every step of the open episode, and of the last one that ended.
        let (mut open, mut last): (Vec<f32>, Vec<f32>) = (Vec::new(), Vec::new());
        for _ in 0..400 {
            run_agent_step(app.world_mut());
            open.push(state(&app).unwrap());
            assert_eq!(attended(&app), Some(vec![open[open.len() - 1]]));
            let mut watched = app.world_mut().query_filtered::<&Arena, With<Watched>>();
            if watched.single(app.world()).unwrap().steps() == 0 {
                last = std::mem::take(&mut open);
                assert!(shown(&app).is_empty(), "an episode begins without memory");
            } else {
                assert_eq!(shown(&app), open[open.len().saturating_sub(memory::STEPS)..]);
            }
        }
        let now = state(&app);
        let episode = app.world().resource::<EpisodeHistory>().episodes.len() - 1;
        assert!(last.len() > 2);
        for step in [0, last.len() / 2, last.len() - 1, 1] {
            seek(app.world_mut(), episode, step);
            assert_eq!(shown(&app), last[(step + 1).saturating_sub(memory::STEPS)..=step], "{step}");
            assert_eq!(attended(&app), Some(vec![last[step]]));
            // Before the step: what lookahead and saliency begin with.
            let before = step.checked_sub(1).map_or(0.0, |before| last[before]);
            assert_eq!(state(&app), Some(before), "{width}, step {step}");
        }
        toggle(app.world_mut());
        assert_eq!(state(&app), now);
    }
}
