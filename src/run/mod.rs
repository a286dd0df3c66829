//! Runs without a window: headless training, evaluation, benchmarks, and what they leave on disk.
//!
//! They drive an app that [`app`](crate::app) has composed.

pub mod bench;
pub mod check;
pub mod eval;
pub mod folder;
pub mod frames;
pub mod headless;
mod lines;
pub mod live;
mod metrics;
pub mod minute;
pub mod peers;
mod progress;
pub mod record;
pub mod resume;
mod saving;
pub mod scores;
mod seats;
pub mod sweep;
pub mod ticks;

pub use eval::{EvalSummary, Spread};
pub use folder::{Claim, RunFolder};
pub use headless::{HeadlessSetup, Summary};

/// Why a run cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The learner.
    #[error(transparent)]
    Learner(#[from] crate::learner::LearnerError),
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] crate::learner::CheckpointError),
    /// The run's folder, which is somebody else's.
    #[error(transparent)]
    Owner(#[from] crate::learner::owner::OwnerError),
    /// Its configuration.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// The run's folder.
    #[error("{path}: {reason}")]
    Folder {
        /// The path.
        path: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// All went well but the last save.
    #[error("what was learned last is not saved: {0}")]
    Unsaved(String),
    /// All went well, but lines of its record are lost.
    #[error("what was learned is saved, but the record of the run is not whole: {0}")]
    NotWhole(String),
}
