//! The forward pass of the transformer over a batch of sequences.
//!
//! In the last block nothing but keys and values of the burn-in is used, so nothing else is computed of it.

use pulp::Arch;

use super::attention::{HeadLane, Lane};
use super::pooling::Pooling;
use super::tokens::TokenActivations;
use super::{Attention, Transformer};
use crate::nn::buffer::Buffer;
use crate::nn::kernel::{Finish, Left, Product};
use crate::nn::memory::moments::Moments;
use crate::nn::network::linear::Linear;
use crate::nn::network::norm::{Norm, Normalized};

/// What attention leaves for the backward pass.
#[derive(Debug, Clone, Default)]
pub(super) struct Attended {
    pub(super) normalized: Normalized,
    /// `[tokens, padded]`.
    pub(super) normed: Buffer,
    /// `[tokens, 3 · padded]`: query, key, value.
    pub(super) qkv: Buffer,
    /// `[tokens, padded]`: what the heads make of them.
    pub(super) mixed: Buffer,
}

/// What a block leaves for the backward pass; rows begin with those it computes.
#[derive(Debug, Clone, Default)]
pub(super) struct BlockActivations {
    pub(super) time: Attended,
    pub(super) space: Attended,
    pub(super) normalized: Normalized,
    pub(super) normed: Buffer,
    /// `[tokens, padded mlp]`.
    pub(super) up: Buffer,
}

/// Results of a forward pass.
#[derive(Debug, Clone, Default)]
pub(in crate::nn::memory) struct TransformerActivations {
    pub(super) tokens: TokenActivations,
    pub(super) blocks: Vec<BlockActivations>,
    /// `[tokens, padded]`: the residual stream.
    pub(super) y: Buffer,
    pub(super) normalized: Normalized,
    /// `[tokens, padded]` after the last norm.
    pub(super) normed: Buffer,
    pub(super) pooling: Pooling,
    /// `[M, B]`: the first moment that each sees.
    pub(super) reach: Vec<usize>,
    pub(super) head: HeadLane,
    /// `[M, B, padded]`; only those from `from` on are valid.
    pub(in crate::nn::memory) features: Buffer,
}

/// `out = data · W + b`, or with another finish.
pub(super) fn apply(linear: &Linear, parameters: &[f32], data: &[f32], finish: Finish<'_>, out: &mut [f32]) {
    let rows = out.len() / linear.width;
    Product {
        left: Left::Rows { data, stride: data.len() / rows.max(1) },
        right: linear.weights(parameters),
        rows,
        inner: linear.inputs,
        width: linear.width,
        finish,
        out,
    }
    .run();
}

/// Normalizes `y` without a ReLU.
pub(super) fn normalize(norm: &Norm, parameters: &[f32], y: &[f32], kept: &mut Normalized, out: &mut Buffer) {
    kept.values.resize(y.len());
    kept.values.copy_from_slice(y);
    out.resize(y.len());
    norm.forward(parameters, kept, f32::NEG_INFINITY, out);
}

/// `y ← y + data · W + b`.
pub(super) fn add(linear: &Linear, parameters: &[f32], data: &[f32], y: &mut [f32]) {
    let bias = linear.biases(parameters);
    let rows = y.chunks_exact_mut(linear.width);
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for row in rows {
                row.iter_mut().zip(bias).for_each(|(y, bias)| *y += bias);
            }
        },
    );
    apply(linear, parameters, data, Finish::Add, y);
}

impl Transformer {
    /// Features of all moments from `from` on.
    pub(in crate::nn::memory) fn forward(
        &self,
        parameters: &[f32],
        moments: &Moments<'_>,
        from: usize,
        a: &mut TransformerActivations,
    ) {
        self.tokens.forward(parameters, moments, &mut a.tokens, &mut a.y);
        a.blocks.resize_with(self.blocks.len(), BlockActivations::default);
        self.look_back(moments, &mut a.reach);
        for index in 0..self.blocks.len() {
            let begin = self.begin(index, from);
            let attended = &mut a.blocks[index].time;
            self.read(&self.blocks[index].time, parameters, &a.y, attended);
            self.over_time(
                &self.blocks[index].time,
                parameters,
                moments,
                begin,
                &a.reach,
                attended,
                &mut a.head,
            );
            self.rest_of_block(index, parameters, begin * moments.batch * self.tokens.cells(), a);
        }
        self.finish(parameters, moments, from, a);
    }

    /// First moment at which block `index` asks.
    pub(super) fn begin(&self, index: usize, from: usize) -> usize {
        if index + 1 == self.blocks.len() { from } else { 0 }
    }

    /// Norm, query, key and value of all tokens in `y`.
    pub(super) fn read(&self, attention: &Attention, parameters: &[f32], y: &[f32], attended: &mut Attended) {
        let Attended { normalized, normed, qkv, mixed } = attended;
        normalize(&attention.norm, parameters, y, normalized, normed);
        let linear = &attention.qkv;
        qkv.resize(y.len() / self.padded * linear.width);
        apply(linear, parameters, normed, Finish::Bias(linear.biases(parameters)), qkv);
        mixed.resize(y.len());
        mixed.fill(0.0);
    }

    /// A block behind its attention over time, for the tokens from `skip` on.
    pub(super) fn rest_of_block(
        &self,
        index: usize,
        parameters: &[f32],
        skip: usize,
        a: &mut TransformerActivations,
    ) {
        let (block, kept) = (&self.blocks[index], &mut a.blocks[index]);
        let y = &mut a.y[skip * self.padded..];
        add(&block.time.output, parameters, &kept.time.mixed[skip * self.padded..], y);
        if let Some(space) = &block.space {
            self.read(space, parameters, y, &mut kept.space);
            self.over_space(&mut kept.space, &mut a.head);
            add(&space.output, parameters, &kept.space.mixed, y);
        }
        normalize(&block.norm, parameters, y, &mut kept.normalized, &mut kept.normed);
        kept.up.resize(y.len() / self.padded * block.up.width);
        let finish = Finish::BiasRelu(block.up.biases(parameters));
        apply(&block.up, parameters, &kept.normed, finish, &mut kept.up);
        add(&block.down, parameters, &kept.up, y);
    }

    /// What comes after the last block, for moments from `from` on.
    pub(super) fn finish(
        &self,
        parameters: &[f32],
        moments: &Moments<'_>,
        from: usize,
        a: &mut TransformerActivations,
    ) {
        let cells = self.tokens.cells();
        let skip = from * moments.batch * self.padded;
        normalize(&self.norm, parameters, &a.y[skip * cells..], &mut a.normalized, &mut a.normed);
        a.features.resize(moments.rows() * self.padded);
        match self.pool {
            None => a.features[skip..].copy_from_slice(&a.normed),
            Some(pool) => {
                let pool = &parameters[pool..pool + self.padded];
                a.pooling.forward(self, pool, &a.normed, &mut a.features[skip..]);
            }
        }
    }

    /// Fills `reach` with the first moment that each of `[M, B]` sees: `t − s < window`, and no start in `(s, t]`.
    fn look_back(&self, moments: &Moments<'_>, reach: &mut Vec<usize>) {
        reach.clear();
        for t in 0..moments.count {
            for b in 0..moments.batch {
                let before = t.checked_sub(1).map_or(0, |before| reach[before * moments.batch + b]);
                let first = if moments.keep(t, b) == 0.0 { t } else { before };
                reach.push(first.max((t + 1).saturating_sub(self.window)));
            }
        }
    }

    /// Attention of every cell to its own past, for moments from `begin` on.
    fn over_time(
        &self,
        attention: &Attention,
        parameters: &[f32],
        moments: &Moments<'_>,
        begin: usize,
        reach: &[usize],
        attended: &mut Attended,
        scratch: &mut HeadLane,
    ) {
        let (cells, width) = (self.tokens.cells(), self.width / self.heads);
        let lanes = moments.batch * cells;
        let Attended { qkv, mixed, .. } = attended;
        for head in 0..self.heads {
            let bias = self.by_distance(attention, parameters, head);
            // Consuming a captured value makes it an `FnOnce` closure, which is reliably inlined.
            let bases = 0..lanes;
            Arch::new().dispatch(
                #[inline(always)]
                || {
                    for base in bases {
                        let lane = Lane { base, step: lanes, count: moments.count };
                        scratch.gather(qkv, lane, self.padded, head, width);
                        for t in begin..moments.count {
                            let range = [reach[t * moments.batch + base / cells], t + 1];
                            let bias = &bias[self.window - (range[1] - range[0])..];
                            let out = &mut mixed[(base + t * lanes) * self.padded + head * width..][..width];
                            scratch.attend_token(t, range, bias, out);
                        }
                    }
                },
            );
        }
    }

    /// Attention of the cells of every moment to each other.
    fn over_space(&self, attended: &mut Attended, scratch: &mut HeadLane) {
        let (cells, width) = (self.tokens.cells(), self.width / self.heads);
        let Attended { qkv, mixed, .. } = attended;
        let moments = mixed.len() / self.padded / cells;
        let places = (0..moments).flat_map(|row| (0..self.heads).map(move |head| (row * cells, head)));
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (base, head) in places {
                    let lane = Lane { base, step: 1, count: cells };
                    scratch.gather(qkv, lane, self.padded, head, width);
                    for u in 0..cells {
                        let out = &mut mixed[(base + u) * self.padded + head * width..][..width];
                        scratch.attend_token(u, [0, cells], &[], out);
                    }
                }
            },
        );
    }

    /// The biases of a head from the furthest distance to none.
    pub(super) fn by_distance(&self, attention: &Attention, parameters: &[f32], head: usize) -> Vec<f32> {
        let start = attention.relative.unwrap_or_default() + head * self.window;
        parameters[start..start + self.window].iter().rev().copied().collect()
    }
}
