//! A run's configuration: defaults, the world's experiment, a TOML file, `--set key=value` and flags, in that order.
//!
//! What the values mean is documented where they are used. An option that is off is written as `"none"`, in files as
//! with `--set`: a later layer switches off what an earlier one has on.

#[cfg(test)]
mod tests;
mod text;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::{self, portable};
use crate::learner::{DeviceChoice, LearnerConfig};
use crate::mdp::WorldOptions;
use crate::sac::SacConfig;
use text::{MOST, apply_set, invalid, merge, parse, switch_off};

/// Everything a run needs to be made again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunConfig {
    /// World to play, see `entropy-arcade envs`.
    pub env: String,
    /// Level: a number, a shipped file's name, a path, or `random:DIFFICULTY[:COUNT]` for generated ones; the
    /// first one when absent.
    #[serde(deserialize_with = "text::name_or_number")]
    pub level: Option<PathBuf>,
    /// Seed of everything random, 0 to 2^63 − 1.
    pub seed: u64,
    /// Environment steps a headless run makes, 0 to 2^63 − 1.
    pub steps: u64,
    /// Arenas beside each other, 1 to 4096.
    pub arenas: usize,
    /// Where to learn.
    pub device: DeviceChoice,
    /// Simulation and bookkeeping of a run.
    pub run: RunSettings,
    /// How the world is varied.
    pub world: WorldOptions,
    /// How the learner is fed.
    pub learner: LearnerConfig,
    /// The algorithm.
    pub sac: SacConfig,
}

/// Simulation and bookkeeping of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunSettings {
    /// Agent steps of every arena between two meetings of actors and learner, 1 to 1024. While
    /// actors play period t, the learner works on period t − 1.
    pub period: u32,
    /// Environment steps between two lines in `metrics.jsonl`.
    pub log_every: u64,
    /// Greedy episodes of one evaluation of a headless run, the one at its end among them; 0 for none.
    pub eval_episodes: usize,
    /// Environment steps between two evaluations while a headless run learns, 0 for none. An
    /// evaluation changes nothing of what is learned.
    pub eval_every: u64,
    /// Mean episode return of an evaluation that ends a headless run early, as solved; off when absent.
    pub target_return: Option<f32>,
    /// Threads that step arenas, 0 for as many as there are cores.
    pub sim_threads: usize,
    /// Whether slots after the first play with the learning policy too (self-play) instead of the script.
    pub self_play: bool,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            period: 4,
            log_every: 2_000,
            eval_episodes: 20,
            eval_every: 0,
            target_return: None,
            sim_threads: 0,
            self_play: false,
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
            learner: LearnerConfig::default(),
            sac: SacConfig::default(),
        }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{file}: cannot be read ({reason}); give the path of a .toml file")]
    Unreadable {
        /// The file.
        file: String,
        /// The system's words.
        reason: String,
    },
    /// Something in it is wrong.
    #[error("{place}: {problem}")]
    Invalid {
        /// File and line, or the argument.
        place: String,
        /// What is wrong and what is allowed.
        problem: String,
    },
}

/// Experiments that come with the program, by world.
const TUNED: &[(&str, &str)] = &[
    ("lava-room", include_str!("../assets/experiments/lava-room.toml")),
    ("memory-corridor", include_str!("../assets/experiments/memory-corridor.toml")),
    ("two-plates", include_str!("../assets/experiments/two-plates.toml")),
    ("tag", include_str!("../assets/experiments/tag.toml")),
    ("paddle-duel", include_str!("../assets/experiments/paddle-duel.toml")),
    ("brick-breaker", include_str!("../assets/experiments/brick-breaker.toml")),
    ("volley", include_str!("../assets/experiments/volley.toml")),
    ("meteor-field", include_str!("../assets/experiments/meteor-field.toml")),
    ("beam-carry", include_str!("../assets/experiments/beam-carry.toml")),
    ("crate-yard", include_str!("../assets/experiments/crate-yard.toml")),
    ("key-door", include_str!("../assets/experiments/key-door.toml")),
    ("lander", include_str!("../assets/experiments/lander.toml")),
    ("puck", include_str!("../assets/experiments/puck.toml")),
    ("puck-2v2", include_str!("../assets/experiments/puck-2v2.toml")),
    ("cartpole", include_str!("../assets/experiments/cartpole.toml")),
    ("cart-pole", include_str!("../assets/experiments/cart-pole.toml")),
    ("acrobot", include_str!("../assets/experiments/acrobot.toml")),
    ("mountain-car", include_str!("../assets/experiments/mountain-car.toml")),
];

impl RunConfig {
    /// Builds a configuration: the world's tuned defaults, then `file`, then every `key=value` of `sets`.
    ///
    /// # Errors
    /// [`ConfigError`] in one line, naming file or argument, key, value and what is allowed.
    pub fn resolve(env: Option<&str>, file: Option<&Path>, sets: &[String]) -> Result<Self, ConfigError> {
        let mut over = toml::Table::new();
        if let Some(path) = file {
            let (name, text) = read_file(path)?;
            // Unknown keys and wrong types are best explained where they stand, in the file alone.
            text::read::<Self>(&name, &text, &Self::options())?;
            over = parse(&name, &text)?;
        }
        for set in sets {
            apply_set(&mut over, set, &Self::options())?;
        }
        if let Some(env) = env {
            over.insert("env".into(), env.into());
        }
        let env = over.get("env").and_then(toml::Value::as_str).unwrap_or("lava-room").to_owned();
        // Over the defaults, so that one key of a table can be set alone.
        let mut table = parse("defaults", &Self::default().to_toml())?;
        if let Some((name, text)) = TUNED.iter().find(|(name, _)| *name == env) {
            merge(&mut table, parse(&format!("{name}.toml"), text)?);
        }
        merge(&mut table, over);
        Self::from_table(table)
    }

    /// The configuration that a run has written into `path`. Nothing but defaults lies below it: an experiment that
    /// has changed since does not change the run.
    ///
    /// # Errors
    /// As [`RunConfig::resolve`].
    pub fn written(path: &Path) -> Result<Self, ConfigError> {
        let (name, text) = read_file(path)?;
        if parse(&name, &text)?.is_empty() {
            let problem = "says nothing, and a run writes everything there; put a copy of it back, or begin another run";
            return Err(invalid(&name, problem));
        }
        let mut config = text::read::<Self>(&name, &text, &Self::options())?;
        config.learner.sac = config.sac.clone();
        config.validate()?;
        Ok(config)
    }

    /// This configuration with every `key=value` of `sets` over it.
    ///
    /// # Errors
    /// As [`RunConfig::resolve`].
    pub fn with(&self, sets: &[String]) -> Result<Self, ConfigError> {
        let mut table = parse("configuration", &self.to_toml())?;
        for set in sets {
            apply_set(&mut table, set, &Self::options())?;
        }
        Self::from_table(table)
    }

    fn from_table(table: toml::Table) -> Result<Self, ConfigError> {
        let table = toml::Value::Table(switch_off(table, &Self::options()));
        let mut config: Self =
            table.try_into().map_err(|error: toml::de::Error| invalid("configuration", error.message()))?;
        config.learner.sac = config.sac.clone();
        config.validate()?;
        Ok(config)
    }

    /// Dotted keys of everything that can be `"none"`.
    fn options() -> Vec<String> {
        text::absent(&Self::default())
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
                Err(invalid("configuration", &format!("{key} = {value}: allowed is {allowed}")))
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

    /// The learner's configuration with the algorithm's in it.
    pub fn learner(&self) -> LearnerConfig {
        LearnerConfig { sac: self.sac.clone(), ..self.learner.clone() }
    }

    /// This run's configuration once `used` is in force while somebody watches. A bound that stands there twice, for
    /// watched and for other runs, keeps both values unless it was changed.
    #[must_use]
    pub fn recorded(&self, used: &LearnerConfig) -> Self {
        let learner = self.learner().recorded(used);
        Self { sac: learner.sac.clone(), learner, ..self.clone() }
    }

    /// As a TOML file that [`RunConfig::resolve`] reads back to the same configuration, but for a level elsewhere: of
    /// that there is the name alone, and a copy in the run's folder.
    pub fn to_toml(&self) -> String {
        let level = self.level.as_deref().map(|level| portable(level).into());
        text::write(&Self { level, ..self.clone() })
    }
}

fn read_file(path: &Path) -> Result<(String, String), ConfigError> {
    let name = path.display().to_string();
    match files::read_text(path, files::LARGEST_TEXT) {
        Ok(text) => Ok((name, text)),
        Err(error) => Err(ConfigError::Unreadable { file: name, reason: error.to_string() }),
    }
}

/// The tables `[learner]` and `[sac]` of a run's file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    learner: LearnerConfig,
    sac: SacConfig,
}

/// Learner and algorithm as the tables `[learner]` and `[sac]` of a run's file, for somebody who watches: the bounds of
/// watched runs, `live_…`, are left out, because their values stand in the places of the others
/// ([`LearnerConfig::watched`]).
pub fn settings_to_toml(config: &LearnerConfig) -> String {
    let settings = Settings { learner: config.clone(), sac: config.sac.clone() };
    let text = text::write(&settings);
    text.lines().filter(|line| !line.starts_with("live_")).map(|line| format!("{line}\n")).collect()
}

/// Reads what [`settings_to_toml`] wrote.
///
/// # Errors
/// [`ConfigError::Invalid`] in one line, naming line or key, value and what is allowed.
pub fn settings_from_toml(text: &str) -> Result<LearnerConfig, ConfigError> {
    let options = text::absent(&Settings::default());
    let Settings { learner, sac } = text::read("settings", text, &options)?;
    let given = parse("settings", text)?;
    let given = given.get("learner").and_then(toml::Value::as_table);
    if let Some(key) = given.into_iter().flat_map(toml::Table::keys).find(|key| key.starts_with("live_")) {
        let own = key.trim_start_matches("live_");
        let problem = format!("learner.{key} is for the start of a watched run; now change learner.{own}");
        return Err(invalid("settings", &problem));
    }
    let config = LearnerConfig { sac, ..learner };
    config.validate().map_err(|error| invalid("settings", &error.to_string()))?;
    Ok(config.settled())
}
