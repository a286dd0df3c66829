// Matrix products, several in one dispatch: `out = finish(A · B)`, each workgroup one tile of 32 × 32, each of its 64
// threads 4 × 4 of them.

struct Problem {
    /// Rows of `A`'s source, `[r, f] = data[a + r · a_row + f]`, whose entries from `split` on stand elsewhere:
    /// `data[a2 + r · a2_row + f − split]`.
    a: u32, a_row: u32, a2: u32, a2_row: u32, split: u32,
    /// Rows of `B`'s source.
    b: u32, b_row: u32,
    /// `out[i, j] = data[out + i · out_row + j]`.
    out: u32, out_row: u32,
    rows: u32, columns: u32, inner: u32,
    flags: u32,
    /// The bias, or what masks, laid out like `out`.
    other: u32,
    first_tile: u32, tiles_across: u32,
}

struct Range { first: u32, count: u32 }

/// `A` is its source transposed, with a last row of ones: its product with deltas is a gradient of weights, then bias.
const GRADIENT = 1u;
/// Starts from `other[j]`.
const BIAS = 2u;
/// `max(·, 0)`.
const RELU = 4u;
/// 0 where `other[i, j]` is not positive.
const MASK = 8u;
/// `A` lies in the step's batch, up to `split`.
const BATCH = 16u;
/// `B` is its source transposed.
const TRANSPOSED = 32u;
/// `A` lies in the step's batch from `split` on.
const SECOND_BATCH = 64u;

const TILE = 32u;
/// Of the inner index at a time: long enough to hide the way to memory.
const DEPTH = 32u;
const PITCH = 36u;

@group(0) @binding(1) var<storage, read> problems: array<Problem>;
@group(0) @binding(3) var<uniform> op: Range;

var<workgroup> left: array<f32, 1152>;
var<workgroup> right: array<f32, 1152>;

@compute @workgroup_size(64)
fn product(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let number = group.x + group.y * 65535u;
    var index = op.first;
    while (index + 1u < op.first + op.count && problems[index + 1u].first_tile <= number) {
        index += 1u;
    }
    let p = problems[index];
    let tile = number - p.first_tile;
    let row = (tile / p.tiles_across) * TILE;
    let column = (tile % p.tiles_across) * TILE;
    let a = p.a + select(0u, now.batch, (p.flags & BATCH) != 0u);
    let a2 = p.a2 + select(0u, now.batch, (p.flags & SECOND_BATCH) != 0u);
    let gradient = (p.flags & GRADIENT) != 0u;
    let transposed = (p.flags & TRANSPOSED) != 0u;
    let i = row + (lane / 8u) * 4u;
    let j = column + (lane % 8u) * 4u;

    var sums: array<vec4<f32>, 4>;
    if ((p.flags & BIAS) != 0u) {
        var bias = vec4<f32>();
        for (var c = 0u; c < 4u; c += 1u) {
            if (j + c < p.columns) { bias[c] = data[p.other + j + c]; }
        }
        for (var r = 0u; r < 4u; r += 1u) { sums[r] = bias; }
    }
    for (var start = 0u; start < p.inner; start += DEPTH) {
        for (var each = 0u; each < 16u; each += 1u) {
            let place = lane + each * 64u;
            // Neighboring threads read neighboring floats, whichever way the matrix lies.
            var m = place / DEPTH;
            var k = place % DEPTH;
            if (gradient) { m = place % TILE; k = place / TILE; }
            var value = 0.0;
            if (row + m < p.rows && start + k < p.inner) {
                let r = select(row + m, start + k, gradient);
                let f = select(start + k, row + m, gradient);
                if (gradient && f + 1u == p.rows) {
                    value = 1.0;
                } else if (f < p.split) {
                    value = data[a + r * p.a_row + f];
                } else {
                    value = data[a2 + r * p.a2_row + f - p.split];
                }
            }
            left[k * PITCH + m] = value;
            m = place % TILE;
            k = place / TILE;
            if (transposed) { m = place / DEPTH; k = place % DEPTH; }
            value = 0.0;
            if (column + m < p.columns && start + k < p.inner) {
                let r = select(start + k, column + m, transposed);
                let c = select(column + m, start + k, transposed);
                value = data[p.b + r * p.b_row + c];
            }
            right[k * PITCH + m] = value;
        }
        workgroupBarrier();
        let from_left = (lane / 8u) * 4u;
        let from_right = (lane % 8u) * 4u;
        for (var k = 0u; k < DEPTH; k += 1u) {
            let at = k * PITCH + from_right;
            let factors = vec4<f32>(right[at], right[at + 1u], right[at + 2u], right[at + 3u]);
            let own = k * PITCH + from_left;
            sums[0] = fma(vec4<f32>(left[own]), factors, sums[0]);
            sums[1] = fma(vec4<f32>(left[own + 1u]), factors, sums[1]);
            sums[2] = fma(vec4<f32>(left[own + 2u]), factors, sums[2]);
            sums[3] = fma(vec4<f32>(left[own + 3u]), factors, sums[3]);
        }
        workgroupBarrier();
    }
    for (var r = 0u; r < 4u; r += 1u) {
        if (i + r >= p.rows) { break; }
        for (var c = 0u; c < 4u; c += 1u) {
            if (j + c >= p.columns) { break; }
            let place = (i + r) * p.out_row + j + c;
            var value = sums[r][c];
            if ((p.flags & RELU) != 0u) { value = max(value, 0.0); }
            if ((p.flags & MASK) != 0u && !(data[p.other + place] > 0.0)) { value = 0.0; }
            data[p.out + place] = value;
        }
    }
}
