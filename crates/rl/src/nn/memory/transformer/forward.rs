//! The forward pass of the transformer over a batch of sequences.
//!
//! In the last block nothing but keys and values of the burn-in is used, so nothing else is computed of it.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::attention::{HeadLane, Heads, Lane, copy};
use super::blocks::BLOCK;
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
    out.resize(y.len());
    norm.forward(parameters, Some(y), kept, f32::NEG_INFINITY, out);
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
        if self.width < self.padded {
            mixed.fill(0.0);
        }
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
        let cells = self.tokens.cells();
        let Attended { qkv, mixed, .. } = attended;
        for head in 0..self.heads {
            scratch.look_back(self.by_distance(attention, parameters, head));
            let (lanes, heads) = (moments.batch * cells, self.sizes());
            let [batch, count] = [moments.batch, moments.count];
            Arch::new().dispatch(OverTime {
                lanes,
                cells,
                batch,
                count,
                begin,
                reach,
                qkv,
                mixed,
                heads,
                head,
                scratch,
            });
        }
    }

    /// Attention of the cells of every moment to each other.
    fn over_space(&self, attended: &mut Attended, scratch: &mut HeadLane) {
        let cells = self.tokens.cells();
        let Attended { qkv, mixed, .. } = attended;
        scratch.look_around(cells);
        for head in 0..self.heads {
            Arch::new().dispatch(OverSpace { cells, qkv, mixed, heads: self.sizes(), head, scratch });
        }
    }

    /// Widths of rows and heads.
    pub(super) fn sizes(&self) -> Heads {
        Heads { padded: self.padded, width: self.width / self.heads }
    }

    /// The biases of a head by distance.
    pub(super) fn by_distance<'a>(
        &self,
        attention: &Attention,
        parameters: &'a [f32],
        head: usize,
    ) -> &'a [f32] {
        &parameters[attention.relative.unwrap_or_default() + head * self.window..][..self.window]
    }
}

/// Attention over time of one head.
struct OverTime<'a> {
    /// Cells of all sequences, and of one.
    lanes: usize,
    cells: usize,
    batch: usize,
    count: usize,
    begin: usize,
    reach: &'a [usize],
    qkv: &'a [f32],
    mixed: &'a mut [f32],
    heads: Heads,
    head: usize,
    scratch: &'a mut HeadLane,
}

impl WithSimd for OverTime<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { lanes, cells, batch, count, begin, reach, qkv, mixed, heads, head, scratch } = self;
        for base in 0..lanes {
            let lane = Lane { base, step: lanes, count };
            scratch.gather(qkv, lane, heads, head);
            for block in blocks(begin, count) {
                let seen = seen(&block, reach, batch, base / cells);
                scratch.attend(simd, block.clone(), &seen[..block.len()], heads.width, |t, made| {
                    let row = (base + t * lanes) * heads.padded + head * heads.width;
                    copy(&mut mixed[row..row + made.len()], made);
                });
            }
        }
    }
}

/// Attention over space of one head.
struct OverSpace<'a> {
    cells: usize,
    qkv: &'a [f32],
    mixed: &'a mut [f32],
    heads: Heads,
    head: usize,
    scratch: &'a mut HeadLane,
}

impl WithSimd for OverSpace<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { cells, qkv, mixed, heads, head, scratch } = self;
        for base in (0..mixed.len() / heads.padded).step_by(cells) {
            scratch.gather(qkv, Lane { base, step: 1, count: cells }, heads, head);
            for block in blocks(0, cells) {
                let seen = &[0; BLOCK][..block.len()];
                scratch.attend(simd, block, seen, heads.width, |u, made| {
                    let row = (base + u) * heads.padded + head * heads.width;
                    copy(&mut mixed[row..row + made.len()], made);
                });
            }
        }
    }
}

/// Tokens from `begin` to `end` in blocks.
pub(super) fn blocks(begin: usize, end: usize) -> impl Iterator<Item = Range<usize>> {
    (begin..end).step_by(BLOCK).map(move |start| start..end.min(start + BLOCK))
}

/// The first moment that each of `block` sees in sequence `b` of `batch`.
#[inline(always)]
pub(super) fn seen(block: &Range<usize>, reach: &[usize], batch: usize, b: usize) -> [usize; BLOCK] {
    let mut seen = [usize::MAX; BLOCK];
    seen.iter_mut().zip(block.clone()).for_each(|(seen, t)| *seen = reach[t * batch + b]);
    seen
}
