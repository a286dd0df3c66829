//! Runs without a window: headless training, evaluation, benchmarks, and what they leave on disk.
//!
//! They drive an app that [`app`](crate::app) has composed.

pub mod bench;
pub mod check;
pub mod eval;
pub mod folder;
pub mod frames;
pub mod headless;
pub mod live;
mod metrics;
pub mod minute;
pub mod peers;
mod progress;
pub mod resume;
pub mod scores;
pub mod sweep;
pub mod ticks;

pub use eval::{EvalSummary, Spread};
pub use folder::RunFolder;
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
}
