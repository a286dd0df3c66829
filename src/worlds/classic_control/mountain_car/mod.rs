//! mountain-car: an engine too weak for the hill; roll back to gather speed (MountainCar-v0).
//!
//! Moore (1990), as in Sutton and Barto (2018, example 10.1). Positions and velocities have no unit and a
//! step no duration; it is shown at 30 steps/s, like Gymnasium.

#[cfg(feature = "arcade")]
pub mod art;

use bevy::prelude::*;
use rand::RngExt as _;

use super::{Classic, write};
use crate::mdp::{
    Action, ActionBatch, ActionSpace, EnvironmentSpec, EpisodeEnd, ObservationSpace, RewardTerm, Rng,
};
use crate::sim::{Bodies, BodySpec, Capabilities, Environment, Outcome};
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::WorldEntry;

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    agents: &[("mountain-car.agent", include_bytes!("mountain-car.agent"))],
    #[cfg(feature = "arcade")]
    art: Some(WorldArt {
        plugin: art::plugin,
        thumbnail: include_bytes!("thumbnail.png"),
        film: include_bytes!("thumbnail.gif"),
    }),
    ..WorldEntry::new("mountain-car", module_path!(), |asked| asked.plain::<MountainCar>(Classic))
};

/// Least and greatest position.
pub const ROAD: [f64; 2] = [-1.2, 0.6];
/// Position of the flag.
pub const FLAG: f64 = 0.5;
const FASTEST: f64 = 0.07;
const FORCE: f64 = 0.001;
const GRAVITY: f64 = 0.0025;
const ENTRIES: [&str; 2] = ["position", "velocity"];

/// State of one car.
#[derive(Component, Debug, Clone)]
pub struct MountainCar {
    position: f64,
    velocity: f64,
}

impl MountainCar {
    pub(super) fn at([position, velocity]: [f64; 2]) -> Self {
        Self { position, velocity }
    }

    /// Where the car is along the road, within [`ROAD`].
    pub fn position(&self) -> f32 {
        self.position as f32
    }

    fn arrived(&self) -> bool {
        self.position >= FLAG && self.velocity >= 0.0
    }
}

impl Environment for MountainCar {
    type Layout = Classic;

    const CAPABILITIES: Capabilities<Self> =
        Capabilities { scripted_action: Some(Self::scripted_action), ..Capabilities::NONE };

    fn spec(_rules: &Classic) -> EnvironmentSpec {
        EnvironmentSpec {
            name: "mountain-car".into(),
            summary: "Swing up to the flag with an engine too weak for the hill.".into(),
            observation: ObservationSpace::floats(&ENTRIES),
            action: ActionSpace::discrete(&["left", "coast", "right"]),
            ticks_per_step: 1,
            tick_seconds: 1.0 / 30.0,
            episode_limit: 200,
            teams: vec![0],
            rewards: vec![RewardTerm::new("step", -1.0, "every agent step, the last one included")],
        }
    }

    fn build(_rules: &Classic) -> (Self, Vec<BodySpec>) {
        (Self::at([0.0; 2]), Vec::new())
    }

    fn reset(&mut self, _rules: &Classic, _bodies: &mut Bodies, rng: &mut Rng) {
        *self = Self::at([rng.random_range(-0.6..-0.4), 0.0]);
    }

    fn apply(&mut self, _rules: &Classic, _bodies: &mut Bodies, actions: &ActionBatch, _phase: u32) {
        let engine = (actions.index(0) as f64 - 1.0) * FORCE;
        let velocity = self.velocity + (engine + (3.0 * self.position).cos() * -GRAVITY);
        self.velocity = velocity.clamp(-FASTEST, FASTEST);
        self.position = (self.position + self.velocity).clamp(ROAD[0], ROAD[1]);
        // The wall at the left end stops the car.
        if self.position == ROAD[0] && self.velocity < 0.0 {
            self.velocity = 0.0;
        }
    }

    fn judge(
        &mut self,
        _rules: &Classic,
        _bodies: &mut Bodies,
        rewards: &mut [f32],
        _rng: &mut Rng,
    ) -> Option<EpisodeEnd> {
        rewards[0] -= 1.0;
        self.arrived().then_some(EpisodeEnd::Terminated)
    }

    fn observe(
        &self,
        _rules: &Classic,
        _bodies: &Bodies,
        _slot: usize,
        vector: &mut [f32],
        _grid: &mut [u8],
    ) {
        write(&[self.position, self.velocity], vector);
    }

    fn outcome(&self, _slot: usize) -> Outcome {
        Outcome::goal(self.arrived())
    }
}

impl MountainCar {
    /// Pushes in the direction the car rolls.
    fn scripted_action(&self, _rules: &Classic, _bodies: &Bodies, _slot: usize) -> Action {
        Action::Discrete(if self.velocity < 0.0 { 0 } else { 2 })
    }
}
