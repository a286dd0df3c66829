//! The manifest: the description of a checkpoint, and its validation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FORMAT, VERSION};
use crate::algo::AlgorithmConfig;
use crate::files::is_plain_name;
use crate::learner::{Counters, LearnerConfig};
use crate::mdp::{EnvironmentSpec, LevelRecord, Rng, WorldOptions};

/// More steps than any run makes: larger counters are damage, and could overflow.
const MOST_STEPS: u64 = 1 << 53;
/// More credit than any run has, in millionths of gradient steps: four times the open period of the longest
/// allowed one, 4096 arenas times 1024 steps times 64 gradient steps per slot.
const MOST_CREDIT: u64 = 1 << 60;

/// Description of a checkpoint, in `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub(super) format: String,
    pub(super) version: u32,
    /// The environment it was trained on.
    pub environment: EnvironmentSpec,
    /// The level, if its world has levels.
    pub level: Option<LevelRecord>,
    /// Options of its world.
    #[serde(default)]
    pub world: WorldOptions,
    /// The algorithm and its settings, under the algorithm's name.
    #[serde(flatten)]
    pub algorithm: AlgorithmConfig,
    /// The learner's configuration.
    pub learner: LearnerConfig,
    /// Counters.
    pub counters: Counters,
    /// State of replay sampling.
    pub replay_rng: Rng,
    /// Number of the agent in its folder: one with fresh networks gets the next.
    #[serde(default)]
    pub agent: u32,
    /// Size and checksum of every other file.
    pub(super) files: BTreeMap<String, (u64, u64)>,
}

impl Manifest {
    /// A manifest without files.
    pub fn new(
        environment: EnvironmentSpec,
        level: Option<LevelRecord>,
        world: WorldOptions,
        learner: LearnerConfig,
        counters: Counters,
        replay_rng: Rng,
    ) -> Self {
        Self {
            format: FORMAT.into(),
            version: VERSION,
            environment,
            level,
            world,
            algorithm: learner.algorithm.clone(),
            learner,
            counters,
            replay_rng,
            agent: 0,
            files: BTreeMap::new(),
        }
    }

    /// Checks for values that no checkpoint can have.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(name) = self.files.keys().find(|name| !is_plain_name(name)) {
            return Err(format!("{name:?} is not a file name"));
        }
        if let Some(problem) = self.environment.problem() {
            return Err(format!("environment.{problem}"));
        }
        let Counters { env_steps, gradient_steps, policy_version, credit, refused } = self.counters;
        for (what, count, most) in [
            ("env_steps", env_steps, MOST_STEPS),
            ("gradient_steps", gradient_steps, MOST_STEPS),
            ("policy_version", policy_version, MOST_STEPS),
            ("credit", credit, MOST_CREDIT),
            ("refused", refused, MOST_STEPS),
        ] {
            if count > most {
                return Err(format!("counters.{what} = {count}: allowed: up to {most}"));
            }
        }
        Ok(())
    }
}
