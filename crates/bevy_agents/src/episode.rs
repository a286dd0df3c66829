//! Finished episodes: a message per episode of an arena, for any number of readers.

use bevy::prelude::*;

use crate::Outcome;
use crate::mdp::{EpisodeEnd, EpisodeSummary};

/// An episode has ended in one arena. Sent in [`SimSystems::Record`](crate::tick::SimSystems::Record) of its
/// last agent step; see [`messages`](crate::messages) for how long it can be read.
#[derive(Message, Debug, Clone, PartialEq)]
pub struct EpisodeFinished {
    /// The entity with its [`AgentSlots`](crate::AgentSlots).
    pub entity: Entity,
    /// Number of that arena.
    pub arena: usize,
    /// Environment steps recorded in the run so far, including those of the last step.
    pub env_steps: u64,
    /// `[slots]`: the undiscounted sum of rewards.
    pub returns: Vec<f32>,
    /// `[slots]`: agent steps played; the same in all slots unless a slot had no controller for a while.
    pub lengths: Vec<u32>,
    /// `[slots]`: the environment's own outcome. Scores are finite.
    pub outcomes: Vec<Outcome>,
    /// `[slots]`: the [`name`](crate::Controller::name) of the controller that played, or `mixed` if it
    /// changed.
    pub controllers: Vec<&'static str>,
    /// Why it ended.
    pub end: EpisodeEnd,
}

impl EpisodeFinished {
    /// Summaries of all slots, in order.
    pub fn summaries(&self) -> impl Iterator<Item = EpisodeSummary> + '_ {
        self.returns.iter().enumerate().map(|(slot, &episode_return)| EpisodeSummary {
            env_steps: self.env_steps,
            arena: self.arena,
            slot,
            controller: self.controllers[slot].to_owned(),
            episode_return,
            episode_length: self.lengths[slot],
            end: self.end,
            success: self.outcomes[slot].success,
            score: self.outcomes[slot].score,
        })
    }
}
