//! The memories in plain f64, one sequence and one moment at a time, as their tensors' names and shapes
//! describe them: what the tests hold the layers to.

use std::collections::BTreeMap;

use crate::mdp::GridShape;
use crate::nn::memory::{Memory, Recurrent, Transformer};
use crate::nn::{ConvLayer, HostTensor, TensorMap};

/// Tensors by name: shape and values.
pub(super) type Plain = BTreeMap<String, (Vec<usize>, Vec<f64>)>;

pub(super) fn plain(tensors: &TensorMap) -> Plain {
    let wide = |data: &[f32]| data.iter().map(|value| f64::from(*value)).collect();
    let entry = |(name, HostTensor { shape, data }): (&String, &HostTensor)| {
        (name.clone(), (shape.clone(), wide(data)))
    };
    tensors.iter().map(entry).collect()
}

/// What one sequence holds.
pub(super) struct Sequence {
    pub(super) inputs: Vec<Vec<f64>>,
    pub(super) grids: Vec<Vec<f64>>,
    pub(super) starts: Vec<bool>,
    pub(super) state: Vec<f64>,
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `y = x Wᵀ + b`; a bias that is absent is zero.
fn linear(tensors: &Plain, name: &str, x: &[f64]) -> Vec<f64> {
    let (shape, weight) = &tensors[&format!("{name}.weight")];
    let bias = tensors.get(&format!("{name}.bias")).map_or(vec![0.0; shape[0]], |(_, bias)| bias.clone());
    weight.chunks(shape[1].max(1)).zip(bias).map(|(row, bias)| dot(row, x) + bias).collect()
}

fn relu(values: Vec<f64>) -> Vec<f64> {
    values.into_iter().map(|value| value.max(0.0)).collect()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn norm(tensors: &Plain, name: &str, x: &[f64]) -> Vec<f64> {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    let variance = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / x.len() as f64;
    let (weight, bias) = (&tensors[&format!("{name}.weight")].1, &tensors[&format!("{name}.bias")].1);
    let place = |(j, x): (usize, &f64)| (x - mean) / (variance + 1e-5).sqrt() * weight[j] + bias[j];
    x.iter().enumerate().map(place).collect()
}

fn softmax(scores: &[f64]) -> Vec<f64> {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

/// Features of every moment; `at(t)` are the tensors in force at moment `t`, so that a burn-in may stay as it is while
/// the rest is varied. The second result is the state after the last moment.
pub(super) fn features<'a>(
    memory: &Memory,
    grid: Option<GridShape>,
    sequence: &Sequence,
    at: &dyn Fn(usize) -> &'a Plain,
) -> (Vec<Vec<f64>>, Vec<f64>) {
    match memory {
        Memory::None => (sequence.inputs.clone(), Vec::new()),
        Memory::Lstm(sizes) => recurrent(sizes, true, sequence, at),
        Memory::Gru(sizes) => recurrent(sizes, false, sequence, at),
        Memory::Transformer(sizes) => (transformer(sizes, grid, sequence, at).0, Vec::new()),
    }
}

/// What the last block attends to at one moment.
#[derive(Default)]
pub(super) struct Attended {
    /// `[heads][cells][seen moments]`, the oldest first.
    pub(super) time: Vec<Vec<Vec<f64>>>,
    /// `[heads][cells]`: pooling, of a spatial memory.
    pub(super) pool: Vec<Vec<f64>>,
}

/// Hidden layers with ReLU and a linear output.
pub(super) fn head(tensors: &Plain, mut row: Vec<f64>) -> Vec<f64> {
    let count =
        tensors.keys().filter(|name| name.starts_with("layers.") && name.ends_with(".weight")).count();
    for index in 0..count {
        row = linear(tensors, &format!("layers.{index}"), &row);
        if index + 1 < count {
            row = relu(row);
        }
    }
    row
}

fn recurrent<'a>(
    sizes: &Recurrent,
    lstm: bool,
    sequence: &Sequence,
    at: &dyn Fn(usize) -> &'a Plain,
) -> (Vec<Vec<f64>>, Vec<f64>) {
    let n = sizes.hidden;
    let (mut h, mut c) = (sequence.state[..n].to_vec(), sequence.state[n..].to_vec());
    c.resize(n, 0.0);
    let mut features = Vec::new();
    for (t, x) in sequence.inputs.iter().enumerate() {
        let tensors = at(t);
        let e = if sizes.embed.is_some() { relu(linear(tensors, "memory.embed", x)) } else { x.clone() };
        if sequence.starts[t] {
            h.fill(0.0);
            c.fill(0.0);
        }
        let sums = |suffix: &str, x: &[f64]| -> Vec<f64> {
            let weight = &tensors[&format!("memory.rnn.weight_{suffix}")].1;
            let bias = &tensors[&format!("memory.rnn.bias_{suffix}")].1;
            weight.chunks(x.len()).zip(bias).map(|(row, bias)| dot(row, x) + bias).collect()
        };
        let (a, b) = (sums("ih", &e), sums("hh", &h));
        for j in 0..n {
            let gate = |index: usize| a[index * n + j] + b[index * n + j];
            if lstm {
                c[j] = sigmoid(gate(1)) * c[j] + sigmoid(gate(0)) * gate(2).tanh();
                h[j] = sigmoid(gate(3)) * c[j].tanh();
            } else {
                let (r, z) = (sigmoid(gate(0)), sigmoid(gate(1)));
                let candidate = (a[2 * n + j] + r * b[2 * n + j]).tanh();
                h[j] = (1.0 - z) * candidate + z * h[j];
            }
        }
        features.push(if sizes.skip { [&h[..], &e].concat() } else { h.clone() });
    }
    let state = if lstm { [h, c].concat() } else { h };
    (features, state)
}

/// One convolution as PyTorch's `nn.Conv2d` and a ReLU; maps are `[channels, rows, columns]`.
fn convolved(
    tensors: &Plain,
    name: &str,
    layer: &ConvLayer,
    map: &[f64],
    [rows, columns]: [usize; 2],
) -> (Vec<f64>, [usize; 2]) {
    let (shape, weight) = &tensors[&format!("{name}.weight")];
    let bias = &tensors[&format!("{name}.bias")].1;
    let (border, kernel) = (layer.border() as isize, layer.kernel);
    let extent = |size: usize| (size + 2 * layer.border() - kernel) / layer.stride + 1;
    let made = [extent(rows), extent(columns)];
    let mut out = Vec::new();
    for (channel, bias) in bias.iter().enumerate() {
        for row in 0..made[0] {
            for column in 0..made[1] {
                let mut sum = *bias;
                for (place, weight) in
                    weight.chunks(shape[1] * kernel * kernel).nth(channel).unwrap().iter().enumerate()
                {
                    let (from, k) = (place / (kernel * kernel), place % (kernel * kernel));
                    let y = (row * layer.stride + k / kernel) as isize - border;
                    let x = (column * layer.stride + k % kernel) as isize - border;
                    if (0..rows as isize).contains(&y) && (0..columns as isize).contains(&x) {
                        sum += weight * map[(from * rows + y as usize) * columns + x as usize];
                    }
                }
                out.push(sum.max(0.0));
            }
        }
    }
    (out, made)
}

/// Tokens of one moment, `[cells][width]`.
fn tokens(
    tensors: &Plain,
    sizes: &Transformer,
    grid: Option<GridShape>,
    sequence: &Sequence,
    t: usize,
) -> Vec<Vec<f64>> {
    let x = &sequence.inputs[t];
    let (Some(spatial), Some(grid)) = (&sizes.spatial, grid) else {
        return vec![linear(tensors, "memory.embed", x)];
    };
    let (mut map, mut extent) = (sequence.grids[t].clone(), [grid.height, grid.width]);
    for (index, layer) in spatial.layers.iter().enumerate() {
        (map, extent) = convolved(tensors, &format!("memory.conv.{index}"), layer, &map, extent);
    }
    let cells = extent[0] * extent[1];
    let position = &tensors["memory.position"].1;
    let of_vector = if x.is_empty() { vec![0.0; sizes.width] } else { linear(tensors, "memory.vector", x) };
    (0..cells)
        .map(|u| {
            let column: Vec<f64> = map.iter().skip(u).step_by(cells).copied().collect();
            let mut y = linear(tensors, "memory.embed", &column);
            (0..sizes.width).for_each(|j| y[j] += position[u * sizes.width + j] + of_vector[j]);
            y
        })
        .collect()
}

/// Adds `Σ softmax(scores) · values` of head `h` to its slice of `out`; the softmax is the result.
fn attend(
    query: &[f64],
    keys: &[&[f64]],
    values: &[&[f64]],
    bias: &dyn Fn(usize) -> f64,
    out: &mut [f64],
) -> Vec<f64> {
    let scale = (query.len() as f64).sqrt();
    let scores: Vec<f64> =
        keys.iter().enumerate().map(|(s, key)| dot(query, key) / scale + bias(s)).collect();
    let weights = softmax(&scores);
    for (weight, value) in weights.iter().zip(values) {
        out.iter_mut().zip(*value).for_each(|(out, value)| *out += weight * value);
    }
    weights
}

/// Features and attention of every moment.
pub(super) fn transformer<'a>(
    sizes: &Transformer,
    grid: Option<GridShape>,
    sequence: &Sequence,
    at: &dyn Fn(usize) -> &'a Plain,
) -> (Vec<Vec<f64>>, Vec<Attended>) {
    let (moments, w) = (sequence.starts.len(), sizes.width / sizes.heads);
    let mut y: Vec<Vec<Vec<f64>>> = (0..moments).map(|t| tokens(at(t), sizes, grid, sequence, t)).collect();
    let cells = y[0].len();
    let mut attended: Vec<Attended> = (0..moments).map(|_| Attended::default()).collect();
    for block in 0..sizes.blocks {
        for part in ["time", "space"] {
            if part == "space" && sizes.spatial.is_none() {
                continue;
            }
            let name = |what: &str| format!("memory.blocks.{block}.{part}.{what}");
            let mapped = |what: &str| -> Vec<Vec<Vec<f64>>> {
                let one = |t: usize, y: &Vec<f64>| linear(at(t), &name(what), &norm(at(t), &name("norm"), y));
                y.iter().enumerate().map(|(t, cells)| cells.iter().map(|y| one(t, y)).collect()).collect()
            };
            let (queries, keys, values) = (mapped("query"), mapped("key"), mapped("value"));
            for t in 0..moments {
                let seen: Vec<usize> = match part {
                    "time" => {
                        let reachable =
                            |s: usize| s + sizes.window > t && !(s + 1..=t).any(|k| sequence.starts[k]);
                        (0..=t).filter(|s| reachable(*s)).collect()
                    }
                    _ => (0..cells).collect(),
                };
                attended[t].time.resize(sizes.heads, Vec::new());
                attended[t].time.iter_mut().filter(|_| part == "time").for_each(Vec::clear);
                for u in 0..cells {
                    let mut out = vec![0.0; sizes.width];
                    for h in 0..sizes.heads {
                        let slice = h * w..(h + 1) * w;
                        let pick = |all: &'_ Vec<Vec<Vec<f64>>>, s: usize| -> Vec<f64> {
                            let row = if part == "time" { &all[s][u] } else { &all[t][s] };
                            row[slice.clone()].to_vec()
                        };
                        let (k, v): (Vec<_>, Vec<_>) =
                            seen.iter().map(|s| (pick(&keys, *s), pick(&values, *s))).unzip();
                        let (k, v): (Vec<&[f64]>, Vec<&[f64]>) =
                            k.iter().zip(&v).map(|(k, v)| (&k[..], &v[..])).unzip();
                        let relative = |s: usize| match part {
                            "time" => at(t)[&name("relative")].1[h * sizes.window + t - seen[s]],
                            _ => 0.0,
                        };
                        let weights =
                            attend(&queries[t][u][slice.clone()], &k, &v, &relative, &mut out[slice]);
                        if part == "time" {
                            attended[t].time[h].push(weights);
                        }
                    }
                    let passed = linear(at(t), &name("output"), &out);
                    y[t][u].iter_mut().zip(passed).for_each(|(y, passed)| *y += passed);
                }
            }
        }
        for (t, y) in y.iter_mut().enumerate() {
            for y in y {
                let name = |what: &str| format!("memory.blocks.{block}.mlp.{what}");
                let up = relu(linear(at(t), &name("up"), &norm(at(t), &name("norm"), y)));
                y.iter_mut().zip(linear(at(t), &name("down"), &up)).for_each(|(y, passed)| *y += passed);
            }
        }
    }
    let pooled = |(t, y): (usize, &Vec<Vec<f64>>), attended: &mut Attended| {
        let y: Vec<Vec<f64>> = y.iter().map(|y| norm(at(t), "memory.norm", y)).collect();
        if sizes.spatial.is_none() {
            return y[0].clone();
        }
        let (pool, mut out) = (&at(t)["memory.pool"].1, vec![0.0; sizes.width]);
        for h in 0..sizes.heads {
            let slice = h * w..(h + 1) * w;
            let tokens: Vec<&[f64]> = y.iter().map(|y| &y[slice.clone()]).collect();
            let out = &mut out[slice.clone()];
            attended.pool.push(attend(&pool[slice.clone()], &tokens, &tokens, &|_| 0.0, out));
        }
        out
    };
    let features = y.iter().enumerate().zip(&mut attended).map(|(y, attended)| pooled(y, attended)).collect();
    (features, attended)
}
