// Soft targets, losses and their gradients for discrete actions, one thread a transition: the equations of the
// specification's sections 4, 5 and 7. `fused` has the same for the CPU.

/// What turns advantages at `row` into action values: `V − mean_a Adv`, 0 without a dueling head.
fn shift(row: u32) -> f32 {
    if ((op.flags & DUELING) == 0u) { return 0.0; }
    var sum = 0.0;
    for (var a = 0u; a < op.actions; a += 1u) { sum += data[row + a]; }
    return data[row + op.actions] - sum / f32(op.actions);
}

/// Largest of the logits at `row`, and the logarithm of their sum of exponentials above it.
fn normalizer(row: u32) -> vec2<f32> {
    var largest = data[row];
    for (var a = 1u; a < op.actions; a += 1u) { largest = max(largest, data[row + a]); }
    var sum = 0.0;
    for (var a = 0u; a < op.actions; a += 1u) { sum += exp(data[row + a] - largest); }
    return vec2<f32>(largest, log(sum));
}

/// The value network's loss `(V(o) − Σ_a p(a) (Qagg(o, a) − e · alpha · ln p(a)))²`, with the critics before their step.
fn value_loss(b: u32, entropy_weight: f32) {
    let policy = op.logits + b * op.actor_width;
    let norm = normalizer(policy);
    let first = op.q + b * op.critic_width;
    let last = first + (op.critics - 1u) * op.critic_stride;
    let first_shift = shift(first);
    let last_shift = shift(last);
    var aim = 0.0;
    for (var a = 0u; a < op.actions; a += 1u) {
        let log_policy = data[policy + a] - norm.x - norm.y;
        let q = aggregated(data[first + a] + first_shift, data[last + a] + last_shift);
        aim += exp(log_policy) * (q - entropy_weight * log_policy);
    }
    let error = data[op.value_here + b * op.value_width] - aim;
    for (var a = 0u; a < op.value_width; a += 1u) {
        data[op.value_slopes + b * op.value_width + a] = select(0.0, 2.0 * error / f32(op.batch), a == 0u);
    }
    data[op.value_losses + b] = error * error;
}

/// Action number `k` that the score function draws for transition `b`: given, or the smallest whose cumulative
/// probability exceeds a uniform number.
fn drawn(b: u32, k: u32, policy: u32, log_sum: f32) -> u32 {
    let own = data[now.batch + op.draws + b * op.samples + k];
    if (now.own.z > 0.0) { return u32(own); }
    var cumulative = 0.0;
    var possible = 0u;
    for (var a = 0u; a < op.actions; a += 1u) {
        let probability = exp(data[policy + a] - log_sum);
        cumulative += probability;
        if (own < cumulative) { return a; }
        if (probability > 0.0) { possible = a; }
    }
    return possible;
}

@compute @workgroup_size(64)
fn critic_losses(@builtin(global_invocation_id) thread: vec3<u32>) {
    let b = thread.x;
    if (b >= op.batch) { return; }
    let alpha = exp(data[op.log_alpha]);
    let entropy_weight = select(0.0, alpha, (op.flags & ENTROPY_IN_TARGET) != 0u);
    let policy = op.next_logits + b * op.actor_width;
    let norm = normalizer(policy);
    let taken = u32(data[now.batch + op.taken + b]);
    let reward = op.reward_scale * data[now.batch + op.returns + b];
    let discount = data[now.batch + op.discounts + b] * (1.0 - data[now.batch + op.terminated + b]);
    let weight = data[now.batch + op.weights + b];
    let bootstrapped = (op.flags & VALUE) != 0u;
    if (bootstrapped) { value_loss(b, entropy_weight); }
    for (var critic = 0u; critic < op.critics; critic += 1u) {
        let own = op.target_q + critic * op.critic_stride + b * op.critic_width;
        let other = op.target_q + (op.critics - 1u - critic) * op.critic_stride + b * op.critic_width;
        var value = 0.0;
        var own_shift = 0.0;
        var other_shift = 0.0;
        if (bootstrapped) {
            value = data[op.value_next + b * op.value_width];
        } else {
            own_shift = shift(own);
            other_shift = shift(other);
        }
        for (var a = 0u; a < op.actions && !bootstrapped; a += 1u) {
            let log_policy = data[policy + a] - norm.x - norm.y;
            let mine = data[own + a] + own_shift;
            let theirs = data[other + a] + other_shift;
            let q = backed_up(mine, theirs);
            value += exp(log_policy) * (q - entropy_weight * log_policy);
        }
        let y = reward + discount * value;

        let row = op.q + critic * op.critic_stride + b * op.critic_width;
        let q = data[row + taken] + shift(row);
        var found = regression(q - y);
        if (op.q_clip > 0.0) {
            let anchor_row = op.anchor_q + critic * op.critic_stride + b * op.critic_width;
            let anchor = data[anchor_row + taken] + shift(anchor_row);
            let clipped = min(max(q, anchor - op.q_clip), anchor + op.q_clip);
            let loss = regression(clipped - y).x;
            if (loss > found.x) { found = vec2<f32>(loss, 0.0); }
        }
        let slope = weight * found.y / f32(op.batch);
        let slopes = op.q_slopes + (critic * op.batch + b) * op.critic_width;
        for (var a = 0u; a < op.critic_width; a += 1u) {
            var own_slope = select(0.0, slope, a == taken);
            if ((op.flags & DUELING) != 0u) {
                if (a < op.actions) { own_slope -= slope / f32(op.actions); }
                if (a == op.actions) { own_slope = slope; }
            }
            data[slopes + a] = own_slope;
        }
        keep(critic, b, q, y, weight * found.x);
    }
}

@compute @workgroup_size(64)
fn actor_losses(@builtin(global_invocation_id) thread: vec3<u32>) {
    let b = thread.x;
    if (b >= op.batch) { return; }
    let alpha = exp(data[op.log_alpha]);
    let policy = op.logits + b * op.actor_width;
    let norm = normalizer(policy);
    let log_sum = norm.x + norm.y;
    let first = op.q + b * op.critic_width;
    let last = first + (op.critics - 1u) * op.critic_stride;
    let first_shift = shift(first);
    let last_shift = shift(last);
    let forward_kl = (op.flags & FORWARD_KL) != 0u;

    var entropy = 0.0;
    // Of alpha ln p − Qagg, or the normalizer of softmax(Qagg / alpha).
    var expectation = 0.0;
    var largest = -3.4e38;
    for (var a = 0u; a < op.actions; a += 1u) {
        let log_policy = data[policy + a] - log_sum;
        let q = aggregated(data[first + a] + first_shift, data[last + a] + last_shift);
        entropy -= exp(log_policy) * log_policy;
        expectation += exp(log_policy) * (alpha * log_policy - q);
        largest = max(largest, q / alpha);
    }
    var loss = expectation;
    var log_total = 0.0;
    if (forward_kl) {
        var sum = 0.0;
        for (var a = 0u; a < op.actions; a += 1u) {
            let q = aggregated(data[first + a] + first_shift, data[last + a] + last_shift);
            sum += exp(q / alpha - largest);
        }
        log_total = log(sum);
        loss = 0.0;
    }
    var penalty_slope = 0.0;
    if (op.entropy_penalty > 0.0) {
        let difference = entropy - data[now.batch + op.behavior_entropies + b];
        penalty_slope = op.entropy_penalty * difference;
        loss += 0.5 * op.entropy_penalty * difference * difference;
    }
    let slopes = op.logit_slopes + b * op.actor_width;
    let draws = (op.flags & (REINFORCE | GUMBEL)) != 0u;
    if (draws) { loss -= expectation + alpha * entropy; }
    for (var a = 0u; a < op.actions; a += 1u) {
        let log_policy = data[policy + a] - log_sum;
        let probability = exp(log_policy);
        let q = aggregated(data[first + a] + first_shift, data[last + a] + last_shift);
        var slope = probability * (alpha * log_policy - q - expectation);
        if (draws) { slope = alpha * probability * (log_policy + entropy); }
        if (forward_kl) {
            let log_target = q / alpha - largest - log_total;
            let aim = exp(log_target);
            slope = alpha * (probability - aim);
            loss += alpha * aim * (log_target - log_policy);
        }
        data[slopes + a] = slope;
    }
    let weight = 1.0 / f32(max(op.samples, 1u));
    for (var k = 0u; k < op.samples && (op.flags & REINFORCE) != 0u; k += 1u) {
        let action = drawn(b, k, policy, log_sum);
        let q = weight * aggregated(data[first + action] + first_shift, data[last + action] + last_shift);
        loss -= (data[policy + action] - log_sum) * q;
        for (var a = 0u; a < op.actions; a += 1u) {
            data[slopes + a] += q * (exp(data[policy + a] - log_sum) - select(0.0, 1.0, a == action));
        }
    }
    for (var k = 0u; k < op.samples && (op.flags & GUMBEL) != 0u; k += 1u) {
        let noise = now.batch + op.draws + (b * op.samples + k) * op.actions;
        var best = 0u;
        var most = -3.4e38;
        for (var a = 0u; a < op.actions; a += 1u) {
            let relaxed = (data[policy + a] - log_sum + data[noise + a]) / op.relaxation;
            if (relaxed > most) { most = relaxed; best = a; }
        }
        var sum = 0.0;
        var mean_q = 0.0;
        for (var a = 0u; a < op.actions; a += 1u) {
            let q = aggregated(data[first + a] + first_shift, data[last + a] + last_shift);
            let relaxed = (data[policy + a] - log_sum + data[noise + a]) / op.relaxation;
            sum += exp(relaxed - most);
            mean_q += exp(relaxed - most) * q;
        }
        mean_q /= sum;
        for (var a = 0u; a < op.actions; a += 1u) {
            let q = aggregated(data[first + a] + first_shift, data[last + a] + last_shift);
            let relaxed = (data[policy + a] - log_sum + data[noise + a]) / op.relaxation;
            data[slopes + a] -= weight / op.relaxation * exp(relaxed - most) / sum * (q - mean_q);
        }
        loss -= weight * aggregated(data[first + best] + first_shift, data[last + best] + last_shift);
    }
    let cloning = now.own.x * data[now.batch + op.demonstrated + b];
    let taken = u32(data[now.batch + op.taken + b]);
    loss -= cloning * (data[policy + taken] - log_sum);
    for (var a = 0u; a < op.actions; a += 1u) {
        let log_policy = data[policy + a] - log_sum;
        let probability = exp(log_policy);
        var slope = data[slopes + a];
        slope -= penalty_slope * probability * (log_policy + entropy);
        slope += cloning * (probability - select(0.0, 1.0, a == taken));
        data[slopes + a] = slope / f32(op.batch);
    }
    data[op.entropies + b] = entropy;
    data[op.actor_losses + b] = loss;
    if (b == 0u) { data[op.log_alpha + 3u] = alpha; }
}
