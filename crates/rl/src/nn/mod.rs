//! Neural networks for any algorithm: layers and their gradients on the host, the same stacked on a device,
//! Adam, categorical and squashed Gaussian distributions, named tensors and their files.
//!
//! The host code is hand-written for small networks on a CPU (`network`, `kernel`, `adam`); `device` has the
//! same layers on burn tensors. Both use the same parameter names and shapes. Nothing here depends on an
//! algorithm: the caller computes losses and decides when to step.

pub(crate) mod adam;
mod architecture;
mod buffer;
pub(crate) mod categorical;
#[cfg(feature = "gpu")]
pub(crate) mod device;
mod error;
pub(crate) mod gaussian;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;
mod kernel;
mod lanes;
pub mod memory;
mod network;
pub(crate) mod onnx;
pub mod speed;
mod trained;
pub mod weights;

pub(crate) use architecture::Architecture;
pub use architecture::{ConvLayer, Encoder, Head, Init, Inputs, Padding};
pub(crate) use buffer::Buffer;
pub use error::NetworkError;
#[cfg(feature = "gpu")]
pub use gpu::{Card, Counts};
pub(crate) use kernel::threads_available;
pub(crate) use network::{Activations, Network, tensor};
pub(crate) use trained::Trained;

use std::collections::BTreeMap;

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
