//! Trained agents on the command line: listing them, and exporting a run as one.

use std::path::Path;
use std::sync::Arc;

use super::{Failure, say};
use crate::bridge;
use crate::config::RunConfig;
#[cfg(feature = "arcade")]
use crate::experiment::Experiment;
use crate::experiment::level as experiment_level;
use crate::files::{self, portable};
use crate::insight::gallery;
use crate::learner::checkpoint::{Checkpoint, Manifest, WEIGHTS, replace_file};
use crate::learner::trained::{EXTENSION, TrainedAgent, TrainingRecord};
use crate::mdp::{LevelRecord, Policy, WorldOptions};
use crate::run::{self, SoftValues, Summary};
use crate::worlds::WorldChoice;

/// Prints the shipped agents, one per line.
pub(super) fn list() {
    for (name, bytes) in gallery::files() {
        let Ok(agent) = TrainedAgent::read(name, bytes) else { continue };
        let TrainingRecord { env_steps, seconds, episodes, mean_return, success, seed, .. } = agent.record;
        let took = seconds.map_or(String::new(), |seconds| format!(" in {seconds:.1} s"));
        say(&format!(
            "{name}: return {mean_return:.2}, success {:.0} % over {episodes} greedy episodes; {env_steps} env \
             steps{took}, seed {seed}",
            100.0 * success
        ));
    }
}

/// Number of greedy episodes for an agent that has no evaluation.
const EPISODES: usize = 100;
/// Seed of those episodes, the default of `eval`.
const EVALUATION_SEED: u64 = 1;

/// Writes the policy of a run or session, with its record, into one file, an .agent file or an ONNX model. Evaluates it
/// first if it has no evaluation, or over `episodes` episodes if given. A policy that is in an .agent file becomes a
/// model too.
pub(super) fn export(run: &Path, into: &Path, episodes: Option<usize>, force: bool) -> Result<(), Failure> {
    let onnx = into.extension().is_some_and(|extension| extension == "onnx");
    if !onnx && into.extension().is_none_or(|extension| extension != EXTENSION) {
        return Err(format!("{}: give a file that ends in .{EXTENSION} or .onnx", into.display()).into());
    }
    if !force && into.symlink_metadata().is_ok() {
        return Err(format!("{}: already exists; choose another name, or --force it", into.display()).into());
    }
    let agent = match file(run) {
        Some(agent) => agent?,
        None => {
            let checkpoint = Checkpoint::open_only(run, |name| name == WEIGHTS)?;
            let record = record(&checkpoint, run, episodes)?;
            TrainedAgent::of(&checkpoint, record)?
        }
    };
    let file = into;
    let bytes = if onnx { agent.to_onnx()? } else { agent.to_bytes()? };
    replace_file(file, &bytes).map_err(|error| format!("{}: {error}", file.display()))?;
    say(&format!("{}: {} bytes", file.display(), bytes.len()));
    Ok(())
}

/// The training record of the agent in `checkpoint` of `run`, with its evaluation.
fn record(checkpoint: &Checkpoint, run: &Path, episodes: Option<usize>) -> Result<TrainingRecord, Failure> {
    let folder = run_folder(run);
    let counters = checkpoint.manifest.counters;
    // A summary may belong to an earlier part of the run.
    let summary = summary(folder)?.filter(|summary| summary.gradient_steps == counters.gradient_steps);
    let seed = match &summary {
        Some(summary) => summary.seed,
        None => RunConfig::resolve(None, Some(&folder.join("config.toml")), &[])?.seed,
    };
    let measured = summary.as_ref().and_then(|summary| summary.eval).filter(|_| episodes.is_none());
    let eval = match measured {
        Some(eval) => eval,
        None => {
            let episodes = episodes.unwrap_or(EPISODES);
            crate::files::to_stderr(&format!(
                "{}: evaluating with {episodes} greedy episodes",
                run.display()
            ));
            let world = world_of(checkpoint, run, None)?;
            run::evaluate(&world, checkpoint.policy()?, episodes, EVALUATION_SEED)?
        }
    };
    Ok(TrainingRecord {
        level: checkpoint.manifest.level.as_ref().map(|level| portable(Path::new(&level.name))),
        seed,
        env_steps: counters.env_steps,
        gradient_steps: counters.gradient_steps,
        seconds: summary.map(|summary| summary.seconds),
        episodes: eval.episodes,
        mean_return: eval.episode_return.mean,
        success: eval.success,
    })
}

/// The summary of the run in `folder`, if it has one.
fn summary(folder: &Path) -> Result<Option<Summary>, Failure> {
    let path = folder.join("summary.json");
    let wrong = |problem: String| format!("{}: {problem}; remove it to export without", path.display());
    match files::read_text(&path, files::LARGEST_TEXT) {
        Ok(text) => {
            let read = serde_json::from_str(&text);
            Ok(Some(read.map_err(|error| wrong(files::in_plain_words(&error.to_string())))?))
        }
        Err(files::ReadError::Missing) => Ok(None),
        Err(error) => Err(wrong(error.to_string()).into()),
    }
}

/// The run folder of `path`, which may be the run or one of its checkpoints.
fn run_folder(path: &Path) -> &Path {
    path.ancestors().take(3).find(|folder| folder.join("config.toml").is_file()).unwrap_or(path)
}

/// Loads a policy by name: a run or checkpoint folder, an .agent file, or a shipped agent; and its world, on
/// `level` if given.
pub(super) fn evaluated(
    path: &Path,
    level: Option<&Path>,
) -> Result<(WorldChoice, Arc<dyn Policy>), Failure> {
    match file(path) {
        Some(agent) => {
            let agent = agent?;
            if let Some(id) = bridge::id(&agent.environment.name) {
                let (path, id) = (path.display(), files::in_one_line(id));
                return Err(format!(
                    "{path}: was trained in gym:{id}, code that runs only when you name it; evaluate its run folder"
                )
                .into());
            }
            let world = on(&agent.environment.name, agent.level(), &agent.world, path, level)?;
            agent.check_spec(&world.spec())?;
            Ok((world, agent.policy()?))
        }
        None => {
            let checkpoint = Checkpoint::open_only(path, |name| name == WEIGHTS)?;
            Ok((world_of(&checkpoint, path, level)?, checkpoint.policy()?))
        }
    }
}

/// Loads the policy and the critics of a run or checkpoint folder; and its world, on `level` if given.
pub(super) fn with_critics(
    path: &Path,
    level: Option<&Path>,
) -> Result<(WorldChoice, Arc<dyn Policy>, SoftValues), Failure> {
    let name = path.display();
    if file(path).is_some() {
        return Err(format!("{name}: an .agent file has no critics; give a run or checkpoint folder").into());
    }
    let checkpoint = Checkpoint::open_only(path, |name| name == WEIGHTS)?;
    let without = || format!("{name}: values are only known for agents without memory; give another run");
    let values = checkpoint.soft_values()?.ok_or_else(without)?;
    Ok((world_of(&checkpoint, path, level)?, checkpoint.policy()?, values))
}

/// The world that the checkpoint in `path` was trained in, on `level` if given.
fn world_of(checkpoint: &Checkpoint, path: &Path, level: Option<&Path>) -> Result<WorldChoice, Failure> {
    let Manifest { environment, level: kept, world, .. } = &checkpoint.manifest;
    if bridge::id(&environment.name).is_some() {
        // Its id runs code: what counts is the configuration of the run that was named.
        let config = RunConfig::written(&run_folder(path).join("config.toml"))?;
        let world =
            experiment_level::world_in(&RunConfig { level: level.map(Path::to_owned), ..config }, None)?;
        checkpoint.check_spec(&world.spec())?;
        return Ok(world);
    }
    let world = on(&environment.name, kept.clone(), world, run_folder(path), level)?;
    checkpoint.check_spec(&world.spec())?;
    Ok(world)
}

/// The world `env` on `level`, or else on the saved level that the agent in `place` was trained on.
fn on(
    env: &str,
    kept: Option<LevelRecord>,
    options: &WorldOptions,
    place: &Path,
    level: Option<&Path>,
) -> Result<WorldChoice, Failure> {
    Ok(match (level, kept) {
        (None, Some(kept)) => experiment_level::kept_world(env, &kept, options, Some(place))?,
        (level, _) => WorldChoice::with_options(env, level, options)?,
    })
}

/// Loads a policy for the world of `experiment` by name, or `shipped` for the shipped agent.
#[cfg(feature = "arcade")]
pub(super) fn player(path: &Path, experiment: &Experiment) -> Result<Arc<dyn Policy>, Failure> {
    let Experiment { config, world, .. } = experiment;
    let spec = world.spec();
    if path == Path::new("shipped") {
        let level = world.level().map(|level| level.name.as_str());
        let agent = gallery::fitting(&spec, level, &config.world);
        let none = || {
            let actions = if spec.action.is_continuous() { "continuous" } else { "discrete" };
            format!(
                "--agent shipped: there is no shipped agent for {} on this level with {actions} actions",
                spec.name
            )
        };
        return Ok(agent.ok_or_else(none)?.policy()?);
    }
    match file(path) {
        Some(agent) => {
            let agent = agent?;
            agent.check_spec(&spec)?;
            Ok(agent.policy()?)
        }
        None => Ok(crate::learner::checkpoint::load_policy(path, &spec)?),
    }
}

/// The .agent file that `path` names, if it names one.
fn file(path: &Path) -> Option<Result<TrainedAgent, Failure>> {
    if path.extension().is_none_or(|extension| extension != EXTENSION) {
        return None;
    }
    let shipped = gallery::files().find(|(name, _)| Path::new(name) == path && !path.is_file());
    Some(match shipped {
        Some((name, bytes)) => TrainedAgent::read(name, bytes).map_err(Into::into),
        None => TrainedAgent::load(path).map_err(Into::into),
    })
}
