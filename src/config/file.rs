//! A configuration as its file has it: the algorithm's settings are a table of their own beside `[learner]`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{RunConfig, RunSettings, text};
use crate::algo::sac::SacConfig;
use crate::bridge::BridgeSettings;
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
    #[serde(skip_serializing_if = "BridgeSettings::is_default")]
    bridge: BridgeSettings,
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
        let RunConfig { env, level, seed, steps, arenas, device, run, world, bridge, learner } = config;
        let sac = learner.algorithm.get().cloned().unwrap_or_default();
        Self { env, level, seed, steps, arenas, device, run, world, bridge, learner, sac }
    }
}

impl From<RunFile> for RunConfig {
    fn from(file: RunFile) -> Self {
        let RunFile { env, level, seed, steps, arenas, device, run, world, bridge, learner, sac } = file;
        // The only table of an algorithm; with a second one, a key of the file has to choose.
        let learner = LearnerConfig { algorithm: sac.into(), ..learner };
        Self { env, level, seed, steps, arenas, device, run, world, bridge, learner }
    }
}
