//! Random numbers of the actor's estimators, the same for both updates: one stream for each gradient step, and the
//! seed that names them as a tensor. Also the name of the line of training as one. What is drawn with them is left
//! to the updates, except for noise.

use rand::RngExt as _;
use rand_distr::StandardNormal;

use crate::mdp::{ActionNoise, Rng};
use crate::nn::{HostTensor, NetworkError, TensorMap, tensor};

/// Name of the tensor that carries the seed.
const SEED: &str = "update_seed";

/// Name of the tensor that carries the line of training.
const LINE: &str = "line";

/// Tensors that carry a number in pieces, not parameters.
pub(super) const NUMBERS: &[&str] = &[SEED, LINE];

/// Fills every column of `noise` with as many standard normal numbers as `lengths` says, except those that are `given`,
/// which are copied.
pub(super) fn fill_noise(noise: &mut ActionNoise, given: &ActionNoise, lengths: [usize; 3], mut rng: Rng) {
    let columns = [
        (&mut noise.here, &given.here),
        (&mut noise.next, &given.next),
        (&mut noise.sampled, &given.sampled),
    ];
    for ((column, given), length) in columns.into_iter().zip(lengths) {
        column.clear();
        match given.len() == length {
            true => column.extend_from_slice(given),
            false => column.extend((0..length).map(|_| rng.sample::<f32, _>(StandardNormal))),
        }
    }
}

/// Adds `seed` to `tensors`.
pub(super) fn export_seed(seed: u64, tensors: &mut TensorMap) {
    put(SEED, seed, tensors);
}

/// Adds the name of a line of training to `tensors`.
pub(super) fn export_line(line: u64, tensors: &mut TensorMap) {
    put(LINE, line, tensors);
}

/// Adds `number` in pieces of 16 bits, lowest first, each of which f32 holds exactly.
fn put(name: &str, number: u64, tensors: &mut TensorMap) {
    let data = (0..4).map(|piece| f32::from((number >> (16 * piece)) as u16)).collect();
    tensors.insert(name.to_owned(), HostTensor { shape: vec![4], data });
}

/// The seed that [`export_seed`] added, `None` if it did not.
///
/// # Errors
/// [`NetworkError::Tensor`] when a piece is no whole number of 16 bits.
pub(super) fn import_seed(tensors: &TensorMap) -> Result<Option<u64>, NetworkError> {
    get(SEED, tensors)
}

/// The line of training that [`export_line`] added, 0 for tensors from before lines had names.
///
/// # Errors
/// As [`import_seed`].
pub(super) fn import_line(tensors: &TensorMap) -> Result<u64, NetworkError> {
    Ok(get(LINE, tensors)?.unwrap_or(0))
}

fn get(name: &str, tensors: &TensorMap) -> Result<Option<u64>, NetworkError> {
    if !tensors.contains_key(name) {
        return Ok(None);
    }
    let pieces = tensor(tensors, name.to_owned(), &[4])?;
    let whole = |piece: &f32| (0.0..=65_535.0).contains(piece) && piece.fract() == 0.0;
    if !pieces.iter().all(whole) {
        let problem = "holds pieces that are not whole numbers of 16 bits".to_owned();
        return Err(NetworkError::Tensor { name: name.to_owned(), problem });
    }
    Ok(Some(pieces.iter().rev().fold(0, |number, piece| (number << 16) | *piece as u64)))
}
