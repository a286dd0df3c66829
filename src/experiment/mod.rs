//! One experiment, resolved once: world, configuration, controllers and learner.
//!
//! It is resolved when the program starts, from defaults, the world's file, a preset, flags and the
//! checkpoint of a run to resume, and then passed down by value. No lower layer resolves again.

pub mod level;
mod request;
mod resume;

use std::path::PathBuf;
use std::sync::Arc;

use crate::agent::Controller;
use crate::agent::ControllerAssignment;
use crate::config::{ConfigError, RunConfig};
use crate::dataset::{self, DatasetError};
use crate::learner::checkpoint::{self, CheckpointError};
use crate::learner::{LearnerConfig, LearnerError, LearnerSetup, check_memory, check_sequences};
use crate::mdp::{EnvironmentSpec, StepBatch, Stream};
use crate::sim::SimConfig;
use crate::worlds::{WorldChoice, WorldError};
pub use request::Request;

/// Why an experiment cannot be resolved.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// Its configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its world.
    #[error(transparent)]
    World(#[from] WorldError),
    /// The checkpoint to resume.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// What it asks of the learner.
    #[error(transparent)]
    Learner(#[from] LearnerError),
    /// The level differs from the one the run was trained on.
    #[error(
        "--level {level}: changed since the run in {run} began; leave --level out to continue with the level \
             saved there, or start another run with --out"
    )]
    Level {
        /// As given.
        level: String,
        /// The run's folder.
        run: String,
    },
    /// Its demonstrations.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The folder to resume is not a run.
    #[error("--resume {folder}: {problem}")]
    Resume {
        /// The folder.
        folder: String,
        /// What it is instead, and the remedy.
        problem: String,
    },
}

/// Headless or in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Without a window, as fast as possible.
    #[default]
    Headless,
    /// In the window, under the bounds of watched runs (`live_…`), with replay streams for the maximum number
    /// of arenas.
    Watched,
}

/// Maximum number of arenas in the window.
pub const MOST_WATCHED_ARENAS: usize = 256;

/// Everything a run is built from.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// The content of `config.toml`.
    pub config: RunConfig,
    /// Its world, on its level.
    pub world: WorldChoice,
    /// Initial settings of the learner: with the bounds of watched runs in the window.
    pub learner: LearnerConfig,
    /// Who plays.
    pub assignment: ControllerAssignment,
    /// Maximum number of replay streams.
    pub streams: usize,
    /// The run's folder; without one nothing is written.
    pub out: Option<PathBuf>,
    /// The run or checkpoint to resume.
    pub resume: Option<PathBuf>,
    /// What is learned from beside the agent's own experience.
    pub demonstrations: Option<Arc<StepBatch>>,
}

impl Experiment {
    /// A new experiment in `world`, which may be your own; nothing is written to disk.
    ///
    /// # Errors
    /// [`ExperimentError::Learner`] if the replay buffer does not fit into this machine's memory.
    pub fn new(config: RunConfig, world: WorldChoice, mode: Mode) -> Result<Self, ExperimentError> {
        Self::at(config, world, mode, None, None)
    }

    /// Like [`Experiment::new`], in the folder `out`, and from the run or checkpoint in `resume` if it holds
    /// one.
    ///
    /// # Errors
    /// [`ExperimentError`] names the value, or the mismatch with the checkpoint.
    pub fn at(
        config: RunConfig,
        world: WorldChoice,
        mode: Mode,
        out: Option<PathBuf>,
        resume: Option<PathBuf>,
    ) -> Result<Self, ExperimentError> {
        let spec = world.spec();
        let config = match &resume {
            Some(folder) if checkpoint::exists(folder) => resume::configuration(config, folder, &spec)?,
            _ => config,
        };
        let assignment = assignment(&config, &spec);
        let (learner, streams) = match mode {
            Mode::Headless => {
                let recorded = assignment.others.iter().filter(|player| player.is_recorded()).count();
                (config.learner.clone(), config.arenas * recorded)
            }
            // A person may take any slot.
            Mode::Watched => {
                (config.learner.clone().watched(), config.arenas.max(MOST_WATCHED_ARENAS) * spec.slots())
            }
        };
        check_memory(&spec, &learner, streams)?;
        check_sequences(&spec, &learner, streams)?;
        let demonstrations = match &config.run.demos {
            Some(folder) => Some(Arc::new(dataset::steps(&dataset::read(folder, &spec)?))),
            None => None,
        };
        Ok(Self { config, world, learner, assignment, streams, out, resume, demonstrations })
    }

    /// Its arenas, with training seeds.
    pub fn sim(&self) -> SimConfig {
        SimConfig { arenas: self.config.arenas, seed: self.config.seed, stream: Stream::Environment }
    }

    /// Arguments of its learner, which writes checkpoints to `checkpoints` itself if given.
    pub fn learner_setup(&self, checkpoints: Option<PathBuf>) -> LearnerSetup {
        LearnerSetup {
            spec: self.world.spec(),
            streams: self.streams,
            level: self.world.level().cloned(),
            world: self.config.world,
            config: self.learner.clone(),
            device: self.config.device,
            seed: self.config.seed,
            checkpoints,
            resume: self.resume.clone(),
            demonstrations: self.demonstrations.clone(),
        }
    }
}

/// Who plays while a run learns.
fn assignment(config: &RunConfig, spec: &EnvironmentSpec) -> ControllerAssignment {
    if config.run.self_play {
        ControllerAssignment::all(vec![Controller::Learning; spec.slots()])
    } else {
        ControllerAssignment::learn_against_script(spec)
    }
}
