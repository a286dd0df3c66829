//! mountain-car: an engine too weak for the hill; roll back to gather speed (MountainCar-v0, and with continuous
//! actions MountainCarContinuous-v0).
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
use crate::sim::{Bodies, BodySpec, Capabilities, Environment, Ink, Outcome, Sketch};
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::WorldEntry;

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    continuous_experiment: include_str!("continuous.toml"),
    agents: &[("mountain-car.agent", include_bytes!("mountain-car.agent"))],
    scales: &[-ROAD[0] as f32, FASTEST as f32],
    published_scale: Some([-ROAD[0] as f32, GOAL]),
    #[cfg(feature = "arcade")]
    art: Some(WorldArt {
        plugin: art::plugin,
        thumbnail: include_bytes!("thumbnail.png"),
        film: include_bytes!("thumbnail.gif"),
    }),
    ..WorldEntry::new("mountain-car", module_path!(), |asked| {
        asked.plain::<MountainCar>(Classic { continuous: asked.continuous() })
    })
};

/// Least and greatest position.
pub const ROAD: [f64; 2] = [-1.2, 0.6];
/// Position of the flag.
pub fn flag(rules: &Classic) -> f64 {
    if rules.continuous { 0.45 } else { 0.5 }
}

/// How hard the engine that `actions` ask for pushes, −1 to 1.
pub fn push(rules: &Classic, actions: &ActionBatch) -> f32 {
    match rules.continuous {
        true => actions.scalar(0).clamp(-1.0, 1.0),
        false => actions.index(0) as f32 - 1.0,
    }
}

const FASTEST: f64 = 0.07;
const FORCE: f64 = 0.001;
/// With continuous actions, and what the flag is worth then.
const FULL_FORCE: f32 = 0.0015;
const GOAL: f32 = 100.0;
const GRAVITY: f64 = 0.0025;
const ENTRIES: [&str; 2] = ["position", "velocity"];

/// State of one car.
#[derive(Component, Debug, Clone)]
pub struct MountainCar {
    position: f64,
    velocity: f64,
    /// Square of the last action.
    effort: f64,
    /// Whether the last step reached the flag.
    there: bool,
}

impl MountainCar {
    pub(super) fn at([position, velocity]: [f64; 2]) -> Self {
        Self { position, velocity, effort: 0.0, there: false }
    }

    /// Where the car is along the road, within [`ROAD`].
    pub fn position(&self) -> f32 {
        self.position as f32
    }

    fn arrived(&self, rules: &Classic) -> bool {
        self.position >= flag(rules) && self.velocity >= 0.0
    }
}

impl MountainCar {
    fn sketch(&self, rules: &Classic, _bodies: &Bodies, sketch: &mut Sketch) {
        const PARTS: usize = 60;
        let hill = |x: f64| Vec2::new(x as f32, (3.0 * x).sin() as f32 * 0.45 + 0.55);
        let [left, right] = ROAD;
        let at = |part: usize| hill(left + (right - left) * part as f64 / PARTS as f64);
        sketch.view(Vec2::new(-0.3, 0.55), Vec2::new(0.95, 0.65));
        let below = [right, left].map(|end| Vec2::new(end as f32, -9.0));
        sketch.polygon(Ink::Wall, (0..=PARTS).map(at).chain(below));
        let (flag, car) = (hill(flag(rules)), hill(self.position));
        sketch
            .line(Ink::Line, flag, flag + Vec2::Y * 0.16, 0.01)
            .polygon(
                Ink::Goal,
                [Vec2::new(0.0, 0.16), Vec2::new(0.0, 0.1), Vec2::new(0.08, 0.13)].map(|own| flag + own),
            )
            .disc(Ink::Player(0), car + Vec2::Y * 0.04, 0.04);
    }
}

impl Environment for MountainCar {
    type Layout = Classic;

    const CAPABILITIES: Capabilities<Self> = Capabilities {
        sketch: Some(Self::sketch),
        scripted_action: Some(Self::scripted_action),
        ..Capabilities::NONE
    };

    fn spec(rules: &Classic) -> EnvironmentSpec {
        let usual = EnvironmentSpec {
            name: "mountain-car".into(),
            summary: "Swing up to the flag with an engine too weak for the hill.".into(),
            observation: ObservationSpace::floats(&ENTRIES),
            action: ActionSpace::discrete(&["left", "coast", "right"]),
            ticks_per_step: 1,
            tick_seconds: 1.0 / 30.0,
            episode_limit: 200,
            teams: vec![0],
            rewards: vec![RewardTerm::new("step", -1.0, "every agent step, the last one included")],
        };
        if !rules.continuous {
            return usual;
        }
        EnvironmentSpec {
            action: ActionSpace::continuous(&[("push", [-1.0, 1.0])]),
            episode_limit: 999,
            rewards: vec![
                RewardTerm::new("flag", GOAL, "the step that reaches the flag"),
                RewardTerm::new("effort", -0.1, "squared action, every agent step"),
            ],
            ..usual
        }
    }

    fn build(_rules: &Classic) -> (Self, Vec<BodySpec>) {
        (Self::at([0.0; 2]), Vec::new())
    }

    fn reset(&mut self, _rules: &Classic, _bodies: &mut Bodies, rng: &mut Rng) {
        *self = Self::at([rng.random_range(-0.6..-0.4), 0.0]);
    }

    fn apply(&mut self, rules: &Classic, _bodies: &mut Bodies, actions: &ActionBatch, _phase: u32) {
        let push = push(rules, actions);
        self.effort = f64::from(push).powi(2);
        let engine = if rules.continuous { f64::from(push * FULL_FORCE) } else { f64::from(push) * FORCE };
        let velocity = self.velocity + (engine + (3.0 * self.position).cos() * -GRAVITY);
        self.velocity = velocity.clamp(-FASTEST, FASTEST);
        self.position = (self.position + self.velocity).clamp(ROAD[0], ROAD[1]);
        // The wall at the left end stops the car.
        if self.position == ROAD[0] && self.velocity < 0.0 {
            self.velocity = 0.0;
        }
        if rules.continuous {
            // The published state has single precision.
            (self.position, self.velocity) =
                (f64::from(self.position as f32), f64::from(self.velocity as f32));
        }
    }

    fn judge(
        &mut self,
        rules: &Classic,
        _bodies: &mut Bodies,
        rewards: &mut [f32],
        _rng: &mut Rng,
    ) -> Option<EpisodeEnd> {
        self.there = self.arrived(rules);
        rewards[0] += match (rules.continuous, self.there) {
            (false, _) => -1.0,
            (true, false) => (-0.1 * self.effort) as f32,
            (true, true) => (f64::from(GOAL) - 0.1 * self.effort) as f32,
        };
        self.there.then_some(EpisodeEnd::Terminated)
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
        Outcome::goal(self.there)
    }
}

impl MountainCar {
    /// Pushes in the direction the car rolls.
    fn scripted_action(&self, rules: &Classic, _bodies: &Bodies, _slot: usize) -> Action {
        match rules.continuous {
            true => Action::continuous(&[if self.velocity < 0.0 { -1.0 } else { 1.0 }]),
            false => Action::Discrete(if self.velocity < 0.0 { 0 } else { 2 }),
        }
    }
}
