//! A run's folder: `config.toml`, `metrics.jsonl`, `episodes.jsonl`, `hints.jsonl`, `seats.json`, `summary.json`, `checkpoint/`.
//!
//! It belongs to one program at a time. Whatever a run has written when it dies, the same command and `--resume` go on.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::lines::{self, Lines};
use super::record::Lengths;
use super::{RunError, Summary, seats};
use crate::files;
use crate::learner::checkpoint::{self, remove_asides, replace_file};
use crate::learner::owner::{Kind, Owner, check_kind, check_outside, entries, foreign};
use crate::sim::level::kept;

const CONFIG: &str = "config.toml";
const SUMMARY: &str = "summary.json";
/// The files of lines.
const LINES: [&str; 3] = ["metrics.jsonl", "episodes.jsonl", "hints.jsonl"];

/// A run folder that is this program's own, in which nothing has changed yet.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    owner: Owner,
    /// Whether there is a checkpoint to go on from.
    goes_on: bool,
}

impl Claim {
    /// Claims `path` for a new run with `config`. One that died there before its first checkpoint, with the same
    /// `config`, is begun again. `program` is the command that `--resume` would be added to, for the message.
    ///
    /// # Errors
    /// [`RunError::Folder`] when it is in use, or holds a run or anything else that would be lost.
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
        if claim.goes_on || other {
            let what =
                if claim.goes_on { "a run already" } else { "the beginning of a run with other settings" };
            let reason = format!(
                "holds {what}; go on with `{program} --resume {}`, or choose another --out",
                quoted(path)
            );
            // Looked at under the lock, and left as it was.
            claim.owner.give_back();
            return Err(RunError::Folder { path: path.display().to_string(), reason });
        }
        Ok(claim)
    }

    /// Claims the run in `path` to go on with it as `config` says, or to begin it again where it died before its first
    /// checkpoint.
    ///
    /// # Errors
    /// [`RunError::Folder`] when it is in use, [`RunError::Checkpoint`] when no run is there.
    pub fn to_resume(path: &Path, config: &str) -> Result<Self, RunError> {
        if !is_run(path, config) {
            checkpoint::find(path)?;
        }
        Self::of(path)
    }

    /// Claims the folder of a run that writes into `out` and goes on from `resume`; nothing is gone on from where the
    /// run there died before its first checkpoint.
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
        _ = resume.take_if(|_| !claim.goes_on);
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
        Ok(Self { path: path.to_owned(), owner, goes_on: checkpoint::exists(path) })
    }

    /// Whether there is a checkpoint to go on from.
    pub fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// Opens it for a run with `config`, which is left as it is where that is `None`, without what was written after the checkpoint that had `lengths`; where there
    /// is no checkpoint, without all that was written.
    ///
    /// # Errors
    /// [`RunError::Folder`] when its files cannot be written.
    pub fn open(self, config: Option<&str>, lengths: Option<Lengths>) -> Result<RunFolder, RunError> {
        let Self { path, owner, goes_on } = self;
        let checkpoints = path.join("checkpoint");
        checkpoint::remove_leftovers(&checkpoints);
        remove_asides(&checkpoints, &["latest"]);
        remove_asides(&path, &[CONFIG, SUMMARY, kept::FILE, seats::FILE]);
        let lengths = if goes_on { lengths } else { Some(Lengths { hints: Some(0), ..Lengths::default() }) };
        if let Some(config) = config {
            let file = path.join(CONFIG);
            replace_file(&file, config.as_bytes()).map_err(|error| folder_error(&file, error))?;
        }
        let open = |name: &str, length: Option<u64>| {
            let file = path.join(name);
            Lines::open(file.clone(), length).map_err(|error| folder_error(&file, error))
        };
        let text = files::read(&path.join(SUMMARY), files::LARGEST_TEXT).ok().filter(|_| goes_on);
        Ok(RunFolder {
            metrics: open(LINES[0], lengths.map(|lengths| lengths.metrics))?,
            episodes: open(LINES[1], lengths.map(|lengths| lengths.episodes))?,
            hints: open(LINES[2], lengths.and_then(|lengths| lengths.hints))?,
            earlier: text.and_then(|text| serde_json::from_slice(&text).ok()),
            owner: Arc::new(owner),
            path,
        })
    }
}

/// The configuration that a run in `path` has begun with.
fn begun(path: &Path) -> Option<String> {
    files::read_text(&path.join(CONFIG), files::LARGEST_TEXT).ok()
}

/// Whether this program has made what lies in `path`: it says so, has a checkpoint, or begins as `config` says.
fn is_run(path: &Path, config: &str) -> bool {
    Owner::has_marked(path)
        || checkpoint::find(path).is_ok()
        || begun(path).is_some_and(|begun| begun == config)
}

/// As a shell takes it.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%,:=".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// An open run folder. Lines are appended; everything else is replaced whole.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    owner: Arc<Owner>,
    metrics: Lines,
    episodes: Lines,
    hints: Lines,
    /// The summary of the run that is gone on with.
    earlier: Option<Summary>,
}

impl RunFolder {
    /// Appends a line to `metrics.jsonl`, which whoever follows it sees at once.
    ///
    /// # Errors
    /// [`RunError::Folder`] when the disk refuses; the line waits for the next one.
    pub fn metric(&mut self, line: &impl Serialize) -> Result<(), RunError> {
        self.metrics.push(line).map_err(|error| folder_error(&self.path, error))?;
        self.flush()
    }

    /// Appends a line to `episodes.jsonl`.
    ///
    /// # Errors
    /// As [`RunFolder::metric`].
    pub fn episode(&mut self, line: &impl Serialize) -> Result<(), RunError> {
        self.episodes.push(line).map_err(|error| folder_error(&self.path, error))
    }

    /// Appends a line to `hints.jsonl`, which is there once somebody has praised or blamed the agent.
    ///
    /// # Errors
    /// As [`RunFolder::metric`].
    pub fn hint(&mut self, line: &impl Serialize) -> Result<(), RunError> {
        self.hints.push(line).map_err(|error| folder_error(&self.path, error))
    }

    /// Whether it is still there, and this program's own: what is written elsewhere is lost.
    ///
    /// # Errors
    /// [`RunError::Owner`].
    pub fn is_there(&self) -> Result<(), RunError> {
        Ok(self.owner.is_there()?)
    }

    /// Writes all lines that wait.
    ///
    /// # Errors
    /// As [`RunFolder::metric`].
    pub fn flush(&mut self) -> Result<(), RunError> {
        self.is_there()?;
        let all = [&mut self.metrics, &mut self.episodes, &mut self.hints].map(Lines::flush);
        all.into_iter().collect::<std::io::Result<()>>().map_err(|error| folder_error(&self.path, error))
    }

    /// Why its files of lines are not whole, whatever is written from now on.
    pub fn broken(&self) -> Option<&str> {
        [&self.metrics, &self.episodes, &self.hints].into_iter().find_map(Lines::broken)
    }

    /// How long the files of lines are, without lines that still wait.
    pub fn lengths(&self) -> Lengths {
        Lengths {
            metrics: self.metrics.length(),
            episodes: self.episodes.length(),
            hints: Some(self.hints.length()),
        }
    }

    /// The files of lines, to be brought to the disk before a checkpoint counts on their lengths.
    pub fn files(&self) -> Vec<File> {
        [&self.metrics, &self.episodes, &self.hints].into_iter().filter_map(Lines::file).collect()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces `config.toml`.
    ///
    /// # Errors
    /// [`RunError::Folder`] when the disk refuses.
    pub fn config(&self, text: &str) -> Result<(), RunError> {
        let path = self.path.join(CONFIG);
        replace_file(&path, text.as_bytes()).map_err(|error| folder_error(&path, error))
    }

    /// Keeps the `text` of the run's level in `level.ron`; what lies there already stays, or is replaced where the run
    /// has another map by now.
    ///
    /// # Errors
    /// [`RunError::Folder`] when the disk refuses.
    pub fn keep_level(&self, text: &str, replaces: bool) -> Result<(), RunError> {
        let path = self.path.join(kept::FILE);
        if path.exists() && !replaces {
            return Ok(());
        }
        replace_file(&path, text.as_bytes()).map_err(|error| folder_error(&path, error))
    }

    /// Replaces `summary.json`. Evaluations of the same agent that were made earlier are not lost.
    ///
    /// # Errors
    /// [`RunError::Folder`] when the disk refuses.
    pub fn summary(&mut self, summary: &mut Summary) -> Result<(), RunError> {
        if let Some(earlier) = &self.earlier {
            summary.keep(earlier);
        }
        let text = serde_json::to_vec_pretty(summary).map_err(|error| folder_error(&self.path, error))?;
        replace_file(&self.path.join(SUMMARY), &text).map_err(|error| folder_error(&self.path, error))
    }

    /// Seconds that the run which is gone on with took by its summary.
    pub fn seconds(&self) -> f64 {
        self.earlier.as_ref().map_or(0.0, |earlier| earlier.seconds)
    }

    /// Where checkpoints go.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoint")
    }

    /// Keeps other programs away for as long as it is held.
    pub fn owner(&self) -> Arc<Owner> {
        self.owner.clone()
    }
}

fn folder_error(path: &Path, reason: impl ToString) -> RunError {
    let reason = format!("{}; check the folder, its rights and the free space", reason.to_string());
    RunError::Folder { path: path.display().to_string(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG_TEXT: &str = "env = \"cartpole\"\n";

    fn begin(path: &Path, config: &str) -> Result<Claim, String> {
        Claim::to_begin(path, config, "entropy-arcade").map_err(|error| error.to_string())
    }

    #[test]
    fn what_somebody_else_has_written_stays_and_is_named() {
        for names in [&["config.toml"][..], &["summary.json"], &["episodes.jsonl", "hints.jsonl"], &["a.txt"]]
        {
            let folder = tempfile::tempdir().unwrap();
            for name in names {
                fs::write(folder.path().join(name), "mine\n").unwrap();
            }
            fs::create_dir(folder.path().join("checkpoint")).unwrap();
            fs::write(folder.path().join("checkpoint/latest"), "mine").unwrap();
            let error = begin(folder.path(), CONFIG_TEXT).unwrap_err();
            assert!(error.contains(names[0]) && error.contains("choose another --out"), "{error}");
            assert_eq!(entries(folder.path()).unwrap().len(), names.len() + 1);
            assert!(!Owner::has_marked(folder.path()), "not even a mark");
            // Nor does a start leave one that comes to nothing.
            let elsewhere = tempfile::tempdir().unwrap();
            drop(begin(elsewhere.path(), CONFIG_TEXT).unwrap());
            fs::write(elsewhere.path().join(names[0]), "mine\n").unwrap();
            assert!(begin(elsewhere.path(), CONFIG_TEXT).unwrap_err().contains(names[0]));
            for name in names {
                assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), "mine\n");
            }
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(begin(file.path(), CONFIG_TEXT).unwrap_err().contains("choose another --out"));
    }

    /// A run that died leaves the mark, then its configuration, then lines; all of that before its first checkpoint.
    #[test]
    fn a_run_that_died_before_its_first_checkpoint_is_begun_again_by_both_commands() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a run");
        drop(begin(&path, CONFIG_TEXT).unwrap());
        let again: [fn(&Path) -> Result<Claim, String>; 2] = [
            |path| begin(path, CONFIG_TEXT),
            |path| Claim::to_resume(path, CONFIG_TEXT).map_err(|error| error.to_string()),
        ];
        for again in again {
            let claim = again(&path).unwrap();
            assert!(!claim.goes_on());
            let mut run = claim.open(Some(CONFIG_TEXT), None).unwrap();
            assert_eq!(run.lengths(), Lengths { hints: Some(0), ..Lengths::default() });
            run.episode(&1).unwrap();
            run.metric(&2).unwrap();
            fs::create_dir_all(run.checkpoints().join(".new-000000000600")).unwrap();
            fs::write(path.join(".config.toml.new"), "half").unwrap();
            assert!(again(&path).unwrap_err().contains("is in use by another entropy-arcade (process"));
        }
        let error = begin(&path, "env = \"tag\"\n").unwrap_err();
        let command = format!("go on with `entropy-arcade --resume '{}'`", path.display());
        assert!(error.contains("other settings") && error.contains(&command), "{error}");
        let run = begin(&path, CONFIG_TEXT).unwrap().open(Some(CONFIG_TEXT), None).unwrap();
        assert_eq!(entries(&path).unwrap(), ["checkpoint", "config.toml", "episodes.jsonl", "metrics.jsonl"]);
        assert_eq!(fs::read_dir(run.checkpoints()).unwrap().count(), 0);
    }

    #[test]
    fn nothing_is_begun_within_a_run_or_in_the_folder_of_a_sweep() {
        let place = tempfile::tempdir().unwrap();
        let run = place.path().join("run");
        let open = begin(&run, CONFIG_TEXT).unwrap().open(Some(CONFIG_TEXT), None).unwrap();
        fs::create_dir(open.checkpoints()).unwrap();
        fs::write(open.checkpoints().join("latest"), "000000000000").unwrap();
        drop(open);
        let error = begin(&run.join("checkpoint"), CONFIG_TEXT).unwrap_err();
        assert!(
            error.contains("lies in the folder of the run") && error.contains("choose another"),
            "{error}"
        );
        assert!(!Owner::has_marked(&run.join("checkpoint")), "not even a mark");
        let sweep = place.path().join("sweep");
        fs::create_dir_all(sweep.join("plain/seed-1")).unwrap();
        drop(Owner::of(&sweep, Kind::Sweep).unwrap());
        let error = begin(&sweep, CONFIG_TEXT).unwrap_err();
        assert!(error.contains("is the folder of a sweep"), "{error}");
        assert!(begin(&sweep.join("plain/seed-1"), CONFIG_TEXT).is_ok());
    }

    #[test]
    fn a_folder_in_the_place_of_lines_is_refused_before_anything_is_written() {
        let path = tempfile::tempdir().unwrap();
        drop(begin(path.path(), CONFIG_TEXT).unwrap().open(Some(CONFIG_TEXT), None).unwrap());
        fs::create_dir(path.path().join("metrics.jsonl")).unwrap();
        let error = begin(path.path(), CONFIG_TEXT).unwrap_err();
        let expected = "metrics.jsonl: not a regular file; move it away, or choose another --out";
        assert!(error.contains(expected), "{error}");
    }

    /// One of an older program, which has no mark, is refused without one.
    #[test]
    fn a_refused_start_leaves_no_mark_in_a_run() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = folder.path().join("checkpoint/000000000100");
        fs::create_dir_all(&checkpoint).unwrap();
        fs::write(checkpoint.join("manifest.json"), "{}").unwrap();
        fs::write(folder.path().join("config.toml"), CONFIG_TEXT).unwrap();
        let error = begin(folder.path(), CONFIG_TEXT).unwrap_err();
        assert!(error.contains("holds a run already") && !Owner::has_marked(folder.path()), "{error}");
    }

    #[test]
    fn only_a_run_is_resumed_and_a_folder_without_one_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.toml"), "title = \"my site\"\n").unwrap();
        let error = Claim::to_resume(folder.path(), CONFIG_TEXT).unwrap_err().to_string();
        assert!(error.contains("no checkpoint there"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
