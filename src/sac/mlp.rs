//! A multi-layer perceptron on the host: flat parameters, batched forward, hand-written backward.
//! Losses and optimisers are left to the update.
//!
//! ReLU follows every hidden layer, the output is linear. Inside, a layer is stored as
//! `[inputs, padded outputs]` followed by its bias, zeros in the padding; outside, as tensors
//! `<network>.layers.{i}.weight` `[outputs, inputs]` and `.bias` `[outputs]`. A dueling head is one
//! layer inside, its advantages before its value, and two outside: `value` and `advantage`.

use rand::RngExt as _;

use super::buffer::{Buffer, column_sums, padded, transpose};
use super::kernel::{Finish, Left, Product};
use super::{Head, HostTensor, SacError, TensorMap};
use crate::mdp::Rng;

/// Where one layer lies in the flat parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Layer {
    inputs: usize,
    outputs: usize,
    /// Row stride of the weights, of the bias and of the layer's output.
    width: usize,
    /// First weight.
    weight: usize,
    /// First bias.
    bias: usize,
}

/// The network. Its gradient and its Adam moments are flat buffers of the same layout.
#[derive(Debug, Clone)]
pub(super) struct Mlp {
    layers: Vec<Layer>,
    head: Head,
    /// All weights and biases.
    pub(super) parameters: Buffer,
}

/// Outputs of all layers for one batch, `[rows, width]` each.
#[derive(Debug, Clone, Default)]
pub(super) struct Activations {
    outputs: Vec<Buffer>,
    width: usize,
}

impl Activations {
    /// Rows of the network's output, each with its padding; the first `outputs` entries count.
    pub(super) fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.outputs.last().map_or(&[][..], |output| output).chunks_exact(self.width.max(1))
    }
}

/// Gradients with respect to all layers' outputs, and room for a transposed weight matrix.
#[derive(Debug, Clone, Default)]
pub(super) struct Backward {
    deltas: Vec<Buffer>,
    transposed: Buffer,
}

impl Mlp {
    /// All parameters zero.
    pub(super) fn zeros(inputs: usize, hidden: &[usize], outputs: usize, head: Head) -> Self {
        let mut layers = Vec::with_capacity(hidden.len() + 1);
        let outputs = outputs + usize::from(head == Head::Dueling);
        let (mut inputs, mut len) = (inputs, 0);
        for &outputs in hidden.iter().chain([&outputs]) {
            let width = padded(outputs);
            let bias = len + inputs * width;
            layers.push(Layer { inputs, outputs, width, weight: len, bias });
            len = bias + width;
            inputs = outputs;
        }
        Self { layers, head, parameters: Buffer::zeros(len) }
    }

    /// Weights and biases uniform in ±1/√inputs (the default of PyTorch's `nn.Linear`).
    pub(super) fn new(inputs: usize, hidden: &[usize], outputs: usize, head: Head, rng: &mut Rng) -> Self {
        let mut mlp = Self::zeros(inputs, hidden, outputs, head);
        for layer in &mlp.layers {
            let bound = 1.0 / (layer.inputs.max(1) as f32).sqrt();
            let end = layer.bias + layer.width;
            for row in mlp.parameters[layer.weight..end].chunks_exact_mut(layer.width) {
                row[..layer.outputs].fill_with(|| bound * (2.0 * rng.random::<f32>() - 1.0));
            }
        }
        mlp
    }

    /// Number of entries of an input row.
    pub(super) fn inputs(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.inputs)
    }

    /// Number of entries of an output row.
    pub(super) fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.outputs) - usize::from(self.head == Head::Dueling)
    }

    /// Computes all layers for `input`, `[rows, inputs]`. A row's result does not depend on the others.
    pub(super) fn forward(&self, input: &[f32], activations: &mut Activations) {
        let rows = input.len() / self.inputs();
        debug_assert_eq!(input.len(), rows * self.inputs());
        activations.outputs.resize_with(self.layers.len(), Buffer::default);
        activations.width = self.output_width();
        for (index, layer) in self.layers.iter().enumerate() {
            let (before, rest) = activations.outputs.split_at_mut(index);
            let out = &mut rest[0];
            out.resize(rows * layer.width);
            let bias = &self.parameters[layer.bias..layer.bias + layer.width];
            Product {
                left: self.layer_input(index, input, before),
                right: &self.parameters[layer.weight..layer.bias],
                rows,
                inner: layer.inputs,
                width: layer.width,
                finish: if index + 1 < self.layers.len() {
                    Finish::BiasRelu(bias)
                } else {
                    Finish::Bias(bias)
                },
                out,
            }
            .run();
        }
        if let (Head::Dueling, Some(output)) = (self.head, activations.outputs.last_mut()) {
            // Q = V + Adv − mean_a Adv, in place of the advantages
            let actions = self.outputs();
            for row in output.chunks_exact_mut(activations.width) {
                let mean = row[..actions].iter().sum::<f32>() / actions as f32;
                let shift = row[actions] - mean;
                row[..actions].iter_mut().for_each(|advantage| *advantage += shift);
            }
        }
    }

    /// Row stride of the output.
    fn output_width(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.width)
    }

    /// What layer `index` reads, row by row.
    fn layer_input<'a>(&self, index: usize, input: &'a [f32], outputs: &'a [Buffer]) -> Left<'a> {
        match index.checked_sub(1) {
            None => Left::Rows { data: input, stride: self.inputs() },
            Some(before) => Left::Rows { data: &outputs[before], stride: self.layers[before].width },
        }
    }

    /// The zeroed gradient with respect to the output, to be filled before [`Mlp::backward`]:
    /// `rows` rows, each with its padding.
    pub(super) fn output_gradient<'a>(
        &self,
        rows: usize,
        backward: &'a mut Backward,
    ) -> std::slice::ChunksExactMut<'a, f32> {
        backward.deltas.resize_with(self.layers.len(), Buffer::default);
        let width = self.output_width();
        let delta = &mut backward.deltas[self.layers.len() - 1];
        delta.resize(rows * width);
        delta.fill(0.0);
        delta.chunks_exact_mut(width)
    }

    /// Replaces `gradient` by the gradient with respect to the parameters. `input` and
    /// `activations` are those of the last forward pass, `backward` holds the output's gradient.
    pub(super) fn backward(
        &self,
        input: &[f32],
        activations: &Activations,
        backward: &mut Backward,
        gradient: &mut [f32],
    ) {
        let rows = input.len() / self.inputs();
        if let (Head::Dueling, Some(delta)) = (self.head, backward.deltas.last_mut()) {
            // dL/dV = Σ_a dL/dQ(a), dL/dAdv(a) = dL/dQ(a) − mean_a dL/dQ(a)
            let actions = self.outputs();
            for row in delta.chunks_exact_mut(self.output_width()) {
                let sum = row[..actions].iter().sum::<f32>();
                row[..actions].iter_mut().for_each(|gradient| *gradient -= sum / actions as f32);
                row[actions] = sum;
            }
        }
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let (below, rest) = backward.deltas.split_at_mut(index);
            let delta = &rest[0];
            debug_assert_eq!(delta.len(), rows * layer.width);
            let (weight, bias) =
                gradient[layer.weight..layer.bias + layer.width].split_at_mut(layer.inputs * layer.width);
            // dL/dW = xᵀ · delta, dL/db = Σ_rows delta
            let Left::Rows { data, stride } = self.layer_input(index, input, &activations.outputs) else {
                continue;
            };
            Product {
                left: Left::Columns { data, stride },
                right: delta,
                rows: layer.inputs,
                inner: rows,
                width: layer.width,
                finish: Finish::Store,
                out: weight,
            }
            .run();
            column_sums(delta, bias);
            // dL/dx = (delta · Wᵀ) where the ReLU below was open
            let Some(below) = below.last_mut() else { break };
            let width = padded(layer.inputs);
            below.resize(rows * width);
            backward.transposed.resize(layer.outputs * width);
            let stored = &self.parameters[layer.weight..layer.bias];
            transpose(stored, layer.inputs, layer.outputs, &mut backward.transposed);
            Product {
                left: Left::Rows { data: delta, stride: layer.width },
                right: &backward.transposed,
                rows,
                inner: layer.outputs,
                width,
                finish: Finish::Mask(&activations.outputs[index - 1]),
                out: below,
            }
            .run();
        }
    }

    /// Names the layers as they are outside, each with the columns it takes of the layer inside.
    fn named(&self) -> impl Iterator<Item = (String, &Layer, std::ops::Range<usize>)> {
        self.layers.iter().enumerate().flat_map(move |(index, layer)| {
            let (first, second) = match self.head {
                Head::Dueling if index + 1 == self.layers.len() => {
                    let actions = layer.outputs - 1;
                    let advantage = ("advantage".to_owned(), layer, 0..actions);
                    (("value".to_owned(), layer, actions..layer.outputs), Some(advantage))
                }
                _ => ((format!("layers.{index}"), layer, 0..layer.outputs), None),
            };
            std::iter::once(first).chain(second)
        })
    }

    /// Hands out `values`, a flat buffer of this network's layout, as named tensors `layers.0.weight` ….
    pub(super) fn tensors(&self, values: &[f32], mut put: impl FnMut(String, HostTensor)) {
        for (name, layer, columns) in self.named() {
            let stored = &values[layer.weight..layer.bias];
            let data = (columns.clone())
                .flat_map(|o| (0..layer.inputs).map(move |i| stored[i * layer.width + o]))
                .collect();
            let shape = vec![columns.len(), layer.inputs];
            put(format!("{name}.weight"), HostTensor { shape, data });
            let data = values[layer.bias..][columns.clone()].to_vec();
            put(format!("{name}.bias"), HostTensor { shape: vec![columns.len()], data });
        }
    }

    /// Reads the tensors called `name("layers.0.weight")` … into a flat buffer of this layout.
    ///
    /// # Errors
    /// [`SacError::Tensor`] for the first one missing, of another shape, or not finite.
    pub(super) fn flat(
        &self,
        tensors: &TensorMap,
        name: impl Fn(&str) -> String,
    ) -> Result<Buffer, SacError> {
        let mut values = Buffer::zeros(self.parameters.len());
        for (own, layer, columns) in self.named() {
            let shape = [columns.len(), layer.inputs];
            let weight = tensor(tensors, name(&format!("{own}.weight")), &shape)?;
            for (o, row) in columns.clone().zip(weight.chunks_exact(layer.inputs)) {
                for (i, &value) in row.iter().enumerate() {
                    values[layer.weight + i * layer.width + o] = value;
                }
            }
            let bias = tensor(tensors, name(&format!("{own}.bias")), &[columns.len()])?;
            values[layer.bias..][columns].copy_from_slice(bias);
        }
        Ok(values)
    }
}

/// The values of tensor `name` if it has `shape` and is finite.
///
/// # Errors
/// [`SacError::Tensor`] says which of these does not hold.
pub(super) fn tensor<'a>(
    tensors: &'a TensorMap,
    name: String,
    shape: &[usize],
) -> Result<&'a [f32], SacError> {
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
    Err(SacError::Tensor { name, problem })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdp::{Stream, rng};

    /// `L = Σ c · output` with fixed coefficients.
    fn loss(mlp: &Mlp, input: &[f32]) -> f64 {
        let mut activations = Activations::default();
        mlp.forward(input, &mut activations);
        let outputs = mlp.outputs();
        activations
            .rows()
            .enumerate()
            .flat_map(|(b, row)| {
                row[..outputs].iter().enumerate().map(move |(a, &q)| coefficient(b, a) as f64 * q as f64)
            })
            .sum()
    }

    fn coefficient(b: usize, a: usize) -> f32 {
        ((b * 5 + a * 3) % 7) as f32 - 3.0
    }

    #[test]
    fn backward_agrees_with_finite_differences() {
        let shapes = [vec![], vec![7], vec![20, 9]];
        let cases = shapes.iter().flat_map(|hidden| [Head::Linear, Head::Dueling].map(|head| (hidden, head)));
        for (hidden, head) in cases {
            let mut source = rng(4, Stream::Weights, 0);
            let mlp = Mlp::new(5, hidden, 3, head, &mut source);
            let input: Vec<f32> = (0..6 * 5).map(|_| 2.0 * source.random::<f32>() - 1.0).collect();
            let (mut activations, mut backward) = (Activations::default(), Backward::default());
            mlp.forward(&input, &mut activations);
            for (b, row) in mlp.output_gradient(6, &mut backward).enumerate() {
                for (a, value) in row[..3].iter_mut().enumerate() {
                    *value = coefficient(b, a);
                }
            }
            let mut gradient = vec![f32::NAN; mlp.parameters.len()];
            mlp.backward(&input, &activations, &mut backward, &mut gradient);
            let mut wrong = 0;
            for (index, &found) in gradient.iter().enumerate() {
                let difference = |h: f32| {
                    let mut moved = mlp.clone();
                    moved.parameters[index] += h;
                    loss(&moved, &input)
                };
                let expected = (difference(1e-3) - difference(-1e-3)) / 2e-3;
                // A kink of a ReLU within the difference is no error, but must stay rare.
                wrong += usize::from((f64::from(found) - expected).abs() > 1e-2 * (1.0 + expected.abs()));
            }
            assert!(wrong * 50 <= gradient.len(), "{wrong} of {} for {hidden:?} {head:?}", gradient.len());
        }
    }

    #[test]
    fn tensors_round_trip_and_bad_ones_are_named() {
        for head in [Head::Dueling, Head::Linear] {
            let mlp = Mlp::new(5, &[17, 3], 2, head, &mut rng(1, Stream::Weights, 0));
            let mut tensors = TensorMap::new();
            mlp.tensors(&mlp.parameters, |name, tensor| drop(tensors.insert(name, tensor)));
            let values = mlp.flat(&tensors, str::to_owned).unwrap();
            assert_eq!(values[..], mlp.parameters[..]);
            let named = tensors.contains_key("advantage.weight") && tensors["value.weight"].shape == [1, 3];
            assert_eq!(named, head == Head::Dueling);
        }
        let mlp = Mlp::new(5, &[17, 3], 2, Head::Linear, &mut rng(1, Stream::Weights, 0));
        let mut tensors = TensorMap::new();
        mlp.tensors(&mlp.parameters, |name, tensor| drop(tensors.insert(name, tensor)));
        tensors.get_mut("layers.1.bias").unwrap().data[0] = f32::NAN;
        let error = mlp.flat(&tensors, str::to_owned).unwrap_err();
        assert!(error.to_string().contains("layers.1.bias"), "{error}");
    }
}
