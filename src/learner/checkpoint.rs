//! Checkpoints on disk: written aside and renamed, so that a crash leaves the last good one.
//!
//! A checkpoint folder holds one folder a checkpoint and a file `latest` that names the good one.
//! What is in the files is left to those who write them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::LearnerConfig;
use super::core::Counters;
use crate::files::{self, in_plain_words, is_plain_name};
use crate::mdp::{EnvironmentSpec, LevelRecord, Policy, Rng, WorldOptions};
use crate::sac::{CategoricalPolicy, SacConfig, weights};

const FORMAT: &str = "entropy-arcade-checkpoint";
/// Version 2 keeps the text of the level beside its name.
const VERSION: u32 = 2;
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
            files: BTreeMap::new(),
        }
    }
}

/// Steps that no run makes: counters beyond are damage, and would not add up.
const MOST_STEPS: u64 = 1 << 53;
/// Millionths of gradient steps that no run owes: learners owe a few thousand at most.
const MOST_CREDIT: u64 = 10_000_000_000;

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

/// A checkpoint read into memory and found whole.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    folder: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
    files: BTreeMap<String, Vec<u8>>,
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
        let folder = locate(folder)?;
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
        let mut files = BTreeMap::new();
        for (name, &(bytes, sum)) in manifest.files.iter().filter(|(name, _)| wanted(name)) {
            // Never more than it should have, whatever lies there by now.
            let content = match files::read(&folder.join(name), bytes) {
                Err(files::ReadError::TooLarge(_)) => Err(format!("{name} has more than its {bytes} bytes")),
                read => read.map_err(|error| format!("{name}: {error}")),
            };
            let content = content.map_err(damaged)?;
            if content.len() as u64 != bytes {
                return Err(damaged(format!("{name} has {} bytes of {bytes}", content.len())));
            }
            if checksum(&content) != sum {
                return Err(damaged(format!("{name} is not what was written")));
            }
            files.insert(name.clone(), content);
        }
        Ok(Self { folder, manifest, files })
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

/// The folder of the checkpoint meant by `folder`.
fn locate(folder: &Path) -> Result<PathBuf, CheckpointError> {
    if folder.join(MANIFEST).is_file() {
        return Ok(folder.to_owned());
    }
    for base in [folder.join("checkpoint"), folder.to_owned()] {
        if let Ok(name) = files::read_text(&base.join(LATEST), 1024) {
            let name = name.trim();
            // A name, not a path: a foreign file must not lead elsewhere.
            if is_plain_name(name) && base.join(name).join(MANIFEST).is_file() {
                return Ok(base.join(name));
            }
            return Err(CheckpointError::Damaged {
                path: base.display().to_string(),
                problem: format!("`{LATEST}` names {name:?}, which is not there"),
            });
        }
    }
    Err(CheckpointError::Missing(folder.display().to_string()))
}

/// Writes a checkpoint into `folder` and makes it the latest; older ones go.
///
/// Every file is flushed to disk before the folder gets its name, and the folder before `latest`
/// points to it: whenever the program dies, `latest` names a whole checkpoint.
///
/// # Errors
/// [`CheckpointError::Io`]; the last checkpoint stays.
pub fn write(
    folder: &Path,
    mut manifest: Manifest,
    files: Vec<(String, Vec<u8>)>,
) -> Result<PathBuf, CheckpointError> {
    let io = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| CheckpointError::Io { path: path.clone(), reason: error.to_string() }
    };
    fs::create_dir_all(folder).map_err(io(folder))?;
    let mut name = format!("{:012}", manifest.counters.env_steps);
    let mut again = 0;
    while folder.join(&name).exists() {
        again += 1;
        name = format!("{:012}-{again}", manifest.counters.env_steps);
    }
    let aside = folder.join(format!(".new-{name}"));
    if aside.exists() {
        fs::remove_dir_all(&aside).map_err(io(&aside))?;
    }
    fs::create_dir(&aside).map_err(io(&aside))?;
    for (file, content) in &files {
        manifest.files.insert(file.clone(), (content.len() as u64, checksum(content)));
        write_flushed(&aside.join(file), content).map_err(io(&aside))?;
    }
    let text = serde_json::to_vec_pretty(&manifest)
        .map_err(|error| CheckpointError::Io { path: name.clone(), reason: error.to_string() })?;
    write_flushed(&aside.join(MANIFEST), &text).map_err(io(&aside))?;
    flush_folder(&aside);
    let place = folder.join(&name);
    fs::rename(&aside, &place).map_err(io(&place))?;
    flush_folder(folder);
    replace_file(&folder.join(LATEST), name.as_bytes()).map_err(io(folder))?;
    remove_others(folder, &name);
    Ok(place)
}

/// Replaces a file as a whole: written aside, flushed, renamed.
///
/// # Errors
/// The system's error; the old file stays.
pub fn replace_file(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let aside = path.with_extension("new");
    write_flushed(&aside, content)?;
    fs::rename(&aside, path)?;
    path.parent().into_iter().for_each(flush_folder);
    Ok(())
}

/// Whether a folder's name is one that [`write`] gives: twelve digits, and a number after a dash.
fn is_ours(name: &str) -> bool {
    let (steps, again) = name.split_once('-').unwrap_or((name, "1"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    steps.len() >= 12 && digits(steps) && digits(again)
}

/// A folder's own entries must reach the disk too, where the system lets a folder be flushed.
fn flush_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        _ = folder.sync_all();
    }
}

fn write_flushed(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Old checkpoints and leftovers of interrupted writes. Failing to remove them harms nothing.
fn remove_others(folder: &Path, keep: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let ours = is_ours(name.trim_start_matches(".new-"));
        if ours && name != keep && entry.path().is_dir() {
            _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// FNV-1a over 64-bit words: tells damage, not malice.
fn checksum(content: &[u8]) -> u64 {
    let (words, rest) = content.as_chunks::<8>();
    let numbers =
        words.iter().map(|word| u64::from_le_bytes(*word)).chain(rest.iter().map(|&byte| u64::from(byte)));
    numbers.fold(0xCBF2_9CE4_8422_2325, |sum, number| (sum ^ number).wrapping_mul(0x0000_0100_0000_01B3))
}
