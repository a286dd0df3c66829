//! Layer normalization (Ba et al. 2016), as PyTorch's `nn.LayerNorm`, and the ReLU after it, if there is one:
//! `y = max(w · x̂ + b, floor)` with `x̂ = (x − mean) / √(variance + 1e-5)` over the entries of a row.

use pulp::{Arch, Simd, WithSimd, bytemuck};

use crate::nn::buffer::{Buffer, padded};
use crate::nn::lanes::{Lanes, each, total};

const EPSILON: f32 = 1e-5;

/// Rows that are summed side by side.
const ROWS: usize = 4;

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

    /// Normalizes `sums`, `[rows, width]`, or, if `None`, the values already in `normalized`, and fills `out`, `[rows,
    /// width]`, with nothing below `floor`: 0 for a ReLU, −∞ for none.
    pub(in crate::nn) fn forward(
        &self,
        parameters: &[f32],
        sums: Option<&[f32]>,
        normalized: &mut Normalized,
        floor: f32,
        out: &mut [f32],
    ) {
        let Normalized { values, scales } = normalized;
        if let Some(sums) = sums {
            values.resize(sums.len());
        }
        let (weights, biases) = parameters[self.weight..self.bias + self.width].split_at(self.width);
        scales.clear();
        scales.resize(values.len() / self.width, 0.0);
        Arch::new().dispatch(Forward {
            outputs: self.outputs,
            weights,
            biases,
            floor,
            sums,
            values,
            scales,
            out,
        });
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
        let (of_weights, of_biases) = gradients.split_at_mut(self.width);
        Arch::new().dispatch(Backward {
            outputs: self.outputs,
            weights,
            values: &normalized.values[skip * self.width..],
            scales: &normalized.scales[skip..],
            delta,
            gradients: [of_weights, of_biases],
        });
    }
}

/// The forward pass of all rows.
struct Forward<'a> {
    outputs: usize,
    weights: &'a [f32],
    biases: &'a [f32],
    floor: f32,
    /// `[rows, width]`, unless they are in `values`.
    sums: Option<&'a [f32]>,
    /// `[rows, width]`.
    values: &'a mut [f32],
    /// `[rows]`.
    scales: &'a mut [f32],
    /// `[rows, width]`.
    out: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (rows, whole) = (self.scales.len(), self.scales.len() / ROWS * ROWS);
        for first in (0..whole).step_by(ROWS) {
            self.rows::<S, ROWS>(simd, first);
        }
        for first in whole..rows {
            self.rows::<S, 1>(simd, first);
        }
    }
}

impl Forward<'_> {
    /// Rows `first..first + R`.
    #[inline(always)]
    fn rows<S: Simd, const R: usize>(&mut self, simd: S, first: usize) {
        let width = self.weights.len();
        let (vectors, at) = (width / S::F32_LANES, first * width..(first + R) * width);
        let share = simd.splat_f32s(1.0 / self.outputs as f32);
        let values = &mut self.values[at.clone()];
        if let Some(sums) = self.sums {
            values.copy_from_slice(&sums[at.clone()]);
        }
        let values = S::as_mut_simd_f32s(values).0;
        let totals = sums::<S, R>(
            simd,
            vectors,
            #[inline(always)]
            |row, place| values[row * vectors + place],
        );
        for (row, total) in values.chunks_exact_mut(vectors).zip(totals) {
            let mean = simd.mul_f32s(share, total);
            for value in row {
                *value = simd.sub_f32s(*value, mean);
            }
        }
        for row in self.values[at.clone()].chunks_exact_mut(width) {
            // The padding stays 0.
            row[self.outputs..].fill(0.0);
        }
        let values = S::as_mut_simd_f32s(&mut self.values[at.clone()]).0;
        let squares = sums::<S, R>(
            simd,
            vectors,
            #[inline(always)]
            |row, place| simd.mul_f32s(values[row * vectors + place], values[row * vectors + place]),
        );
        let (weights, biases) = (S::as_simd_f32s(self.weights).0, S::as_simd_f32s(self.biases).0);
        let out = S::as_mut_simd_f32s(&mut self.out[at]).0;
        let (one, floor) = (simd.splat_f32s(1.0), simd.splat_f32s(self.floor));
        let rows = values.chunks_exact_mut(vectors).zip(out.chunks_exact_mut(vectors)).zip(squares);
        for (((values, out), squares), kept) in rows.zip(&mut self.scales[first..]) {
            let variance = simd.mul_add_e_f32s(share, squares, simd.splat_f32s(EPSILON));
            let scale = simd.div_f32s(one, simd.sqrt_f32s(variance));
            *kept = bytemuck::cast_slice(&[scale])[0];
            for ((value, out), (weight, bias)) in values.iter_mut().zip(out).zip(weights.iter().zip(biases)) {
                *value = simd.mul_f32s(scale, *value);
                *out = simd.max_f32s(simd.mul_add_e_f32s(*weight, *value, *bias), floor);
            }
        }
    }
}

/// The backward pass of all rows.
struct Backward<'a> {
    outputs: usize,
    weights: &'a [f32],
    /// `[rows, width]`.
    values: &'a [f32],
    /// `[rows]`.
    scales: &'a [f32],
    /// `[rows, width]`.
    delta: &'a mut [f32],
    /// `[width]` each: of weights and biases.
    gradients: [&'a mut [f32]; 2],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let rows = self.delta.len() / self.weights.len();
        let whole = rows / ROWS * ROWS;
        for first in (0..whole).step_by(ROWS) {
            self.rows::<S, ROWS>(simd, first);
        }
        for first in whole..rows {
            self.rows::<S, 1>(simd, first);
        }
    }
}

impl Backward<'_> {
    /// Rows `first..first + R`; the padding stays 0.
    #[inline(always)]
    fn rows<S: Simd, const R: usize>(&mut self, simd: S, first: usize) {
        let width = self.weights.len();
        let (vectors, at) = (width / S::F32_LANES, first * width..(first + R) * width);
        let share = simd.splat_f32s(1.0 / self.outputs as f32);
        let values = S::as_simd_f32s(&self.values[at.clone()]).0;
        let delta = S::as_mut_simd_f32s(&mut self.delta[at]).0;
        let weights = S::as_simd_f32s(self.weights).0;
        let [of_weights, of_biases] = &mut self.gradients;
        let sums_of = S::as_mut_simd_f32s(of_weights).0.iter_mut().zip(S::as_mut_simd_f32s(of_biases).0);
        for (place, ((of_weight, of_bias), weight)) in sums_of.zip(weights).enumerate() {
            for row in 0..R {
                let delta = &mut delta[row * vectors + place];
                *of_weight = simd.mul_add_e_f32s(*delta, values[row * vectors + place], *of_weight);
                *of_bias = simd.add_f32s(*of_bias, *delta);
                *delta = simd.mul_f32s(*delta, *weight);
            }
        }
        let mean = sums::<S, R>(
            simd,
            vectors,
            #[inline(always)]
            |row, place| delta[row * vectors + place],
        );
        let slope = sums::<S, R>(
            simd,
            vectors,
            #[inline(always)]
            |row, place| simd.mul_f32s(delta[row * vectors + place], values[row * vectors + place]),
        );
        let rows = delta.chunks_exact_mut(vectors).zip(values.chunks_exact(vectors));
        for (row, (delta, values)) in rows.enumerate() {
            let (mean, slope) = (simd.mul_f32s(share, mean[row]), simd.mul_f32s(share, slope[row]));
            let scale = simd.splat_f32s(self.scales[first + row]);
            for (delta, value) in delta.iter_mut().zip(values) {
                let centered = simd.sub_f32s(*delta, mean);
                *delta = simd.mul_f32s(scale, simd.negate_mul_add_e_f32s(*value, slope, centered));
            }
        }
        for row in self.delta[first * width..(first + R) * width].chunks_exact_mut(width) {
            row[self.outputs..].fill(0.0);
        }
    }
}

/// Sums `of(row, register)` over the `vectors` registers of each of `R` rows, in every lane. Rows go side by side: one
/// after the other, each would wait for its lanes to be added up.
#[inline(always)]
fn sums<S: Simd, const R: usize>(
    simd: S,
    vectors: usize,
    of: impl Fn(usize, usize) -> S::f32s,
) -> [S::f32s; R] {
    let mut sums: [Lanes<S>; R] = [[simd.splat_f32s(0.0); 2]; R];
    for first in (0..vectors).step_by(each::<S>()) {
        for (row, sums) in sums.iter_mut().enumerate() {
            for (lane, sum) in sums[..each::<S>()].iter_mut().enumerate() {
                *sum = simd.add_f32s(*sum, of(row, first + lane));
            }
        }
    }
    let mut totals = [simd.splat_f32s(0.0); R];
    for (to, sums) in totals.iter_mut().zip(sums) {
        *to = total(simd, sums);
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of 5 entries, by the definition, in rows of 16 floats whose padding stays zero in both directions.
    #[test]
    fn padding_takes_no_part() {
        let (mut end, outputs, rows) = (0, 5, 6);
        let norm = Norm::new(outputs, &mut end);
        let value = |i: usize| (i as f32 * 0.731).sin();
        let padded_rows = |offset: usize| -> Vec<f32> {
            let place = |i: usize| if i % 16 < outputs { value(i + offset) } else { 0.0 };
            (0..rows * 16).map(place).collect()
        };
        let parameters: Vec<f32> =
            (0..end).map(|i| if i % 16 < outputs { value(i + 9) } else { 0.0 }).collect();
        let input = padded_rows(1);
        let mut normalized = Normalized::default();
        let mut out = Buffer::zeros(input.len());
        norm.forward(&parameters, Some(&input), &mut normalized, f32::NEG_INFINITY, &mut out);
        let delta = padded_rows(40);
        let (mut back, mut gradient) = (Buffer::zeros(delta.len()), vec![0.0; end]);
        back.copy_from_slice(&delta);
        norm.backward(&parameters, &normalized, 0, &mut back, &mut gradient);
        let near = |found: f32, expected: f32| {
            assert!((found - expected).abs() < 1e-5, "{found}, not {expected}");
        };
        for row in 0..rows {
            let at = |j: usize| row * 16 + j;
            let of = |f: &dyn Fn(usize) -> f32| (0..outputs).map(f).sum::<f32>() / outputs as f32;
            let mean = of(&|j| input[at(j)]);
            let scale = 1.0 / (of(&|j| (input[at(j)] - mean).powi(2)) + EPSILON).sqrt();
            let unit = |j: usize| scale * (input[at(j)] - mean);
            let weighted = |j: usize| parameters[j] * delta[at(j)];
            let (shift, slope) = (of(&weighted), of(&|j| weighted(j) * unit(j)));
            for j in 0..outputs {
                near(out[at(j)], parameters[j] * unit(j) + parameters[16 + j]);
                near(back[at(j)], scale * (weighted(j) - shift - unit(j) * slope));
            }
            assert!((outputs..16).all(|j| out[at(j)] == 0.0 && back[at(j)] == 0.0), "row {row}");
        }
    }
}
