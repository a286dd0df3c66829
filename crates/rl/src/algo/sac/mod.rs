//! Soft Actor-Critic, with discrete and continuous actions: networks, one gradient step, and what it reports.
//!
//! Three implementations of one gradient step stand behind [`SacUpdate`] and are held to the same vectors and to each
//! other: `fused`, differentiated by hand for the CPU, `fused::gpu`, the same in compute shaders, and `autodiff`, written on
//! burn tensors for any device; the last two with the feature `gpu`. The first and the last know every variant
//! [`SacConfig`] offers. This layer knows batches, not buffers, threads or worlds.

mod actions;
mod algorithm;
#[cfg(feature = "gpu")]
mod autodiff;
mod batch;
mod choices;
mod config;
mod continuing;
mod critic;
mod draws;
mod exact;
mod fresh;
mod fused;
mod moment_rows;
mod policy;
mod priorities;
mod rescaling;
mod sequence_config;
pub mod tabular;

pub use actions::Actions;
pub use algorithm::Sac;
#[cfg(feature = "gpu")]
pub use autodiff::AutodiffSac;
pub use choices::{
    ActorGradient, Backup, BehaviorCloning, CriticLoss, TargetUpdate, Temperature, ValueNetwork,
};
pub use config::SacConfig;
pub use critic::Critic;
#[cfg(feature = "gpu")]
pub use fused::GpuSac;
pub use fused::{FusedSac, FusedSequenceSac, Recorder};
pub use policy::{CategoricalPolicy, GaussianPolicy};
pub use priorities::sequence_priorities;
pub use rescaling::ValueRescaling;
pub use sequence_config::SequenceTraining;

use std::borrow::Cow;
use std::sync::Arc;

use crate::algo::{AllReduce, TrainError};
use crate::mdp::{SequenceBatch, TransitionBatch};
use crate::metrics::Metrics;
use crate::nn::TensorMap;

/// The trainable state of one agent and its gradient step.
pub trait SacUpdate: Send {
    /// One gradient step on `batch` in the order of the specification's section 9.
    ///
    /// With `report` the step's figures are brought to the host, which stalls a GPU: ask rarely.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] when a reported figure is not finite, [`crate::nn::NetworkError::Device`] when the
    /// device fails. The trainable state is then unusable.
    fn update(&mut self, batch: &TransitionBatch, report: bool) -> Result<Option<Metrics>, TrainError>;

    /// The same on sequences, for an agent with memory.
    ///
    /// # Errors
    /// As [`SacUpdate::update`], and [`TrainError::Batch`] where sequences cannot be learned from.
    fn update_sequences(
        &mut self,
        _batch: &SequenceBatch,
        _report: bool,
    ) -> Result<Option<Metrics>, TrainError> {
        Err(TrainError::Batch {
            problem: "holds sequences, which this gradient step does not read".to_owned(),
        })
    }

    /// All parameters, targets, optimizer moments and `log_alpha` by name: `actor.layers.0.weight`,
    /// `target_critic1.layers.2.bias`, `optimizer.actor.layers.0.weight.m`, `….v`, `log_alpha`. An
    /// update that draws random numbers adds `update_seed`, four pieces of 16 bits, lowest first.
    ///
    /// # Errors
    /// [`crate::nn::NetworkError::Device`] when they cannot be read back.
    fn export(&self) -> Result<TensorMap, TrainError>;

    /// Replaces everything [`SacUpdate::export`] names, and the count of gradient steps. Without
    /// moments they start at zero; without `update_seed` the constructor's stays.
    ///
    /// # Errors
    /// [`crate::nn::NetworkError::Tensor`] names the first tensor that is missing or of another shape; nothing
    /// has changed then.
    fn import(&mut self, tensors: &TensorMap, gradient_steps: u64) -> Result<(), TrainError>;

    /// The actor's parameters alone, as in [`SacUpdate::export`].
    ///
    /// # Errors
    /// [`crate::nn::NetworkError::Device`] when they cannot be read back.
    fn export_actor(&self) -> Result<TensorMap, TrainError>;

    /// The critics' parameters alone, targets left out, as in [`SacUpdate::export`].
    ///
    /// # Errors
    /// [`crate::nn::NetworkError::Device`] when they cannot be read back.
    fn export_critics(&self) -> Result<TensorMap, TrainError>;

    /// Mean over critics of `|td|` of the last step, `[B]` in the order of its batch and before its
    /// critic step, empty before the first one: what prioritized replay ranks transitions by. Reading
    /// them stalls a GPU unless that step brought a report, which they travel with. After a step on sequences
    /// what ranks these, `eta · max |td| + (1 − eta) · mean |td|` over unmasked transitions.
    ///
    /// # Errors
    /// [`crate::nn::NetworkError::Device`] when they cannot be read back.
    fn td_errors(&self) -> Result<Cow<'_, [f32]>, TrainError>;

    /// How many of the last steps' TD errors are best asked for together: 1 where they are at hand.
    fn td_errors_at_once(&self) -> usize {
        1
    }

    /// TD errors as [`SacUpdate::td_errors`] of the last `steps` steps, `[steps, B]`, oldest first; `steps` is at most
    /// [`SacUpdate::td_errors_at_once`] and at most the steps made since the batch had this size.
    ///
    /// # Errors
    /// [`crate::nn::NetworkError::Device`] when they cannot be read back.
    fn recent_td_errors(&self, steps: usize) -> Result<Vec<f32>, TrainError> {
        debug_assert_eq!(steps, 1);
        self.td_errors().map(Cow::into_owned)
    }

    /// Gradient steps made so far.
    fn gradient_steps(&self) -> u64;

    /// The configuration in force.
    fn config(&self) -> &SacConfig;

    /// Changes learning rates, temperature mode, `tau` and the like between two steps. The networks
    /// must stay as they are: hidden widths, critic head, number of critics, value network. Of a fixed
    /// temperature, a changed `initial_temperature` is the temperature from now on.
    ///
    /// # Errors
    /// [`TrainError::Config`] for a value out of range; nothing has changed then.
    fn set_config(&mut self, config: SacConfig) -> Result<(), TrainError>;

    /// As [`crate::algo::Algorithm::share_gradients`].
    fn share_gradients(&mut self, all_reduce: Option<Arc<dyn AllReduce>>) -> bool {
        all_reduce.is_none()
    }

    /// Short name of implementation and device, e.g. `cpu (fused)` or `gpu (burn, NVIDIA H100)`.
    fn device(&self) -> String;
}
