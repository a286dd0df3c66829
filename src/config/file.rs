//! A configuration as its file has it: the algorithm's settings are a table of their own beside `[learner]`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{RunConfig, RunSettings, text};
use crate::algo::sac::SacConfig;
use crate::learner::{DeviceChoice, LearnerConfig};
use crate::mdp::WorldOptions;

/// The fields of [`RunConfig`], with the learner's algorithm in the table of its name.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RunFile {
    env: String,
    #[serde(deserialize_with = "text::name_or_number")]
    level: Option<PathBuf>,
    seed: u64,
    steps: u64,
    arenas: usize,
    device: DeviceChoice,
    run: RunSettings,
    world: WorldOptions,
    learner: LearnerConfig,
    sac: SacConfig,
}

impl Default for RunFile {
    fn default() -> Self {
        RunConfig::default().into()
    }
}

impl From<RunConfig> for RunFile {
    fn from(config: RunConfig) -> Self {
        let RunConfig { env, level, seed, steps, arenas, device, run, world, learner } = config;
        let Settings { learner, sac } = learner.into();
        Self { env, level, seed, steps, arenas, device, run, world, learner, sac }
    }
}

impl From<RunFile> for RunConfig {
    fn from(file: RunFile) -> Self {
        let RunFile { env, level, seed, steps, arenas, device, run, world, learner, sac } = file;
        let learner = Settings { learner, sac }.into();
        Self { env, level, seed, steps, arenas, device, run, world, learner }
    }
}

/// The tables `[learner]` and `[sac]` alone. The algorithm is the one whose table is read here, always SAC.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Settings {
    learner: LearnerConfig,
    sac: SacConfig,
}

impl From<LearnerConfig> for Settings {
    fn from(learner: LearnerConfig) -> Self {
        let sac = learner.algorithm.get().cloned().unwrap_or_default();
        Self { learner, sac }
    }
}

impl From<Settings> for LearnerConfig {
    fn from(Settings { learner, sac }: Settings) -> Self {
        Self { algorithm: sac.into(), ..learner }
    }
}
