//! A request for an experiment: the configuration layers, and the run to resume.

use std::path::{Path, PathBuf};

use super::{Experiment, ExperimentError, Mode, level};
use crate::config::RunConfig;
use crate::files::{self, in_one_line, quoted};
use crate::learner::DeviceChoice;
use crate::learner::checkpoint;
use crate::learner::owner::{Kind, Owner};
use crate::worlds::WorldChoice;

/// Settings as given on a command line; later fields override earlier ones.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The world, whose tuned experiment overrides the defaults.
    pub env: Option<String>,
    /// A preset: a TOML file.
    pub preset: Option<PathBuf>,
    /// `key=value` settings.
    pub set: Vec<String>,
    /// See [`RunConfig::level`].
    pub level: Option<PathBuf>,
    /// See [`RunConfig::steps`].
    pub steps: Option<u64>,
    /// See [`RunConfig::seed`].
    pub seed: Option<u64>,
    /// See [`RunConfig::arenas`].
    pub arenas: Option<usize>,
    /// See [`RunConfig::device`].
    pub device: Option<DeviceChoice>,
    /// Folder of a new run.
    pub out: Option<PathBuf>,
    /// Folder of a run to resume: its configuration replaces defaults, experiment and preset.
    pub resume: Option<PathBuf>,
    /// Dataset of demonstrations to learn from as well.
    pub demos: Option<PathBuf>,
    /// Headless or in a window.
    pub mode: Mode,
}

impl Request {
    /// For the world `env` with its own settings, without a folder.
    pub fn of(env: &str, mode: Mode) -> Self {
        Self { env: Some(env.into()), mode, ..Self::default() }
    }

    /// Resolves everything, including the world and its level. Nothing is written.
    ///
    /// # Errors
    /// [`ExperimentError`] in one line, naming file or argument, key, value and what is allowed.
    pub fn resolve(self) -> Result<Experiment, ExperimentError> {
        let config = self.config()?;
        for line in self.overridden() {
            files::to_stderr(&format!("warning: {line}"));
        }
        let world = self.world(&config)?;
        let out = self.resume.clone().or(self.out);
        Experiment::at(config, world, self.mode, out, self.resume)
    }

    fn config(&self) -> Result<RunConfig, ExperimentError> {
        let mut config = match &self.resume {
            Some(folder) => written(folder)?.with(&self.set)?,
            None => {
                let level = self.level.as_ref().map(|level| level.to_string_lossy());
                RunConfig::resolve_on(
                    self.env.as_deref(),
                    level.as_deref(),
                    self.preset.as_deref(),
                    &self.set,
                )?
            }
        };
        config.env = self.env.clone().unwrap_or(config.env);
        config.level = self.level.clone().or(config.level);
        config.steps = self.steps.unwrap_or(config.steps);
        config.seed = self.seed.unwrap_or(config.seed);
        config.arenas = self.arenas.unwrap_or(config.arenas);
        config.device = self.device.unwrap_or(config.device);
        if let Some(demos) = &self.demos {
            config.run.demos = Some(demos.clone());
        }
        config.validate()?;
        Ok(config)
    }

    /// A line for every `--set` whose value a flag replaces with a different one.
    fn overridden(&self) -> Vec<String> {
        let number = |value: Option<u64>| value.map(|value| value.to_string());
        let flags = [
            ("env", self.env.clone()),
            ("level", self.level.as_ref().map(|level| level.display().to_string())),
            ("steps", number(self.steps)),
            ("seed", number(self.seed)),
            ("arenas", number(self.arenas.map(|arenas| arenas as u64))),
            ("device", self.device.map(|device| format!("{device:?}").to_lowercase())),
        ];
        let flag = |key: &str| flags.iter().find(|(name, _)| *name == key.trim())?.1.as_deref();
        let sets = self.set.iter().filter_map(|set| {
            let (key, value) = set.split_once('=')?;
            let (key, given) = (key.trim(), flag(key)?);
            let same = value.trim().trim_matches(['"', '\'']) == given;
            (!same).then(|| format!("--{key} {given} overrides --set {}", in_one_line(set)))
        });
        sets.collect()
    }

    /// The world; that of a run to resume is on its own level.
    fn world(&self, config: &RunConfig) -> Result<WorldChoice, ExperimentError> {
        let world = match &self.resume {
            Some(run) => {
                if let Some(asked) = &self.level {
                    level::check(config, run, asked)?;
                }
                level::world_of_run(config, run)?
            }
            None => level::world_in(config, self.out.as_deref())?,
        };
        level::warn_about(&world);
        Ok(world)
    }
}

/// The configuration of the run in `folder`.
fn written(folder: &Path) -> Result<RunConfig, ExperimentError> {
    let path = folder.join("config.toml");
    if path.is_file() {
        return Ok(RunConfig::written(&path)?);
    }
    Err(ExperimentError::Resume { folder: folder.display().to_string(), problem: why_not(folder) })
}

/// Why the run in `folder` cannot be resumed, and the remedy.
fn why_not(folder: &Path) -> String {
    match (Kind::of(folder), Kind::run_around(folder)) {
        (Some(Kind::Sweep), _) => {
            "that is a sweep's folder; rerun the command that started it, or give the folder of one of its runs"
                .into()
        }
        (_, Some(run)) => format!("that is inside a run folder; give {}", run.display()),
        _ if Owner::has_marked(folder) && !checkpoint::exists(folder) => format!(
            "nothing was trained there, the run was killed before it began; start it with --out {} and the settings it had",
            quoted(folder)
        ),
        _ if checkpoint::exists(folder) => {
            "its config.toml is gone; restore it, or play it with `eval --checkpoint`".into()
        }
        _ => "no run there; give a folder made with --out".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algo::sac::SacConfig;

    #[test]
    fn a_set_that_a_flag_overrides_is_named_with_it() {
        let set = ["env=tag", "steps=10", "seed = 3", "device=cpu", "sac.gamma=0.9", "level=\"2\""];
        let request = Request {
            set: set.map(String::from).into(),
            level: Some("1".into()),
            steps: Some(10),
            seed: Some(4),
            device: Some(DeviceChoice::Gpu),
            ..Request::of("lava-room", Mode::Headless)
        };
        assert_eq!(
            request.overridden(),
            [
                "--env lava-room overrides --set env=tag",
                "--seed 4 overrides --set seed = 3",
                "--device gpu overrides --set device=cpu",
                "--level 1 overrides --set level=\"2\"",
            ]
        );
    }

    /// By number, name or file, as a flag or as a setting; what is set still counts.
    #[test]
    fn a_level_brings_its_own_settings() {
        let config = |level: Option<&str>, set: &[&str]| {
            let set = set.iter().map(ToString::to_string).collect();
            let level = level.map(PathBuf::from);
            Request { set, level, ..Request::of("memory-corridor", Mode::Headless) }.config().unwrap()
        };
        assert_eq!(config(None, &[]).steps, 20_000);
        assert_eq!(config(Some("1"), &[]).learner, config(None, &[]).learner);
        for level in ["2", "memory-corridor-2", "levels/memory-corridor-2.ron"] {
            assert_eq!(config(Some(level), &[]).steps, 80_000, "{level}");
        }
        let third = config(None, &["level=3"]);
        let kind = |config: &RunConfig| config.learner.algorithm.get::<SacConfig>().unwrap().memory.kind();
        assert_eq!((third.steps, kind(&third)), (250_000, "lstm"));
        assert_eq!(kind(&config(None, &["level=3", "sac.memory.kind=gru"])), "gru");
        assert_eq!(config(Some("2"), &["level=3"]).steps, 80_000, "the flag counts");
        assert_eq!(config(Some("2"), &["steps=7"]).steps, 7);
        for odd in ["e\u{301}\u{200b}.ron", "it's \"mine\".ron", "back\\slash", "a\tb\nc", ""] {
            assert_eq!(config(Some(odd), &[]).level, Some(odd.into()), "{odd:?}");
        }
    }
}
