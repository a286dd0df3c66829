//! The elementwise part of a recurrent cell, one moment of all sequences at a time, forward and backward. The
//! products around it are in `mod` and `backward`.
//!
//! Gates of a sequence stand side by side, `[gates, width]` each, in the order of the saved tensors. Padding is zero in
//! all that is read and stays so. `starts`, `[B]`, are those of the next moment: where one is 1, what this moment leaves
//! is forgotten; empty behind the last moment.

use pulp::{Simd, WithSimd};

use crate::nn::memory::fast::{sigmoid, tanh};

/// `1 − start` in all lanes.
#[inline(always)]
fn keep<S: Simd>(simd: S, starts: &[f32], b: usize) -> S::f32s {
    simd.splat_f32s(starts.get(b).map_or(1.0, |start| 1.0 - start))
}

/// `1 − x²`.
#[inline(always)]
fn one_minus_square<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    simd.negate_mul_add_e_f32s(x, x, simd.splat_f32s(1.0))
}

/// `x · (1 − x)`.
#[inline(always)]
fn slope<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    simd.negate_mul_add_e_f32s(x, x, x)
}

/// One moment of an LSTM: buffers `[B, …]`.
pub(super) struct LstmStep<'a> {
    pub(super) width: usize,
    pub(super) starts: &'a [f32],
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

impl WithSimd for LstmStep<'_> {
    type Output = ();

    /// `c ← σ(f) ⊙ c + σ(i) ⊙ tanh(g)`, `h ← σ(o) ⊙ tanh(c)`.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { width, starts, gates, before, after, squashed, hidden, features, stride } = self;
        let states = before.chunks_exact(width).zip(after.chunks_exact_mut(width));
        let states = states.zip(squashed.chunks_exact_mut(width).zip(hidden.chunks_exact_mut(width)));
        let rows = gates.chunks_exact_mut(4 * width).zip(features.chunks_exact_mut(stride)).zip(states);
        for (b, ((gates, features), ((before, after), (squashed, hidden)))) in rows.enumerate() {
            let keep = keep(simd, starts, b);
            let gates = S::as_mut_simd_f32s(gates).0;
            let (before, after) = (S::as_simd_f32s(before).0, S::as_mut_simd_f32s(after).0);
            let (squashed, hidden) = (S::as_mut_simd_f32s(squashed).0, S::as_mut_simd_f32s(hidden).0);
            let features = S::as_mut_simd_f32s(features).0;
            let vectors = before.len();
            for j in 0..vectors {
                let [i, f, g, o] = std::array::from_fn(|gate| gates[gate * vectors + j]);
                let (i, f) = (sigmoid(simd, i), sigmoid(simd, f));
                let (g, o) = (tanh(simd, g), sigmoid(simd, o));
                let cell = simd.mul_add_e_f32s(f, before[j], simd.mul_f32s(i, g));
                squashed[j] = tanh(simd, cell);
                features[j] = simd.mul_f32s(o, squashed[j]);
                (after[j], hidden[j]) = (simd.mul_f32s(keep, cell), simd.mul_f32s(keep, features[j]));
                for (gate, value) in [i, f, g, o].into_iter().enumerate() {
                    gates[gate * vectors + j] = value;
                }
            }
        }
    }
}

/// The gradient of one moment of an LSTM.
pub(super) struct LstmBack<'a> {
    pub(super) width: usize,
    pub(super) starts: &'a [f32],
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

impl WithSimd for LstmBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { width, starts, gates, before, squashed, features, stride, hidden, cell, sums } = self;
        let states = before.chunks_exact(width).zip(squashed.chunks_exact(width));
        let passed = hidden.chunks_exact(width).zip(cell.chunks_exact_mut(width));
        let rows =
            gates.chunks_exact(4 * width).zip(sums.chunks_exact_mut(4 * width)).zip(states).zip(passed);
        let product =
            |factors: [S::f32s; 3]| simd.mul_f32s(simd.mul_f32s(factors[0], factors[1]), factors[2]);
        for (b, (((gates, sums), (before, squashed)), (hidden, cell))) in rows.enumerate() {
            let keep = keep(simd, starts, b);
            let (gates, sums) = (S::as_simd_f32s(gates).0, S::as_mut_simd_f32s(sums).0);
            let (before, squashed) = (S::as_simd_f32s(before).0, S::as_simd_f32s(squashed).0);
            let (hidden, cell) = (S::as_simd_f32s(hidden).0, S::as_mut_simd_f32s(cell).0);
            let features = features.get(b * stride..b * stride + width).unwrap_or_default();
            let features = S::as_simd_f32s(features).0;
            let vectors = before.len();
            for j in 0..vectors {
                let [i, f, g, o] = std::array::from_fn(|gate| gates[gate * vectors + j]);
                let own = features.get(j).copied().unwrap_or(simd.splat_f32s(0.0));
                let h = simd.mul_add_e_f32s(keep, hidden[j], own);
                let through = product([h, o, one_minus_square(simd, squashed[j])]);
                let c = simd.mul_add_e_f32s(keep, cell[j], through);
                sums[j] = product([c, g, slope(simd, i)]);
                sums[vectors + j] = product([c, before[j], slope(simd, f)]);
                sums[2 * vectors + j] = product([c, i, one_minus_square(simd, g)]);
                sums[3 * vectors + j] = product([h, squashed[j], slope(simd, o)]);
                cell[j] = simd.mul_f32s(c, f);
            }
        }
    }
}

/// One moment of a GRU.
pub(super) struct GruStep<'a> {
    pub(super) width: usize,
    pub(super) starts: &'a [f32],
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

impl WithSimd for GruStep<'_> {
    type Output = ();

    /// `n = tanh(a_n + r ⊙ b_n)`, `h ← (1 − z) ⊙ n + z ⊙ h`.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { width, starts, gates, recurrent, before, hidden, features, stride } = self;
        let states = before.chunks_exact(width).zip(hidden.chunks_exact_mut(width));
        let rows = gates.chunks_exact_mut(3 * width).zip(recurrent.chunks_exact(3 * width));
        let rows = rows.zip(features.chunks_exact_mut(stride)).zip(states);
        for (b, (((gates, recurrent), features), (before, hidden))) in rows.enumerate() {
            let keep = keep(simd, starts, b);
            let (gates, recurrent) = (S::as_mut_simd_f32s(gates).0, S::as_simd_f32s(recurrent).0);
            let (before, hidden) = (S::as_simd_f32s(before).0, S::as_mut_simd_f32s(hidden).0);
            let features = S::as_mut_simd_f32s(features).0;
            let vectors = before.len();
            for j in 0..vectors {
                let [r, z, n] = std::array::from_fn(|gate| gates[gate * vectors + j]);
                let [over_r, over_z, over_n] = std::array::from_fn(|gate| recurrent[gate * vectors + j]);
                let r = sigmoid(simd, simd.add_f32s(r, over_r));
                let z = sigmoid(simd, simd.add_f32s(z, over_z));
                let n = tanh(simd, simd.mul_add_e_f32s(r, over_n, n));
                features[j] = simd.mul_add_e_f32s(z, simd.sub_f32s(before[j], n), n);
                hidden[j] = simd.mul_f32s(keep, features[j]);
                for (gate, value) in [r, z, n].into_iter().enumerate() {
                    gates[gate * vectors + j] = value;
                }
            }
        }
    }
}

/// The gradient of one moment of a GRU.
pub(super) struct GruBack<'a> {
    pub(super) width: usize,
    pub(super) starts: &'a [f32],
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

impl WithSimd for GruBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { width, starts, gates, recurrent, before, features, stride, hidden, sums, over } = self;
        let states = before.chunks_exact(width).zip(hidden.chunks_exact_mut(width));
        let rows = gates.chunks_exact(3 * width).zip(recurrent.chunks_exact(3 * width));
        let made = sums.chunks_exact_mut(3 * width).zip(over.chunks_exact_mut(3 * width));
        let one = simd.splat_f32s(1.0);
        for (b, (((gates, recurrent), (sums, over)), (before, hidden))) in
            rows.zip(made).zip(states).enumerate()
        {
            let keep = keep(simd, starts, b);
            let (gates, recurrent) = (S::as_simd_f32s(gates).0, S::as_simd_f32s(recurrent).0);
            let (sums, over) = (S::as_mut_simd_f32s(sums).0, S::as_mut_simd_f32s(over).0);
            let (before, hidden) = (S::as_simd_f32s(before).0, S::as_mut_simd_f32s(hidden).0);
            let features = features.get(b * stride..b * stride + width).unwrap_or_default();
            let features = S::as_simd_f32s(features).0;
            let vectors = before.len();
            for j in 0..vectors {
                let [r, z, n] = std::array::from_fn(|gate| gates[gate * vectors + j]);
                let own = features.get(j).copied().unwrap_or(simd.splat_f32s(0.0));
                let h = simd.mul_add_e_f32s(keep, hidden[j], own);
                let through = simd.mul_f32s(simd.sub_f32s(one, z), one_minus_square(simd, n));
                let of_n = simd.mul_f32s(h, through);
                let of_z = simd.mul_f32s(simd.mul_f32s(h, simd.sub_f32s(before[j], n)), slope(simd, z));
                let of_r = simd.mul_f32s(simd.mul_f32s(of_n, recurrent[2 * vectors + j]), slope(simd, r));
                (sums[j], sums[vectors + j], sums[2 * vectors + j]) = (of_r, of_z, of_n);
                (over[j], over[vectors + j], over[2 * vectors + j]) = (of_r, of_z, simd.mul_f32s(of_n, r));
                hidden[j] = simd.mul_f32s(h, z);
            }
        }
    }
}
