//! Forward passes: what networks read of a batch, and what they compute for it.

use bytemuck::{Pod, Zeroable};

use super::program::Problem;
use super::shape::{Convolution, Layer};
use super::{Builder, Kernel, Shape};

const PRODUCT: Kernel = Kernel { source: include_str!("product.wgsl"), entry: "product" };
const PATCHES: Kernel = Kernel { source: include_str!("conv.wgsl"), entry: "patches" };
const NORMALIZE: Kernel = Kernel { source: include_str!("norm.wgsl"), entry: "normalize" };
const MERGE: Kernel = Kernel { source: include_str!("conv.wgsl"), entry: "merge" };

/// Edge of the tile that one workgroup computes.
const TILE: u32 = 32;
/// Floats that one workgroup of `conv.wgsl` writes.
const CELLS: u32 = 256;

// The flags of `product.wgsl`.
pub(super) const GRADIENT: u32 = 1;
pub(super) const BIAS: u32 = 2;
pub(super) const RELU: u32 = 4;
pub(super) const MASK: u32 = 8;
pub(super) const BATCH: u32 = 16;
pub(super) const TRANSPOSED: u32 = 32;
pub(super) const SECOND_BATCH: u32 = 64;

/// Observations of a batch, which several networks may read.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Where they begin in a step's batch.
    at: u32,
    rows: u32,
    /// The patches of their grids.
    patches: u32,
}

impl Seen {
    /// `rows` observations that stand at `at` of every batch, for networks with the convolutions of `shape`.
    pub(crate) fn new(builder: &mut Builder, shape: &Shape, at: usize, rows: usize) -> Self {
        let size = |own: &Convolution| rows * (own.positions() * own.layer.inputs) as usize;
        let patches = shape.convolutions.first().map_or(0, |own| builder.floats(size(own)));
        Self { at: at as u32, rows: rows as u32, patches }
    }

    /// Cuts the patches of their grids.
    pub(crate) fn read(&self, builder: &mut Builder, shape: &Shape) {
        if let Some(first) = shape.convolutions.first() {
            let map = Map { source: self.at + shape.vector, features: shape.features, ..Map::of(first) };
            map.cut(builder, self.rows, self.patches);
        }
    }
}

/// What a network reads behind the observation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Behind {
    pub(crate) at: u32,
    /// Floats of a row.
    pub(crate) row: u32,
    /// Whether it stands in a step's batch.
    pub(crate) in_batch: bool,
}

/// Where the rows of a layer's input stand: those of `Problem`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Source {
    pub(super) a: u32,
    pub(super) a_row: u32,
    pub(super) a2: u32,
    pub(super) a2_row: u32,
    pub(super) split: u32,
    pub(super) flags: u32,
}

impl Source {
    /// Rows that stand together.
    pub(super) fn whole(a: u32, a_row: u32, flags: u32) -> Self {
        Self { a, a_row, split: u32::MAX, flags, ..Self::default() }
    }

    /// From row `from` on.
    pub(super) fn skip(self, from: u32) -> Self {
        Self { a: self.a + from * self.a_row, a2: self.a2 + from * self.a2_row, ..self }
    }

    pub(super) fn problem(self) -> Problem {
        let Self { a, a_row, a2, a2_row, split, flags } = self;
        Problem { a, a_row, a2, a2_row, split, flags, ..Problem::default() }
    }
}

/// A network that reads a batch, and what it computes for it.
#[derive(Debug, Clone)]
pub(crate) struct Pass {
    pub(super) shape: Shape,
    /// Where its parameters begin.
    pub(super) parameters: u32,
    seen: Seen,
    behind: Option<Behind>,
    /// Patches, then map, of every convolution.
    maps: Vec<[u32; 2]>,
    /// `[rows, width]` of every dense layer.
    outputs: Vec<u32>,
    /// `x̂`, `[rows, width]`, and scales, `[rows]`, of every normalized layer.
    normalized: Vec<[u32; 2]>,
}

impl Pass {
    /// Of a network with parameters at `parameters` that reads what is `seen` and what stands `behind`.
    pub(crate) fn new(
        builder: &mut Builder,
        shape: &Shape,
        parameters: u32,
        seen: &Seen,
        behind: Option<Behind>,
    ) -> Self {
        let rows = seen.rows as usize;
        let (mut maps, mut patches) = (Vec::new(), Some(seen.patches));
        for own in &shape.convolutions {
            let cells = rows * own.positions() as usize;
            let own_patches = match patches.take() {
                Some(shared) => shared,
                None => builder.floats(cells * own.layer.inputs as usize),
            };
            maps.push([own_patches, builder.floats(cells * own.layer.width as usize)]);
        }
        let outputs = shape.layers.iter().map(|layer| builder.floats(rows * layer.width as usize)).collect();
        let normalized = shape.layers.iter().take(shape.norms.len());
        let normalized = normalized
            .map(|layer| [builder.floats(rows * layer.width as usize), builder.floats(rows)])
            .collect();
        Self { shape: shape.clone(), parameters, seen: seen.clone(), behind, maps, outputs, normalized }
    }

    pub(super) fn rows(&self) -> u32 {
        self.seen.rows
    }

    /// Where its output stands.
    pub(crate) fn output(&self) -> u32 {
        self.outputs.last().copied().unwrap_or_default()
    }

    /// Where the map that convolution `index` makes stands.
    pub(super) fn map(&self, index: usize) -> u32 {
        self.maps[index][1]
    }

    /// The patches that convolution `index` reads.
    pub(super) fn patches(&self, index: usize) -> Source {
        Source::whole(self.maps[index][0], self.shape.convolutions[index].layer.inputs, 0)
    }

    /// The input of dense layer `index`.
    pub(super) fn input(&self, index: usize) -> Source {
        let Self { shape, seen, .. } = self;
        if let Some(below) = index.checked_sub(1) {
            return Source::whole(self.outputs[below], shape.layers[below].width, 0);
        }
        let whole = Source::whole(seen.at, shape.features, BATCH);
        match (shape.convolutions.last(), self.behind) {
            (Some(last), _) => {
                let a2 = self.maps.last().map_or(0, |[_, map]| *map);
                Source { split: shape.vector, a2, a2_row: last.positions() * last.layer.width, ..whole }
            }
            (None, Some(Behind { at, row, in_batch })) => {
                let flags = whole.flags | if in_batch { SECOND_BATCH } else { 0 };
                Source { split: shape.features, a2: at, a2_row: row, flags, ..whole }
            }
            (None, None) => whole,
        }
    }

    /// `finish(source · W + b)` of `layer` for `rows` rows.
    fn product(&self, layer: &Layer, source: Source, rows: u32, out: u32, flags: u32) -> Problem {
        let problem = source.problem();
        let weight = self.parameters + layer.weight;
        Problem {
            b: weight,
            b_row: layer.width,
            out,
            out_row: layer.width,
            rows,
            columns: layer.width,
            inner: layer.inputs,
            flags: problem.flags | BIAS | flags,
            other: weight + layer.inputs * layer.width,
            ..problem
        }
    }
}

/// Computes all `passes`, layer by layer: convolutions and hidden layers with a ReLU, outputs linear. The patches of what
/// they see have been cut.
pub(crate) fn forward(builder: &mut Builder, passes: &[&Pass]) {
    let most = |count: fn(&Pass) -> usize| passes.iter().map(|pass| count(pass)).max().unwrap_or_default();
    for index in 0..most(|pass| pass.shape.convolutions.len()) {
        let present = || passes.iter().filter(|pass| index < pass.shape.convolutions.len());
        if index > 0 {
            present().for_each(|pass| pass.cut(builder, index));
        }
        let problems: Vec<_> = present()
            .map(|pass| {
                let own = &pass.shape.convolutions[index];
                let rows = pass.rows() * own.positions();
                pass.product(&own.layer, pass.patches(index), rows, pass.map(index), RELU)
            })
            .collect();
        builder.products(problems);
    }
    for index in 0..most(|pass| pass.shape.layers.len()) {
        let present = passes.iter().filter(|pass| index < pass.shape.layers.len());
        let problems: Vec<_> = present
            .map(|pass| {
                let layer = &pass.shape.layers[index];
                let (out, flags) = match pass.normalized.get(index) {
                    Some([values, _]) => (*values, 0),
                    None if index + 1 < pass.shape.layers.len() => (pass.outputs[index], RELU),
                    None => (pass.outputs[index], 0),
                };
                pass.product(layer, pass.input(index), pass.rows(), out, flags)
            })
            .collect();
        builder.products(problems);
        let norms = passes.iter().filter_map(|pass| pass.norm(index, pass.outputs.get(index).copied()?, 0));
        let norms: Vec<_> = norms.collect();
        builder.tabled(NORMALIZE, norms, |norm| norm.rows);
    }
}

/// `Problem` of `norm.wgsl`, as many bytes as one of `product.wgsl`.
#[derive(Debug, Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(super) struct NormProblem {
    values: u32,
    out: u32,
    scales: u32,
    weight: u32,
    gradient: u32,
    pub(super) rows: u32,
    pub(super) columns: u32,
    width: u32,
    unused: [u32; 6],
    first_tile: u32,
    tiles_across: u32,
}

impl NormProblem {
    /// Part `number` of `count` of its rows, whose gradient stands `further` than the first.
    pub(super) fn part(self, number: u32, count: u32, further: u32) -> Self {
        let part = self.rows.div_ceil(count);
        let from = (number * part).min(self.rows);
        Self {
            values: self.values + from * self.width,
            out: self.out + from * self.width,
            gradient: self.gradient + further,
            rows: part.min(self.rows - from),
            ..self
        }
    }
}

impl Pass {
    /// The normalization of layer `index`, with what goes out, or in, at `out`, and the gradient of its parameters at
    /// `gradient`.
    pub(super) fn norm(&self, index: usize, out: u32, gradient: u32) -> Option<NormProblem> {
        let [values, scales] = *self.normalized.get(index)?;
        let (layer, weight) = (self.shape.layers[index], self.parameters + self.shape.norms[index]);
        let (rows, columns, width) = (self.rows(), layer.outputs, layer.width);
        Some(NormProblem {
            values,
            out,
            scales,
            weight,
            gradient,
            rows,
            columns,
            width,
            ..Default::default()
        })
    }

    /// Cuts the patches of a map, for convolution `index`.
    fn cut(&self, builder: &mut Builder, index: usize) {
        let map = Map { source: self.map(index - 1), ..Map::of(&self.shape.convolutions[index]) };
        map.cut(builder, self.rows(), self.maps[index][0]);
    }

    /// Sums the gradient of the patches of convolution `index` up for the map that it reads, at `slopes`.
    pub(super) fn merge(&self, builder: &mut Builder, index: usize, patches: u32, slopes: u32) {
        let own = &self.shape.convolutions[index];
        let size = self.rows() * own.from[0] * own.from[1] * own.depth;
        let map = Map { size, source: self.map(index - 1), patches, slopes, ..Map::of(own) };
        builder.run_many(MERGE, &map, size.div_ceil(CELLS));
    }
}

/// `Map` of `conv.wgsl`.
#[derive(Debug, Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
struct Map {
    size: u32,
    source: u32,
    depth: u32,
    height: u32,
    width: u32,
    features: u32,
    down: u32,
    across: u32,
    kernel: u32,
    stride: u32,
    border: u32,
    patches: u32,
    slopes: u32,
}

impl Map {
    fn of(own: &Convolution) -> Self {
        let Convolution { depth, from: [height, width], to: [down, across], kernel, stride, border, .. } =
            *own;
        Self { depth, height, width, down, across, kernel, stride, border, ..Self::default() }
    }

    fn cut(self, builder: &mut Builder, rows: u32, patches: u32) {
        let size = rows * self.down * self.across * self.kernel * self.kernel * self.depth;
        builder.run_many(PATCHES, &Self { size, patches, ..self }, size.div_ceil(CELLS));
    }
}

impl Builder {
    /// Runs the products of `problems` in one dispatch.
    pub(super) fn products(&mut self, problems: Vec<Problem>) {
        let across = |problem: &Problem| problem.columns.div_ceil(TILE);
        let work = |own: &Problem| [own.rows, own.columns, own.inner].map(u64::from).iter().product::<u64>();
        self.work += 2 * problems.iter().map(work).sum::<u64>();
        let problems: Vec<_> =
            problems.into_iter().map(|own| Problem { tiles_across: across(&own), ..own }).collect();
        self.tabled(PRODUCT, problems, |own| own.tiles_across * own.rows.div_ceil(TILE));
    }

    /// Runs `kernel` on `problems` in one dispatch, with as many workgroups for each as `tiles` says.
    pub(super) fn tabled<P: Pod>(&mut self, kernel: Kernel, problems: Vec<P>, tiles: fn(&P) -> u32) {
        #[derive(Clone, Copy, Pod, Zeroable)]
        #[repr(C)]
        struct Range {
            first: u32,
            count: u32,
        }
        let (first, mut all) = (self.problems.len() as u32, 0);
        for own in &problems {
            // Both kinds end with where their workgroups begin.
            let problem: Problem = bytemuck::cast(*own);
            self.problems.push(Problem { first_tile: all, ..problem });
            all += tiles(own);
        }
        if !problems.is_empty() {
            self.run_many(kernel, &Range { first, count: problems.len() as u32 }, all);
        }
    }
}
