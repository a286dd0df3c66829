//! No experience is invented: whatever happens to a simulation or a learner, the replay buffer holds only
//! real transitions.
//!
//! The worlds here follow the equations of cartpole, with which every stored transition is compared.

#[path = "../common/mod.rs"]
mod common;

mod faults;
mod game;
mod live;
mod memory;
mod runs;
mod slots;
#[cfg(feature = "arcade")]
mod window;

use bevy::prelude::*;
use common::transitions::{self, Checked};
use entropy_arcade::agent::{Controller, ControllerAssignment, LearningPolicy, Replay};
use entropy_arcade::learner::untrained;
use entropy_arcade::mdp::{ObservationSpace, StepBatch, Stream, TransitionBatch};
use entropy_arcade::replay::{ReplayBuffer, ReplayConfig};
use entropy_arcade::run::headless_app;
use entropy_arcade::sim::SimConfig;
use entropy_arcade::worlds::WorldChoice;

/// An app in which `arenas` arenas of cartpole are played by `controller`.
fn cartpole(arenas: usize, controller: Controller) -> App {
    let world = WorldChoice::new("cartpole", None).unwrap();
    let sim = SimConfig { arenas, seed: 5, stream: Stream::Environment };
    headless_app(&world, sim, ControllerAssignment::all(vec![controller]), LearningPolicy(untrained(2)), 1)
}

/// Takes the recorded steps.
fn staged(app: &mut App) -> StepBatch {
    std::mem::take(&mut app.world_mut().resource_mut::<Replay>().staged)
}

/// A replay buffer of `steps`.
fn buffer(steps: &StepBatch) -> ReplayBuffer {
    let space = ObservationSpace::floats(&["x", "x velocity", "angle", "angular velocity"]);
    let config = ReplayConfig { capacity: 100_000, streams: 64, n_step: 1, gamma: 0.5 };
    let mut buffer = ReplayBuffer::new(space, config);
    assert_eq!(buffer.push(steps), 0, "what is recorded is finite");
    buffer
}

/// Asserts that `buffer` has no impossible transition, and at least the given number.
fn assert_lived(buffer: &ReplayBuffer, at_least: usize) {
    let Checked { transitions, impossible } = transitions::check(buffer);
    assert!(impossible == 0 && transitions >= at_least, "{impossible} of {transitions} are impossible");
}

/// Observations that start more than one transition in `buffer`.
fn repeated(buffer: &ReplayBuffer) -> usize {
    let mut all = TransitionBatch::default();
    buffer.gather_all(&mut all);
    let mut seen = std::collections::HashSet::new();
    let key = |row: &[f32]| row.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    all.observations.chunks(all.features).filter(|row| !seen.insert(key(row))).count()
}
