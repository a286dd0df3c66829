//! Append-only files of lines, which never contain partial lines, even after disk errors.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::files::to_stderr;
use crate::metrics::{Metrics, Sink};

/// Bytes of pending lines after which they are flushed automatically.
const BLOCK: usize = 1 << 16;
/// Maximum bytes of pending lines while writing fails; further ones are lost.
const MOST_WAITING: usize = 16 << 20;

/// A file of lines. Lines that cannot be written stay pending and are retried.
#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    /// Created with the first line.
    file: Option<File>,
    /// Bytes in the file, all of them whole lines.
    length: u64,
    waiting: Vec<u8>,
    /// Number of lines lost because the pending buffer was full.
    lost: u64,
    /// Why the file is permanently incomplete.
    broken: Option<String>,
}

impl Lines {
    /// Opens the file at `path`, cut to `length` bytes and the last whole line. It is created with its first
    /// line.
    ///
    /// # Errors
    /// The system's error.
    pub fn open(path: PathBuf, length: Option<u64>) -> Result<Self> {
        let mut lines = Self { path, file: None, length: 0, waiting: Vec::new(), lost: 0, broken: None };
        if is_there(&lines.path)? {
            let (file, length) = append(&lines.path, length)?;
            (lines.file, lines.length) = (Some(file), length);
        }
        if let Some(missing) = lines.missing(length) {
            to_stderr(&format!("warning: {missing}"));
        }
        Ok(lines)
    }

    /// Says that a file just opened has less than the `length` it was known to have.
    fn missing(&self, length: Option<u64>) -> Option<String> {
        let missing = self.length < length.unwrap_or(0);
        missing.then(|| format!("{}: earlier lines are missing; new ones follow", self.path.display()))
    }

    /// Bytes in the file and pending.
    pub fn length(&self) -> u64 {
        self.length + self.waiting.len() as u64
    }

    /// Appends a line. It reaches the file with the next [`Lines::flush`], or when many are pending.
    pub fn push(&mut self, line: &impl Serialize) -> Result<()> {
        if self.waiting.len() >= MOST_WAITING {
            self.lost += 1;
            return self.flush();
        }
        let before = self.waiting.len();
        if let Err(error) = serde_json::to_writer(&mut self.waiting, line) {
            self.waiting.truncate(before);
            return Err(error.into());
        }
        self.waiting.push(b'\n');
        // A failed write is retried by `flush`, not with every line.
        if before < BLOCK && self.waiting.len() >= BLOCK { self.flush() } else { Ok(()) }
    }

    /// Writes pending lines.
    pub fn flush(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let there = is_there(&self.path)?;
        let lost = self.file.as_ref().and_then(|file| match file.metadata() {
            _ if !there => Some("deleted"),
            _ if !is_same(file, &self.path) => Some("replaced"),
            Ok(now) if now.len() < self.length => Some("cut short"),
            _ => None,
        });
        if let Some(what) = lost {
            let path = self.path.display();
            self.broken.get_or_insert(format!(
                "{path}: was {what} while the run wrote it; some of its lines are lost"
            ));
            self.file = None;
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let (file, length) = append(&self.path, None)?;
                self.length = length;
                none.insert(file)
            }
        };
        if let Err(error) = file.write_all(&self.waiting) {
            // Remove a partial line, or the next one would be appended to it.
            _ = file.set_len(self.length);
            return Err(error);
        }
        self.length += self.waiting.len() as u64;
        self.waiting.clear();
        if self.lost > 0 {
            let lost = format!("{}: {} lines are lost, the disk was full", self.path.display(), self.lost);
            self.broken.get_or_insert(lost);
            self.lost = 0;
        }
        Ok(())
    }

    /// Why the file is permanently incomplete, if it is.
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// The file, for syncing on another thread; `None` while nothing was written.
    pub fn file(&self) -> Option<File> {
        self.file.as_ref()?.try_clone().ok()
    }
}

/// A line of JSON for each record.
impl Sink for Lines {
    fn record(&mut self, _: u64, metrics: &Metrics) -> Result<()> {
        self.push(metrics)
    }

    fn flush(&mut self) -> Result<()> {
        Self::flush(self)
    }
}

/// Whether there is a file at `path`.
///
/// # Errors
/// For anything else: a pipe without a reader would block the run.
pub(super) fn is_there(path: &Path) -> Result<bool> {
    match std::fs::metadata(path) {
        Ok(there) if there.is_file() => Ok(true),
        Ok(_) => Err(Error::new(ErrorKind::InvalidInput, "not a regular file; move it away")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether the open `file` still has the name `path`; only Unix tells.
fn is_same(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let number = |there: std::fs::Metadata| (there.dev(), there.ino());
        let [open, named] = [file.metadata(), std::fs::metadata(path)].map(|there| there.map(number).ok());
        open == named
    }
    #[cfg(not(unix))]
    {
        _ = (file, path);
        true
    }
}

/// Opens the file at `path` to append to it, cut to `length` bytes and the last whole line, and returns its
/// length.
fn append(path: &Path, length: Option<u64>) -> Result<(File, u64)> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let there = file.metadata()?.len();
    let length = whole(&mut file, length.unwrap_or(there).min(there))?;
    if length < there {
        file.set_len(length)?;
    }
    Ok((file, length))
}

/// The length of the whole lines within the first `length` bytes of `file`.
fn whole(file: &mut File, length: u64) -> Result<u64> {
    let mut end = length;
    let mut block = vec![0; BLOCK];
    while end > 0 {
        let begin = end.saturating_sub(BLOCK as u64);
        let bytes = &mut block[..(end - begin) as usize];
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(bytes)?;
        if let Some(last) = bytes.iter().rposition(|&byte| byte == b'\n') {
            return Ok(begin + last as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_cut_to_whole_lines_within_the_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jsonl");
        let opened = |text: &str, length| {
            std::fs::write(&path, text).unwrap();
            let mut lines = Lines::open(path.clone(), length).unwrap();
            lines.push(&7).unwrap();
            lines.flush().unwrap();
            assert_eq!(lines.length(), std::fs::metadata(&path).unwrap().len());
            std::fs::read_to_string(&path).unwrap()
        };
        assert_eq!(opened("1\n2\n3", None), "1\n2\n7\n");
        assert_eq!(opened("1\n2\n3\n", Some(4)), "1\n2\n7\n");
        assert_eq!(opened("1\n2\n3\n", Some(5)), "1\n2\n7\n");
        assert_eq!(opened("1\n", Some(100)), "1\n7\n");
        assert_eq!(opened("123", None), "7\n");
        assert_eq!(opened("", Some(0)), "7\n");
        let long = "x".repeat(3 * BLOCK);
        assert_eq!(opened(&format!("1\n{long}"), None), "1\n7\n");
        // No file is created before the first line.
        let none = folder.path().join("none.jsonl");
        assert!(Lines::open(none.clone(), Some(9)).unwrap().flush().is_ok() && !none.exists());
    }

    #[test]
    fn earlier_lines_are_missing_from_a_deleted_file_as_from_a_shorter_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jsonl");
        let missing = |length| Lines::open(path.clone(), length).unwrap().missing(length);
        assert!(missing(Some(4)).unwrap().contains("x.jsonl: earlier lines are missing"));
        assert_eq!((missing(Some(0)), missing(None)), (None, None));
        std::fs::write(&path, "1\n").unwrap();
        assert!(missing(Some(4)).unwrap().contains("x.jsonl: earlier lines are missing"));
        assert_eq!(missing(Some(2)), None);
    }

    #[test]
    fn a_file_cut_short_while_it_is_written_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jsonl");
        let mut lines = Lines::open(path.clone(), None).unwrap();
        for number in [10, 20, 30] {
            lines.push(&number).unwrap();
        }
        lines.flush().unwrap();
        OpenOptions::new().write(true).open(&path).unwrap().set_len(4).unwrap();
        lines.push(&40).unwrap();
        lines.flush().unwrap();
        assert!(
            lines.broken().unwrap().contains("x.jsonl: was cut short while the run wrote it"),
            "{lines:?}"
        );
        assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), lines.length()), ("10\n40\n", 6));
    }

    #[test]
    fn a_deleted_file_is_recreated_and_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jsonl");
        let mut lines = Lines::open(path.clone(), None).unwrap();
        let write = |number: i32, lines: &mut Lines| {
            lines.push(&number).unwrap();
            lines.flush()
        };
        write(1, &mut lines).unwrap();
        write(2, &mut lines).unwrap();
        assert_eq!(lines.broken(), None);
        std::fs::remove_file(&path).unwrap();
        write(3, &mut lines).unwrap();
        let said = lines.broken().unwrap().to_owned();
        assert!(said.contains("x.jsonl: was deleted while the run wrote it"), "{said}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "3\n");
        assert_eq!(lines.length(), 2);
        // Anything but a regular file is not written to; lines stay pending until it is gone.
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(write(4, &mut lines).unwrap_err().to_string().contains("not a regular file"));
        std::fs::remove_dir(&path).unwrap();
        write(5, &mut lines).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "4\n5\n");
    }

    #[cfg(unix)]
    #[test]
    fn another_file_in_its_place_is_noticed_and_nothing_but_files_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jsonl");
        let mut lines = Lines::open(path.clone(), None).unwrap();
        lines.push(&1).unwrap();
        lines.flush().unwrap();
        let other = folder.path().join("y");
        std::fs::write(&other, "9\n").unwrap();
        std::fs::rename(&other, &path).unwrap();
        lines.push(&2).unwrap();
        lines.flush().unwrap();
        assert!(lines.broken().unwrap().contains("was replaced while"), "{lines:?}");
        assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), lines.length()), ("9\n2\n", 4));
        let pipe = folder.path().join("pipe.jsonl");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for odd in [&pipe, folder.path()] {
            let error = Lines::open(odd.to_owned(), None).unwrap_err().to_string();
            assert!(error.contains("not a regular file"), "{error}");
        }
    }

    /// A file opened for reading refuses every write.
    #[test]
    fn lines_that_the_disk_refuses_are_retried() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jsonl");
        std::fs::write(&path, "1\n").unwrap();
        let mut lines = Lines::open(path.clone(), None).unwrap();
        let good = lines.file.replace(File::open(&path).unwrap());
        lines.push(&2).unwrap();
        assert!(lines.flush().is_err() && lines.flush().is_err());
        lines.push(&3).unwrap();
        lines.file = good;
        lines.flush().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n2\n3\n");
    }
}
