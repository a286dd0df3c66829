//! Random numbers of the actor's estimators, the same for both updates: one stream for each gradient
//! step, and the seed that names them as a tensor. What is drawn with them is left to the updates.

use crate::nn::{HostTensor, NetworkError, TensorMap, tensor};

/// Name of the tensor that carries the seed.
const SEED: &str = "update_seed";

/// Adds `seed` to `tensors`, in pieces of 16 bits, lowest first, each of which f32 holds exactly.
pub(super) fn export_seed(seed: u64, tensors: &mut TensorMap) {
    let data = (0..4).map(|piece| f32::from((seed >> (16 * piece)) as u16)).collect();
    tensors.insert(SEED.to_owned(), HostTensor { shape: vec![4], data });
}

/// The seed that [`export_seed`] added, `None` if it did not.
///
/// # Errors
/// [`NetworkError::Tensor`] when a piece is no whole number of 16 bits.
pub(super) fn import_seed(tensors: &TensorMap) -> Result<Option<u64>, NetworkError> {
    if !tensors.contains_key(SEED) {
        return Ok(None);
    }
    let pieces = tensor(tensors, SEED.to_owned(), &[4])?;
    let whole = |piece: &f32| (0.0..=65_535.0).contains(piece) && piece.fract() == 0.0;
    if !pieces.iter().all(whole) {
        let problem = "holds pieces that are not whole numbers of 16 bits".to_owned();
        return Err(NetworkError::Tensor { name: SEED.to_owned(), problem });
    }
    Ok(Some(pieces.iter().rev().fold(0, |seed, piece| (seed << 16) | *piece as u64)))
}
