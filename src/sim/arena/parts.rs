//! One arena's components, and what a step does with them: an episode begins, ticks are played, observations are written.

use std::ops::Range;

use bevy_rapier2d::plugin::context::RapierRigidBodySet;
use bevy_rapier2d::rapier::dynamics::RigidBodyHandle;
use rand::Rng as _;

use super::Arena;
use crate::mdp::{EnvironmentSpec, EpisodeEnd};
use crate::sim::conditions::Conditions;
use crate::sim::physics::{Context, Physics, PristineContext};
use crate::sim::poke::poke_at;
use crate::sim::wrapper::{Moment, ObservationWrapper};
use crate::sim::{AgentSlots, Bodies, Environment};

/// All components of one arena.
#[derive(bevy::ecs::query::QueryData)]
#[query_data(mutable)]
pub struct ArenaParts<E: Environment> {
    pub(super) state: &'static mut E,
    pub(super) arena: &'static mut Arena,
    pub(super) seats: &'static mut AgentSlots,
    pub(super) bodies: &'static mut RapierRigidBodySet,
    /// Present if there are bodies.
    pub(super) physics: Option<(Context, &'static PristineContext)>,
}

/// One arena, borrowed from its components without what detects changes: every step collects one for each arena.
pub(super) struct Parts<'a, E: Environment> {
    pub(super) state: &'a mut E,
    pub(super) arena: &'a mut Arena,
    pub(super) seats: &'a mut AgentSlots,
    pub(super) bodies: &'a mut RapierRigidBodySet,
    pub(super) physics: Option<(Physics<'a>, &'a PristineContext)>,
}

impl<'a, E: Environment> From<ArenaPartsItem<'a, '_, E>> for Parts<'a, E> {
    fn from(item: ArenaPartsItem<'a, '_, E>) -> Self {
        Self {
            state: item.state.into_inner(),
            arena: item.arena.into_inner(),
            seats: item.seats.into_inner(),
            bodies: item.bodies.into_inner(),
            physics: item.physics.map(|(context, pristine)| (context.into(), pristine)),
        }
    }
}

/// An arena's bodies as its environment sees them.
pub(super) fn bodies<'a>(
    set: &'a mut RapierRigidBodySet,
    handles: &'a [RigidBodyHandle],
    physics: &'a mut Option<(Physics<'_>, &PristineContext)>,
) -> Bodies<'a> {
    let (touch, articulated) = match physics {
        Some((context, _)) => (
            Some((&mut context.colliders.colliders, &context.simulation.narrow_phase)),
            Some(&mut context.joints.multibody_joints),
        ),
        None => (None, None),
    };
    Bodies { set: &mut set.bodies, handles, touch, articulated }
}

impl<E: Environment> Parts<'_, E> {
    pub(super) fn begin_episode(&mut self, layout: &E::Layout) {
        let arena = &mut *self.arena;
        arena.episode_rng = arena.rng.clone();
        arena.flicker_seed = arena.rng.clone().next_u64();
        arena.log.clear();
        arena.pokes.clear();
        // A held body is placed elsewhere.
        arena.touch = None;
        arena.conditions.changes.clear();
        arena.steps = 0;
        arena.overridden = false;
        arena.waits = false;
        if let Some((context, pristine)) = &mut self.physics {
            pristine.restore(context, self.bodies);
            if arena.conditions.now != Conditions::default() {
                arena.conditions.now = Conditions::default();
                context.set_gravity(E::gravity(layout));
            }
        }
        let mut bodies = bodies(self.bodies, &arena.handles, &mut self.physics);
        match &mut arena.turn {
            Some(turn) => self.state.reset_in_turn(layout, &mut bodies, &mut arena.rng, turn.take()),
            None => self.state.reset(layout, &mut bodies, &mut arena.rng),
        }
    }

    /// Runs the ticks `phases` of a step: apply, physics, judge. After the end of its episode, an arena
    /// stands still until the step is over. A step that begins is played in the `conditions`, or, if there are none, in
    /// those that the episode was played in.
    pub(super) fn play(
        &mut self,
        layout: &E::Layout,
        spec: &EnvironmentSpec,
        phases: Range<u32>,
        conditions: Option<Conditions>,
    ) {
        let (arena, seats) = (&mut *self.arena, &mut *self.seats);
        if arena.waits {
            return;
        }
        if phases.start == 0 {
            arena.steps += 1;
            arena.log.append(&seats.actions);
            if let Some((context, pristine)) = &mut self.physics
                && let Some(next) = arena.conditions.begin_step(arena.steps - 1, conditions)
            {
                context.set_gravity(next.pull(E::gravity(layout)));
                next.roughen(&mut context.colliders.colliders, pristine.colliders());
            }
        }
        for phase in phases {
            if seats.end.is_some() {
                return;
            }
            let mut parts = bodies(self.bodies, &arena.handles, &mut self.physics);
            self.state.apply(layout, &mut parts, &seats.actions, phase);
            let contact_free =
                E::CAPABILITIES.contact_free.is_some_and(|free| free(self.state, layout, &parts));
            let poke = poke_at(
                (arena.steps.saturating_sub(1), phase),
                &mut arena.pokes,
                &mut arena.touch,
                |touch, time| parts.poke(touch, time, spec.tick_seconds),
            );
            let pushed = poke.and_then(|poke| parts.push(poke));
            seats.disturbed |= pushed.is_some();
            if let Some((context, _)) = &mut self.physics {
                if pushed.is_some() {
                    context.wake();
                }
                let contact_free = contact_free && pushed.is_none();
                context.step(self.bodies, &arena.handles, contact_free, spec.tick_seconds);
            }
            let mut parts = bodies(self.bodies, &arena.handles, &mut self.physics);
            if let Some(pushed) = &pushed {
                parts.release(pushed);
            }
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

    pub(super) fn write_scripts(&mut self, layout: &E::Layout) {
        let bodies = bodies(self.bodies, &self.arena.handles, &mut self.physics);
        let seats = &mut *self.seats;
        let Some(scripted_action) = E::CAPABILITIES.scripted_action else { return };
        for slot in 0..seats.script.len() {
            if seats.wants_script[slot] {
                seats.script[slot] = scripted_action(self.state, layout, &bodies, slot);
            }
        }
    }

    /// Writes what agents see at this moment: once a moment, as earlier ones may be part of it.
    pub(super) fn write_observations(&mut self, layout: &E::Layout, wrapper: &ObservationWrapper) {
        let Arena { handles, own, flicker_seed, steps, .. } = &mut *self.arena;
        let bodies = bodies(self.bodies, handles, &mut self.physics);
        for slot in 0..self.seats.slots() {
            let (vector, grid) = self.seats.observations.row_mut(slot);
            if wrapper.is_plain() {
                self.state.observe(layout, &bodies, slot, vector, grid);
                continue;
            }
            self.state.observe(layout, &bodies, slot, &mut own.vector, &mut own.grid);
            wrapper.wrap(own, Moment { episode: *flicker_seed, step: *steps, slot }, vector, grid);
        }
    }
}
