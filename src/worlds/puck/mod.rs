//! puck: air hockey, one against one or two against two, first to three. Fast, with little friction, and a
//! puck that never gets stuck.
#![doc = include_str!("README.md")]

#[cfg(feature = "arcade")]
pub mod art;
pub mod pairs;
pub mod rink;
mod script;
#[cfg(test)]
mod tests;

use std::f32::consts::FRAC_1_SQRT_2;

use bevy::prelude::*;
use bevy_rapier2d::prelude::Collider;
use rand::RngExt as _;

use crate::mdp::{
    Action, ActionBatch, ActionRow, ActionSpace, EnvironmentSpec, EpisodeEnd, ObservationSpace, RewardTerm,
    Rng,
};
use crate::sim::{Bodies, BodyKind, BodySpec, Capabilities, Environment, Outcome};
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::{Request, WorldEntry};
use rink::{GOAL_HALF, MALLET_RADIUS, PUCK_RADIUS, RINK};

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    continuous_experiment: include_str!("continuous.toml"),
    agents: &[("puck.agent", include_bytes!("puck.agent"))],
    #[cfg(feature = "arcade")]
    art: Some(WorldArt {
        plugin: art::plugin,
        thumbnail: include_bytes!("thumbnail.png"),
        film: include_bytes!("thumbnail.gif"),
    }),
    ..WorldEntry::new("puck", module_path!(), |asked| asked.plain::<Puck>(Sides::of(1, asked)))
};

/// Goals that win a match.
pub const WINNING_SCORE: u32 = 3;

const MALLET_SPEED: f32 = 9.0;
const FASTEST: f32 = 18.0;
const FACE_OFF_SPEED: f32 = 5.0;
const WALL_BOUNCE: f32 = 0.9;
const MALLET_BOUNCE: f32 = 0.8;
/// Fraction of its speed that the puck loses per second, roughly.
const AIR: f32 = 0.15;
/// Ticks a side may keep the puck: seven seconds.
const LONGEST_STAY: u32 = 210;
const GOAL: f32 = 1.0;
const SHOT: f32 = 0.05;
const TICK_SECONDS: f32 = 1.0 / 30.0;

const PUCK: usize = 0;
const FIRST_MALLET: usize = 1;

/// The number of players; the rink is the same for all arenas.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sides {
    /// Players per side: 1, or 2, of whom the first plays in front.
    pub players: usize,
    /// Whether actions are continuous.
    pub continuous: bool,
}

impl Sides {
    /// `players` per side, with the kind of actions that was requested.
    fn of(players: usize, asked: &Request<'_>) -> Self {
        Self { players, continuous: asked.continuous() }
    }

    fn slots(self) -> usize {
        2 * self.players
    }

    /// The side of `slot`, 0 or 1.
    pub fn side(self, slot: usize) -> usize {
        slot / self.players
    }

    /// The place of `slot` within its side, from the front.
    fn role(self, slot: usize) -> usize {
        slot % self.players
    }

    /// Where `slot` may move.
    fn zone(self, slot: usize) -> Rect {
        let zones = if self.players == 1 { &rink::ALONE[..] } else { &rink::SHARED[..] };
        zones[self.role(slot)]
    }
}

/// State of one match.
#[derive(Component, Debug, Clone)]
pub struct Puck {
    sides: Sides,
    scores: [u32; 2],
    /// The side in whose half the puck is.
    half: usize,
    /// Ticks since it entered that half.
    stay: u32,
    /// Whether that side has touched it since.
    played: bool,
    /// Touches since the face-off.
    touches: u32,
    /// The slot that touched it in the previous tick.
    pressed: Option<usize>,
}

impl Puck {
    /// Goals of the left and the right side.
    pub fn scores(&self) -> [u32; 2] {
        self.scores
    }

    /// Touches since the face-off.
    pub fn touches(&self) -> u32 {
        self.touches
    }

    /// The side in whose half the puck is, and the elapsed fraction of the allowed time.
    pub fn stay(&self) -> (usize, f32) {
        (self.half, self.stay as f32 / LONGEST_STAY as f32)
    }

    fn face_off(&mut self, bodies: &mut Bodies, towards: usize, rng: &mut Rng) {
        let angle: f32 = rng.random_range(-0.7..0.7);
        let height: f32 = rng.random_range(-0.5..0.5);
        let away = -mirror(towards).x;
        bodies.place(PUCK, Vec2::new(0.0, RINK.y * height));
        bodies.set_velocity(PUCK, Vec2::new(away * angle.cos(), angle.sin()) * FACE_OFF_SPEED);
        (self.half, self.stay, self.played) = (towards, 0, false);
        (self.touches, self.pressed) = (0, None);
    }
}

/// The factor that mirrors the rink for `side`.
fn mirror(side: usize) -> Vec2 {
    if side == 0 { Vec2::ONE } else { Vec2::new(-1.0, 1.0) }
}

/// Directions of the actions, with forward to the right.
const WAYS: [(&str, Vec2); 9] = [
    ("wait", Vec2::ZERO),
    ("up", Vec2::Y),
    ("down", Vec2::NEG_Y),
    ("back", Vec2::NEG_X),
    ("forward", Vec2::X),
    ("up+back", Vec2::new(-FRAC_1_SQRT_2, FRAC_1_SQRT_2)),
    ("up+forward", Vec2::splat(FRAC_1_SQRT_2)),
    ("down+back", Vec2::splat(-FRAC_1_SQRT_2)),
    ("down+forward", Vec2::new(FRAC_1_SQRT_2, -FRAC_1_SQRT_2)),
];

/// Where `action` moves a mallet, as a share of its speed, with forward to the right.
fn way(action: ActionRow<'_>) -> Vec2 {
    match action {
        ActionRow::Discrete(index) => WAYS[usize::from(index)].1,
        ActionRow::Continuous(&[forward, up]) => Vec2::new(forward, up).clamp_length_max(1.0),
        ActionRow::Continuous(_) => Vec2::ZERO,
    }
}

impl Environment for Puck {
    type Layout = Sides;

    const CAPABILITIES: Capabilities<Self> = Capabilities {
        tracked_bodies: Some(Self::tracked_bodies),
        sketch: Some(|_, _, _, sketch| _ = sketch.view(Vec2::ZERO, rink::RINK + 0.5)),
        scripted_action: Some(Self::scripted_action),
        ..Capabilities::NONE
    };

    fn spec(sides: &Sides) -> EnvironmentSpec {
        let (name, summary, others): (_, _, &[&str]) = if sides.players == 1 {
            ("puck", "Air hockey, one against one, first to three.", &["other"])
        } else {
            ("puck-2v2", "Air hockey, two against two, first to three.", &["partner", "forward", "keeper"])
        };
        let bodies = ["own", "puck"].iter().chain(others);
        let mut entries: Vec<String> =
            bodies.flat_map(|body| ["x", "y", "vx", "vy"].map(|part| format!("{body} {part}"))).collect();
        entries.push("stay".into());
        if sides.players > 1 {
            entries.push("in front".into());
        }
        EnvironmentSpec {
            name: name.into(),
            summary: summary.into(),
            observation: ObservationSpace { vector: entries, grid: None },
            action: match sides.continuous {
                true => ActionSpace::continuous(&[("forward", [-1.0, 1.0]), ("up", [-1.0, 1.0])]),
                false => ActionSpace::discrete(&WAYS.map(|(name, _)| name)),
            },
            ticks_per_step: 2,
            tick_seconds: TICK_SECONDS,
            episode_limit: 3000,
            teams: (0..sides.slots()).map(|slot| sides.side(slot)).collect(),
            rewards: vec![
                RewardTerm::new("goal", GOAL, "the puck enters the other goal"),
                RewardTerm::new("goal against", -GOAL, "the puck enters the own goal"),
                RewardTerm::new("shot", SHOT, "the own side brings the puck into the other half"),
            ],
        }
    }

    fn build(sides: &Sides) -> (Self, Vec<BodySpec>) {
        let mut puck = BodySpec::new(BodyKind::Dynamic, Collider::ball(PUCK_RADIUS), Vec2::ZERO);
        puck.continuous = true;
        puck.linear_damping = AIR;
        let mut bodies = vec![puck];
        for slot in 0..sides.slots() {
            let position = mirror(sides.side(slot)) * sides.zone(slot).center();
            let mut mallet = BodySpec::new(BodyKind::Kinematic, Collider::ball(MALLET_RADIUS), position);
            mallet.restitution = MALLET_BOUNCE;
            bodies.push(mallet);
        }
        for (position, collider) in rink::walls() {
            let mut wall = BodySpec::new(BodyKind::Fixed, collider, position);
            wall.restitution = WALL_BOUNCE;
            bodies.push(wall);
        }
        let scores = [0; 2];
        let game = Self { sides: *sides, scores, half: 0, stay: 0, played: false, touches: 0, pressed: None };
        (game, bodies)
    }

    fn reset(&mut self, _sides: &Sides, bodies: &mut Bodies, rng: &mut Rng) {
        self.scores = [0; 2];
        let towards = usize::from(rng.random_bool(0.5));
        self.face_off(bodies, towards, rng);
    }

    fn apply(&mut self, sides: &Sides, bodies: &mut Bodies, actions: &ActionBatch, _phase: u32) {
        for slot in 0..actions.rows {
            let mirror = mirror(sides.side(slot));
            let position = mirror * bodies.position(FIRST_MALLET + slot);
            let wish = position + way(actions.row(slot)) * MALLET_SPEED * TICK_SECONDS;
            let moved = rink::reach(sides.zone(slot), wish) - position;
            bodies.set_velocity(FIRST_MALLET + slot, mirror * moved / TICK_SECONDS);
        }
    }

    fn judge(
        &mut self,
        sides: &Sides,
        bodies: &mut Bodies,
        rewards: &mut [f32],
        rng: &mut Rng,
    ) -> Option<EpisodeEnd> {
        let mut pay = |side: usize, reward: f32| {
            rewards[side * sides.players..][..sides.players].iter_mut().for_each(|all| *all += reward);
        };
        let (position, velocity) = (bodies.position(PUCK), bodies.velocity(PUCK));
        let touching = (0..sides.slots()).find(|slot| bodies.touching(PUCK, FIRST_MALLET + slot));
        if let Some(slot) = touching {
            self.touches += u32::from(self.pressed != touching);
            self.played |= sides.side(slot) == self.half;
        }
        self.pressed = touching;
        bodies.set_velocity(PUCK, velocity.clamp_length_max(FASTEST));
        let half = usize::from(position.x > 0.0);
        if half != self.half {
            if self.played {
                pay(self.half, SHOT);
            }
            (self.half, self.stay, self.played) = (half, 0, false);
        }
        self.stay += 1;
        let out = position.abs().cmpgt(RINK + PUCK_RADIUS);
        if out.x && position.y.abs() < GOAL_HALF {
            self.scores[1 - half] += 1;
            pay(1 - half, GOAL);
            pay(half, -GOAL);
            if self.scores[1 - half] >= WINNING_SCORE {
                return Some(EpisodeEnd::Terminated);
            }
            self.face_off(bodies, half, rng);
        } else if out.any() || self.stay > LONGEST_STAY {
            // The side that kept it loses possession.
            self.face_off(bodies, 1 - half, rng);
        }
        None
    }

    fn observe(&self, sides: &Sides, bodies: &Bodies, slot: usize, vector: &mut [f32], _grid: &mut [u8]) {
        let (side, role) = (sides.side(slot), sides.role(slot));
        let (mirror, first) = (mirror(side), |side: usize| FIRST_MALLET + side * sides.players);
        let mut entries = vector.chunks_exact_mut(4);
        let mut write = |body: usize, fastest: f32| {
            let (position, velocity) = (bodies.position(body), bodies.velocity(body));
            let (position, velocity) = (mirror * position / RINK, mirror * velocity / fastest);
            if let Some(entries) = entries.next() {
                entries.copy_from_slice(&[position.x, position.y, velocity.x, velocity.y]);
            }
        };
        write(FIRST_MALLET + slot, MALLET_SPEED);
        write(PUCK, FASTEST);
        (0..sides.players)
            .filter(|&other| other != role)
            .for_each(|role| write(first(side) + role, MALLET_SPEED));
        (0..sides.players).for_each(|role| write(first(1 - side) + role, MALLET_SPEED));
        let (half, stay) = self.stay();
        let last = 4 * (1 + sides.slots());
        vector[last] = if half == side { stay } else { -stay };
        if sides.players > 1 {
            vector[last + 1] = if role == 0 { 1.0 } else { -1.0 };
        }
    }

    fn outcome(&self, slot: usize) -> Outcome {
        let side = self.sides.side(slot);
        let score = self.scores[side] as f32 - self.scores[1 - side] as f32;
        Outcome { success: self.scores[side] >= WINNING_SCORE, score }
    }

    fn caption(&self) -> Option<String> {
        let [left, right] = self.scores;
        Some(format!("{left} : {right}, first to {WINNING_SCORE}, {} touches", self.touches))
    }

    fn points(&self) -> Option<[u32; 2]> {
        Some(self.scores)
    }
}

impl Puck {
    fn tracked_bodies(sides: &Sides) -> Vec<(usize, Option<usize>)> {
        let mallets = (0..Self::spec(sides).slots()).map(|slot| (FIRST_MALLET + slot, Some(slot)));
        [(PUCK, None)].into_iter().chain(mallets).collect()
    }

    fn scripted_action(&self, sides: &Sides, bodies: &Bodies, slot: usize) -> Action {
        script::action(*sides, bodies, slot)
    }
}
