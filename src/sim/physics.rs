//! Physics of isolated arenas: every arena has its own rapier context, stepped in parallel.
//!
//! The plugin's own step processes contexts one after another and syncs transforms. Here only its set-up is
//! used: contexts are stepped directly, and transforms are written only for shown arenas.

pub mod free_flight;

use std::sync::Mutex;

use bevy::prelude::*;
use bevy_rapier2d::plugin::context::{
    RapierContextColliders, RapierContextJoints, RapierContextSimulation, RapierRigidBodySet,
    SimulationToRenderTime,
};
use bevy_rapier2d::prelude::{RapierConfiguration, TimestepMode};
use bevy_rapier2d::rapier::dynamics::{
    ImpulseJointSet, IslandManager, MultibodyJointSet, RigidBody, RigidBodyHandle, RigidBodySet,
};
use bevy_rapier2d::rapier::geometry::{ColliderSet, DefaultBroadPhase, NarrowPhase};
use bevy_rapier2d::rapier::math::Rotation;
use bevy_rapier2d::rapier::pipeline::PhysicsPipeline;

use free_flight::FreeFlight;

/// Threads that step arenas, besides the calling one.
#[derive(Resource)]
pub struct SimPool(Option<rayon::ThreadPool>);

impl Default for SimPool {
    fn default() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, usize::from))
    }
}

impl SimPool {
    /// Work runs on `threads` threads, including the caller's; with one, or if no threads can be started, on
    /// the caller's alone.
    pub fn new(threads: usize) -> Self {
        if threads <= 1 {
            return Self(None);
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads - 1)
            .thread_name(|index| format!("sim-{index}"))
            .build();
        Self(pool.ok())
    }

    /// Number of concurrent threads.
    pub fn threads(&self) -> usize {
        self.0.as_ref().map_or(1, |pool| 1 + pool.current_num_threads())
    }

    /// Calls `work` once for every item, on several threads if there are at least `fewest` for each. Items must be
    /// independent: the order is not defined.
    pub fn for_each<T: Send>(
        &self,
        items: impl Iterator<Item = T>,
        fewest: usize,
        work: impl Fn(&mut T) + Sync + Send,
    ) {
        let fewest = fewest.max(1);
        let most = items.size_hint().1.map_or(usize::MAX, |most| most / fewest);
        if self.0.is_none() || most < 2 {
            items.for_each(|mut item| work(&mut item));
            return;
        }
        let mut items: Vec<T> = items.collect();
        let threads = self.threads().min(items.len() / fewest).max(1);
        if threads == 1 {
            items.iter_mut().for_each(work);
            return;
        }
        // Every thread begins with a stretch of its own, whose arenas are in its core's cache from the step before, and
        // then helps with the ends of the others'.
        let own = items.len().div_ceil(threads);
        let grain = fewest.div_ceil(2);
        let stretches: Vec<_> = items.chunks_mut(own).map(|own| Mutex::new(own.chunks_mut(grain))).collect();
        let mut firsts: Vec<usize> = (0..stretches.len()).collect();
        self.together(&mut firsts, |first| {
            let next = |stretch: usize| {
                // If another thread has panicked, the scope propagates it.
                let mut left = stretches[stretch % stretches.len()].lock().ok()?;
                if stretch == *first { left.next() } else { left.next_back() }
            };
            for stretch in *first..*first + stretches.len() {
                while let Some(taken) = next(stretch) {
                    taken.iter_mut().for_each(&work);
                }
            }
        });
    }

    /// Calls `work` for every item, each on a thread of its own as far as there are any, the first on the caller's.
    pub fn together<T: Send>(&self, items: &mut [T], work: impl Fn(&mut T) + Sync + Send) {
        let (Some(pool), Some((first, others))) = (&self.0, items.split_first_mut()) else {
            items.iter_mut().for_each(work);
            return;
        };
        let work = &work;
        // The caller works too: waking others often takes longer than a step.
        pool.in_place_scope(|scope| {
            others.iter_mut().for_each(|item| scope.spawn(move |_| work(item)));
            work(first);
        });
    }
}

/// The parts of one arena's rapier context; its bodies are a separate component, which is empty in a world
/// without physics.
#[derive(bevy::ecs::query::QueryData)]
#[query_data(mutable)]
pub struct Context {
    /// Broad and narrow phase, islands, solver.
    pub simulation: &'static mut RapierContextSimulation,
    /// Shapes.
    pub colliders: &'static mut RapierContextColliders,
    /// Joints.
    pub joints: &'static mut RapierContextJoints,
    rest: &'static mut Rest,
    witness: Option<&'static mut FreeFlight>,
    render_time: &'static mut SimulationToRenderTime,
    configuration: &'static mut RapierConfiguration,
}

/// One arena's rapier context, borrowed from its components.
pub struct Physics<'a> {
    /// Broad and narrow phase, islands, solver.
    pub simulation: &'a mut RapierContextSimulation,
    /// Shapes.
    pub colliders: &'a mut RapierContextColliders,
    /// Joints.
    pub joints: &'a mut RapierContextJoints,
    rest: &'a mut Rest,
    witness: Option<&'a mut FreeFlight>,
    render_time: &'a mut SimulationToRenderTime,
    configuration: &'a mut RapierConfiguration,
}

impl<'a> From<ContextItem<'a, '_>> for Physics<'a> {
    fn from(item: ContextItem<'a, '_>) -> Self {
        Self {
            simulation: item.simulation.into_inner(),
            colliders: item.colliders.into_inner(),
            joints: item.joints.into_inner(),
            rest: item.rest.into_inner(),
            witness: item.witness.map(Mut::into_inner),
            render_time: item.render_time.into_inner(),
            configuration: item.configuration.into_inner(),
        }
    }
}

impl Physics<'_> {
    /// The state of tick skipping.
    pub fn rest(&self) -> Rest {
        *self.rest
    }

    /// Restores that.
    pub fn set_rest(&mut self, rest: Rest) {
        *self.rest = rest;
    }

    /// Sets the gravity of the next ticks, units/s².
    pub fn set_gravity(&mut self, gravity: Vec2) {
        self.configuration.gravity = gravity;
    }

    /// Has the next tick made even if everything was at rest: something pushes a body.
    pub fn wake(&mut self) {
        self.rest.settled = false;
    }

    /// Steps this context and its `bodies` by `dt` seconds, unless they are at rest and the tick can be
    /// skipped. If they are `contact_free`, contacts are neither searched nor solved: `handles` move by their
    /// velocities alone.
    pub fn step(
        &mut self,
        bodies: &mut RapierRigidBodySet,
        handles: &[RigidBodyHandle],
        contact_free: bool,
        dt: f32,
    ) {
        if self.rest.lasts(&bodies.bodies) {
            return;
        }
        let (joints, gravity) = (&*self.joints, self.configuration.gravity);
        let expected = self.witness.as_ref().map(|_| FreeFlight::expect(&bodies.bodies, joints, gravity, dt));
        self.advance(bodies, handles, contact_free, dt);
        if let Some((witness, expected)) = self.witness.as_mut().zip(expected) {
            witness.compare(&expected, &bodies.bodies, &self.simulation.narrow_phase);
        }
    }

    fn advance(
        &mut self,
        bodies: &mut RapierRigidBodySet,
        handles: &[RigidBodyHandle],
        contact_free: bool,
        dt: f32,
    ) {
        if contact_free && !self.rest.in_full && self.configuration.gravity == Vec2::ZERO {
            go_on(&mut bodies.bodies, handles, dt);
            return;
        }
        self.simulation.step_simulation(
            self.colliders,
            self.joints,
            bodies,
            self.configuration.gravity,
            TimestepMode::Fixed { dt, substeps: 1 },
            None,
            &(),
            &Time::default(),
            self.render_time,
            None,
        );
    }
}

/// Moves bodies as rapier does where no contact, joint or force acts.
fn go_on(bodies: &mut RigidBodySet, handles: &[RigidBodyHandle], dt: f32) {
    for &handle in handles {
        let moves = |body: &&RigidBody| {
            !body.is_fixed() && body.is_enabled() && (body.linvel() != Vec2::ZERO || body.angvel() != 0.0)
        };
        let Some(body) = bodies.get(handle).filter(moves) else { continue };
        let (linear, angular) = (body.linvel(), body.angvel());
        let position = body.translation() + linear * dt;
        let rotation = *body.rotation() * Rotation::from_angle(angular * dt);
        let slower =
            [body.linear_damping(), body.angular_damping()].map(|damping| 1.0 / (1.0 + dt * damping));
        let body = &mut bodies[handle];
        body.set_translation(position, true);
        if angular != 0.0 {
            body.set_rotation(rotation, true);
            body.set_angvel(angular * slower[1], true);
        }
        if !body.is_kinematic() {
            body.set_linvel(linear * slower[0], true);
        }
    }
}

/// Units/s and rad/s below which a body is at rest.
const STILL: f32 = 1e-3;

/// Tick skipping of an arena: ticks at rest in worlds without gravity, and contact-free ticks, need no full
/// step.
#[derive(Component, Debug, Clone, Copy)]
pub struct Rest {
    /// Whether ticks at rest are skipped.
    leaves_out: bool,
    /// Whether contact-free ticks run in full anyway.
    in_full: bool,
    /// Whether everything was at rest in the previous tick, with settled contacts.
    settled: bool,
}

impl Rest {
    /// Skips ticks at rest (`true`) or runs them in full.
    pub fn new(leaves_out: bool) -> Self {
        Self { leaves_out, in_full: false, settled: false }
    }

    /// Runs every tick in full, to measure the savings and to check worlds' capabilities.
    pub fn never() -> Self {
        Self { leaves_out: false, in_full: true, settled: false }
    }

    fn lasts(&mut self, bodies: &RigidBodySet) -> bool {
        if !self.leaves_out {
            return false;
        }
        let moves = |body: &RigidBody| {
            let linear = body.linvel().abs().max_element();
            !body.is_fixed() && body.is_enabled() && linear.max(body.angvel().abs()) > STILL
        };
        let still = !bodies.iter().any(|(_, body)| moves(body));
        std::mem::replace(&mut self.settled, still) && still
    }
}

/// Everything of a context that a step changes, as it was before the first one.
///
/// Restoring it clears contacts, islands and broad-phase history, so that an episode depends only on its
/// start.
#[derive(Component, Clone)]
pub struct PristineContext {
    islands: IslandManager,
    broad_phase: DefaultBroadPhase,
    narrow_phase: NarrowPhase,
    bodies: RigidBodySet,
    colliders: ColliderSet,
    impulse_joints: ImpulseJointSet,
    multibody_joints: MultibodyJointSet,
}

impl PristineContext {
    /// Shapes.
    pub fn colliders(&self) -> &ColliderSet {
        &self.colliders
    }

    /// Copies the state of `context` and its `bodies`.
    pub fn of(context: &Physics, bodies: &RapierRigidBodySet) -> Self {
        Self {
            islands: context.simulation.islands.clone(),
            broad_phase: context.simulation.broad_phase.clone(),
            narrow_phase: context.simulation.narrow_phase.clone(),
            bodies: bodies.bodies.clone(),
            colliders: context.colliders.colliders.clone(),
            impulse_joints: context.joints.impulse_joints.clone(),
            multibody_joints: context.joints.multibody_joints.clone(),
        }
    }

    /// Restores the copied state into `context` and its `bodies`.
    pub fn restore(&self, context: &mut Physics, bodies: &mut RapierRigidBodySet) {
        context.rest.settled = false;
        let simulation = &mut *context.simulation;
        simulation.islands.clone_from(&self.islands);
        simulation.broad_phase.clone_from(&self.broad_phase);
        simulation.narrow_phase.clone_from(&self.narrow_phase);
        // Only workspace, but its memo of the joint selection belongs to the replaced joint set.
        simulation.pipeline = PhysicsPipeline::new();
        bodies.bodies.clone_from(&self.bodies);
        context.colliders.colliders.clone_from(&self.colliders);
        context.joints.impulse_joints.clone_from(&self.impulse_joints);
        context.joints.multibody_joints.clone_from(&self.multibody_joints);
    }
}

/// Bodies, colliders and joints of all arenas together.
pub fn sizes(world: &mut World) -> [usize; 3] {
    let mut query = world.query::<(Context, &RapierRigidBodySet)>();
    let mut sizes = [0; 3];
    for (context, bodies) in query.iter(world) {
        let joints = context.joints.impulse_joints.len() + context.joints.multibody_joints.iter().count();
        for (sum, more) in
            sizes.iter_mut().zip([bodies.bodies.len(), context.colliders.colliders.len(), joints])
        {
            *sum += more;
        }
    }
    sizes
}
