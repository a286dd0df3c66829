//! Networks on burn tensors, for any burn backend: `ensemble` holds parameters of stacked networks, `layers`
//! and `memory` the passes over them, `functions` what these share, `adam` their optimizer.

mod adam;
mod ensemble;
mod functions;
mod layers;
mod memory;

pub(crate) use adam::{Adam, Trained};
pub(crate) use ensemble::{Ensemble, NamedTensors, named, upload};
pub(crate) use layers::{Form, Layers};
pub(crate) use memory::{HostMoments, MemoryForm, Moments};

use burn::tensor::Tensor;

use super::NetworkError;

/// The values of a vector, read back from its device.
///
/// # Errors
/// [`NetworkError::Device`] if the device does not respond.
pub(crate) fn read(tensor: Tensor<1>) -> Result<Vec<f32>, NetworkError> {
    let data = tensor.try_into_data().map_err(|error| NetworkError::Device(format!("{error:?}")))?;
    data.try_into_vec::<f32>().map_err(|error| NetworkError::Device(format!("{error:?}")))
}
