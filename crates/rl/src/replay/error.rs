//! Why a saved replay buffer cannot be loaded.

/// A saved buffer cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Reading or writing failed.
    #[error("replay: {0}")]
    Io(#[from] std::io::Error),
    /// Wrong file type, newer version, damaged, or for another space.
    #[error("replay: {0}; it is damaged or belongs to another run")]
    Unfit(String),
}

impl From<ReplayError> for std::io::Error {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Io(error) => error,
            other => Self::other(other),
        }
    }
}

/// For a file that does not fit, `what` in a few words.
pub(super) fn unfit(what: String) -> ReplayError {
    ReplayError::Unfit(what)
}
