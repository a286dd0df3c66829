//! The result of a run, the content of `summary.json`.

use serde::{Deserialize, Serialize};

use crate::run::EvalSummary;

/// The result of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Summary {
    /// World.
    pub env: String,
    /// Seed.
    pub seed: u64,
    /// Environment steps of the run, by all its agents together.
    pub env_steps: u64,
    /// Environment steps that the current agent has received, as in its checkpoint's manifest: fewer after a
    /// reset in the window, and without the last period, which is learned from in the next one. `None` in
    /// files of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_env_steps: Option<u64>,
    /// Gradient steps of the current agent.
    pub gradient_steps: u64,
    /// Mean return of the last 100 learning episodes.
    pub episode_return: Option<f32>,
    /// Fraction of them that succeeded.
    pub success: Option<f32>,
    /// Their mean score.
    pub score: Option<f32>,
    /// Whether it was interrupted.
    pub interrupted: bool,
    /// Device of the learner, and why it was chosen.
    pub device: String,
    /// Seconds of wall time, over all parts of a resumed run.
    pub seconds: f64,
    /// The last greedy evaluation, if any.
    pub eval: Option<EvalSummary>,
    /// The same policy on the training levels, if others are held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval_training: Option<EvalSummary>,
    /// When the policy reached `run.target_return`, which ends the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solved: Option<Solved>,
}

impl Summary {
    /// Keeps evaluations of the same agent from an `earlier` part of the run.
    pub fn keep(&mut self, earlier: &Self) {
        if (self.env_steps, self.gradient_steps) != (earlier.env_steps, earlier.gradient_steps) {
            return;
        }
        if self.eval.is_none() {
            (self.eval, self.eval_training) = (earlier.eval, earlier.eval_training);
        }
        self.solved = self.solved.or(earlier.solved);
    }
}

/// The cost of reaching `run.target_return`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Solved {
    /// Environment steps.
    pub env_steps: u64,
    /// Seconds of wall time, this and earlier evaluations included.
    pub seconds: f64,
}
