//! How fast one thread of this machine multiplies matrices: with everything in registers, and in the products that a
//! gradient step is made of.

use std::hint::black_box;
use std::time::Instant;

use pulp::{Arch, Simd, WithSimd};

use super::buffer::{Buffer, LANES, padded, transpose};
use super::kernel::{Finish, Left, Product};

/// The products of a dense layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerProduct {
    /// `max(x · W + b, 0)`.
    Forward,
    /// `dL/dW = xᵀ · delta`.
    Weights,
    /// `dL/dx = delta · Wᵀ`, the transposition of `W` included.
    Inputs,
}

/// Independent chains of multiply-adds: two a cycle of four cycles' latency, twice.
const CHAINS: usize = 16;

/// Multiply-adds in registers alone, as many in each of [`CHAINS`].
struct Registers<'a> {
    numbers: &'a mut [f32; LANES],
    each: usize,
}

impl WithSimd for Registers<'_> {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> usize {
        let [factor, other] = [0, 1].map(|index| simd.splat_f32s(self.numbers[index]));
        let mut sums = [simd.splat_f32s(0.0); CHAINS];
        for _ in 0..self.each {
            for sum in &mut sums {
                *sum = simd.mul_add_e_f32s(factor, other, *sum);
            }
        }
        let total = sums.into_iter().fold(simd.splat_f32s(0.0), |total, sum| simd.add_f32s(total, sum));
        self.numbers[0] = simd.reduce_sum_f32s(total).min(1.0);
        S::F32_LANES
    }
}

/// Floating-point operations per second in registers alone: what no product can exceed. Measured for about `seconds`, the
/// best of many short stretches, since other programs only slow it down.
pub fn peak(seconds: f64) -> f64 {
    let mut numbers = [0.5f32; LANES];
    let each = 20_000;
    best(seconds, || {
        let lanes = Arch::new().dispatch(Registers { numbers: black_box(&mut numbers), each });
        2 * CHAINS * each * lanes
    })
}

/// The same in `product` of a layer of `inputs` and `outputs` for `rows` rows, on one thread. Padding counts as work that
/// is not done.
pub fn product(product: LayerProduct, rows: usize, inputs: usize, outputs: usize, seconds: f64) -> f64 {
    let (below, width) = (padded(inputs), padded(outputs));
    let filled = |len: usize| {
        let mut buffer = Buffer::zeros(len);
        buffer.iter_mut().enumerate().for_each(|(index, value)| *value = ((index * 7919) % 23) as f32 - 11.0);
        buffer
    };
    let (x, delta) = (filled(rows * below), filled(rows * width));
    // As many rows as a transposition reads.
    let (weights, bias) = (filled(below * width), filled(width));
    let mut transposed = Buffer::zeros(outputs * below);
    let mut out = Buffer::zeros((rows * width).max(inputs * width).max(rows * below));
    best(seconds, || {
        let operations = match product {
            LayerProduct::Forward => Product {
                left: Left::Rows { data: &x, stride: below },
                right: &weights[..inputs * width],
                rows,
                inner: inputs,
                width,
                finish: Finish::BiasRelu(&bias),
                out: &mut out[..rows * width],
            },
            LayerProduct::Weights => Product {
                left: Left::Columns { data: &x, stride: below },
                right: &delta,
                rows: inputs,
                inner: rows,
                width,
                finish: Finish::Store,
                out: &mut out[..inputs * width],
            },
            LayerProduct::Inputs => {
                transpose(&weights[..inputs * width], inputs, outputs, &mut transposed);
                Product {
                    left: Left::Rows { data: &delta, stride: width },
                    right: &transposed,
                    rows,
                    inner: outputs,
                    width: below,
                    finish: Finish::Mask(&x),
                    out: &mut out[..rows * below],
                }
            }
        };
        operations.run();
        2 * rows * inputs * outputs
    })
}

/// Operations per second of the best of many stretches within `seconds`; `work` returns how many it has done.
fn best(seconds: f64, mut work: impl FnMut() -> usize) -> f64 {
    let (start, mut best) = (Instant::now(), 0.0f64);
    while start.elapsed().as_secs_f64() < seconds {
        let (begun, mut operations) = (Instant::now(), 0);
        for _ in 0..4 {
            operations += black_box(work());
        }
        best = best.max(operations as f64 / begun.elapsed().as_secs_f64());
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_of_any_layer_is_measured() {
        for (rows, inputs, outputs) in [(1, 1, 1), (5, 17, 3), (64, 8, 33)] {
            for own in [LayerProduct::Forward, LayerProduct::Weights, LayerProduct::Inputs] {
                let speed = product(own, rows, inputs, outputs, 0.001);
                assert!(speed.is_finite() && speed > 0.0, "{own:?} {rows} {inputs} {outputs}");
            }
        }
        assert!(peak(0.001).is_finite());
    }
}
