//! How an episode ends, what it paid, and why it paid.

use serde::{Deserialize, Serialize};

/// Why an episode stopped. Only [`EpisodeEnd::Terminated`] stops bootstrapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EpisodeEnd {
    /// The environment reached a terminal situation: nothing of value follows.
    Terminated,
    /// The episode was cut (time limit, or a person reset it): value would have followed.
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
    /// A term called `name` that pays `weight` `when` something happens.
    pub fn new(name: &str, weight: f32, when: &str) -> Self {
        Self { name: name.to_owned(), weight, when: when.to_owned() }
    }
}

/// One finished episode of one player slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpisodeSummary {
    /// Environment steps recorded in the run by its end, those of the last step included; 0 in files from before it
    /// was told.
    #[serde(default)]
    pub env_steps: u64,
    /// Arena it was played in.
    pub arena: usize,
    /// Player slot.
    pub slot: usize,
    /// Who played it: `learning`, `human`, `frozen`, `scripted`, `random`, or `mixed` when somebody
    /// took over or gave back on the way.
    pub controller: String,
    /// Undiscounted sum of rewards.
    pub episode_return: f32,
    /// Agent steps.
    pub episode_length: u32,
    /// How it ended.
    pub end: EpisodeEnd,
    /// Whether the environment calls it a success (goal reached, match won).
    pub success: bool,
    /// The environment's own score from this slot's side (points for minus against, or 0/1). It is
    /// what people count, not a reward: nothing is learned from it.
    pub score: f32,
}
