//! Attention of one head along one lane of tokens, forward and backward: scores, softmax, weighted sum
//! (Vaswani et al. 2017, section 3.2.1). Which tokens make a lane is up to the caller.
//!
//! Queries, keys and values of a lane are copied side by side first, keys and values transposed as well, so that
//! everything below runs over whole registers; what is beyond the last token is zero.

use crate::nn::buffer::{Buffer, LANES, padded};
use crate::nn::memory::fast::exp;

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

/// One head of one lane.
#[derive(Debug, Clone, Default)]
pub(super) struct HeadLane {
    /// Padded width of the head, and padded number of tokens with a register to spare.
    width: usize,
    stride: usize,
    /// `[tokens, width]` each.
    queries: Buffer,
    keys: Buffer,
    values: Buffer,
    /// `[width, stride]` each.
    keys_across: Buffer,
    values_across: Buffer,
    /// One row of softmax weights, and of their gradients.
    weights: Buffer,
    slopes: Buffer,
    /// `[tokens, width]`: gradients.
    of_queries: Buffer,
    of_keys: Buffer,
    of_values: Buffer,
    row: Buffer,
}

impl HeadLane {
    /// Sizes the buffers for `count` tokens of `width` and empties them.
    pub(super) fn begin(&mut self, count: usize, width: usize) {
        (self.width, self.stride) = (padded(width), padded(count) + LANES);
        let (rows, columns) = (self.stride * self.width, self.width * self.stride);
        for buffer in [&mut self.queries, &mut self.keys, &mut self.values] {
            buffer.resize(rows);
            buffer.fill(0.0);
        }
        for buffer in [&mut self.keys_across, &mut self.values_across] {
            buffer.resize(columns);
            buffer.fill(0.0);
        }
        self.weights.resize(self.stride);
        self.slopes.resize(self.stride);
        self.row.resize(self.width);
    }

    /// Puts `key` and `value` at `index`.
    #[inline(always)]
    pub(super) fn remember(&mut self, index: usize, key: &[f32], value: &[f32]) {
        let at = index * self.width;
        self.values[at..at + value.len()].copy_from_slice(value);
        let across = self.keys_across[index..].iter_mut().step_by(self.stride);
        across.zip(key).for_each(|(to, from)| *to = *from);
    }

    /// Copies a lane of head `head` of `width` from rows `[query, key, value]`, each padded to `padded`.
    #[inline(always)]
    pub(super) fn gather(&mut self, qkv: &[f32], lane: Lane, padded: usize, head: usize, width: usize) {
        self.begin(lane.count, width);
        for index in 0..lane.count {
            let row = &qkv[lane.row(index) * 3 * padded..][..3 * padded];
            let part = |which: usize| &row[which * padded + head * width..][..width];
            self.queries[index * self.width..][..width].copy_from_slice(part(0));
            self.remember(index, part(1), part(2));
        }
    }

    /// The same with what only the backward pass reads.
    #[inline(always)]
    pub(super) fn gather_all(&mut self, qkv: &[f32], lane: Lane, padded: usize, head: usize, width: usize) {
        self.gather(qkv, lane, padded, head, width);
        self.keys.fill(0.0);
        for index in 0..lane.count {
            let row = &qkv[lane.row(index) * 3 * padded..][..3 * padded];
            let part = |which: usize| &row[which * padded + head * width..][..width];
            self.keys[index * self.width..][..width].copy_from_slice(part(1));
            let across = self.values_across[index..].iter_mut().step_by(self.stride);
            across.zip(part(2)).for_each(|(to, from)| *to = *from);
        }
        let rows = self.stride * self.width;
        for buffer in [&mut self.of_queries, &mut self.of_keys, &mut self.of_values] {
            buffer.resize(rows);
            buffer.fill(0.0);
        }
    }

    /// Softmax weights of a query over tokens `from..to`, with `bias[s − from]` added to the scores unless it is
    /// empty; they stand in `weights`, zeros behind them.
    #[inline(always)]
    fn weigh(&mut self, query: &[f32], [from, to]: [usize; 2], bias: &[f32], scale: f32) {
        let count = to - from;
        across(query, &self.keys_across, self.stride, from, count, &mut self.weights);
        let weights = &mut self.weights[..count.next_multiple_of(LANES)];
        weights[..count].iter_mut().for_each(|score| *score *= scale);
        weights.iter_mut().zip(bias).for_each(|(score, bias)| *score += bias);
        weights[count..].fill(f32::NEG_INFINITY);
        let mut largest = [f32::NEG_INFINITY; LANES];
        for chunk in weights.as_chunks::<LANES>().0 {
            largest.iter_mut().zip(chunk).for_each(|(most, score)| *most = most.max(*score));
        }
        let largest = largest.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sums = [0.0; LANES];
        for chunk in weights.as_chunks_mut::<LANES>().0 {
            for (sum, score) in sums.iter_mut().zip(chunk) {
                *score = exp(*score - largest);
                *sum += *score;
            }
        }
        let share = 1.0 / sums.iter().sum::<f32>();
        weights.iter_mut().for_each(|weight| *weight *= share);
        weights[count..].fill(0.0);
    }

    /// Attends with `query` to tokens `from..to` and writes the weighted sum of their values to `out`.
    #[inline(always)]
    pub(super) fn attend(&mut self, query: &[f32], range: [usize; 2], bias: &[f32], out: &mut [f32]) {
        let scale = 1.0 / (out.len() as f32).sqrt();
        self.weigh(query, range, bias, scale);
        mix(&self.weights, &self.values, self.width, range, &mut self.row);
        out.copy_from_slice(&self.row[..out.len()]);
    }

    /// The same for token `index` of a gathered lane.
    #[inline(always)]
    pub(super) fn attend_token(&mut self, index: usize, range: [usize; 2], bias: &[f32], out: &mut [f32]) {
        let queries = std::mem::take(&mut self.queries);
        self.attend(&queries[index * self.width..][..self.width], range, bias, out);
        self.queries = queries;
    }

    /// Accumulates the gradients of token `index`, whose output has the gradient `delta`, and adds those of the scores
    /// to `bias_gradient` unless it is empty. Keys and values before `first` are constant.
    #[inline(always)]
    pub(super) fn attend_back(
        &mut self,
        index: usize,
        [from, to]: [usize; 2],
        first: usize,
        bias: &[f32],
        bias_gradient: &mut [f32],
        delta: &[f32],
    ) {
        let (width, scale) = (self.width, 1.0 / (delta.len() as f32).sqrt());
        let queries = std::mem::take(&mut self.queries);
        let query = &queries[index * width..][..width];
        self.weigh(query, [from, to], bias, scale);
        self.row.fill(0.0);
        self.row[..delta.len()].copy_from_slice(delta);
        // dL/dp = delta · vᵀ,  dL/dscore = p · (dL/dp − Σ p · dL/dp)
        let count = (to - from).next_multiple_of(LANES);
        across(&self.row, &self.values_across, self.stride, from, to - from, &mut self.slopes);
        let (weights, slopes) = (&self.weights[..count], &mut self.slopes[..count]);
        let mut sums = [0.0; LANES];
        for (weights, slopes) in weights.as_chunks::<LANES>().0.iter().zip(slopes.as_chunks::<LANES>().0) {
            for ((sum, weight), slope) in sums.iter_mut().zip(weights).zip(slopes) {
                *sum += weight * slope;
            }
        }
        let mean = sums.iter().sum::<f32>();
        slopes.iter_mut().zip(weights).for_each(|(slope, weight)| *slope = weight * (*slope - mean));
        bias_gradient.iter_mut().zip(&*slopes).for_each(|(sum, slope)| *sum += slope);
        slopes.iter_mut().for_each(|slope| *slope *= scale);
        mix(slopes, &self.keys, width, [from, to], &mut self.of_queries[index * width..][..width]);
        let begin = from.max(first);
        if begin < to {
            let Self { of_keys, of_values, row, weights, slopes, .. } = self;
            let all = begin * width..to * width;
            let rows = of_keys[all.clone()].chunks_exact_mut(width);
            let rows = rows.zip(of_values[all].chunks_exact_mut(width));
            let factors = slopes[begin - from..].iter().zip(&weights[begin - from..]);
            for ((of_key, of_value), (slope, weight)) in rows.zip(factors) {
                accumulate(of_key, *slope, query);
                accumulate(of_value, *weight, row);
            }
        }
        self.queries = queries;
    }

    /// Writes the gradients of tokens from `first` on to rows `[query, key, value]`, which begin with that token.
    #[inline(always)]
    pub(super) fn scatter(
        &self,
        qkv: &mut [f32],
        lane: Lane,
        first: usize,
        padded: usize,
        head: usize,
        width: usize,
    ) {
        for index in first..lane.count {
            let row = &mut qkv[lane.row(index - first) * 3 * padded..][..3 * padded];
            for (which, from) in [&self.of_queries, &self.of_keys, &self.of_values].into_iter().enumerate() {
                row[which * padded + head * width..][..width]
                    .copy_from_slice(&from[index * self.width..][..width]);
            }
        }
    }
}

/// `sums += factor · row`, in whole registers.
#[inline(always)]
fn accumulate(sums: &mut [f32], factor: f32, row: &[f32]) {
    for (sums, row) in sums.as_chunks_mut::<LANES>().0.iter_mut().zip(row.as_chunks::<LANES>().0) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += factor * value);
    }
}

/// `sums[s − from] = row · column s` of a matrix `[row.len(), stride]`, for `count` of them, in whole registers.
#[inline(always)]
fn across(row: &[f32], matrix: &[f32], stride: usize, from: usize, count: usize, sums: &mut [f32]) {
    for (chunk, sums) in sums.as_chunks_mut::<LANES>().0[..count.div_ceil(LANES)].iter_mut().enumerate() {
        let (mut even, mut odd) = ([0.0; LANES], [0.0; LANES]);
        let mut at = from + chunk * LANES;
        for [first, second] in row.as_chunks::<2>().0 {
            even.iter_mut().zip(&matrix[at..at + LANES]).for_each(|(sum, value)| *sum += first * value);
            at += stride;
            odd.iter_mut().zip(&matrix[at..at + LANES]).for_each(|(sum, value)| *sum += second * value);
            at += stride;
        }
        // A query that is not padded may have one more.
        for last in row.as_chunks::<2>().1 {
            even.iter_mut().zip(&matrix[at..at + LANES]).for_each(|(sum, value)| *sum += last * value);
        }
        for ((sum, even), odd) in sums.iter_mut().zip(even).zip(odd) {
            *sum = even + odd;
        }
    }
}

/// `out = Σ_s weights[s − from] · rows[s]`, rows of `width`, a multiple of the padding.
#[inline(always)]
fn mix(weights: &[f32], rows: &[f32], width: usize, [from, to]: [usize; 2], out: &mut [f32]) {
    let rows = &rows[from * width..to * width];
    for (chunk, out) in out.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
        let mut sums = [0.0; LANES];
        for (row, weight) in rows.chunks_exact(width).zip(weights) {
            let Some(row) = row[chunk * LANES..].first_chunk::<LANES>() else { break };
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
        }
        *out = sums;
    }
}
