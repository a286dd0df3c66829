//! The backward pass of the transformer. Scores are computed anew instead of being kept.

use pulp::{Arch, Simd, WithSimd};

use super::attention::{HeadLane, Heads, Lane};
use super::blocks::BLOCK;
use super::forward::{Attended, TransformerActivations, blocks, seen};
use super::{Attention, Transformer};
use crate::nn::buffer::{Buffer, transpose};
use crate::nn::kernel::{Finish, Left, Product};
use crate::nn::memory::moments::Moments;
use crate::nn::memory::recurrent::weights;
use crate::nn::network::linear::Linear;

/// Buffers of a backward pass.
#[derive(Debug, Clone, Default)]
pub(in crate::nn::memory) struct TransformerBackward {
    /// `[tokens, padded]`: gradient of the residual stream.
    stream: Buffer,
    /// The same of one branch, and before that of what its norm makes.
    branch: Buffer,
    /// `[tokens, padded mlp]`.
    up: Buffer,
    /// `[tokens, padded]`: of what the heads make.
    mixed: Buffer,
    /// `[tokens, 3 · padded]`.
    qkv: Buffer,
    transposed: Buffer,
}

/// `out = finish(delta · Wᵀ)`.
fn back(
    linear: &Linear,
    parameters: &[f32],
    delta: &[f32],
    finish: Finish<'_>,
    transposed: &mut Buffer,
    out: &mut [f32],
) {
    let (rows, inner) = (delta.len() / linear.width, linear.outputs);
    let width = out.len() / rows.max(1);
    transposed.resize(inner * width);
    transpose(linear.weights(parameters), linear.inputs, inner, transposed);
    let left = Left::Rows { data: delta, stride: linear.width };
    Product { left, right: transposed, rows, inner, width, finish, out }.run();
}

fn accumulate(sums: &mut [f32], values: &[f32]) {
    let pairs = sums.iter_mut().zip(values);
    Arch::new().dispatch(
        #[inline(always)]
        || pairs.for_each(|(sum, value)| *sum += value),
    );
}

impl Transformer {
    /// Fills the transformer's part of `gradient`. `features`, `[.., B, padded]`, is the gradient with respect to
    /// the features from moment `from` on; tokens, keys and values of moments before `first` ≤ `from` are constant.
    pub(in crate::nn::memory) fn backward(
        &self,
        parameters: &[f32],
        moments: &Moments<'_>,
        [first, from]: [usize; 2],
        a: &mut TransformerActivations,
        features: &[f32],
        scratch: &mut TransformerBackward,
        gradient: &mut [f32],
    ) {
        let lanes = moments.batch * self.tokens.cells();
        let each = lanes * self.padded;
        scratch.stream.resize(moments.count * each);
        let (before, after) = scratch.stream.split_at_mut(from * each);
        before.fill(0.0);
        match self.pool {
            None => after.copy_from_slice(features),
            Some(pool) => {
                let query = &parameters[pool..pool + self.padded];
                let of_query = &mut gradient[pool..pool + self.padded];
                a.pooling.backward(self, query, &a.normed, features, after, of_query);
            }
        }
        self.norm.backward(parameters, &a.normalized, 0, after, gradient);
        for index in (0..self.blocks.len()).rev() {
            let begin = self.begin(index, from);
            let asked = first.max(begin);
            let (block, kept) = (&self.blocks[index], &a.blocks[index]);
            // What is kept of the parts behind attention over time begins with moment `begin`.
            let skip = (asked - begin) * lanes;
            let stream = &mut scratch.stream[asked * each..];
            let up = &kept.up[skip * block.up.width..];
            scratch.up.resize(up.len());
            back(&block.down, parameters, stream, Finish::Mask(up), &mut scratch.transposed, &mut scratch.up);
            weights(&block.down, up, block.up.width, stream, gradient);
            scratch.branch.resize(stream.len());
            back(
                &block.up,
                parameters,
                &scratch.up,
                Finish::Store,
                &mut scratch.transposed,
                &mut scratch.branch,
            );
            let normed = &kept.normed[skip * self.padded..];
            weights(&block.up, normed, self.padded, &scratch.up, gradient);
            block.norm.backward(parameters, &kept.normalized, skip, &mut scratch.branch, gradient);
            accumulate(stream, &scratch.branch);
            if let Some(space) = &block.space {
                self.output_back(space, parameters, &kept.space, [asked * each, skip], scratch, gradient);
                self.space_back(&kept.space, skip, scratch, &mut a.head);
                let whole = [asked * each, skip];
                self.read_back(space, parameters, &kept.space, whole, scratch, gradient);
            }
            self.output_back(
                &block.time,
                parameters,
                &kept.time,
                [asked * each, asked * lanes],
                scratch,
                gradient,
            );
            let when = [first, asked];
            self.time_back(
                &block.time,
                parameters,
                moments,
                when,
                &a.reach,
                &kept.time,
                scratch,
                &mut a.head,
                gradient,
            );
            self.read_back(
                &block.time,
                parameters,
                &kept.time,
                [first * each, first * lanes],
                scratch,
                gradient,
            );
        }
        let stream = &scratch.stream[first * each..];
        self.tokens.backward(parameters, moments, first, &mut a.tokens, stream, gradient);
    }

    /// From the stream, from float `at` on, to what the heads make of the kept tokens from `skip` on.
    fn output_back(
        &self,
        attention: &Attention,
        parameters: &[f32],
        kept: &Attended,
        [at, skip]: [usize; 2],
        scratch: &mut TransformerBackward,
        gradient: &mut [f32],
    ) {
        let stream = &scratch.stream[at..];
        scratch.mixed.resize(stream.len());
        back(
            &attention.output,
            parameters,
            stream,
            Finish::Store,
            &mut scratch.transposed,
            &mut scratch.mixed,
        );
        weights(&attention.output, &kept.mixed[skip * self.padded..], self.padded, stream, gradient);
    }

    /// From query, key and value of the kept tokens from `skip` on to the stream, from float `at` on.
    fn read_back(
        &self,
        attention: &Attention,
        parameters: &[f32],
        kept: &Attended,
        [at, skip]: [usize; 2],
        scratch: &mut TransformerBackward,
        gradient: &mut [f32],
    ) {
        let TransformerBackward { stream, branch, qkv, transposed, .. } = scratch;
        let stream = &mut stream[at..];
        branch.resize(stream.len());
        back(&attention.qkv, parameters, qkv, Finish::Store, transposed, branch);
        weights(&attention.qkv, &kept.normed[skip * self.padded..], self.padded, qkv, gradient);
        // The key has no bias.
        attention.qkv.gradients(gradient).1[self.padded..2 * self.padded].fill(0.0);
        attention.norm.backward(parameters, &kept.normalized, skip, branch, gradient);
        accumulate(stream, branch);
    }

    /// Attention over time: asked at moments from `asked` on, with keys and values that are constant before `first`.
    /// Leaves the gradients of query, key and value from `first` on.
    fn time_back(
        &self,
        attention: &Attention,
        parameters: &[f32],
        moments: &Moments<'_>,
        [first, asked]: [usize; 2],
        reach: &[usize],
        kept: &Attended,
        scratch: &mut TransformerBackward,
        lane_scratch: &mut HeadLane,
        gradient: &mut [f32],
    ) {
        let cells = self.tokens.cells();
        let (lanes, batch, count) = (moments.batch * cells, moments.batch, moments.count);
        let TransformerBackward { qkv, mixed, .. } = scratch;
        qkv.resize((count - first) * lanes * 3 * self.padded);
        if self.width < self.padded {
            qkv.fill(0.0);
        }
        for head in 0..self.heads {
            lane_scratch.look_back(self.by_distance(attention, parameters, head));
            lane_scratch.begin_biases();
            Arch::new().dispatch(TimeBack {
                lanes,
                cells,
                batch,
                count,
                when: [first, asked],
                reach,
                qkv: &kept.qkv,
                deltas: mixed,
                gradient: qkv,
                heads: self.sizes(),
                head,
                scratch: lane_scratch,
            });
            let start = attention.relative.unwrap_or_default() + head * self.window;
            lane_scratch.end_biases(&mut gradient[start..start + self.window]);
        }
        if let Some(start) = attention.relative {
            let (held, all) = (self.heads * self.window, crate::nn::buffer::padded(self.heads * self.window));
            gradient[start + held..start + all].fill(0.0);
        }
    }

    /// Attention over space, for the kept tokens from `skip` on.
    fn space_back(
        &self,
        kept: &Attended,
        skip: usize,
        scratch: &mut TransformerBackward,
        lane_scratch: &mut HeadLane,
    ) {
        let cells = self.tokens.cells();
        let TransformerBackward { qkv, mixed, .. } = scratch;
        qkv.resize(mixed.len() * 3);
        if self.width < self.padded {
            qkv.fill(0.0);
        }
        lane_scratch.look_around(cells);
        for head in 0..self.heads {
            Arch::new().dispatch(SpaceBack {
                cells,
                qkv: &kept.qkv[skip * 3 * self.padded..],
                deltas: mixed,
                gradient: qkv,
                heads: self.sizes(),
                head,
                scratch: lane_scratch,
            });
        }
    }
}

/// Attention over time of one head, backward.
struct TimeBack<'a> {
    lanes: usize,
    cells: usize,
    batch: usize,
    count: usize,
    /// First moment that is not constant, and the first that asks.
    when: [usize; 2],
    reach: &'a [usize],
    qkv: &'a [f32],
    /// Of what is made, from the first moment that asks on.
    deltas: &'a [f32],
    /// Of query, key and value, from the first moment that is not constant on.
    gradient: &'a mut [f32],
    heads: Heads,
    head: usize,
    scratch: &'a mut HeadLane,
}

impl WithSimd for TimeBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { lanes, cells, batch, count, when, reach, qkv, deltas, gradient, heads, head, scratch } =
            self;
        let [first, asked] = when;
        for base in 0..lanes {
            let lane = Lane { base, step: lanes, count };
            scratch.gather_all(qkv, lane, heads, head);
            for block in blocks(asked, count) {
                let seen = seen(&block, reach, batch, base / cells);
                let seen = &seen[..block.len()];
                scratch.attend_back(simd, block, seen, heads.width, |t| {
                    &deltas[(base + (t - asked) * lanes) * heads.padded + head * heads.width..][..heads.width]
                });
            }
            scratch.scatter(gradient, lane, first, heads, head);
        }
    }
}

/// Attention over space of one head, backward.
struct SpaceBack<'a> {
    cells: usize,
    qkv: &'a [f32],
    deltas: &'a [f32],
    gradient: &'a mut [f32],
    heads: Heads,
    head: usize,
    scratch: &'a mut HeadLane,
}

impl WithSimd for SpaceBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { cells, qkv, deltas, gradient, heads, head, scratch } = self;
        for base in (0..deltas.len() / heads.padded).step_by(cells) {
            let lane = Lane { base, step: 1, count: cells };
            scratch.gather_all(qkv, lane, heads, head);
            for block in blocks(0, cells) {
                let seen = &[0; BLOCK][..block.len()];
                scratch.attend_back(simd, block, seen, heads.width, |u| {
                    &deltas[(base + u) * heads.padded + head * heads.width..][..heads.width]
                });
            }
            scratch.scatter(gradient, lane, 0, heads, head);
        }
    }
}
