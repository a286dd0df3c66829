//! The level a policy was trained on, as it travels with checkpoints and agents: its name and its text.

use serde::{Deserialize, Serialize};

/// A level with what is needed to play it wherever its file is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct LevelRecord {
    /// The number of a level that comes with the game, `random:DIFFICULTY[:COUNT]`, or what a file is called. Never a
    /// path that says anything of whose machine it is from.
    pub name: String,
    /// Its text. `None` for generated levels, which their name makes again, and in files of older programs.
    pub text: Option<String>,
    /// Where its file lay, seen from the run folder, if both were near each other.
    pub near: Option<String>,
}

/// As it stands in files: older programs wrote the name alone, or the path.
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
