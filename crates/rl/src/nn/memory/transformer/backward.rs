//! The backward pass of the transformer. Scores are computed anew instead of being kept.

use pulp::Arch;

use super::attention::{HeadLane, Lane};
use super::forward::{Attended, TransformerActivations};
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
    /// Of the biases by distance, from the furthest to none.
    distances: Vec<f32>,
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
        let (cells, width) = (self.tokens.cells(), self.width / self.heads);
        let lanes = moments.batch * cells;
        let TransformerBackward { qkv, mixed, distances, .. } = scratch;
        qkv.resize((moments.count - first) * lanes * 3 * self.padded);
        qkv.fill(0.0);
        for head in 0..self.heads {
            let bias = self.by_distance(attention, parameters, head);
            distances.clear();
            distances.resize(self.window, 0.0);
            let (qkv, distances) = (&mut qkv[..], &mut distances[..]);
            // Consuming a captured value makes it an `FnOnce` closure, which is reliably inlined.
            let bases = 0..lanes;
            Arch::new().dispatch(
                #[inline(always)]
                || {
                    for base in bases {
                        let lane = Lane { base, step: lanes, count: moments.count };
                        lane_scratch.gather_all(&kept.qkv, lane, self.padded, head, width);
                        for t in asked..moments.count {
                            let range = [reach[t * moments.batch + base / cells], t + 1];
                            let far = self.window - (range[1] - range[0]);
                            let delta =
                                &mixed[(base + (t - asked) * lanes) * self.padded + head * width..][..width];
                            let (bias, of_bias) = (&bias[far..], &mut distances[far..]);
                            lane_scratch.attend_back(t, range, first, bias, of_bias, delta);
                        }
                        lane_scratch.scatter(qkv, lane, first, self.padded, head, width);
                    }
                },
            );
            let start = attention.relative.unwrap_or_default() + head * self.window;
            let table = gradient[start..start + self.window].iter_mut();
            table.zip(distances.iter().rev()).for_each(|(to, from)| *to = *from);
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
        let (cells, width) = (self.tokens.cells(), self.width / self.heads);
        let TransformerBackward { qkv, mixed, .. } = scratch;
        let moments = mixed.len() / self.padded / cells;
        qkv.resize(mixed.len() * 3);
        qkv.fill(0.0);
        let (qkv, kept) = (&mut qkv[..], &kept.qkv[skip * 3 * self.padded..]);
        let places = (0..moments).flat_map(|row| (0..self.heads).map(move |head| (row * cells, head)));
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (base, head) in places {
                    let lane = Lane { base, step: 1, count: cells };
                    lane_scratch.gather_all(kept, lane, self.padded, head, width);
                    for u in 0..cells {
                        let delta = &mixed[(base + u) * self.padded + head * width..][..width];
                        lane_scratch.attend_back(u, [0, cells], 0, &[], &mut [], delta);
                    }
                    lane_scratch.scatter(qkv, lane, 0, self.padded, head, width);
                }
            },
        );
    }
}
