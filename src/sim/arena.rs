//! Arenas: spawns any number of copies of one environment and steps them through the phases of a tick.
//!
//! The [`Environment`] implements the phases; `agent` provides the actions.

mod outside;
mod parts;
mod poked;
mod predict;
mod sketched;
mod snapshot;
mod spawn;

use bevy::prelude::*;
use bevy_rapier2d::plugin::RapierPhysicsPlugin;
use bevy_rapier2d::plugin::context::RapierRigidBodySet;
use bevy_rapier2d::prelude::*;
use bevy_rapier2d::rapier::dynamics::RigidBodyHandle;

use super::conditions::{ArenaConditions, Conditions};
use super::physics::SimPool;
use super::poke::{Poke, Touch};
use super::turn::Turn;
use super::wrapper::{ObservationWrapper, OwnObservation};
use super::{Environment, SimSystems, SimTick, TickClock};
use crate::agent::Watched;
use crate::mdp::{ActionBatch, Rng, Stream, WorldOptions};

pub use crate::agent::tick::{ScriptSystems, Spec};
pub use outside::{Begin, EnvironmentHooks, ProbeObservation, begin, probe, restore, snapshots};
pub use parts::ArenaParts;
use parts::{Parts, bodies};
pub use poked::{Pokable, PokableItem};
pub use predict::{Choose, Foreseen, Trajectories, predict};
pub use sketched::sketch;
pub use snapshot::ArenaSnapshot;
pub use spawn::populate;

/// With fewer arenas for each thread, handing a step to another one costs more than it brings.
pub(crate) const FEWEST: usize = 8;
/// The same without bodies, where a step takes a hundredth as long.
const FEWEST_BODILESS: usize = 1024;
/// The same of arenas whose episode has ended: a reset is as long as many steps.
const FEWEST_ENDED: usize = 2;

/// Number of arenas, and their seed.
#[derive(Resource, Debug, Clone, PartialEq, Eq)]
pub struct SimConfig {
    /// Number of arenas.
    pub arenas: usize,
    /// Seed of all episode starts.
    pub seed: u64,
    /// Random stream: training and evaluation must not share episodes.
    pub stream: Stream,
}

/// Number of the first arena, 0 if absent, where these arenas are part of a larger number: starts are those of the whole.
#[derive(Resource, Debug, Clone, Copy, Default)]
pub struct FirstArena(pub usize);

/// `[slots]`: the body that marks a slot's position, an index into [`Arena::entities`], if there is one.
#[derive(Resource, Debug, Clone, Default)]
pub struct Players(pub Vec<Option<usize>>);

/// State of the watched arena's episode as text from the environment. Updated if inserted.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq)]
pub struct Caption(pub Option<String>);

/// Points of both sides in the watched arena's open episode after its last agent step, the first slot's side
/// first; of an ended episode, until the next one begins. Updated if inserted.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Points(pub Option<[u32; 2]>);

/// While inserted, episodes of all arenas start together with the same start: arenas that finish first wait.
#[derive(Resource, Debug, Clone, Copy, Default)]
pub struct SynchronizedStarts;

/// While inserted, an arena whose episode has ended waits until [`begin`] is called.
#[derive(Resource, Debug, Clone, Copy, Default)]
pub struct ManualReset;

/// One arena: its bodies, its random generator and the open episode.
#[derive(Component)]
pub struct Arena {
    /// Index among all arenas.
    pub index: usize,
    /// Bevy entities of the bodies, in the environment's order.
    pub entities: Vec<Entity>,
    handles: Vec<RigidBodyHandle>,
    rng: Rng,
    episode_rng: Rng,
    /// The turn of the next episode, in evaluations only.
    turn: Option<Turn>,
    log: ActionBatch,
    /// What people did to bodies in the open episode, in order.
    pokes: Vec<Poke>,
    touch: Option<Touch>,
    conditions: ArenaConditions,
    steps: u32,
    overridden: bool,
    waits: bool,
    /// Of the observation before it is wrapped.
    own: OwnObservation,
    flicker_seed: u64,
}

impl Arena {
    /// Whether its episode has ended and the next one does not begin yet, see [`SynchronizedStarts`] and
    /// [`ManualReset`].
    pub fn waits(&self) -> bool {
        self.waits
    }

    /// Agent steps in the open episode.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Whether a reset requested with [`Arena::cut_episode`] is pending.
    pub fn is_cut(&self) -> bool {
        self.overridden
    }

    /// Ends the open episode at the end of this step, as truncated. For a person who wants to restart.
    pub fn cut_episode(&mut self) {
        self.overridden = true;
    }
}

/// Marks an arena whose bodies' transforms are written after every tick, for drawing.
#[derive(Component, Debug, Clone, Copy, Default)]
pub struct Shown;

/// Runs arenas of the environment `E`.
pub struct EnvironmentPlugin<E: Environment> {
    /// The layout shared by all arenas.
    pub layout: E::Layout,
    /// Number and seed of arenas.
    pub config: SimConfig,
}

impl<E: Environment> Plugin for EnvironmentPlugin<E> {
    fn build(&self, app: &mut App) {
        let spec = E::spec(&self.layout);
        let wrapper =
            app.world().get_resource::<ObservationWrapper>().filter(|given| *given.own() == spec.observation);
        let plain = || ObservationWrapper::new(spec.observation.clone(), &[], &WorldOptions::default());
        let wrapper = wrapper.cloned().unwrap_or_else(plain);
        let spec = wrapper.spec(spec);
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
            .insert_resource(wrapper)
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

fn caption<E: Environment>(watched: Query<&E, With<Watched>>, mut caption: ResMut<Caption>) {
    caption.set_if_neq(Caption(watched.single().ok().and_then(E::caption)));
}

fn points<E: Environment>(watched: Query<&E, With<Watched>>, mut points: ResMut<Points>) {
    points.set_if_neq(Points(watched.single().ok().and_then(E::points)));
}

fn write_scripts<E: Environment>(layout: Res<E::Layout>, mut arenas: Query<ArenaParts<E>>) {
    arenas.iter_mut().for_each(|parts| Parts::from(parts).write_scripts(&layout));
}

fn play<E: Environment>(
    layout: Res<E::Layout>,
    wrapper: Res<ObservationWrapper>,
    spec: Res<Spec>,
    clock: Res<TickClock>,
    pool: Res<SimPool>,
    conditions: Res<Conditions>,
    mut arenas: Query<ArenaParts<E>>,
) {
    // An app of its own may set anything.
    let conditions = if conditions.is_valid() { *conditions } else { Conditions::default() };
    let (phases, ends) = (clock.phase..clock.phase + clock.stride, clock.ends_step());
    let play = |parts: &mut Parts<E>| {
        if parts.seats.on_hold {
            return;
        }
        parts.play(&layout, &spec, phases.clone(), Some(conditions));
        if ends {
            parts.write_observations(&layout, &wrapper);
        }
    };
    let has_bodies = arenas.iter().next().is_some_and(|parts| parts.physics.is_some());
    let fewest = if has_bodies { FEWEST } else { FEWEST_BODILESS };
    pool.for_each(arenas.iter_mut().map(Parts::from), fewest, play);
}

fn reset<E: Environment>(
    layout: Res<E::Layout>,
    wrapper: Res<ObservationWrapper>,
    pool: Res<SimPool>,
    same: Option<Res<SynchronizedStarts>>,
    manual: Option<Res<ManualReset>>,
    mut arenas: Query<ArenaParts<E>>,
) {
    if same.is_some() || manual.is_some() {
        for mut parts in &mut arenas {
            parts.arena.waits |= parts.seats.end.is_some();
        }
    }
    if manual.is_some() {
        return;
    }
    if same.is_some() {
        let Some(rng) =
            arenas.iter().find(|parts| parts.arena.index == 0).map(|parts| parts.arena.rng.clone())
        else {
            return;
        };
        if arenas.iter().all(|parts| parts.arena.waits) {
            for mut parts in arenas.iter_mut().map(Parts::from) {
                parts.arena.rng = rng.clone();
                parts.seats.begins = true;
                parts.begin_episode(&layout);
                parts.write_observations(&layout, &wrapper);
            }
        }
        return;
    }
    let ended = arenas.iter_mut().filter(|parts| parts.seats.end.is_some()).map(Parts::from);
    pool.for_each(ended, FEWEST_ENDED, |parts| {
        parts.begin_episode(&layout);
        parts.write_observations(&layout, &wrapper);
    });
}

/// Writes transforms of shown bodies. They are never read back: drawing cannot change a trajectory.
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

/// Writes transforms of shown bodies without a tick, after arenas were changed while paused.
pub fn show_bodies(world: &mut World) {
    // Cannot fail: its parameters are queries only.
    _ = world.run_system_cached(write_transforms);
}
