//! The arithmetic of one head on matrices of whole registers: products of a block of rows, dot products and softmax of
//! several rows side by side. `attention` says what is multiplied.

use std::ops::Range;

use pulp::Simd;

use crate::nn::kernel::{tile_columns, tile_rows};
use crate::nn::lanes::{Lanes, each, total};
use crate::nn::memory::fast::exp;

/// Queries of a block.
pub(super) const BLOCK: usize = 8;

/// `columns` of `BLOCK` rows from row `first` on.
#[inline(always)]
pub(super) fn rows_of(matrix: &[f32], first: usize, stride: usize, columns: Range<usize>) -> [&[f32]; BLOCK] {
    std::array::from_fn(|row| &matrix[(first + row) * stride..][columns.clone()])
}

/// Registers `columns` of `left · right` for `right`, `[inner, stride]`, to the same ones of `out`, `[BLOCK, stride]`.
#[inline(always)]
pub(super) fn across<S: Simd>(
    simd: S,
    left: [&[f32]; BLOCK],
    right: &[f32],
    stride: usize,
    columns: Range<usize>,
    out: &mut [f32],
) {
    let (right, out) = (S::as_simd_f32s(right).0, S::as_mut_simd_f32s(out).0);
    let (vectors, zero) = (stride / S::F32_LANES, simd.splat_f32s(0.0));
    let mut column = columns.start;
    // With 16 registers only one column of sums fits.
    while S::REGISTER_COUNT >= 32 && column + 2 <= columns.end {
        let sums = tile_rows::<S, BLOCK, 2>(simd, left, right, vectors, column, [[zero; 2]; BLOCK]);
        for (row, sums) in sums.iter().enumerate() {
            out[row * vectors + column..][..2].copy_from_slice(sums);
        }
        column += 2;
    }
    while column < columns.end {
        let sums = tile_rows::<S, BLOCK, 1>(simd, left, right, vectors, column, [[zero]; BLOCK]);
        for (row, [sum]) in sums.iter().enumerate() {
            out[row * vectors + column] = *sum;
        }
        column += 1;
    }
}

/// Adds `leftᵀ · right` to rows `tokens` of `sums`, `[.., width]`; `left` is `[BLOCK, stride]`, `right` `[BLOCK, width]`.
#[inline(always)]
pub(super) fn accumulate<S: Simd>(
    simd: S,
    left: &[f32],
    stride: usize,
    right: &[f32],
    width: usize,
    tokens: &Range<usize>,
    sums: &mut [f32],
) {
    let (right, sums) = (S::as_simd_f32s(right).0, S::as_mut_simd_f32s(sums).0);
    let (vectors, zero) = (width / S::F32_LANES, simd.splat_f32s(0.0));
    // A multiple of 16, hence of the block.
    for token in tokens.clone().step_by(BLOCK) {
        for column in 0..vectors {
            let tile = tile_columns::<S, BLOCK, 1>(
                simd,
                &left[token..],
                stride,
                right,
                vectors,
                column,
                [[zero]; BLOCK],
            );
            for (row, [value]) in tile.iter().enumerate() {
                let sum = &mut sums[(token + row) * vectors + column];
                *sum = simd.add_f32s(*sum, *value);
            }
        }
    }
}

/// `Σ a · b` over `columns` of each of `R` rows of `vectors` registers, a multiple of 16 floats, in every lane.
#[inline(always)]
pub(super) fn dots<S: Simd, const R: usize>(
    simd: S,
    a: &[S::f32s],
    b: &[S::f32s],
    vectors: usize,
    columns: Range<usize>,
) -> [S::f32s; R] {
    let mut sums: [Lanes<S>; R] = [[simd.splat_f32s(0.0); 2]; R];
    for first in columns.step_by(each::<S>()) {
        for (row, sums) in sums.iter_mut().enumerate() {
            for (lane, sum) in sums[..each::<S>()].iter_mut().enumerate() {
                let place = row * vectors + first + lane;
                *sum = simd.mul_add_e_f32s(a[place], b[place], *sum);
            }
        }
    }
    let mut totals = [simd.splat_f32s(0.0); R];
    for (to, sums) in totals.iter_mut().zip(sums) {
        *to = total(simd, sums);
    }
    totals
}

/// Softmax in place over `columns` of each of `R` rows of `vectors` registers, a multiple of 16 floats.
#[inline(always)]
pub(super) fn softmax<S: Simd, const R: usize>(
    simd: S,
    scores: &mut [S::f32s],
    vectors: usize,
    columns: Range<usize>,
) {
    let (lowest, zero) = (simd.splat_f32s(f32::NEG_INFINITY), simd.splat_f32s(0.0));
    let mut largest = [lowest; R];
    for column in columns.clone() {
        for (row, largest) in largest.iter_mut().enumerate() {
            *largest = simd.max_f32s(*largest, scores[row * vectors + column]);
        }
    }
    for largest in &mut largest {
        *largest = simd.splat_f32s(simd.reduce_max_f32s(*largest));
    }
    let mut sums: [Lanes<S>; R] = [[zero; 2]; R];
    for first in columns.clone().step_by(each::<S>()) {
        for (row, (sums, largest)) in sums.iter_mut().zip(&largest).enumerate() {
            for (lane, sum) in sums[..each::<S>()].iter_mut().enumerate() {
                let score = &mut scores[row * vectors + first + lane];
                // What is not seen has the weight 0, not e⁻⁸⁷.
                let seen = simd.greater_than_f32s(*score, lowest);
                let value = exp(simd, simd.sub_f32s(*score, *largest));
                *score = simd.select_f32s(seen, value, zero);
                *sum = simd.add_f32s(*sum, *score);
            }
        }
    }
    for (row, sums) in sums.into_iter().enumerate() {
        let share = simd.div_f32s(simd.splat_f32s(1.0), total(simd, sums));
        for score in &mut scores[row * vectors..][columns.clone()] {
            *score = simd.mul_f32s(*score, share);
        }
    }
}
