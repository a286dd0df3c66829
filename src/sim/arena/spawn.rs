//! Arenas come into being: their entities, rapier's bodies, and the start of their first episode.

use bevy::ecs::schedule::SingleThreadedExecutor;
use bevy::prelude::*;
use bevy::tasks::{ComputeTaskPool, TaskPoolBuilder};
use bevy::transform::StaticTransformOptimizations;
use bevy_rapier2d::plugin::context::{RapierContextSimulation, RapierRigidBodySet};
use bevy_rapier2d::plugin::{PhysicsSet, RapierPhysicsPlugin};
use bevy_rapier2d::prelude::*;
use bevy_rapier2d::rapier::geometry::{BroadPhaseBvh, BvhOptimizationStrategy};

use super::{Arena, ArenaParts, FirstArena, Parts, SimConfig, Spec, SynchronizedStarts};
use crate::agent::Watched;
use crate::mdp::{ActionBatch, Stream, later_seed, rng};
use crate::sim::articulation::articulate;
use crate::sim::conditions::ArenaConditions;
use crate::sim::physics::{Context, Physics, PristineContext, Rest};
use crate::sim::turn::Turn;
use crate::sim::wrapper::OwnObservation;
use crate::sim::{AgentSlots, Environment, Hinge, ObservationWrapper, TickClock};

/// Removes all arenas and spawns `count` new ones at the start of their first episode. The arena with the
/// index of the watched one becomes [`Watched`] again, else the first. If there were arenas before, the new
/// seed is derived from theirs, so that starts do not repeat.
pub fn populate<E: Environment>(world: &mut World, count: usize) {
    let old: Vec<Entity> = world.query_filtered::<Entity, With<Arena>>().iter(world).collect();
    let again = !old.is_empty();
    let watched = again.then(|| world.query_filtered::<&Arena, With<Watched>>());
    let watched = watched.and_then(|mut all| all.single(world).ok().map(|arena| arena.index));
    let watched = watched.filter(|index| *index < count).unwrap_or(0);
    let mut shown = None;
    for arena in old {
        let Some(bodies) = world.get::<Arena>(arena).map(|arena| arena.entities.clone()) else { continue };
        bodies.into_iter().for_each(|body| _ = world.despawn(body));
        world.despawn(arena);
    }
    let layout = world.resource::<E::Layout>().clone();
    let mut config = world.resource_mut::<SimConfig>();
    config.arenas = count;
    if again {
        config.seed = later_seed(config.seed, 1);
    }
    let config = config.clone();
    let spec = world.resource::<Spec>().0.clone();
    let wrapper = world.resource::<ObservationWrapper>().clone();
    world.insert_resource(TickClock::new(spec.ticks_per_step));
    let mut physical = false;
    let (mut hinges, mut shapes, mut joints) = (Vec::new(), Vec::new(), Vec::new());
    let first = world.get_resource::<FirstArena>().map_or(0, |first| first.0);
    for index in 0..count {
        let (state, bodies) = E::build(&layout);
        if index == 0 {
            let hung = bodies.iter().enumerate().filter_map(|(own, body)| Some((own, body.hinge?)));
            hinges.extend(hung);
        }
        let context = world.spawn(RapierRigidBodySet::default()).id();
        if !bodies.is_empty() {
            physical = true;
            let mut simulation = RapierContextSimulation::default();
            simulation.integration_parameters.dt = spec.tick_seconds;
            simulation.integration_parameters.num_solver_iterations = E::solver_iterations(&layout);
            // CCD takes a fifth of a tick, and rapier does it for every moving body.
            if !bodies.iter().any(|body| body.continuous) {
                simulation.integration_parameters.max_ccd_substeps = 0;
            }
            // With a few dozen shapes, optimizing the tree costs more than searching a worse one.
            simulation.broad_phase = BroadPhaseBvh::with_optimization_strategy(BvhOptimizationStrategy::None);
            let configuration =
                RapierConfiguration { gravity: E::gravity(&layout), ..RapierConfiguration::new(1.0) };
            world.entity_mut(context).insert((
                simulation,
                configuration,
                Rest::new(E::CAPABILITIES.can_skip),
            ));
        }
        let mut entities = vec![Entity::PLACEHOLDER; bodies.len()];
        let held: Vec<_> = bodies.iter().map(|body| body.joint).collect();
        // Those with a joint first: the solver stands a jointed body that touches others more steadily so.
        let mut bodies: Vec<_> = bodies.into_iter().enumerate().collect();
        bodies.sort_by_key(|(_, body)| body.joint.is_none());
        for (own, body) in bodies {
            let (shape, body) = body.bundle(context);
            entities[own] = world.spawn(body).id();
            shapes.push((entities[own], shape, held[own].is_some()));
        }
        for (own, joint) in held.into_iter().enumerate() {
            let joint = joint.and_then(|(to, joint)| Some(ImpulseJoint::new(*entities.get(to)?, joint)));
            joints.extend(joint.map(|joint| (entities[own], joint)));
        }
        let number = if world.contains_resource::<SynchronizedStarts>() { 0 } else { (first + index) as u64 };
        let rng = rng(config.seed, config.stream, number);
        let arena = Arena {
            index,
            entities,
            handles: Vec::new(),
            episode_rng: rng.clone(),
            rng,
            turn: (config.stream == Stream::Evaluation).then(|| Turn::first(index, count, config.seed)),
            log: ActionBatch::default(),
            pokes: Vec::new(),
            touch: None,
            conditions: ArenaConditions::default(),
            steps: 0,
            overridden: false,
            waits: false,
            own: OwnObservation::of(wrapper.own()),
            flicker_seed: 0,
        };
        world.entity_mut(context).insert((state, AgentSlots::new(index, &spec), arena));
        if index == watched {
            shown = Some(context);
        }
    }
    if physical {
        build_bodies(world, &hinges, shapes, joints);
    }
    if let Some(shown) = shown {
        world.entity_mut(shown).insert(Watched);
    }
    let mut query = world.query::<ArenaParts<E>>();
    for mut parts in query.iter_mut(world).map(Parts::from) {
        parts.begin_episode(&layout);
        parts.write_observations(&layout, &wrapper);
    }
}

/// Lets the plugin create rapier bodies from components once; from then on rapier's own sets are
/// authoritative. `hinges` are those of every arena, each with the index of the body that hangs on it; `joints` those of
/// all arenas, each with its body.
///
/// The plugin builds bodies archetype by archetype, in an order that any other archetype of the app may change, and what
/// the solver finds depends on the order of bodies and shapes. So bodies are built first, without anything that tells their
/// archetypes apart; then come their shapes, those without a joint before the others; then joints.
fn build_bodies<S: Bundle>(
    world: &mut World,
    hinges: &[(usize, Hinge)],
    mut shapes: Vec<(Entity, S, bool)>,
    joints: Vec<(Entity, ImpulseJoint)>,
) {
    // Needed by transform propagation if no Bevy plugin has added it.
    world.init_resource::<StaticTransformOptimizations>();
    ComputeTaskPool::get_or_init(|| TaskPoolBuilder::new().num_threads(1).build());
    let mut sync = Schedule::default();
    sync.set_executor(SingleThreadedExecutor::new());
    sync.add_systems(RapierPhysicsPlugin::<NoUserData>::get_systems(PhysicsSet::SyncBackend));
    sync.run(world);
    shapes.sort_by_key(|(_, _, jointed)| *jointed);
    for (entity, shape, _) in shapes {
        world.entity_mut(entity).insert(shape);
    }
    sync.run(world);
    if !joints.is_empty() {
        world.insert_batch(joints);
        sync.run(world);
    }
    let mut query = world.query::<(Entity, Context, &mut RapierRigidBodySet, &mut Arena)>();
    let mut pristine = Vec::new();
    for (entity, context, mut bodies, mut arena) in query.iter_mut(world) {
        let context = Physics::from(context);
        // Otherwise rapier clamps spins to π/4 per tick, also within its solver, where the clamp changes the
        // result.
        bodies.bodies.iter_mut().for_each(|(_, body)| body.set_allow_fast_rotation(true));
        let map = bodies.entity2body();
        arena.handles = arena.entities.iter().filter_map(|body| map.get(body).copied()).collect();
        let joints = &mut context.joints.multibody_joints;
        articulate(hinges, &arena.handles, &mut bodies.bodies, &context.colliders.colliders, joints);
        pristine.push((entity, PristineContext::of(&context, &bodies)));
    }
    for (entity, pristine) in pristine {
        world.entity_mut(entity).insert(pristine);
    }
}
