//! Sinks: destinations of metric records, such as a file, a terminal or a service.

use std::fmt::Debug;
use std::io;

use super::Metrics;

/// Receives metric records.
pub trait Sink: Debug + Send + Sync {
    /// Receives the record measured at `env_steps`.
    ///
    /// # Errors
    /// The system's error; the next record is attempted regardless.
    fn record(&mut self, env_steps: u64, metrics: &Metrics) -> io::Result<()>;

    /// Writes pending records.
    ///
    /// # Errors
    /// The system's error.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
