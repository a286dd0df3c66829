//! Who writes into a folder: one program at a time, and never one that has died.
//!
//! A file in the folder is locked for as long as the program lives that opened it; the system lets go of it when that
//! dies, however it dies. The file also marks the folder as made by this program.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::files::{self, ReadError};

/// Why a folder cannot be written into, with what to do.
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
/// Bytes that it has at most.
const LONGEST_MARK: u64 = 1024;

/// A folder that nobody else writes into while this is there.
#[derive(Debug)]
pub struct Owner {
    path: PathBuf,
    /// Whether the mark was not there before.
    fresh: bool,
    _locked: File,
}

impl Drop for Owner {
    /// Nothing is left of a start that came to nothing: a mark alone would take a folder for this program's that others
    /// then put their files in.
    fn drop(&mut self) {
        if self.fresh && entries(&self.path).is_ok_and(|there| there.is_empty()) {
            _ = std::fs::remove_file(self.path.join(MARK));
        }
    }
}

impl Owner {
    /// Makes the existing folder `path` this program's own.
    ///
    /// # Errors
    /// [`OwnerError`] when it is another program's, named by its process number, or cannot be written.
    pub fn of(path: &Path) -> Result<Self, OwnerError> {
        let problem = |reason: String| OwnerError { path: path.display().to_string(), reason };
        let unwritable = |error: std::io::Error| problem(format!("{error}; check the folder and its rights"));
        let fresh = !Self::has_marked(path);
        let open =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path.join(MARK));
        let mut file = open.map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let text = files::read_text(&path.join(MARK), LONGEST_MARK).unwrap_or_default();
                let number = text.trim().strip_prefix("process ").unwrap_or("unknown");
                return Err(problem(format!(
                    "is in use by another entropy-arcade (process {number}); close it first or choose another --out"
                )));
            }
            // A file system without locks must not keep anybody from working.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(unwritable(error)),
        }
        // On a full disk the number is missing, which harms nobody.
        _ = file.set_len(0).and_then(|()| file.write_all(own_line().as_bytes()));
        Ok(Self { path: path.to_owned(), fresh, _locked: file })
    }

    /// Whether the folder is still where it was, and still this program's own.
    ///
    /// # Errors
    /// [`OwnerError`] when it was moved or deleted, or another one has taken its place.
    pub fn is_there(&self) -> Result<(), OwnerError> {
        match files::read_text(&self.path.join(MARK), LONGEST_MARK) {
            Ok(line) if line == own_line() || line.is_empty() => Ok(()),
            // Some systems let nobody read what is locked.
            Err(ReadError::Io(_)) => Ok(()),
            _ => {
                let reason = "is not there any more; put it back where it was".to_owned();
                Err(OwnerError { path: self.path.display().to_string(), reason })
            }
        }
    }

    /// Whether a program has made the folder `path` its own, be it alive or not.
    pub fn has_marked(path: &Path) -> bool {
        path.join(MARK).is_file()
    }
}

fn own_line() -> String {
    format!("process {}\n", std::process::id())
}

/// Whether a living program writes into the folder `path`.
pub fn is_in_use(path: &Path) -> bool {
    files::open(&path.join(MARK))
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// What lies in the folder `path`, by name; nothing where there is no folder. The mark does not count.
///
/// # Errors
/// [`OwnerError`] when it is no folder or cannot be read.
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

/// Says that the folder `path` is somebody else's, because `there` lies in it.
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
        let owner = Owner::of(folder.path()).unwrap();
        let error = Owner::of(folder.path()).unwrap_err().to_string();
        let expected = format!("is in use by another entropy-arcade (process {})", std::process::id());
        assert!(error.contains(&expected) && error.lines().count() == 1, "{error}");
        assert!(is_in_use(folder.path()) && Owner::has_marked(folder.path()));
        assert!(owner.is_there().is_ok());
        for other in [None, Some("process 1\n")] {
            std::fs::remove_file(folder.path().join(MARK)).unwrap();
            other.into_iter().for_each(|line| std::fs::write(folder.path().join(MARK), line).unwrap());
            assert!(owner.is_there().unwrap_err().to_string().contains("is not there any more"));
            std::fs::write(folder.path().join(MARK), own_line()).unwrap();
        }
        drop(owner);
        assert!(!is_in_use(folder.path()) && !Owner::has_marked(folder.path()), "nothing came of it");
        let owner = Owner::of(folder.path()).unwrap();
        std::fs::write(folder.path().join("config.toml"), "").unwrap();
        drop(owner);
        assert!(!is_in_use(folder.path()) && Owner::has_marked(folder.path()));
        assert_eq!(entries(folder.path()).unwrap(), ["config.toml"]);
    }
}
