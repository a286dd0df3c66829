//! A run's folder: `config.toml`, `outside.json`, `metrics.jsonl`, `episodes.jsonl`, `hints.jsonl`, `events/`, `seats.json`,
//! `summary.json`, `checkpoint/`.
//!
//! It belongs to one process at a time. A run killed at any moment can be continued by the same command or
//! `--resume`.

mod claim;
mod settings;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::lines::Lines;
use super::record::Lengths;
use super::{RunError, Summary};
use crate::learner::checkpoint::replace_file;
use crate::learner::owner::Owner;
use crate::metrics::run::ENV_STEPS;
use crate::metrics::{Metrics, Sink, TensorBoard};
use crate::worlds::rooms::level::kept;
pub use claim::Claim;
use settings::settings;

const CONFIG: &str = "config.toml";
const SUMMARY: &str = "summary.json";
const OUTSIDE: &str = "outside.json";
/// The folder of TensorBoard's files.
const EVENTS: &str = "events";
/// The appended files.
const LINES: &[&str] = &["metrics.jsonl", "episodes.jsonl", "hints.jsonl"];

/// An open run folder. Lines are appended; everything else is replaced whole.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    owner: Arc<Owner>,
    metrics: Lines,
    episodes: Lines,
    hints: Lines,
    /// Further sinks of metrics.
    sinks: Vec<Box<dyn Sink>>,
    /// The summary of the run being resumed.
    earlier: Option<Summary>,
}

impl RunFolder {
    /// Appends a line to `metrics.jsonl` and flushes it.
    ///
    /// # Errors
    /// [`RunError::Folder`] if writing fails; the line is retried with the next one.
    pub fn metric(&mut self, line: &Metrics) -> Result<(), RunError> {
        let env_steps = line.get(ENV_STEPS).unwrap_or(0.0) as u64;
        let kept = self.metrics.record(env_steps, line);
        let others = self.sinks.iter_mut().map(|sink| {
            sink.record(env_steps, line)?;
            sink.flush()
        });
        let all = std::iter::once(kept).chain(others).fold(Ok(()), std::io::Result::and);
        let flushed = self.flush();
        all.map_err(|error| folder_error(&self.path, error)).and(flushed)
    }

    /// Sends every further line of metrics to `sink` too.
    pub fn add_sink(&mut self, sink: impl Sink + 'static) {
        self.sinks.push(Box::new(sink));
    }

    /// Also writes lines of metrics for TensorBoard from now on, into the folder `events`, and the run's `config`; the run
    /// is at `env_steps`.
    ///
    /// # Errors
    /// [`RunError::Folder`] if writing fails.
    pub fn keep_events(&mut self, env_steps: u64, config: &str) -> Result<(), RunError> {
        let path = self.path.join(EVENTS);
        let begun = || {
            let mut events = TensorBoard::create(&path, env_steps)?;
            // Markdown shows indented lines as they are.
            let text: Vec<String> = config.lines().map(|line| format!("    {line}")).collect();
            events.text("config", &text.join("\n"), env_steps)?;
            events.hparams(&settings(config), env_steps)?;
            Ok(events)
        };
        let events = begun().map_err(|error: std::io::Error| folder_error(&path, error))?;
        self.add_sink(events);
        Ok(())
    }

    /// Appends a line to `episodes.jsonl`.
    ///
    /// # Errors
    /// As [`RunFolder::metric`].
    pub fn episode(&mut self, line: &impl Serialize) -> Result<(), RunError> {
        self.episodes.push(line).map_err(|error| folder_error(&self.path, error))
    }

    /// Appends a line to `hints.jsonl`, which is created with the first feedback.
    ///
    /// # Errors
    /// As [`RunFolder::metric`].
    pub fn hint(&mut self, line: &impl Serialize) -> Result<(), RunError> {
        self.hints.push(line).map_err(|error| folder_error(&self.path, error))
    }

    /// Checks that the folder still exists and is owned by this process.
    ///
    /// # Errors
    /// [`RunError::Owner`].
    pub fn is_there(&self) -> Result<(), RunError> {
        Ok(self.owner.is_there()?)
    }

    /// Writes all pending lines.
    ///
    /// # Errors
    /// As [`RunFolder::metric`].
    pub fn flush(&mut self) -> Result<(), RunError> {
        self.is_there()?;
        let all = [&mut self.metrics, &mut self.episodes, &mut self.hints].map(Lines::flush);
        all.into_iter().collect::<std::io::Result<()>>().map_err(|error| folder_error(&self.path, error))
    }

    /// Why its appended files are permanently incomplete, if they are.
    pub fn broken(&self) -> Option<&str> {
        [&self.metrics, &self.episodes, &self.hints].into_iter().find_map(Lines::broken)
    }

    /// Lengths of the appended files, without pending lines.
    pub fn lengths(&self) -> Lengths {
        Lengths {
            metrics: self.metrics.length(),
            episodes: self.episodes.length(),
            hints: Some(self.hints.length()),
        }
    }

    /// The appended files, to be synced before a checkpoint records their lengths.
    pub fn files(&self) -> Vec<File> {
        [&self.metrics, &self.episodes, &self.hints].into_iter().filter_map(Lines::file).collect()
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces `config.toml`.
    ///
    /// # Errors
    /// [`RunError::Folder`] if writing fails.
    pub fn config(&self, text: &str) -> Result<(), RunError> {
        let path = self.path.join(CONFIG);
        replace_file(&path, text.as_bytes()).map_err(|error| folder_error(&path, error))
    }

    /// Saves the `text` of the run's level in `level.ron`; an existing file stays unless the map has changed.
    ///
    /// # Errors
    /// [`RunError::Folder`] if writing fails.
    pub fn keep_level(&self, text: &str, replaces: bool) -> Result<(), RunError> {
        let path = self.path.join(kept::FILE);
        if path.exists() && !replaces {
            return Ok(());
        }
        replace_file(&path, text.as_bytes()).map_err(|error| folder_error(&path, error))
    }

    /// Replaces `outside.json`, what the run's outside environment is made of.
    ///
    /// # Errors
    /// [`RunError::Folder`] if writing fails.
    pub fn keep_outside(&self, text: &str) -> Result<(), RunError> {
        let path = self.path.join(OUTSIDE);
        replace_file(&path, text.as_bytes()).map_err(|error| folder_error(&path, error))
    }

    /// Replaces `summary.json`. Earlier evaluations of the same agent are kept.
    ///
    /// # Errors
    /// [`RunError::Folder`] if writing fails.
    pub fn summary(&mut self, summary: &mut Summary) -> Result<(), RunError> {
        if let Some(earlier) = &self.earlier {
            summary.keep(earlier);
        }
        let text = serde_json::to_vec_pretty(summary).map_err(|error| folder_error(&self.path, error))?;
        replace_file(&self.path.join(SUMMARY), &text).map_err(|error| folder_error(&self.path, error))
    }

    /// Seconds of the resumed run so far, from its summary.
    pub fn seconds(&self) -> f64 {
        self.earlier.as_ref().map_or(0.0, |earlier| earlier.seconds)
    }

    /// The folder of checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoint")
    }

    /// The lock of the folder, held against other processes.
    pub fn owner(&self) -> Arc<Owner> {
        self.owner.clone()
    }
}

fn folder_error(path: &Path, reason: impl ToString) -> RunError {
    let reason = format!("{}; check the folder, its rights and the free space", reason.to_string());
    RunError::Folder { path: path.display().to_string(), reason }
}
