//! Errors of creating, loading or computing a network.

/// An error of a network.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NetworkError {
    /// A value of a network's settings out of range.
    #[error("{key} = {value}: allowed: {allowed}")]
    Config {
        /// Dotted key, with the algorithm's table as prefix after [`NetworkError::within`].
        key: String,
        /// The offending value.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// Too few or too many features.
    #[error("an observation has {0} features: allowed: 1 to 65535")]
    Features(usize),
    /// Saved parameters do not fit the network.
    #[error("tensor `{name}`: {problem}; the checkpoint belongs to another network or is damaged")]
    Tensor {
        /// Name of the tensor.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The device failed.
    #[error("the device failed: {0}")]
    Device(String),
}

impl NetworkError {
    /// The same error for settings in `table` of a configuration.
    #[must_use]
    pub fn within(self, table: &str) -> Self {
        match self {
            Self::Config { key, value, allowed } => {
                Self::Config { key: format!("{table}.{key}"), value, allowed }
            }
            other => other,
        }
    }
}
