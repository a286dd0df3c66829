//! Earlier: the metrics of another run, to compare with.

use std::path::{Path, PathBuf};

use crate::files::lines;

/// Lines of another run that are shown at most.
const MOST_LINES: usize = 1_000_000;

/// Lines of another run's metrics.
#[derive(Debug, Clone)]
pub(super) struct Earlier {
    /// Its folder.
    pub folder: PathBuf,
    /// The name of that.
    pub name: String,
    lines: Vec<serde_json::Map<String, serde_json::Value>>,
}

impl Earlier {
    /// Reads the metrics of the run in `folder`.
    pub fn load(folder: &Path) -> Result<Self, String> {
        let path = folder.join("metrics.jsonl");
        let wrong = |problem: String| format!("{}: {problem}; give a run's folder", path.display());
        let lines = lines(&path).map_err(|error| wrong(error.to_string()))?.take(MOST_LINES);
        // The last line of a run that goes on may be half written.
        let lines: Vec<_> = lines.filter_map(|line| serde_json::from_str(&line).ok()).collect();
        if lines.is_empty() {
            return Err(wrong("it holds no measurements".into()));
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { folder: folder.to_owned(), name, lines })
    }

    /// The curve called `key`.
    pub fn curve(&self, key: &str) -> Vec<[f64; 2]> {
        let point = |line: &serde_json::Map<String, serde_json::Value>| {
            Some([line.get("env_steps")?.as_f64()?, line.get(key)?.as_f64()?])
        };
        self.lines.iter().filter_map(point).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_run_is_read_as_far_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Earlier::load(folder.path()).unwrap_err().contains("give a run's folder"));
        let path = folder.path().join("metrics.jsonl");
        std::fs::write(&path, "not a line\n").unwrap();
        assert!(Earlier::load(folder.path()).unwrap_err().contains("no measurements"));
        let lines = "{\"env_steps\":10,\"train/q\":1.5}\n{\"env_steps\":20,\"train/q\":null}\n\
                     {\"env_steps\":30,\"train/q\":2.5}\n{\"env_st";
        std::fs::write(&path, lines).unwrap();
        let earlier = Earlier::load(folder.path()).unwrap();
        assert_eq!(earlier.curve("train/q"), [[10.0, 1.5], [30.0, 2.5]]);
        assert_eq!(earlier.curve("train/none"), [[0.0; 2]; 0]);
    }
}
