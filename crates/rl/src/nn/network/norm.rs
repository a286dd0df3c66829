//! Layer normalization (Ba et al. 2016), as PyTorch's `nn.LayerNorm`, and the ReLU after it, if there is one:
//! `y = max(w · x̂ + b, floor)` with `x̂ = (x − mean) / √(variance + 1e-5)` over the entries of a row.

use pulp::Arch;

use crate::nn::buffer::{Buffer, LANES, padded};

const EPSILON: f32 = 1e-5;

/// Position of the weights and biases of one normalized layer in the flat parameters, `[width]` each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::nn) struct Norm {
    pub(in crate::nn) outputs: usize,
    pub(in crate::nn) width: usize,
    pub(in crate::nn) weight: usize,
    pub(in crate::nn) bias: usize,
}

/// Values saved by the forward pass for the backward pass.
#[derive(Debug, Clone, Default)]
pub(in crate::nn) struct Normalized {
    /// `[rows, width]`: the layer's sums `x` before, `x̂` after.
    pub(in crate::nn) values: Buffer,
    /// `[rows]`: `1 / √(variance + 1e-5)`.
    scales: Vec<f32>,
}

impl Norm {
    /// Its parameters start at `end`, the end of the parameters so far.
    pub(in crate::nn) fn new(outputs: usize, end: &mut usize) -> Self {
        let (weight, width) = (*end, padded(outputs));
        *end = weight + 2 * width;
        Self { outputs, width, weight, bias: weight + width }
    }

    /// Normalizes the sums in `normalized` and fills `out`, `[rows, width]`, with nothing below `floor`: 0 for a
    /// ReLU, −∞ for none.
    pub(in crate::nn) fn forward(
        &self,
        parameters: &[f32],
        normalized: &mut Normalized,
        floor: f32,
        out: &mut [f32],
    ) {
        let Normalized { values, scales } = normalized;
        let (weights, biases) = parameters[self.weight..self.bias + self.width].split_at(self.width);
        scales.clear();
        let rows = values.chunks_exact_mut(self.width).zip(out.chunks_exact_mut(self.width));
        // Consuming a captured value makes it an `FnOnce` closure, which is reliably inlined.
        Arch::new().dispatch(
            #[inline(always)]
            || {
                let share = 1.0 / self.outputs as f32;
                for (x, y) in rows {
                    // The padding stays 0.
                    let x = &mut x[..self.outputs];
                    let mean = share * sum(x, x, |x, _| x);
                    let variance = share * sum(x, x, |x, _| (x - mean) * (x - mean));
                    let scale = 1.0 / (variance + EPSILON).sqrt();
                    scales.push(scale);
                    let (y, padding) = y.split_at_mut(self.outputs);
                    padding.fill(0.0);
                    for ((y, x), (weight, bias)) in y.iter_mut().zip(x).zip(weights.iter().zip(biases)) {
                        *x = scale * (*x - mean);
                        *y = (weight * *x + bias).max(floor);
                    }
                }
            },
        );
    }

    /// Turns `delta`, the gradient with respect to `w · x̂ + b`, into that with respect to `x`: `(g − mean(g)
    /// − x̂ · mean(g · x̂)) / √(variance + 1e-5)` with `g = w · delta`; fills its part of `gradient` with
    /// `dL/dw = Σ_rows delta · x̂` and `dL/db = Σ_rows delta`. The first `skip` rows of the forward pass are left out.
    pub(in crate::nn) fn backward(
        &self,
        parameters: &[f32],
        normalized: &Normalized,
        skip: usize,
        delta: &mut [f32],
        gradient: &mut [f32],
    ) {
        let weights = &parameters[self.weight..self.bias];
        let gradients = &mut gradient[self.weight..self.bias + self.width];
        gradients.fill(0.0);
        let (weight_gradients, bias_gradients) = gradients.split_at_mut(self.width);
        let rows = normalized.values.chunks_exact(self.width).zip(&normalized.scales).skip(skip);
        let rows = rows.zip(delta.chunks_exact_mut(self.width));
        Arch::new().dispatch(
            #[inline(always)]
            || {
                let share = 1.0 / self.outputs as f32;
                for ((x, scale), delta) in rows {
                    let (x, delta) = (&x[..self.outputs], &mut delta[..self.outputs]);
                    let sums = weight_gradients.iter_mut().zip(bias_gradients.iter_mut());
                    for (((delta, x), weight), (of_weight, of_bias)) in
                        delta.iter_mut().zip(x).zip(weights).zip(sums)
                    {
                        *of_weight += *delta * x;
                        *of_bias += *delta;
                        *delta *= weight;
                    }
                    let mean = share * sum(delta, x, |g, _| g);
                    let slope = share * sum(delta, x, |g, x| g * x);
                    for (delta, x) in delta.iter_mut().zip(x) {
                        *delta = scale * (*delta - mean - x * slope);
                    }
                }
            },
        );
    }
}

/// `Σ of(a, b)` in lanes, so that it vectorizes.
#[inline(always)]
fn sum(a: &[f32], b: &[f32], of: impl Fn(f32, f32) -> f32) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += of(*a, *b);
        }
    }
    for ((sum, a), b) in sums.iter_mut().zip(a_rest).zip(b_rest) {
        *sum += of(*a, *b);
    }
    for half in [8, 4, 2, 1] {
        let (low, high) = sums.split_at_mut(half);
        low.iter_mut().zip(high).for_each(|(low, high)| *low += *high);
    }
    sums[0]
}
