// Layer normalization (Ba et al. 2016) and the ReLU after it, several networks in one dispatch: `y = max(w · x̂ + b, 0)`
// with `x̂ = (x − mean) / √(variance + 1e-5)` over the entries of a row.

struct Problem {
    /// `[rows, width]`: `x` before, `x̂` after; `y`, or the gradient of `w · x̂ + b`; `[rows]`: `1 / √(variance + 1e-5)`.
    values: u32, out: u32, scales: u32,
    /// `w`, then `b`, and their gradients likewise, `[width]` each.
    weight: u32, gradient: u32,
    rows: u32, columns: u32, width: u32,
    unused: array<u32, 6>,
    first_tile: u32, tiles_across: u32,
}

struct Range { first: u32, count: u32 }

@group(0) @binding(1) var<storage, read> problems: array<Problem>;
@group(0) @binding(3) var<uniform> op: Range;

var<workgroup> sums: array<vec2<f32>, 64>;

/// The problem of workgroup `number`.
fn problem_of(number: u32) -> u32 {
    var index = op.first;
    while (index + 1u < op.first + op.count && problems[index + 1u].first_tile <= number) {
        index += 1u;
    }
    return index;
}

/// Sums of all lanes.
fn total(lane: u32, own: vec2<f32>) -> vec2<f32> {
    workgroupBarrier();
    sums[lane] = own;
    for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) { sums[lane] += sums[lane + half]; }
    }
    workgroupBarrier();
    return sums[0];
}

/// One row a workgroup.
@compute @workgroup_size(64)
fn normalize(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let number = group.x + group.y * 65535u;
    let p = problems[problem_of(number)];
    let row = number - p.first_tile;
    let share = 1.0 / f32(p.columns);
    let values = p.values + row * p.width;
    var own = vec2<f32>();
    for (var j = lane; j < p.columns; j += 64u) { own.x += data[values + j]; }
    let mean = total(lane, own).x * share;
    own = vec2<f32>();
    for (var j = lane; j < p.columns; j += 64u) {
        let far = data[values + j] - mean;
        own.x += far * far;
    }
    let scale = 1.0 / sqrt(total(lane, own).x * share + 1e-5);
    if (lane == 0u && row < p.rows) { data[p.scales + row] = scale; }
    if (row >= p.rows) { return; }
    for (var j = lane; j < p.columns; j += 64u) {
        let normalized = scale * (data[values + j] - mean);
        data[values + j] = normalized;
        let place = p.out + row * p.width + j;
        data[place] = max(data[p.weight + j] * normalized + data[p.weight + p.width + j], 0.0);
    }
}

/// `dL/dw = Σ_rows delta · x̂` and `dL/db = Σ_rows delta`, 64 columns a workgroup.
@compute @workgroup_size(64)
fn norm_gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let number = group.x + group.y * 65535u;
    let p = problems[problem_of(number)];
    let j = (number - p.first_tile) * 64u + lane;
    if (j >= p.columns) { return; }
    var of_weight = 0.0;
    var of_bias = 0.0;
    for (var row = 0u; row < p.rows; row += 1u) {
        let delta = data[p.out + row * p.width + j];
        of_weight += delta * data[p.values + row * p.width + j];
        of_bias += delta;
    }
    data[p.gradient + j] = of_weight;
    data[p.gradient + p.width + j] = of_bias;
}

/// The gradient of `x` in place of that of `w · x̂ + b`: `(g − mean(g) − x̂ · mean(g · x̂)) / √(variance + 1e-5)` with
/// `g = w · delta`.
@compute @workgroup_size(64)
fn norm_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let number = group.x + group.y * 65535u;
    let p = problems[problem_of(number)];
    let row = number - p.first_tile;
    let values = p.values + row * p.width;
    let slopes = p.out + row * p.width;
    var own = vec2<f32>();
    for (var j = lane; j < p.columns; j += 64u) {
        let g = data[p.weight + j] * data[slopes + j];
        own += vec2<f32>(g, g * data[values + j]);
    }
    let means = total(lane, own) / f32(p.columns);
    if (row >= p.rows) { return; }
    for (var j = lane; j < p.columns; j += 64u) {
        let g = data[p.weight + j] * data[slopes + j];
        data[slopes + j] = (g - means.x - data[values + j] * means.y) * data[p.scales + row];
    }
}
