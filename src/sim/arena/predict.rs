//! Prediction: the watched arena played ahead for a moment and put back as it was, to tell where its bodies would go.
//! Who would do what meanwhile is asked of the caller.

use bevy::prelude::*;
use bevy_rapier2d::plugin::context::RapierRigidBodySet;

use super::{Arena, ArenaParts, ArenaPartsItem, Spec, bodies};
use crate::mdp::{Action, ObservationBatch, Rng};
use crate::sim::physics::{PristineContext, Rest};
use crate::sim::{AgentSlots, Environment, TickClock};

/// Says what every slot does: given `[slots]` observations and scripted actions, where seats want them, it fills
/// `[slots]` actions.
pub type Choose<'a> = dyn FnMut(&ObservationBatch, &[Action], &mut [Action]) + 'a;

/// Where bodies would go.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trajectories {
    /// A way each of [`Environment::leads`]: the slot that moves the body, where one does, and where the body would be
    /// after every tick, in the arena's coordinates.
    pub ways: Vec<(Option<usize>, Vec<Vec2>)>,
}

/// Plays the watched arena ahead for `steps` agent steps, or to the end of its episode, as `choose` says. Afterwards
/// everything is as it was before, random states included.
pub fn predict<E: Environment>(world: &mut World, steps: usize, choose: &mut Choose) -> Trajectories {
    let layout = world.resource::<E::Layout>().clone();
    let leads = E::leads(&layout);
    let spec = world.resource::<Spec>().0.clone();
    let clock = *world.resource::<TickClock>();
    let mut query = world.query::<ArenaParts<E>>();
    let Some(mut parts) = query.iter_mut(world).find(|parts| parts.arena.index == 0) else {
        return Trajectories::default();
    };
    if leads.is_empty() || parts.seats.end.is_some() || parts.arena.waits {
        return Trajectories::default();
    }
    let before = Before::of(&mut parts);
    let mut ways: Vec<(Option<usize>, Vec<Vec2>)> =
        leads.iter().map(|(_, slot)| (*slot, Vec::new())).collect();
    // A step that has begun is finished as it was decided.
    let mut phase = clock.phase;
    for _ in 0..steps {
        if phase == 0 {
            parts.write_scripts(&layout);
            let AgentSlots { observations, script, actions, .. } = &mut *parts.seats;
            choose(observations, script, actions);
        }
        for tick in phase..spec.ticks_per_step {
            parts.play(&layout, &spec, tick..tick + 1);
            let bodies = bodies(&mut parts.bodies, &parts.arena.handles, &mut parts.physics);
            for ((body, _), (_, way)) in leads.iter().zip(&mut ways) {
                way.push(bodies.position(*body));
            }
        }
        phase = 0;
        if parts.seats.end.is_some() {
            break;
        }
        parts.write_observations(&layout);
    }
    before.restore(&mut parts);
    Trajectories { ways }
}

/// All of an arena that play changes.
struct Before<E> {
    state: E,
    seats: AgentSlots,
    rng: Rng,
    steps: u32,
    logged: usize,
    bodies: Option<(PristineContext, Rest)>,
}

impl<E: Environment> Before<E> {
    fn of(parts: &mut ArenaPartsItem<E>) -> Self {
        let set: &RapierRigidBodySet = &parts.bodies;
        Self {
            state: parts.state.clone(),
            seats: parts.seats.clone(),
            rng: parts.arena.rng.clone(),
            steps: parts.arena.steps,
            logged: parts.arena.log.len(),
            bodies: parts
                .physics
                .as_ref()
                .map(|(context, _)| (PristineContext::of(context, set), context.rest())),
        }
    }

    fn restore(self, parts: &mut ArenaPartsItem<E>) {
        let Arena { rng, steps, log, .. } = &mut *parts.arena;
        (*rng, *steps) = (self.rng, self.steps);
        log.truncate(self.logged);
        *parts.state = self.state;
        *parts.seats = self.seats;
        if let (Some((context, _)), Some((was, rest))) = (&mut parts.physics, self.bodies) {
            was.restore(context, &mut parts.bodies);
            context.set_rest(rest);
        }
    }
}
