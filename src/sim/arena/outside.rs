//! What is done with arenas from outside a tick: bringing them back to a snapshot, imagining players elsewhere, and the
//! entry points of all that for those who do not know the running environment's type.

use bevy::prelude::*;

use super::{Arena, ArenaParts, ArenaSnapshot, Choose, Spec, Trajectories, bodies, populate, predict};
use crate::mdp::{Action, ObservationBatch};
use crate::sim::Environment;

/// Snapshots of all arenas by index.
pub fn snapshots(world: &mut World) -> Vec<ArenaSnapshot> {
    let mut all: Vec<(usize, ArenaSnapshot)> =
        world.query::<&Arena>().iter(world).map(|arena| (arena.index, arena.snapshot())).collect();
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, snapshot)| snapshot).collect()
}

/// Brings every arena back to its snapshot by playing its open episode again. Its streams are interrupted: what was done
/// last leads elsewhere.
pub fn restore<E: Environment>(world: &mut World, snapshots: &[ArenaSnapshot]) {
    let layout = world.resource::<E::Layout>().clone();
    let spec = world.resource::<Spec>().0.clone();
    let mut query = world.query::<ArenaParts<E>>();
    for mut parts in query.iter_mut(world) {
        let Some(snapshot) = snapshots.get(parts.arena.index) else { continue };
        parts.arena.rng = snapshot.episode_rng.clone();
        (parts.seats.end, parts.seats.begins, parts.seats.interrupted) = (None, true, true);
        parts.begin_episode(&layout);
        for actions in snapshot.log.chunks(spec.slots()) {
            parts.seats.actions = actions.iter().map(|&action| Action::Discrete(action)).collect();
            parts.seats.begins = false;
            parts.play(&layout, &spec, 0..spec.ticks_per_step);
        }
        parts.write_observations(&layout);
    }
}

/// What a player would see from everywhere.
#[derive(Debug, Clone, Default)]
pub struct ProbeObservation {
    /// `[n]`: the places, in the arena's coordinates.
    pub places: Vec<Vec2>,
    /// `[n]`: what is seen from there.
    pub observations: ObservationBatch,
}

/// Fills `imagined` with what `slot` of the watched arena would see from each of its places.
pub fn probe<E: Environment>(world: &mut World, slot: usize, imagined: &mut ProbeObservation) {
    imagined.places.clear();
    imagined.observations.clear();
    let layout = world.resource::<E::Layout>().clone();
    let space = world.resource::<Spec>().observation.clone();
    let (mut vector, mut grid) = (vec![0.0; space.vector_len()], vec![0; space.grid_len()]);
    let mut query = world.query::<ArenaParts<E>>();
    let Some(mut parts) = query.iter_mut(world).find(|parts| parts.arena.index == 0) else { return };
    let bodies = bodies(&mut parts.bodies, &parts.arena.handles, &mut parts.physics);
    for place in parts.state.places(&layout) {
        parts.state.probe(&layout, &bodies, slot, place, &mut vector, &mut grid);
        imagined.places.push(place);
        imagined.observations.push(&vector, &grid);
    }
}

/// Type-erased entry points of the running environment, for those who do not know its type.
#[derive(Resource, Clone, Copy)]
pub struct EnvironmentHooks {
    /// See [`populate`].
    pub populate: fn(&mut World, usize),
    /// See [`restore`].
    pub restore: fn(&mut World, &[ArenaSnapshot]),
    /// See [`probe`].
    pub probe: fn(&mut World, usize, &mut ProbeObservation),
    /// Whether there is anything whose way could be trajectories.
    pub leads: bool,
    /// See [`predict`].
    pub predict: fn(&mut World, usize, &mut Choose) -> Trajectories,
}

impl EnvironmentHooks {
    /// Hooks of `E` with this layout.
    pub fn of<E: Environment>(layout: &E::Layout) -> Self {
        let leads = !E::leads(layout).is_empty();
        Self {
            leads,
            populate: populate::<E>,
            restore: restore::<E>,
            probe: probe::<E>,
            predict: predict::<E>,
        }
    }
}
