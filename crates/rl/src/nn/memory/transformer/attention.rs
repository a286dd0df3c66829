//! Attention of one head along one lane of tokens, forward and backward: scores, softmax, weighted sum
//! (Vaswani et al. 2017, section 3.2.1). Which tokens make a lane is up to the caller.
//!
//! Queries, keys and values of a lane are copied side by side first, keys and values transposed as well. Queries go in
//! blocks of as many as a register tile has rows, over all tokens that one of them sees, in whole registers; what a
//! query does not see has a bias of −∞.

use std::ops::Range;

use pulp::Simd;
use pulp::bytemuck::{cast_slice, pod_read_unaligned};

use super::blocks::{BLOCK, accumulate, across, dots, rows_of, softmax};
use crate::nn::buffer::{Buffer, LANES, padded, transpose};

/// Entries of −∞ before and after the biases: a block looks at tokens up to `BLOCK + LANES` away from what its queries
/// see.
const MARGIN: usize = 2 * LANES;

/// Where the tokens of a lane stand among rows of `[query, key, value]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lane {
    /// Row of the first token.
    pub(super) base: usize,
    /// Rows from token to token.
    pub(super) step: usize,
    /// Number of tokens.
    pub(super) count: usize,
}

impl Lane {
    fn row(&self, index: usize) -> usize {
        self.base + index * self.step
    }
}

/// How wide rows and heads are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads {
    /// Stride of query, key and value in a row of all three.
    pub(super) padded: usize,
    /// Width of a head.
    pub(super) width: usize,
}

impl Heads {
    /// Entries of part `which` of head `head` in a row of query, key and value.
    fn part(&self, which: usize, head: usize) -> Range<usize> {
        let start = which * self.padded + head * self.width;
        start..start + self.width
    }
}

/// One head of one lane.
#[derive(Debug, Clone, Default)]
pub(super) struct HeadLane {
    /// Padded width of the head, and padded number of tokens.
    width: usize,
    stride: usize,
    /// `[stride + BLOCK, width]`: a block may end behind the last token.
    queries: Buffer,
    /// `[stride, width]` each.
    keys: Buffer,
    values: Buffer,
    /// `[width, stride]` each.
    keys_across: Buffer,
    values_across: Buffer,
    /// `[BLOCK, stride]`: softmax weights, and the gradients of the scores.
    weights: Buffer,
    slopes: Buffer,
    /// `[BLOCK, width]`: what the queries of a block make, or its gradient.
    made: Buffer,
    /// Gradients, like what they are of.
    of_queries: Buffer,
    of_keys: Buffer,
    of_values: Buffer,
    /// Biases by place, between margins, and their gradient: token `s` has for token `t` the bias at `MARGIN + reach + s
    /// − t`.
    biases: Buffer,
    of_biases: Buffer,
    /// Furthest distance that is seen; none where the bias is the same for all tokens.
    reach: Option<usize>,
}

impl HeadLane {
    /// Attention to tokens at most `table.len() − 1` back, with the bias `table[distance]`.
    pub(super) fn look_back(&mut self, table: &[f32]) {
        self.biases.resize(table.len() + 2 * MARGIN);
        self.biases.fill(f32::NEG_INFINITY);
        let biases = &mut self.biases[MARGIN..MARGIN + table.len()];
        biases.iter_mut().zip(table.iter().rev()).for_each(|(to, from)| *to = *from);
        self.reach = Some(table.len() - 1);
    }

    /// Attention to all of `count` tokens alike.
    pub(super) fn look_around(&mut self, count: usize) {
        self.biases.resize(count + 2 * MARGIN);
        self.biases.fill(f32::NEG_INFINITY);
        self.biases[MARGIN..MARGIN + count].fill(0.0);
        self.reach = None;
    }

    /// Sets the gradient of the biases to zero.
    pub(super) fn begin_biases(&mut self) {
        self.of_biases.resize(self.biases.len());
        self.of_biases.fill(0.0);
    }

    /// Writes the gradient of the biases to `table`, by distance.
    pub(super) fn end_biases(&self, table: &mut [f32]) {
        let biases = &self.of_biases[MARGIN..MARGIN + table.len()];
        table.iter_mut().zip(biases.iter().rev()).for_each(|(to, from)| *to = *from);
    }

    /// Sizes the buffers for `count` tokens of `width`, and empties what those leave.
    pub(super) fn begin(&mut self, count: usize, width: usize) {
        (self.width, self.stride) = (padded(width), padded(count));
        let all = self.stride * self.width;
        self.queries.resize(all + BLOCK * self.width);
        let filled = if width == self.width { count } else { 0 };
        self.queries[filled * self.width..].fill(0.0);
        for rows in [&mut self.keys, &mut self.values] {
            rows.resize(all);
            rows[filled * self.width..].fill(0.0);
        }
        self.weights.resize(BLOCK * self.stride);
        self.made.resize(BLOCK * self.width);
    }

    /// Puts `key` and `value` at `index`.
    #[inline(always)]
    pub(super) fn remember(&mut self, index: usize, key: &[f32], value: &[f32]) {
        let at = index * self.width;
        copy(&mut self.keys[at..at + key.len()], key);
        copy(&mut self.values[at..at + value.len()], value);
    }

    /// Transposes the keys of `count` tokens; call after the last `remember` and before `attend`.
    #[inline(always)]
    pub(super) fn remembered(&mut self, count: usize) {
        self.keys_across.resize(self.keys.len());
        transpose(&self.keys, count, self.width, &mut self.keys_across);
    }

    /// Puts `query` at `index`.
    #[inline(always)]
    pub(super) fn ask(&mut self, index: usize, query: &[f32]) {
        copy(&mut self.queries[index * self.width..][..query.len()], query);
    }

    /// Copies a lane of head `head` from rows of query, key and value.
    #[inline(always)]
    pub(super) fn gather(&mut self, qkv: &[f32], lane: Lane, heads: Heads, head: usize) {
        self.begin(lane.count, heads.width);
        for index in 0..lane.count {
            let row = &qkv[lane.row(index) * 3 * heads.padded..][..3 * heads.padded];
            self.ask(index, &row[heads.part(0, head)]);
            self.remember(index, &row[heads.part(1, head)], &row[heads.part(2, head)]);
        }
        self.remembered(lane.count);
    }

    /// The same with what only the backward pass reads.
    #[inline(always)]
    pub(super) fn gather_all(&mut self, qkv: &[f32], lane: Lane, heads: Heads, head: usize) {
        self.gather(qkv, lane, heads, head);
        let all = self.stride * self.width;
        for sums in [&mut self.of_keys, &mut self.of_values] {
            sums.resize(all);
            sums.fill(0.0);
        }
        self.values_across.resize(all);
        transpose(&self.values, lane.count, self.width, &mut self.values_across);
        self.of_queries.resize(self.queries.len());
        self.of_queries.fill(0.0);
        self.slopes.resize(BLOCK * self.stride);
    }

    /// Registers of tokens that a block of queries looks at which see tokens from `seen` on, up to the last query's own,
    /// or all of them.
    #[inline(always)]
    fn columns<S: Simd>(&self, block: &Range<usize>, seen: &[usize]) -> Range<usize> {
        let from = seen.iter().copied().min().unwrap_or_default() / LANES * LANES;
        let to = self.reach.map_or(self.stride, |_| padded(block.end));
        from / S::F32_LANES..to / S::F32_LANES
    }

    /// Softmax weights of the queries of `block`, of which each sees tokens from `seen` on; `scale` multiplies scores
    /// before their biases. Returns the registers of tokens that they are in.
    #[inline(always)]
    fn weigh<S: Simd>(&mut self, simd: S, block: &Range<usize>, seen: &[usize], scale: f32) -> Range<usize> {
        let columns = self.columns::<S>(block, seen);
        let Self { width, stride, queries, keys_across, weights, biases, reach, .. } = self;
        let left = rows_of(queries, block.start, *width, 0..*width);
        across(simd, left, keys_across, *stride, columns.clone(), weights);
        let scale = simd.splat_f32s(scale);
        let (first, last) = (columns.start * S::F32_LANES, columns.end * S::F32_LANES);
        for ((t, seen), weights) in block.clone().zip(seen).zip(weights.chunks_exact_mut(*stride)) {
            let at = reach.map_or(MARGIN + first, |reach| MARGIN + reach + first - t);
            let weights = &mut weights[first..last];
            let biases = &biases[at..at + weights.len()];
            for (weight, bias) in
                S::as_mut_simd_f32s(weights).0.iter_mut().zip(biases.chunks_exact(S::F32_LANES))
            {
                let bias: S::f32s = pod_read_unaligned(cast_slice(bias));
                *weight = simd.mul_add_e_f32s(*weight, scale, bias);
            }
            // What is too far away has a bias of −∞ already.
            if *seen > first && reach.is_none_or(|reach| seen + reach > t) {
                weights[..seen - first].fill(f32::NEG_INFINITY);
            }
        }
        // Rows behind the last query have scores as well, which nobody reads.
        softmax::<S, BLOCK>(simd, S::as_mut_simd_f32s(weights).0, *stride / S::F32_LANES, columns.clone());
        columns
    }

    /// Attends with the queries of `block`, of which each sees tokens from `seen` on, and hands what each makes to
    /// `put`, `[width]`.
    #[inline(always)]
    pub(super) fn attend<S: Simd>(
        &mut self,
        simd: S,
        block: Range<usize>,
        seen: &[usize],
        width: usize,
        mut put: impl FnMut(usize, &[f32]),
    ) {
        let columns = self.weigh(simd, &block, seen, 1.0 / (width as f32).sqrt());
        let Self { width: stride, weights, values, made, .. } = self;
        let tokens = columns.start * S::F32_LANES..columns.end * S::F32_LANES;
        let left = rows_of(weights, 0, self.stride, tokens.clone());
        let right = &values[tokens.start * *stride..tokens.end * *stride];
        across(simd, left, right, *stride, 0..*stride / S::F32_LANES, made);
        for (index, made) in block.zip(made.chunks_exact(*stride)) {
            put(index, &made[..width]);
        }
    }

    /// Accumulates the gradients of the queries of `block`, of which each sees tokens from `seen` on; `take` gives the
    /// gradient of what each makes, `[width]`. Adds those of the scores to that of the biases if they have one.
    #[inline(always)]
    pub(super) fn attend_back<'a, S: Simd>(
        &mut self,
        simd: S,
        block: Range<usize>,
        seen: &[usize],
        width: usize,
        take: impl Fn(usize) -> &'a [f32],
    ) {
        let scale = 1.0 / (width as f32).sqrt();
        let columns = self.weigh(simd, &block, seen, scale);
        let Self { stride, weights, slopes, made, keys, values_across, of_queries, .. } = self;
        let (tokens, stride, wide) =
            (columns.start * S::F32_LANES..columns.end * S::F32_LANES, *stride, self.width);
        made.fill(0.0);
        for (index, made) in block.clone().zip(made.chunks_exact_mut(wide)) {
            copy(&mut made[..width], take(index));
        }
        // dL/dp = delta · vᵀ,  dL/dscore = p · (dL/dp − Σ p · dL/dp)
        across(simd, rows_of(made, 0, wide, 0..wide), values_across, stride, columns.clone(), slopes);
        let means = dots::<S, BLOCK>(
            simd,
            S::as_simd_f32s(weights).0,
            S::as_simd_f32s(slopes).0,
            stride / S::F32_LANES,
            columns,
        );
        let scale = simd.splat_f32s(scale);
        let rows = weights.chunks_exact_mut(stride).zip(slopes.chunks_exact_mut(stride));
        for (row, ((weights, slopes), mean)) in rows.zip(means).enumerate() {
            let (weights, slopes) = (&mut weights[tokens.clone()], &mut slopes[tokens.clone()]);
            if row >= block.len() {
                weights.fill(0.0);
                slopes.fill(0.0);
                continue;
            }
            let vectors = S::as_mut_simd_f32s(slopes).0;
            for (weight, slope) in S::as_simd_f32s(weights).0.iter().zip(&mut *vectors) {
                *slope = simd.mul_f32s(*weight, simd.sub_f32s(*slope, mean));
            }
            if let Some(reach) = self.reach {
                let at = MARGIN + reach + tokens.start - (block.start + row);
                let sums = &mut self.of_biases[at..at + tokens.len()];
                sums.iter_mut().zip(&*slopes).for_each(|(sum, slope)| *sum += slope);
            }
            for slope in S::as_mut_simd_f32s(slopes).0 {
                *slope = simd.mul_f32s(*slope, scale);
            }
        }
        let vectors = 0..wide / S::F32_LANES;
        let left = rows_of(slopes, 0, stride, tokens.clone());
        let right = &keys[tokens.start * wide..tokens.end * wide];
        across(simd, left, right, wide, vectors, &mut of_queries[block.start * wide..][..BLOCK * wide]);
        let queries = &self.queries[block.start * wide..][..BLOCK * wide];
        accumulate(simd, slopes, stride, queries, wide, &tokens, &mut self.of_keys);
        accumulate(simd, weights, stride, made, wide, &tokens, &mut self.of_values);
    }

    /// Writes the gradients of tokens from `first` on to rows of query, key and value, which begin with that token.
    #[inline(always)]
    pub(super) fn scatter(&self, qkv: &mut [f32], lane: Lane, first: usize, heads: Heads, head: usize) {
        for index in first..lane.count {
            let row = &mut qkv[lane.row(index - first) * 3 * heads.padded..][..3 * heads.padded];
            for (which, from) in [&self.of_queries, &self.of_keys, &self.of_values].into_iter().enumerate() {
                copy(&mut row[heads.part(which, head)], &from[index * self.width..][..heads.width]);
            }
        }
    }
}

/// Copies a head's part of a row: one register in the usual case, which a call would take longer for.
#[inline(always)]
pub(super) fn copy(to: &mut [f32], from: &[f32]) {
    match (to.as_chunks_mut::<LANES>(), from.as_chunks::<LANES>()) {
        (([to], []), ([from], [])) => *to = *from,
        _ => to.copy_from_slice(from),
    }
}
