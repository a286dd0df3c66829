// What every kernel reads: the floats of a program, its products, and the numbers of a gradient step.

struct Step {
    /// Where the step's batch begins in `data`.
    batch: u32,
    /// Which of the last 16 steps it is.
    slot: u32,
    /// Adam's `1 / sqrt(1 − β₂^t)` and ε.
    second_scale: f32,
    epsilon: f32,
    /// Adam's `lr / (1 − β₁^t)`, one for each kind of network.
    rates: vec4<f32>,
    /// What an algorithm's own kernels need.
    own: vec4<f32>,
    /// Share of the online network in `target ← tau · online + (1 − tau) · target`.
    tau: f32,
}

@group(0) @binding(0) var<storage, read_write> data: array<f32>;
@group(0) @binding(2) var<uniform> now: Step;
