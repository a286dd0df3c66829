//! Holds the walkers against the published models; here: falls, and how soon they come.

mod physics_tests;
mod recorded_tests;

use std::f32::consts::PI;

use bevy::prelude::*;
use bevy_rapier2d::plugin::context::{RapierContextJoints, RapierRigidBodySet};
use bevy_rapier2d::rapier::dynamics::RigidBodyHandle;
use rand::RngExt as _;

use super::anatomy::{Anatomy, MOST_JOINTS};
use super::cheetah::CHEETAH;
use super::hopper::HOPPER;
use super::runner::Runner;
use super::walker::WALKER;
use crate::mdp::{Action, EpisodeEnd, Stream, rng};
use crate::sim::arena::ScriptSystems;
use crate::sim::bodies::still::articulated;
use crate::sim::{
    self, AgentSlots, Arena, Bodies, EnvironmentPlugin, SimConfig, SimSystems, SimTick, run_agent_step,
};

const ALL: [Anatomy; 3] = [HOPPER, WALKER, CHEETAH];

/// `[arenas]`: the action of every arena.
#[derive(Resource, Default)]
struct Acts(Vec<[f32; MOST_JOINTS]>);

fn act(acts: Res<Acts>, anatomy: Res<Anatomy>, mut seats: Query<(&Arena, &mut AgentSlots)>) {
    for (arena, mut seats) in &mut seats {
        let action = acts.0.get(arena.index).copied().unwrap_or_default();
        seats.actions.set(0, Action::continuous(&action[..anatomy.joints()]));
    }
}

fn app(anatomy: Anatomy, arenas: usize) -> App {
    let config = SimConfig { arenas, seed: 1, stream: Stream::Environment };
    let mut app = App::new();
    app.add_plugins(sim::plugin)
        .add_plugins(EnvironmentPlugin::<Runner> { layout: anatomy, config })
        .init_resource::<Acts>()
        .add_systems(SimTick, act.in_set(SimSystems::Decide).after(ScriptSystems));
    app
}

/// The same without falls.
fn immortal(anatomy: Anatomy) -> Anatomy {
    Anatomy { upright: None, ..anatomy }
}

fn step(app: &mut App, acts: Vec<[f32; MOST_JOINTS]>) {
    app.world_mut().resource_mut::<Acts>().0 = acts;
    run_agent_step(app.world_mut());
}

/// Calls `work` with the number, the state and the bodies of every arena.
fn each(app: &mut App, mut work: impl FnMut(usize, &mut Runner, &mut Bodies)) {
    let mut query =
        app.world_mut().query::<(&Arena, &mut Runner, &mut RapierRigidBodySet, &mut RapierContextJoints)>();
    for (arena, mut runner, mut set, mut joints) in query.iter_mut(app.world_mut()) {
        let map = set.entity2body();
        let handles: Vec<RigidBodyHandle> = arena.entities.iter().map(|body| map[body]).collect();
        let mut bodies = articulated(&mut set.bodies, &handles, &mut joints.multibody_joints);
        work(arena.index, &mut runner, &mut bodies);
    }
}

fn padded<const N: usize>(values: &[f32]) -> [f32; N] {
    let mut all = [0.0; N];
    all[..values.len()].copy_from_slice(values);
    all
}

/// Random play falls as soon as in the published tasks, whose episodes last 22 steps.
#[test]
fn random_play_falls_as_soon_as_published() {
    for anatomy in [HOPPER, WALKER] {
        let mut app = app(anatomy, 64);
        let mut source = rng(7, Stream::Environment, 0);
        let (mut ended, mut steps, mut total) = (0, 0, 0.0);
        let mut open = [(0, 0.0); 64];
        while ended < 1000 {
            let random = |_| std::array::from_fn(|_| source.random_range(-1.0..1.0));
            step(&mut app, (0..64).map(random).collect());
            let mut query = app.world_mut().query::<(&Arena, &AgentSlots)>();
            for (arena, seats) in query.iter(app.world()) {
                let own = &mut open[arena.index];
                *own = (own.0 + 1, own.1 + seats.rewards[0]);
                if let Some(end) = seats.end {
                    assert_eq!(end, EpisodeEnd::Terminated);
                    assert!((seats.outcomes[0].score - own.1).abs() < 0.01 && !seats.outcomes[0].success);
                    (ended, steps, total) = (ended + 1, steps + own.0, total + own.1);
                    *own = (0, 0.0);
                }
            }
        }
        let mean = f64::from(steps) / f64::from(ended);
        println!("{}: {mean} steps, return {}", anatomy.name, total / ended as f32);
        assert!((18.0..26.0).contains(&mean), "{}: {mean} steps", anatomy.name);
    }
}

/// What counts as upright, at its bounds.
#[test]
fn falls_are_judged_by_height_and_pitch() {
    for (anatomy, place, upright) in [
        (HOPPER, [0.0, 1.2, 0.19], true),
        (HOPPER, [0.0, 1.2, 0.21], false),
        (HOPPER, [0.0, 1.2, -0.21], false),
        (HOPPER, [0.0, 0.6, 0.0], false),
        (HOPPER, [0.0, 5.0, 0.0], true),
        (WALKER, [0.0, 1.9, 0.95], true),
        (WALKER, [0.0, 2.1, 0.0], false),
        (WALKER, [0.0, 0.7, 0.0], false),
        (WALKER, [0.0, 1.2, 1.05], false),
        (CHEETAH, [0.0, 0.3, PI], true),
    ] {
        let mut app = app(anatomy, 1);
        each(&mut app, |_, runner, bodies| {
            runner.put(&anatomy, bodies, &padded(&place), &padded(&[]));
        });
        step(&mut app, Vec::new());
        let seats = app.world_mut().query::<&AgentSlots>().single(app.world()).unwrap();
        assert_eq!(seats.end.is_none(), upright, "{} at {place:?}", anatomy.name);
        let paid = f32::from(u8::from(upright && anatomy.upright.is_some()));
        assert!((seats.rewards[0] - paid).abs() < 0.2, "{}: {}", anatomy.name, seats.rewards[0]);
    }
}
