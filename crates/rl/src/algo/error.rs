//! Errors of an algorithm.

use crate::nn::NetworkError;

/// An error of an algorithm.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TrainError {
    /// A configuration value out of range.
    #[error("{key} = {value}: allowed: {allowed}")]
    Config {
        /// Dotted key as in the configuration file.
        key: &'static str,
        /// The offending value.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A setting that is fixed once training has begun.
    #[error(
        "{key} = {value}: it was {before} when training began; allowed: {allowed}, others need fresh networks"
    )]
    Begun {
        /// Dotted key as in the configuration file.
        key: &'static str,
        /// The refused value.
        value: String,
        /// Its original value.
        before: String,
        /// What is allowed.
        allowed: String,
    },
    /// A network cannot be created, read or evaluated.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A batch that does not fit the networks.
    #[error("the batch {problem}")]
    Batch {
        /// What is wrong with it.
        problem: String,
    },
    /// A loss or a parameter is no longer finite.
    #[error("{what} is not finite at gradient step {gradient_steps}")]
    NotFinite {
        /// Which quantity.
        what: &'static str,
        /// When.
        gradient_steps: u64,
    },
}
