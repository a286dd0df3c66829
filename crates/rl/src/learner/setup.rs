//! Construction arguments of a learner, and its counters.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{DeviceChoice, LearnerConfig};
use crate::algo::SampleSpec;
use crate::mdp::{EnvironmentSpec, LevelRecord, StepBatch, WorldOptions};
use crate::replay::{PriorityConfig, ReplayConfig, ReplaySpace, SequenceConfig};

/// Construction arguments of a learner.
#[derive(Debug, Clone)]
pub struct LearnerSetup {
    /// The environment.
    pub spec: EnvironmentSpec,
    /// Number of streams recorded at the same time, which sizes the replay buffer: arenas times recorded
    /// slots.
    pub streams: usize,
    /// The level, if its world has levels.
    pub level: Option<LevelRecord>,
    /// Options of its world.
    pub world: WorldOptions,
    /// The configuration.
    pub config: LearnerConfig,
    /// The device.
    pub device: DeviceChoice,
    /// Seed of initial weights and replay sampling.
    pub seed: u64,
    /// Folder of checkpoints; without one none are written.
    pub checkpoints: Option<PathBuf>,
    /// The run or checkpoint to resume.
    pub resume: Option<PathBuf>,
    /// Steps of stream 0, of which a part of every batch is drawn beside the agent's own, see
    /// [`LearnerConfig::demonstration_share`]. They count as no environment steps and are not part of checkpoints.
    pub demonstrations: Option<Arc<StepBatch>>,
}

impl LearnerSetup {
    /// Learns `spec` on any device, with seed 1, and writes nothing to disk.
    pub fn new(spec: EnvironmentSpec, config: LearnerConfig) -> Self {
        Self {
            spec,
            streams: 64,
            level: None,
            world: WorldOptions::default(),
            config,
            device: DeviceChoice::Auto,
            seed: 1,
            checkpoints: None,
            resume: None,
            demonstrations: None,
        }
    }
}

/// Counters of a learner, as saved in a checkpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// Steps received by this agent. A run that was reset to a fresh one has recorded more.
    pub env_steps: u64,
    /// Gradient steps made.
    pub gradient_steps: u64,
    /// Policies published.
    pub policy_version: u64,
    /// Gradient steps allowed now, in millionths.
    pub credit: u64,
    /// Environment steps refused by the replay buffer because of a value that is not finite.
    #[serde(default)]
    pub refused: u64,
}

/// The replay buffer for `streams` streams under `config`.
pub(super) fn replay_config(config: &LearnerConfig, streams: usize) -> ReplayConfig {
    let LearnerConfig { replay_capacity: capacity, n_step, algorithm, .. } = config;
    ReplayConfig { capacity: *capacity, streams, n_step: *n_step, gamma: algorithm.gamma() }
}

/// How replay cuts episodes into sequences under `config`, `None` for an algorithm that reads transitions, and the
/// width of the policy states to store.
pub(super) fn sequences(config: &LearnerConfig) -> (Option<SequenceConfig>, usize) {
    match config.algorithm.sample_spec() {
        SampleSpec::Transitions => (None, 0),
        SampleSpec::Sequences { burn_in, learn, stride, state_width } => {
            (Some(SequenceConfig { burn_in, learn, stride }), state_width)
        }
    }
}

/// The columns of the replay buffer of an environment or `space` under `config`.
pub(super) fn replay_space(space: impl Into<ReplaySpace>, config: &LearnerConfig) -> ReplaySpace {
    ReplaySpace { state_width: sequences(config).1, ..space.into() }
}

/// Priority settings under `config`; `None` for uniform replay.
pub(super) fn priorities(config: &LearnerConfig) -> Option<PriorityConfig> {
    config.prioritized.map(|prioritized| prioritized.priorities())
}
