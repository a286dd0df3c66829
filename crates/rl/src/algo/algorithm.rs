//! The interface between the learner and an algorithm.

use std::borrow::Cow;
use std::sync::Arc;

use super::{AlgorithmConfig, AllReduce, TrainError};
use crate::mdp::{ActionValues, Policy, SequenceBatch, TransitionBatch};
use crate::metrics::Metrics;
use crate::nn::TensorMap;

/// The trainable state of one agent, and the gradient step that changes it.
///
/// Two functions are required; the others are optional capabilities beyond learning and acting.
pub trait Algorithm: Persist + Send {
    /// One gradient step on `batch`.
    ///
    /// With `report` the step's metrics are read back to the host, which stalls a GPU: use it rarely.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] if a reported value is not finite, [`TrainError::Network`] if the device
    /// fails. The trainable state is then unusable.
    fn update(&mut self, batch: &TransitionBatch, report: bool) -> Result<Option<Metrics>, TrainError>;

    /// One gradient step on sequences, for an algorithm whose [`Algorithm::sample_spec`] asks for them.
    ///
    /// # Errors
    /// As [`Algorithm::update`]; [`TrainError::Batch`] for an algorithm that reads none.
    fn update_sequences(
        &mut self,
        _batch: &SequenceBatch,
        _report: bool,
    ) -> Result<Option<Metrics>, TrainError> {
        Err(TrainError::Batch { problem: "holds sequences, which this algorithm does not read".to_owned() })
    }

    /// A copy of the current policy.
    ///
    /// # Errors
    /// [`TrainError::Network`] if it cannot be read back from the device.
    fn policy(&self) -> Result<Arc<dyn TrainedPolicy>, TrainError>;

    /// A copy of the current critics, `None` for an algorithm without action values, and for continuous actions, which
    /// cannot be listed.
    ///
    /// # Errors
    /// [`TrainError::Network`] if they cannot be read back from the device.
    fn critics(&self) -> Result<Option<Arc<dyn ActionValues>>, TrainError> {
        Ok(None)
    }

    /// Priorities of the transitions or sequences of the last step for prioritized replay, `[B]` in the order of its
    /// batch and ≥ 0: for most algorithms `|td|` before the step. `None` if the algorithm does not support
    /// prioritized replay. Reading them stalls a GPU unless that step had a report, which includes them.
    ///
    /// # Errors
    /// [`TrainError::Network`] if they cannot be read back from the device.
    fn priorities(&self) -> Result<Option<Cow<'_, [f32]>>, TrainError> {
        Ok(None)
    }

    /// How many of the last steps' priorities are best asked for together, with transitions: 1 where they are at hand.
    fn priorities_at_once(&self) -> usize {
        1
    }

    /// Priorities as [`Algorithm::priorities`] of the last `steps` steps, `[steps, B]`, oldest first; `steps` is at most
    /// [`Algorithm::priorities_at_once`].
    ///
    /// # Errors
    /// As [`Algorithm::priorities`].
    fn recent_priorities(&self, _steps: usize) -> Result<Option<Cow<'_, [f32]>>, TrainError> {
        self.priorities()
    }

    /// The kind of batch it needs.
    fn sample_spec(&self) -> SampleSpec {
        SampleSpec::Transitions
    }

    /// Changes settings between two steps; the networks stay as they are.
    ///
    /// # Errors
    /// As [`AlgorithmConfig::follows`]; nothing has changed then.
    fn configure(&mut self, _config: &AlgorithmConfig) -> Result<(), TrainError> {
        Ok(())
    }

    /// Begins a line of training with fresh networks, under a name that no other has: part of the
    /// [`PolicyId`](crate::mdp::PolicyId) of its policies if they have memory. Part of [`Persist::export`], so
    /// that it goes on where that is imported.
    fn begin_line(&mut self, _line: u64) {}

    /// Averages every gradient with those of other learners before the optimizer's step, from now on or, with `None`, no
    /// more. Returns whether it can.
    fn share_gradients(&mut self, all_reduce: Option<Arc<dyn AllReduce>>) -> bool {
        all_reduce.is_none()
    }

    /// Short name of implementation and device, e.g. `cpu (fused)` or `gpu (burn, NVIDIA H100)`.
    fn device(&self) -> String {
        "cpu".to_owned()
    }
}

/// Saving and loading the state of an algorithm: for checkpoints, for snapshots, and to move to another
/// device. The defaults are for an algorithm without state.
pub trait Persist {
    /// The complete state by name: parameters, targets, optimizer moments.
    ///
    /// # Errors
    /// [`TrainError::Network`] if it cannot be read back from the device.
    fn export(&self) -> Result<TensorMap, TrainError> {
        Ok(TensorMap::new())
    }

    /// Restores the tensors of [`Persist::export`] and the count of gradient steps.
    ///
    /// # Errors
    /// [`TrainError::Network`] names the first tensor that is missing or of another shape; nothing has
    /// changed then.
    fn import(&mut self, _tensors: &TensorMap, _gradient_steps: u64) -> Result<(), TrainError> {
        Ok(())
    }

    /// Tensors of [`Persist::export`] whose mean over several learners has no meaning: each keeps its own.
    fn own_tensors(&self) -> &'static [&'static str] {
        &[]
    }
}

/// A policy that can be written to a file.
pub trait TrainedPolicy: Policy {
    /// The tensors from which [`AlgorithmConfig::policy`] restores it.
    fn tensors(&self) -> TensorMap;
}

/// The kind of batch a gradient step needs from the replay buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SampleSpec {
    /// Single transitions, with n-step returns as `learner.n_step` says.
    Transitions,
    /// Windows of consecutive steps of an episode.
    Sequences {
        /// Transitions before a window, to warm up the memory.
        burn_in: usize,
        /// Transitions of a window, at least 1.
        learn: usize,
        /// Transitions between the beginnings of two windows, 1 to `learn`.
        stride: usize,
        /// Floats of the acting policy's state that a sequence begins with; 0 to begin from zeros.
        state_width: usize,
    },
}
