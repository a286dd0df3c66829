//! A run's folder: `config.toml`, `metrics.jsonl`, `episodes.jsonl`, `summary.json`, `checkpoint/`.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::RunError;
use crate::learner::checkpoint::replace_file;

/// An open run folder. Lines are appended; everything else is replaced whole.
pub struct RunFolder {
    path: PathBuf,
    metrics: BufWriter<File>,
    episodes: BufWriter<File>,
}

/// How long the appended files were at a checkpoint, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lengths {
    /// Of `metrics.jsonl`.
    pub metrics: u64,
    /// Of `episodes.jsonl`.
    pub episodes: u64,
}

impl RunFolder {
    /// Makes a new run folder with `config` in it.
    ///
    /// # Errors
    /// [`RunError::Folder`] when it cannot be made or holds a run already.
    pub fn create(path: &Path, config: &str) -> Result<Self, RunError> {
        Self::check_free(path)?;
        fs::create_dir_all(path).map_err(|error| folder_error(path, error))?;
        replace_file(&path.join("config.toml"), config.as_bytes())
            .map_err(|error| folder_error(path, error))?;
        Self::open(path, Some(Lengths::default()))
    }

    /// Whether a new run may begin in `path`.
    ///
    /// # Errors
    /// [`RunError::Folder`] when it holds a run already.
    pub fn check_free(path: &Path) -> Result<(), RunError> {
        if path.join("metrics.jsonl").exists() {
            let reason = "holds a run already; choose another --out, or go on with --resume".to_owned();
            return Err(RunError::Folder { path: path.display().to_string(), reason });
        }
        Ok(())
    }

    /// Opens a run folder to go on with `config`, see [`RunFolder::open`].
    ///
    /// # Errors
    /// As [`RunFolder::open`].
    pub fn resume(path: &Path, config: &str, lengths: Option<Lengths>) -> Result<Self, RunError> {
        let folder = Self::open(path, lengths)?;
        folder.config(config)?;
        Ok(folder)
    }

    /// Replaces `config.toml`.
    ///
    /// # Errors
    /// [`RunError::Folder`] when the disk refuses.
    pub fn config(&self, text: &str) -> Result<(), RunError> {
        let path = self.path.join("config.toml");
        replace_file(&path, text.as_bytes()).map_err(|error| folder_error(&path, error))
    }

    /// Opens a run folder to go on, cutting off what was written after the checkpoint that had `lengths`.
    ///
    /// # Errors
    /// [`RunError::Folder`] when its files cannot be written or are shorter than they were.
    pub fn open(path: &Path, lengths: Option<Lengths>) -> Result<Self, RunError> {
        let append = |name: &str, length: Option<u64>| {
            let file = path.join(name);
            let open = || -> std::io::Result<File> {
                let opened = OpenOptions::new().create(true).append(true).open(&file)?;
                let Some(length) = length else { return Ok(opened) };
                if opened.metadata()?.len() < length {
                    return Err(std::io::Error::other(
                        "is shorter than at the checkpoint; it was changed by hand",
                    ));
                }
                opened.set_len(length)?;
                Ok(opened)
            };
            open().map(BufWriter::new).map_err(|error| folder_error(&file, error))
        };
        Ok(Self {
            path: path.to_owned(),
            metrics: append("metrics.jsonl", lengths.map(|lengths| lengths.metrics))?,
            episodes: append("episodes.jsonl", lengths.map(|lengths| lengths.episodes))?,
        })
    }

    /// Appends a line to `metrics.jsonl`.
    ///
    /// # Errors
    /// [`RunError::Folder`] when the disk refuses.
    pub fn metric(&mut self, line: &impl Serialize) -> Result<(), RunError> {
        // Flushed at once, so that whoever follows the file sees the run live.
        write_line(&mut self.metrics, line)
            .and_then(|()| self.metrics.flush())
            .and_then(|()| self.episodes.flush())
            .map_err(|error| folder_error(&self.path, error))
    }

    /// Appends a line to `episodes.jsonl`.
    ///
    /// # Errors
    /// [`RunError::Folder`] when the disk refuses.
    pub fn episode(&mut self, line: &impl Serialize) -> Result<(), RunError> {
        write_line(&mut self.episodes, line).map_err(|error| folder_error(&self.path, error))
    }

    /// Appends a line to `hints.jsonl`, which is there once somebody has praised or blamed the agent.
    ///
    /// # Errors
    /// [`RunError::Folder`] when the disk refuses.
    pub fn hint(&mut self, line: &impl Serialize) -> Result<(), RunError> {
        let path = self.path.join("hints.jsonl");
        let write = || {
            let mut file = BufWriter::new(OpenOptions::new().create(true).append(true).open(&path)?);
            write_line(&mut file, line)?;
            file.flush()
        };
        write().map_err(|error: std::io::Error| folder_error(&path, error))
    }

    /// Flushes both line files and tells their lengths.
    ///
    /// # Errors
    /// [`RunError::Folder`] when the disk refuses.
    pub fn lengths(&mut self) -> Result<Lengths, RunError> {
        let mut measure = || -> std::io::Result<Lengths> {
            self.metrics.flush()?;
            self.episodes.flush()?;
            // On the disk before a checkpoint counts on them.
            self.metrics.get_ref().sync_data()?;
            self.episodes.get_ref().sync_data()?;
            Ok(Lengths {
                metrics: self.metrics.get_ref().metadata()?.len(),
                episodes: self.episodes.get_ref().metadata()?.len(),
            })
        };
        measure().map_err(|error| folder_error(&self.path, error))
    }

    /// Replaces `summary.json`.
    ///
    /// # Errors
    /// [`RunError::Folder`] when the disk refuses.
    pub fn summary(&mut self, summary: &impl Serialize) -> Result<(), RunError> {
        let text = serde_json::to_vec_pretty(summary).map_err(|error| folder_error(&self.path, error))?;
        replace_file(&self.path.join("summary.json"), &text).map_err(|error| folder_error(&self.path, error))
    }

    /// Where checkpoints go.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoint")
    }
}

fn write_line(file: &mut BufWriter<File>, line: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *file, line)?;
    file.write_all(b"\n")
}

fn folder_error(path: &Path, reason: impl ToString) -> RunError {
    let reason = format!("{}; check the folder, its rights and the free space", reason.to_string());
    RunError::Folder { path: path.display().to_string(), reason }
}
