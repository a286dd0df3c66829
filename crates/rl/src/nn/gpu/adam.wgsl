// One Adam step (Kingma & Ba 2015, algorithm 1) of networks of one kind, clipped by each one's global norm, and the
// target networks that follow them.

struct Networks {
    parameters: u32, m: u32, v: u32,
    /// `splits` parts of the gradient, `gradient_size` floats apart.
    gradient: u32, splits: u32, gradient_size: u32,
    /// Floats of one network, and of all.
    each: u32, size: u32,
    /// 4294967295 without target networks.
    targets: u32,
    /// `[networks, 64]`: parts of the squared norm.
    partials: u32,
    /// Largest global norm; 0 without clipping.
    clip: f32,
    /// Which of the step's rates.
    rate: u32,
}

@group(0) @binding(3) var<uniform> op: Networks;

const NONE = 4294967295u;
const PARTIALS = 64u;

var<workgroup> shares: array<f32, 256>;

/// Gradient of parameter `index`: the sum of its parts.
fn gradient(index: u32) -> f32 {
    var sum = 0.0;
    for (var part = 0u; part < op.splits; part += 1u) {
        sum += data[op.gradient + part * op.gradient_size + index];
    }
    return sum;
}

/// Workgroup `(part, network)` sums its part of the network's squared gradient.
@compute @workgroup_size(256)
fn squared_norms(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    var sum = 0.0;
    for (var index = group.x * 256u + lane; index < op.each; index += PARTIALS * 256u) {
        let value = gradient(group.y * op.each + index);
        sum += value * value;
    }
    shares[lane] = sum;
    for (var half = 128u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) { shares[lane] += shares[lane + half]; }
    }
    if (lane == 0u) { data[op.partials + group.y * PARTIALS + group.x] = shares[0]; }
}

@compute @workgroup_size(256)
fn adam(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = (group.x + group.y * 65535u) * 256u + lane;
    if (index >= op.size) { return; }
    var scale = 1.0;
    if (op.clip > 0.0) {
        var square = 0.0;
        let own = op.partials + (index / op.each) * PARTIALS;
        for (var part = 0u; part < PARTIALS; part += 1u) { square += data[own + part]; }
        scale = min(op.clip / (sqrt(square) + 1e-6), 1.0);
    }
    let slope = scale * gradient(index);
    let m = 0.9 * data[op.m + index] + 0.1 * slope;
    let v = 0.999 * data[op.v + index] + 0.001 * (slope * slope);
    let step = now.rates[op.rate] * m / (sqrt(v) * now.second_scale + now.epsilon);
    let parameter = data[op.parameters + index] - step;
    data[op.m + index] = m;
    data[op.v + index] = v;
    data[op.parameters + index] = parameter;
    if (op.targets != NONE) {
        let held = data[op.targets + index];
        data[op.targets + index] = now.tau * parameter + (1.0 - now.tau) * held;
    }
}
