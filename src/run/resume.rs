//! Resume: the configuration a run goes on with, what it had come to, and why it cannot go on.

use std::path::Path;

use super::{RunError, Summary};
use crate::config::{ConfigError, RunConfig};
use crate::files::{self, portable};
use crate::learner::checkpoint::Checkpoint;
use crate::learner::{LearnerError, check_networks};
use crate::mdp::EnvironmentSpec;

/// What a run had come to when it was left.
#[derive(Debug, Clone)]
pub struct Earlier {
    /// Its configuration, from `config.toml`.
    pub config: RunConfig,
    /// Its `summary.json`, where it got as far.
    pub summary: Option<Summary>,
}

impl Earlier {
    /// Reads the run in `folder`; `None` where that is no run folder but a checkpoint.
    ///
    /// # Errors
    /// [`RunError::Config`] for a `config.toml` that cannot be read.
    pub fn read(folder: &Path) -> Result<Option<Self>, RunError> {
        let path = folder.join("config.toml");
        if !path.is_file() {
            return Ok(None);
        }
        let summary = files::read_text(&folder.join("summary.json"), files::LARGEST_TEXT).ok();
        let summary = summary.and_then(|text| serde_json::from_str(&text).ok());
        Ok(Some(Self { config: RunConfig::written(&path)?, summary }))
    }
}

/// The configuration with which the run in `folder`, of `spec`, goes on when it is asked for `given`. It is `given`
/// but for networks that `config.toml` has and the checkpoint has not, as when a new start was cut off before its first
/// checkpoint: what is on disk is gone on with.
///
/// # Errors
/// One line for a checkpoint that does not fit `spec`, and for a setting that a run keeps, with what it was.
pub fn configuration(given: RunConfig, folder: &Path, spec: &EnvironmentSpec) -> Result<RunConfig, RunError> {
    let checkpoint = Checkpoint::open_only(folder, |name| name == "weights.safetensors")?;
    checkpoint.check_spec(spec)?;
    let written = Earlier::read(folder)?.map_or_else(|| given.clone(), |earlier| earlier.config);
    keeps("seed", &given.seed.to_string(), &written.seed.to_string())?;
    let level = |config: &RunConfig| config.level.as_deref().map_or_else(|| "none".to_owned(), portable);
    keeps("level", &level(&given), &level(&written))?;
    let begun = &checkpoint.manifest.sac;
    let overridden = given.sac.keeps_networks(&written.sac).is_err();
    let sac = match given.sac.keeps_networks(begun) {
        Ok(()) => given.sac.clone(),
        Err(error) if overridden => return Err(LearnerError::from(error).into()),
        Err(error) => {
            tracing::warn!(
                "{}/config.toml: {error}; going on with the checkpoint's networks",
                folder.display()
            );
            given.sac.with_networks_of(begun)
        }
    };
    sac.follows(&written.sac.with_networks_of(begun)).map_err(LearnerError::from)?;
    check_networks(&checkpoint, &sac, spec)?;
    Ok(RunConfig { sac, ..given })
}

/// Refuses another value of what a run has once for all.
fn keeps(key: &str, given: &str, written: &str) -> Result<(), ConfigError> {
    if given == written {
        return Ok(());
    }
    let problem =
        format!("it was {written} when the run began; leave it out, or begin another run with --out");
    Err(ConfigError::Invalid { place: format!("{key} = {given}"), problem })
}
