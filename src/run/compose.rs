//! Composition of headless apps: the plugins of a simulation, and arenas with random players.

use bevy::prelude::*;

use crate::agent::{AgentPlugin, Controller, ControllerAssignment, LearningPolicy};
use crate::learner::untrained;
use crate::mdp::Stream;
use crate::sim::{self, SimConfig, SimPool};
use crate::worlds::WorldChoice;

/// Adds the plugins that simulate and act, the same with and without a window.
pub fn simulation(
    app: &mut App,
    world: &WorldChoice,
    sim: SimConfig,
    assignment: ControllerAssignment,
    policy: LearningPolicy,
    threads: usize,
) {
    app.add_plugins(sim::plugin);
    app.insert_resource(match threads {
        0 => SimPool::default(),
        threads => SimPool::new(threads),
    });
    let seed = sim.seed;
    world.add_to(app, sim);
    app.add_plugins(AgentPlugin::new(world.spec(), assignment, policy).with_seed(seed));
}

/// An app without a window, ready for [`sim::run_agent_step`].
pub fn headless_app(
    world: &WorldChoice,
    sim: SimConfig,
    assignment: ControllerAssignment,
    policy: LearningPolicy,
    threads: usize,
) -> App {
    let mut app = App::new();
    simulation(&mut app, world, sim, assignment, policy, threads);
    app.finish();
    app.cleanup();
    app
}

/// Arenas of `world` with random players.
pub fn random_app(world: &WorldChoice, arenas: usize, seed: u64, threads: usize) -> App {
    let spec = world.spec();
    let sim = SimConfig { arenas, seed, stream: Stream::Environment };
    let assignment = ControllerAssignment::all(vec![Controller::Random; spec.slots()]);
    headless_app(world, sim, assignment, LearningPolicy(untrained(&spec.action)), threads)
}
