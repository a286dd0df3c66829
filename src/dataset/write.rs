//! Writing a dataset, an episode at a time: each is on the disk before the dataset says that it is there.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::spaces::{self, MINARI};
use super::{DatasetError, Episode, columns};
use crate::files;
use crate::learner::checkpoint::replace_file;
use crate::mdp::{EnvironmentSpec, WorldOptions};
use crate::worlds::{self, WorldChoice};

/// Writes the episodes of one world into a folder.
#[derive(Debug)]
pub struct DatasetWriter {
    folder: PathBuf,
    spec: EnvironmentSpec,
    metadata: Value,
    episodes: u64,
    steps: u64,
    bytes: u64,
}

fn unwritable(path: &Path, error: impl std::fmt::Display) -> DatasetError {
    DatasetError::Unwritable { path: path.display().to_string(), reason: error.to_string() }
}

impl DatasetWriter {
    /// A new dataset of `world` in `folder`, which must not exist or be empty; `by` says who plays. Folders
    /// named as Minari does, `…/NAME/KIND-v0`, are found by it under that name.
    ///
    /// # Errors
    /// [`DatasetError`] for a folder that is taken or cannot be written.
    pub fn create(folder: &Path, world: &WorldChoice, by: &str) -> Result<Self, DatasetError> {
        let there = match fs::read_dir(folder) {
            Ok(entries) => entries.count() > 0,
            Err(error) => error.kind() == ErrorKind::NotADirectory,
        };
        if there {
            return Err(DatasetError::Exists(folder.display().to_string()));
        }
        let spec = world.spec();
        let mut metadata = json!({
            "dataset_id": id(folder, &spec.name),
            "minari_version": MINARI,
            "data_format": "arrow",
            "jpeg_encoding": false,
            "observation_space": spaces::observation(&spec.observation, worlds::largest_observation(&spec.name)).to_string(),
            "action_space": spaces::action(&spec.action).to_string(),
            "algorithm_name": by,
            "description": spec.summary,
        });
        let options = serde_json::to_value(world.options()).unwrap_or_default();
        if let Some(made) = spaces::gymnasium(world, &without_defaults(options)) {
            metadata["env_spec"] = made.to_string().into();
            metadata["requirements"] = json!(["entropy-arcade"]);
        }
        let data = folder.join("data");
        fs::create_dir_all(&data).map_err(|error| unwritable(&data, error))?;
        let writer = Self { folder: data, spec, metadata, episodes: 0, steps: 0, bytes: 0 };
        writer.write_metadata()?;
        Ok(writer)
    }

    /// Episodes written.
    pub fn episodes(&self) -> u64 {
        self.episodes
    }

    /// Steps written.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Appends an episode.
    ///
    /// # Errors
    /// [`DatasetError`] if it cannot be written; the dataset has those before it then.
    pub fn push(&mut self, episode: &Episode) -> Result<(), DatasetError> {
        let folder = self.folder.join(self.episodes.to_string());
        let arrow = folder.join("part-0.arrow");
        fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, error))?;
        let bytes = columns::to_bytes(&self.spec, episode).map_err(|error| unwritable(&arrow, error))?;
        let steps = episode.rewards.len() as u64;
        let about = json!({ "id": self.episodes, "total_steps": steps }).to_string();
        for (path, content) in [(arrow, &bytes[..]), (folder.join("metadata.json"), about.as_bytes())] {
            replace_file(&path, content).map_err(|error| unwritable(&path, error))?;
        }
        self.episodes += 1;
        self.steps += steps;
        self.bytes += bytes.len() as u64;
        self.write_metadata()
    }

    fn write_metadata(&self) -> Result<(), DatasetError> {
        let mut metadata = self.metadata.clone();
        metadata["total_episodes"] = self.episodes.into();
        metadata["total_steps"] = self.steps.into();
        // In megabytes, as Minari has it.
        metadata["dataset_size"] = ((self.bytes as f64 / 1e5).round() / 10.0).into();
        let path = self.folder.join("metadata.json");
        replace_file(&path, metadata.to_string().as_bytes()).map_err(|error| unwritable(&path, error))
    }
}

/// Options that differ from those of a plain world.
fn without_defaults(options: Value) -> Value {
    let plain = serde_json::to_value(WorldOptions::default()).unwrap_or_default();
    match options {
        Value::Object(all) => {
            Value::Object(all.into_iter().filter(|(key, value)| plain.get(key) != Some(value)).collect())
        }
        _ => json!({}),
    }
}

/// The name of the dataset in `folder`, in Minari's form `NAMESPACE/NAME-vN`.
fn id(folder: &Path, env: &str) -> String {
    let plain = |text: &str| {
        let kept = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        text.chars().map(|letter| if kept(letter) { letter } else { '-' }).collect::<String>()
    };
    let name = |path: Option<&Path>| Some(plain(&path?.file_name()?.to_string_lossy()));
    let own = name(Some(folder)).unwrap_or_else(|| "episodes".to_owned());
    let numbered = own
        .rsplit_once("-v")
        .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    let own = if numbered { own } else { format!("{own}-v0") };
    format!("{}/{own}", name(folder.parent()).filter(|above| !above.is_empty()).unwrap_or_else(|| plain(env)))
}

/// Reads a file of a dataset, of at most `most` bytes.
pub(super) fn file(path: &Path, most: u64) -> Result<Vec<u8>, DatasetError> {
    files::read(path, most).map_err(|error| DatasetError::Unreadable {
        path: path.display().to_string(),
        reason: error.to_string(),
    })
}
