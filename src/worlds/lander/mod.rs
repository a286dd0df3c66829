//! lander: land a rocket on two legs between the flags, on ground that changes every episode.
//!
#![doc = include_str!("README.md")]

#[cfg(feature = "arcade")]
mod art;
pub mod craft;
#[cfg(test)]
mod tests;

use bevy::prelude::*;
use rand::RngExt as _;

use self::craft::{ENGINE_JITTER, Engine, HULL, LEGS, MOON, STANDING};
use crate::mdp::{
    Action, ActionBatch, ActionRow, ActionSpace, EnvironmentSpec, EpisodeEnd, ObservationSpace, RewardTerm,
    Rng,
};
use crate::sim::{Bodies, BodySpec, Capabilities, Environment, Outcome};
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::{Screenshot, WorldEntry};

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    continuous_experiment: include_str!("continuous.toml"),
    agents: &[("lander.agent", include_bytes!("lander.agent"))],
    screenshots: &[
        Screenshot { file: "compare.png", arguments: "--seed 1 --press M@1,N@66 --after 71" },
        Screenshot { file: "lander.gif", arguments: "--seed 1 --press M@1,M@60 --after 62 --for 7" },
    ],
    #[cfg(feature = "arcade")]
    art: Some(WorldArt {
        plugin: art::plugin,
        thumbnail: include_bytes!("thumbnail.png"),
        film: include_bytes!("thumbnail.gif"),
    }),
    ..WorldEntry::new("lander", module_path!(), |asked| {
        asked.plain::<Lander>(Moon { continuous: asked.continuous() })
    })
};

/// Half the picture's width and height; leaving at a side loses.
pub const HALF: Vec2 = Vec2::new(10.0, 20.0 / 3.0);
/// Height of the pad above the picture's middle.
pub const PAD: f32 = -HALF.y / 2.0;
/// Distance of either flag from the middle of the pad.
pub const FLAGS: f32 = 2.0;
/// Corners of the ground, from the left side to the right one.
pub const CORNERS: usize = 11;
/// Distance between two of them.
pub const SPACING: f32 = 2.0 * HALF.x / (CORNERS - 1) as f32;

/// Reward per published point, so that values stay near 1.
const POINT: f32 = 0.01;
const SHAPING: f32 = 100.0;
const LEG: f32 = 10.0;
const MAIN_FUEL: f32 = -0.3;
const SIDE_FUEL: f32 = -0.03;
const LOST: f32 = -100.0;
const AT_REST: f32 = 100.0;

const TICK_SECONDS: f32 = 1.0 / 50.0;
const GRAVITY: f32 = -10.0;
/// Fastest start along either axis, m/s: what 1000 N make of the rocket in a tick.
const PUSH: f32 = 4.0;
/// The rocket is at rest if it has moved less than this (m and rad) for so many ticks, on both legs.
const SWAY: f32 = 0.02;
const REST_TICKS: u32 = 25;
/// Upper bound of observations.
const FARTHEST: f32 = 9.5;

const WAIT: usize = 0;
const LEFT: usize = 1;
const UP: usize = 2;
const RIGHT: usize = 3;

/// The layout, the same for all arenas.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moon {
    /// Whether actions are continuous.
    pub continuous: bool,
}

/// How hard the engines burn for one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thrust {
    /// The one below: 0, or 0.5 to 1.
    pub main: f32,
    /// The ones at the sides: 0, or 0.5 to 1 if they push to the right and −1 to −0.5 if to the left.
    pub side: f32,
}

impl Thrust {
    /// What `action` asks for. As published, an engine burns with half its strength at least: the main one where its
    /// entry is positive, a side engine where it is above a half.
    pub fn of(action: ActionRow<'_>) -> Self {
        match action {
            ActionRow::Discrete(index) => Self {
                main: f32::from(u8::from(usize::from(index) == UP)),
                side: match usize::from(index) {
                    LEFT => -1.0,
                    RIGHT => 1.0,
                    _ => 0.0,
                },
            },
            ActionRow::Continuous(entries) => {
                let entry = |index: usize| entries.get(index).map_or(0.0, |entry| entry.clamp(-1.0, 1.0));
                let (main, side) = (entry(0), entry(1));
                Self {
                    main: if main > 0.0 { 0.5 + 0.5 * main } else { 0.0 },
                    side: if side.abs() > 0.5 { side } else { 0.0 },
                }
            }
        }
    }
}

/// State of one descent.
#[derive(Component, Debug, Clone)]
pub struct Lander {
    ground: [f32; CORNERS],
    /// Engine jitter of the next tick, from the same generator as the ground.
    jitter: Vec2,
    /// Published observation: x, y, vx, vy, angle, spin, left leg, right leg.
    state: [f32; 8],
    /// The potential whose increase [`SHAPING`] pays, in points.
    potential: f32,
    /// Position and angle of the hull when it last moved, and ticks since.
    stood: (Vec2, f32),
    rest_ticks: u32,
    /// Published return so far.
    points: f32,
    landed: bool,
}

impl Lander {
    /// Heights of the ground's corners above the picture's middle, [`SPACING`] apart.
    pub fn ground(&self) -> &[f32; CORNERS] {
        &self.ground
    }

    /// Height of the ground at `x`.
    pub fn ground_at(&self, x: f32) -> f32 {
        let place = ((x + HALF.x) / SPACING).clamp(0.0, (CORNERS - 1) as f32 - 0.001);
        let corner = place as usize;
        let share = place - corner as f32;
        self.ground[corner] * (1.0 - share) + self.ground[corner + 1] * share
    }

    /// Whether the left and the right leg stand on the ground.
    pub fn standing(&self) -> [bool; 2] {
        [self.state[6] > 0.5, self.state[7] > 0.5]
    }

    /// Published return so far.
    pub fn points(&self) -> f32 {
        self.points
    }

    fn look(&mut self, bodies: &Bodies) {
        let (position, velocity) = (bodies.position(HULL), bodies.velocity(HULL));
        let [left, right] = LEGS.map(|leg| f32::from(u8::from(bodies.touching(leg, MOON))));
        self.state = [
            position.x / HALF.x,
            (position.y - PAD - STANDING) / HALF.y,
            velocity.x * HALF.x * TICK_SECONDS,
            velocity.y * HALF.y * TICK_SECONDS,
            bodies.angle(HULL),
            20.0 * bodies.spin(HULL) * TICK_SECONDS,
            left,
            right,
        ];
    }

    fn weigh(&self) -> f32 {
        let [x, y, vx, vy, angle, _, left, right] = self.state;
        LEG * (left + right) - SHAPING * (x.hypot(y) + vx.hypot(vy) + angle.abs())
    }

    fn at_rest(&mut self, bodies: &Bodies) -> bool {
        let (position, angle) = (bodies.position(HULL), bodies.angle(HULL));
        let swayed = position.distance(self.stood.0).max((angle - self.stood.1).abs());
        if swayed < SWAY && self.standing() == [true, true] {
            self.rest_ticks += 1;
        } else {
            (self.stood, self.rest_ticks) = ((position, angle), 0);
        }
        self.rest_ticks >= REST_TICKS
    }
}

/// Random ground: hills up to half the picture's height, flat from flag to flag.
fn ground(rng: &mut Rng) -> [f32; CORNERS] {
    const MIDDLE: usize = CORNERS / 2 + 1;
    let mut heights = [0.0; CORNERS + 2].map(|_: f32| rng.random_range(-HALF.y..0.0));
    heights[MIDDLE - 2..=MIDDLE + 2].fill(PAD);
    std::array::from_fn(|corner| heights[corner..corner + 3].iter().sum::<f32>() / 3.0)
}

fn jitter(rng: &mut Rng) -> Vec2 {
    Vec2::from_array([(); 2].map(|()| rng.random_range(-ENGINE_JITTER..ENGINE_JITTER)))
}

impl Environment for Lander {
    type Layout = Moon;

    const CAPABILITIES: Capabilities<Self> = Capabilities {
        tracked_bodies: Some(Self::tracked_bodies),
        sketch: Some(|_, _, _, sketch| _ = sketch.view(Vec2::ZERO, HALF)),
        scripted_action: Some(Self::scripted_action),
        ..Capabilities::NONE
    };

    fn spec(moon: &Moon) -> EnvironmentSpec {
        let (main, side) = match moon.continuous {
            true => ("every step it burns, times its thrust", "every step one burns, times its thrust"),
            false => ("every step it burns", "every step one burns"),
        };
        EnvironmentSpec {
            name: "lander".into(),
            summary: "Land softly on two legs between the flags.".into(),
            observation: ObservationSpace::floats(&[
                "x",
                "y",
                "vx",
                "vy",
                "angle",
                "spin",
                "left leg",
                "right leg",
            ]),
            action: match moon.continuous {
                true => ActionSpace::continuous(&[("up", [-1.0, 1.0]), ("right", [-1.0, 1.0])]),
                false => ActionSpace::discrete(&["wait", "left", "up", "right"]),
            },
            ticks_per_step: 1,
            tick_seconds: TICK_SECONDS,
            episode_limit: 1000,
            teams: vec![0],
            rewards: vec![
                RewardTerm::new("approach", SHAPING * POINT, "nearer to the pad, slower, more upright"),
                RewardTerm::new("leg", LEG * POINT, "a leg touches the ground, less when it leaves"),
                RewardTerm::new("main engine", MAIN_FUEL * POINT, main),
                RewardTerm::new("side engine", SIDE_FUEL * POINT, side),
                RewardTerm::new("lost", LOST * POINT, "the hull touches the ground or leaves at a side"),
                RewardTerm::new("at rest", AT_REST * POINT, "the rocket stands still on both legs"),
            ],
        }
    }

    fn build(_moon: &Moon) -> (Self, Vec<BodySpec>) {
        let lander = Self {
            ground: [PAD; CORNERS],
            jitter: Vec2::ZERO,
            state: [0.0; 8],
            potential: 0.0,
            stood: (Vec2::ZERO, 0.0),
            rest_ticks: 0,
            points: 0.0,
            landed: false,
        };
        (lander, craft::bodies())
    }

    fn gravity(_moon: &Moon) -> Vec2 {
        Vec2::Y * GRAVITY
    }

    fn reset(&mut self, _moon: &Moon, bodies: &mut Bodies, rng: &mut Rng) {
        self.ground = ground(rng);
        self.jitter = jitter(rng);
        bodies.set_shape(MOON, &craft::surface(&self.ground));
        let push = Vec2::from_array([(); 2].map(|()| rng.random_range(-PUSH..PUSH)));
        craft::place(bodies, Vec2::Y * HALF.y, push);
        (self.rest_ticks, self.points, self.landed) = (0, 0.0, false);
        self.look(bodies);
        self.potential = self.weigh();
    }

    fn apply(&mut self, _moon: &Moon, bodies: &mut Bodies, actions: &ActionBatch, _phase: u32) {
        let Thrust { main, side } = Thrust::of(actions.row(0));
        for (engine, power) in [(Engine::Main, main), (Engine::Side(side.signum()), side.abs())] {
            if power > 0.0 {
                engine.fire(bodies, self.jitter, power);
            }
        }
        // Paid in `judge` with the other rewards of the step.
        self.potential -= MAIN_FUEL * main + SIDE_FUEL * side.abs();
    }

    fn judge(
        &mut self,
        _moon: &Moon,
        bodies: &mut Bodies,
        rewards: &mut [f32],
        rng: &mut Rng,
    ) -> Option<EpisodeEnd> {
        self.jitter = jitter(rng);
        self.look(bodies);
        let potential = self.weigh();
        let mut points = potential - self.potential;
        self.potential = potential;
        self.landed = self.at_rest(bodies);
        let lost = self.state[0].abs() >= 1.0 || bodies.touching(HULL, MOON);
        if lost || self.landed {
            // As published, the final reward replaces that of the step.
            points = if lost { LOST } else { AT_REST };
        }
        self.landed &= !lost;
        self.points += points;
        rewards[0] += points * POINT;
        (lost || self.landed).then_some(EpisodeEnd::Terminated)
    }

    fn observe(&self, _moon: &Moon, _bodies: &Bodies, _slot: usize, vector: &mut [f32], _grid: &mut [u8]) {
        vector.copy_from_slice(&self.state.map(|value| value.clamp(-FARTHEST, FARTHEST)));
    }

    /// Success is rest between the flags; the score is the published return.
    fn outcome(&self, _slot: usize) -> Outcome {
        let between = self.state[0].abs() * HALF.x < FLAGS;
        Outcome { success: self.landed && between, score: self.points }
    }

    fn caption(&self) -> Option<String> {
        let [_, y, vx, vy, angle, ..] = self.state;
        let speed = Vec2::new(vx / HALF.x, vy / HALF.y).length() / TICK_SECONDS;
        let (height, tilt) = (y * HALF.y, angle.to_degrees().abs());
        Some(format!("height {height:.1}, speed {speed:.1}, tilt {tilt:.0}°, {:+.0} points", self.points))
    }
}

impl Lander {
    fn tracked_bodies(_moon: &Moon) -> Vec<(usize, Option<usize>)> {
        vec![(HULL, Some(0))]
    }

    /// Leans against its drift and descends more slowly the lower it is (the heuristic published with the
    /// task).
    fn scripted_action(&self, moon: &Moon, _bodies: &Bodies, _slot: usize) -> Action {
        let [x, y, vx, vy, angle, spin, left, right] = self.state;
        let (mut turn, mut climb) = (0.0, -0.5 * vy);
        if left + right == 0.0 {
            let lean = (0.5 * x + vx).clamp(-0.4, 0.4);
            turn = 0.5 * (lean - angle) - spin;
            climb += 0.5 * (0.55 * x.abs() - y);
        }
        if moon.continuous {
            return Action::continuous(
                &[20.0 * climb - 1.0, -20.0 * turn].map(|entry| entry.clamp(-1.0, 1.0)),
            );
        }
        let action = if climb > turn.abs() && climb > 0.05 {
            UP
        } else if turn < -0.05 {
            RIGHT
        } else if turn > 0.05 {
            LEFT
        } else {
            WAIT
        };
        Action::Discrete(action as u16)
    }
}
