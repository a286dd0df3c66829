//! Resume: arenas and what agents remember of them go on together.

use bevy::prelude::*;

use super::arena::EnvironmentHooks;
use super::{AgentSlots, ArenaSnapshot, SimConfig};
use crate::agent::{ActorStates, ActorStatesSnapshot};
use crate::mdp::later_seed;

/// Brings arenas and the actor_states back to where they stood together between two agent steps: streams go on. Arenas beyond
/// those of the snapshot begin at starts of their own, drawn for a part of the run that begins after `lived` environment
/// steps.
pub fn resume(world: &mut World, arenas: &[ArenaSnapshot], actor_states: &ActorStatesSnapshot, lived: u64) {
    let hooks = *world.resource::<EnvironmentHooks>();
    if world.resource::<SimConfig>().arenas > arenas.len() {
        begin_later(world, lived);
    }
    (hooks.restore)(world, arenas);
    world.resource_mut::<ActorStates>().restore(actor_states);
    let mut seats = world.query::<&mut AgentSlots>();
    seats.iter_mut(world).for_each(|mut seats| seats.interrupted = false);
}

/// Begins new episodes that do not repeat those of a run that has lived through `lived` environment steps.
pub fn begin_later(world: &mut World, lived: u64) {
    let mut config = world.resource_mut::<SimConfig>();
    let arenas = config.arenas;
    config.seed = later_seed(config.seed, lived);
    let populate = world.resource::<EnvironmentHooks>().populate;
    populate(world, arenas);
    world.resource_mut::<ActorStates>().begin_later(lived);
}
