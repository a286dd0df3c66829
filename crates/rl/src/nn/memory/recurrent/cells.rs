//! The elementwise part of a recurrent cell, one moment of all sequences at a time, forward and backward. The
//! products around it are in `mod` and `backward`.
//!
//! Gates of a sequence stand side by side, `[gates, width]` each, in the order of the saved tensors. Padding is zero in
//! all that is read and stays so.

use pulp::Arch;

use crate::nn::memory::fast::{sigmoid, tanh};

/// One moment of an LSTM: buffers `[B, …]`.
pub(super) struct LstmStep<'a> {
    pub(super) width: usize,
    /// `[B, 4 · width]`: sums of i, f, g, o; activations afterwards.
    pub(super) gates: &'a mut [f32],
    /// `[B, width]`: c before.
    pub(super) before: &'a [f32],
    /// `[B, width]`: c after, times the next moment's `keep`.
    pub(super) after: &'a mut [f32],
    /// `[B, width]`: tanh of c.
    pub(super) squashed: &'a mut [f32],
    /// `[B, width]`: h after, times the next moment's `keep`.
    pub(super) hidden: &'a mut [f32],
    /// `[B, stride]`: features, of which h is the first part.
    pub(super) features: &'a mut [f32],
    pub(super) stride: usize,
}

impl LstmStep<'_> {
    /// `c ← σ(f) ⊙ c + σ(i) ⊙ tanh(g)`, `h ← σ(o) ⊙ tanh(c)`; `keep(b)` is 0 if sequence `b` starts at the next
    /// moment, else 1.
    pub(super) fn run(self, keep: impl Fn(usize) -> f32) {
        let Self { width, gates, before, after, squashed, hidden, features, stride } = self;
        let states = after.chunks_exact_mut(width).zip(hidden.chunks_exact_mut(width));
        let states = states.zip(squashed.chunks_exact_mut(width)).zip(before.chunks_exact(width));
        let rows = gates.chunks_exact_mut(4 * width).zip(features.chunks_exact_mut(stride)).zip(states);
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (b, ((gates, features), (((after, hidden), squashed), before))) in rows.enumerate() {
                    let keep = keep(b);
                    let (i, rest) = gates.split_at_mut(width);
                    let (f, rest) = rest.split_at_mut(width);
                    let (g, o) = rest.split_at_mut(width);
                    let features = &mut features[..width];
                    for j in 0..width {
                        (i[j], f[j], g[j], o[j]) = (sigmoid(i[j]), sigmoid(f[j]), tanh(g[j]), sigmoid(o[j]));
                        let cell = f[j] * before[j] + i[j] * g[j];
                        squashed[j] = tanh(cell);
                        let h = o[j] * squashed[j];
                        features[j] = h;
                        (after[j], hidden[j]) = (keep * cell, keep * h);
                    }
                }
            },
        );
    }
}

/// The gradient of one moment of an LSTM.
pub(super) struct LstmBack<'a> {
    pub(super) width: usize,
    /// `[B, 4 · width]`: activations of the gates.
    pub(super) gates: &'a [f32],
    /// `[B, width]`: c before.
    pub(super) before: &'a [f32],
    /// `[B, width]`: tanh of c after.
    pub(super) squashed: &'a [f32],
    /// `[B, stride]`: gradient of the features, empty if there is none.
    pub(super) features: &'a [f32],
    pub(super) stride: usize,
    /// `[B, width]`: gradient of h from the next moment.
    pub(super) hidden: &'a [f32],
    /// `[B, width]`: gradient of c from the next moment; of c before afterwards.
    pub(super) cell: &'a mut [f32],
    /// `[B, 4 · width]`: receives the gradient of the sums.
    pub(super) sums: &'a mut [f32],
}

impl LstmBack<'_> {
    /// `keep(b)` is that of the next moment.
    pub(super) fn run(self, keep: impl Fn(usize) -> f32) {
        let Self { width, gates, before, squashed, features, stride, hidden, cell, sums } = self;
        let states = before.chunks_exact(width).zip(squashed.chunks_exact(width));
        let passed = hidden.chunks_exact(width).zip(cell.chunks_exact_mut(width));
        let rows =
            gates.chunks_exact(4 * width).zip(sums.chunks_exact_mut(4 * width)).zip(states).zip(passed);
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (b, (((gates, sums), (before, squashed)), (hidden, cell))) in rows.enumerate() {
                    let keep = keep(b);
                    let (i, rest) = gates.split_at(width);
                    let (f, rest) = rest.split_at(width);
                    let (g, o) = rest.split_at(width);
                    let (of_i, rest) = sums.split_at_mut(width);
                    let (of_f, rest) = rest.split_at_mut(width);
                    let (of_g, of_o) = rest.split_at_mut(width);
                    // `of_o` first holds the gradient of h.
                    match features.get(b * stride..b * stride + width) {
                        Some(features) => of_o.copy_from_slice(features),
                        None => of_o.fill(0.0),
                    }
                    for j in 0..width {
                        let h = of_o[j] + keep * hidden[j];
                        let c = keep * cell[j] + h * o[j] * (1.0 - squashed[j] * squashed[j]);
                        of_o[j] = h * squashed[j] * o[j] * (1.0 - o[j]);
                        of_i[j] = c * g[j] * i[j] * (1.0 - i[j]);
                        of_f[j] = c * before[j] * f[j] * (1.0 - f[j]);
                        of_g[j] = c * i[j] * (1.0 - g[j] * g[j]);
                        cell[j] = c * f[j];
                    }
                }
            },
        );
    }
}

/// One moment of a GRU.
pub(super) struct GruStep<'a> {
    pub(super) width: usize,
    /// `[B, 3 · width]`: sums of r, z, n over the input; activations afterwards.
    pub(super) gates: &'a mut [f32],
    /// `[B, 3 · width]`: sums over h.
    pub(super) recurrent: &'a [f32],
    /// `[B, width]`: h before.
    pub(super) before: &'a [f32],
    /// `[B, width]`: h after, times the next moment's `keep`.
    pub(super) hidden: &'a mut [f32],
    /// `[B, stride]`: features, of which h is the first part.
    pub(super) features: &'a mut [f32],
    pub(super) stride: usize,
}

impl GruStep<'_> {
    /// `n = tanh(a_n + r ⊙ b_n)`, `h ← (1 − z) ⊙ n + z ⊙ h`; `keep(b)` as of an LSTM.
    pub(super) fn run(self, keep: impl Fn(usize) -> f32) {
        let Self { width, gates, recurrent, before, hidden, features, stride } = self;
        let states = before.chunks_exact(width).zip(hidden.chunks_exact_mut(width));
        let rows = gates.chunks_exact_mut(3 * width).zip(recurrent.chunks_exact(3 * width));
        let rows = rows.zip(features.chunks_exact_mut(stride)).zip(states);
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (b, (((gates, recurrent), features), (before, hidden))) in rows.enumerate() {
                    let keep = keep(b);
                    let (r, rest) = gates.split_at_mut(width);
                    let (z, n) = rest.split_at_mut(width);
                    let (over_r, rest) = recurrent.split_at(width);
                    let (over_z, over_n) = rest.split_at(width);
                    let features = &mut features[..width];
                    for j in 0..width {
                        (r[j], z[j]) = (sigmoid(r[j] + over_r[j]), sigmoid(z[j] + over_z[j]));
                        n[j] = tanh(n[j] + r[j] * over_n[j]);
                        let h = (1.0 - z[j]) * n[j] + z[j] * before[j];
                        features[j] = h;
                        hidden[j] = keep * h;
                    }
                }
            },
        );
    }
}

/// The gradient of one moment of a GRU.
pub(super) struct GruBack<'a> {
    pub(super) width: usize,
    /// `[B, 3 · width]`: activations of the gates.
    pub(super) gates: &'a [f32],
    /// `[B, 3 · width]`: sums over h.
    pub(super) recurrent: &'a [f32],
    /// `[B, width]`: h before.
    pub(super) before: &'a [f32],
    /// `[B, stride]`: gradient of the features, empty if there is none.
    pub(super) features: &'a [f32],
    pub(super) stride: usize,
    /// `[B, width]`: gradient of h from the next moment; afterwards what reaches h before directly.
    pub(super) hidden: &'a mut [f32],
    /// `[B, 3 · width]`: receives the gradient of the sums over the input.
    pub(super) sums: &'a mut [f32],
    /// `[B, 3 · width]`: receives the gradient of the sums over h.
    pub(super) over: &'a mut [f32],
}

impl GruBack<'_> {
    /// `keep(b)` is that of the next moment.
    pub(super) fn run(self, keep: impl Fn(usize) -> f32) {
        let Self { width, gates, recurrent, before, features, stride, hidden, sums, over } = self;
        let states = before.chunks_exact(width).zip(hidden.chunks_exact_mut(width));
        let rows = gates.chunks_exact(3 * width).zip(recurrent.chunks_exact(3 * width));
        let made = sums.chunks_exact_mut(3 * width).zip(over.chunks_exact_mut(3 * width));
        let rows = rows.zip(made).zip(states);
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (b, (((gates, recurrent), (sums, over)), (before, hidden))) in rows.enumerate() {
                    let keep = keep(b);
                    let (r, rest) = gates.split_at(width);
                    let (z, n) = rest.split_at(width);
                    let over_n = &recurrent[2 * width..];
                    let (of_r, rest) = sums.split_at_mut(width);
                    let (of_z, of_n) = rest.split_at_mut(width);
                    // `of_n` first holds the gradient of h.
                    match features.get(b * stride..b * stride + width) {
                        Some(features) => of_n.copy_from_slice(features),
                        None => of_n.fill(0.0),
                    }
                    for j in 0..width {
                        let h = of_n[j] + keep * hidden[j];
                        of_n[j] = h * (1.0 - z[j]) * (1.0 - n[j] * n[j]);
                        of_z[j] = h * (before[j] - n[j]) * z[j] * (1.0 - z[j]);
                        of_r[j] = of_n[j] * over_n[j] * r[j] * (1.0 - r[j]);
                        hidden[j] = h * z[j];
                    }
                    let (first, last) = over.split_at_mut(2 * width);
                    first[..width].copy_from_slice(of_r);
                    first[width..].copy_from_slice(of_z);
                    for j in 0..width {
                        last[j] = of_n[j] * r[j];
                    }
                }
            },
        );
    }
}
