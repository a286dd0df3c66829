//! Networks in training: their gradients by backward passes, and the optimizer's step.

use bytemuck::{Pod, Zeroable};

use super::pass::{GRADIENT, MASK, NormProblem, Source, TRANSPOSED};
use super::program::Problem;
use super::shape::Layer;
use super::{Builder, Kernel, Pass, Shape};

const ADAM: Kernel = Kernel { source: include_str!("adam.wgsl"), entry: "adam" };
const SQUARED_NORMS: Kernel = Kernel { source: include_str!("adam.wgsl"), entry: "squared_norms" };
const NORM_GRADIENT: Kernel = Kernel { source: include_str!("norm.wgsl"), entry: "norm_gradient" };
const NORM_BACKWARD: Kernel = Kernel { source: include_str!("norm.wgsl"), entry: "norm_backward" };
const SUM_PARTS: Kernel = Kernel { source: include_str!("sums.wgsl"), entry: "sum_parts" };

/// Parts of a squared norm, summed by one workgroup each.
pub(crate) const PARTIALS: u32 = 64;
/// Parameters that one workgroup of the optimizer moves.
const MOVED: u32 = 256;
/// Floats that one workgroup sums up.
const SUMMED: u32 = 64;
/// Rows of a gradient that one workgroup sums up, in up to so many parts.
const PART: u32 = 64;
const MOST_PARTS: u32 = 8;
/// The same of a convolution, where every position is a row.
const LONG_PART: u32 = 512;
const MOST_LONG_PARTS: u32 = 64;
/// Stands for no target networks.
const NONE: u32 = u32::MAX;

/// Networks of one kind in training: their parameters one after the other, moments and gradients likewise.
#[derive(Debug, Clone)]
pub(crate) struct Descent {
    pub(crate) networks: u32,
    /// Floats of one network.
    pub(crate) each: u32,
    pub(crate) parameters: u32,
    pub(crate) m: u32,
    pub(crate) v: u32,
    pub(crate) targets: Option<u32>,
    /// Parts of the gradient, each of all networks: a long batch is summed by several workgroups.
    gradient: u32,
    splits: u32,
    /// `[networks, 64]` each: parts of the squared norms of gradients and, for a report, of parameters.
    gradient_norms: u32,
    parameter_norms: u32,
    /// Gradients of every layer's output, `[networks, rows, width]`.
    slopes: Vec<u32>,
    /// The same of every convolution's map, of its patches but for the first, and parts of its own gradient.
    maps: Vec<[u32; 3]>,
}

impl Descent {
    /// Room for the parameters and moments of `networks`, each of `each` floats, and for their targets.
    pub(crate) fn new(builder: &mut Builder, networks: usize, each: usize, targets: bool) -> Self {
        let all = networks * each;
        let [parameters, m, v] = std::array::from_fn(|_| builder.floats(all));
        Self {
            networks: networks as u32,
            each: each as u32,
            parameters,
            m,
            v,
            targets: targets.then(|| builder.floats(all)),
            gradient: 0,
            splits: 1,
            gradient_norms: 0,
            parameter_norms: 0,
            slopes: Vec::new(),
            maps: Vec::new(),
        }
    }

    /// Room for the squared norms that a report reads.
    pub(crate) fn norms(&mut self, builder: &mut Builder) {
        let count = (self.networks * PARTIALS) as usize;
        [self.gradient_norms, self.parameter_norms] = std::array::from_fn(|_| builder.floats(count));
    }

    /// Room for gradients with batches of `rows`, for networks of `shape`.
    pub(crate) fn gradients(&mut self, builder: &mut Builder, shape: &Shape, rows: usize) {
        self.splits = (rows as u32 / PART).clamp(1, MOST_PARTS);
        self.gradient = builder.floats(self.splits as usize * self.size() as usize);
        let all = self.networks as usize * rows;
        self.slopes = shape.layers.iter().map(|layer| builder.floats(all * layer.width as usize)).collect();
        self.maps = (shape.convolutions.iter().enumerate())
            .map(|(index, own)| {
                let cells = all * own.positions() as usize;
                let slopes = builder.floats(cells * own.layer.width as usize);
                let patches = if index > 0 { builder.floats(cells * own.layer.inputs as usize) } else { 0 };
                let parts = parts(rows as u32 * own.positions());
                [
                    slopes,
                    patches,
                    builder.floats(self.networks as usize * parts as usize * own.layer.size() as usize),
                ]
            })
            .collect();
    }

    /// Floats of all networks.
    pub(crate) fn size(&self) -> u32 {
        self.networks * self.each
    }

    /// Where the gradient of the networks' output stands, `[networks, rows, width]`.
    pub(crate) fn output_slopes(&self) -> u32 {
        self.slopes.last().copied().unwrap_or_default()
    }

    /// Mean over networks of the norms of gradients and parameters among `values`, the floats of a program from `from` on.
    pub(crate) fn mean_norms(&self, from: u32, values: &[f32]) -> [f32; 2] {
        [self.gradient_norms, self.parameter_norms].map(|start| {
            let own = &values[(start - from) as usize..][..(self.networks * PARTIALS) as usize];
            let norms = own.chunks_exact(PARTIALS as usize).map(|own| own.iter().sum::<f32>().sqrt());
            norms.sum::<f32>() / self.networks as f32
        })
    }

    /// The gradient of dense layer `index` of `pass`, that of network number `network`.
    fn dense(&self, network: u32, pass: &Pass, index: usize) -> impl Iterator<Item = Problem> {
        let layer = pass.shape.layers[index];
        let (rows, source) = (pass.rows(), pass.input(index));
        let slopes = self.slopes[index] + network * rows * layer.width;
        let gradient = self.gradient + network * self.each + layer.weight;
        let out = move |split| gradient + split * self.size();
        gradients(source, slopes, layer, rows, self.splits)
            .zip(0..)
            .map(move |(own, split)| Problem { out: out(split), ..own })
    }

    /// The gradient of the input of dense layer `index` where the ReLU below was open: of the layer below, or of the last
    /// map.
    fn below(&self, network: u32, pass: &Pass, index: usize) -> Option<Problem> {
        let (layer, shape) = (pass.shape.layers[index], &pass.shape);
        let slopes = self.slopes[index] + network * pass.rows() * layer.width;
        let weight = pass.parameters + layer.weight;
        let problem = Problem {
            b_row: layer.width,
            rows: pass.rows(),
            inner: layer.outputs,
            flags: MASK | TRANSPOSED,
            ..Source::whole(slopes, layer.width, 0).problem()
        };
        if let Some(below) = index.checked_sub(1) {
            let out_row = shape.layers[below].width;
            return Some(Problem {
                b: weight,
                out: self.slopes[below] + network * pass.rows() * out_row,
                out_row,
                columns: layer.inputs,
                other: pass.input(index).a,
                ..problem
            });
        }
        let last = shape.convolutions.last()?;
        let out_row = last.positions() * last.layer.width;
        let [slopes, ..] = self.maps.last()?;
        Some(Problem {
            // Behind the rows of the vector.
            b: weight + shape.vector * layer.width,
            out: slopes + network * pass.rows() * out_row,
            out_row,
            columns: out_row,
            other: pass.input(0).a2,
            ..problem
        })
    }

    /// The normalization of layer `index`.
    fn norm(&self, network: u32, pass: &Pass, index: usize) -> Option<NormProblem> {
        let weight = *pass.shape.norms.get(index)?;
        let slopes = self.slopes[index] + network * pass.rows() * pass.shape.layers[index].width;
        pass.norm(index, slopes, self.gradient + network * self.each + weight)
    }

    /// The same in as many parts of its rows as the gradient has.
    fn norm_parts(&self, network: u32, pass: &Pass, index: usize) -> impl Iterator<Item = NormProblem> {
        let whole = self.norm(network, pass, index);
        let parts = whole.into_iter().flat_map(|whole| (0..self.splits).map(move |split| (whole, split)));
        parts.map(|(whole, split)| whole.part(split, self.splits, split * self.size()))
    }

    /// The gradient of convolution `index`, in parts.
    fn convolution(&self, network: u32, pass: &Pass, index: usize) -> impl Iterator<Item = Problem> {
        let layer = pass.shape.convolutions[index].layer;
        let rows = pass.rows() * pass.shape.convolutions[index].positions();
        let ([slopes, _, out], source, count) = (self.maps[index], pass.patches(index), parts(rows));
        let slopes = slopes + network * rows * layer.width;
        let out = move |number| out + (network * count + number) * layer.size();
        gradients(source, slopes, layer, rows, count)
            .zip(0..)
            .map(move |(own, number)| Problem { out: out(number), ..own })
    }
}

/// `sourceᵀ · slopes` and the sums of `slopes`, the gradient of `layer`, in `count` parts of the rows; where they go is
/// left to the caller.
fn gradients(
    source: Source,
    slopes: u32,
    layer: Layer,
    rows: u32,
    count: u32,
) -> impl Iterator<Item = Problem> {
    let part = rows.div_ceil(count);
    (0..count).map(move |number| {
        let from = (number * part).min(rows);
        let problem = source.skip(from).problem();
        Problem {
            b: slopes + from * layer.width,
            b_row: layer.width,
            out_row: layer.width,
            rows: layer.inputs + 1,
            columns: layer.width,
            inner: part.min(rows - from),
            flags: problem.flags | GRADIENT,
            ..problem
        }
    })
}

/// Parts in which a sum over so many rows is computed, where few outputs leave the card idle.
fn parts(rows: u32) -> u32 {
    (rows / LONG_PART).clamp(1, MOST_LONG_PARTS)
}

/// The gradient of all parameters from that of the outputs; `passes` are those of the networks in turn.
pub(crate) fn backward(builder: &mut Builder, descent: &Descent, passes: &[&Pass]) {
    let Some(Pass { shape, .. }) = passes.first() else { return };
    let networks = || (0..).zip(passes.iter().copied());
    for index in (0..shape.layers.len()).rev() {
        let below = networks().filter_map(|(network, pass)| descent.below(network, pass, index));
        let own = networks().flat_map(|(network, pass)| descent.dense(network, pass, index));
        let problems: Vec<_> = below.chain(own).collect();
        builder.products(problems);
        if let Some(below) = index.checked_sub(1) {
            let parts = networks().flat_map(|(network, pass)| descent.norm_parts(network, pass, below));
            builder.tabled(NORM_GRADIENT, parts.collect(), |norm| norm.columns.div_ceil(SUMMED));
            let norms = networks().filter_map(|(network, pass)| descent.norm(network, pass, below));
            builder.tabled(NORM_BACKWARD, norms.collect(), |norm| norm.rows);
        }
    }
    for (index, own) in shape.convolutions.iter().enumerate().rev() {
        let [slopes, patches, parts_at] = descent.maps[index];
        let (rows, layer) = (passes[0].rows() * own.positions(), own.layer);
        let mut problems: Vec<_> =
            networks().flat_map(|(network, pass)| descent.convolution(network, pass, index)).collect();
        if index > 0 {
            problems.extend(networks().map(|(network, pass)| Problem {
                b: pass.parameters + layer.weight,
                b_row: layer.width,
                out: patches + network * rows * layer.inputs,
                out_row: layer.inputs,
                rows,
                columns: layer.inputs,
                inner: layer.outputs,
                flags: TRANSPOSED,
                ..Source::whole(slopes + network * rows * layer.width, layer.width, 0).problem()
            }));
        }
        builder.products(problems);
        sum_parts(builder, descent, own.layer.size(), parts(rows), parts_at, layer.weight);
        if let Some(below) = index.checked_sub(1) {
            for (network, pass) in networks() {
                let from = own.from[0] * own.from[1] * own.depth * pass.rows();
                let own_patches = patches + network * rows * layer.inputs;
                pass.merge(builder, index, own_patches, descent.maps[below][0] + network * from);
            }
        }
    }
}

/// The gradient of a convolution's `size` floats at `weight` of every network, from its `parts`.
fn sum_parts(builder: &mut Builder, descent: &Descent, size: u32, parts: u32, source: u32, weight: u32) {
    #[derive(Clone, Copy, Pod, Zeroable)]
    #[repr(C)]
    struct Parts {
        source: u32,
        parts: u32,
        size: u32,
        networks: u32,
        out: u32,
        each: u32,
    }
    let Descent { networks, each, gradient, .. } = *descent;
    let operation = Parts { source, parts, size, networks, out: gradient + weight, each };
    builder.run_many(SUM_PARTS, &operation, (size * networks).div_ceil(SUMMED));
}

/// The slopes of the outputs in the entries `first..first + count` of the first dense layer's input, at `out`,
/// `[networks, rows, count]`; parameters are constant.
pub(crate) fn input_slopes(
    builder: &mut Builder,
    descent: &Descent,
    passes: &[&Pass],
    (first, count): (u32, u32),
    out: u32,
) {
    let Some(Pass { shape, .. }) = passes.first() else { return };
    let networks = || (0..).zip(passes.iter().copied());
    for index in (1..shape.layers.len()).rev() {
        let problems: Vec<_> =
            networks().filter_map(|(network, pass)| descent.below(network, pass, index)).collect();
        builder.products(problems);
        let norms = networks().filter_map(|(network, pass)| descent.norm(network, pass, index - 1));
        builder.tabled(NORM_BACKWARD, norms.collect(), |norm| norm.rows);
    }
    let Some(layer) = shape.layers.first() else { return };
    let problems: Vec<_> = networks()
        .map(|(network, pass)| {
            let slopes = descent.slopes[0] + network * pass.rows() * layer.width;
            Problem {
                b: pass.parameters + layer.weight + first * layer.width,
                b_row: layer.width,
                out: out + network * pass.rows() * count,
                out_row: count,
                rows: pass.rows(),
                columns: count,
                inner: layer.outputs,
                flags: TRANSPOSED,
                ..Source::whole(slopes, layer.width, 0).problem()
            }
        })
        .collect();
    builder.products(problems);
}

/// `Networks` of `adam.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Networks {
    parameters: u32,
    m: u32,
    v: u32,
    gradient: u32,
    splits: u32,
    gradient_size: u32,
    each: u32,
    size: u32,
    targets: u32,
    partials: u32,
    clip: f32,
    rate: u32,
}

impl Descent {
    fn networks(&self, rate: u32, clip: Option<f32>) -> Networks {
        Networks {
            parameters: self.parameters,
            m: self.m,
            v: self.v,
            gradient: self.gradient,
            splits: self.splits,
            gradient_size: self.size(),
            each: self.each,
            size: self.size(),
            targets: self.targets.unwrap_or(NONE),
            partials: self.gradient_norms,
            clip: clip.unwrap_or(0.0),
            rate,
        }
    }
}

/// One optimizer step with number `rate` of a step's rates, clipped by each network's global norm; target networks follow.
pub(crate) fn descend(builder: &mut Builder, descent: &Descent, rate: u32, clip: Option<f32>) {
    let operation = descent.networks(rate, clip);
    if clip.is_some() {
        builder.run(SQUARED_NORMS, &operation, [PARTIALS, descent.networks]);
    }
    builder.run_many(ADAM, &operation, descent.size().div_ceil(MOVED));
}

/// The norms of gradients and parameters, for [`Descent::mean_norms`].
pub(crate) fn measure(builder: &mut Builder, descent: &Descent) {
    let gradient = descent.networks(0, None);
    let partials = descent.parameter_norms;
    let parameters = Networks { gradient: descent.parameters, splits: 1, partials, ..gradient };
    for operation in [gradient, parameters] {
        builder.run(SQUARED_NORMS, &operation, [PARTIALS, descent.networks]);
    }
}
