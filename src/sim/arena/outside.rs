//! Operations on arenas outside a tick: restoring snapshots, probing observations at other positions, and
//! their type-erased entry points.

use bevy::prelude::*;

use super::{
    Arena, ArenaParts, ArenaSnapshot, Choose, Parts, Spec, Trajectories, bodies, populate, predict, sketch,
};
use crate::agent::Watched;
use crate::mdp::{ObservationBatch, Stream, rng};
use crate::sim::wrapper::{Moment, OwnObservation};
use crate::sim::{AgentSlots, BodyKind, Capabilities, Environment, ObservationWrapper, Sketch};

/// Snapshots of all arenas by index.
pub fn snapshots(world: &mut World) -> Vec<ArenaSnapshot> {
    let mut all: Vec<(usize, ArenaSnapshot)> =
        world.query::<&Arena>().iter(world).map(|arena| (arena.index, arena.snapshot())).collect();
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, snapshot)| snapshot).collect()
}

/// What [`begin`] does with an arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// Its episode goes on.
    Not,
    /// The next episode of its random stream begins.
    Next,
    /// The first episode of arena 0 under this seed begins.
    Seeded(u64),
}

/// Begins episodes between two agent steps: `begins[i]` is for arena `i`, others go on.
pub fn begin<E: Environment>(world: &mut World, begins: &[Begin]) {
    let layout = world.resource::<E::Layout>().clone();
    let wrapper = world.resource::<ObservationWrapper>().clone();
    let mut query = world.query::<ArenaParts<E>>();
    for mut parts in query.iter_mut(world).map(Parts::from) {
        match begins.get(parts.arena.index) {
            None | Some(Begin::Not) => continue,
            Some(Begin::Next) => {}
            Some(Begin::Seeded(seed)) => parts.arena.rng = rng(*seed, Stream::Environment, 0),
        }
        (parts.seats.end, parts.seats.begins, parts.seats.interrupted) = (None, true, true);
        parts.begin_episode(&layout);
        parts.write_observations(&layout, &wrapper);
    }
}

/// Restores arenas to their `snapshots`, the first of which belongs to arena `first`, by replaying their open
/// episodes. Their streams are interrupted, since the last actions no longer lead to the next observations.
pub fn restore<E: Environment>(world: &mut World, first: usize, snapshots: &[ArenaSnapshot]) {
    let layout = world.resource::<E::Layout>().clone();
    let spec = world.resource::<Spec>().0.clone();
    let wrapper = world.resource::<ObservationWrapper>().clone();
    let mut query = world.query::<ArenaParts<E>>();
    for mut parts in query.iter_mut(world).map(Parts::from) {
        let own = parts.arena.index.checked_sub(first);
        let Some(snapshot) = own.and_then(|own| snapshots.get(own)) else { continue };
        parts.arena.rng = snapshot.episode_rng.clone();
        (parts.seats.end, parts.seats.begins, parts.seats.interrupted) = (None, true, true);
        parts.begin_episode(&layout);
        parts.arena.pokes.clone_from(&snapshot.pokes);
        parts.arena.conditions.changes.clone_from(&snapshot.conditions);
        parts.write_observations(&layout, &wrapper);
        for first in (0..snapshot.log.rows).step_by(spec.slots()) {
            let AgentSlots { actions, .. } = &mut *parts.seats;
            (0..actions.rows).for_each(|slot| actions.set(slot, snapshot.log.row(first + slot)));
            parts.seats.begins = false;
            parts.play(&layout, &spec, 0..spec.ticks_per_step, None);
            // Observations that depend on earlier ones are made one after the other; of others the last one will do.
            if wrapper.stacks() || first + spec.slots() >= snapshot.log.rows {
                parts.write_observations(&layout, &wrapper);
            }
        }
    }
}

/// Observations of a player at given positions.
#[derive(Debug, Clone, Default)]
pub struct ProbeObservation {
    /// `[n]`: the positions, in the arena's coordinates.
    pub places: Vec<Vec2>,
    /// `[n]`: the observations from there.
    pub observations: ObservationBatch,
}

/// Fills `imagined` with the observations of `slot` of the watched arena at each of its positions.
pub fn probe<E: Environment>(world: &mut World, slot: usize, imagined: &mut ProbeObservation) {
    imagined.places.clear();
    imagined.observations.clear();
    let Some(probe) = E::CAPABILITIES.probe else { return };
    let layout = world.resource::<E::Layout>().clone();
    let wrapper = world.resource::<ObservationWrapper>().steady();
    let (mut own, space) = (OwnObservation::of(wrapper.own()), wrapper.space());
    let (mut vector, mut grid) = (vec![0.0; space.vector_len()], vec![0; space.grid_len()]);
    let mut query = world.query_filtered::<ArenaParts<E>, With<Watched>>();
    let Ok(mut parts) = query.single_mut(world).map(Parts::from) else { return };
    let bodies = bodies(parts.bodies, &parts.arena.handles, &mut parts.physics);
    for place in (probe.positions)(parts.state, &layout) {
        (probe.observe)(parts.state, &layout, &bodies, slot, place, &mut own.vector, &mut own.grid);
        wrapper.wrap(&own, Moment { episode: 0, step: 0, slot }, &mut vector, &mut grid);
        imagined.places.push(place);
        imagined.observations.push(&vector, &grid);
    }
}

/// Type-erased entry points of the running environment.
#[derive(Resource, Clone, Copy)]
pub struct EnvironmentHooks {
    /// See [`populate`].
    pub populate: fn(&mut World, usize),
    /// See [`begin`]; does nothing in outside environments.
    pub begin: fn(&mut World, &[Begin]),
    /// See [`restore`].
    pub restore: fn(&mut World, usize, &[ArenaSnapshot]),
    /// See [`probe`]; absent in worlds without probing.
    pub probe: Option<fn(&mut World, usize, &mut ProbeObservation)>,
    /// See [`predict`]; absent in worlds without tracked bodies.
    pub predict: Option<fn(&mut World, usize, &mut Choose) -> Trajectories>,
    /// See [`sketch`]; absent where only a window shows anything.
    pub sketch: Option<fn(&mut World, usize) -> Option<Sketch>>,
    /// Whether arenas can be put to another moment, such as the start of an episode or one of the past.
    pub restores: bool,
    /// Whether there is a hand-written player.
    pub scripted: bool,
    /// Whether it has bodies at all.
    pub has_bodies: bool,
    /// Whether it has bodies that a push takes somewhere else.
    pub pokable: bool,
    /// Whether bodies fall, so that [`Conditions`](crate::sim::Conditions) matter.
    pub has_gravity: bool,
}

impl EnvironmentHooks {
    /// Whether the arenas in `world` can be put to another moment, as far as is known.
    pub fn restore_in(world: &World) -> bool {
        world.get_resource::<Self>().is_none_or(|hooks| hooks.restores)
    }

    /// Hooks of `E` with this layout.
    pub fn of<E: Environment>(layout: &E::Layout) -> Self {
        let Capabilities { tracked_bodies, probe: probed, scripted_action, .. } = E::CAPABILITIES;
        let tracks = tracked_bodies.is_some_and(|tracked| !tracked(layout).is_empty());
        Self {
            populate: populate::<E>,
            begin: begin::<E>,
            restore: restore::<E>,
            probe: probed.map(|_| probe::<E> as _),
            predict: tracks.then_some(predict::<E> as _),
            sketch: Some(sketch::<E>),
            restores: true,
            scripted: scripted_action.is_some(),
            pokable: has_loose_bodies::<E>(layout),
            has_bodies: !E::build(layout).1.is_empty(),
            has_gravity: E::gravity(layout) != Vec2::ZERO,
        }
    }
}

/// Whether there are bodies that forces move. Seen from above, players walk where they want, whatever pushes them.
fn has_loose_bodies<E: Environment>(layout: &E::Layout) -> bool {
    let (slots, falls) = (E::spec(layout).slots(), E::gravity(layout) != Vec2::ZERO);
    let plays = |index| (0..slots).any(|slot| E::player(layout, slot) == Some(index));
    let mut bodies = E::build(layout).1.into_iter().enumerate();
    bodies.any(|(index, body)| body.kind == BodyKind::Dynamic && (falls || !plays(index)))
}
