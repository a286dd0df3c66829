//! LSTM (Hochreiter & Schmidhuber 1997) and GRU (Cho et al. 2014) over a batch of sequences, as PyTorch's
//! `nn.LSTM` and `nn.GRU`: layout and forward pass. `cells` is the elementwise part, `backward` the gradient.
//!
//! The input's part of the gates is one product over all moments; only the product with the hidden state goes
//! moment by moment, over all sequences at once.

mod backward;
mod cells;

use pulp::Arch;
use rand::RngExt as _;

use super::config::Recurrent;
use super::moments::Moments;
use super::slots::Slot;
use crate::mdp::Rng;
use crate::nn::buffer::{Buffer, padded};
use crate::nn::kernel::{Finish, Left, Product};
use crate::nn::network::linear::Linear;
pub(super) use backward::{CellBackward, weights};
use cells::{GruStep, LstmStep};

/// Which cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Gates i, f, g, o.
    Lstm,
    /// Gates r, z, n.
    Gru,
}

impl Kind {
    fn gates(self) -> usize {
        match self {
            Self::Lstm => 4,
            Self::Gru => 3,
        }
    }
}

/// A recurrent cell and the ReLU layer before it in the flat parameters of a network.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    kind: Kind,
    /// Entries of an input row.
    inputs: usize,
    hidden: usize,
    /// Padded `hidden`: stride of a gate and of a state.
    width: usize,
    embed: Option<Linear>,
    /// `W_ih`, `b_ih`.
    input: Linear,
    /// `W_hh`, `b_hh`.
    recurrent: Linear,
    skip: bool,
    timescale: Option<usize>,
}

/// Rows of gates that are made at once.
const ROWS: usize = 64;

/// Results of a forward pass. Without a backward pass there are only those of one moment, and the gates of a few.
#[derive(Debug, Clone, Default)]
pub(super) struct CellActivations {
    /// `[M, B, padded embed]`: what the cell reads, if that is not the input itself.
    embedded: Buffer,
    /// `[M, B, gates · width]`: activations of the gates.
    gates: Buffer,
    /// `[M, B, 3 · width]`: a GRU's sums over h.
    recurrent: Buffer,
    /// `[M + 1, B, width]`: h before every moment, after its reset; after the last one.
    hidden: Buffer,
    /// `[M + 1, B, width]`: the same of an LSTM's c.
    cells: Buffer,
    /// `[M, B, width]`: tanh of c.
    squashed: Buffer,
    /// `b_ih`, and for an LSTM `b_hh` on top.
    bias: Buffer,
    /// `[M, B, features]`.
    pub(super) features: Buffer,
}

impl Cell {
    /// A cell over rows of `inputs`; its parameters start at `end`.
    pub(super) fn new(kind: Kind, sizes: &Recurrent, inputs: usize, end: &mut usize) -> Self {
        let rows = |count: usize| (0..count as u32).collect();
        let embed = sizes.embed.map(|width| Linear::new(inputs, width, rows(inputs), end));
        let read = sizes.embed.unwrap_or(inputs);
        let width = padded(sizes.hidden);
        let input = Linear::new(read, kind.gates() * width, rows(read), end);
        let recurrent = Linear::new(sizes.hidden, kind.gates() * width, rows(sizes.hidden), end);
        let (hidden, skip, timescale) = (sizes.hidden, sizes.skip, sizes.timescale);
        Self { kind, inputs, hidden, width, embed, input, recurrent, skip, timescale }
    }

    /// Stride of a feature row, and where in it the saved entries stand: `[h, e]` with `skip`, else h.
    pub(super) fn features(&self) -> (usize, Vec<u32>) {
        let (hidden, width) = (self.hidden as u32, self.width as u32);
        if !self.skip {
            return (self.width, (0..hidden).collect());
        }
        let read = self.input.inputs as u32;
        (self.width + padded(self.input.inputs), (0..hidden).chain(width..width + read).collect())
    }

    /// Floats of a state: h, then c of an LSTM.
    pub(super) fn state_width(&self) -> usize {
        match self.kind {
            Kind::Lstm => 2 * self.hidden,
            Kind::Gru => self.hidden,
        }
    }

    /// Entries of a feature row that are the hidden state, the first ones.
    pub(super) fn units(&self) -> usize {
        self.hidden
    }

    /// Multiply-adds for one moment.
    pub(super) fn work(&self) -> usize {
        self.embed.as_ref().map_or(0, Linear::work) + self.input.work() + self.recurrent.work()
    }

    /// Its named tensors.
    pub(super) fn slots(&self) -> Vec<Slot> {
        let columns = || -> Vec<usize> {
            (0..self.kind.gates())
                .flat_map(|gate| (0..self.hidden).map(move |j| gate * self.width + j))
                .collect()
        };
        let mut slots: Vec<Slot> =
            self.embed.iter().flat_map(|linear| Slot::pair("memory.embed", linear)).collect();
        for (suffix, linear) in [("ih", &self.input), ("hh", &self.recurrent)] {
            let inner = [linear.rows.len()];
            slots.push(Slot::weight(format!("memory.rnn.weight_{suffix}"), linear, columns(), &inner));
            slots.push(Slot::vector(format!("memory.rnn.bias_{suffix}"), linear.bias, columns()));
        }
        slots
    }

    /// Draws all parameters: uniform in ±1/√hidden for the cell, ±1/√inputs for the layer before it, as PyTorch; the biases
    /// of the gates that keep a memory by the timescale, if there is one.
    pub(super) fn draw(&self, parameters: &mut [f32], rng: &mut Rng) {
        for slot in self.slots() {
            let inputs = if slot.name.starts_with("memory.rnn") { self.hidden } else { self.inputs };
            let bound = 1.0 / (inputs.max(1) as f32).sqrt();
            slot.places().for_each(|place| parameters[place] = bound * (2.0 * rng.random::<f32>() - 1.0));
        }
        // The second gate keeps: f of an LSTM, z of a GRU. The first of an LSTM writes.
        let Some(timescale) = self.timescale else { return };
        for unit in 0..self.hidden {
            let bias = Recurrent::keeping_bias(timescale, rng);
            let mut set = |gate: usize, value: f32| {
                let column = gate * self.width + unit;
                parameters[self.input.bias + column] = value;
                parameters[self.recurrent.bias + column] = 0.0;
            };
            set(1, bias);
            if self.kind == Kind::Lstm {
                set(0, -bias);
            }
        }
    }

    /// What the cell reads, and its row stride.
    fn read<'a>(&self, moments: &Moments<'a>, embedded: &'a [f32]) -> (&'a [f32], usize) {
        match &self.embed {
            Some(linear) => (embedded, linear.width),
            None => (moments.inputs, self.inputs),
        }
    }

    /// Features of all moments, from `states`, `[B, state_width]`, or from zeros if that is empty. What a backward pass
    /// reads stays only if `keep`.
    pub(super) fn forward(
        &self,
        parameters: &[f32],
        moments: &Moments<'_>,
        states: &[f32],
        keep: bool,
        activations: &mut CellActivations,
    ) {
        let (rows, batch) = (moments.rows(), moments.batch);
        let wide = self.kind.gates() * self.width;
        let a = activations;
        if let Some(linear) = &self.embed {
            a.embedded.resize(rows * linear.width);
            Product {
                left: Left::Rows { data: moments.inputs, stride: self.inputs },
                right: linear.weights(parameters),
                rows,
                inner: linear.inputs,
                width: linear.width,
                finish: Finish::BiasRelu(linear.biases(parameters)),
                out: &mut a.embedded,
            }
            .run();
        }
        a.bias.resize(wide);
        a.bias.copy_from_slice(self.input.biases(parameters));
        if self.kind == Kind::Lstm {
            let biases = a.bias.iter_mut().zip(self.recurrent.biases(parameters));
            biases.for_each(|(sum, bias)| *sum += bias);
        }
        // Moments whose input products are made at once, so that the recurrence finds them in the cache.
        let block = (ROWS / batch).max(1);
        a.gates.resize(if keep { rows * wide } else { block.min(moments.count) * batch * wide });
        self.begin(moments, states, keep, a);
        for begin in (0..moments.count).step_by(block) {
            let end = moments.count.min(begin + block);
            let (data, stride) = self.read(moments, &a.embedded);
            let place = if keep { begin * batch * wide } else { 0 };
            Product {
                left: Left::Rows { data: &data[begin * batch * stride..], stride },
                right: self.input.weights(parameters),
                rows: (end - begin) * batch,
                inner: self.input.inputs,
                width: wide,
                finish: Finish::Bias(&a.bias),
                out: &mut a.gates[place..place + (end - begin) * batch * wide],
            }
            .run();
            for t in begin..end {
                self.step(parameters, moments, t, place + (t - begin) * batch * wide, keep, a);
            }
        }
    }

    /// Moment `t`, whose gates stand from float `place` on.
    fn step(
        &self,
        parameters: &[f32],
        moments: &Moments<'_>,
        t: usize,
        place: usize,
        keep: bool,
        a: &mut CellActivations,
    ) {
        let (batch, width, stride) = (moments.batch, self.width, self.features_stride());
        let wide = self.kind.gates() * width;
        let starts = moments.starts_at(t + 1);
        let CellActivations { gates, recurrent, hidden, cells, squashed, features, .. } = a;
        let (hidden, after) = neighbours(hidden, batch * width, t, keep);
        let gates = &mut gates[place..place + batch * wide];
        let features = &mut features[t * batch * stride..][..batch * stride];
        let kept = if keep { t } else { 0 };
        let product = Product {
            left: Left::Rows { data: hidden, stride: width },
            right: self.recurrent.weights(parameters),
            rows: batch,
            inner: self.hidden,
            width: wide,
            finish: Finish::Add,
            out: gates,
        };
        match self.kind {
            Kind::Lstm => {
                product.run();
                let (before, cells) = neighbours(cells, batch * width, t, keep);
                let gates = &mut gates[..];
                let squashed = &mut squashed[kept * batch * width..][..batch * width];
                Arch::new().dispatch(LstmStep {
                    width,
                    starts,
                    gates,
                    before,
                    after: cells,
                    squashed,
                    hidden: after,
                    features,
                    stride,
                });
            }
            Kind::Gru => {
                let recurrent = &mut recurrent[kept * batch * wide..][..batch * wide];
                let bias = Finish::Bias(self.recurrent.biases(parameters));
                Product { finish: bias, out: &mut *recurrent, ..product }.run();
                Arch::new().dispatch(GruStep {
                    width,
                    starts,
                    gates,
                    recurrent,
                    before: hidden,
                    hidden: after,
                    features,
                    stride,
                });
            }
        }
    }

    fn features_stride(&self) -> usize {
        self.width + if self.skip { padded(self.input.inputs) } else { 0 }
    }

    /// Sizes the buffers, writes the states before the first moment and, with `skip`, what the cell reads.
    fn begin(&self, moments: &Moments<'_>, states: &[f32], keep: bool, a: &mut CellActivations) {
        let (rows, batch, width, hidden) = (moments.rows(), moments.batch, self.width, self.hidden);
        let kept = if keep { moments.count } else { 1 };
        a.hidden.resize((kept + 1) * batch * width);
        match self.kind {
            Kind::Lstm => {
                a.cells.resize((kept + 1) * batch * width);
                a.squashed.resize(kept * batch * width);
            }
            Kind::Gru => a.recurrent.resize(kept * batch * 3 * width),
        }
        let parts = [Some(&mut a.hidden), (self.kind == Kind::Lstm).then_some(&mut a.cells)];
        for (part, buffer) in parts.into_iter().flatten().enumerate() {
            buffer[..batch * width].fill(0.0);
            let rows = states.chunks_exact(self.state_width()).zip(buffer.chunks_exact_mut(width));
            for (b, (state, row)) in rows.enumerate() {
                let keep = moments.keep(0, b);
                let values = state[part * hidden..][..hidden].iter().zip(row);
                values.for_each(|(from, to)| *to = keep * from);
            }
        }
        let stride = self.features_stride();
        a.features.resize(rows * stride);
        if self.skip {
            let (data, from) = self.read(moments, &a.embedded);
            for (row, features) in data.chunks_exact(from).zip(a.features.chunks_exact_mut(stride)) {
                let (read, padding) = features[width..].split_at_mut(from);
                read.copy_from_slice(row);
                padding.fill(0.0);
            }
        }
    }

    /// Writes the states after a pass over one moment to `states`, `[B, state_width]`.
    pub(super) fn end(&self, moments: &Moments<'_>, a: &CellActivations, states: &mut [f32]) {
        let (width, hidden) = (self.width, self.hidden);
        let last = moments.batch * width;
        let parts = [Some(&a.hidden), (self.kind == Kind::Lstm).then_some(&a.cells)];
        for (part, buffer) in parts.into_iter().flatten().enumerate() {
            let rows = states.chunks_exact_mut(self.state_width()).zip(buffer[last..].chunks_exact(width));
            rows.for_each(|(state, row)| state[part * hidden..][..hidden].copy_from_slice(&row[..hidden]));
        }
    }
}

/// The states before moment `t` and those after it, `each` floats: one behind the other, or in turns if they are not kept.
fn neighbours(states: &mut [f32], each: usize, t: usize, keep: bool) -> (&[f32], &mut [f32]) {
    if !keep && t % 2 == 1 {
        let (after, before) = states.split_at_mut(each);
        return (&before[..each], after);
    }
    let t = if keep { t } else { 0 };
    let (before, after) = states.split_at_mut((t + 1) * each);
    (&before[t * each..], &mut after[..each])
}
