//! Checkpoints on disk: written aside and renamed, so that a crash leaves the last good one.
//!
//! A checkpoint folder holds one folder a checkpoint and a file `latest` that names the good one.
//! What is in the files is left to those who write them; how they are written, to `write`.

mod packed;
mod replace;
mod write;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::LearnerConfig;
use super::core::Counters;
use crate::files::{self, in_plain_words, is_plain_name};
use crate::mdp::{EnvironmentSpec, LevelRecord, Policy, Rng, WorldOptions};
use crate::sac::{CategoricalPolicy, SacConfig, weights};
pub(in crate::learner) use packed::pack;
pub use replace::{new_file, remove_asides, replace_file};
pub use write::{Content, remove_leftovers, write};

/// The file that may be larger than the memory that is left: it is read as a stream.
pub const STREAM: &str = "replay.bin";
/// Times that reading begins again, because the latest checkpoint gave way to the next one meanwhile.
const MOST_TRIES: usize = 100;

const FORMAT: &str = "entropy-arcade-checkpoint";
/// Version 2 keeps the text of the level beside its name; version 3 has its replay compressed.
const VERSION: u32 = 3;
/// The file of the networks: all that playing needs.
pub const WEIGHTS: &str = "weights.safetensors";
const MANIFEST: &str = "manifest.json";
const LATEST: &str = "latest";

/// Why a checkpoint cannot be written or taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The file system refused.
    #[error("{path}: {reason}; check the path and the free space")]
    Io {
        /// The path.
        path: String,
        /// The system's words.
        reason: String,
    },
    /// A file cannot be read.
    #[error("{path}: cannot be read ({reason}); give an .agent file or a run folder")]
    Unreadable {
        /// The path.
        path: String,
        /// The system's words.
        reason: String,
    },
    /// There is no checkpoint.
    #[error("{0}: no checkpoint there; give a run folder or its checkpoint folder")]
    Missing(String),
    /// It is there but cannot be read.
    #[error("{path}: damaged checkpoint ({problem}); use another one")]
    Damaged {
        /// The path.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// It is a good checkpoint of something else.
    #[error("{path}: {problem}; use a checkpoint of this environment, level and configuration")]
    Unfit {
        /// The path.
        path: String,
        /// What differs.
        problem: String,
    },
    /// It was written by a newer program.
    #[error("{path}: checkpoint version {found}, this program reads up to {VERSION}; use a newer program")]
    Newer {
        /// The path.
        path: String,
        /// Its version.
        found: u32,
    },
}

/// What a checkpoint says of itself, in `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    format: String,
    version: u32,
    /// The environment it was trained on.
    pub environment: EnvironmentSpec,
    /// The level, if its world has levels.
    pub level: Option<LevelRecord>,
    /// How its world is varied.
    #[serde(default)]
    pub world: WorldOptions,
    /// The algorithm's configuration.
    pub sac: SacConfig,
    /// The learner's configuration.
    pub learner: LearnerConfig,
    /// Counters.
    pub counters: Counters,
    /// State of replay sampling.
    pub replay_rng: Rng,
    /// Number of the agent within its folder: one with fresh networks gets the next.
    #[serde(default)]
    pub agent: u32,
    /// Size and checksum of every other file.
    files: BTreeMap<String, (u64, u64)>,
}

impl Manifest {
    /// A manifest without files.
    pub fn new(
        environment: EnvironmentSpec,
        level: Option<LevelRecord>,
        world: WorldOptions,
        sac: SacConfig,
        learner: LearnerConfig,
        counters: Counters,
        replay_rng: Rng,
    ) -> Self {
        Self {
            format: FORMAT.into(),
            version: VERSION,
            environment,
            level,
            world,
            sac,
            learner,
            counters,
            replay_rng,
            agent: 0,
            files: BTreeMap::new(),
        }
    }
}

/// Steps that no run makes: counters beyond are damage, and would not add up.
const MOST_STEPS: u64 = 1 << 53;
/// Millionths of gradient steps that no run owes. The open period of the longest allowed one, 4096 arenas times 1024 steps
/// times 64 gradient steps, owes a quarter of it for each slot.
const MOST_CREDIT: u64 = 1 << 60;

impl Manifest {
    /// What it says that cannot be, whoever wrote it.
    fn check(&self) -> Result<(), String> {
        if let Some(name) = self.files.keys().find(|name| !is_plain_name(name)) {
            return Err(format!("{name:?} is no name of a file"));
        }
        if let Some(problem) = self.environment.problem() {
            return Err(format!("environment.{problem}"));
        }
        let Counters { env_steps, gradient_steps, policy_version, credit, refused } = self.counters;
        for (what, count, most) in [
            ("env_steps", env_steps, MOST_STEPS),
            ("gradient_steps", gradient_steps, MOST_STEPS),
            ("policy_version", policy_version, MOST_STEPS),
            ("credit", credit, MOST_CREDIT),
            ("refused", refused, MOST_STEPS),
        ] {
            if count > most {
                return Err(format!("counters.{what} = {count}: allowed is up to {most}"));
            }
        }
        Ok(())
    }
}

/// A checkpoint found whole: read into memory, but for [`STREAM`], which is held open.
#[derive(Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
    files: BTreeMap<String, Vec<u8>>,
    stream: Option<File>,
}

impl Checkpoint {
    /// Reads the latest checkpoint of a run folder or checkpoint folder, or the one given itself.
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
            // The program that writes here may just have replaced it by the next one.
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
        // Looked at before the rest: a newer manifest may say things unheard of.
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
            // Never more than it should have, whatever lies there by now.
            let mut limited = (&file).take(bytes.saturating_add(1));
            let (mut content, mut found, mut summed) = (Vec::new(), 0, Checksum::default());
            if name == STREAM {
                // Twice through the file rather than once through memory.
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

    /// Where it lies.
    pub fn path(&self) -> String {
        self.folder.display().to_string()
    }

    /// The content of file `name`.
    ///
    /// # Errors
    /// [`CheckpointError::Damaged`] when the checkpoint has no such file.
    pub fn file(&self, name: &str) -> Result<&[u8], CheckpointError> {
        self.files.get(name).map(Vec::as_slice).ok_or_else(|| CheckpointError::Damaged {
            path: self.path(),
            problem: format!("it has no {name}"),
        })
    }

    /// The content of [`STREAM`] from its beginning, compressed or not. Read to its end it is known to be what was written.
    ///
    /// # Errors
    /// [`CheckpointError::Damaged`] when the checkpoint has no such file, or it cannot be read.
    pub fn stream(&self) -> Result<impl Read, CheckpointError> {
        let damaged = |problem: String| CheckpointError::Damaged { path: self.path(), problem };
        let mut file = self.stream.as_ref().ok_or_else(|| damaged(format!("it has no {STREAM}")))?;
        file.rewind()
            .and_then(|()| packed::Unpacked::of(BufReader::with_capacity(1 << 16, file)))
            .map_err(|error| damaged(format!("{STREAM}: {error}")))
    }

    /// The checkpoint folder that it lies in.
    pub fn parent(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.folder)
    }

    /// Whether file `name` is part of it.
    pub fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// Whether a policy of this checkpoint fits `spec`.
    ///
    /// # Errors
    /// [`CheckpointError::Unfit`] names the first difference.
    pub fn check_spec(&self, spec: &EnvironmentSpec) -> Result<(), CheckpointError> {
        match difference(&self.manifest.environment, spec) {
            Some(problem) => Err(CheckpointError::Unfit { path: self.path(), problem }),
            None => Ok(()),
        }
    }

    /// Its policy alone.
    ///
    /// # Errors
    /// [`CheckpointError::Damaged`] when its weights are no actor.
    pub fn policy(&self) -> Result<Arc<dyn Policy>, CheckpointError> {
        Ok(Arc::new(self.actor("weights.safetensors")?))
    }

    /// The policy in file `name`.
    ///
    /// # Errors
    /// [`CheckpointError::Damaged`] when the checkpoint has no such file or it holds no actor.
    pub fn actor(&self, name: &str) -> Result<CategoricalPolicy, CheckpointError> {
        let damaged = |problem: String| CheckpointError::Damaged { path: self.path(), problem };
        let (tensors, _) =
            weights::from_bytes(self.file(name)?).map_err(|error| damaged(error.to_string()))?;
        let Manifest { sac, environment, .. } = &self.manifest;
        let (observation, actions) = (&environment.observation, environment.action.len());
        CategoricalPolicy::from_tensors(sac, observation, actions, &tensors)
            .map_err(|error| damaged(error.to_string()))
    }
}

/// What keeps a policy that was trained on `theirs` from playing `spec`; `None` where nothing does.
pub(super) fn difference(theirs: &EnvironmentSpec, spec: &EnvironmentSpec) -> Option<String> {
    if theirs.name != spec.name {
        Some(format!("it was trained on {}, this is {}", theirs.name, spec.name))
    } else if theirs.observation.vector != spec.observation.vector {
        let [theirs, ours] = [theirs, spec].map(|spec| spec.observation.vector.join(", "));
        Some(format!("its observations are [{theirs}], here they are [{ours}]"))
    } else if theirs.observation != spec.observation {
        Some("its observations have another shape".to_owned())
    } else if theirs.action != spec.action {
        Some("the action space differs".to_owned())
    } else {
        None
    }
}

/// The policy of the checkpoint in `folder`, to play `spec` with.
///
/// # Errors
/// As [`Checkpoint::open`], [`Checkpoint::check_spec`] and [`Checkpoint::policy`].
pub fn load_policy(folder: &Path, spec: &EnvironmentSpec) -> Result<Arc<dyn Policy>, CheckpointError> {
    let checkpoint = Checkpoint::open_only(folder, |name| name == WEIGHTS)?;
    checkpoint.check_spec(spec)?;
    checkpoint.policy()
}

/// Whether there is a checkpoint in the run folder or checkpoint folder `folder`, be it a good one or not.
pub fn exists(folder: &Path) -> bool {
    !matches!(find(folder), Err(CheckpointError::Missing(_)))
}

/// The checkpoint meant by `folder`: the latest of a run folder or checkpoint folder, or the one given itself.
///
/// # Errors
/// [`CheckpointError::Missing`], or [`CheckpointError::Damaged`] where there was one.
pub fn find(folder: &Path) -> Result<PathBuf, CheckpointError> {
    if folder.join(MANIFEST).is_file() {
        return Ok(folder.to_owned());
    }
    for base in [folder.join("checkpoint"), folder.to_owned()] {
        let is_there = |name: &str| base.join(name).join(MANIFEST).is_file();
        let mut before = None;
        // A checkpoint that was the latest may just have given way to the next.
        while let Ok(name) = files::read_text(&base.join(LATEST), 1024) {
            let name = name.trim().to_owned();
            let damaged = |problem: &str| CheckpointError::Damaged {
                path: base.display().to_string(),
                problem: format!("`{LATEST}` names {name:?}, {problem}"),
            };
            if name.is_empty() {
                // Cut off while it was written: as good as none.
                break;
            }
            // A name, not a path: a foreign file must not lead elsewhere.
            if !is_plain_name(&name) {
                return Err(damaged("which is no name of a checkpoint"));
            }
            if is_there(&name) {
                return Ok(base.join(name));
            }
            if before.as_ref() == Some(&name) {
                return newest(&base).ok_or_else(|| damaged("which is not there"));
            }
            before = Some(name);
        }
        // A program may have died after its first checkpoint was whole and before it said so.
        if let Some(newest) = newest(&base) {
            return Ok(newest);
        }
    }
    Err(CheckpointError::Missing(folder.display().to_string()))
}

/// The checkpoint written last of those in `base`.
fn newest(base: &Path) -> Option<PathBuf> {
    let whole = write::own(base).filter_map(|(name, agent)| Some((agent?, name)));
    let number = |name: &str| {
        let (steps, again) = name.split_once('-').unwrap_or((name, "0"));
        (steps.parse::<u64>().unwrap_or(0), again.parse::<u64>().unwrap_or(0))
    };
    whole.max_by_key(|(agent, name)| (*agent, number(name))).map(|(_, name)| base.join(name))
}

/// FNV-1a over 64-bit words: tells damage, not malice.
struct Checksum {
    sum: u64,
    /// Bytes that do not make a word yet, and how many.
    open: ([u8; 8], usize),
}

impl Default for Checksum {
    fn default() -> Self {
        Self { sum: 0xCBF2_9CE4_8422_2325, open: ([0; 8], 0) }
    }
}

impl Checksum {
    fn add(&mut self, mut bytes: &[u8]) {
        let (word, filled) = &mut self.open;
        if *filled > 0 {
            let taken = bytes.len().min(8 - *filled);
            word[*filled..*filled + taken].copy_from_slice(&bytes[..taken]);
            (*filled, bytes) = (*filled + taken, &bytes[taken..]);
            if *filled < 8 {
                return;
            }
            self.sum = step(self.sum, u64::from_le_bytes(*word));
        }
        let (words, rest) = bytes.as_chunks::<8>();
        self.sum = words.iter().fold(self.sum, |sum, word| step(sum, u64::from_le_bytes(*word)));
        word[..rest.len()].copy_from_slice(rest);
        *filled = rest.len();
    }

    fn finish(&self) -> u64 {
        let (word, filled) = &self.open;
        word[..*filled].iter().fold(self.sum, |sum, &byte| step(sum, u64::from(byte)))
    }
}

fn step(sum: u64, number: u64) -> u64 {
    (sum ^ number).wrapping_mul(0x0000_0100_0000_01B3)
}

#[cfg(test)]
mod tests;
