//! Trained agents: one small file each, with a policy and its training record. Runs that can be resumed are
//! in `checkpoint`.
//!
//! The file is in the safetensors format, with its description in the metadata and a checksum over
//! everything.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::checkpoint::{Checkpoint, CheckpointError, WEIGHTS, difference};
use crate::algo::{AlgorithmConfig, TrainError};
use crate::files;
use crate::mdp::{EnvironmentSpec, LevelRecord, Policy, WorldOptions};
use crate::nn::{TensorMap, weights};

const FORMAT: &str = "entropy-arcade-agent";
/// Version 2 added the level's text and the world's options, and made the training time optional. Files that
/// need none of that are written as version 1, for older versions.
const VERSION: u32 = 2;
/// Maximum file size in bytes, above that of any network useful here.
const LARGEST: u64 = 256 << 20;
/// Metadata key of the checksum. Older files have none.
const CHECKSUM: &str = "checksum";
/// File name extension.
pub const EXTENSION: &str = "agent";

/// Training record of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// The level, if its world has levels.
    pub level: Option<String>,
    /// Seed of everything random in its training.
    pub seed: u64,
    /// Environment steps trained on.
    pub env_steps: u64,
    /// Gradient steps made.
    pub gradient_steps: u64,
    /// Training time in seconds, if it was measured.
    pub seconds: Option<f64>,
    /// Greedy episodes of the final evaluation.
    pub episodes: usize,
    /// Their mean return.
    pub mean_return: f64,
    /// Fraction of them that succeeded.
    pub success: f64,
}

/// A policy with its training record.
#[derive(Debug, Clone)]
pub struct TrainedAgent {
    /// Its source, for messages.
    pub name: String,
    /// Its training record.
    pub record: TrainingRecord,
    /// The environment it plays.
    pub environment: EnvironmentSpec,
    /// Options of that world.
    pub world: WorldOptions,
    /// The text of the level in its record, if it has one.
    level_text: Option<String>,
    algorithm: AlgorithmConfig,
    tensors: TensorMap,
}

impl TrainedAgent {
    /// The policy of `checkpoint`, which has the weights, with its `record`.
    ///
    /// # Errors
    /// [`CheckpointError::Damaged`] if its weights are not those of an actor.
    pub fn of(checkpoint: &Checkpoint, record: TrainingRecord) -> Result<Self, CheckpointError> {
        let tensors = checkpoint.actor(WEIGHTS)?.tensors();
        let manifest = &checkpoint.manifest;
        Ok(Self {
            name: checkpoint.path(),
            record,
            environment: manifest.environment.clone(),
            world: manifest.world,
            level_text: manifest.level.as_ref().and_then(|level| level.text.clone()),
            algorithm: manifest.algorithm.clone(),
            tensors,
        })
    }

    /// The level it was trained on, if its world has levels.
    pub fn level(&self) -> Option<LevelRecord> {
        let name = self.record.level.clone()?;
        Some(LevelRecord { name, text: self.level_text.clone(), near: None })
    }

    /// The lowest version that can store it.
    fn version(&self) -> u32 {
        let numbered = |name: &String| name.parse::<usize>().is_ok() || name.starts_with("random:");
        let plain = self.world == WorldOptions::default()
            && self.record.seconds.is_some()
            && self.record.level.as_ref().is_none_or(numbered);
        if plain { 1 } else { VERSION }
    }

    /// The bytes of its file.
    ///
    /// # Errors
    /// [`CheckpointError::Damaged`] if its tensors do not match their shapes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        let damaged = |problem: String| CheckpointError::Damaged { path: self.name.clone(), problem };
        let said = [
            ("environment", serde_json::to_string(&self.environment)),
            (self.algorithm.name(), self.algorithm.to_json()),
            ("record", serde_json::to_string(&self.record)),
            ("world", serde_json::to_string(&self.world)),
        ];
        let mut metadata = BTreeMap::from([
            ("format".to_owned(), FORMAT.to_owned()),
            ("version".to_owned(), self.version().to_string()),
        ]);
        metadata.extend(self.level_text.clone().map(|text| ("level".to_owned(), text)));
        for (key, text) in said {
            metadata.insert(key.to_owned(), text.map_err(|error| damaged(error.to_string()))?);
        }
        metadata.insert(CHECKSUM.to_owned(), checksum(&self.tensors, &metadata));
        weights::to_bytes(&self.tensors, &metadata).map_err(|error| damaged(error.to_string()))
    }

    /// Parses the output of [`TrainedAgent::to_bytes`]; `name` is for messages.
    ///
    /// # Errors
    /// [`CheckpointError`] in one line for data of another format, a newer version, or weights that are not
    /// those of an actor.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, CheckpointError> {
        let damaged = |problem: String| CheckpointError::Damaged { path: name.to_owned(), problem };
        let (tensors, said) = weights::from_bytes(bytes).map_err(|error| damaged(error.to_string()))?;
        let field = |key: &str| said.get(key).ok_or_else(|| damaged(format!("it has no {key}")));
        if field("format")? != FORMAT {
            return Err(damaged(format!("its format is {:?}, not {FORMAT:?}", field("format")?)));
        }
        let version = field("version")?.parse().unwrap_or(u32::MAX);
        if version > VERSION {
            return Err(CheckpointError::Newer { path: name.to_owned(), found: version });
        }
        if said.get(CHECKSUM).is_some_and(|sum| *sum != checksum(&tensors, &said)) {
            return Err(damaged("it is not what was written: copy or export it again".to_owned()));
        }
        fn parsed<T: DeserializeOwned>(key: &str, text: &str) -> Result<T, String> {
            serde_json::from_str(text)
                .map_err(|error| format!("{key}: {}", files::in_plain_words(&error.to_string())))
        }
        let world = said.get("world").map(|text| parsed("world", text)).transpose().map_err(damaged)?;
        let algorithm = algorithm(&said).map_err(damaged)?;
        let agent = Self {
            name: name.to_owned(),
            record: parsed("record", field("record")?).map_err(damaged)?,
            environment: parsed("environment", field("environment")?).map_err(damaged)?,
            world: world.unwrap_or_default(),
            level_text: said.get("level").cloned(),
            algorithm,
            tensors,
        };
        if let Some(problem) = agent.environment.problem() {
            return Err(damaged(format!("environment.{problem}")));
        }
        agent.policy().map(|_| agent)
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// As [`TrainedAgent::read`], and if the file cannot be read.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let name = path.display().to_string();
        let bytes = files::read(path, LARGEST)
            .map_err(|error| CheckpointError::Unreadable { path: name.clone(), reason: error.to_string() })?;
        Self::read(&name, &bytes)
    }

    /// Its greedy policy as an ONNX model, for other programs: [`algo::sac`](crate::algo::sac) says what it reads and
    /// gives. What an `.agent` file says of it is the model's metadata.
    ///
    /// # Errors
    /// [`TrainError`] for a policy that no such model is made of.
    pub fn to_onnx(&self) -> Result<Vec<u8>, TrainError> {
        let said = [
            ("environment", serde_json::to_string(&self.environment)),
            ("record", serde_json::to_string(&self.record)),
            ("world", serde_json::to_string(&self.world)),
        ];
        let said = said.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text.ok()?)));
        self.algorithm.onnx(&self.environment, &self.tensors, &said.collect())
    }

    /// Its policy.
    ///
    /// # Errors
    /// [`CheckpointError::Damaged`] if its weights are not those of an actor.
    pub fn policy(&self) -> Result<Arc<dyn Policy>, CheckpointError> {
        let policy = self.algorithm.policy(&self.environment, &self.tensors);
        let policy = policy.map_err(|error| CheckpointError::Damaged {
            path: self.name.clone(),
            problem: error.to_string(),
        })?;
        Ok(policy)
    }

    /// Checks that it can play `spec`.
    ///
    /// # Errors
    /// [`CheckpointError::Unfit`] names the first difference.
    pub fn check_spec(&self, spec: &EnvironmentSpec) -> Result<(), CheckpointError> {
        match difference(&self.environment, spec) {
            Some(problem) => Err(CheckpointError::Unfit { path: self.name.clone(), problem }),
            None => Ok(()),
        }
    }
}

/// The algorithm named in the metadata `said`, with its settings.
fn algorithm(said: &BTreeMap<String, String>) -> Result<AlgorithmConfig, String> {
    let names = AlgorithmConfig::all();
    let names: Vec<&str> = names.iter().map(AlgorithmConfig::name).collect();
    let found = names.iter().find_map(|name| Some((name, said.get(*name)?)));
    let (name, text) = found.ok_or_else(|| format!("it has no {}", names.join(" or ")))?;
    AlgorithmConfig::from_json(name, text)
        .map_err(|error| format!("{name}: {}", files::in_plain_words(&error.to_string())))
}

/// CRC-32 over `tensors` and the metadata except the checksum itself, independent of their order in the file.
fn checksum(tensors: &TensorMap, said: &BTreeMap<String, String>) -> String {
    let mut sum = crc32fast::Hasher::new();
    let mut add = |bytes: &[u8]| {
        // With lengths, so that different contents never concatenate to the same bytes.
        sum.update(&(bytes.len() as u64).to_le_bytes());
        sum.update(bytes);
    };
    for (key, text) in said.iter().filter(|(key, _)| *key != CHECKSUM) {
        add(key.as_bytes());
        add(text.as_bytes());
    }
    for (name, tensor) in tensors {
        add(name.as_bytes());
        let shape = tensor.shape.iter().flat_map(|extent| (*extent as u64).to_le_bytes());
        add(&shape.collect::<Vec<u8>>());
        add(&tensor.data.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
    }
    format!("{:08x}", sum.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file without a checksum, as older versions wrote it.
    const OLDER: &[u8] =
        include_bytes!("../../../../src/worlds/classic_control/mountain_car/mountain-car.agent");

    fn same(a: &TrainedAgent, b: &TrainedAgent) -> bool {
        a.tensors == b.tensors
            && a.record == b.record
            && a.environment == b.environment
            && a.algorithm == b.algorithm
    }

    #[test]
    fn a_flipped_bit_anywhere_is_refused_or_changes_nothing() {
        let older = TrainedAgent::read("older", OLDER).unwrap();
        let bytes = older.to_bytes().unwrap();
        let whole = TrainedAgent::read("whole", &bytes).unwrap();
        assert!(same(&older, &whole));
        let header = 8 + u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
        // The length, every byte of the header including the metadata, and weights from first to last.
        let weights = (header..bytes.len()).step_by(997).chain([bytes.len() - 1]);
        let (mut refused, mut weights_refused) = (0, 0);
        for place in (0..header).chain(weights.clone()) {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1 << (place % 8);
            match TrainedAgent::read("a.agent", &damaged) {
                Ok(read) => assert!(same(&whole, &read), "byte {place} changes what is read"),
                Err(error) => {
                    let error = error.to_string();
                    assert!(error.starts_with("a.agent: ") && error.lines().count() == 1, "{error}");
                    refused += 1;
                    weights_refused += usize::from(place >= header);
                }
            }
        }
        assert_eq!(weights_refused, weights.count(), "every flipped weight is noticed");
        assert!(refused > header / 2, "{refused} of {header}");
        let mut damaged = bytes.clone();
        damaged[header + 1] ^= 1;
        let error = TrainedAgent::read("a.agent", &damaged).unwrap_err().to_string();
        assert!(error.contains("copy or export it again"), "{error}");
    }
}
