//! How an episode ends, its return, and the terms of the reward.

use serde::{Deserialize, Serialize};

/// Why an episode stopped. Only [`EpisodeEnd::Terminated`] stops bootstrapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EpisodeEnd {
    /// The environment reached a terminal state, whose value is zero.
    Terminated,
    /// The episode was cut (by the time limit or a person's reset): the next state is bootstrapped.
    Truncated,
}

impl EpisodeEnd {
    /// Whether the next observation is terminal.
    pub fn is_terminated(self) -> bool {
        matches!(self, Self::Terminated)
    }
}

/// One documented contribution to the reward.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RewardTerm {
    /// Short name, e.g. `goal`.
    pub name: String,
    /// Reward per occurrence.
    pub weight: f32,
    /// When it is paid.
    pub when: String,
}

impl RewardTerm {
    /// A term called `name` that pays `weight` on the event described by `when`.
    pub fn new(name: &str, weight: f32, when: &str) -> Self {
        Self { name: name.to_owned(), weight, when: when.to_owned() }
    }
}

/// One finished episode of one player slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpisodeSummary {
    /// Environment steps recorded in the run up to its end, including its last step; 0 in files of older
    /// versions.
    #[serde(default)]
    pub env_steps: u64,
    /// Arena it was played in.
    pub arena: usize,
    /// Player slot.
    pub slot: usize,
    /// Its controller: `learning`, `human`, `frozen`, `scripted`, `random`, or `mixed` if it changed during
    /// the episode.
    pub controller: String,
    /// Undiscounted sum of rewards.
    pub episode_return: f32,
    /// Agent steps.
    pub episode_length: u32,
    /// How it ended.
    pub end: EpisodeEnd,
    /// Whether the environment calls it a success (goal reached, match won).
    pub success: bool,
    /// The environment's own score from this slot's side (points for minus against, or 0/1). For people only;
    /// it is not a reward.
    pub score: f32,
}
