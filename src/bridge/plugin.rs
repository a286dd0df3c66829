//! Copies of an outside environment in an app: where arenas have bodies, these have a row of a worker.

use bevy::prelude::*;
use rand::Rng as _;

use super::copy::OutsideCopy;
use super::group::{Bridge, begin};
use super::picture::{Picture, look};
use super::play::{play, reset};
use super::worker::Start;
use crate::agent::Watched;
use crate::agent::tick::Spec;
use crate::mdp::{EnvironmentSpec, WorldOptions, later_seed, rng};
use crate::sim::arena::{EnvironmentHooks, Players};
use crate::sim::{AgentSlots, Failure, ObservationWrapper, SimConfig, SimSystems, SimTick, TickClock};

/// The entry points of outside environments: none can be put back to an earlier moment.
pub(super) const HOOKS: EnvironmentHooks = EnvironmentHooks {
    populate,
    begin: |_, _| {},
    restore: |_, _, _| {},
    probe: None,
    predict: None,
    restores: false,
    scripted: false,
    pokable: false,
    sketch: None,
    has_bodies: false,
    has_gravity: false,
};

/// Runs copies of an outside environment.
pub(super) struct BridgePlugin {
    pub start: Start,
    /// Before its observations are wrapped.
    pub spec: EnvironmentSpec,
    pub config: SimConfig,
}

impl Plugin for BridgePlugin {
    fn build(&self, app: &mut App) {
        let space = &self.spec.observation;
        let given = app.world().get_resource::<ObservationWrapper>().filter(|given| given.own() == space);
        let plain = || ObservationWrapper::new(space.clone(), &[], &WorldOptions::default());
        let wrapper = given.cloned().unwrap_or_else(plain);
        let picture = app.world().contains_resource::<Picture>();
        let start = Start { picture, ..self.start.clone() };
        let bridge = Bridge { start, groups: Vec::new(), restarts: Vec::new(), parts: 0, warned: false };
        app.insert_resource(TickClock::new(1))
            .insert_resource(Players(vec![None]))
            .insert_resource(Spec(wrapper.spec(self.spec.clone())))
            .insert_resource(wrapper)
            .insert_resource(self.config.clone())
            .insert_resource(HOOKS)
            .insert_resource(bridge)
            .init_resource::<Failure>()
            .add_systems(
                SimTick,
                (
                    play.in_set(SimSystems::Play),
                    look.in_set(SimSystems::Last).run_if(resource_exists::<Picture>),
                    reset.in_set(SimSystems::Reset),
                ),
            );
        populate(app.world_mut(), self.config.arenas);
    }
}

/// Removes all copies and spawns `count` new ones in new processes.
fn populate(world: &mut World, count: usize) {
    let old: Vec<Entity> = world.query_filtered::<Entity, With<OutsideCopy>>().iter(world).collect();
    let again = !old.is_empty();
    let watched = world.query_filtered::<&AgentSlots, With<Watched>>().single(world).map(|seats| seats.arena);
    let watched = watched.ok().filter(|index| *index < count).unwrap_or(0);
    old.into_iter().for_each(|copy| _ = world.despawn(copy));
    let mut config = world.resource_mut::<SimConfig>();
    config.arenas = count;
    if again {
        config.seed = later_seed(config.seed, 1);
    }
    let config = config.clone();
    let (spec, wrapper) =
        (world.resource::<Spec>().0.clone(), world.resource::<ObservationWrapper>().clone());
    let mut bridge = world.resource_mut::<Bridge>();
    bridge.groups.clear();
    let begun = begin(&bridge.start, &config, bridge.parts, &wrapper);
    let (mut frames, mut problem) = (Vec::new(), None);
    match begun {
        Ok(begun) => (bridge.groups, frames) = begun.into_iter().unzip(),
        Err(error) => problem = Some(error.to_string()),
    }
    world.resource_mut::<Failure>().0 = problem;
    for index in 0..count {
        let mut copy = OutsideCopy::new(&wrapper, rng(config.seed, config.stream, index as u64).next_u64());
        let mut seats = AgentSlots::new(index, &spec);
        let group = world.resource::<Bridge>().groups.iter().position(|group| group.arenas.contains(&index));
        if let Some(group) = group {
            let bridge = world.resource::<Bridge>();
            let (row, layout) =
                (index - bridge.groups[group].arenas.start, bridge.groups[group].layout(&wrapper));
            copy.read(&frames[group], layout, row);
            copy.write(&mut seats, &wrapper);
        }
        let mut entity = world.spawn((copy, seats));
        if index == watched {
            entity.insert(Watched);
        }
    }
}
