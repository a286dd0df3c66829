//! One matrix product for small networks, with bias, ReLU or ReLU mask fused in. `network` composes the
//! products, `buffer` provides their memory.
//!
//! Written on `pulp`, which picks AVX-512, AVX2 or plain code when the program starts. Every output
//! element is one chain of multiply-adds in the order of the inner index, so its bits depend neither
//! on the number of rows computed with it nor on the number of threads. With AVX2 and AVX-512 the
//! multiply-adds are fused and the bits the same; plain code rounds twice and differs in the last ones.

use pulp::{Arch, Simd, WithSimd};

use super::buffer::LANES;

/// Multiply-adds below which a product is not worth splitting between two threads (about 15 µs).
const SPLIT: usize = 1 << 22;

/// Rows that pass all columns before the next ones do: their outputs are written while still in the cache.
const ROWS: usize = 64;

/// Rows of one register tile where 32 vector registers exist; products are split at multiples of it.
const TILE_ROWS: usize = 8;

/// Memory layout of the left factor `A` of a product, `[rows, inner]`.
#[derive(Clone, Copy)]
pub(crate) enum Left<'a> {
    /// `A[i, p] = data[i · stride + p]`.
    Rows { data: &'a [f32], stride: usize },
    /// `A[i, p] = data[p · stride + i]`: the stored matrix transposed.
    Columns { data: &'a [f32], stride: usize },
}

/// Operation on an element before it is stored.
#[derive(Clone, Copy)]
pub(crate) enum Finish<'a> {
    /// Nothing.
    Store,
    /// Added to the content of `out`.
    Add,
    /// Starts from the content of `out`: continues the chain of an earlier product.
    Continue,
    /// Starts from `bias[j]`, `[width]`.
    Bias(&'a [f32]),
    /// Starts from `bias[j]`, then `max(·, 0)`.
    BiasRelu(&'a [f32]),
    /// Set to 0 where the activation at the same position, `[rows, width]`, is not positive.
    Mask(&'a [f32]),
}

/// `out = finish(left · right)`: `left` is `[rows, inner]`, `right` is `[inner, width]`, `out` is
/// `[rows, width]`, both row-major without gaps; `width` is a multiple of the padding.
pub(crate) struct Product<'a> {
    pub(crate) left: Left<'a>,
    pub(crate) right: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) inner: usize,
    pub(crate) width: usize,
    pub(crate) finish: Finish<'a>,
    pub(crate) out: &'a mut [f32],
}

impl Product<'_> {
    /// Computes the product, on several threads if it is large and the caller is in a rayon pool.
    pub(crate) fn run(self) {
        debug_assert_eq!(self.width % LANES, 0);
        debug_assert_eq!(self.right.len(), self.inner * self.width);
        debug_assert_eq!(self.out.len(), self.rows * self.width);
        let large = self.rows * self.inner * self.width >= 2 * SPLIT && self.rows >= 2 * TILE_ROWS;
        if !(large && threads_available()) {
            return Arch::new().dispatch(self);
        }
        let Self { left, right, rows, inner, width, finish, out } = self;
        let upper = (rows / 2).next_multiple_of(TILE_ROWS);
        let (out_upper, out_lower) = out.split_at_mut(upper * width);
        let left_lower = match left {
            Left::Rows { data, stride } => Left::Rows { data: &data[upper * stride..], stride },
            Left::Columns { data, stride } => Left::Columns { data: &data[upper..], stride },
        };
        let finish_lower = match finish {
            Finish::Mask(activations) => Finish::Mask(&activations[upper * width..]),
            other => other,
        };
        let part = |left, rows, finish, out| Product { left, right, rows, inner, width, finish, out };
        rayon::join(
            || part(left, upper, finish, out_upper).run(),
            || part(left_lower, rows - upper, finish_lower, out_lower).run(),
        );
    }
}

/// Whether the calling thread belongs to a rayon pool with others to share work with.
pub(crate) fn threads_available() -> bool {
    rayon::current_thread_index().is_some() && rayon::current_num_threads() > 1
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        // 16 accumulators hide the latency of two fused multiply-adds per cycle; with 16 registers, 8 fit.
        for first in (0..self.rows).step_by(ROWS) {
            let rows = self.rows.min(first + ROWS);
            let wide = if S::REGISTER_COUNT >= 32 {
                let wide = first + (rows - first) / TILE_ROWS * TILE_ROWS;
                let column = sweep::<S, TILE_ROWS, 2>(simd, &mut self, first, wide, 0);
                sweep::<S, TILE_ROWS, 1>(simd, &mut self, first, wide, column);
                wide
            } else {
                first
            };
            let four = wide + (rows - wide) / 4 * 4;
            let column = sweep::<S, 4, 2>(simd, &mut self, wide, four, 0);
            sweep::<S, 4, 1>(simd, &mut self, wide, four, column);
            // A single row is parallel over columns only.
            let column = sweep::<S, 1, 8>(simd, &mut self, four, rows, 0);
            let column = sweep::<S, 1, 4>(simd, &mut self, four, rows, column);
            sweep::<S, 1, 1>(simd, &mut self, four, rows, column);
        }
    }
}

/// Computes rows `from..to` in tiles of `R` rows by `N` vectors, from vector `column` on, and returns the
/// first remaining vector. Columns are the outer loop: their strip of `right` stays in the first-level cache
/// while the rows pass.
#[inline(always)]
fn sweep<S: Simd, const R: usize, const N: usize>(
    simd: S,
    product: &mut Product<'_>,
    from: usize,
    to: usize,
    mut column: usize,
) -> usize {
    let vectors = product.width / S::F32_LANES;
    let (right, _) = S::as_simd_f32s(product.right);
    let (out, _) = S::as_mut_simd_f32s(product.out);
    let zero = simd.splat_f32s(0.0);
    while column + N <= vectors {
        let start = match product.finish {
            Finish::Bias(bias) | Finish::BiasRelu(bias) => {
                let (bias, _) = S::as_simd_f32s(bias);
                let bias = &bias[column..column + N];
                std::array::from_fn(|n| bias[n])
            }
            Finish::Store | Finish::Add | Finish::Continue | Finish::Mask(_) => [zero; N],
        };
        let mut row = from;
        while row + R <= to {
            let place = |r: usize| (row + r) * vectors + column;
            let mut start = [start; R];
            if let Finish::Continue = product.finish {
                for (r, start) in start.iter_mut().enumerate() {
                    if let Some(out) = out[place(r)..].first_chunk() {
                        *start = *out;
                    }
                }
            }
            let mut sums = match product.left {
                Left::Rows { data, stride } => {
                    let rows = std::array::from_fn(|r| &data[(row + r) * stride..][..product.inner]);
                    tile_rows::<S, R, N>(simd, rows, right, vectors, column, start)
                }
                Left::Columns { data, stride } => {
                    tile_columns::<S, R, N>(simd, &data[row..], stride, right, vectors, column, start)
                }
            };
            // One loop for each choice: with the choice inside it, the sums would leave their registers.
            match product.finish {
                Finish::Store | Finish::Bias(_) | Finish::Continue => {}
                Finish::Add => {
                    for (r, sums) in sums.iter_mut().enumerate() {
                        if let Some(out) = out[place(r)..].first_chunk::<N>() {
                            for (sum, held) in sums.iter_mut().zip(out) {
                                *sum = simd.add_f32s(*held, *sum);
                            }
                        }
                    }
                }
                Finish::BiasRelu(_) => {
                    for sum in sums.as_flattened_mut() {
                        *sum = simd.max_f32s(*sum, zero);
                    }
                }
                Finish::Mask(activations) => {
                    let (activations, _) = S::as_simd_f32s(activations);
                    for (r, sums) in sums.iter_mut().enumerate() {
                        if let Some(activations) = activations[place(r)..].first_chunk::<N>() {
                            for (sum, activation) in sums.iter_mut().zip(activations) {
                                let positive = simd.greater_than_f32s(*activation, zero);
                                *sum = simd.select_f32s(positive, *sum, zero);
                            }
                        }
                    }
                }
            }
            for (r, sums) in sums.into_iter().enumerate() {
                if let Some(out) = out[place(r)..].first_chunk_mut() {
                    *out = sums;
                }
            }
            row += R;
        }
        column += N;
    }
    column
}

/// One register tile with the left factor's rows contiguous.
#[inline(always)]
pub(in crate::nn) fn tile_rows<S: Simd, const R: usize, const N: usize>(
    simd: S,
    left: [&[f32]; R],
    right: &[S::f32s],
    vectors: usize,
    column: usize,
    start: [[S::f32s; N]; R],
) -> [[S::f32s; N]; R] {
    let mut sums = start;
    let (inner, mut left) = (right.len() / vectors, left);
    // Cut to one length, rows need no check within the loop.
    for left in &mut left {
        *left = &left[..inner];
    }
    for (p, right) in (0..inner).zip(right.chunks_exact(vectors)) {
        let Some(right) = right[column..].first_chunk::<N>() else { break };
        for (sums, left) in sums.iter_mut().zip(left) {
            let factor = simd.splat_f32s(left[p]);
            for (sum, &right) in sums.iter_mut().zip(right) {
                *sum = simd.mul_add_e_f32s(factor, right, *sum);
            }
        }
    }
    sums
}

/// One register tile with the left factor's columns contiguous, `stride` floats apart.
#[inline(always)]
pub(in crate::nn) fn tile_columns<S: Simd, const R: usize, const N: usize>(
    simd: S,
    left: &[f32],
    stride: usize,
    right: &[S::f32s],
    vectors: usize,
    column: usize,
    start: [[S::f32s; N]; R],
) -> [[S::f32s; N]; R] {
    let mut sums = start;
    for (left, right) in left.chunks(stride).zip(right.chunks_exact(vectors)) {
        let Some(right) = right[column..].first_chunk::<N>() else { break };
        let Some(left) = left.first_chunk::<R>() else { break };
        for (sums, &left) in sums.iter_mut().zip(left) {
            let factor = simd.splat_f32s(left);
            for (sum, &right) in sums.iter_mut().zip(right) {
                *sum = simd.mul_add_e_f32s(factor, right, *sum);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::super::buffer::padded;
    use super::*;

    #[test]
    fn product_agrees_with_the_definition_for_every_remainder() {
        for (rows, inner, columns) in
            [(1, 1, 1), (3, 5, 17), (8, 4, 40), (13, 9, 130), (29, 33, 64), (141, 3, 17)]
        {
            let width = padded(columns);
            let value = |i: usize| ((i * 7919) % 23) as f32 - 11.0;
            let left: Vec<f32> = (0..rows * inner).map(value).collect();
            let flipped: Vec<f32> = (0..rows * inner).map(|i| left[(i % rows) * inner + i / rows]).collect();
            let right: Vec<f32> = (0..inner * width).map(|i| value(i + 3)).collect();
            let bias: Vec<f32> = (0..width).map(value).collect();
            let gate: Vec<f32> = (0..rows * width).map(|i| value(i + 5)).collect();
            let plain = |i: usize, j: usize| -> f32 {
                (0..inner).map(|p| left[i * inner + p] * right[p * width + j]).sum()
            };
            let mut out = vec![0.0; rows * width];
            for left in
                [Left::Rows { data: &left, stride: inner }, Left::Columns { data: &flipped, stride: rows }]
            {
                for finish in [
                    Finish::Store,
                    Finish::Add,
                    Finish::Continue,
                    Finish::Bias(&bias),
                    Finish::BiasRelu(&bias),
                    Finish::Mask(&gate),
                ] {
                    out.copy_from_slice(&gate);
                    Product { left, right: &right, rows, inner, width, finish, out: &mut out }.run();
                    for (place, &found) in out.iter().enumerate() {
                        let (i, j) = (place / width, place % width);
                        let expected = match finish {
                            Finish::Store => plain(i, j),
                            Finish::Add | Finish::Continue => gate[place] + plain(i, j),
                            Finish::Bias(bias) => plain(i, j) + bias[j],
                            Finish::BiasRelu(bias) => (plain(i, j) + bias[j]).max(0.0),
                            Finish::Mask(gate) => {
                                if gate[place] > 0.0 {
                                    plain(i, j)
                                } else {
                                    0.0
                                }
                            }
                        };
                        assert_eq!(found, expected, "{rows}×{inner}×{columns} at {i}, {j}");
                    }
                }
            }
        }
    }

    /// A run continues bit-identically on a machine with narrower registers: both compute the same chain of
    /// fused multiply-adds as `f32::mul_add`.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn avx2_and_avx512_agree_to_the_bit() {
        let (v3, v4) = (pulp::x86::V3::try_new(), pulp::x86::V4::try_new());
        for (there, name) in [(v3.is_some(), "AVX2"), (v4.is_some(), "AVX-512")] {
            if !there {
                println!("{name} skipped: this processor has none");
            }
        }
        for (rows, inner, width) in [(1, 7, 16), (4, 45, 128), (8, 64, 48), (13, 3, 160), (29, 45, 64)] {
            let value = |i: usize| (i as f32 * 0.731).sin();
            let left: Vec<f32> = (0..rows * inner).map(value).collect();
            let flipped: Vec<f32> = (0..rows * inner).map(|i| left[(i % rows) * inner + i / rows]).collect();
            let right: Vec<f32> = (0..inner * width).map(|i| value(i + 3)).collect();
            let gate: Vec<f32> = (0..rows * width).map(|i| value(i + 5)).collect();
            let bias = &gate[..width];
            let chain = |place: usize, start: f32| {
                let (i, j) = (place / width, place % width);
                (0..inner).fold(start, |sum, p| left[i * inner + p].mul_add(right[p * width + j], sum))
            };
            let finishes: [(Finish, &dyn Fn(usize) -> f32); 6] = [
                (Finish::Store, &|place| chain(place, 0.0)),
                (Finish::Add, &|place| gate[place] + chain(place, 0.0)),
                (Finish::Continue, &|place| chain(place, gate[place])),
                (Finish::Bias(bias), &|place| chain(place, bias[place % width])),
                (Finish::BiasRelu(bias), &|place| chain(place, bias[place % width]).max(0.0)),
                (Finish::Mask(&gate), &|place| if gate[place] > 0.0 { chain(place, 0.0) } else { 0.0 }),
            ];
            let lefts =
                [Left::Rows { data: &left, stride: inner }, Left::Columns { data: &flipped, stride: rows }];
            for (finish, expected) in &finishes {
                let expected: Vec<f32> = (0..rows * width).map(expected).collect();
                for left in lefts {
                    let product = |run: &dyn Fn(Product)| {
                        let mut out = gate.clone();
                        let (right, finish) = (&right[..], *finish);
                        run(Product { left, right, rows, inner, width, finish, out: &mut out });
                        assert_eq!(out, expected, "{rows}×{inner}×{width}");
                    };
                    if let Some(v3) = v3 {
                        product(&|product| Simd::vectorize(v3, product));
                    }
                    if let Some(v4) = v4 {
                        product(&|product| Simd::vectorize(v4, product));
                    }
                }
            }
        }
    }
}
