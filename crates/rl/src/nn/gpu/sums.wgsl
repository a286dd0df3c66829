// Gradients of convolutions, summed over parts of a batch.

struct Parts {
    /// `[networks, parts, size]`.
    source: u32, parts: u32, size: u32, networks: u32,
    /// The sums, `each` floats from one network to the next.
    out: u32, each: u32,
}

@group(0) @binding(3) var<uniform> op: Parts;

@compute @workgroup_size(64)
fn sum_parts(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = (group.x + group.y * 65535u) * 64u + lane;
    if (index >= op.size * op.networks) { return; }
    let network = index / op.size;
    let own = index % op.size;
    var sum = 0.0;
    for (var part = 0u; part < op.parts; part += 1u) {
        sum += data[op.source + (network * op.parts + part) * op.size + own];
    }
    data[op.out + network * op.each + own] = sum;
}
