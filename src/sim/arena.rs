//! Arenas: spawns any number of one environment's worlds and moves them through the tick's phases.
//!
//! What the phases mean in a particular world is up to its [`Environment`]; who acts, to `agent`.

mod outside;
mod predict;

use std::ops::Range;

use bevy::ecs::schedule::SingleThreadedExecutor;
use bevy::prelude::*;
use bevy::tasks::{ComputeTaskPool, TaskPoolBuilder};
use bevy::transform::StaticTransformOptimizations;
use bevy_rapier2d::plugin::context::{RapierContextSimulation, RapierRigidBodySet};
use bevy_rapier2d::plugin::{PhysicsSet, RapierPhysicsPlugin};
use bevy_rapier2d::prelude::*;
use bevy_rapier2d::rapier::dynamics::RigidBodyHandle;
use bevy_rapier2d::rapier::geometry::{BroadPhaseBvh, BvhOptimizationStrategy};
use serde::{Deserialize, Serialize};

use super::physics::{Context, ContextItem, PristineContext, Rest, SimPool};
use super::turn::Turn;
use super::{AgentSlots, Bodies, Environment, SimSystems, SimTick, TickClock};
use crate::mdp::{EnvironmentSpec, EpisodeEnd, Rng, Stream, later_seed, rng};

pub use crate::agent::tick::{ScriptSystems, Spec};
pub use outside::{EnvironmentHooks, ProbeObservation, probe, restore, snapshots};
pub use predict::{Choose, Trajectories, predict};

/// How many arenas run, and from which seed.
#[derive(Resource, Debug, Clone, PartialEq, Eq)]
pub struct SimConfig {
    /// Number of arenas.
    pub arenas: usize,
    /// Seed of all episode starts.
    pub seed: u64,
    /// Which stream of it: training and evaluation must not share episodes.
    pub stream: Stream,
}

/// `[slots]`: the body that shows where a slot is, as [`Arena::entities`] numbers it, where there is one.
#[derive(Resource, Debug, Clone, Default)]
pub struct Players(pub Vec<Option<usize>>);

/// How the watched arena's episode stands, in the environment's words. Kept up to date where it is inserted.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq)]
pub struct Caption(pub Option<String>);

/// Points of both sides in the watched arena's open episode after its last agent step, the first slot's side first; of
/// an episode that ended, until the next one begins. Kept up to date where it is inserted.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Points(pub Option<[u32; 2]>);

/// While it is there, episodes of all arenas begin alike: who is first waits for the others.
#[derive(Resource, Debug, Clone, Copy, Default)]
pub struct SynchronizedStarts;

/// One arena: its bodies, its luck and the open episode.
#[derive(Component)]
pub struct Arena {
    /// Number among all arenas.
    pub index: usize,
    /// Bevy entities of the bodies, in the environment's order.
    pub entities: Vec<Entity>,
    handles: Vec<RigidBodyHandle>,
    rng: Rng,
    episode_rng: Rng,
    /// Of the next episode; only in evaluations.
    turn: Option<Turn>,
    log: Vec<u16>,
    steps: u32,
    overridden: bool,
    waits: bool,
}

impl Arena {
    /// Whether its episode has ended and the next one waits for other arenas, see [`SynchronizedStarts`].
    pub fn waits(&self) -> bool {
        self.waits
    }

    /// Agent steps made in the open episode.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Whether a fresh start was asked for with [`Arena::cut_episode`] and has not come yet.
    pub fn is_cut(&self) -> bool {
        self.overridden
    }

    /// Ends the open episode at the end of this step, as truncated. For a person who wants a fresh start.
    pub fn cut_episode(&mut self) {
        self.overridden = true;
    }

    /// The open episode: where it began and what has been done since.
    pub fn snapshot(&self) -> ArenaSnapshot {
        ArenaSnapshot { episode_rng: self.episode_rng.clone(), log: self.log.clone() }
    }
}

/// Enough to bring an arena back to where it stood between two agent steps: the random state its
/// open episode began with, and every action since, slot by slot and step by step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArenaSnapshot {
    episode_rng: Rng,
    log: Vec<u16>,
}

impl ArenaSnapshot {
    /// The same episode after its first `steps` agent steps of `slots` actions each.
    pub fn until(&self, steps: usize, slots: usize) -> Self {
        let log = self.log[..self.log.len().min(steps * slots)].to_vec();
        Self { episode_rng: self.episode_rng.clone(), log }
    }

    /// Whether its actions are whole steps of actions that `spec` knows, fewer than an episode has.
    pub fn fits(&self, spec: &EnvironmentSpec) -> bool {
        let slots = spec.slots().max(1);
        self.log.len().is_multiple_of(slots)
            && self.log.len() / slots < spec.episode_limit as usize
            && self.log.iter().all(|&action| usize::from(action) < spec.action.len())
    }
}

/// Marks an arena whose bodies' transforms are written after every tick, for drawing.
#[derive(Component, Debug, Clone, Copy, Default)]
pub struct Shown;

/// Runs arenas of the environment `E`.
pub struct EnvironmentPlugin<E: Environment> {
    /// What all arenas share.
    pub layout: E::Layout,
    /// How many, and their seed.
    pub config: SimConfig,
}

impl<E: Environment> Plugin for EnvironmentPlugin<E> {
    fn build(&self, app: &mut App) {
        let spec = E::spec(&self.layout);
        let (_, bodies) = E::build(&self.layout);
        if !bodies.is_empty() {
            app.add_plugins(
                RapierPhysicsPlugin::<NoUserData>::default()
                    .with_custom_initialization(RapierContextInitialization::NoAutomaticRapierContext)
                    .with_default_system_setup(false)
                    .in_schedule(SimTick),
            )
            .insert_resource(TimestepMode::Fixed { dt: spec.tick_seconds, substeps: 1 })
            .add_systems(SimTick, write_transforms.in_set(SimSystems::Last));
        }
        let players = (0..spec.slots()).map(|slot| E::player(&self.layout, slot)).collect();
        app.insert_resource(TickClock::new(spec.ticks_per_step))
            .insert_resource(Players(players))
            .insert_resource(Spec(spec))
            .insert_resource(self.layout.clone())
            .insert_resource(self.config.clone())
            .insert_resource(EnvironmentHooks::of::<E>(&self.layout))
            .add_systems(
                SimTick,
                (
                    write_scripts::<E>.in_set(SimSystems::Decide).in_set(ScriptSystems),
                    play::<E>.in_set(SimSystems::Play),
                    reset::<E>.in_set(SimSystems::Reset),
                    points::<E>.in_set(SimSystems::Observe).run_if(resource_exists::<Points>),
                    caption::<E>.in_set(SimSystems::Last).run_if(resource_exists::<Caption>),
                ),
            );
        let arenas = self.config.arenas;
        populate::<E>(app.world_mut(), arenas);
    }
}

fn caption<E: Environment>(arenas: Query<(&Arena, &E)>, mut caption: ResMut<Caption>) {
    let watched = arenas.iter().find(|(arena, _)| arena.index == 0);
    caption.set_if_neq(Caption(watched.and_then(|(_, environment)| environment.caption())));
}

fn points<E: Environment>(arenas: Query<(&Arena, &E)>, mut points: ResMut<Points>) {
    let watched = arenas.iter().find(|(arena, _)| arena.index == 0);
    points.set_if_neq(Points(watched.and_then(|(_, environment)| environment.points())));
}

/// Removes all arenas and spawns `count` new ones at the start of their first episode. Where there were arenas before, a
/// new seed is drawn from theirs: the new ones must not live through the same starts again.
pub fn populate<E: Environment>(world: &mut World, count: usize) {
    let old: Vec<Entity> = world.query_filtered::<Entity, With<Arena>>().iter(world).collect();
    let again = !old.is_empty();
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
    world.insert_resource(TickClock::new(spec.ticks_per_step));
    let mut physical = false;
    for index in 0..count {
        let (state, bodies) = E::build(&layout);
        let context = world.spawn(RapierRigidBodySet::default()).id();
        if !bodies.is_empty() {
            physical = true;
            let mut simulation = RapierContextSimulation::default();
            simulation.integration_parameters.dt = spec.tick_seconds;
            simulation.integration_parameters.num_solver_iterations = E::solver_iterations(&layout);
            // Sweeping is a fifth of a tick, and rapier does it for every body that moves.
            if !bodies.iter().any(|body| body.continuous) {
                simulation.integration_parameters.max_ccd_substeps = 0;
            }
            // A few dozen shapes: keeping their tree optimal costs more than searching a worse one.
            simulation.broad_phase = BroadPhaseBvh::with_optimization_strategy(BvhOptimizationStrategy::None);
            let configuration =
                RapierConfiguration { gravity: E::gravity(&layout), ..RapierConfiguration::new(1.0) };
            world.entity_mut(context).insert((simulation, configuration, Rest::new(E::rests(&layout))));
        }
        let mut entities: Vec<Entity> = Vec::with_capacity(bodies.len());
        for mut body in bodies {
            let joint =
                body.joint.take().and_then(|(to, joint)| Some(ImpulseJoint::new(*entities.get(to)?, joint)));
            let mut entity = world.spawn(body.bundle(context));
            if let Some(joint) = joint {
                entity.insert(joint);
            }
            entities.push(entity.id());
        }
        let number = if world.contains_resource::<SynchronizedStarts>() { 0 } else { index as u64 };
        let rng = rng(config.seed, config.stream, number);
        let arena = Arena {
            index,
            entities,
            handles: Vec::new(),
            episode_rng: rng.clone(),
            rng,
            turn: (config.stream == Stream::Evaluation).then(|| Turn::first(index, count, config.seed)),
            log: Vec::new(),
            steps: 0,
            overridden: false,
            waits: false,
        };
        world.entity_mut(context).insert((state, AgentSlots::new(index, &spec), arena));
    }
    if physical {
        build_bodies(world);
    }
    let mut query = world.query::<ArenaParts<E>>();
    for mut parts in query.iter_mut(world) {
        parts.begin_episode(&layout);
        parts.write_observations(&layout);
    }
}

/// Lets the plugin turn components into rapier bodies, once; from here on rapier's own sets are the truth.
fn build_bodies(world: &mut World) {
    // What transform propagation asks for where no plugin of Bevy's has brought it.
    world.init_resource::<StaticTransformOptimizations>();
    ComputeTaskPool::get_or_init(|| TaskPoolBuilder::new().num_threads(1).build());
    let mut sync = Schedule::default();
    sync.set_executor(SingleThreadedExecutor::new());
    sync.add_systems(RapierPhysicsPlugin::<NoUserData>::get_systems(PhysicsSet::SyncBackend));
    sync.run(world);
    let mut query = world.query::<(Entity, Context, &mut RapierRigidBodySet, &mut Arena)>();
    let mut pristine = Vec::new();
    for (entity, context, mut bodies, mut arena) in query.iter_mut(world) {
        // Otherwise rapier holds spins to π/4 a tick, within its solver too, where a limited guess changes the result.
        bodies.bodies.iter_mut().for_each(|(_, body)| body.set_allow_fast_rotation(true));
        let map = bodies.entity2body();
        arena.handles = arena.entities.iter().filter_map(|body| map.get(body).copied()).collect();
        pristine.push((entity, PristineContext::of(&context, &bodies)));
    }
    for (entity, pristine) in pristine {
        world.entity_mut(entity).insert(pristine);
    }
}

/// Everything of one arena at once.
#[derive(bevy::ecs::query::QueryData)]
#[query_data(mutable)]
pub struct ArenaParts<E: Environment> {
    state: &'static mut E,
    arena: &'static mut Arena,
    seats: &'static mut AgentSlots,
    bodies: &'static mut RapierRigidBodySet,
    /// There where there are bodies.
    physics: Option<(Context, &'static PristineContext)>,
}

/// An arena's bodies as its environment sees them.
fn bodies<'a>(
    set: &'a mut RapierRigidBodySet,
    handles: &'a [RigidBodyHandle],
    physics: &'a mut Option<(ContextItem<'_, '_>, &PristineContext)>,
) -> Bodies<'a> {
    let touch = physics
        .as_mut()
        .map(|(context, _)| (&mut context.colliders.colliders, &context.simulation.narrow_phase));
    Bodies { set: &mut set.bodies, handles, touch }
}

impl<E: Environment> ArenaPartsItem<'_, '_, E> {
    fn begin_episode(&mut self, layout: &E::Layout) {
        let arena = &mut *self.arena;
        arena.episode_rng = arena.rng.clone();
        arena.log.clear();
        arena.steps = 0;
        arena.overridden = false;
        arena.waits = false;
        if let Some((context, pristine)) = &mut self.physics {
            pristine.restore(context, &mut self.bodies);
        }
        let mut bodies = bodies(&mut self.bodies, &arena.handles, &mut self.physics);
        match &mut arena.turn {
            Some(turn) => self.state.reset_in_turn(layout, &mut bodies, &mut arena.rng, turn.take()),
            None => self.state.reset(layout, &mut bodies, &mut arena.rng),
        }
    }

    /// Goes through the ticks `phases` of a step: apply, physics, judge. Once its episode has ended, an
    /// arena stands still until the step is over.
    fn play(&mut self, layout: &E::Layout, spec: &EnvironmentSpec, phases: Range<u32>) {
        let (arena, seats) = (&mut *self.arena, &mut *self.seats);
        if arena.waits {
            return;
        }
        if phases.start == 0 {
            arena.steps += 1;
            arena.log.extend(seats.actions.iter().map(|action| action.index() as u16));
        }
        for phase in phases {
            if seats.end.is_some() {
                return;
            }
            let mut parts = bodies(&mut self.bodies, &arena.handles, &mut self.physics);
            self.state.apply(layout, &mut parts, &seats.actions, phase);
            let contact_free = self.state.contact_free(layout, &parts);
            if let Some((context, _)) = &mut self.physics {
                context.step(&mut self.bodies, &arena.handles, contact_free, spec.tick_seconds);
            }
            let mut parts = bodies(&mut self.bodies, &arena.handles, &mut self.physics);
            let AgentSlots { rewards, end, outcomes, .. } = &mut *seats;
            *end = self.state.judge(layout, &mut parts, rewards, &mut arena.rng);
            let cut = arena.steps >= spec.episode_limit || arena.overridden;
            if phase + 1 == spec.ticks_per_step && end.is_none() && cut {
                *end = Some(EpisodeEnd::Truncated);
            }
            if end.is_some() {
                for (slot, outcome) in outcomes.iter_mut().enumerate() {
                    *outcome = self.state.outcome(slot);
                }
            }
        }
    }

    fn write_scripts(&mut self, layout: &E::Layout) {
        let bodies = bodies(&mut self.bodies, &self.arena.handles, &mut self.physics);
        let seats = &mut *self.seats;
        for slot in 0..seats.script.len() {
            if seats.wants_script[slot] {
                seats.script[slot] = self.state.script(layout, &bodies, slot);
            }
        }
    }

    fn write_observations(&mut self, layout: &E::Layout) {
        let bodies = bodies(&mut self.bodies, &self.arena.handles, &mut self.physics);
        for slot in 0..self.seats.actions.len() {
            let (vector, grid) = self.seats.observations.row_mut(slot);
            self.state.observe(layout, &bodies, slot, vector, grid);
        }
    }
}

fn write_scripts<E: Environment>(layout: Res<E::Layout>, mut arenas: Query<ArenaParts<E>>) {
    arenas.iter_mut().for_each(|mut parts| parts.write_scripts(&layout));
}

fn play<E: Environment>(
    layout: Res<E::Layout>,
    spec: Res<Spec>,
    clock: Res<TickClock>,
    pool: Res<SimPool>,
    mut arenas: Query<ArenaParts<E>>,
) {
    let (phases, ends) = (clock.phase..clock.phase + clock.stride, clock.ends_step());
    let play = |mut parts: ArenaPartsItem<E>| {
        if parts.seats.rests {
            return;
        }
        parts.play(&layout, &spec, phases.clone());
        if ends {
            parts.write_observations(&layout);
        }
    };
    if arenas.iter().next().is_some_and(|parts| parts.physics.is_some()) {
        pool.for_each(arenas.iter_mut(), play);
    } else {
        // What has no bodies is done sooner than it is handed to another thread.
        arenas.iter_mut().for_each(play);
    }
}

fn reset<E: Environment>(
    layout: Res<E::Layout>,
    pool: Res<SimPool>,
    same: Option<Res<SynchronizedStarts>>,
    mut arenas: Query<ArenaParts<E>>,
) {
    if same.is_some() {
        for mut parts in &mut arenas {
            parts.arena.waits |= parts.seats.end.is_some();
        }
        let Some(rng) =
            arenas.iter().find(|parts| parts.arena.index == 0).map(|parts| parts.arena.rng.clone())
        else {
            return;
        };
        if arenas.iter().all(|parts| parts.arena.waits) {
            for mut parts in &mut arenas {
                parts.arena.rng = rng.clone();
                parts.seats.begins = true;
                parts.begin_episode(&layout);
                parts.write_observations(&layout);
            }
        }
        return;
    }
    let ended = arenas.iter_mut().filter(|parts| parts.seats.end.is_some());
    pool.for_each(ended, |mut parts| {
        parts.begin_episode(&layout);
        parts.write_observations(&layout);
    });
}

/// Writes where shown bodies stand. Nothing reads it back: drawing cannot change a trajectory.
pub fn write_transforms(
    shown: Query<(&Arena, &RapierRigidBodySet), With<Shown>>,
    mut transforms: Query<&mut Transform, With<RapierRigidBodyHandle>>,
) {
    for (arena, set) in &shown {
        for (&entity, &handle) in arena.entities.iter().zip(&arena.handles) {
            if let (Ok(mut transform), Some(body)) = (transforms.get_mut(entity), set.bodies.get(handle)) {
                transform.translation = body.translation().extend(transform.translation.z);
                transform.rotation = Quat::from_rotation_z(body.rotation().angle());
            }
        }
    }
}

/// Writes where shown bodies stand although no tick is made: after arenas were changed while time stands still.
pub fn show_bodies(world: &mut World) {
    // It cannot fail: all it asks for are queries.
    _ = world.run_system_cached(write_transforms);
}
