// What all losses share: where their numbers stand, how critics are combined, and the temperature's step.

struct Layout {
    batch: u32, actions: u32, critics: u32,
    /// Floats of an output row of actor and critics.
    actor_width: u32, critic_width: u32,
    /// Outputs `[B, width]`, with those of critics `critic_stride` apart.
    logits: u32, next_logits: u32,
    q: u32, target_q: u32, anchor_q: u32, critic_stride: u32,
    /// Gradients of the outputs, `[B, width]` and `[critics, B, width]`.
    logit_slopes: u32, q_slopes: u32,
    /// Columns of the batch, from its beginning.
    taken: u32, returns: u32, discounts: u32, terminated: u32, weights: u32,
    behavior_entropies: u32, demonstrated: u32,
    /// Figures: `[critics, B]`, TD errors of the last 16 steps, and, from `entropies` on, `[B]`.
    q_taken: u32, targets: u32, td_errors: u32, critic_losses: u32,
    entropies: u32, actor_losses: u32,
    /// `log_alpha`, its moments, then the temperature during the step.
    log_alpha: u32,
    flags: u32,
    reward_scale: f32,
    /// 0 without.
    q_clip: f32,
    entropy_penalty: f32,
    /// Of estimators that draw: samples of each transition, Gumbel's relaxation, and the batch's column of noise,
    /// `[B, K]` for the score function, `[B, K, A]` for Gumbel's.
    samples: u32, relaxation: f32, draws: u32,
    /// Of a value network: outputs `[B, width]` at the observation, of its target at the next one, and their gradient.
    value_width: u32, value_here: u32, value_next: u32, value_slopes: u32, value_losses: u32,
    /// Of continuous actions: `[B, A]` of the policy at either observation, with their log-densities `[B]`.
    actions_here: u32, actions_next: u32, log_probs_here: u32, log_probs_next: u32,
    /// `[critics, B, A]`: `dQagg/da`, each critic's share.
    action_slopes: u32,
    /// `[B, A]` of the batch: standard normal noise.
    noise_here: u32, noise_next: u32,
    /// `[4, A]`: middle, half width, lower and upper bound of every dimension.
    bounds: u32,
    log_volume: f32,
    /// Range of the logarithm of the standard deviation.
    least_log_std: f32, most_log_std: f32,
}

@group(0) @binding(3) var<uniform> op: Layout;

const BACKUP = 3u;
const SINGLE = 0u;
const DOUBLE = 1u;
const CLIPPED = 2u;
const HUBER = 4u;
const ENTROPY_IN_TARGET = 8u;
const DUELING = 16u;
const FORWARD_KL = 32u;
const REINFORCE = 64u;
const GUMBEL = 128u;
const VALUE = 256u;

/// `ell(d)` and its derivative.
fn regression(error: f32) -> vec2<f32> {
    if ((op.flags & HUBER) == 0u) { return vec2<f32>(error * error, 2.0 * error); }
    if (abs(error) <= 1.0) { return vec2<f32>(0.5 * error * error, error); }
    return vec2<f32>(abs(error) - 0.5, sign(error));
}

/// Keeps what a report and replay read of transition `b`: `Q(o, a)`, its target and its weighted loss.
fn keep(critic: u32, b: u32, q: f32, y: f32, loss: f32) {
    let place = critic * op.batch + b;
    data[op.q_taken + place] = q;
    data[op.targets + place] = y;
    data[op.td_errors + now.slot * op.critics * op.batch + place] = q - y;
    data[op.critic_losses + place] = loss;
}

/// What critic `own` bootstraps from.
fn backed_up(own: f32, other: f32) -> f32 {
    let backup = op.flags & BACKUP;
    if (backup == SINGLE) { return own; }
    if (backup == DOUBLE) { return other; }
    if (backup == CLIPPED) { return min(own, other); }
    return 0.5 * (own + other);
}

/// `Qagg(o, a)` of the rows of both critics, or of one twice.
fn aggregated(first: f32, last: f32) -> f32 {
    let backup = op.flags & BACKUP;
    if (backup == SINGLE) { return first; }
    if (backup == CLIPPED) { return min(first, last); }
    return 0.5 * (first + last);
}

var<workgroup> shares: array<f32, 256>;

/// `loss = alpha · (mean_b H_b − target_entropy)`, its own gradient with respect to `log_alpha`, and one Adam step.
@compute @workgroup_size(256)
fn temperature(@builtin(local_invocation_index) lane: u32) {
    var sum = 0.0;
    for (var b = lane; b < op.batch; b += 256u) { sum += data[op.entropies + b]; }
    shares[lane] = sum;
    for (var half = 128u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) { shares[lane] += shares[lane + half]; }
    }
    // A fixed one has no rate.
    if (lane != 0u || now.rates[2] == 0.0) { return; }
    let log_alpha = data[op.log_alpha];
    let slope = exp(log_alpha) * (shares[0] / f32(op.batch) - now.own.y);
    let m = 0.9 * data[op.log_alpha + 1u] + 0.1 * slope;
    let v = 0.999 * data[op.log_alpha + 2u] + 0.001 * (slope * slope);
    data[op.log_alpha + 1u] = m;
    data[op.log_alpha + 2u] = v;
    let moved = log_alpha - now.rates[2] * m / (sqrt(v) * now.second_scale + now.epsilon);
    data[op.log_alpha] = clamp(moved, -13.815511, 6.9077554);
}
