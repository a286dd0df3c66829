//! Checkpoints on disk: written aside and renamed, so that a crash leaves the last good one.
//!
//! A checkpoint folder holds one folder per checkpoint and a file `latest` that names the current one. What
//! the files contain is up to the caller; how they are written is in `write`.

mod checksum;
mod manifest;
mod packed;
mod replace;
mod write;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use crate::algo::{SoftValues, TrainedPolicy};
use crate::files::{self, in_plain_words, is_plain_name};
use crate::mdp::{EnvironmentSpec, Policy};
use crate::nn::weights;
use checksum::Checksum;
pub use manifest::Manifest;
pub(in crate::learner) use packed::pack;
pub use replace::{new_file, remove_asides, replace_file};
pub use write::{Content, remove_leftovers, write};

/// The file that may not fit into memory: it is read as a stream.
pub const STREAM: &str = "replay.bin";
/// Maximum number of attempts to read while the latest checkpoint is being replaced by the next one.
const MOST_TRIES: usize = 100;

const FORMAT: &str = "entropy-arcade-checkpoint";
/// Version 2 added the text of the level to its name; version 3 compresses the replay buffer.
const VERSION: u32 = 3;
/// The file of the networks: all that is needed to act.
pub const WEIGHTS: &str = "weights.safetensors";
const MANIFEST: &str = "manifest.json";
const LATEST: &str = "latest";

/// Why a checkpoint cannot be written or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The file system reported an error.
    #[error("{path}: {reason}; check the path and the free space")]
    Io {
        /// The path.
        path: String,
        /// The system's message.
        reason: String,
    },
    /// A file cannot be read.
    #[error("{path}: cannot be read ({reason}); give an .agent file or a run folder")]
    Unreadable {
        /// The path.
        path: String,
        /// The system's message.
        reason: String,
    },
    /// There is no checkpoint.
    #[error("{0}: no checkpoint there; give a run folder or its checkpoint folder")]
    Missing(String),
    /// It exists but cannot be read.
    #[error("{path}: damaged checkpoint ({problem}); restore a copy of it, or train again")]
    Damaged {
        /// The path.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// It is intact but does not fit.
    #[error("{path}: {problem}; use a checkpoint of this environment, level and configuration")]
    Unfit {
        /// The path.
        path: String,
        /// What differs.
        problem: String,
    },
    /// It was written by a newer version.
    #[error("{path}: checkpoint version {found}, this program reads up to {VERSION}; use a newer program")]
    Newer {
        /// The path.
        path: String,
        /// Its version.
        found: u32,
    },
}

/// A valid checkpoint: read into memory, except for [`STREAM`], which is kept open.
#[derive(Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
    files: BTreeMap<String, Vec<u8>>,
    stream: Option<File>,
}

impl Checkpoint {
    /// Reads the latest checkpoint of a run folder or checkpoint folder, or a single checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError`] in one line.
    pub fn open(folder: &Path) -> Result<Self, CheckpointError> {
        Self::open_only(folder, |_| true)
    }

    /// As [`Checkpoint::open`], but reads only the files that `wanted` names.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn open_only(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Self, CheckpointError> {
        let mut place = find(folder)?;
        for _ in 0..MOST_TRIES {
            let read = Self::read(&place, &wanted);
            // The run that writes here may just have replaced it by the next one.
            match find(folder) {
                Ok(now) if read.is_err() && now != place => place = now,
                _ => return read,
            }
        }
        Self::read(&place, &wanted)
    }

    fn read(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Self, CheckpointError> {
        let path = folder.display().to_string();
        let damaged = |problem: String| CheckpointError::Damaged { path: path.clone(), problem };
        let wrong = |problem: String| damaged(format!("{MANIFEST}: {problem}"));
        let text = files::read_text(&folder.join(MANIFEST), files::LARGEST_TEXT)
            .map_err(|error| wrong(error.to_string()))?;
        // Checked first: a newer manifest may have unknown fields.
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let unread = |error: serde_json::Error| wrong(in_plain_words(&error.to_string()));
        let head: Head = serde_json::from_str(&text).map_err(unread)?;
        if head.format != FORMAT {
            return Err(damaged(format!("its format is {:?}, not {FORMAT:?}", head.format)));
        }
        if head.version > VERSION {
            return Err(CheckpointError::Newer { path, found: head.version });
        }
        let manifest: Manifest = serde_json::from_str(&text).map_err(unread)?;
        manifest.check().map_err(wrong)?;
        let (mut files, mut stream) = (BTreeMap::new(), None);
        for (name, &(bytes, sum)) in manifest.files.iter().filter(|(name, _)| wanted(name)) {
            let unreadable = |error: &dyn std::fmt::Display| damaged(format!("{name}: {error}"));
            let file = files::open(&folder.join(name)).map_err(|error| unreadable(&error))?;
            // Never reads more than the manifest says, whatever the size of the file.
            let mut limited = (&file).take(bytes.saturating_add(1));
            let (mut content, mut found, mut summed) = (Vec::new(), 0, Checksum::default());
            if name == STREAM {
                // Read twice instead of being held in memory.
                let mut block = vec![0; 1 << 16];
                while let length @ 1.. = limited.read(&mut block).map_err(|error| unreadable(&error))? {
                    summed.add(&block[..length]);
                    found += length as u64;
                }
            } else {
                found = limited.read_to_end(&mut content).map_err(|error| unreadable(&error))? as u64;
                summed.add(&content);
            }
            if found > bytes {
                return Err(damaged(format!("{name} has more than its {bytes} bytes")));
            }
            if found != bytes {
                return Err(damaged(format!("{name} has {found} bytes of {bytes}")));
            }
            if summed.finish() != sum {
                return Err(damaged(format!("{name} is not what was written")));
            }
            if name == STREAM {
                stream = Some(file);
            } else {
                files.insert(name.clone(), content);
            }
        }
        Ok(Self { folder: folder.to_owned(), manifest, files, stream })
    }

    /// Its path.
    pub fn path(&self) -> String {
        self.folder.display().to_string()
    }

    /// The content of file `name`.
    ///
    /// # Errors
    /// [`CheckpointError::Damaged`] if the checkpoint has no such file.
    pub fn file(&self, name: &str) -> Result<&[u8], CheckpointError> {
        self.files.get(name).map(Vec::as_slice).ok_or_else(|| CheckpointError::Damaged {
            path: self.path(),
            problem: format!("it has no {name}"),
        })
    }

    /// The content of [`STREAM`] from its beginning, decompressed if necessary. Its checksum was verified.
    ///
    /// # Errors
    /// [`CheckpointError::Damaged`] if the checkpoint has no such file, or it cannot be read.
    pub fn stream(&self) -> Result<impl Read, CheckpointError> {
        let damaged = |problem: String| CheckpointError::Damaged { path: self.path(), problem };
        let mut file = self.stream.as_ref().ok_or_else(|| damaged(format!("it has no {STREAM}")))?;
        file.rewind()
            .and_then(|()| packed::Unpacked::of(BufReader::with_capacity(1 << 16, file)))
            .map_err(|error| damaged(format!("{STREAM}: {error}")))
    }

    /// The checkpoint folder it is in.
    pub fn parent(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.folder)
    }

    /// Whether file `name` is part of it.
    pub fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// Checks that a policy of this checkpoint fits `spec`.
    ///
    /// # Errors
    /// [`CheckpointError::Unfit`] names the first difference.
    pub fn check_spec(&self, spec: &EnvironmentSpec) -> Result<(), CheckpointError> {
        match difference(&self.manifest.environment, spec) {
            Some(problem) => Err(CheckpointError::Unfit { path: self.path(), problem }),
            None => Ok(()),
        }
    }

    /// Its policy.
    ///
    /// # Errors
    /// [`CheckpointError::Damaged`] if its weights are not those of an actor.
    pub fn policy(&self) -> Result<Arc<dyn Policy>, CheckpointError> {
        Ok(self.actor(WEIGHTS)?)
    }

    /// Its critics, see [`AlgorithmSettings::soft_values`](crate::algo::AlgorithmSettings::soft_values).
    ///
    /// # Errors
    /// [`CheckpointError::Damaged`] if its weights are not those of critics.
    pub fn soft_values(&self) -> Result<Option<SoftValues>, CheckpointError> {
        let damaged = |problem: String| CheckpointError::Damaged { path: self.path(), problem };
        let (tensors, _) =
            weights::from_bytes(self.file(WEIGHTS)?).map_err(|error| damaged(error.to_string()))?;
        let Manifest { algorithm, environment, .. } = &self.manifest;
        algorithm.soft_values(environment, &tensors).map_err(|error| damaged(error.to_string()))
    }

    /// The policy in file `name`.
    ///
    /// # Errors
    /// [`CheckpointError::Damaged`] if the checkpoint has no such file or it does not hold an actor.
    pub fn actor(&self, name: &str) -> Result<Arc<dyn TrainedPolicy>, CheckpointError> {
        let damaged = |problem: String| CheckpointError::Damaged { path: self.path(), problem };
        let (tensors, _) =
            weights::from_bytes(self.file(name)?).map_err(|error| damaged(error.to_string()))?;
        let Manifest { algorithm, environment, .. } = &self.manifest;
        algorithm.policy(environment, &tensors).map_err(|error| damaged(error.to_string()))
    }
}

/// Why a policy trained on `theirs` cannot play `spec`; `None` if it can.
pub(super) fn difference(theirs: &EnvironmentSpec, spec: &EnvironmentSpec) -> Option<String> {
    if theirs.name != spec.name {
        Some(format!("it was trained on {}, this is {}", theirs.name, spec.name))
    } else if theirs.observation.vector != spec.observation.vector {
        let [theirs, ours] = [theirs, spec].map(|spec| spec.observation.vector.join(", "));
        Some(format!("its observations are [{theirs}], here they are [{ours}]"))
    } else if theirs.observation != spec.observation {
        Some("its observations have another shape".to_owned())
    } else if theirs.action != spec.action {
        let [theirs, ours] = [theirs, spec].map(|spec| spec.action.describe());
        Some(format!("its actions are {theirs}, here they are {ours}"))
    } else {
        None
    }
}

/// Loads the policy of the checkpoint in `folder`, to play `spec`.
///
/// # Errors
/// As [`Checkpoint::open`], [`Checkpoint::check_spec`] and [`Checkpoint::policy`].
pub fn load_policy(folder: &Path, spec: &EnvironmentSpec) -> Result<Arc<dyn Policy>, CheckpointError> {
    let checkpoint = Checkpoint::open_only(folder, |name| name == WEIGHTS)?;
    checkpoint.check_spec(spec)?;
    checkpoint.policy()
}

/// Whether there is a checkpoint, valid or not, in the run folder or checkpoint folder `folder`.
pub fn exists(folder: &Path) -> bool {
    !matches!(find(folder), Err(CheckpointError::Missing(_)))
}

/// The checkpoint that `folder` refers to: the latest of a run folder or checkpoint folder, or a single
/// checkpoint.
///
/// # Errors
/// [`CheckpointError::Missing`], or [`CheckpointError::Damaged`] if there was one.
pub fn find(folder: &Path) -> Result<PathBuf, CheckpointError> {
    if folder.join(MANIFEST).is_file() {
        return Ok(folder.to_owned());
    }
    for base in [folder.join("checkpoint"), folder.to_owned()] {
        let is_there = |name: &str| base.join(name).join(MANIFEST).is_file();
        let mut before = None;
        // The latest checkpoint may just have been replaced by the next one.
        while let Ok(name) = files::read_text(&base.join(LATEST), 1024) {
            let name = name.trim().to_owned();
            let damaged = |problem: &str| CheckpointError::Damaged {
                path: base.display().to_string(),
                problem: format!("`{LATEST}` names {name:?}, {problem}"),
            };
            if name.is_empty() {
                // Truncated while being written: treated as missing.
                break;
            }
            // A name, not a path: a file from elsewhere must not lead out of the folder.
            if !is_plain_name(&name) {
                return Err(damaged("which is not the name of a checkpoint"));
            }
            if is_there(&name) {
                return Ok(base.join(name));
            }
            if before.as_ref() == Some(&name) {
                let why = match base.join(&name).is_dir() {
                    true => "which has no manifest.json",
                    false => "which does not exist",
                };
                return newest(&base).ok_or_else(|| damaged(why));
            }
            before = Some(name);
        }
        // A process may have died after its first checkpoint was complete but before `latest` was written.
        if let Some(newest) = newest(&base) {
            return Ok(newest);
        }
    }
    Err(CheckpointError::Missing(folder.display().to_string()))
}

/// The most recent checkpoint in `base`.
fn newest(base: &Path) -> Option<PathBuf> {
    let whole = write::own(base).filter_map(|(name, agent)| Some((agent?, name)));
    let number = |name: &str| {
        let (steps, again) = name.split_once('-').unwrap_or((name, "0"));
        (steps.parse::<u64>().unwrap_or(0), again.parse::<u64>().unwrap_or(0))
    };
    whole.max_by_key(|(agent, name)| (*agent, number(name))).map(|(_, name)| base.join(name))
}

#[cfg(test)]
mod tests;
