//! Why a vector environment cannot be made or stepped.

use super::MOST_ENVS;

/// An invalid number, player or action.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum VectorEnvError {
    /// Number of arenas out of range.
    #[error("num_envs = {0}: allowed: 1 to {MOST_ENVS}")]
    NumEnvs(usize),
    /// No steps.
    #[error("max_episode_steps = 0: allowed: 1 or more")]
    EpisodeLimit,
    /// Another number of players than slots.
    #[error("{given} players for {slots} slots; give one for each")]
    Players {
        /// Players given.
        given: usize,
        /// Slots of the world.
        slots: usize,
    },
    /// The caller plays no slot.
    #[error("no slot is played by the caller; leave one to it")]
    NobodyPlays,
    /// A script that does not exist.
    #[error("scripted: {0} has no hand-written player; choose random, or a trained agent")]
    NoScript(String),
    /// An agent that does not exist.
    #[error(
        "shipped: there is no shipped agent for {0} on this level with these options; choose scripted or random"
    )]
    NoAgent(String),
    /// Actions of another kind.
    #[error("actions of another kind than the world's: {0}")]
    Kind(String),
    /// An action out of range.
    #[error("environment {env}: action {action}: allowed: 0 to {}", .actions - 1)]
    NoSuchAction {
        /// The arena.
        env: usize,
        /// The action.
        action: i64,
        /// Number of actions.
        actions: usize,
    },
    /// An action that is no number.
    #[error("environment {env}: action {name} = {value}: allowed: finite numbers")]
    NotFinite {
        /// The arena.
        env: usize,
        /// The dimension.
        name: String,
        /// The value.
        value: f32,
    },
    /// An array of another size.
    #[error("an array of {given} values: {wanted} are needed")]
    Number {
        /// Values given.
        given: usize,
        /// Values needed.
        wanted: usize,
    },
}
