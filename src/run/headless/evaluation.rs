//! Greedy evaluations during and at the end of a headless run; they do not affect training.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::experiment::Experiment;
use crate::mdp::Policy;
use crate::run::RunError;
use crate::run::eval::{EvalSummary, evaluate_until};
use crate::worlds::WorldChoice;

/// What is evaluated, and the flag that stops it.
pub(crate) struct Evaluation {
    world: WorldChoice,
    /// The training levels, if others are held out.
    training: Option<WorldChoice>,
    episodes: usize,
    seed: u64,
    stop: Arc<AtomicBool>,
}

impl Evaluation {
    pub(crate) fn of(experiment: &Experiment, stop: Arc<AtomicBool>) -> Self {
        Self {
            world: experiment.world.clone(),
            training: experiment.world.as_trained(),
            episodes: experiment.config.run.eval_episodes,
            seed: experiment.config.seed,
            stop,
        }
    }

    /// Whether any episodes are to be played.
    pub(crate) fn wanted(&self) -> bool {
        self.episodes > 0
    }

    /// Whether there are held-out levels.
    pub(crate) fn is_split(&self) -> bool {
        self.training.is_some()
    }

    /// Evaluates `policy`; `None` if the run was stopped meanwhile.
    pub(crate) fn play(&self, policy: Arc<dyn Policy>) -> Result<Option<EvalSummary>, RunError> {
        self.on(&self.world, policy)
    }

    /// The same on the training levels; also `None` if there are no held-out ones.
    pub(crate) fn play_training(&self, policy: Arc<dyn Policy>) -> Result<Option<EvalSummary>, RunError> {
        self.training.as_ref().map_or(Ok(None), |world| self.on(world, policy))
    }

    fn on(&self, world: &WorldChoice, policy: Arc<dyn Policy>) -> Result<Option<EvalSummary>, RunError> {
        let summary = evaluate_until(&self.stop, world, policy, self.episodes, self.seed)?;
        Ok((!self.stop.load(Ordering::Relaxed)).then_some(summary))
    }
}
