//! A run's configuration: defaults, the world's experiment, a TOML file, `--set key=value` and flags, in that order.
//!
//! The values are documented where they are used. An option is turned off with `"none"`, in files as with
//! `--set`, so that a later layer can turn off what an earlier one turned on.

mod file;
#[cfg(test)]
mod tests;
mod text;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::algo::AlgorithmConfig;
use crate::bridge::{self, BridgeSettings};
use crate::files::{self, in_plain_words, portable};
use crate::learner::{DeviceChoice, LearnerConfig};
use crate::mdp::WorldOptions;
use crate::worlds::{self, WorldEntry};
use file::RunFile;
use text::{MOST, apply_set, invalid, kinds_first, merge, parse, switch_off};

/// Everything needed to reproduce a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "RunFile", into = "RunFile")]
pub struct RunConfig {
    /// World to play, see `entropy-arcade envs`.
    pub env: String,
    /// Level: a number, a shipped file's name, a path, or `random:DIFFICULTY[:COUNT]` for generated ones; the
    /// first one when absent.
    pub level: Option<PathBuf>,
    /// Seed of everything random, 0 to 2^63 − 1.
    pub seed: u64,
    /// Environment steps of a headless run, 0 to 2^63 − 1.
    pub steps: u64,
    /// Number of parallel arenas, 1 to 4096.
    pub arenas: usize,
    /// Device to learn on.
    pub device: DeviceChoice,
    /// Simulation and bookkeeping of a run.
    pub run: RunSettings,
    /// Options of the world.
    pub world: WorldOptions,
    /// How an outside environment is made and stepped.
    pub bridge: BridgeSettings,
    /// Settings of the learner and its algorithm.
    pub learner: LearnerConfig,
}

/// Simulation and bookkeeping of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunSettings {
    /// Agent steps of every arena per period, between two barriers of actors and learner, 1 to 1024. While
    /// actors play period t, the learner trains on data up to period t − 1.
    pub period: u32,
    /// Environment steps between two lines of `metrics.jsonl`.
    pub log_every: u64,
    /// Greedy episodes per evaluation of a headless run, including the final one; 0 for none.
    pub eval_episodes: usize,
    /// Environment steps between two evaluations while a headless run learns, 0 for none. Evaluations do not
    /// affect training.
    pub eval_every: u64,
    /// Mean evaluation return at which a headless run ends early, as solved; off when absent.
    pub target_return: Option<f32>,
    /// Whether metrics are also written for TensorBoard, into the run's folder `events`.
    #[serde(skip_serializing_if = "Clone::clone")]
    pub tensorboard: bool,
    /// Threads that step arenas, 0 for one per core.
    pub sim_threads: usize,
    /// Whether slots after the first also play the learning policy (self-play) instead of the script.
    pub self_play: bool,
    /// Folder of a dataset of demonstrations, see [`crate::dataset`], to learn from beside the agent's own experience;
    /// none when absent. A resumed run reads it again.
    pub demos: Option<PathBuf>,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            period: 4,
            log_every: 2_000,
            eval_episodes: 20,
            eval_every: 0,
            target_return: None,
            tensorboard: true,
            sim_threads: 0,
            self_play: false,
            demos: None,
        }
    }
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            env: "lava-room".into(),
            level: None,
            seed: 1,
            steps: 100_000,
            arenas: 16,
            device: DeviceChoice::Auto,
            run: RunSettings::default(),
            world: WorldOptions::default(),
            bridge: BridgeSettings::default(),
            learner: LearnerConfig::default(),
        }
    }
}

/// An invalid configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{file}: cannot be read ({reason}); give the path of a .toml file")]
    Unreadable {
        /// The file.
        file: String,
        /// The system's message.
        reason: String,
    },
    /// It is invalid.
    #[error("{place}: {problem}")]
    Invalid {
        /// File and line, or the argument.
        place: String,
        /// What is wrong and what is allowed.
        problem: String,
    },
}

impl RunConfig {
    /// Builds a configuration: the world's tuned defaults, what its level changes in them, then `file`, then every
    /// `key=value` of `sets`.
    ///
    /// # Errors
    /// [`ConfigError`] in one line, naming file or argument, key, value and what is allowed.
    pub fn resolve(env: Option<&str>, file: Option<&Path>, sets: &[String]) -> Result<Self, ConfigError> {
        Self::resolve_on(env, None, file, sets)
    }

    /// Like [`RunConfig::resolve`], with what `level` changes in the world's settings, whatever level `file` and
    /// `sets` name.
    ///
    /// # Errors
    /// As [`RunConfig::resolve`].
    pub fn resolve_on(
        env: Option<&str>,
        level: Option<&str>,
        file: Option<&Path>,
        sets: &[String],
    ) -> Result<Self, ConfigError> {
        let mut over = toml::Table::new();
        if let Some(path) = file {
            let (name, text) = read_file(path)?;
            // Unknown keys and wrong types are reported with their line, so the file is read on its own
            // first.
            text::read::<Self>(&name, &text, &Self::options())?;
            over = parse(&name, &text)?;
        }
        // A later layer is the one that counts.
        let chosen = |key: &str| {
            let mut sets = sets.iter().rev().filter_map(|set| set.split_once('='));
            let set = sets.find_map(|(name, value)| given(name.trim(), value.trim(), key));
            let mut parts = key.split('.');
            let first = parts.next().and_then(|part| over.get(part));
            let value =
                set.or_else(|| parts.try_fold(first?, |at, part| at.get(part)).map(ToString::to_string))?;
            Some(value.trim_matches(['"', '\'']).to_owned())
        };
        let world = env.map(str::to_owned).or_else(|| chosen("env")).unwrap_or_else(|| "lava-room".into());
        let level = level.map(str::to_owned).or_else(|| chosen("level"));
        // Over the defaults, so that a single key of a table can be set.
        let mut table = parse("defaults", &Self::default().to_toml())?;
        if let Some(entry @ WorldEntry { name, level_experiment, .. }) = worlds::find(&world) {
            let continuous = chosen("world.actions").is_some_and(|kind| kind == "continuous");
            merge(&mut table, parse(&format!("{name}.toml"), entry.settings(continuous))?);
            if let Some(text) = level_experiment.zip(level).and_then(|(text, level)| text(&level)) {
                merge(&mut table, parse(&format!("{name}.toml"), &text)?);
            }
            if let Some(kind) = chosen("sac.memory.kind") {
                Self::forget_unfit(&mut table, &kind)?;
            }
        }
        if let Some(id) = bridge::id(&world) {
            merge(&mut table, parse(&format!("{world}.toml"), BridgeSettings::experiment(id))?);
            table.insert("env".into(), world.as_str().into());
        }
        merge(&mut table, over);
        for set in kinds_first(sets) {
            apply_set(&mut table, set, &Self::options())?;
        }
        if let Some(env) = env {
            table.insert("env".into(), env.into());
        }
        Self::from_table(table)
    }

    /// Takes back what a world's experiment sets for a memory of another `kind` and that goes with this one in no case:
    /// sequences for none, convolutions that flatten the grid for one that reads it.
    fn forget_unfit(table: &mut toml::Table, kind: &str) -> Result<(), ConfigError> {
        let defaults = parse("defaults", &Self::default().to_toml())?;
        let key = if kind == "none" { "sequence" } else { "encoder" };
        let default = defaults.get("sac").and_then(|sac| sac.get(key)).cloned();
        if let Some(toml::Value::Table(sac)) = table.get_mut("sac") {
            // A table that is not written has its defaults.
            sac.remove(key);
            sac.extend(default.map(|value| (key.to_owned(), value)));
        }
        Ok(())
    }

    /// The configuration that a run has written to `path`. Only defaults are below it, so that a changed
    /// experiment does not change the run.
    ///
    /// # Errors
    /// As [`RunConfig::resolve`].
    pub fn written(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let damaged = |problem: &str| {
            invalid(&name, &format!("{problem}; restore a copy of it, or start a new run with --out"))
        };
        let text = files::read_text(path, files::LARGEST_TEXT)
            .map_err(|error| damaged(&format!("cannot be read ({error})")))?;
        if parse(&name, &text)?.is_empty() {
            return Err(damaged("is empty, although a run writes every setting there"));
        }
        Self::from_text(&name, &text)
    }

    /// The configuration in `text`, as written by [`RunConfig::to_toml`]; errors call it `name`.
    ///
    /// # Errors
    /// As [`RunConfig::resolve`].
    pub fn from_text(name: &str, text: &str) -> Result<Self, ConfigError> {
        let config = text::read::<Self>(name, text, &Self::options())?;
        config.validate()?;
        Ok(config)
    }

    /// This configuration with every `key=value` of `sets` over it.
    ///
    /// # Errors
    /// As [`RunConfig::resolve`].
    pub fn with(&self, sets: &[String]) -> Result<Self, ConfigError> {
        let mut table = parse("configuration", &self.to_toml())?;
        for set in kinds_first(sets) {
            apply_set(&mut table, set, &Self::options())?;
        }
        Self::from_table(table)
    }

    fn from_table(table: toml::Table) -> Result<Self, ConfigError> {
        let table = toml::Value::Table(switch_off(table, &Self::options()));
        let config: Self = table
            .try_into()
            .map_err(|error: toml::de::Error| invalid("configuration", &in_plain_words(error.message())))?;
        config.validate()?;
        Ok(config)
    }

    /// Dotted keys of all options that can be `"none"`, of every algorithm.
    fn options() -> Vec<String> {
        let absent = |algorithm| text::absent(&Self::default().with_algorithm(algorithm));
        AlgorithmConfig::all().into_iter().flat_map(absent).collect()
    }

    /// Checks every value's range.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] for the first one out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let range = |ok: bool, key: &str, value: String, allowed: &str| {
            if ok {
                Ok(())
            } else {
                Err(invalid("configuration", &format!("{key} = {value}: allowed: {allowed}")))
            }
        };
        for (key, value) in [("seed", self.seed), ("steps", self.steps)] {
            range(value <= MOST, key, value.to_string(), "0 to 9223372036854775807 (2^63 − 1)")?;
        }
        range((1..=4096).contains(&self.arenas), "arenas", self.arenas.to_string(), "1 to 4096")?;
        range((1..=1024).contains(&self.run.period), "run.period", self.run.period.to_string(), "1 to 1024")?;
        range(self.run.log_every >= 1, "run.log_every", self.run.log_every.to_string(), "1 or more")?;
        range(
            self.run.target_return.is_none_or(f32::is_finite),
            "run.target_return",
            format!("{:?}", self.run.target_return.unwrap_or_default()),
            "a finite number",
        )?;
        range(
            self.run.target_return.is_none() || self.run.eval_every > 0,
            "run.eval_every",
            self.run.eval_every.to_string(),
            "1 or more beside run.target_return, which evaluations are compared with",
        )?;
        range(self.run.sim_threads <= 256, "run.sim_threads", self.run.sim_threads.to_string(), "0 to 256")?;
        self.learner.validate().map_err(|error| invalid("configuration", &error.to_string()))
    }

    /// This configuration with another algorithm.
    #[must_use]
    pub fn with_algorithm(self, algorithm: AlgorithmConfig) -> Self {
        Self { learner: LearnerConfig { algorithm, ..self.learner }, ..self }
    }

    /// This run's configuration with `used` applied, for a watched run. A bound with separate values for
    /// watched and other runs keeps both unless it was changed.
    #[must_use]
    pub fn recorded(&self, used: &LearnerConfig) -> Self {
        Self { learner: self.learner.recorded(used), ..self.clone() }
    }

    /// As a TOML file that [`RunConfig::resolve`] reads back to the same configuration, except for a level
    /// outside the run's folder: only its name is written, and the folder has a copy.
    pub fn to_toml(&self) -> String {
        let level = self.level.as_deref().map(|level| portable(level).into());
        text::write(&Self { level, ..self.clone() })
    }
}

/// What the setting `name = value` says of `key`: its own value, or that of an entry if it is a table around it.
fn given(name: &str, value: &str, key: &str) -> Option<String> {
    if name == key {
        return Some(value.to_owned());
    }
    let inside = key.strip_prefix(name)?.strip_prefix('.')?;
    let table = toml::from_str::<toml::Table>(&format!("value = {value}")).ok()?;
    inside.split('.').try_fold(table.get("value")?, |at, part| at.get(part)).map(ToString::to_string)
}

fn read_file(path: &Path) -> Result<(String, String), ConfigError> {
    let name = path.display().to_string();
    match files::read_text(path, files::LARGEST_TEXT) {
        Ok(text) => Ok((name, text)),
        Err(error) => Err(ConfigError::Unreadable { file: name, reason: error.to_string() }),
    }
}

/// Learner and algorithm as the table `[learner]` and that of the algorithm, for a watched run: the bounds
/// `live_…` are left out, because their values replace the others ([`LearnerConfig::watched`]).
pub fn settings_to_toml(config: &LearnerConfig) -> String {
    let all = RunConfig { learner: config.clone(), ..RunConfig::default() }.to_toml();
    let mut within = false;
    let mut of_learner = |line: &&str| {
        if line.starts_with('[') {
            // A table, or one of several.
            let name = line.trim_start_matches('[').split(['.', ']']).next().unwrap_or_default();
            within = name == "learner" || name == config.algorithm.name();
        }
        within && !line.starts_with("live_")
    };
    all.lines().filter(|line| of_learner(line)).map(|line| format!("{line}\n")).collect()
}

/// Reads the output of [`settings_to_toml`].
///
/// # Errors
/// [`ConfigError::Invalid`] in one line, naming line or key, value and what is allowed.
pub fn settings_from_toml(text: &str) -> Result<LearnerConfig, ConfigError> {
    let refused = |problem: String| Err(invalid("settings", &problem));
    let RunConfig { learner, .. } = text::read("settings", text, &RunConfig::options())?;
    let given = parse("settings", text)?;
    let tables = ["learner", learner.algorithm.name()];
    if let Some(key) = given.keys().find(|key| !tables.contains(&key.as_str())) {
        return refused(format!("{key} is not a setting of the learner: allowed: [{}]", tables.join("], [")));
    }
    let given = given.get("learner").and_then(toml::Value::as_table);
    if let Some(key) = given.into_iter().flat_map(toml::Table::keys).find(|key| key.starts_with("live_")) {
        let own = key.trim_start_matches("live_");
        return refused(format!("learner.{key} is for the start of a watched run; now change learner.{own}"));
    }
    learner.validate().map_err(|error| invalid("settings", &error.to_string()))?;
    Ok(learner.settled())
}
