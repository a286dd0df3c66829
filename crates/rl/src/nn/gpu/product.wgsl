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
/// Of `DEPTH` rows in memory, in vectors of four floats: one more than a tile has, so that neighbors use different banks.
const PITCH = 9u;

@group(0) @binding(1) var<storage, read> problems: array<Problem>;
@group(0) @binding(3) var<uniform> op: Range;

var<workgroup> left: array<vec4<f32>, 288>;
var<workgroup> right: array<vec4<f32>, 288>;

/// `A[i, k]`; 0 outside.
fn of_left(index: u32, i: u32, k: u32, a: u32, a2: u32) -> f32 {
    let flags = problems[index].flags;
    let rows = problems[index].rows;
    if (i >= rows || k >= problems[index].inner) { return 0.0; }
    let gradient = (flags & GRADIENT) != 0u;
    let r = select(i, k, gradient);
    let f = select(k, i, gradient);
    if (gradient && f + 1u == rows) { return 1.0; }
    let split = problems[index].split;
    if (f < split) { return data[a + r * problems[index].a_row + f]; }
    return data[a2 + r * problems[index].a2_row + f - split];
}

/// `B[k, j]`; 0 outside.
fn of_right(index: u32, k: u32, j: u32) -> f32 {
    if (j >= problems[index].columns || k >= problems[index].inner) { return 0.0; }
    let transposed = (problems[index].flags & TRANSPOSED) != 0u;
    return data[problems[index].b + select(k, j, transposed) * problems[index].b_row + select(j, k, transposed)];
}

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
    // Neighboring threads read neighboring floats, whichever way a matrix lies.
    let left_across = (p.flags & GRADIENT) != 0u;
    let right_across = (p.flags & TRANSPOSED) == 0u;
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
        for (var each = 0u; each < 4u; each += 1u) {
            // Four floats along the tile, at one place of the inner index.
            let place = lane + each * 64u;
            var four = select(place / DEPTH, place % 8u, left_across);
            var k = select(place % DEPTH, place / 8u, left_across);
            var m = row + four * 4u;
            left[k * PITCH + four] = vec4<f32>(
                of_left(index, m, start + k, a, a2),
                of_left(index, m + 1u, start + k, a, a2),
                of_left(index, m + 2u, start + k, a, a2),
                of_left(index, m + 3u, start + k, a, a2),
            );
            four = select(place / DEPTH, place % 8u, right_across);
            k = select(place % DEPTH, place / 8u, right_across);
            m = column + four * 4u;
            right[k * PITCH + four] = vec4<f32>(
                of_right(index, start + k, m),
                of_right(index, start + k, m + 1u),
                of_right(index, start + k, m + 2u),
                of_right(index, start + k, m + 3u),
            );
        }
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k += 1u) {
            let factors = right[k * PITCH + lane % 8u];
            let own = left[k * PITCH + lane / 8u];
            sums[0] = fma(vec4<f32>(own.x), factors, sums[0]);
            sums[1] = fma(vec4<f32>(own.y), factors, sums[1]);
            sums[2] = fma(vec4<f32>(own.z), factors, sums[2]);
            sums[3] = fma(vec4<f32>(own.w), factors, sums[3]);
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
