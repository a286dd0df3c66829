//! The world and level of an experiment, new or resumed, with warnings about the level.

use std::path::Path;

use super::ExperimentError;
use crate::bridge;
use crate::config::RunConfig;
use crate::files;
use crate::learner::CheckpointError;
use crate::learner::checkpoint::Checkpoint;
use crate::mdp::{LevelRecord, WorldOptions};
use crate::worlds::rooms::level::{self as levels, kept};
use crate::worlds::{WorldChoice, WorldError};

/// The world and level that `config` names, for a new run, in `out` if it has a folder.
///
/// # Errors
/// [`WorldError`] if there is no such world, or its level cannot be read.
pub fn world_in(config: &RunConfig, out: Option<&Path>) -> Result<WorldChoice, WorldError> {
    let level = config.level.as_deref();
    match bridge::id(&config.env) {
        Some(id) => WorldChoice::outside(id, &config.bridge, level, &config.world),
        None if !config.bridge.is_default() => Err(WorldError::NotOutside(config.env.clone())),
        None => WorldChoice::in_run(&config.env, level, &config.world, out),
    }
}

/// The world of the run in `run`, on its saved level, whether or not the level's file still exists.
///
/// # Errors
/// One line if there is no such world, or the run's checkpoint cannot be read.
pub fn world_of_run(config: &RunConfig, run: &Path) -> Result<WorldChoice, ExperimentError> {
    match level_of_run(config, run)? {
        Some(level) => Ok(kept_world(&config.env, &level, &config.world, Some(run))?),
        None => Ok(world_in(config, Some(run))?),
    }
}

/// Refuses the level `asked` for if the run in `run` was trained on a different one of that name.
///
/// # Errors
/// One line that says so, or why the run's checkpoint cannot be read.
pub fn check(config: &RunConfig, run: &Path, asked: &Path) -> Result<(), ExperimentError> {
    let Some(own) = level_of_run(config, run)? else { return Ok(()) };
    // An unreadable level, or another name, is refused where the names are compared.
    let Ok(found) = kept::find(&config.env, asked, None) else { return Ok(()) };
    let differs = || kept::again(&config.env, &own).is_ok_and(|own| own.level != found.level);
    match found.record.name == own.name && differs() {
        true => {
            Err(ExperimentError::Level { level: asked.display().to_string(), run: run.display().to_string() })
        }
        false => Ok(()),
    }
}

/// The saved level of the run in `run`, if any.
fn level_of_run(config: &RunConfig, run: &Path) -> Result<Option<LevelRecord>, CheckpointError> {
    Ok(match Checkpoint::open_only(run, |_| false) {
        Ok(checkpoint) if checkpoint.manifest.environment.name == config.env => checkpoint.manifest.level,
        // A mismatch is refused where the whole spec is compared.
        Ok(_) => None,
        Err(CheckpointError::Missing(_)) => {
            // Cut off before its first checkpoint.
            let text = files::read_text(&run.join(kept::FILE), levels::LARGEST_FILE).ok();
            let name = config.level.as_deref().map_or("1".into(), files::portable);
            text.map(|text| LevelRecord { name, text: Some(text), near: None })
        }
        Err(error) => return Err(error),
    })
}

/// The world `env` on a saved `level`; warns if the original file, looked up from the folder `from`, has
/// changed.
///
/// # Errors
/// As [`world_in`].
pub fn kept_world(
    env: &str,
    level: &LevelRecord,
    options: &WorldOptions,
    from: Option<&Path>,
) -> Result<WorldChoice, WorldError> {
    let world = WorldChoice::kept(env, Some(level), options)?;
    let outside = kept::outside(level, from);
    let copy = from.map(|run| run.join(kept::FILE)).filter(|copy| copy.is_file());
    let places = [outside.as_deref(), copy.as_deref()];
    if let Some(said) = places.iter().find_map(|place| kept::difference(env, level, *place)) {
        files::to_stderr(&format!("note: {said}"));
    }
    Ok(world.with_level_file(outside))
}

/// Warns in one line if the level of `world` cannot be solved. Shipped levels are skipped: they are checked
/// before release.
pub fn warn_about(world: &WorldChoice) {
    if let Some(problem) = problem(world) {
        files::to_stderr(&format!("warning: {problem}; training continues anyway"));
    }
}

/// The finding of `levels check` on the level of `world`, unless it is a shipped one.
pub fn problem(world: &WorldChoice) -> Option<String> {
    let level = world.level().filter(|level| level.name.parse::<usize>().is_err())?;
    levels::check::examine(&level.name, level.text.as_deref()?).err().map(|error| error.to_string())
}
