//! A run's configuration: defaults, a TOML file, `--set key=value` and flags, in that order.
//!
//! What the values mean is documented where they are used.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::files::{self, portable};
use crate::learner::{DeviceChoice, LearnerConfig};
use crate::mdp::WorldOptions;
use crate::sac::SacConfig;

/// Everything a run needs to be made again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunConfig {
    /// World to play, see `entropy-arcade envs`.
    pub env: String,
    /// Level: a number, a shipped file's name, a path, or `random:DIFFICULTY[:COUNT]` for generated ones; the
    /// first one when absent.
    pub level: Option<PathBuf>,
    /// Seed of everything random.
    pub seed: u64,
    /// Environment steps a headless run makes.
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
        // Over the defaults, so that one key of a table can be set alone.
        let mut table = parse("defaults", &Self::default().to_toml())?;
        let mut over = toml::Table::new();
        if let Some(path) = file {
            let name = path.display().to_string();
            let text = files::read_text(path, files::LARGEST_TEXT)
                .map_err(|error| ConfigError::Unreadable { file: name.clone(), reason: error.to_string() })?;
            over = parse(&name, &text)?;
            // Unknown keys and wrong types are best explained where they stand, in the file alone.
            read::<Self>(&name, &text)?;
        }
        for set in sets {
            apply_set(&mut over, set)?;
        }
        if let Some(env) = env {
            over.insert("env".into(), env.into());
        }
        let env = over.get("env").and_then(toml::Value::as_str).unwrap_or("lava-room").to_owned();
        if let Some((name, text)) = TUNED.iter().find(|(name, _)| *name == env) {
            merge(&mut table, parse(&format!("{name}.toml"), text)?);
        }
        merge(&mut table, over);
        let mut config: Self = toml::Value::Table(table)
            .try_into()
            .map_err(|error: toml::de::Error| invalid("configuration", error.message()))?;
        config.learner.sac = config.sac.clone();
        config.validate()?;
        Ok(config)
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

    /// As a TOML file that [`RunConfig::resolve`] reads back to the same configuration, but for a level elsewhere: of
    /// that there is the name alone, and a copy in the run's folder.
    pub fn to_toml(&self) -> String {
        let level = self.level.as_deref().map(|level| portable(level).into());
        // Serialising plain values into a string has nothing to fail on.
        toml::to_string_pretty(&Self { level, ..self.clone() }).unwrap_or_default()
    }
}

/// The tables `[learner]` and `[sac]` of a run's file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    learner: LearnerConfig,
    sac: SacConfig,
}

/// Learner and algorithm as the tables `[learner]` and `[sac]` of a run's file.
pub fn settings_to_toml(config: &LearnerConfig) -> String {
    let settings = Settings { learner: config.clone(), sac: config.sac.clone() };
    toml::to_string_pretty(&settings).unwrap_or_default()
}

/// Reads what [`settings_to_toml`] wrote.
///
/// # Errors
/// [`ConfigError::Invalid`] in one line, naming line or key, value and what is allowed.
pub fn settings_from_toml(text: &str) -> Result<LearnerConfig, ConfigError> {
    let Settings { learner, sac } = read("settings", text)?;
    let config = LearnerConfig { sac, ..learner };
    config.validate().map_err(|error| invalid("settings", &error.to_string()))?;
    Ok(config)
}

fn invalid(place: &str, problem: &str) -> ConfigError {
    let problem = problem.split_whitespace().collect::<Vec<_>>().join(" ");
    ConfigError::Invalid { place: place.to_owned(), problem }
}

fn parse(name: &str, text: &str) -> Result<toml::Table, ConfigError> {
    text.parse().map_err(|error: toml::de::Error| located(name, text, &error))
}

/// Reads `text` as `T` and refuses keys that this leaves unread.
fn read<T: Serialize + DeserializeOwned>(name: &str, text: &str) -> Result<T, ConfigError> {
    let value: T = toml::from_str(text).map_err(|error| located(name, text, &error))?;
    all_read(name, &parse(name, text)?, &value)?;
    Ok(value)
}

/// Refuses a key of `given` that `value`, read from it, does not have. Serde itself says nothing about one
/// beside the `mode` of a variant without fields.
fn all_read<T: Serialize>(place: &str, given: &toml::Table, value: &T) -> Result<(), ConfigError> {
    let known = toml::Table::try_from(value).map_err(|error| invalid(place, &error.to_string()))?;
    match unread(given, &known) {
        Some(key) => {
            Err(invalid(place, &format!("unknown field `{key}` beside the `mode` that stands there")))
        }
        None => Ok(()),
    }
}

/// Dotted path of the first key of `given` that `known` does not have.
fn unread(given: &toml::Table, known: &toml::Table) -> Option<String> {
    given.iter().find_map(|(key, value)| match (value, known.get(key)) {
        (_, None) => Some(key.clone()),
        (toml::Value::Table(given), Some(toml::Value::Table(known))) => {
            unread(given, known).map(|rest| format!("{key}.{rest}"))
        }
        _ => None,
    })
}

fn located(name: &str, text: &str, error: &toml::de::Error) -> ConfigError {
    let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    invalid(&format!("{name}:{line}"), error.message())
}

/// Puts `a.b.c=value` into the table; a value that is no TOML is taken as text.
fn apply_set(table: &mut toml::Table, set: &str) -> Result<(), ConfigError> {
    let place = format!("--set {set}");
    let Some((key, value)) = set.split_once('=') else {
        return Err(invalid(&place, "no `=`; write --set dotted.key=value"));
    };
    let value = format!("v = {value}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("v"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()));
    let mut parts: Vec<&str> = key.trim().split('.').collect();
    let last = parts.pop().unwrap_or_default();
    let mut alone = toml::Table::new();
    alone.insert(last.into(), value);
    for part in parts.into_iter().rev() {
        let mut outer = toml::Table::new();
        outer.insert(part.into(), alone.into());
        alone = outer;
    }
    // On its own over the defaults first, so that the message is about this one.
    let mut probe = parse("defaults", &RunConfig::default().to_toml())?;
    merge(&mut probe, alone.clone());
    let read = toml::Value::Table(probe).try_into::<RunConfig>();
    all_read(&place, &alone, &read.map_err(|error| invalid(&place, error.message()))?)?;
    merge(table, alone);
    Ok(())
}

/// Lays `over` onto `table`, key by key. A table with a `mode` replaces one of another mode whole.
fn merge(table: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above))
                if above.get("mode").is_none_or(|mode| below.get("mode") == Some(mode)) =>
            {
                merge(below, above);
            }
            (_, value) => _ = table.insert(key, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sac::{ConvLayer, Encoder, Padding};

    fn set(sets: &[&str]) -> Result<RunConfig, String> {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        RunConfig::resolve(None, None, &sets).map_err(|error| error.to_string())
    }

    #[test]
    fn a_written_configuration_reads_back_the_same() {
        for (env, _) in TUNED {
            let config = RunConfig::resolve(Some(env), None, &["world.velocity_masked=true".into()]).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("config.toml");
            std::fs::write(&path, config.to_toml()).unwrap();
            assert_eq!(RunConfig::resolve(None, Some(&path), &[]).unwrap(), config);
        }
    }

    #[test]
    fn settings_read_back_the_same_and_mistakes_are_placed() {
        let config = set(&["sac.gamma=0.9", "learner.prioritized={}", "learner.n_step=3"]).unwrap().learner();
        let text = settings_to_toml(&config);
        assert_eq!(settings_from_toml(&text).unwrap(), config);
        let misspelt = settings_from_toml("[sac]\ngama = 0.9\n").unwrap_err().to_string();
        assert!(misspelt.starts_with("settings:2: unknown field `gama`"), "{misspelt}");
        let high = settings_from_toml("[sac]\ngamma = 2.0\n").unwrap_err().to_string();
        assert!(high.contains("sac.gamma = 2: allowed is"), "{high}");
    }

    #[test]
    fn an_encoder_is_set_whole_or_by_its_mode() {
        let config = set(&["sac.encoder={mode = \"conv\", layers = [{channels = 8, kernel = 3}]}"]).unwrap();
        let layer = ConvLayer { channels: 8, kernel: 3, stride: 1, padding: Padding::Same };
        assert_eq!(config.sac.encoder, Encoder::Conv { layers: vec![layer] });
        assert_eq!(toml::from_str::<RunConfig>(&config.to_toml()).unwrap().sac, config.sac);
        assert_eq!(set(&["sac.encoder.mode=flat"]).unwrap().sac.encoder, Encoder::Flat);
    }

    #[test]
    fn values_are_set_by_dotted_keys() {
        let config = set(&["sac.temperature.target_entropy_fraction=0.3"]).unwrap();
        assert_eq!(config.sac.temperature, crate::sac::Temperature::Learned { target_entropy_fraction: 0.3 });
        let config = set(&["sac.target_update.tau=0.01"]).unwrap();
        assert_eq!(config.sac.target_update, crate::sac::TargetUpdate::Soft { tau: 0.01 });
        let config = set(&["sac.gamma=0.9", "arenas=3", "sac.temperature={mode = \"fixed\"}"]).unwrap();
        assert_eq!((config.sac.gamma, config.arenas), (0.9, 3));
        assert_eq!(config.sac.temperature, crate::sac::Temperature::Fixed);
        assert_eq!(config.learner().sac.gamma, 0.9);
        // Setting any of its values switches prioritized replay on.
        let config = set(&["learner.prioritized.priority_exponent=0.5"]).unwrap();
        let prioritized = crate::learner::PrioritizedConfig { priority_exponent: 0.5, ..Default::default() };
        assert_eq!(config.learner().prioritized, Some(prioritized));
        assert_eq!(set(&["learner.prioritized={}"]).unwrap().learner.prioritized, Some(Default::default()));
        assert!(config.to_toml().contains("[learner.prioritized]"));
    }

    #[test]
    fn variants_of_the_algorithm_are_set_and_read_back() {
        let config = set(&[
            "sac.value_network.learning_rate=0.002",
            "sac.actor_gradient={mode = \"gumbel\", samples = 2, relaxation = 0.5}",
            "sac.temperature={mode = \"annealed\", upper_fraction = 0.9, lower_fraction = 0.2, steps = 1000}",
            "sac.critic_head=dueling",
            "sac.entropy_penalty=0.5",
        ])
        .unwrap();
        assert_eq!(config.sac.value_network, Some(crate::sac::ValueNetwork { learning_rate: 0.002 }));
        assert_eq!(toml::from_str::<RunConfig>(&config.to_toml()).unwrap().sac, config.sac);
        let error = set(&["sac.q_clip=0.5", "sac.value_network.learning_rate=0.001"]).unwrap_err();
        assert!(error.contains("sac.q_clip = 0.5: allowed is absence beside sac.value_network"), "{error}");
    }

    #[test]
    fn mistakes_name_key_value_and_what_is_allowed() {
        assert!(set(&["sac.gama=0.9"]).unwrap_err().contains("--set sac.gama=0.9: unknown field `gama`"));
        let misspelt = set(&["sac.temperature.target_entropy_fractoin=0.9"]).unwrap_err();
        assert!(misspelt.contains("unknown field `target_entropy_fractoin`"), "{misspelt}");
        let unread = set(&["sac.encoder.kind=flat"]).unwrap_err();
        assert!(unread.contains("--set sac.encoder.kind=flat: unknown field `sac.encoder.kind`"), "{unread}");
        let unread = settings_from_toml("[sac.temperature]\nmode = \"fixed\"\nvalue = 3\n").unwrap_err();
        assert!(unread.to_string().contains("unknown field `sac.temperature.value`"), "{unread}");
        assert!(set(&["sac.gamma=2"]).unwrap_err().contains("sac.gamma = 2: allowed is 0 ≤ gamma < 1"));
        let error = set(&["learner.prioritized.epsilon=0"]).unwrap_err();
        assert!(error.contains("learner.prioritized.epsilon = 0: allowed is 1e-8 to 1"), "{error}");
        assert!(set(&["arenas=0"]).unwrap_err().contains("arenas = 0: allowed is 1 to 4096"));
        assert!(set(&["gamma"]).unwrap_err().contains("no `=`"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.toml");
        std::fs::write(&path, "seed = 1\n[sac]\ngamma = \"high\"\n").unwrap();
        let error = RunConfig::resolve(None, Some(&path), &[]).unwrap_err().to_string();
        assert!(error.contains("x.toml:3: ") && error.lines().count() == 1, "{error}");
    }
}
