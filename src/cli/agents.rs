//! Trained agents on the command line: which there are, and how a run becomes one.

use std::path::Path;
use std::sync::Arc;

use super::{Failure, say, world_of};
use crate::agent::gallery;
use crate::learner::checkpoint::{Checkpoint, replace_file};
use crate::learner::trained::{EXTENSION, TrainedAgent, TrainingRecord};
#[cfg(feature = "arcade")]
use crate::mdp::EnvironmentSpec;
use crate::mdp::Policy;
use crate::run::Summary;
use crate::sim::worlds::WorldChoice;

/// Prints the agents that come with the arcade, one a line.
pub(super) fn list() {
    for (name, bytes) in gallery::FILES {
        let Ok(agent) = TrainedAgent::read(name, bytes) else { continue };
        let TrainingRecord { env_steps, seconds, episodes, mean_return, success, seed, .. } = agent.record;
        say(&format!(
            "{name}: return {mean_return:.2}, success {:.0} % over {episodes} greedy episodes; {env_steps} env steps in \
             {seconds:.1} s, seed {seed}",
            100.0 * success
        ));
    }
}

/// Writes the policy of a finished headless run, with its record, into one file.
pub(super) fn export(run: &Path, file: &Path) -> Result<(), Failure> {
    if file.extension().is_none_or(|extension| extension != EXTENSION) {
        return Err(format!("{}: give a file that ends in .{EXTENSION}", file.display()).into());
    }
    let checkpoint = Checkpoint::open_only(run, |name| name == "weights.safetensors")?;
    let path = run.join("summary.json");
    let wrong = |problem: String| format!("{}: {problem}; give a finished headless run", path.display());
    let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
    let summary: Summary = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let eval = summary.eval.ok_or_else(|| wrong("it holds no evaluation".into()))?;
    let record = TrainingRecord {
        level: checkpoint.manifest.level.as_ref().map(|level| level.display().to_string()),
        seed: summary.seed,
        env_steps: summary.env_steps,
        gradient_steps: summary.gradient_steps,
        seconds: summary.seconds,
        episodes: eval.episodes,
        mean_return: eval.episode_return.mean,
        success: eval.success,
    };
    let bytes = TrainedAgent::of(&checkpoint, record)?.to_bytes()?;
    replace_file(file, &bytes).map_err(|error| format!("{}: {error}", file.display()))?;
    say(&format!("{}: {} bytes", file.display(), bytes.len()));
    Ok(())
}

/// A policy by what somebody calls it: a run or checkpoint folder, an .agent file, or the name of one that comes with the
/// arcade; and the world it plays, on `level` if that is another than its own.
pub(super) fn evaluated(
    path: &Path,
    level: Option<&Path>,
) -> Result<(WorldChoice, Arc<dyn Policy>), Failure> {
    match file(path) {
        Some(agent) => {
            let agent = agent?;
            let own = agent.record.level.as_ref().map(Path::new);
            let world = WorldChoice::new(&agent.environment.name, level.or(own))?;
            agent.check_spec(&world.spec())?;
            Ok((world, agent.policy()?))
        }
        None => {
            let checkpoint = Checkpoint::open(path)?;
            Ok((world_of(&checkpoint, level)?, checkpoint.policy()?))
        }
    }
}

/// A policy that plays `spec`, by what somebody calls it, or `shipped` for the one that comes with the arcade.
#[cfg(feature = "arcade")]
pub(super) fn player(
    path: &Path,
    spec: &EnvironmentSpec,
    level: Option<&Path>,
) -> Result<Arc<dyn Policy>, Failure> {
    if path == Path::new("shipped") {
        let level = level.map(|level| level.display().to_string());
        let agent = gallery::fitting(spec, level.as_deref());
        let none = || format!("--agent shipped: none comes with the arcade for {} on this level", spec.name);
        return Ok(agent.ok_or_else(none)?.policy()?);
    }
    match file(path) {
        Some(agent) => {
            let agent = agent?;
            agent.check_spec(spec)?;
            Ok(agent.policy()?)
        }
        None => Ok(crate::learner::checkpoint::load_policy(path, spec)?),
    }
}

/// The .agent file that `path` means; `None` where it means none.
fn file(path: &Path) -> Option<Result<TrainedAgent, Failure>> {
    if path.extension().is_none_or(|extension| extension != EXTENSION) {
        return None;
    }
    let shipped = gallery::FILES.iter().find(|(name, _)| Path::new(name) == path && !path.is_file());
    Some(match shipped {
        Some((name, bytes)) => TrainedAgent::read(name, bytes).map_err(Into::into),
        None => TrainedAgent::load(path).map_err(Into::into),
    })
}
