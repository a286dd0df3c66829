// Soft targets, losses and their gradients for continuous actions, one thread a transition: a squashed Gaussian policy
// (Haarnoja et al. 2018b, appendix C; specification, section 12). `fused` has the same for the CPU, densities in
// `nn::gaussian`.

const HALF_LN_TAU = 0.9189385;
const LN_2 = 0.6931472;

/// `tanh(u)` without an overflow on any card.
fn stable_tanh(u: f32) -> f32 {
    let e = exp(-2.0 * abs(u));
    return sign(u) * (1.0 - e) / (1.0 + e);
}

/// `ln(1 − tanh²(u))`.
fn log_slope(u: f32) -> f32 {
    let far = abs(u);
    return 2.0 * (LN_2 - far - log(1.0 + exp(-2.0 * far)));
}

fn log_std(s: f32) -> f32 {
    return min(max(s, op.least_log_std), op.most_log_std);
}

/// Actions at both observations: thread `b` at `o`, thread `B + b` at `o'`.
@compute @workgroup_size(64)
fn sample(@builtin(global_invocation_id) thread: vec3<u32>) {
    if (thread.x >= 2u * op.batch) { return; }
    let next = thread.x >= op.batch;
    let b = thread.x - select(0u, op.batch, next);
    let output = select(op.logits, op.next_logits, next) + b * op.actor_width;
    let noise = now.batch + select(op.noise_here, op.noise_next, next) + b * op.actions;
    let action = select(op.actions_here, op.actions_next, next) + b * op.actions;
    var log_prob = -op.log_volume;
    for (var j = 0u; j < op.actions; j += 1u) {
        let eps = data[noise + j];
        let spread = log_std(data[output + op.actions + j]);
        let u = data[output + j] + exp(spread) * eps;
        let place = op.bounds + j;
        let scaled = data[place] + data[place + op.actions] * stable_tanh(u);
        data[action + j] = min(max(scaled, data[place + 2u * op.actions]), data[place + 3u * op.actions]);
        log_prob -= 0.5 * eps * eps + spread + HALF_LN_TAU + log_slope(u);
    }
    data[select(op.log_probs_here, op.log_probs_next, next) + b] = log_prob;
}

/// Critics have one output, of the action that they read.
@compute @workgroup_size(64)
fn sampled_critic_losses(@builtin(global_invocation_id) thread: vec3<u32>) {
    let b = thread.x;
    if (b >= op.batch) { return; }
    let alpha = exp(data[op.log_alpha]);
    let entropy_weight = select(0.0, alpha, (op.flags & ENTROPY_IN_TARGET) != 0u);
    let reward = op.reward_scale * data[now.batch + op.returns + b];
    let discount = data[now.batch + op.discounts + b] * (1.0 - data[now.batch + op.terminated + b]);
    let weight = data[now.batch + op.weights + b];
    for (var critic = 0u; critic < op.critics; critic += 1u) {
        let own = data[op.target_q + critic * op.critic_stride + b * op.critic_width];
        let other_critic = op.critics - 1u - critic;
        let other = data[op.target_q + other_critic * op.critic_stride + b * op.critic_width];
        let value = backed_up(own, other) - entropy_weight * data[op.log_probs_next + b];
        let y = reward + discount * value;
        let q = data[op.q + critic * op.critic_stride + b * op.critic_width];
        let found = regression(q - y);
        let slopes = op.q_slopes + (critic * op.batch + b) * op.critic_width;
        for (var a = 0u; a < op.critic_width; a += 1u) {
            data[slopes + a] = select(0.0, weight * found.y / f32(op.batch), a == 0u);
        }
        keep(critic, b, q, y, weight * found.x);
    }
}

/// How much each critic's value counts in `Qagg`, as the slope of its output.
@compute @workgroup_size(64)
fn critic_shares(@builtin(global_invocation_id) thread: vec3<u32>) {
    let b = thread.x;
    if (b >= op.batch) { return; }
    let backup = op.flags & BACKUP;
    let first = data[op.q + b * op.critic_width];
    let last = data[op.q + (op.critics - 1u) * op.critic_stride + b * op.critic_width];
    for (var critic = 0u; critic < op.critics; critic += 1u) {
        var share = 0.5;
        if (backup == SINGLE) { share = 1.0; }
        if (backup == CLIPPED) { share = select(0.0, 1.0, (critic == 1u) == (last < first)); }
        let slopes = op.q_slopes + (critic * op.batch + b) * op.critic_width;
        for (var a = 0u; a < op.critic_width; a += 1u) {
            data[slopes + a] = select(0.0, share, a == 0u);
        }
    }
}

/// `loss = mean_b (alpha ln π(a|o) − Qagg(o, a))`, through the action.
@compute @workgroup_size(64)
fn sampled_actor_losses(@builtin(global_invocation_id) thread: vec3<u32>) {
    let b = thread.x;
    if (b >= op.batch) { return; }
    let alpha = exp(data[op.log_alpha]);
    let output = op.logits + b * op.actor_width;
    let noise = now.batch + op.noise_here + b * op.actions;
    let slopes = op.logit_slopes + b * op.actor_width;
    for (var j = 0u; j < op.actions; j += 1u) {
        var slope_of_q = 0.0;
        for (var critic = 0u; critic < op.critics; critic += 1u) {
            slope_of_q += data[op.action_slopes + (critic * op.batch + b) * op.actions + j];
        }
        let s = data[output + op.actions + j];
        let deviation = exp(log_std(s));
        let eps = data[noise + j];
        let u = data[output + j] + deviation * eps;
        let half = data[op.bounds + op.actions + j];
        let slope = alpha * 2.0 * stable_tanh(u) - slope_of_q * half * exp(log_slope(u));
        let free = s >= op.least_log_std && s <= op.most_log_std;
        data[slopes + j] = slope / f32(op.batch);
        data[slopes + op.actions + j] = select(0.0, slope * deviation * eps - alpha, free) / f32(op.batch);
    }
    let first = data[op.q + b * op.critic_width];
    let last = data[op.q + (op.critics - 1u) * op.critic_stride + b * op.critic_width];
    let log_prob = data[op.log_probs_here + b];
    data[op.entropies + b] = -log_prob;
    data[op.actor_losses + b] = alpha * log_prob - aggregated(first, last);
    if (b == 0u) { data[op.log_alpha + 3u] = alpha; }
}
