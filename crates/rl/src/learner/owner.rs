//! Ownership of a folder: one process at a time writes to it, and a dead process never blocks it.
//!
//! A file in the folder is locked for as long as the process that opened it lives; the system releases the
//! lock when the process ends for any reason. The file also marks the folder as made by this program, and
//! says whether it holds a run or a sweep.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::files::{self, ReadError};

/// Why a folder cannot be written to, with the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct OwnerError {
    /// The folder.
    pub path: String,
    /// What is wrong and what to do.
    pub reason: String,
}

/// The locked file.
pub const MARK: &str = ".entropy-arcade";

/// What a folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One run.
    Run,
    /// A sweep: its results, and one folder per run.
    Sweep,
}

impl Kind {
    /// As written in the mark.
    fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Sweep => "sweep",
        }
    }

    /// What the marked folder `path` holds: read from the mark or, if an older version wrote it or the disk
    /// was full, inferred from the contents. `None` without a mark or any contents to infer it from.
    pub fn of(path: &Path) -> Option<Self> {
        if !Owner::has_marked(path) {
            return None;
        }
        let mark = files::read_text(&path.join(MARK), LARGEST_MARK).unwrap_or_default();
        let said = mark.lines().nth(1).unwrap_or_default();
        if let Some(kind) = [Self::Run, Self::Sweep].into_iter().find(|kind| kind.name() == said) {
            return Some(kind);
        }
        if path.join("config.toml").is_file() {
            return Some(Self::Run);
        }
        let is_variant = |name: &String| {
            let runs = entries(&path.join(name)).unwrap_or_default();
            runs.iter().any(|run| run.starts_with("seed-") && path.join(name).join(run).is_dir())
        };
        let there = entries(path).unwrap_or_default();
        let sweep = path.join("results.jsonl").is_file() || there.iter().any(is_variant);
        let run = path.join("checkpoint").is_dir();
        if sweep { Some(Self::Sweep) } else { run.then_some(Self::Run) }
    }

    /// The run folder that contains `path`, if any.
    pub fn run_around(path: &Path) -> Option<PathBuf> {
        let whole = std::path::absolute(path).ok()?;
        let around = whole.ancestors().skip(1).find(|folder| Self::of(folder) == Some(Self::Run));
        around.map(Path::to_owned)
    }
}

/// Maximum size of a mark in bytes.
const LARGEST_MARK: u64 = 1 << 10;

/// Exclusive ownership of a folder while this value lives.
#[derive(Debug)]
pub struct Owner {
    path: PathBuf,
    kind: Kind,
    /// Whether the mark is new.
    fresh: bool,
    _locked: File,
}

impl Drop for Owner {
    /// Removes the mark of a failed start: otherwise the folder would count as this program's even after
    /// others put files there.
    fn drop(&mut self) {
        if self.fresh && entries(&self.path).is_ok_and(|there| there.is_empty()) {
            _ = std::fs::remove_file(self.path.join(MARK));
        }
    }
}

impl Owner {
    /// Claims the existing folder `path` for this process.
    ///
    /// # Errors
    /// [`OwnerError`] if another process owns it (named by its process number), it holds another `kind`, or
    /// it cannot be written to.
    pub fn of(path: &Path, kind: Kind) -> Result<Self, OwnerError> {
        let problem = |reason: String| OwnerError { path: path.display().to_string(), reason };
        check_kind(path, kind)?;
        let unwritable = |error: std::io::Error| problem(format!("{error}; check the folder and its rights"));
        let fresh = !Self::has_marked(path);
        let open =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path.join(MARK));
        let mut file = open.map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let text = files::read_text(&path.join(MARK), LARGEST_MARK).unwrap_or_default();
                let first = text.lines().next().unwrap_or_default();
                let number = first.trim().strip_prefix("process ").unwrap_or("unknown");
                return Err(problem(format!(
                    "is in use by another entropy-arcade (process {number}); close it first or choose another --out"
                )));
            }
            // A file system without locks must not prevent anyone from working.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(unwritable(error)),
        }
        // On a full disk the text is missing, which is harmless.
        _ = file.set_len(0).and_then(|()| file.write_all(own_text(kind).as_bytes()));
        Ok(Self { path: path.to_owned(), kind, fresh, _locked: file })
    }

    /// Gives up the folder and removes a mark that this start added.
    pub fn give_back(self) {
        if self.fresh {
            _ = std::fs::remove_file(self.path.join(MARK));
        }
    }

    /// Checks that the folder still exists and is still owned by this process.
    ///
    /// # Errors
    /// [`OwnerError`] if it was moved, deleted or replaced.
    pub fn is_there(&self) -> Result<(), OwnerError> {
        match files::read_text(&self.path.join(MARK), LARGEST_MARK) {
            Ok(text) if text == own_text(self.kind) || text.is_empty() => Ok(()),
            // Some systems do not allow reading a locked file.
            Err(ReadError::Io(_)) => Ok(()),
            _ => {
                let reason = "no longer exists; put it back".to_owned();
                Err(OwnerError { path: self.path.display().to_string(), reason })
            }
        }
    }

    /// Whether any process, running or not, has marked the folder `path`.
    pub fn has_marked(path: &Path) -> bool {
        path.join(MARK).is_file()
    }
}

fn own_text(kind: Kind) -> String {
    format!("process {}\n{}\n", std::process::id(), kind.name())
}

/// Refuses the folder `path` if it holds something other than `kind`.
///
/// # Errors
/// [`OwnerError`] says what it holds.
pub fn check_kind(path: &Path, kind: Kind) -> Result<(), OwnerError> {
    match Kind::of(path) {
        Some(there) if there != kind => {
            let reason = format!("is the folder of a {}; choose another --out", there.name());
            Err(OwnerError { path: path.display().to_string(), reason })
        }
        _ => Ok(()),
    }
}

/// Refuses the folder `path` if it is inside a run folder, which is reserved for that run's files.
///
/// # Errors
/// [`OwnerError`] names the run.
pub fn check_outside(path: &Path) -> Result<(), OwnerError> {
    let Some(run) = Kind::run_around(path) else { return Ok(()) };
    let reason = format!("is inside the run folder {}; choose another --out", run.display());
    Err(OwnerError { path: path.display().to_string(), reason })
}

/// Whether a running process owns the folder `path`.
pub fn is_in_use(path: &Path) -> bool {
    files::open(&path.join(MARK))
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// The entries of the folder `path`, by name, without the mark; empty if there is no folder.
///
/// # Errors
/// [`OwnerError`] if it is not a folder or cannot be read.
pub fn entries(path: &Path) -> Result<Vec<String>, OwnerError> {
    let problem = |reason: String| OwnerError { path: path.display().to_string(), reason };
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(problem(format!("{error}; choose another --out"))),
    };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name != MARK).collect();
    names.sort();
    Ok(names)
}

/// The error for a folder `path` with files `there` from elsewhere.
pub fn foreign(path: &Path, there: &[String]) -> OwnerError {
    let mut names = there.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    if there.len() > 3 {
        names += ", …";
    }
    let reason = format!("holds other files ({names}); choose another --out, or an empty folder");
    OwnerError { path: path.display().to_string(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_owner_who_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!Owner::has_marked(folder.path()) && !is_in_use(folder.path()));
        let owner = Owner::of(folder.path(), Kind::Run).unwrap();
        let error = Owner::of(folder.path(), Kind::Run).unwrap_err().to_string();
        let expected = format!("is in use by another entropy-arcade (process {})", std::process::id());
        assert!(error.contains(&expected) && error.lines().count() == 1, "{error}");
        assert!(is_in_use(folder.path()) && Owner::has_marked(folder.path()));
        assert!(owner.is_there().is_ok());
        for other in [None, Some("process 1\n")] {
            std::fs::remove_file(folder.path().join(MARK)).unwrap();
            other.into_iter().for_each(|line| std::fs::write(folder.path().join(MARK), line).unwrap());
            assert!(owner.is_there().unwrap_err().to_string().contains("no longer exists"));
            std::fs::write(folder.path().join(MARK), own_text(Kind::Run)).unwrap();
        }
        drop(owner);
        assert!(!is_in_use(folder.path()) && !Owner::has_marked(folder.path()), "nothing came of it");
        let owner = Owner::of(folder.path(), Kind::Run).unwrap();
        std::fs::write(folder.path().join("config.toml"), "").unwrap();
        drop(owner);
        assert!(!is_in_use(folder.path()) && Owner::has_marked(folder.path()));
        assert_eq!(entries(folder.path()).unwrap(), ["config.toml"]);
    }
    #[test]
    fn a_folder_is_for_a_run_or_a_sweep_and_says_so() {
        let place = tempfile::tempdir().unwrap();
        let folder = |name: &str, files: &[&str]| {
            let folder = place.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            for file in files {
                std::fs::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
                std::fs::write(folder.join(file), "").unwrap();
            }
            folder
        };
        let refused = |folder: &Path, kind| Owner::of(folder, kind).unwrap_err().to_string();
        let run = folder("run", &["x"]);
        drop(Owner::of(&run, Kind::Run).unwrap());
        assert!(refused(&run, Kind::Sweep).contains("run: is the folder of a run; choose another --out"));
        let sweep = folder("sweep", &["x"]);
        drop(Owner::of(&sweep, Kind::Sweep).unwrap());
        assert!(refused(&sweep, Kind::Run).contains("sweep: is the folder of a sweep; choose another --out"));
        drop(Owner::of(&sweep, Kind::Sweep).unwrap());
        // Empty marks, as written by older versions.
        for (name, files, kind) in [
            ("begun", &["config.toml"][..], Some(Kind::Run)),
            ("results", &["results.jsonl"], Some(Kind::Sweep)),
            ("cut-off", &["plain/seed-1/config.toml"], Some(Kind::Sweep)),
            ("empty", &[], None),
        ] {
            let folder = folder(name, files);
            assert_eq!(Kind::of(&folder), None);
            std::fs::write(folder.join(MARK), "process 1\n").unwrap();
            assert_eq!(Kind::of(&folder), kind, "{name}");
        }
        assert!(check_outside(&run).is_ok() && check_outside(&sweep.join("plain")).is_ok());
        let error = check_outside(&run.join("checkpoint/x")).unwrap_err().to_string();
        assert!(error.contains("is inside the run folder") && error.lines().count() == 1, "{error}");
    }
}
