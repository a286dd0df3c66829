//! pendulum: swing a rod up and hold it there, with a motor too weak to lift it at once (Pendulum-v1).
//!
//! The equations of Gymnasium's Pendulum-v1; the action is the motor's torque. An episode never terminates.

use std::f64::consts::{PI, TAU};

#[cfg(feature = "arcade")]
pub mod art;

use bevy::prelude::*;
use rand::RngExt as _;

use super::{Classic, write};
use crate::mdp::{
    Action, ActionBatch, ActionSpace, EnvironmentSpec, EpisodeEnd, ObservationSpace, RewardTerm, Rng,
};
use crate::sim::{Bodies, BodySpec, Capabilities, Environment, Ink, Outcome, Sketch};
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::WorldEntry;

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    agents: &[("pendulum.agent", include_bytes!("pendulum.agent"))],
    // π² + 0.1 · 8² + 0.001 · 2² at most.
    published_scale: Some([8.0, 16.3]),
    scales: &[1.0, 1.0, FASTEST as f32],
    #[cfg(feature = "arcade")]
    art: Some(WorldArt {
        plugin: art::plugin,
        thumbnail: include_bytes!("thumbnail.png"),
        film: include_bytes!("thumbnail.gif"),
    }),
    ..WorldEntry::new("pendulum", module_path!(), |asked| asked.plain::<Pendulum>(Classic::default()))
};

/// Length of the rod, m.
pub const ROD: f64 = 1.0;
/// Largest torque of the motor, N·m.
pub const STRONGEST: f32 = 2.0;
const MASS: f64 = 1.0;
const GRAVITY: f64 = 10.0;
const FASTEST: f64 = 8.0;
const SECONDS: f64 = 0.05;
const ENTRIES: [&str; 3] = ["cos angle", "sin angle", "velocity"];
/// How far from upright a rod counts as held up, rad.
const UPRIGHT: f64 = 0.2;

/// State of one rod.
#[derive(Component, Debug, Clone)]
pub struct Pendulum {
    /// Angle from upright in rad, counter-clockwise positive and unbounded, and its velocity in rad/s.
    state: [f64; 2],
    /// What the last step costs.
    cost: f64,
}

impl Pendulum {
    pub(super) fn at(state: [f64; 2]) -> Self {
        Self { state, cost: 0.0 }
    }

    /// Angle from upright, rad within ±π, counter-clockwise positive.
    pub fn angle(&self) -> f32 {
        wrap(self.state[0]) as f32
    }
}

/// `angle` from −π up to π.
fn wrap(angle: f64) -> f64 {
    (angle + PI).rem_euclid(TAU) - PI
}

impl Pendulum {
    fn sketch(&self, _rules: &Classic, _bodies: &Bodies, sketch: &mut Sketch) {
        let angle = self.state[0] as f32;
        let tip = ROD as f32 * Vec2::new(-angle.sin(), angle.cos());
        sketch.view(Vec2::ZERO, Vec2::new(1.6, 1.2)).line(Ink::Player(0), Vec2::ZERO, tip, 0.18).disc(
            Ink::Line,
            Vec2::ZERO,
            0.05,
        );
    }
}

impl Environment for Pendulum {
    type Layout = Classic;

    const CAPABILITIES: Capabilities<Self> = Capabilities {
        sketch: Some(Self::sketch),
        scripted_action: Some(Self::scripted_action),
        ..Capabilities::NONE
    };

    fn spec(_rules: &Classic) -> EnvironmentSpec {
        EnvironmentSpec {
            name: "pendulum".into(),
            summary: "Swing a rod up and hold it there with a motor too weak to lift it.".into(),
            observation: ObservationSpace::floats(&ENTRIES),
            action: ActionSpace::continuous(&[("torque", [-STRONGEST, STRONGEST])]),
            ticks_per_step: 1,
            tick_seconds: SECONDS as f32,
            episode_limit: 200,
            teams: vec![0],
            rewards: vec![
                RewardTerm::new("angle", -1.0, "squared angle from upright, rad²"),
                RewardTerm::new("velocity", -0.1, "squared angular velocity, rad²/s²"),
                RewardTerm::new("torque", -0.001, "squared torque, N²·m²"),
            ],
        }
    }

    fn build(_rules: &Classic) -> (Self, Vec<BodySpec>) {
        (Self::at([PI, 0.0]), Vec::new())
    }

    fn reset(&mut self, _rules: &Classic, _bodies: &mut Bodies, rng: &mut Rng) {
        *self = Self::at([rng.random_range(-PI..PI), rng.random_range(-1.0..1.0)]);
    }

    fn apply(&mut self, _rules: &Classic, _bodies: &mut Bodies, actions: &ActionBatch, _phase: u32) {
        let [angle, velocity] = self.state;
        // Products with the torque are rounded to f32 like the published ones.
        let torque = actions.scalar(0).clamp(-STRONGEST, STRONGEST);
        let effort = f64::from(0.001 * (torque * torque));
        self.cost = wrap(angle).powi(2) + 0.1 * (velocity * velocity) + effort;
        let motor = f64::from((3.0 / (MASS * ROD * ROD)) as f32 * torque);
        let velocity = velocity + (3.0 * GRAVITY / (2.0 * ROD) * angle.sin() + motor) * SECONDS;
        let velocity = velocity.clamp(-FASTEST, FASTEST);
        self.state = [angle + velocity * SECONDS, velocity];
    }

    fn judge(
        &mut self,
        _rules: &Classic,
        _bodies: &mut Bodies,
        rewards: &mut [f32],
        _rng: &mut Rng,
    ) -> Option<EpisodeEnd> {
        rewards[0] -= self.cost as f32;
        None
    }

    fn observe(
        &self,
        _rules: &Classic,
        _bodies: &Bodies,
        _slot: usize,
        vector: &mut [f32],
        _grid: &mut [u8],
    ) {
        let [angle, velocity] = self.state;
        write(&[angle.cos(), angle.sin(), velocity], vector);
    }

    fn outcome(&self, _slot: usize) -> Outcome {
        Outcome::goal(wrap(self.state[0]).abs() < UPRIGHT)
    }
}

impl Pendulum {
    /// Adds energy with the rod's own motion until it suffices to stand, then balances.
    fn scripted_action(&self, _rules: &Classic, _bodies: &Bodies, _slot: usize) -> Action {
        let (angle, velocity) = (wrap(self.state[0]), self.state[1]);
        // Energy above that of standing still, in units of inertia: ½ ω² − 3g / (2l) · (1 − cos angle).
        let missing = 1.5 * GRAVITY / ROD * (1.0 - angle.cos()) - 0.5 * velocity * velocity;
        let torque = if angle.abs() < 0.5 {
            -8.0 * angle - 2.0 * velocity
        } else {
            missing * if velocity < 0.0 { -1.0 } else { 1.0 }
        };
        Action::continuous(&[(torque as f32).clamp(-STRONGEST, STRONGEST)])
    }
}
