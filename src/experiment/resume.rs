//! The configuration of a resumed run, and reasons to refuse it.

use std::path::Path;

use super::ExperimentError;
use crate::config::{ConfigError, RunConfig};
use crate::files::portable;
use crate::learner::checkpoint::Checkpoint;
use crate::learner::{LearnerError, check_networks};
use crate::mdp::EnvironmentSpec;

/// The configuration with which the run in `folder`, of `spec`, resumes when `given` is requested. It is
/// `given`, except for network settings in `config.toml` that the checkpoint does not have, as after a
/// restart that was killed before its first checkpoint: then those of the checkpoint are used.
///
/// # Errors
/// One line for a checkpoint that does not fit `spec`, and for a fixed setting, with its value in the run.
pub(super) fn configuration(
    given: RunConfig,
    folder: &Path,
    spec: &EnvironmentSpec,
) -> Result<RunConfig, ExperimentError> {
    let checkpoint = Checkpoint::open_only(folder, |name| name == "weights.safetensors")?;
    checkpoint.check_spec(spec)?;
    let path = folder.join("config.toml");
    let written = if path.is_file() { RunConfig::written(&path)? } else { given.clone() };
    keeps("seed", &given.seed.to_string(), &written.seed.to_string())?;
    let level = |config: &RunConfig| config.level.as_deref().map_or_else(|| "none".to_owned(), portable);
    keeps("level", &level(&given), &level(&written))?;
    let begun = &checkpoint.manifest.algorithm;
    let [asked, written] = [&given.learner.algorithm, &written.learner.algorithm];
    let overridden = asked.keeps_networks(written).is_err();
    let algorithm = match asked.keeps_networks(begun) {
        Ok(()) => asked.clone(),
        Err(error) if overridden => return Err(LearnerError::from(error).into()),
        Err(error) => {
            tracing::warn!(
                "{}/config.toml: {error}; continuing with the checkpoint's networks",
                folder.display()
            );
            asked.with_networks_of(begun)
        }
    };
    algorithm.follows(&written.with_networks_of(begun)).map_err(LearnerError::from)?;
    check_networks(&checkpoint, &algorithm, spec)?;
    Ok(given.with_algorithm(algorithm))
}

/// Refuses a new value of a fixed setting.
fn keeps(key: &str, given: &str, written: &str) -> Result<(), ConfigError> {
    if given == written {
        return Ok(());
    }
    let problem =
        format!("it was {written} when the run began; leave it out, or start another run with --out");
    Err(ConfigError::Invalid { place: format!("{key} = {given}"), problem })
}
