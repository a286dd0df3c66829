//! cartpole: push a cart left or right so that the pole on it stays upright (CartPole-v1).
//!
//! Barto, Sutton and Anderson (1983), with the equations of Florian (2005) and Euler's method. While a person
//! presses no key, the push alternates between both directions, which is close to no push.

#[cfg(feature = "arcade")]
pub mod art;

use bevy::prelude::*;
use rand::RngExt as _;

use super::{Classic, write};
use crate::mdp::{
    Action, ActionBatch, ActionRow, ActionSpace, EnvironmentSpec, EpisodeEnd, ObservationSpace, RewardTerm,
    Rng,
};
use crate::sim::{Bodies, BodySpec, Capabilities, Environment, Ink, Outcome, Sketch};
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::WorldEntry;

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    continuous_experiment: include_str!("continuous.toml"),
    scales: &[FARTHEST as f32, 3.0, STEEPEST as f32, 3.0],
    agents: &[
        ("cartpole.agent", include_bytes!("cartpole.agent")),
        // A GRU without velocities, in units of their range.
        ("cartpole-masked.agent", include_bytes!("cartpole-masked.agent")),
    ],
    #[cfg(feature = "arcade")]
    art: Some(WorldArt {
        plugin: art::plugin::<CartPole>,
        thumbnail: include_bytes!("thumbnail.png"),
        film: include_bytes!("thumbnail.gif"),
    }),
    ..WorldEntry::new("cartpole", module_path!(), |asked| {
        asked.plain::<CartPole>(Classic { continuous: asked.continuous() })
    })
};

/// Farthest the cart may be from the middle, m.
pub const FARTHEST: f64 = 2.4;
/// Farthest the pole may lean to either side, rad.
pub const STEEPEST: f64 = 12.0 * 2.0 * std::f64::consts::PI / 360.0;
/// Half the pole's length, m.
pub const HALF_POLE: f64 = 0.5;
pub(in crate::worlds) const GRAVITY: f64 = 9.8;
pub(in crate::worlds) const CART_MASS: f64 = 1.0;
pub(in crate::worlds) const POLE_MASS: f64 = 0.1;
const MASS: f64 = CART_MASS + POLE_MASS;
const POLE_MASS_LENGTH: f64 = POLE_MASS * HALF_POLE;
pub(in crate::worlds) const FORCE: f64 = 10.0;
/// Seconds that an action lasts.
pub const SECONDS: f64 = 0.02;
pub(in crate::worlds) const LIMIT: u32 = 500;
/// Share of the force per radian that the hand-written player leans against, where it can choose.
const GAIN: f64 = 10.0;
const ENTRIES: [&str; 4] = ["x", "x velocity", "angle", "angular velocity"];

/// State of one cart.
#[derive(Component, Debug, Clone)]
pub struct CartPole {
    /// x in m, m/s, angle in rad (0 is upright, clockwise positive), rad/s.
    state: [f64; 4],
    steps: u32,
}

impl CartPole {
    pub(super) fn at(state: [f64; 4]) -> Self {
        Self { state, steps: 0 }
    }
}

/// A cart with a pole, simulated by equations or by bodies.
pub trait Balancing: Component {
    /// Position of the cart, m from the middle.
    fn x(&self) -> f32;

    /// Angle of the pole, rad from upright, positive to the right.
    fn angle(&self) -> f32;
}

impl Balancing for CartPole {
    fn x(&self) -> f32 {
        self.state[0] as f32
    }

    fn angle(&self) -> f32 {
        self.state[2] as f32
    }
}

/// A start within the published range.
pub(in crate::worlds) fn draw_start(rng: &mut Rng) -> [f64; 4] {
    [(); 4].map(|()| rng.random_range(-0.05..0.05))
}

/// The share of the cart's 10 N with which `action` pushes, −1 (to the left) to 1.
pub fn push(action: ActionRow<'_>) -> f64 {
    match action {
        ActionRow::Discrete(index) => [-1.0, 1.0][usize::from(index == 1)],
        ActionRow::Continuous(shares) => {
            shares.first().map_or(0.0, |share| f64::from(share.clamp(-1.0, 1.0)))
        }
    }
}

/// The actions: a push to either side, or a share of it.
pub(in crate::worlds) fn actions(continuous: bool) -> ActionSpace {
    if continuous {
        return ActionSpace::continuous(&[("right", [-1.0, 1.0])]);
    }
    ActionSpace::discrete(&["left", "right"])
}

/// The state [`SECONDS`] after `state` under the share `push` of 10 N (Florian 2005, Euler's method).
pub fn step([x, velocity, angle, spin]: [f64; 4], push: f64) -> [f64; 4] {
    let force = push * FORCE;
    let (sin, cos) = angle.sin_cos();
    let push = (force + POLE_MASS_LENGTH * (spin * spin) * sin) / MASS;
    let turn = (GRAVITY * sin - cos * push) / (HALF_POLE * (4.0 / 3.0 - POLE_MASS * (cos * cos) / MASS));
    let acceleration = push - POLE_MASS_LENGTH * turn * cos / MASS;
    [x + SECONDS * velocity, velocity + SECONDS * acceleration, angle + SECONDS * spin, spin + SECONDS * turn]
}

/// Whether a state is outside the allowed range.
pub fn out_of_bounds([x, _, angle, _]: &[f64; 4]) -> bool {
    x.abs() > FARTHEST || angle.abs() > STEEPEST
}

/// Pushes in the direction the pole falls, with a bias away from the ends of the rail.
pub(in crate::worlds) fn balance([x, velocity, angle, spin]: &[f64; 4], continuous: bool) -> Action {
    let lean = angle + 0.25 * spin + 0.02 * x + 0.05 * velocity;
    match continuous {
        true => Action::continuous(&[(GAIN * lean).clamp(-1.0, 1.0) as f32]),
        false => Action::Discrete(u16::from(lean > 0.0)),
    }
}

/// A cart at `cart` with its pole at `angle` rad, clockwise from upright, on a rail as long as it may go.
pub(in crate::worlds) fn draw(cart: Vec2, angle: f32, sketch: &mut Sketch) {
    let end = FARTHEST as f32;
    sketch.view(Vec2::new(0.0, 0.5), Vec2::new(end + 0.3, 1.1)).line(
        Ink::Wall,
        Vec2::new(-end, cart.y),
        Vec2::new(end, cart.y),
        0.06,
    );
    sketch.bodies_here();
    let tip = cart + 2.0 * HALF_POLE as f32 * Vec2::new(angle.sin(), angle.cos());
    sketch.rectangle(Ink::Player(0), cart, Vec2::new(0.25, 0.125)).line(Ink::Thing, cart, tip, 0.08);
}

impl CartPole {
    fn sketch(&self, _rules: &Classic, _bodies: &Bodies, sketch: &mut Sketch) {
        draw(Vec2::X * self.state[0] as f32, self.state[2] as f32, sketch);
    }
}

impl Environment for CartPole {
    type Layout = Classic;

    const CAPABILITIES: Capabilities<Self> = Capabilities {
        sketch: Some(Self::sketch),
        scripted_action: Some(Self::scripted_action),
        ..Capabilities::NONE
    };

    fn spec(rules: &Classic) -> EnvironmentSpec {
        EnvironmentSpec {
            name: "cartpole".into(),
            summary: "Push the cart so that its pole stays upright.".into(),
            observation: ObservationSpace::floats(&ENTRIES),
            action: actions(rules.continuous),
            ticks_per_step: 1,
            tick_seconds: SECONDS as f32,
            episode_limit: LIMIT,
            teams: vec![0],
            rewards: vec![RewardTerm::new("balance", 1.0, "every agent step, the last one included")],
        }
    }

    fn build(_rules: &Classic) -> (Self, Vec<BodySpec>) {
        (Self::at([0.0; 4]), Vec::new())
    }

    fn reset(&mut self, _rules: &Classic, _bodies: &mut Bodies, rng: &mut Rng) {
        *self = Self::at(draw_start(rng));
    }

    fn apply(&mut self, _rules: &Classic, _bodies: &mut Bodies, actions: &ActionBatch, _phase: u32) {
        self.state = step(self.state, push(actions.row(0)));
        self.steps += 1;
    }

    fn judge(
        &mut self,
        _rules: &Classic,
        _bodies: &mut Bodies,
        rewards: &mut [f32],
        _rng: &mut Rng,
    ) -> Option<EpisodeEnd> {
        rewards[0] += 1.0;
        out_of_bounds(&self.state).then_some(EpisodeEnd::Terminated)
    }

    fn observe(
        &self,
        _rules: &Classic,
        _bodies: &Bodies,
        _slot: usize,
        vector: &mut [f32],
        _grid: &mut [u8],
    ) {
        write(&self.state, vector);
    }

    /// Success: the pole stood for the whole episode.
    fn outcome(&self, _slot: usize) -> Outcome {
        Outcome::goal(self.steps >= LIMIT && !out_of_bounds(&self.state))
    }
}

impl CartPole {
    fn scripted_action(&self, rules: &Classic, _bodies: &Bodies, _slot: usize) -> Action {
        balance(&self.state, rules.continuous)
    }
}
