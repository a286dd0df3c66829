// What surrounds the products of a convolution: its patches as rows (im2col; Chellapilla et al. 2006), the gradient of
// patches summed up for each cell of their map, and sums of partial gradients.

struct Map {
    /// Floats in all.
    size: u32,
    /// The map and floats of a cell, with padding.
    source: u32, depth: u32,
    height: u32, width: u32,
    /// Of a grid in the step's batch, which is stored channel by channel: floats of an observation; 0 of a map.
    features: u32,
    /// Patches down and across.
    down: u32, across: u32,
    kernel: u32, stride: u32, border: u32,
    /// `[rows, down, across, kernel, kernel, depth]`: patches, or their gradient.
    patches: u32,
    /// Gradient of the map.
    slopes: u32,
}

@group(0) @binding(3) var<uniform> op: Map;

/// One float of a patch a thread.
@compute @workgroup_size(256)
fn patches(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = (group.x + group.y * 65535u) * 256u + lane;
    if (index >= op.size) { return; }
    let c = index % op.depth;
    let kx = (index / op.depth) % op.kernel;
    let ky = (index / (op.depth * op.kernel)) % op.kernel;
    let position = index / (op.depth * op.kernel * op.kernel);
    let across = position % op.across;
    let down = (position / op.across) % op.down;
    let row = position / (op.across * op.down);
    // Wraps around left of and above the map, which is then far beyond it.
    let x = across * op.stride + kx - op.border;
    let y = down * op.stride + ky - op.border;
    var value = 0.0;
    if (x < op.width && y < op.height) {
        if (op.features > 0u) {
            value = data[now.batch + op.source + row * op.features + (c * op.height + y) * op.width + x];
        } else {
            value = data[op.source + ((row * op.height + y) * op.width + x) * op.depth + c];
        }
    }
    data[op.patches + index] = value;
}

/// One float of the map a thread: the sum over the patches that it lies in, where its ReLU was open.
@compute @workgroup_size(256)
fn merge(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = (group.x + group.y * 65535u) * 256u + lane;
    if (index >= op.size) { return; }
    let c = index % op.depth;
    let x = (index / op.depth) % op.width;
    let y = (index / (op.depth * op.width)) % op.height;
    let row = index / (op.depth * op.width * op.height);
    var sum = 0.0;
    for (var ky = 0u; ky < op.kernel; ky += 1u) {
        let from_top = y + op.border - ky;
        if (from_top % op.stride != 0u || from_top / op.stride >= op.down) { continue; }
        for (var kx = 0u; kx < op.kernel; kx += 1u) {
            let from_left = x + op.border - kx;
            if (from_left % op.stride != 0u || from_left / op.stride >= op.across) { continue; }
            let position = (row * op.down + from_top / op.stride) * op.across + from_left / op.stride;
            sum += data[op.patches + ((position * op.kernel + ky) * op.kernel + kx) * op.depth + c];
        }
    }
    if (!(data[op.source + index] > 0.0)) { sum = 0.0; }
    data[op.slopes + index] = sum;
}
