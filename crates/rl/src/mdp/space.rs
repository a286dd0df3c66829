//! The spec of an environment: observations, actions, timing, slots, rewards.

use serde::{Deserialize, Serialize};

use super::RewardTerm;

/// Shape of a grid observation, stored row-major as `[channels, height, width]` bytes.
///
/// Networks read a byte as `byte / 255`, so a one-hot plane is written with 0 and 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GridShape {
    /// Number of planes.
    pub channels: usize,
    /// Rows, top to bottom.
    pub height: usize,
    /// Columns, left to right.
    pub width: usize,
}

impl GridShape {
    /// Number of bytes in one grid, saturating on overflow.
    pub const fn len(&self) -> usize {
        self.channels.saturating_mul(self.height).saturating_mul(self.width)
    }

    /// Whether the grid has no cells.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The observation space of a slot: a float vector, a grid of bytes, or both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ObservationSpace {
    /// Names of the vector's entries in order; values are scaled by the environment to about [−1, 1], except
    /// in worlds that keep published scales for comparison.
    pub vector: Vec<String>,
    /// The grid, if there is one.
    pub grid: Option<GridShape>,
}

impl ObservationSpace {
    /// A space of named floats, without a grid.
    pub fn floats(names: &[&str]) -> Self {
        Self { vector: names.iter().map(|name| (*name).to_owned()).collect(), grid: None }
    }

    /// Whether an entry of this name is a velocity: one of its words is `vx`, `vy`, `velocity`, `speed` or `spin`.
    pub fn is_velocity(name: &str) -> bool {
        name.split(' ').any(|word| ["vx", "vy", "velocity", "speed", "spin"].contains(&word))
    }

    /// Number of floats in the vector part.
    pub fn vector_len(&self) -> usize {
        self.vector.len()
    }

    /// Number of bytes in the grid part.
    pub fn grid_len(&self) -> usize {
        self.grid.map_or(0, |grid| grid.len())
    }

    /// Number of inputs a network reads: the vector, then the grid's bytes in order.
    pub fn features(&self) -> usize {
        self.vector_len().saturating_add(self.grid_len())
    }

    /// Bytes of one stored observation.
    pub fn bytes(&self) -> usize {
        (4 * self.vector_len()).saturating_add(self.grid_len())
    }
}

/// The action space of a slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ActionSpace {
    /// One of several named actions.
    Discrete(Vec<String>),
    /// A real vector within a box.
    Continuous(Vec<ActionDimension>),
}

/// One dimension of a continuous action space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionDimension {
    /// What it does, e.g. `torque`.
    pub name: String,
    /// Its smallest value, in the environment's units.
    pub low: f32,
    /// Its largest value, above `low`.
    pub high: f32,
}

impl ActionDimension {
    /// The value in the middle.
    pub fn middle(&self) -> f32 {
        0.5 * self.low + 0.5 * self.high
    }

    /// The value at `share` of the way from `low` to `high`.
    pub fn at(&self, share: f32) -> f32 {
        ((1.0 - share) * self.low + share * self.high).clamp(self.low, self.high)
    }

    /// Whether the bounds are finite and in order, and a value between them has a middle and a distance from it.
    pub fn is_valid(&self) -> bool {
        let half = 0.5 * self.high - 0.5 * self.low;
        self.low.is_finite() && self.high.is_finite() && half > 0.0 && self.middle() + half > self.middle()
    }
}

impl std::fmt::Display for ActionDimension {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} to {}", self.name, self.low, self.high)
    }
}

impl From<usize> for ActionSpace {
    /// As many discrete actions, called by their numbers.
    fn from(actions: usize) -> Self {
        Self::Discrete((0..actions).map(|action| action.to_string()).collect())
    }
}

impl From<&ActionSpace> for ActionSpace {
    fn from(space: &ActionSpace) -> Self {
        space.clone()
    }
}

impl ActionSpace {
    /// Builds a discrete space from action names.
    pub fn discrete(names: &[&str]) -> Self {
        Self::Discrete(names.iter().map(|name| (*name).to_owned()).collect())
    }

    /// Builds a box from names and bounds `[low, high]`, in the environment's units.
    pub fn continuous(dimensions: &[(&str, [f32; 2])]) -> Self {
        let dimension = |(name, [low, high]): &(&str, [f32; 2])| ActionDimension {
            name: (*name).to_owned(),
            low: *low,
            high: *high,
        };
        Self::Continuous(dimensions.iter().map(dimension).collect())
    }

    /// Its kind.
    pub fn kind(&self) -> ActionKind {
        if self.is_continuous() { ActionKind::Continuous } else { ActionKind::Discrete }
    }

    /// Whether an action is a vector of a box.
    pub fn is_continuous(&self) -> bool {
        matches!(self, Self::Continuous(_))
    }

    /// The dimensions of a box, none of a discrete space.
    pub fn dimensions(&self) -> &[ActionDimension] {
        match self {
            Self::Discrete(_) => &[],
            Self::Continuous(dimensions) => dimensions,
        }
    }

    /// Number of discrete actions, or of dimensions.
    pub fn len(&self) -> usize {
        match self {
            Self::Discrete(names) => names.len(),
            Self::Continuous(dimensions) => dimensions.len(),
        }
    }

    /// Whether there are no actions.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its actions in words: `discrete [left, right]` or `continuous [torque: -2 to 2]`.
    pub fn describe(&self) -> String {
        match self {
            Self::Discrete(names) => format!("discrete [{}]", names.join(", ")),
            Self::Continuous(dimensions) => {
                let dimensions: Vec<String> = dimensions.iter().map(ToString::to_string).collect();
                format!("continuous [{}]", dimensions.join(", "))
            }
        }
    }

    /// Names of the discrete actions, empty for a continuous space.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Discrete(names) => names,
            Self::Continuous(_) => &[],
        }
    }
}

/// Options of a world's observations and actions: the table `[world]` of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorldOptions {
    /// Whether velocities are masked from the observation. Refused by worlds that show none.
    pub velocity_masked: bool,
    /// Whether each entry of the vector is divided by the largest value it usually has. Refused by worlds that show
    /// their entries in about [−1, 1] anyway.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub scaled: bool,
    /// Probability that an observation is blank, all zeros, [0, 1): flickering (Hausknecht & Stone 2015).
    #[serde(skip_serializing_if = "WorldOptions::is_steady")]
    pub flicker: f32,
    /// Observations of the latest moments in one, newest first, 1 to 16: a memory of fixed length (Mnih et al. 2015).
    #[serde(skip_serializing_if = "WorldOptions::is_single")]
    pub frame_stack: usize,
    /// The kind of actions, in a world that has both; its usual one when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actions: Option<ActionKind>,
}

/// The kind of a world's actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// One of several.
    Discrete,
    /// A vector within a box.
    Continuous,
}

impl std::fmt::Display for ActionKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Discrete => "discrete",
            Self::Continuous => "continuous",
        })
    }
}

impl Default for WorldOptions {
    fn default() -> Self {
        Self { velocity_masked: false, scaled: false, flicker: 0.0, frame_stack: 1, actions: None }
    }
}

impl WorldOptions {
    fn is_steady(flicker: &f32) -> bool {
        *flicker == 0.0
    }

    fn is_single(frames: &usize) -> bool {
        *frames == 1
    }

    /// Key, value and allowed range of the first option out of range.
    pub fn fault(&self) -> Option<(&'static str, String, &'static str)> {
        if !(0.0..1.0).contains(&self.flicker) {
            return Some(("world.flicker", self.flicker.to_string(), "0 ≤ p < 1"));
        }
        let stacks = (1..=16).contains(&self.frame_stack);
        (!stacks).then(|| ("world.frame_stack", self.frame_stack.to_string(), "1 to 16"))
    }
}

/// Everything a learner, a recorder or a person needs to know about an environment before it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentSpec {
    /// Name on the command line, e.g. `lava-room`.
    pub name: String,
    /// One sentence for the player.
    pub summary: String,
    /// The observation space of every slot.
    pub observation: ObservationSpace,
    /// The action space of every slot.
    pub action: ActionSpace,
    /// Physics ticks per action.
    pub ticks_per_step: u32,
    /// Simulated seconds per physics tick.
    pub tick_seconds: f32,
    /// Agent steps after which an episode is truncated, [`EnvironmentSpec::UNLIMITED`] if none are.
    pub episode_limit: u32,
    /// The side of every slot: slots of one side win and lose together. Never empty.
    pub teams: Vec<usize>,
    /// Terms of the reward.
    pub rewards: Vec<RewardTerm>,
}

/// Maximum number of discrete actions: the range of the stored index.
const MOST_ACTIONS: usize = 1 << 16;

impl EnvironmentSpec {
    /// The limit of episodes that only the environment itself ends.
    pub const UNLIMITED: u32 = u32::MAX;

    /// Agent steps after which an episode is truncated, if there is a limit.
    pub fn limit(&self) -> Option<u32> {
        (self.episode_limit != Self::UNLIMITED).then_some(self.episode_limit)
    }

    /// The first invalid value of a spec from a file, e.g. `action: 0 of them`; `None` if it is valid.
    pub fn problem(&self) -> Option<String> {
        let Self { action, ticks_per_step, tick_seconds, episode_limit, teams, rewards, .. } = self;
        let bad = action.dimensions().iter().find(|dimension| !dimension.is_valid());
        let paid = rewards.iter().all(|reward| reward.weight.is_finite());
        let wrong = [
            (!(1..=MOST_ACTIONS).contains(&action.len()), format!("action: {} of them", action.len())),
            (*ticks_per_step == 0, "ticks_per_step: 0".to_owned()),
            (!(tick_seconds.is_finite() && *tick_seconds > 0.0), format!("tick_seconds: {tick_seconds}")),
            (*episode_limit == 0, "episode_limit: 0".to_owned()),
            (teams.is_empty(), "teams: none".to_owned()),
            (
                bad.is_some(),
                bad.map_or_else(String::new, |bad| {
                    format!("action: {bad}: allowed: finite bounds, the lower one first")
                }),
            ),
            (!paid, "rewards: a weight that is not finite".to_owned()),
        ];
        wrong.into_iter().find(|(wrong, _)| *wrong).map(|(_, problem)| problem)
    }

    /// Number of player slots.
    pub fn slots(&self) -> usize {
        self.teams.len()
    }

    /// Whether `slot` is on the side of slot 0, the one that learns and is evaluated.
    pub fn on_first_side(&self, slot: usize) -> bool {
        self.teams.get(slot) == self.teams.first()
    }

    /// Whether there is more than one side.
    pub fn has_sides(&self) -> bool {
        (0..self.slots()).any(|slot| !self.on_first_side(slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_without_width_is_refused() {
        let spec = |bounds| EnvironmentSpec {
            name: String::new(),
            summary: String::new(),
            observation: ObservationSpace::floats(&["x"]),
            action: ActionSpace::continuous(&[("lean", [-1.0, 1.0]), ("torque", bounds)]),
            ticks_per_step: 1,
            tick_seconds: 0.1,
            episode_limit: 10,
            teams: vec![0],
            rewards: Vec::new(),
        };
        for bounds in [[-2.0, 2.0], [0.5, 4.5], [f32::MIN, f32::MAX], [0.0, f32::MIN_POSITIVE]] {
            assert_eq!(spec(bounds).problem(), None, "{bounds:?}");
        }
        for bounds in [[2.0, -2.0], [1.0, 1.0], [f32::NAN, 1.0], [0.0, f32::INFINITY]] {
            let problem = spec(bounds).problem().unwrap();
            assert!(problem.starts_with("action: torque: ") && problem.contains("allowed:"), "{problem}");
        }
    }

    #[test]
    fn a_grid_larger_than_memory_is_large_and_not_small() {
        // The product of these is 2 in 64 bits.
        let grid = GridShape { channels: (1 << 63) + 1, height: 2, width: 1 };
        let space = ObservationSpace { vector: vec!["x".into()], grid: Some(grid) };
        assert_eq!((grid.len(), space.features(), space.bytes()), (usize::MAX, usize::MAX, usize::MAX));
        assert!(!grid.is_empty() && GridShape { width: 0, ..grid }.is_empty());
    }
}
