//! Atomic replacement of files: written aside, flushed and renamed, so that none is ever incomplete.
//!
//! The temporary file gets an unused name, so that no existing file is lost.

use std::fs::{self, File};
use std::io::{Error, ErrorKind, Result, Write};
use std::path::{Path, PathBuf};

/// Ending of the names of temporary files.
const ASIDE: &str = ".new";

/// Creates or replaces the file at `path`.
///
/// # Errors
/// The system's error; the old file stays.
pub fn replace_file(path: &Path, content: &[u8]) -> Result<()> {
    let aside = write_aside(path, content)?;
    fs::rename(&aside, path).inspect_err(|_| _ = fs::remove_file(&aside))?;
    path.parent().into_iter().for_each(flush_folder);
    Ok(())
}

/// Creates the file at `path` if there is none.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`] if the name is taken; otherwise the system's error.
pub fn new_file(path: &Path, content: &[u8]) -> Result<()> {
    let taken = || Err(Error::new(ErrorKind::AlreadyExists, "there is a file of that name already"));
    if path.symlink_metadata().is_ok() {
        return taken();
    }
    let aside = write_aside(path, content)?;
    // A hard link: unlike renaming, it never replaces a file.
    let made = match fs::hard_link(&aside, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => taken(),
        // Not every file system has hard links.
        Err(_) => fs::rename(&aside, path),
        Ok(()) => Ok(()),
    };
    _ = fs::remove_file(&aside);
    made?;
    path.parent().into_iter().for_each(flush_folder);
    Ok(())
}

/// Removes temporary files that a dead process left of the files `names` in `folder`. Only for folders that
/// no other process writes to.
pub fn remove_asides(folder: &Path, names: &[&str]) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(of) = name.to_str().and_then(|name| name.strip_prefix('.')?.strip_suffix(ASIDE)) else {
            continue;
        };
        let numbered = |rest: &str| rest.is_empty() || rest.strip_prefix('.').is_some_and(is_number);
        if names.iter().any(|name| of.strip_prefix(name).is_some_and(numbered)) {
            _ = fs::remove_file(entry.path());
        }
    }
}

/// Flushes a folder's entries to disk, on systems that support it.
pub(super) fn flush_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        _ = folder.sync_all();
    }
}

pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Writes `content` beside `path` and flushes it; removed again on failure.
fn write_aside(path: &Path, content: &[u8]) -> Result<PathBuf> {
    let (aside, mut file) = open_aside(path)?;
    file.write_all(content).and_then(|()| file.sync_all()).inspect_err(|_| _ = fs::remove_file(&aside))?;
    Ok(aside)
}

/// A new temporary file beside `path`: `.name.new`, or `.name.1.new` and so on if that is taken.
fn open_aside(path: &Path) -> Result<(PathBuf, File)> {
    let name =
        path.file_name().ok_or_else(|| Error::new(ErrorKind::InvalidInput, "not the name of a file"))?;
    let name = name.to_string_lossy();
    for again in 0..1000 {
        let number = if again == 0 { String::new() } else { format!(".{again}") };
        let aside = path.with_file_name(format!(".{name}{number}{ASIDE}"));
        match File::create_new(&aside) {
            Ok(file) => return Ok((aside, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::new(ErrorKind::AlreadyExists, format!("too many files called .{name}…{ASIDE}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighboring_files_stay_and_nothing_is_left_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.ron");
        let beside = ["mine.new", ".mine.ron.new", "mine.ron.new", ".mine.ron.1.new"];
        for name in beside {
            fs::write(folder.path().join(name), name).unwrap();
        }
        replace_file(&path, b"one").unwrap();
        replace_file(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        for name in beside {
            assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), name);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5);
        // Only temporary files are removed.
        remove_asides(folder.path(), &["mine.ron", "config.toml"]);
        let left = |name: &str| folder.path().join(name).exists();
        assert_eq!(beside.map(left), [true, false, true, false]);
    }

    #[test]
    fn a_new_file_never_replaces_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("level.ron");
        new_file(&path, b"one").unwrap();
        assert_eq!(new_file(&path, b"two").unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert!(replace_file(&folder.path().join("no/such/x"), b"x").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
