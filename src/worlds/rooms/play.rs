//! One arena of a world of rooms, stepped action by action, for tests.

use bevy::prelude::*;
use bevy_rapier2d::plugin::context::RapierRigidBodySet;
use bevy_rapier2d::prelude::RapierRigidBodyHandle;

use super::{Room, Rooms, Rules};
use crate::mdp::{Action, EpisodeEnd, Stream};
use crate::sim::arena::ScriptSystems;
use crate::sim::{
    self, AgentSlots, Arena, EnvironmentPlugin, SimConfig, SimSystems, SimTick, run_agent_step,
};
use crate::worlds::rooms::level::Level;

/// Action indices.
pub(in crate::worlds) const WAIT: u16 = 0;
pub(in crate::worlds) const DOWN: u16 = 2;
pub(in crate::worlds) const LEFT: u16 = 3;
pub(in crate::worlds) const RIGHT: u16 = 4;

/// A room being played.
pub(in crate::worlds) struct Play(App);

#[derive(Resource)]
struct Next(u16);

impl Play {
    /// Starts on a map of the world of `rules`.
    pub fn new(rules: &'static Rules, map: &[&str]) -> Self {
        let text = format!("(version: 1, world: {:?}, name: \"n\", map: {map:?})", rules.name);
        let layout = Rooms::single(rules, Level::parse("x.ron", &text).unwrap());
        let config = SimConfig { arenas: 1, seed: 1, stream: Stream::Environment };
        let act = |next: Res<Next>, mut seats: Single<&mut AgentSlots>| {
            seats.actions.set(0, Action::Discrete(next.0));
        };
        let mut app = App::new();
        app.add_plugins(sim::plugin).add_plugins(EnvironmentPlugin::<Room> { layout, config });
        app.insert_resource(Next(0))
            .add_systems(SimTick, act.in_set(SimSystems::Decide).after(ScriptSystems));
        Self(app)
    }

    /// Plays a step with `action` and returns its reward and end.
    pub fn step(&mut self, action: u16) -> (f32, Option<EpisodeEnd>) {
        self.0.world_mut().resource_mut::<Next>().0 = action;
        run_agent_step(self.0.world_mut());
        let seats = self.0.world_mut().query::<&AgentSlots>().single(self.0.world()).unwrap();
        (seats.rewards[0], seats.end)
    }

    /// Plays `actions` and returns the sum of rewards and the end of the last step.
    pub fn steps(&mut self, actions: &[u16]) -> (f32, Option<EpisodeEnd>) {
        actions.iter().fold((0.0, None), |(sum, _), &action| {
            let (reward, end) = self.step(action);
            (sum + reward, end)
        })
    }

    /// Position of body `index`.
    pub fn position(&mut self, index: usize) -> Vec2 {
        let entity = self.0.world_mut().query::<&Arena>().single(self.0.world()).unwrap().entities[index];
        let handle = self.0.world().get::<RapierRigidBodyHandle>(entity).unwrap().0;
        let set = self.0.world_mut().query::<&RapierRigidBodySet>().single(self.0.world()).unwrap();
        set.bodies.get(handle).unwrap().translation()
    }
}
