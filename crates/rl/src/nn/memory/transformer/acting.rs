//! Acting with the transformer, one moment at a time: keys and values of earlier moments are kept, as many as the
//! window reaches, so that one query per cell and block suffices. Biases go by distance, hence nothing kept has to
//! be computed anew when the window moves on.
//!
//! A state is one row of floats: how many moments are kept, the place of the next one, and for every block a ring
//! of `window − 1` moments of `[cells, key and value, width]`.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::Transformer;
use super::attention::{HeadLane, Heads};
use super::forward::{Attended, BlockActivations, TransformerActivations};
use crate::nn::memory::moments::Moments;

/// Floats of a state before its rings.
pub(super) const HEADER: usize = 2;

impl Transformer {
    /// Floats of one kept moment in one block.
    pub(super) fn kept(&self) -> usize {
        2 * self.tokens.cells() * self.width
    }

    /// Floats of a state.
    pub(in crate::nn::memory) fn state_width(&self) -> usize {
        HEADER + self.blocks.len() * (self.window - 1) * self.kept()
    }

    /// Features of one moment, with `states`, `[B, state_width]`, replaced by those after it.
    pub(in crate::nn::memory) fn act(
        &self,
        parameters: &[f32],
        moments: &Moments<'_>,
        states: &mut [f32],
        a: &mut TransformerActivations,
    ) {
        self.tokens.forward(parameters, moments, &mut a.tokens, &mut a.y);
        a.blocks.resize_with(self.blocks.len(), BlockActivations::default);
        let width = self.state_width();
        for (b, state) in states.chunks_exact_mut(width).enumerate() {
            if moments.keep(0, b) == 0.0 {
                state[..HEADER].fill(0.0);
            }
        }
        for index in 0..self.blocks.len() {
            self.read(&self.blocks[index].time, parameters, &a.y, &mut a.blocks[index].time);
            for (b, state) in states.chunks_exact_mut(width).enumerate() {
                self.recall(index, parameters, b, state, a);
            }
            self.rest_of_block(index, parameters, 0, a);
        }
        for state in states.chunks_exact_mut(width) {
            let [count, place] = self.header(state);
            let room = self.window - 1;
            state[0] = (count + 1).min(room) as f32;
            state[1] = if room == 0 { 0.0 } else { ((place + 1) % room) as f32 };
        }
        self.finish(parameters, moments, 0, a);
    }

    /// How many moments a state keeps and the place of the next one; whatever stands there, within the ring.
    pub(super) fn header(&self, state: &[f32]) -> [usize; 2] {
        let room = self.window - 1;
        [(state[0] as usize).min(room), (state[1] as usize).min(room.saturating_sub(1))]
    }

    /// Attention over time of sequence `b` in block `index`, to what its state keeps and to the present moment, whose
    /// key and value it then keeps.
    fn recall(
        &self,
        index: usize,
        parameters: &[f32],
        b: usize,
        state: &mut [f32],
        a: &mut TransformerActivations,
    ) {
        let (cells, padded) = (self.tokens.cells(), self.padded);
        let ([count, place], room) = (self.header(state), self.window - 1);
        let kept = self.kept();
        let ring = &mut state[HEADER + index * room * kept..][..room * kept];
        let TransformerActivations { blocks, head: scratch, .. } = a;
        let Attended { qkv, mixed, .. } = &mut blocks[index].time;
        for head in 0..self.heads {
            scratch.look_back(self.by_distance(&self.blocks[index].time, parameters, head));
            Arch::new().dispatch(Recall {
                cells: b * cells..(b + 1) * cells,
                ring,
                kept,
                count,
                place,
                qkv,
                mixed,
                heads: self.sizes(),
                head,
                scratch,
            });
        }
        if room > 0 {
            let kept = ring[place * self.kept()..][..self.kept()].chunks_exact_mut(2 * self.width);
            for (u, kept) in kept.enumerate() {
                let row = &qkv[(b * cells + u) * 3 * padded..][..3 * padded];
                let (key, value) = kept.split_at_mut(self.width);
                key.copy_from_slice(&row[padded..][..self.width]);
                value.copy_from_slice(&row[2 * padded..][..self.width]);
            }
        }
    }
}

/// Attention over time of one head to what a state keeps and to the present moment.
struct Recall<'a> {
    /// Rows of the sequence's cells.
    cells: Range<usize>,
    ring: &'a [f32],
    /// Floats of one kept moment.
    kept: usize,
    count: usize,
    place: usize,
    qkv: &'a [f32],
    mixed: &'a mut [f32],
    heads: Heads,
    head: usize,
    scratch: &'a mut HeadLane,
}

impl WithSimd for Recall<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { cells, ring, kept, count, place, qkv, mixed, heads, head, scratch } = self;
        let (room, slice) = (ring.len() / kept, head * heads.width..(head + 1) * heads.width);
        let width = kept / (2 * cells.len());
        for (u, row) in cells.enumerate() {
            let qkv = &qkv[row * 3 * heads.padded..][..3 * heads.padded];
            let part = |which: usize| &qkv[which * heads.padded..][slice.clone()];
            scratch.begin(count + 1, heads.width);
            scratch.ask(count, part(0));
            for s in 0..count {
                // The oldest first.
                let at = (place + room - count + s) % room;
                let (key, value) = ring[at * kept + u * 2 * width..][..2 * width].split_at(width);
                scratch.remember(s, &key[slice.clone()], &value[slice.clone()]);
            }
            scratch.remember(count, part(1), part(2));
            scratch.remembered(count + 1);
            scratch.attend(simd, count..count + 1, &[0], heads.width, |_, made| {
                mixed[row * heads.padded..][slice.clone()].copy_from_slice(made);
            });
        }
    }
}
