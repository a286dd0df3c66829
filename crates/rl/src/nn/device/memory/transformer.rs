//! The state transformer: pre-norm blocks of attention over time, attention over the cells of a moment, and a
//! perceptron (Vaswani et al. 2017; Bertasius et al. 2021 for time and space apart).
//!
//! Rows of tokens are moments, sequences, cells: row `(t · B + b) · S + u` is cell `u` of `S`.

use std::ops::Range;

use burn::tensor::activation::{relu, softmax};
use burn::tensor::{Int, Tensor, TensorData};

use super::{MemoryLayers, Moments, convolved};
use crate::nn::memory::Transformer;

/// Keys and values of earlier moments, `[members, B, S, heads, moments, width / heads]` each.
type Cache = [Tensor<6>; 2];

/// As [`MemoryLayers::unroll`].
pub(super) fn unroll(layers: &MemoryLayers<'_>, sizes: &Transformer, moments: &Moments) -> Tensor<3> {
    if !moments.constant_burn_in() {
        let all = Pass { layers, sizes, moments, range: moments.all() };
        let features = all.features(|_| None);
        return features.slice_dim(1, moments.rows(&moments.after_burn_in()));
    }
    // Keys and values of the burn-in are constants, in every block.
    let constant = layers.inner();
    let caches = Pass { layers: &constant, sizes, moments, range: 0..moments.burn_in }.caches();
    let live = Pass { layers, sizes, moments, range: moments.after_burn_in() };
    live.features(|block| Some(caches[block].clone()))
}

/// A pass over the moments in `range`.
struct Pass<'a> {
    layers: &'a MemoryLayers<'a>,
    sizes: &'a Transformer,
    moments: &'a Moments,
    range: Range<usize>,
}

impl Pass<'_> {
    fn cells(&self) -> usize {
        self.layers.form.inputs.volume().map_or(1, |[_, rows, columns]| rows * columns)
    }

    /// `f_t`, `[members, moments·B, width]`; `cache` holds the keys and values of earlier moments in a block.
    fn features(&self, cache: impl Fn(usize) -> Option<Cache>) -> Tensor<3> {
        let mut y = self.tokens();
        for block in 0..self.sizes.blocks {
            let name = format!("blocks.{block}");
            let (read, keys) = self.keys(&name, &y, cache(block));
            y = self.block(&name, y, read, keys);
        }
        let y = self.layers.normalized("norm", y);
        if self.sizes.spatial.is_some() { self.pooled(y) } else { y }
    }

    /// Keys and values of every block. Of the last one nothing else is needed.
    fn caches(&self) -> Vec<Cache> {
        let (mut y, mut caches) = (self.tokens(), Vec::new());
        for block in 0..self.sizes.blocks {
            let name = format!("blocks.{block}");
            let (read, keys) = self.keys(&name, &y, None);
            caches.push(keys.clone());
            if block + 1 < self.sizes.blocks {
                y = self.block(&name, y, read, keys);
            }
        }
        caches
    }

    /// `y_t`, `[members, moments·B·S, width]`.
    fn tokens(&self) -> Tensor<3> {
        let Self { layers, sizes, moments, range } = self;
        let rows = moments.rows(range);
        let inputs = moments.inputs.clone().map(|inputs| inputs.slice_dim(1, rows.clone()));
        let (Some(grids), Some([channels, ..])) = (&moments.grids, layers.form.inputs.volume()) else {
            return match inputs {
                Some(inputs) => layers.linear("embed", inputs),
                None => Tensor::zeros([layers.members, rows.len(), sizes.width], &moments.keep.device()),
            };
        };
        let (count, cells, width, members) = (rows.len(), self.cells(), sizes.width, layers.members);
        let convolutions = &layers.form.inputs.convolutions;
        let map = grids.clone().slice_dim(0, rows);
        let pair =
            |index| ["weight", "bias"].map(|part| layers.parameter(&format!("conv.{index}.{part}"))).into();
        let map = convolved(map, convolutions, members, pair);
        // The grid itself is the same for all members.
        let own = if convolutions.is_empty() { 1 } else { members };
        let volume = map.reshape([count, own, channels, cells]).permute([1, 0, 3, 2]);
        let embedded = layers.linear("embed", volume.reshape([own, count * cells, channels]));
        // Saved as `[cells, width]`, hence stored the other way.
        let position = layers.parameter("position").swap_dims(1, 2).reshape([members, 1, cells, width]);
        let mut tokens = embedded.reshape([members, count, cells, width]) + position;
        if let Some(inputs) = inputs {
            tokens = tokens + layers.linear("vector", inputs).reshape([members, count, 1, width]);
        }
        tokens.reshape([members, count * cells, width])
    }

    /// The normalized tokens that attention over time reads, and all keys and values it sees.
    fn keys(&self, block: &str, y: &Tensor<3>, cache: Option<Cache>) -> (Tensor<3>, Cache) {
        let read = self.layers.normalized(&format!("{block}.time.norm"), y.clone());
        let own = ["key", "value"]
            .map(|part| self.by_time(self.layers.linear(&format!("{block}.time.{part}"), read.clone())));
        let keys = match cache {
            None => own,
            Some([keys, values]) => {
                let [own_keys, own_values] = own;
                [Tensor::cat(vec![keys, own_keys], 4), Tensor::cat(vec![values, own_values], 4)]
            }
        };
        (read, keys)
    }

    /// `y` after one block; `read` and `keys` are those of [`Pass::keys`].
    fn block(&self, name: &str, y: Tensor<3>, read: Tensor<3>, keys: Cache) -> Tensor<3> {
        let layers = self.layers;
        let mut y = y + self.over_time(name, read, keys);
        if self.sizes.spatial.is_some() {
            let read = layers.normalized(&format!("{name}.space.norm"), y.clone());
            y = y + self.over_space(name, read);
        }
        let read = layers.normalized(&format!("{name}.mlp.norm"), y.clone());
        let up = relu(layers.linear(&format!("{name}.mlp.up"), read));
        y + layers.linear(&format!("{name}.mlp.down"), up)
    }

    /// `[members, moments·B·S, width]` → `[members, B, S, heads, moments, width / heads]`.
    fn by_time(&self, rows: Tensor<3>) -> Tensor<6> {
        let (heads, batch, cells) = (self.sizes.heads, self.moments.batch, self.cells());
        let part = self.sizes.width / heads;
        let [members, ..] = rows.dims();
        let split = rows.reshape([members, self.range.len(), batch, cells, heads, part]);
        split.permute([0, 2, 3, 4, 1, 5])
    }

    /// `score(t, s) = q_t · k_s / √w + relative[h, t − s]` over the moments that `t` sees.
    fn over_time(&self, block: &str, read: Tensor<3>, [keys, values]: Cache) -> Tensor<3> {
        let layers = self.layers;
        let queries = self.by_time(layers.linear(&format!("{block}.time.query"), read));
        let [members, batch, cells, heads, count, part] = queries.dims();
        let reach = keys.dims()[4];
        let groups = members * batch * cells * heads;
        let [keys, values] = [keys, values].map(|rows| rows.reshape([groups, reach, part]));
        let scores = queries.reshape([groups, count, part]).matmul(keys.swap_dims(1, 2));
        let scores = scores.reshape([members, batch, cells, heads, count, reach]) / (part as f32).sqrt();
        let relative = self.relative(&layers.parameter(&format!("{block}.time.relative")), reach);
        let mut scores = scores + relative;
        if let Some(seen) = &self.moments.seen {
            scores = scores + seen.clone().slice_dim(4, self.range.clone()).slice_dim(5, 0..reach);
        }
        let weights = softmax(scores, 5).reshape([groups, count, reach]);
        let mixed = weights.matmul(values).reshape([members, batch, cells, heads, count, part]);
        let rows = mixed.permute([0, 4, 1, 2, 3, 5]).reshape([members, count * batch * cells, heads * part]);
        layers.linear(&format!("{block}.time.output"), rows)
    }

    /// The bias of every query and key, `[members, 1, 1, heads, moments, reach]`. `table` is saved as `[heads,
    /// window]`, hence stored as `[members, window, heads]`.
    fn relative(&self, table: &Tensor<3>, reach: usize) -> Tensor<6> {
        let [members, window, heads] = table.dims();
        let distance = |t: usize, s: usize| t.saturating_sub(s).min(window - 1) as i64;
        let distances: Vec<i64> =
            self.range.clone().flat_map(|t| (0..reach).map(move |s| distance(t, s))).collect();
        let count = distances.len();
        let distances =
            Tensor::<1, Int>::from_data(TensorData::new(distances, [count]), &self.moments.keep.device());
        let biases = table.clone().select(1, distances).reshape([members, self.range.len(), reach, heads]);
        biases.permute([0, 3, 1, 2]).reshape([members, 1, 1, heads, self.range.len(), reach])
    }

    /// Attention of the cells of a moment to each other.
    fn over_space(&self, block: &str, read: Tensor<3>) -> Tensor<3> {
        let (heads, cells) = (self.sizes.heads, self.cells());
        let [members, rows, width] = read.dims();
        let (moments, part) = (rows / cells, width / heads);
        let groups = members * moments * heads;
        let [queries, keys, values] = ["query", "key", "value"].map(|name| {
            let rows = self.layers.linear(&format!("{block}.space.{name}"), read.clone());
            let split = rows.reshape([members, moments, cells, heads, part]).permute([0, 1, 3, 2, 4]);
            split.reshape([groups, cells, part])
        });
        let weights = softmax(queries.matmul(keys.swap_dims(1, 2)) / (part as f32).sqrt(), 2);
        let mixed = weights.matmul(values).reshape([members, moments, heads, cells, part]);
        let rows = mixed.permute([0, 1, 3, 2, 4]).reshape([members, rows, width]);
        self.layers.linear(&format!("{block}.space.output"), rows)
    }

    /// `f_t[h] = Σ_u softmax_u(pool[h] · y_{t,u}[h] / √w) y_{t,u}[h]`.
    fn pooled(&self, y: Tensor<3>) -> Tensor<3> {
        let (heads, cells) = (self.sizes.heads, self.cells());
        let [members, rows, width] = y.dims();
        let part = width / heads;
        let split = y.reshape([members, rows / cells, cells, heads, part]);
        let pool = self.layers.parameter("pool").reshape([members, 1, 1, heads, part]);
        let scores = (split.clone() * pool).sum_dim(4) / (part as f32).sqrt();
        (softmax(scores, 2) * split).sum_dim(2).reshape([members, rows / cells, width])
    }
}
