//! Backpropagation through time (Werbos 1990) of a recurrent cell: the gradient with respect to the state goes
//! back moment by moment, all other products are over all moments at once.

use pulp::Arch;

use super::cells::{GruBack, LstmBack};
use super::{Cell, CellActivations, Kind};
use crate::nn::buffer::{Buffer, column_sums, padded, transpose};
use crate::nn::kernel::{Finish, Left, Product};
use crate::nn::memory::moments::Moments;
use crate::nn::network::linear::Linear;

/// Buffers of a backward pass.
#[derive(Debug, Clone, Default)]
pub(in crate::nn::memory) struct CellBackward {
    /// `[M, B, gates · width]`: gradient of the gates' sums over the input.
    sums: Buffer,
    /// `[M, B, 3 · width]`: of a GRU's sums over h.
    over: Buffer,
    /// `[B, width]`: gradient of h and of c.
    hidden: Buffer,
    cell: Buffer,
    /// `[M, B, padded embed]`: gradient of what the cell reads.
    embedded: Buffer,
    /// `W_hhᵀ`.
    recurrent: Buffer,
    /// `W_ihᵀ`.
    input: Buffer,
}

impl Cell {
    /// Fills the cell's part of `gradient`. `features`, `[.., B, stride]`, is the gradient with respect to the
    /// features from moment `from` on; moments before `first` ≤ `from`, and the state they leave, are constant.
    pub(in crate::nn::memory) fn backward(
        &self,
        parameters: &[f32],
        moments: &Moments<'_>,
        [first, from]: [usize; 2],
        activations: &CellActivations,
        features: &[f32],
        scratch: &mut CellBackward,
        gradient: &mut [f32],
    ) {
        let (batch, wide) = (moments.batch, self.kind.gates() * self.width);
        let rows = (moments.count - first) * batch;
        self.through_time(parameters, moments, [first, from], activations, features, scratch);
        let over = if self.kind == Kind::Lstm { &scratch.sums } else { &scratch.over };
        let hidden = &activations.hidden[first * batch * self.width..];
        weights(&self.recurrent, hidden, self.width, over, gradient);
        let (data, stride) = self.read(moments, &activations.embedded);
        let data = &data[first * batch * stride..];
        weights(&self.input, data, stride, &scratch.sums, gradient);
        let Some(embed) = &self.embed else { return };
        scratch.input.resize(wide * padded(self.input.inputs));
        transpose(self.input.weights(parameters), self.input.inputs, wide, &mut scratch.input);
        let delta = &mut scratch.embedded;
        delta.resize(rows * embed.width);
        let product = Product {
            left: Left::Rows { data: &scratch.sums, stride: wide },
            right: &scratch.input,
            rows,
            inner: wide,
            width: embed.width,
            finish: Finish::Mask(data),
            out: delta,
        };
        if self.skip {
            let stride = self.features_stride();
            let (without, with) = product.out.split_at_mut((from - first) * batch * embed.width);
            without.fill(0.0);
            let rows = with.chunks_exact_mut(embed.width).zip(features.chunks_exact(stride));
            rows.for_each(|(row, features)| row.copy_from_slice(&features[self.width..]));
            Product { finish: Finish::Add, ..product }.run();
            let pairs = delta.iter_mut().zip(data);
            Arch::new().dispatch(
                #[inline(always)]
                || pairs.for_each(|(delta, value)| *delta = if *value > 0.0 { *delta } else { 0.0 }),
            );
        } else {
            product.run();
        }
        let data = &moments.inputs[first * batch * self.inputs..];
        weights(embed, data, self.inputs, delta, gradient);
    }

    /// Fills `scratch` with the gradients of the gates' sums from moment `first` on.
    fn through_time(
        &self,
        parameters: &[f32],
        moments: &Moments<'_>,
        [first, from]: [usize; 2],
        activations: &CellActivations,
        features: &[f32],
        scratch: &mut CellBackward,
    ) {
        let (batch, width, stride) = (moments.batch, self.width, self.features_stride());
        let wide = self.kind.gates() * width;
        let CellBackward { sums, over, hidden, cell, recurrent, .. } = scratch;
        let rows = (moments.count - first) * batch;
        sums.resize(rows * wide);
        over.resize(if self.kind == Kind::Gru { rows * wide } else { 0 });
        recurrent.resize(wide * width);
        transpose(self.recurrent.weights(parameters), self.hidden, wide, recurrent);
        for state in [&mut *hidden, &mut *cell] {
            state.resize(batch * width);
            state.fill(0.0);
        }
        for t in (first..moments.count).rev() {
            let starts = moments.starts_at(t + 1);
            let at = |each: usize| t * batch * each..(t + 1) * batch * each;
            let own = (t - first) * batch * wide..(t + 1 - first) * batch * wide;
            let features = match t.checked_sub(from) {
                Some(t) => &features[t * batch * stride..][..batch * stride],
                None => &[],
            };
            let gates = &activations.gates[at(wide)];
            let (left, finish) = match self.kind {
                Kind::Lstm => {
                    let sums = &mut sums[own];
                    let (before, squashed) =
                        (&activations.cells[at(width)], &activations.squashed[at(width)]);
                    let (hidden, cell) = (&**hidden, &mut **cell);
                    Arch::new().dispatch(LstmBack {
                        width,
                        starts,
                        gates,
                        before,
                        squashed,
                        features,
                        stride,
                        hidden,
                        cell,
                        sums: &mut *sums,
                    });
                    (&*sums, Finish::Store)
                }
                Kind::Gru => {
                    let (sums, over) = (&mut sums[own.clone()], &mut over[own]);
                    let (before, recurrent) =
                        (&activations.hidden[at(width)], &activations.recurrent[at(wide)]);
                    let (hidden, over_all) = (&mut **hidden, &mut *over);
                    Arch::new().dispatch(GruBack {
                        width,
                        starts,
                        gates,
                        recurrent,
                        before,
                        features,
                        stride,
                        hidden,
                        sums,
                        over: over_all,
                    });
                    (&*over, Finish::Add)
                }
            };
            if t > first {
                Product {
                    left: Left::Rows { data: left, stride: wide },
                    right: recurrent,
                    rows: batch,
                    inner: wide,
                    width,
                    finish,
                    out: hidden,
                }
                .run();
            }
        }
    }
}

/// Rows that the gradient of weights is summed over at once: what is read of them stays in the first-level cache.
const WEIGHT_ROWS: usize = 128;

/// `dL/dW = dataᵀ · delta`, `dL/db = Σ_rows delta`.
pub(in crate::nn::memory) fn weights(
    linear: &Linear,
    data: &[f32],
    stride: usize,
    delta: &[f32],
    gradient: &mut [f32],
) {
    let (weight, bias) = linear.gradients(gradient);
    let blocks = delta.chunks(WEIGHT_ROWS * linear.width).zip(data.chunks(WEIGHT_ROWS * stride));
    for (index, (delta, data)) in blocks.enumerate() {
        Product {
            left: Left::Columns { data, stride },
            right: delta,
            rows: linear.inputs,
            inner: delta.len() / linear.width,
            width: linear.width,
            finish: if index == 0 { Finish::Store } else { Finish::Continue },
            out: weight,
        }
        .run();
    }
    column_sums(delta, bias);
}
