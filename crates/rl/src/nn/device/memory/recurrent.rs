//! LSTM and GRU cells (Hochreiter & Schmidhuber 1997; Cho et al. 2014), rows of gates in PyTorch's order.

use std::ops::Range;

use burn::tensor::Tensor;
use burn::tensor::activation::{relu, sigmoid};

use super::{MemoryLayers, Moments};
use crate::nn::memory::Recurrent;

/// Sizes, and whether it is an LSTM.
type Kind<'a> = (&'a Recurrent, bool);

/// `[members, B, hidden]` each; `c` only of an LSTM.
struct State {
    h: Tensor<3>,
    c: Option<Tensor<3>>,
}

/// As [`MemoryLayers::unroll`].
pub(super) fn unroll(
    layers: &MemoryLayers<'_>,
    kind: Kind<'_>,
    moments: &Moments,
    state: Option<Tensor<3>>,
) -> Tensor<3> {
    let state = begin(layers, kind, moments, state);
    if moments.constant_burn_in() {
        // The state after the burn-in is a constant.
        let (_, state) = run(&layers.inner(), kind, moments, 0..moments.burn_in, state);
        return run(layers, kind, moments, moments.after_burn_in(), state).0;
    }
    let (features, _) = run(layers, kind, moments, moments.all(), state);
    features.slice_dim(1, moments.rows(&moments.after_burn_in()))
}

/// The state before the first moment, from `[members, B, state_width]`.
fn begin(
    layers: &MemoryLayers<'_>,
    (sizes, lstm): Kind<'_>,
    moments: &Moments,
    state: Option<Tensor<3>>,
) -> State {
    let hidden = sizes.hidden;
    match state {
        Some(state) => State {
            h: state.clone().slice_dim(2, 0..hidden),
            c: lstm.then(|| state.slice_dim(2, hidden..2 * hidden)),
        },
        None => {
            let zeros = Tensor::zeros([layers.members, moments.batch, hidden], &moments.keep.device());
            State { c: lstm.then(|| zeros.clone()), h: zeros }
        }
    }
}

/// Features of the moments in `range`, `[members, moments·B, F]`, and the state after them.
fn run(
    layers: &MemoryLayers<'_>,
    (sizes, _): Kind<'_>,
    moments: &Moments,
    range: Range<usize>,
    mut state: State,
) -> (Tensor<3>, State) {
    let rows = moments.rows(&range);
    let read = match &moments.inputs {
        Some(inputs) => inputs.clone().slice_dim(1, rows.clone()),
        None => Tensor::zeros([1, rows.len(), 0], &moments.keep.device()),
    };
    let read = if sizes.embed.is_some() { relu(layers.linear("embed", read)) } else { read };
    // The products with the inputs of all moments at once.
    let gates = read.clone().matmul(layers.parameter("rnn.weight_ih")) + layers.parameter("rnn.bias_ih");
    let [weight, bias] = ["rnn.weight_hh", "rnn.bias_hh"].map(|name| layers.parameter(name));
    let mut outputs = Vec::with_capacity(range.len());
    for t in range.clone() {
        let keep = moments.keep.clone().slice_dim(1, moments.rows(&(t..t + 1)));
        let from_input = gates.clone().slice_dim(1, moments.rows(&(t - range.start..t - range.start + 1)));
        let h = state.h * keep.clone();
        let from_state = h.clone().matmul(weight.clone()) + bias.clone();
        state = match state.c {
            Some(c) => lstm(from_input + from_state, c * keep),
            None => gru(from_input, from_state, h),
        };
        outputs.push(state.h.clone());
    }
    let outputs = Tensor::cat(outputs, 1);
    if !sizes.skip {
        return (outputs, state);
    }
    let read = if sizes.embed.is_some() { read } else { read.repeat_dim(0, layers.members) };
    (Tensor::cat(vec![outputs, read], 2), state)
}

/// Part `index` of `gates`, `[members, B, count · hidden]`.
fn part(gates: &Tensor<3>, count: usize, index: usize) -> Tensor<3> {
    let hidden = gates.dims()[2] / count;
    gates.clone().slice_dim(2, index * hidden..(index + 1) * hidden)
}

/// `c ← σ(f) c + σ(i) tanh(g)`, `h ← σ(o) tanh(c)`.
fn lstm(gates: Tensor<3>, c: Tensor<3>) -> State {
    let [i, f, g, o] = [0, 1, 2, 3].map(|index| part(&gates, 4, index));
    let c = sigmoid(f) * c + sigmoid(i) * g.tanh();
    State { h: sigmoid(o) * c.clone().tanh(), c: Some(c) }
}

/// `r = σ(a_r + b_r)`, `z = σ(a_z + b_z)`, `n = tanh(a_n + r b_n)`, `h ← (1 − z) n + z h`.
fn gru(a: Tensor<3>, b: Tensor<3>, h: Tensor<3>) -> State {
    let [r, z] = [0, 1].map(|index| sigmoid(part(&a, 3, index) + part(&b, 3, index)));
    let n = (part(&a, 3, 2) + r * part(&b, 3, 2)).tanh();
    State { h: n.clone() + z * (h - n), c: None }
}
