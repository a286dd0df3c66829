//! The record: what a checkpoint knows of the run around its learner, so that whoever goes on from it, with or without a
//! window, goes on with the record of the run too. It is the checkpoint's `record.json`.

use serde::{Deserialize, Serialize};

use super::metrics::Window;
use crate::learner::checkpoint::{Checkpoint, CheckpointError};

/// Its file.
const FILE: &str = "record.json";

/// How long the appended files were at a checkpoint, in bytes: what follows was written after it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lengths {
    /// Of `metrics.jsonl`.
    pub metrics: u64,
    /// Of `episodes.jsonl`.
    pub episodes: u64,
    /// Of `hints.jsonl`; `None` in checkpoints from before it was told.
    #[serde(default)]
    pub hints: Option<u64>,
}

/// What a run has come to at a checkpoint.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Record {
    /// Of the appended files; `None` where nobody measured.
    pub lengths: Option<Lengths>,
    /// Environment steps recorded since the run began, by all its agents together. The counters of the manifest beside it
    /// are those of its present agent.
    pub env_steps: u64,
    /// Seconds of wall time since the run began, all its parts together.
    pub seconds: f64,
    /// The last episodes.
    pub window: Window,
}

impl Record {
    /// What `checkpoint` knows. One from before records has its steps alone, or what its simulation knew.
    ///
    /// # Errors
    /// [`CheckpointError::Damaged`] when it is not as it was written.
    pub fn of(checkpoint: &Checkpoint) -> Result<Self, CheckpointError> {
        /// What `simulation.json` held before.
        #[derive(Deserialize)]
        struct Earlier {
            lengths: Option<Lengths>,
            window: Option<Window>,
        }
        let damaged = |file: &str, error: serde_json::Error| CheckpointError::Damaged {
            path: checkpoint.path(),
            problem: format!("{file}: {error}"),
        };
        if checkpoint.has(FILE) {
            return serde_json::from_slice(checkpoint.file(FILE)?).map_err(|error| damaged(FILE, error));
        }
        let env_steps = checkpoint.manifest.counters.env_steps;
        let earlier = match checkpoint.has("simulation.json") {
            true => serde_json::from_slice(checkpoint.file("simulation.json")?)
                .map_err(|error| damaged("simulation.json", error))?,
            false => Earlier { lengths: None, window: None },
        };
        let window = earlier.window.unwrap_or_default();
        Ok(Self { lengths: earlier.lengths, env_steps, window, ..Self::default() })
    }

    /// As a file of a checkpoint.
    ///
    /// # Errors
    /// When a number cannot be written.
    pub fn to_file(&self) -> Result<(String, Vec<u8>), serde_json::Error> {
        Ok((FILE.into(), serde_json::to_vec(self)?))
    }
}
