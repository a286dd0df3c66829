//! The level a policy was trained on, as stored in checkpoints and agents: its name and its text.

use serde::{Deserialize, Serialize};

/// A level with everything needed to play it without its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct LevelRecord {
    /// The number of a shipped level, `random:DIFFICULTY[:COUNT]`, or a file name. Never a path with personal
    /// information.
    pub name: String,
    /// Its text. `None` for generated levels, which their name reproduces, and in files of older versions.
    pub text: Option<String>,
    /// Path of its file relative to the run folder, if both were close together.
    pub near: Option<String>,
}

/// The format in files: older versions wrote only the name or the path.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Name(String),
    Whole {
        name: String,
        #[serde(default)]
        text: Option<String>,
        #[serde(default)]
        near: Option<String>,
    },
}

impl From<Stored> for LevelRecord {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Name(name) => Self { name, text: None, near: None },
            Stored::Whole { name, text, near } => Self { name, text, near },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_alone_and_whole_records_are_read() {
        let old: LevelRecord = serde_json::from_str("\"/home/somebody/mine.ron\"").unwrap();
        assert_eq!((old.name.as_str(), old.text), ("/home/somebody/mine.ron", None));
        let whole = LevelRecord { name: "2".into(), text: Some("(…)".into()), near: None };
        let text = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<LevelRecord>(&text).unwrap(), whole);
    }
}
