//! Discrete Soft Actor-Critic: networks, one gradient step, and what it reports.
//!
//! Two implementations of one gradient step stand behind [`SacUpdate`] and are held to the same
//! vectors and to each other: `fused`, differentiated by hand for the CPU, and `autodiff`, written on burn
//! tensors for any device. Both know every variant [`SacConfig`] offers. This layer knows batches, not
//! buffers, threads or worlds.

mod adam;
mod architecture;
mod autodiff;
mod batch;
mod buffer;
mod config;
mod critic;
mod draws;
mod fresh;
mod fused;
mod kernel;
mod network;
mod policy;
mod report;
pub mod tabular;
pub mod weights;

pub use architecture::{ConvLayer, Encoder, Init, Inputs, Padding};
pub use autodiff::AutodiffSac;
pub use config::{
    ActorGradient, Backup, CriticLoss, Head, SacConfig, TargetUpdate, Temperature, ValueNetwork,
};
pub use critic::Critic;
pub use fused::{FusedSac, Recorder};
pub use policy::CategoricalPolicy;
pub use report::TrainMetrics;

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::mdp::TransitionBatch;

/// What goes wrong inside the algorithm.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SacError {
    /// A configuration value out of range.
    #[error("{key} = {value}: allowed is {allowed}")]
    Config {
        /// Dotted key as in the configuration file.
        key: &'static str,
        /// The offending value.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A choice that stays as it is once training has begun.
    #[error(
        "{key} = {value}: it was {before} when training began; allowed is {allowed}, others need fresh networks"
    )]
    Begun {
        /// Dotted key as in the configuration file.
        key: &'static str,
        /// The refused value.
        value: String,
        /// What it was.
        before: String,
        /// What is allowed.
        allowed: String,
    },
    /// Saved parameters do not fit the networks.
    #[error("tensor `{name}`: {problem}; the checkpoint belongs to another network or is damaged")]
    Tensor {
        /// Name of the tensor.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A batch that does not fit the networks.
    #[error("the batch {problem}")]
    Batch {
        /// What is wrong with it.
        problem: String,
    },
    /// A loss or a parameter stopped being a finite number.
    #[error("{what} is not finite at gradient step {gradient_steps}")]
    NotFinite {
        /// Which quantity.
        what: &'static str,
        /// When.
        gradient_steps: u64,
    },
    /// The device failed.
    #[error("the device failed: {0}")]
    Device(String),
}

/// A host tensor: row-major values and their shape.
#[derive(Debug, Clone, PartialEq)]
pub struct HostTensor {
    /// Extent of every dimension.
    pub shape: Vec<usize>,
    /// Row-major values.
    pub data: Vec<f32>,
}

/// Named host tensors, e.g. `actor.layers.0.weight` of shape `[out, in]`.
pub type TensorMap = BTreeMap<String, HostTensor>;

/// The trainable state of one agent and its gradient step.
pub trait SacUpdate: Send {
    /// One gradient step on `batch` in the order of the specification's section 9.
    ///
    /// With `report` the step's figures are brought to the host, which stalls a GPU: ask rarely.
    ///
    /// # Errors
    /// [`SacError::NotFinite`] when a reported figure is not finite, [`SacError::Device`] when the
    /// device fails. The trainable state is then unusable.
    fn update(&mut self, batch: &TransitionBatch, report: bool) -> Result<Option<TrainMetrics>, SacError>;

    /// All parameters, targets, optimizer moments and `log_alpha` by name: `actor.layers.0.weight`,
    /// `target_critic1.layers.2.bias`, `optimizer.actor.layers.0.weight.m`, `….v`, `log_alpha`. An
    /// update that draws random numbers adds `update_seed`, four pieces of 16 bits, lowest first.
    ///
    /// # Errors
    /// [`SacError::Device`] when they cannot be read back.
    fn export(&self) -> Result<TensorMap, SacError>;

    /// Replaces everything [`SacUpdate::export`] names, and the count of gradient steps. Without
    /// moments they start at zero; without `update_seed` the constructor's stays.
    ///
    /// # Errors
    /// [`SacError::Tensor`] names the first tensor that is missing or of another shape; nothing
    /// has changed then.
    fn import(&mut self, tensors: &TensorMap, gradient_steps: u64) -> Result<(), SacError>;

    /// The actor's parameters alone, as in [`SacUpdate::export`].
    ///
    /// # Errors
    /// [`SacError::Device`] when they cannot be read back.
    fn export_actor(&self) -> Result<TensorMap, SacError>;

    /// The critics' parameters alone, targets left out, as in [`SacUpdate::export`].
    ///
    /// # Errors
    /// [`SacError::Device`] when they cannot be read back.
    fn export_critics(&self) -> Result<TensorMap, SacError>;

    /// Mean over critics of `|td|` of the last step, `[B]` in the order of its batch and before its
    /// critic step, empty before the first one: what prioritized replay ranks transitions by. Reading
    /// them stalls a GPU unless that step brought a report, which they travel with.
    ///
    /// # Errors
    /// [`SacError::Device`] when they cannot be read back.
    fn td_errors(&self) -> Result<Cow<'_, [f32]>, SacError>;

    /// Gradient steps made so far.
    fn gradient_steps(&self) -> u64;

    /// The configuration in force.
    fn config(&self) -> &SacConfig;

    /// Changes learning rates, temperature mode, `tau` and the like between two steps. The networks
    /// must stay as they are: hidden widths, critic head, number of critics, value network. Of a fixed
    /// temperature, a changed `initial_temperature` is the temperature from now on.
    ///
    /// # Errors
    /// [`SacError::Config`] for a value out of range; nothing has changed then.
    fn set_config(&mut self, config: SacConfig) -> Result<(), SacError>;

    /// Short name of implementation and device, e.g. `cpu (fused)` or `gpu (burn, NVIDIA H100)`.
    fn device(&self) -> String;
}
