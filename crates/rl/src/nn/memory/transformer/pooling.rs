//! Pooling of the cells of a moment by a learned query, head by head: `f[h] = Σ_u softmax_u(pool[h] · y_u[h] / √w)
//! · y_u[h]`.

use pulp::Arch;

use super::Transformer;
use crate::nn::memory::fast::exp;

/// Softmax weights of a forward pass.
#[derive(Debug, Clone, Default)]
pub(super) struct Pooling {
    /// `[M · B, heads, cells]`.
    weights: Vec<f32>,
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Pooling {
    /// Writes the features of all moments in `y`.
    pub(super) fn forward(&mut self, of: &Transformer, pool: &[f32], y: &[f32], features: &mut [f32]) {
        let (cells, padded, width) = (of.tokens.cells(), of.padded, of.width / of.heads);
        let scale = 1.0 / (width as f32).sqrt();
        features.fill(0.0);
        self.weights.clear();
        let weights = &mut self.weights;
        let rows = y.chunks_exact(cells * padded).zip(features.chunks_exact_mut(padded));
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (y, features) in rows {
                    for head in 0..of.heads {
                        let (slice, start) = (head * width..(head + 1) * width, weights.len());
                        let scores = y.chunks_exact(padded);
                        weights.extend(scores.map(|y| scale * dot(&pool[slice.clone()], &y[slice.clone()])));
                        let weights = &mut weights[start..];
                        let largest = weights.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                        weights.iter_mut().for_each(|weight| *weight = exp(*weight - largest));
                        let share = 1.0 / weights.iter().sum::<f32>();
                        for (weight, y) in weights.iter_mut().zip(y.chunks_exact(padded)) {
                            *weight *= share;
                            let values = features[slice.clone()].iter_mut().zip(&y[slice.clone()]);
                            values.for_each(|(sum, y)| *sum += *weight * y);
                        }
                    }
                }
            },
        );
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
        let rows = rows.zip(features.chunks_exact(padded)).zip(self.weights.chunks_exact(of.heads * cells));
        let mut slopes = vec![0.0; cells];
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (((y, delta), features), weights) in rows {
                    for (head, weights) in weights.chunks_exact(cells).enumerate() {
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
