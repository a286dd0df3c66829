//! t-maze: a cue at the start, a long corridor in which nothing is seen, and a choice at its end.
#![doc = include_str!("README.md")]

#[cfg(feature = "arcade")]
pub mod art;
#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;

use bevy::prelude::*;
use rand::RngExt as _;

use crate::mdp::{
    Action, ActionBatch, ActionSpace, EnvironmentSpec, EpisodeEnd, ObservationSpace, RewardTerm, Rng,
};
use crate::sim::turn::Turn;
use crate::sim::{Bodies, BodySpec, Capabilities, Environment, Ink, Outcome, Sketch};
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::WorldEntry;

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    level_experiment: Some(settings),
    agents: &[("t-maze.agent", include_bytes!("t-maze.agent"))],
    #[cfg(feature = "arcade")]
    art: Some(WorldArt {
        plugin: art::plugin,
        thumbnail: include_bytes!("thumbnail.png"),
        film: include_bytes!("thumbnail.gif"),
    }),
    ..WorldEntry::new("t-maze", module_path!(), |asked| {
        asked.numbered::<TMaze>(LENGTHS, DEFAULT_LENGTH, |length| Corridor { length })
    })
};

/// Lengths of corridor that can be chosen, in steps.
pub const LENGTHS: RangeInclusive<u32> = 1..=1500;
/// The length without `--level`.
pub const DEFAULT_LENGTH: u32 = 50;
const RIGHT: u16 = 0;
const UP: u16 = 1;
const DOWN: u16 = 3;

/// Settings that depend on the corridor's length: whole episodes as sequences, a memory that lasts for two of them,
/// and half the penalty of one late step as temperature, so that the walk stays straight at any length. Replay of 2 000
/// episodes holds so much early wandering at length 250 that the turn is not learned in 600 000 steps.
fn settings(level: &str) -> Option<String> {
    let length: u32 = level.parse().ok().filter(|length| LENGTHS.contains(length))?;
    let episode = length + 1;
    let steps = (4_000 * length).max(250_000);
    Some(format!(
        "steps = {steps}\n[learner]\nbatch_size = {batch}\nlearning_starts = {starts}\nreplay_capacity = {capacity}\n\
         [sac]\ninitial_temperature = {temperature}\n[sac.memory]\ntimescale = {timescale}\n\
         [sac.sequence]\nlearn = {episode}\nstride = {episode}\n",
        batch = 8 * episode,
        starts = 100 * length,
        capacity = (2_000 * length).min((400 * length).max(100_000)),
        temperature = 0.5 / f64::from(length),
        timescale = (2 * length).max(3),
    ))
}

/// The corridor that all arenas share.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corridor {
    /// Steps from the start to the junction.
    pub length: u32,
}

/// State of one walker.
#[derive(Component, Debug, Clone, Default)]
pub struct TMaze {
    /// Cells from the start.
    x: u32,
    /// 1 above the junction, −1 below, 0 in the corridor.
    y: i8,
    /// 1 if the upper goal is right, −1 if the lower one is.
    goal: i8,
    steps: u32,
}

impl TMaze {
    /// Cells from the start, and 1 above the corridor, −1 below.
    pub fn place(&self) -> [f32; 2] {
        [self.x as f32, f32::from(self.y)]
    }

    /// The goal that is right: 1 the upper one, −1 the lower one.
    pub fn goal(&self) -> i8 {
        self.goal
    }

    fn arrived(&self) -> bool {
        self.y == self.goal
    }
}

impl TMaze {
    /// The part of the corridor around the walker; the cue is beside the start, on the side that is right.
    fn sketch(&self, corridor: &Corridor, _bodies: &Bodies, sketch: &mut Sketch) {
        const TILE: Vec2 = Vec2::splat(0.46);
        let x = self.x as f32;
        sketch.view(Vec2::new(x, 0.0), Vec2::new(6.0, 2.0));
        for cell in self.x.saturating_sub(8)..=corridor.length.min(self.x + 8) {
            sketch.rectangle(Ink::Floor, Vec2::X * cell as f32, TILE);
        }
        let end = corridor.length as f32;
        for side in [-1.0, 1.0] {
            sketch.rectangle(Ink::Mark, Vec2::new(end, side), TILE);
        }
        sketch.disc(Ink::Goal, Vec2::new(0.0, f32::from(self.goal)), 0.3);
        sketch.disc(Ink::Player(0), Vec2::new(x, f32::from(self.y)), 0.32);
    }
}

impl Environment for TMaze {
    type Layout = Corridor;

    const CAPABILITIES: Capabilities<Self> = Capabilities {
        sketch: Some(Self::sketch),
        scripted_action: Some(Self::scripted_action),
        ..Capabilities::NONE
    };

    fn spec(corridor: &Corridor) -> EnvironmentSpec {
        let late = -1.0 / corridor.length as f32;
        EnvironmentSpec {
            name: "t-maze".into(),
            summary: "Remember a cue through a long corridor, then choose a side.".into(),
            observation: ObservationSpace::floats(&["junction", "cue"]),
            action: ActionSpace::discrete(&["right", "up", "left", "down"]),
            ticks_per_step: 1,
            tick_seconds: 0.1,
            episode_limit: corridor.length + 1,
            teams: vec![0],
            rewards: vec![
                RewardTerm::new("goal", 1.0, "the episode ends on the goal that was named"),
                RewardTerm::new("late", late, "every step but the last that ends behind the fastest walker"),
            ],
        }
    }

    fn build(_corridor: &Corridor) -> (Self, Vec<BodySpec>) {
        (Self { goal: 1, ..Self::default() }, Vec::new())
    }

    fn reset(&mut self, _corridor: &Corridor, _bodies: &mut Bodies, rng: &mut Rng) {
        *self = Self { goal: if rng.random() { 1 } else { -1 }, ..Self::default() };
    }

    fn reset_in_turn(&mut self, _corridor: &Corridor, _bodies: &mut Bodies, _rng: &mut Rng, turn: Turn) {
        *self = Self { goal: if turn.pick(2).0 == 0 { 1 } else { -1 }, ..Self::default() };
    }

    fn apply(&mut self, corridor: &Corridor, _bodies: &mut Bodies, actions: &ActionBatch, _phase: u32) {
        let at_junction = self.x == corridor.length;
        // Walls are on both sides of the corridor, and beyond the goals.
        match (actions.index(0) as u16, self.y) {
            (RIGHT, 0) if !at_junction => self.x += 1,
            (UP, 0 | -1) if at_junction => self.y += 1,
            (DOWN, 0 | 1) if at_junction => self.y -= 1,
            (RIGHT | UP | DOWN, _) => {}
            (_, 0) => self.x = self.x.saturating_sub(1),
            _ => {}
        }
        self.steps += 1;
    }

    fn judge(
        &mut self,
        corridor: &Corridor,
        _bodies: &mut Bodies,
        rewards: &mut [f32],
        _rng: &mut Rng,
    ) -> Option<EpisodeEnd> {
        if self.steps > corridor.length {
            rewards[0] += if self.arrived() { 1.0 } else { 0.0 };
            return Some(EpisodeEnd::Terminated);
        }
        if self.x < self.steps {
            rewards[0] -= 1.0 / corridor.length as f32;
        }
        None
    }

    fn observe(
        &self,
        corridor: &Corridor,
        _bodies: &Bodies,
        _slot: usize,
        vector: &mut [f32],
        _grid: &mut [u8],
    ) {
        let cue = if self.steps == 0 { self.goal } else { self.y };
        vector[0] = f32::from(u8::from(self.x == corridor.length));
        vector[1] = f32::from(cue);
    }

    fn outcome(&self, _slot: usize) -> Outcome {
        Outcome::goal(self.arrived())
    }
}

impl TMaze {
    /// Walks to the junction and takes the right side.
    fn scripted_action(&self, corridor: &Corridor, _bodies: &Bodies, _slot: usize) -> Action {
        Action::Discrete(match self.goal {
            _ if self.x < corridor.length => RIGHT,
            1 => UP,
            _ => DOWN,
        })
    }
}
