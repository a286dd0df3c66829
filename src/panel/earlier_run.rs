//! Earlier run: metrics of another run, for comparison.

use std::path::{Path, PathBuf};

use crate::files::lines;

/// Most lines that are read.
const MAX_LINES: usize = 1_000_000;

/// Metrics of another run.
#[derive(Debug, Clone)]
pub(super) struct EarlierRun {
    /// Folder of the run.
    pub folder: PathBuf,
    /// Name of that folder.
    pub name: String,
    lines: Vec<serde_json::Map<String, serde_json::Value>>,
}

impl EarlierRun {
    /// Reads the metrics of the run in `folder`.
    pub fn load(folder: &Path) -> Result<Self, String> {
        let path = folder.join("metrics.jsonl");
        let wrong = |problem: String| format!("{}: {problem}; enter the folder of a run", path.display());
        let lines = lines(&path).map_err(|error| wrong(error.to_string()))?.take(MAX_LINES);
        // The last line of a running run may be incomplete.
        let lines: Vec<_> = lines.filter_map(|line| serde_json::from_str(&line).ok()).collect();
        if lines.is_empty() {
            return Err(wrong("it contains no metrics".into()));
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { folder: folder.to_owned(), name, lines })
    }

    /// Points `[env_steps, value]` of the metric `key`.
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
    fn incomplete_lines_and_missing_values_are_skipped() {
        let folder = tempfile::tempdir().unwrap();
        assert!(EarlierRun::load(folder.path()).unwrap_err().contains("enter the folder of a run"));
        let path = folder.path().join("metrics.jsonl");
        std::fs::write(&path, "not a line\n").unwrap();
        assert!(EarlierRun::load(folder.path()).unwrap_err().contains("no metrics"));
        let lines = "{\"env_steps\":10,\"train/q\":1.5}\n{\"env_steps\":20,\"train/q\":null}\n\
                     {\"env_steps\":30,\"train/q\":2.5}\n{\"env_st";
        std::fs::write(&path, lines).unwrap();
        let earlier = EarlierRun::load(folder.path()).unwrap();
        assert_eq!(earlier.curve("train/q"), [[10.0, 1.5], [30.0, 2.5]]);
        assert_eq!(earlier.curve("train/none"), [[0.0; 2]; 0]);
    }
}
