//! Restores arenas and the actors' states together.

use bevy::prelude::*;

use super::arena::EnvironmentHooks;
use super::{AgentSlots, ArenaSnapshot, SimConfig};
use crate::agent::{ActorStates, ActorStatesSnapshot};
use crate::mdp::later_seed;

/// Restores arenas and actor states to the same point between two agent steps, so that streams continue.
/// Arenas beyond those of the snapshot begin new episodes, seeded for a part of the run that starts after
/// `lived` environment steps.
pub fn resume(world: &mut World, arenas: &[ArenaSnapshot], actor_states: &ActorStatesSnapshot, lived: u64) {
    if arenas.is_empty() {
        // An outside environment keeps its state to itself.
        return begin_later(world, lived);
    }
    let hooks = *world.resource::<EnvironmentHooks>();
    if world.resource::<SimConfig>().arenas > arenas.len() {
        begin_later(world, lived);
    }
    (hooks.restore)(world, 0, arenas);
    world.resource_mut::<ActorStates>().restore(actor_states);
    let mut seats = world.query::<&mut AgentSlots>();
    seats.iter_mut(world).for_each(|mut seats| seats.interrupted = false);
}

/// Begins new episodes that do not repeat those of a run with `lived` environment steps so far.
pub fn begin_later(world: &mut World, lived: u64) {
    let mut config = world.resource_mut::<SimConfig>();
    let arenas = config.arenas;
    config.seed = later_seed(config.seed, lived);
    let populate = world.resource::<EnvironmentHooks>().populate;
    populate(world, arenas);
    world.resource_mut::<ActorStates>().begin_later(lived);
}
