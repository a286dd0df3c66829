//! Files as a whole: written aside, flushed and renamed, so that none is ever there in part.
//!
//! What is written aside gets a name that nothing has yet: no file of anybody's is lost by it.

use std::fs::{self, File};
use std::io::{Error, ErrorKind, Result, Write};
use std::path::{Path, PathBuf};

/// Ending of the names that files have until they are whole.
const ASIDE: &str = ".new";

/// Replaces the file at `path`, or makes it.
///
/// # Errors
/// The system's error; the old file stays.
pub fn replace_file(path: &Path, content: &[u8]) -> Result<()> {
    let aside = write_aside(path, content)?;
    fs::rename(&aside, path).inspect_err(|_| _ = fs::remove_file(&aside))?;
    path.parent().into_iter().for_each(flush_folder);
    Ok(())
}

/// Makes the file at `path`, where there is none.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`] when something has that name, which stays; or the system's error.
pub fn new_file(path: &Path, content: &[u8]) -> Result<()> {
    let taken = || Err(Error::new(ErrorKind::AlreadyExists, "there is a file of that name already"));
    if path.symlink_metadata().is_ok() {
        return taken();
    }
    let aside = write_aside(path, content)?;
    // A second name for the same file: unlike renaming, it never replaces one.
    let made = match fs::hard_link(&aside, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => taken(),
        // Not every file system has second names.
        Err(_) => fs::rename(&aside, path),
        Ok(()) => Ok(()),
    };
    _ = fs::remove_file(&aside);
    made?;
    path.parent().into_iter().for_each(flush_folder);
    Ok(())
}

/// Removes what a program that died has written aside of the files called `names` in `folder`. Only for folders that
/// nobody else writes into.
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

/// A folder's own entries must reach the disk too, where the system lets a folder be flushed.
pub(super) fn flush_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        _ = folder.sync_all();
    }
}

pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Writes `content` beside `path` and flushes it; removed again where that fails.
fn write_aside(path: &Path, content: &[u8]) -> Result<PathBuf> {
    let (aside, mut file) = open_aside(path)?;
    file.write_all(content).and_then(|()| file.sync_all()).inspect_err(|_| _ = fs::remove_file(&aside))?;
    Ok(aside)
}

/// A new file beside `path` to write aside what is to be there: `.name.new`, or `.name.1.new` and so on where that is taken.
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
    fn what_lies_beside_a_file_stays_and_nothing_is_left_over() {
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
        // Only what was meant goes.
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
