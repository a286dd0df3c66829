//! The backward pass of a network: gradients of the dense layers, then of the encoder.

use std::ops::Range;

use super::conv::Scratch;
use super::linear::Linear;
use super::{Activations, Network};
use crate::nn::Head;
use crate::nn::buffer::{Buffer, column_sums, padded, transpose};
use crate::nn::kernel::{Finish, Left, Product};

/// Gradients with respect to the activations, and buffers to compute them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backward {
    maps: Vec<Buffer>,
    /// Like [`Activations::outputs`].
    deltas: Vec<Buffer>,
    scratch: Scratch,
    /// Gradients that nobody needs.
    unneeded: Buffer,
}

impl Network {
    /// The zeroed gradient with respect to the output, to be filled before [`Network::backward`]:
    /// `rows` rows, each with its padding.
    pub(crate) fn output_gradient<'a>(
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
    pub(crate) fn backward(
        &self,
        input: &[f32],
        activations: &Activations,
        backward: &mut Backward,
        gradient: &mut [f32],
    ) {
        self.propagate(input, activations, backward, gradient, false);
    }

    /// The same for [`Network::dense`], and the gradient with respect to `input`, `[rows, inputs]`.
    pub(in crate::nn) fn backward_to_input<'a>(
        &self,
        input: &[f32],
        activations: &Activations,
        backward: &'a mut Backward,
        gradient: &mut [f32],
    ) -> &'a [f32] {
        debug_assert!(self.encoder.is_none() && self.inputs == padded(self.inputs));
        self.propagate(input, activations, backward, gradient, true);
        &backward.deltas[0]
    }

    /// Replaces `slopes`, `[rows, entries]`, by the gradient with respect to those saved entries of the first dense
    /// layer's input; parameters are constant. `activations` are those of the last forward pass, `backward` holds the
    /// output's gradient. For linear heads.
    pub(crate) fn input_gradient(
        &self,
        activations: &Activations,
        backward: &mut Backward,
        entries: Range<usize>,
        slopes: &mut Vec<f32>,
    ) {
        debug_assert!(self.head == Head::Linear);
        let Backward { deltas, scratch, unneeded, .. } = backward;
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let (below, rest) = deltas.split_at_mut(index + 1);
            let delta = &mut rest[0];
            if let Some((norm, normalized)) = self.norms.get(index).zip(activations.normalized.get(index)) {
                unneeded.resize(self.size);
                norm.backward(&self.parameters, normalized, 0, delta, unneeded);
            }
            if index > 0 {
                self.step_down(
                    layer,
                    delta,
                    Finish::Mask(&activations.outputs[index]),
                    &mut below[index],
                    scratch,
                );
                continue;
            }
            // dL/dx_j = Σ_k delta_k · W_jk, of a few entries j.
            let (rows, width) = (delta.len() / layer.width, padded(entries.len()));
            let (weights, transposed) = (layer.weights(&self.parameters), &mut scratch.transposed);
            transposed.resize(layer.outputs * width);
            transposed.fill(0.0);
            for (entry, row) in layer.rows[entries.clone()].iter().enumerate() {
                let weights = &weights[*row as usize * layer.width..][..layer.outputs];
                let column = transposed[entry..].iter_mut().step_by(width);
                column.zip(weights).for_each(|(to, weight)| *to = *weight);
            }
            let made = &mut below[0];
            made.resize(rows * width);
            Product {
                left: Left::Rows { data: delta, stride: layer.width },
                right: transposed,
                rows,
                inner: layer.outputs,
                width,
                finish: Finish::Store,
                out: made,
            }
            .run();
            slopes.clear();
            slopes.extend(made.chunks_exact(width).flat_map(|row| &row[..entries.len()]));
        }
    }

    /// `dL/dx = delta · Wᵀ` of one layer.
    fn step_down(
        &self,
        layer: &Linear,
        delta: &[f32],
        finish: Finish<'_>,
        below: &mut Buffer,
        scratch: &mut Scratch,
    ) {
        let (rows, width) = (delta.len() / layer.width, padded(layer.inputs));
        let transposed = &mut scratch.transposed;
        below.resize(rows * width);
        transposed.resize(layer.outputs * width);
        transpose(layer.weights(&self.parameters), layer.inputs, layer.outputs, transposed);
        Product {
            left: Left::Rows { data: delta, stride: layer.width },
            right: transposed,
            rows,
            inner: layer.outputs,
            width,
            finish,
            out: below,
        }
        .run();
    }

    fn propagate(
        &self,
        input: &[f32],
        activations: &Activations,
        backward: &mut Backward,
        gradient: &mut [f32],
        to_input: bool,
    ) {
        let rows = input.len() / self.inputs;
        let Backward { maps, deltas, scratch, .. } = backward;
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
                norm.backward(&self.parameters, normalized, 0, delta, gradient);
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
            // dL/dx = (delta · Wᵀ) where the ReLU below was open; the observation's is not needed.
            let first = index == 0 && self.encoder.is_none();
            if first && !to_input {
                break;
            }
            let finish = if first { Finish::Store } else { Finish::Mask(data) };
            self.step_down(layer, delta, finish, &mut below[index], scratch);
        }
        if let Some(encoder) = &self.encoder {
            let passed = (&activations.maps, &deltas[0][..]);
            encoder.backward(&self.parameters, input, passed, maps, scratch, gradient);
        }
        self.keep_shared(gradient);
    }
}
