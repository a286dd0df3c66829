//! Claiming a run's folder, for a new run or to resume the one in it, before anything in it is changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{CONFIG, LINES, RunFolder, SUMMARY, folder_error};
use crate::files::{self, quoted};
use crate::learner::checkpoint::{self, remove_asides, replace_file};
use crate::learner::owner::{Kind, Owner, check_kind, check_outside, entries, foreign};
use crate::run::lines::{self, Lines};
use crate::run::record::Lengths;
use crate::run::{RunError, assignment};
use crate::worlds::rooms::level::kept;

/// A claimed run folder, still unchanged.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    owner: Owner,
    /// Whether there is a checkpoint to continue from.
    has_checkpoint: bool,
}

impl Claim {
    /// Claims `path` for a new run with `config`. A run with the same `config` that died there before its
    /// first checkpoint is restarted. `program` is the command to which the message adds `--resume`.
    ///
    /// # Errors
    /// [`RunError::Folder`] if it is in use, or holds a run or anything else that would be lost.
    pub fn to_begin(path: &Path, config: &str, program: &str) -> Result<Self, RunError> {
        check_outside(path)?;
        check_kind(path, Kind::Run)?;
        let there = entries(path)?;
        if !there.is_empty() && !is_run(path, config) {
            return Err(foreign(path, &there).into());
        }
        fs::create_dir_all(path).map_err(|error| folder_error(path, error))?;
        let claim = Self::of(path)?;
        let other = begun(path).is_some_and(|begun| begun != config);
        if claim.has_checkpoint || other {
            let what = if claim.has_checkpoint {
                "a run already"
            } else {
                "the beginning of a run with other settings"
            };
            let reason = format!(
                "holds {what}; continue with `{program} --resume {}`, or choose another --out",
                quoted(path)
            );
            // Checked under the lock, and left unchanged.
            claim.owner.give_back();
            return Err(RunError::Folder { path: path.display().to_string(), reason });
        }
        Ok(claim)
    }

    /// Claims the run in `path` to resume it with `config`, or to restart it if it died before its first
    /// checkpoint.
    ///
    /// # Errors
    /// [`RunError::Folder`] if it is in use, [`RunError::Checkpoint`] if there is no run.
    pub fn to_resume(path: &Path, config: &str) -> Result<Self, RunError> {
        if !is_run(path, config) {
            checkpoint::find(path)?;
        }
        Self::of(path)
    }

    /// Claims the folder of a run that writes into `out` and continues from `resume`. A run that died before
    /// its first checkpoint is restarted.
    ///
    /// # Errors
    /// As [`Claim::to_begin`] and [`Claim::to_resume`].
    pub fn for_run(
        out: Option<&Path>,
        resume: &mut Option<PathBuf>,
        config: &str,
        program: &str,
    ) -> Result<Option<Self>, RunError> {
        let Some(path) = out else { return Ok(None) };
        if resume.as_deref() != Some(path) {
            return Self::to_begin(path, config, program).map(Some);
        }
        let claim = Self::to_resume(path, config)?;
        _ = resume.take_if(|_| !claim.has_checkpoint);
        Ok(Some(claim))
    }

    fn of(path: &Path) -> Result<Self, RunError> {
        for name in LINES {
            let file = path.join(name);
            lines::is_there(&file).map_err(|error| {
                let reason = format!("{error}, or choose another --out");
                RunError::Folder { path: file.display().to_string(), reason }
            })?;
        }
        let owner = Owner::of(path, Kind::Run)?;
        Ok(Self { path: path.to_owned(), owner, has_checkpoint: checkpoint::exists(path) })
    }

    /// Whether there is a checkpoint to continue from.
    pub fn has_checkpoint(&self) -> bool {
        self.has_checkpoint
    }

    /// Opens it for a run with `config` (`None` keeps the file). The appended files are cut to the `lengths`
    /// of the checkpoint; without a checkpoint they are emptied.
    ///
    /// # Errors
    /// [`RunError::Folder`] if its files cannot be written.
    pub fn open(self, config: Option<&str>, lengths: Option<Lengths>) -> Result<RunFolder, RunError> {
        let Self { path, owner, has_checkpoint } = self;
        let checkpoints = path.join("checkpoint");
        checkpoint::remove_leftovers(&checkpoints);
        remove_asides(&checkpoints, &["latest"]);
        remove_asides(&path, &[CONFIG, SUMMARY, kept::FILE, assignment::FILE]);
        let lengths =
            if has_checkpoint { lengths } else { Some(Lengths { hints: Some(0), ..Lengths::default() }) };
        if let Some(config) = config {
            let file = path.join(CONFIG);
            replace_file(&file, config.as_bytes()).map_err(|error| folder_error(&file, error))?;
        }
        let open = |name: &str, length: Option<u64>| {
            let file = path.join(name);
            Lines::open(file.clone(), length).map_err(|error| folder_error(&file, error))
        };
        let text = files::read(&path.join(SUMMARY), files::LARGEST_TEXT).ok().filter(|_| has_checkpoint);
        Ok(RunFolder {
            metrics: open(LINES[0], lengths.map(|lengths| lengths.metrics))?,
            episodes: open(LINES[1], lengths.map(|lengths| lengths.episodes))?,
            hints: open(LINES[2], lengths.and_then(|lengths| lengths.hints))?,
            earlier: text.and_then(|text| serde_json::from_slice(&text).ok()),
            sinks: Vec::new(),
            owner: Arc::new(owner),
            path,
        })
    }
}

/// The configuration with which a run in `path` was started.
fn begun(path: &Path) -> Option<String> {
    files::read_text(&path.join(CONFIG), files::LARGEST_TEXT).ok()
}

/// Whether `path` was written by this program: it has the mark, a checkpoint, or a start with `config`.
fn is_run(path: &Path, config: &str) -> bool {
    Owner::has_marked(path)
        || checkpoint::find(path).is_ok()
        || begun(path).is_some_and(|begun| begun == config)
}
