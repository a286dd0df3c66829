//! Runs: headless training, evaluation, benchmarks, and what they leave on disk.

mod assignment;
pub mod bench;
pub mod check;
pub mod compose;
pub mod earlier;
pub mod eval;
pub mod figures;
pub mod folder;
pub mod frames;
pub mod headless;
mod lines;
pub mod live;
mod metrics;
pub mod minute;
pub mod peers;
pub mod picture;
mod progress;
pub mod record;
pub mod recording;
mod saving;
pub mod scores;
pub mod sessions;
pub mod sweep;
pub mod ticks;
mod value_errors;
pub mod vector_env;

pub use check::{check_world, fingerprint};
pub use compose::{headless_app, random_app};
pub use eval::{EvalSummary, Spread, evaluate, evaluate_player};
pub use folder::{Claim, RunFolder};
pub use headless::{Summary, train};
pub use value_errors::{SoftValues, ValueErrors, value_errors};
pub use vector_env::{Actions, Autoreset, Lineup, Seen, VectorEnv, VectorEnvConfig, VectorEnvError};

/// Why a run cannot start or continue.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The learner.
    #[error(transparent)]
    Learner(#[from] crate::learner::LearnerError),
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] crate::learner::CheckpointError),
    /// The run's folder belongs to another process or program.
    #[error(transparent)]
    Owner(#[from] crate::learner::owner::OwnerError),
    /// Its configuration.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// Its experiment.
    #[error(transparent)]
    Experiment(#[from] crate::experiment::ExperimentError),
    /// A dataset of episodes.
    #[error(transparent)]
    Dataset(#[from] crate::dataset::DatasetError),
    /// Its environment, which runs in another process.
    #[error("{0}")]
    Environment(String),
    /// The run's folder.
    #[error("{path}: {reason}")]
    Folder {
        /// The path.
        path: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// Everything succeeded except the last save.
    #[error("the latest progress is not saved: {0}")]
    Unsaved(String),
    /// Everything succeeded, but lines of its record are lost.
    #[error("progress is saved, but the record of the run is incomplete: {0}")]
    NotWhole(String),
}
