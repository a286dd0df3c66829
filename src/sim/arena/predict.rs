//! Prediction: plays the watched arena ahead, records the trajectories of its bodies, and restores it. The
//! caller chooses the actions.

use bevy::prelude::*;
use bevy_rapier2d::plugin::context::RapierRigidBodySet;

use super::{Arena, ArenaParts, Parts, Spec, bodies};
use crate::agent::Watched;
use crate::mdp::{Action, ActionBatch, ObservationBatch, Rng};
use crate::sim::physics::{PristineContext, Rest};
use crate::sim::poke::Touch;
use crate::sim::{AgentSlots, Environment, ObservationWrapper, TickClock};

/// What is known when the actions of a predicted step are chosen, by slot.
#[derive(Debug, Clone, Copy)]
pub struct Foreseen<'a> {
    /// The observations.
    pub observations: &'a ObservationBatch,
    /// Scripted actions, where slots want them.
    pub scripts: &'a [Action],
    /// Rewards of the step before; `None` in the first step, if none was played ahead.
    pub rewards: Option<&'a [f32]>,
}

/// Chooses actions: it replaces the `[slots]` actions of the step before.
pub type Choose<'a> = dyn FnMut(Foreseen<'_>, &mut ActionBatch) + 'a;

/// Predicted trajectories.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trajectories {
    /// One trajectory per body of [`Capabilities::tracked_bodies`](crate::sim::Capabilities): the slot that
    /// controls the body, if any, and its position after every tick, in the arena's coordinates.
    pub paths: Vec<(Option<usize>, Vec<Vec2>)>,
}

/// Plays the watched arena ahead for `steps` agent steps, or to the end of its episode, with the actions of
/// `choose`. Afterwards everything is restored, including random states.
pub fn predict<E: Environment>(world: &mut World, steps: usize, choose: &mut Choose) -> Trajectories {
    let layout = world.resource::<E::Layout>().clone();
    let leads = E::CAPABILITIES.tracked_bodies.map_or_else(Vec::new, |tracked| tracked(&layout));
    let spec = world.resource::<Spec>().0.clone();
    let wrapper = world.resource::<ObservationWrapper>().clone();
    let clock = *world.resource::<TickClock>();
    let mut query = world.query_filtered::<ArenaParts<E>, With<Watched>>();
    let Ok(mut parts) = query.single_mut(world).map(Parts::from) else { return Trajectories::default() };
    if leads.is_empty() || parts.seats.end.is_some() || parts.arena.waits {
        return Trajectories::default();
    }
    let before = Before::of(&mut parts);
    let mut paths: Vec<(Option<usize>, Vec<Vec2>)> =
        leads.iter().map(|(_, slot)| (*slot, Vec::new())).collect();
    // A started step is finished with its own actions.
    let (mut phase, mut played) = (clock.phase, clock.phase != 0);
    for _ in 0..steps {
        if phase == 0 {
            parts.write_scripts(&layout);
            let AgentSlots { observations, script: scripts, actions, rewards, .. } = &mut *parts.seats;
            choose(Foreseen { observations, scripts, rewards: played.then_some(&*rewards) }, actions);
            rewards.fill(0.0);
        }
        for tick in phase..spec.ticks_per_step {
            parts.play(&layout, &spec, tick..tick + 1, None);
            let bodies = bodies(parts.bodies, &parts.arena.handles, &mut parts.physics);
            for ((body, _), (_, path)) in leads.iter().zip(&mut paths) {
                path.push(bodies.position(*body));
            }
        }
        (phase, played) = (0, true);
        if parts.seats.end.is_some() {
            break;
        }
        parts.write_observations(&layout, &wrapper);
    }
    before.restore(&mut parts);
    Trajectories { paths }
}

/// All state of an arena that play changes.
struct Before<E> {
    state: E,
    seats: AgentSlots,
    rng: Rng,
    steps: u32,
    logged: usize,
    poked: usize,
    touch: Option<Touch>,
    bodies: Option<(PristineContext, Rest)>,
}

impl<E: Environment> Before<E> {
    fn of(parts: &mut Parts<E>) -> Self {
        let set: &RapierRigidBodySet = parts.bodies;
        Self {
            state: parts.state.clone(),
            seats: parts.seats.clone(),
            rng: parts.arena.rng.clone(),
            steps: parts.arena.steps,
            logged: parts.arena.log.rows,
            poked: parts.arena.pokes.len(),
            // Nobody knows for how long a person holds on.
            touch: parts.arena.touch.take(),
            bodies: parts
                .physics
                .as_ref()
                .map(|(context, _)| (PristineContext::of(context, set), context.rest())),
        }
    }

    fn restore(self, parts: &mut Parts<E>) {
        let Arena { rng, steps, log, pokes, touch, .. } = &mut *parts.arena;
        (*rng, *steps, *touch) = (self.rng, self.steps, self.touch);
        log.truncate(self.logged);
        pokes.truncate(self.poked);
        *parts.state = self.state;
        *parts.seats = self.seats;
        if let (Some((context, _)), Some((was, rest))) = (&mut parts.physics, self.bodies) {
            was.restore(context, parts.bodies);
            context.set_rest(rest);
        }
    }
}
