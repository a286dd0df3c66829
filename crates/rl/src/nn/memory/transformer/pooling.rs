//! Pooling of the cells of a moment by a learned query, head by head: `f[h] = Σ_u softmax_u(pool[h] · y_u[h] / √w)
//! · y_u[h]`.

use pulp::{Arch, Simd, WithSimd};

use super::Transformer;
use super::attention::Heads;
use super::blocks::softmax;
use crate::nn::buffer::{Buffer, padded};

/// Softmax weights of a forward pass.
#[derive(Debug, Clone, Default)]
pub(super) struct Pooling {
    /// `[M · B, heads, padded cells]`.
    weights: Buffer,
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Pooling {
    /// Writes the features of all moments in `y`.
    pub(super) fn forward(&mut self, of: &Transformer, pool: &[f32], y: &[f32], features: &mut [f32]) {
        let (cells, heads) = (of.tokens.cells(), of.sizes());
        self.weights.resize(features.len() / heads.padded * of.heads * padded(cells));
        let weights = &mut self.weights;
        Arch::new().dispatch(Pool { cells, heads, count: of.heads, pool, y, features, weights });
    }

    /// `[cells]`: weights for the first row of the last pass, the mean over heads.
    pub(super) fn mean_weights(&self, heads: usize, cells: usize) -> Vec<f32> {
        let stride = padded(cells);
        let of_cell = |cell| self.weights[cell..heads * stride].iter().step_by(stride).sum::<f32>();
        (0..cells).map(|cell| of_cell(cell) / heads as f32).collect()
    }

    /// Writes the gradient with respect to `y` to `delta` and fills that of the query; `features` is the gradient of
    /// the features.
    pub(super) fn backward(
        &self,
        of: &Transformer,
        pool: &[f32],
        y: &[f32],
        features: &[f32],
        delta: &mut [f32],
        of_pool: &mut [f32],
    ) {
        let (cells, padded, width) = (of.tokens.cells(), of.padded, of.width / of.heads);
        let scale = 1.0 / (width as f32).sqrt();
        delta.fill(0.0);
        of_pool.fill(0.0);
        let rows = y.chunks_exact(cells * padded).zip(delta.chunks_exact_mut(cells * padded));
        let stride = crate::nn::buffer::padded(cells);
        let rows = rows.zip(features.chunks_exact(padded)).zip(self.weights.chunks_exact(of.heads * stride));
        let mut slopes = vec![0.0; cells];
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (((y, delta), features), weights) in rows {
                    for (head, weights) in weights.chunks_exact(stride).enumerate() {
                        let slice = head * width..(head + 1) * width;
                        let passed = &features[slice.clone()];
                        let mut mean = 0.0;
                        for ((slope, weight), y) in slopes.iter_mut().zip(weights).zip(y.chunks_exact(padded))
                        {
                            *slope = dot(passed, &y[slice.clone()]);
                            mean += weight * *slope;
                        }
                        let cells = y.chunks_exact(padded).zip(delta.chunks_exact_mut(padded));
                        for (((y, delta), weight), slope) in cells.zip(weights).zip(&slopes) {
                            let slope = scale * weight * (slope - mean);
                            for j in slice.clone() {
                                delta[j] += weight * features[j] + slope * pool[j];
                                of_pool[j] += slope * y[j];
                            }
                        }
                    }
                }
            },
        );
    }
}

/// The forward pass.
struct Pool<'a> {
    cells: usize,
    heads: Heads,
    /// Number of heads.
    count: usize,
    pool: &'a [f32],
    y: &'a [f32],
    features: &'a mut [f32],
    weights: &'a mut [f32],
}

impl WithSimd for Pool<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { cells, heads, count, pool, y, features, weights } = self;
        let Heads { padded: stride, width } = heads;
        let scale = 1.0 / (width as f32).sqrt();
        features.fill(0.0);
        let rows = y.chunks_exact(cells * stride).zip(features.chunks_exact_mut(stride));
        for ((y, features), weights) in rows.zip(weights.chunks_exact_mut(count * padded(cells))) {
            for (head, weights) in weights.chunks_exact_mut(padded(cells)).enumerate() {
                let slice = head * width..(head + 1) * width;
                weights.fill(f32::NEG_INFINITY);
                for (weight, y) in weights.iter_mut().zip(y.chunks_exact(stride)) {
                    *weight = scale * dot(&pool[slice.clone()], &y[slice.clone()]);
                }
                let scores = S::as_mut_simd_f32s(weights).0;
                let count = scores.len();
                softmax::<S, 1>(simd, scores, count, 0..count);
                for (weight, y) in weights.iter().zip(y.chunks_exact(stride)) {
                    let values = features[slice.clone()].iter_mut().zip(&y[slice.clone()]);
                    values.for_each(|(sum, y)| *sum += weight * y);
                }
            }
        }
    }
}
