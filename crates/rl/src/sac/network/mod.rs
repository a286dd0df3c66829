//! A network on the host: flat parameters, batched forward, hand-written backward. Losses and
//! optimizers are left to the update.
//!
//! An observation passes convolutions, if there is a grid for them (`encoder`, `conv`), then dense
//! layers (`linear`), each hidden one normalized (`norm`) if so chosen and followed by a ReLU; the
//! output is linear. Inside, every layer is stored as `[inputs, padded outputs]` followed by its bias,
//! zeros in the padding; what it is called outside stands in `tensors`, how it begins in `init`.

mod conv;
mod encoder;
mod init;
mod linear;
mod norm;
mod patches;
mod tensors;
#[cfg(test)]
mod tests;

use super::Head;
use super::architecture::Architecture;
use super::buffer::{Buffer, column_sums, padded, transpose};
use super::kernel::{Finish, Left, Product};
use crate::mdp::Rng;
use conv::Scratch;
use encoder::{GridEncoder, Maps};
pub(super) use init::{ACTOR_GAIN, VALUE_GAIN};
use linear::Linear;
use norm::{Norm, Normalized};
pub(super) use tensors::tensor;

/// The network. Its gradient and its Adam moments are flat buffers of the same layout.
#[derive(Debug, Clone)]
pub(super) struct Network {
    /// Entries of an input row.
    inputs: usize,
    encoder: Option<GridEncoder>,
    layers: Vec<Linear>,
    /// One for every hidden layer, or none at all.
    norms: Vec<Norm>,
    head: Head,
    /// Length of all weights and biases.
    size: usize,
    /// All weights and biases.
    pub(super) parameters: Buffer,
}

/// What a forward pass computes for one batch.
#[derive(Debug, Clone, Default)]
pub(super) struct Activations {
    maps: Maps,
    /// What layer `i` reads lies at `i`, what it computes at `i + 1`: `[rows, width]` each. The first
    /// is used only where convolutions make it.
    outputs: Vec<Buffer>,
    normalized: Vec<Normalized>,
    /// Layers of the network that was here last: memory is kept for a deeper one.
    depth: usize,
    width: usize,
}

impl Activations {
    /// Rows of the network's output, each with its padding; the first `outputs` entries count.
    pub(super) fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.outputs.get(self.depth).map_or(&[][..], |output| output).chunks_exact(self.width.max(1))
    }
}

/// Gradients with respect to what a forward pass computed, and room to compute them.
#[derive(Debug, Clone, Default)]
pub(super) struct Backward {
    maps: Vec<Buffer>,
    /// As [`Activations::outputs`].
    deltas: Vec<Buffer>,
    scratch: Scratch,
}

impl Network {
    /// All parameters zero.
    pub(super) fn zeros(architecture: &Architecture, outputs: usize, head: Head) -> Self {
        let mut network = Self::outline(architecture, outputs, head);
        network.parameters = Buffer::zeros(network.size);
        network
    }

    /// Its layers without memory for parameters: what is read from a file must first be seen to be there.
    pub(super) fn outline(architecture: &Architecture, outputs: usize, head: Head) -> Self {
        let outputs = outputs + usize::from(head == Head::Dueling);
        let mut end = 0;
        let encoder = GridEncoder::new(architecture, &mut end);
        let inputs = architecture.inputs.features();
        let mut rows: Vec<u32> = encoder.as_ref().map_or((0..inputs as u32).collect(), GridEncoder::rows);
        let mut layers = Vec::with_capacity(architecture.hidden.len() + 1);
        for &outputs in architecture.hidden.iter().chain([&outputs]) {
            let next = (0..outputs as u32).collect();
            layers.push(Linear::new(rows.len(), outputs, std::mem::replace(&mut rows, next), &mut end));
        }
        let hidden = architecture.hidden.iter().filter(|_| architecture.layer_norm);
        let norms = hidden.map(|outputs| Norm::new(*outputs, &mut end)).collect();
        Self { inputs, encoder, layers, norms, head, size: end, parameters: Buffer::zeros(0) }
    }

    /// Parameters drawn as the architecture says; `output_gain` is for [`super::Init::Orthogonal`].
    pub(super) fn new(
        architecture: &Architecture,
        outputs: usize,
        head: Head,
        output_gain: f32,
        rng: &mut Rng,
    ) -> Self {
        let mut network = Self::zeros(architecture, outputs, head);
        network.draw(architecture.init, output_gain, rng);
        network
    }

    /// Number of entries of an input row.
    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    /// Number of entries of an output row.
    pub(super) fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.outputs) - usize::from(self.head == Head::Dueling)
    }

    /// Multiply-adds of a forward pass for one row.
    pub(super) fn work(&self) -> usize {
        let encoder = self.encoder.as_ref().map_or(0, GridEncoder::work);
        encoder + self.layers.iter().map(Linear::work).sum::<usize>()
    }

    /// Computes all layers for `input`, `[rows, inputs]`. A row's result does not depend on the others.
    pub(super) fn forward(&self, input: &[f32], activations: &mut Activations) {
        let rows = input.len() / self.inputs;
        debug_assert_eq!(input.len(), rows * self.inputs);
        let Activations { maps, outputs, normalized, depth, width } = activations;
        (*depth, *width) = (self.layers.len(), self.output_width());
        outputs.resize_with(outputs.len().max(self.layers.len() + 1), Buffer::default);
        normalized.resize_with(normalized.len().max(self.norms.len()), Normalized::default);
        if let Some(encoder) = &self.encoder {
            encoder.forward(&self.parameters, input, maps, &mut outputs[0]);
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let (before, rest) = outputs.split_at_mut(index + 1);
            let out = &mut rest[0];
            out.resize(rows * layer.width);
            let (data, stride) = self.layer_input(index, input, before);
            let norm = self.norms.get(index).zip(normalized.get_mut(index));
            let bias = layer.biases(&self.parameters);
            let product = Product {
                left: Left::Rows { data, stride },
                right: layer.weights(&self.parameters),
                rows,
                inner: layer.inputs,
                width: layer.width,
                finish: Finish::Bias(bias),
                out,
            };
            match norm {
                Some((norm, normalized)) => {
                    normalized.values.resize(rows * layer.width);
                    Product { out: &mut normalized.values, ..product }.run();
                    norm.forward(&self.parameters, normalized, out);
                }
                None if index + 1 < self.layers.len() => {
                    Product { finish: Finish::BiasRelu(bias), ..product }.run()
                }
                None => product.run(),
            }
        }
        if self.head == Head::Dueling {
            // Q = V + Adv − mean_a Adv, in place of the advantages
            let actions = self.outputs();
            for row in outputs[self.layers.len()].chunks_exact_mut(self.output_width()) {
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

    /// What layer `index` reads, and its row stride.
    fn layer_input<'a>(&self, index: usize, input: &'a [f32], outputs: &'a [Buffer]) -> (&'a [f32], usize) {
        match (index, &self.encoder) {
            (0, None) => (input, self.inputs),
            _ => (&outputs[index], padded(self.layers[index].inputs)),
        }
    }

    /// The zeroed gradient with respect to the output, to be filled before [`Network::backward`]:
    /// `rows` rows, each with its padding.
    pub(super) fn output_gradient<'a>(
        &self,
        rows: usize,
        backward: &'a mut Backward,
    ) -> std::slice::ChunksExactMut<'a, f32> {
        backward.deltas.resize_with(self.layers.len() + 1, Buffer::default);
        let width = self.output_width();
        let delta = &mut backward.deltas[self.layers.len()];
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
        let rows = input.len() / self.inputs;
        let Backward { maps, deltas, scratch } = backward;
        if self.head == Head::Dueling {
            // dL/dV = Σ_a dL/dQ(a), dL/dAdv(a) = dL/dQ(a) − mean_a dL/dQ(a)
            let actions = self.outputs();
            for row in deltas[self.layers.len()].chunks_exact_mut(self.output_width()) {
                let sum = row[..actions].iter().sum::<f32>();
                row[..actions].iter_mut().for_each(|gradient| *gradient -= sum / actions as f32);
                row[actions] = sum;
            }
        }
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let (below, rest) = deltas.split_at_mut(index + 1);
            let delta = &mut rest[0];
            debug_assert_eq!(delta.len(), rows * layer.width);
            if let Some((norm, normalized)) = self.norms.get(index).zip(activations.normalized.get(index)) {
                norm.backward(&self.parameters, normalized, delta, gradient);
            }
            // dL/dW = xᵀ · delta, dL/db = Σ_rows delta
            let (data, stride) = self.layer_input(index, input, &activations.outputs);
            let (weight, bias) = layer.gradients(gradient);
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
            // dL/dx = (delta · Wᵀ) where the ReLU below was open; nobody asks for the observation's.
            if index == 0 && self.encoder.is_none() {
                break;
            }
            let width = padded(layer.inputs);
            let (below, transposed) = (&mut below[index], &mut scratch.transposed);
            below.resize(rows * width);
            transposed.resize(layer.outputs * width);
            transpose(layer.weights(&self.parameters), layer.inputs, layer.outputs, transposed);
            Product {
                left: Left::Rows { data: delta, stride: layer.width },
                right: transposed,
                rows,
                inner: layer.outputs,
                width,
                finish: Finish::Mask(data),
                out: below,
            }
            .run();
        }
        if let Some(encoder) = &self.encoder {
            let passed = (&activations.maps, &deltas[0][..]);
            encoder.backward(&self.parameters, input, passed, maps, scratch, gradient);
        }
    }
}
