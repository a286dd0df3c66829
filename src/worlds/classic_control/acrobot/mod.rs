//! acrobot: two hanging links, a motor between them; swing the tip above the line (Acrobot-v1).
//!
//! Sutton (1996), with the equations of Sutton and Barto's book ("book", not "nips") and one step of the
//! fourth-order Runge–Kutta method per action.

use std::f64::consts::{FRAC_PI_2, PI};

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
    agents: &[("acrobot.agent", include_bytes!("acrobot.agent"))],
    // Its velocities reach 9π rad/s.
    published_scale: Some([28.3, 10.0]),
    scales: &[1.0, 1.0, 1.0, 1.0, FASTEST[0] as f32, FASTEST[1] as f32],
    #[cfg(feature = "arcade")]
    art: Some(WorldArt {
        plugin: art::plugin,
        thumbnail: include_bytes!("thumbnail.png"),
        film: include_bytes!("thumbnail.gif"),
    }),
    ..WorldEntry::new("acrobot", module_path!(), |asked| asked.plain::<Acrobot>(Classic::default()))
};

/// Length of either link, m.
pub const LINK: f64 = 1.0;
/// How far above the upper joint the tip must get, m.
pub const LINE: f64 = 1.0;
const MASS: f64 = 1.0;
const CENTER_OF_MASS: f64 = 0.5;
const INERTIA: f64 = 1.0;
const GRAVITY: f64 = 9.8;
const FASTEST: [f64; 2] = [4.0 * PI, 9.0 * PI];
const SECONDS: f64 = 0.2;
const ENTRIES: [&str; 6] =
    ["cos upper", "sin upper", "cos lower", "sin lower", "upper velocity", "lower velocity"];

/// State of one pair of links.
#[derive(Component, Debug, Clone)]
pub struct Acrobot {
    /// Angle of the upper link in rad (0 hangs, counter-clockwise positive), of the lower one against
    /// it, and their velocities in rad/s.
    state: [f64; 4],
}

impl Acrobot {
    pub(super) fn at(state: [f64; 4]) -> Self {
        Self { state }
    }

    /// Angle of the upper link from hanging down, and of the lower one relative to the upper, rad within ±π.
    pub fn angles(&self) -> [f32; 2] {
        [self.state[0] as f32, self.state[1] as f32]
    }

    fn above_line(&self) -> bool {
        let [upper, lower, ..] = self.state;
        -upper.cos() - (lower + upper).cos() > LINE
    }
}

/// Time derivative of the state under `torque` in N·m.
fn derivative([upper, lower, upper_speed, lower_speed]: [f64; 4], torque: f64) -> [f64; 4] {
    const C: f64 = CENTER_OF_MASS;
    let (sin, cos) = lower.sin_cos();
    let d1 = MASS * C * C + MASS * (LINK * LINK + C * C + 2.0 * LINK * C * cos) + INERTIA + INERTIA;
    let d2 = MASS * (C * C + LINK * C * cos) + INERTIA;
    let phi2 = MASS * C * GRAVITY * (upper + lower - FRAC_PI_2).cos();
    let phi1 = -MASS * LINK * C * lower_speed * lower_speed * sin
        - 2.0 * MASS * LINK * C * lower_speed * upper_speed * sin
        + (MASS * C + MASS * LINK) * GRAVITY * (upper - FRAC_PI_2).cos()
        + phi2;
    let lower_turn = (torque + d2 / d1 * phi1 - MASS * LINK * C * upper_speed * upper_speed * sin - phi2)
        / (MASS * C * C + INERTIA - d2 * d2 / d1);
    let upper_turn = -(d2 * lower_turn + phi1) / d1;
    [upper_speed, lower_speed, upper_turn, lower_turn]
}

/// `state + seconds · slope`.
fn along(state: [f64; 4], seconds: f64, slope: [f64; 4]) -> [f64; 4] {
    std::array::from_fn(|index| state[index] + seconds * slope[index])
}

/// `angle` within ±π.
fn wrap(mut angle: f64) -> f64 {
    while angle > PI {
        angle -= 2.0 * PI;
    }
    while angle < -PI {
        angle += 2.0 * PI;
    }
    angle
}

impl Acrobot {
    fn sketch(&self, _rules: &Classic, _bodies: &Bodies, sketch: &mut Sketch) {
        let along = |angle: f64| LINK as f32 * Vec2::new(angle.sin() as f32, -angle.cos() as f32);
        let [first, second, ..] = self.state;
        let elbow = along(first);
        let (tip, line) = (elbow + along(first + second), LINE as f32);
        sketch
            .view(Vec2::ZERO, Vec2::new(3.0, 2.3))
            .line(Ink::Goal, Vec2::new(-3.0, line), Vec2::new(3.0, line), 0.03)
            .line(Ink::Thing, Vec2::ZERO, elbow, 0.16)
            .line(Ink::Player(0), elbow, tip, 0.16)
            .disc(Ink::Line, Vec2::ZERO, 0.06)
            .disc(Ink::Line, elbow, 0.06);
    }
}

impl Environment for Acrobot {
    type Layout = Classic;

    const CAPABILITIES: Capabilities<Self> = Capabilities {
        sketch: Some(Self::sketch),
        scripted_action: Some(Self::scripted_action),
        ..Capabilities::NONE
    };

    fn spec(_rules: &Classic) -> EnvironmentSpec {
        EnvironmentSpec {
            name: "acrobot".into(),
            summary: "Swing the tip of two links above the line.".into(),
            observation: ObservationSpace::floats(&ENTRIES),
            action: ActionSpace::discrete(&["left", "rest", "right"]),
            ticks_per_step: 1,
            tick_seconds: SECONDS as f32,
            episode_limit: 500,
            teams: vec![0],
            rewards: vec![RewardTerm::new(
                "step",
                -1.0,
                "every agent step but the one that ends above the line",
            )],
        }
    }

    fn build(_rules: &Classic) -> (Self, Vec<BodySpec>) {
        (Self::at([0.0; 4]), Vec::new())
    }

    fn reset(&mut self, _rules: &Classic, _bodies: &mut Bodies, rng: &mut Rng) {
        // Rounded to f32 like the published start.
        *self = Self::at([(); 4].map(|()| f64::from(rng.random_range(-0.1..0.1) as f32)));
    }

    fn apply(&mut self, _rules: &Classic, _bodies: &mut Bodies, actions: &ActionBatch, _phase: u32) {
        let torque = actions.index(0) as f64 - 1.0;
        let state = self.state;
        let k1 = derivative(state, torque);
        let k2 = derivative(along(state, SECONDS / 2.0, k1), torque);
        let k3 = derivative(along(state, SECONDS / 2.0, k2), torque);
        let k4 = derivative(along(state, SECONDS, k3), torque);
        let slope = std::array::from_fn(|index| k1[index] + 2.0 * k2[index] + 2.0 * k3[index] + k4[index]);
        let [upper, lower, upper_speed, lower_speed] = along(state, SECONDS / 6.0, slope);
        self.state = [
            wrap(upper),
            wrap(lower),
            upper_speed.clamp(-FASTEST[0], FASTEST[0]),
            lower_speed.clamp(-FASTEST[1], FASTEST[1]),
        ];
    }

    fn judge(
        &mut self,
        _rules: &Classic,
        _bodies: &mut Bodies,
        rewards: &mut [f32],
        _rng: &mut Rng,
    ) -> Option<EpisodeEnd> {
        if self.above_line() {
            return Some(EpisodeEnd::Terminated);
        }
        rewards[0] -= 1.0;
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
        let [upper, lower, upper_speed, lower_speed] = self.state;
        let ((sin, cos), (lower_sin, lower_cos)) = (upper.sin_cos(), lower.sin_cos());
        write(&[cos, sin, lower_cos, lower_sin, upper_speed, lower_speed], vector);
    }

    fn outcome(&self, _slot: usize) -> Outcome {
        Outcome::goal(self.above_line())
    }
}

impl Acrobot {
    /// Turns the motor in the direction the lower link rotates, which adds energy at every step.
    fn scripted_action(&self, _rules: &Classic, _bodies: &Bodies, _slot: usize) -> Action {
        Action::Discrete(if self.state[3] < 0.0 { 0 } else { 2 })
    }
}
