//! Where the named tensors of a memory lie in its flat parameters.

use crate::nn::network::linear::Linear;
use crate::nn::{HostTensor, NetworkError, TensorMap, tensor};

/// One named tensor: entry `[i, j…]` stands at `start + first[i] + rest[j…]`.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    /// As saved, e.g. `memory.rnn.weight_ih`.
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    start: usize,
    /// One per entry of the first dimension.
    first: Vec<usize>,
    /// One per entry of the others, flattened.
    rest: Vec<usize>,
}

impl Slot {
    /// Weights `[outputs, inputs…]` of a layer whose output `i` is in column `columns[i]`; `inner` are the
    /// dimensions after the first.
    pub(super) fn weight(name: String, linear: &Linear, columns: Vec<usize>, inner: &[usize]) -> Self {
        let shape = [&[columns.len()], inner].concat();
        let rest = linear.rows.iter().map(|row| *row as usize * linear.width).collect();
        Self { name, shape, start: linear.weight, first: columns, rest }
    }

    /// One number for each of `columns`, counted from `start`.
    pub(super) fn vector(name: String, start: usize, columns: Vec<usize>) -> Self {
        Self { name, shape: vec![columns.len()], start, first: columns, rest: vec![0] }
    }

    /// `[rows, columns]`, stored as it is saved, with `stride` floats from row to row.
    pub(super) fn table(name: String, start: usize, [rows, columns]: [usize; 2], stride: usize) -> Self {
        let first = (0..rows).map(|row| row * stride).collect();
        Self { name, shape: vec![rows, columns], start, first, rest: (0..columns).collect() }
    }

    /// Weight and bias of a plain layer.
    pub(super) fn pair(name: &str, linear: &Linear) -> [Self; 2] {
        let columns = || (0..linear.outputs).collect();
        [
            Self::weight(format!("{name}.weight"), linear, columns(), &[linear.rows.len()]),
            Self::vector(format!("{name}.bias"), linear.bias, columns()),
        ]
    }

    /// Position of every value, in saved order.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        self.first.iter().flat_map(move |first| self.rest.iter().map(move |rest| self.start + first + rest))
    }

    /// Its tensor, from flat `values`.
    pub(super) fn tensor(&self, values: &[f32]) -> HostTensor {
        let data = self.places().map(|place| values[place]).collect();
        HostTensor { shape: self.shape.clone(), data }
    }
}

/// The values of all `slots` among `tensors`, which are called `name("memory.rnn.weight_ih")` ….
///
/// # Errors
/// [`NetworkError::Tensor`] for the first one missing, of another shape, or not finite.
pub(super) fn found<'a>(
    slots: &[Slot],
    tensors: &'a TensorMap,
    name: &impl Fn(&str) -> String,
) -> Result<Vec<&'a [f32]>, NetworkError> {
    slots.iter().map(|slot| tensor(tensors, name(&slot.name), &slot.shape)).collect()
}
