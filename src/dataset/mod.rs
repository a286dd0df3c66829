//! Datasets of episodes, in the arrow format of Minari: what people, scripts and agents played, for agents to learn from,
//! here and in Python.
//!
//! A dataset is a folder with `data/metadata.json` and, for episode number N, `data/N/part-0.arrow` and
//! `data/N/metadata.json`. In an arrow file of `T` steps there are `T + 1` rows: the last one has the final observation,
//! and its action, reward and flags are padding (Minari 0.5.4).

mod arrow_file;
mod columns;
mod read;
mod recorder;
mod spaces;
#[cfg(test)]
mod tests;
mod write;

pub use read::{read, steps};
pub use recorder::{EpisodeRecorder, plugin};
pub use write::DatasetWriter;

use crate::mdp::{ActionBatch, EpisodeEnd, ObservationBatch};

/// One episode of one player.
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    /// `T + 1` observations, the last one is final.
    pub observations: ObservationBatch,
    /// `T` actions.
    pub actions: ActionBatch,
    /// `T` rewards.
    pub rewards: Vec<f32>,
    /// How it ended.
    pub end: EpisodeEnd,
}

/// Why a dataset cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// A file of it.
    #[error(
        "{path}: cannot be read ({reason}); give the folder of a Minari dataset, with data/metadata.json in it"
    )]
    Unreadable {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// It is of another world, or of a kind that is not read here.
    #[error("{path}: {problem}")]
    Unfit {
        /// The file.
        path: String,
        /// What differs, and the remedy.
        problem: String,
    },
    /// Something else is there already.
    #[error("{0}: exists already; choose another folder")]
    Exists(String),
    /// It cannot be written.
    #[error("{path}: cannot be written ({reason}); check the folder and the space on its disk")]
    Unwritable {
        /// The file.
        path: String,
        /// The system's message.
        reason: String,
    },
}
