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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::AgentSlots;
    use crate::sim::run_agent_step;

    /// A resource is an entity of an archetype of its own.
    #[derive(Resource)]
    struct Extra<const N: usize>;

    /// What the players of two arenas see after some steps, in an app with `extra` resources more.
    fn played(name: &str, extra: usize) -> Vec<f32> {
        let world = WorldChoice::new(name, None).unwrap();
        let spec = world.spec();
        let sim = SimConfig { arenas: 2, seed: 5, stream: Stream::Environment };
        let assignment = ControllerAssignment::all(vec![Controller::Random; spec.slots()]);
        let mut app = App::new();
        let inserts: [fn(&mut App); 6] = [
            |app| _ = app.insert_resource(Extra::<0>),
            |app| _ = app.insert_resource(Extra::<1>),
            |app| _ = app.insert_resource(Extra::<2>),
            |app| _ = app.insert_resource(Extra::<3>),
            |app| _ = app.insert_resource(Extra::<4>),
            |app| _ = app.insert_resource(Extra::<5>),
        ];
        inserts[..extra].iter().for_each(|insert| insert(&mut app));
        simulation(&mut app, &world, sim, assignment, LearningPolicy(untrained(&spec.action)), 1);
        app.finish();
        app.cleanup();
        (0..60).for_each(|_| run_agent_step(app.world_mut()));
        let mut slots = app.world_mut().query::<&AgentSlots>();
        slots.iter(app.world()).flat_map(|slots| slots.observations.vector.clone()).collect()
    }

    #[test]
    fn whatever_else_is_in_the_app_worlds_play_the_same() {
        for name in ["lander", "beam-carry", "cart-pole", "walker", "puck"] {
            let plain = played(name, 0);
            (1..=6)
                .for_each(|extra| assert_eq!(played(name, extra), plain, "{name}, {extra} resources more"));
        }
    }
}
