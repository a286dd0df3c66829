//! What an environment declares about itself: observations, actions, timing, players, rewards.

use serde::{Deserialize, Serialize};

use super::RewardTerm;

/// Shape of a grid observation, stored row-major as `[channels, height, width]` bytes.
///
/// A byte reads as `byte / 255` in every network, so a one-hot plane is written with 0 and 255.
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
    /// Number of bytes in one grid; the largest number there is where it is larger than that.
    pub const fn len(&self) -> usize {
        self.channels.saturating_mul(self.height).saturating_mul(self.width)
    }

    /// Whether the grid holds no cell.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What one player slot sees: a float vector, a grid of bytes, or both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ObservationSpace {
    /// Names of the vector's entries in order; values are scaled by the environment to about [−1, 1],
    /// except where published values are kept for comparison.
    pub vector: Vec<String>,
    /// The grid, when there is one.
    pub grid: Option<GridShape>,
}

impl ObservationSpace {
    /// A space of named floats, without a grid.
    pub fn floats(names: &[&str]) -> Self {
        Self { vector: names.iter().map(|name| (*name).to_owned()).collect(), grid: None }
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

    /// Bytes that one stored observation takes.
    pub fn bytes(&self) -> usize {
        (4 * self.vector_len()).saturating_add(self.grid_len())
    }
}

/// What one player slot can do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ActionSpace {
    /// One of several named actions.
    Discrete(Vec<String>),
    /// A real vector within bounds, one `[low, high]` pair a dimension.
    /// No environment offers it and no learner accepts it yet.
    Continuous(Vec<[f32; 2]>),
}

impl ActionSpace {
    /// Builds a discrete space from action names.
    pub fn discrete(names: &[&str]) -> Self {
        Self::Discrete(names.iter().map(|name| (*name).to_owned()).collect())
    }

    /// Number of discrete actions, or of dimensions.
    pub fn len(&self) -> usize {
        match self {
            Self::Discrete(names) => names.len(),
            Self::Continuous(bounds) => bounds.len(),
        }
    }

    /// Whether there is nothing to choose.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Names of the discrete actions, empty for a continuous space.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Discrete(names) => names,
            Self::Continuous(_) => &[],
        }
    }
}

/// How a world is varied: the table `[world]` of a run. A world refuses what it does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorldOptions {
    /// Whether velocities are left out of the observation (the classic control tasks).
    pub velocity_masked: bool,
}

/// Everything a learner, a recorder or a person needs to know of an environment before it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentSpec {
    /// Name on the command line, e.g. `lava-room`.
    pub name: String,
    /// One sentence for a person.
    pub summary: String,
    /// What every player slot sees.
    pub observation: ObservationSpace,
    /// What every player slot can do.
    pub action: ActionSpace,
    /// Physics ticks an action lasts.
    pub ticks_per_step: u32,
    /// Seconds one physics tick simulates.
    pub tick_seconds: f32,
    /// Agent steps after which an episode is truncated.
    pub episode_limit: u32,
    /// By player slot, the side it plays for: slots of one side win and lose together. Never empty.
    pub teams: Vec<usize>,
    /// What is rewarded, and how much.
    pub rewards: Vec<RewardTerm>,
}

/// Actions that a discrete choice is made of at most: what a transition can hold.
const MOST_ACTIONS: usize = 1 << 16;

impl EnvironmentSpec {
    /// What it says that no environment can be, e.g. `action: 0 of them`; `None` where all is well. Asked of specs that
    /// come from files.
    pub fn problem(&self) -> Option<String> {
        let Self { action, ticks_per_step, tick_seconds, episode_limit, teams, rewards, .. } = self;
        let finite = match action {
            ActionSpace::Discrete(_) => true,
            ActionSpace::Continuous(bounds) => bounds.iter().flatten().all(|bound| bound.is_finite()),
        };
        let paid = rewards.iter().all(|reward| reward.weight.is_finite());
        let wrong = [
            (!(1..=MOST_ACTIONS).contains(&action.len()), format!("action: {} of them", action.len())),
            (*ticks_per_step == 0, "ticks_per_step: 0".to_owned()),
            (!(tick_seconds.is_finite() && *tick_seconds > 0.0), format!("tick_seconds: {tick_seconds}")),
            (*episode_limit == 0, "episode_limit: 0".to_owned()),
            (teams.is_empty(), "teams: none".to_owned()),
            (!finite, "action: a bound that is not finite".to_owned()),
            (!paid, "rewards: a weight that is not finite".to_owned()),
        ];
        wrong.into_iter().find(|(wrong, _)| *wrong).map(|(_, problem)| problem)
    }

    /// Number of player slots.
    pub fn slots(&self) -> usize {
        self.teams.len()
    }

    /// Whether `slot` plays for the side of slot 0, the one that learns and is evaluated.
    pub fn on_first_side(&self, slot: usize) -> bool {
        self.teams.get(slot) == self.teams.first()
    }

    /// Whether not all slots are on one side.
    pub fn has_sides(&self) -> bool {
        (0..self.slots()).any(|slot| !self.on_first_side(slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_larger_than_memory_is_large_and_not_small() {
        // The product of these is 2 in 64 bits.
        let grid = GridShape { channels: (1 << 63) + 1, height: 2, width: 1 };
        let space = ObservationSpace { vector: vec!["x".into()], grid: Some(grid) };
        assert_eq!((grid.len(), space.features(), space.bytes()), (usize::MAX, usize::MAX, usize::MAX));
        assert!(!grid.is_empty() && GridShape { width: 0, ..grid }.is_empty());
    }
}
