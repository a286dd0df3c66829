//! Parameters by name, with the names and shapes of the equivalent PyTorch module.
//!
//! `conv.{i}.weight` `[out, in, kernel, kernel]`, `layers.{i}.weight` `[out, in]`, `norms.{i}.weight` `[out]` and their
//! `.bias`es; a dueling head is one layer in memory, its advantages before its value, and two when saved: `value` and
//! `advantage`; so is a Gaussian one: `mean` and `log_std`. The first of `layers` after convolutions reads
//! `torch.cat([vector, map.flatten(1)], 1)`.

use std::ops::Range;

use super::Network;
use super::linear::Linear;
use crate::nn::buffer::Buffer;
use crate::nn::{Head, HostTensor, NetworkError, TensorMap};

/// One named tensor and the position of its values in memory.
pub(super) struct Slot<'a> {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    /// Position of the first row.
    pub(super) start: usize,
    /// Row stride in memory.
    width: usize,
    /// Column in memory of every entry of the first dimension.
    columns: Range<usize>,
    /// Row in memory of every entry of the other dimensions, flattened.
    rows: &'a [u32],
}

impl Slot<'_> {
    /// Position of every value, in saved order.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        let row = |row: &u32| self.start + *row as usize * self.width;
        self.columns.clone().flat_map(move |column| self.rows.iter().map(move |index| row(index) + column))
    }
}

impl Network {
    /// All tensors: convolutions, layers, norms.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot<'_>> {
        let convs = self.encoder.iter().flat_map(|encoder| &encoder.convs).enumerate();
        let convs = convs.flat_map(|(index, conv)| {
            let inputs = [conv.channels, conv.kernel, conv.kernel];
            pair(format!("conv.{index}"), &conv.linear, 0..conv.linear.outputs, &inputs)
        });
        let layers = self.layers.iter().enumerate().flat_map(|(index, layer)| {
            let columns = 0..layer.outputs;
            let (first, second) = match self.head {
                Head::Dueling if index + 1 == self.layers.len() => {
                    let actions = layer.outputs - 1;
                    (("value".to_owned(), actions..layer.outputs), Some(("advantage".to_owned(), 0..actions)))
                }
                Head::Gaussian | Head::SharedStd if index + 1 == self.layers.len() => {
                    let dims = layer.outputs / 2;
                    (("mean".to_owned(), 0..dims), Some(("log_std".to_owned(), dims..layer.outputs)))
                }
                _ => ((format!("layers.{index}"), columns), None),
            };
            let parts = std::iter::once(first).chain(second);
            parts.flat_map(|(name, columns)| pair(name, layer, columns, &[layer.rows.len()]))
        });
        let norms = self.norms.iter().enumerate().flat_map(|(index, norm)| {
            [("weight", norm.weight), ("bias", norm.bias)]
                .map(|(part, start)| vector(format!("norms.{index}.{part}"), start, 0..norm.outputs))
        });
        convs.chain(layers).chain(norms)
    }

    /// Exports `values`, a flat buffer of this network's layout, as named tensors `layers.0.weight` ….
    pub(crate) fn tensors(&self, values: &[f32], mut put: impl FnMut(String, HostTensor)) {
        for slot in self.slots() {
            let data = slot.places().map(|place| values[place]).collect();
            put(slot.name, HostTensor { shape: slot.shape, data });
        }
    }

    /// Reads the tensors called `name("layers.0.weight")` … into a flat buffer of this layout.
    ///
    /// # Errors
    /// [`NetworkError::Tensor`] for the first one missing, of another shape, or not finite.
    pub(crate) fn flat(
        &self,
        tensors: &TensorMap,
        name: impl Fn(&str) -> String,
    ) -> Result<Buffer, NetworkError> {
        // Memory is allocated after everything is found: a file of a few bytes may declare any network.
        let mut found = Vec::new();
        for slot in self.slots() {
            let data = tensor(tensors, name(&slot.name), &slot.shape)?;
            found.push((slot, data));
        }
        let mut values = Buffer::zeros(self.size);
        for (slot, data) in found {
            for (place, value) in slot.places().zip(data) {
                values[place] = *value;
            }
        }
        self.keep_shared(&mut values);
        Ok(values)
    }
}

/// Weight and bias of those `columns` of a layer; `inputs` are the weight's dimensions after the first.
fn pair<'a>(name: String, linear: &'a Linear, columns: Range<usize>, inputs: &[usize]) -> [Slot<'a>; 2] {
    let shape = [&[columns.len()], inputs].concat();
    let bias = vector(format!("{name}.bias"), linear.bias, columns.clone());
    let (start, width) = (linear.weight, linear.width);
    [Slot { name: format!("{name}.weight"), shape, start, width, columns, rows: &linear.rows }, bias]
}

fn vector(name: String, start: usize, columns: Range<usize>) -> Slot<'static> {
    Slot { name, shape: vec![columns.len()], start, width: 0, columns, rows: &[0] }
}

/// The values of tensor `name` if it has `shape` and is finite.
///
/// # Errors
/// [`NetworkError::Tensor`] names the violated condition.
pub(crate) fn tensor<'a>(
    tensors: &'a TensorMap,
    name: String,
    shape: &[usize],
) -> Result<&'a [f32], NetworkError> {
    let problem = match tensors.get(&name) {
        None => "is missing".to_owned(),
        Some(found) if found.shape != shape => format!("has shape {:?}, expected {shape:?}", found.shape),
        Some(found) if found.data.len() != shape.iter().product::<usize>() => {
            format!("holds {} values for shape {shape:?}", found.data.len())
        }
        Some(found) if !found.data.iter().all(|value| value.is_finite()) => {
            "has values that are not finite".to_owned()
        }
        Some(found) => return Ok(&found.data),
    };
    Err(NetworkError::Tensor { name, problem })
}
