//! The record of a run in a checkpoint, `record.json`, so that a resumed run, with or without a window, also
//! continues the run's files.

use serde::{Deserialize, Serialize};

use super::metrics::RollingMetrics;
use crate::learner::checkpoint::{Checkpoint, CheckpointError};

/// Its file.
const FILE: &str = "record.json";

/// Lengths of the appended files at a checkpoint, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lengths {
    /// Of `metrics.jsonl`.
    pub metrics: u64,
    /// Of `episodes.jsonl`.
    pub episodes: u64,
    /// Of `hints.jsonl`; `None` in checkpoints of older versions.
    #[serde(default)]
    pub hints: Option<u64>,
}

/// State of a run at a checkpoint.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Record {
    /// Of the appended files; `None` if unknown.
    pub lengths: Option<Lengths>,
    /// Environment steps recorded since the run began, by all its agents together. The counters of the
    /// manifest are those of the current agent.
    pub env_steps: u64,
    /// Seconds of wall time since the run began, over all its parts.
    pub seconds: f64,
    /// The last episodes.
    pub window: RollingMetrics,
}

impl Record {
    /// The record in `checkpoint`. Older checkpoints without one give their steps, or what their simulation
    /// stored.
    ///
    /// # Errors
    /// [`CheckpointError::Damaged`] if it is damaged.
    pub fn of(checkpoint: &Checkpoint) -> Result<Self, CheckpointError> {
        /// The fields that `simulation.json` had in older versions.
        #[derive(Deserialize)]
        struct Earlier {
            lengths: Option<Lengths>,
            window: Option<RollingMetrics>,
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
    /// If a number cannot be serialized.
    pub fn to_file(&self) -> Result<(String, Vec<u8>), serde_json::Error> {
        Ok((FILE.into(), serde_json::to_vec(self)?))
    }
}
