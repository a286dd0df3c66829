//! The state transformer: pre-norm residual blocks of attention over time, attention over the cells of a moment,
//! and a two-layer network for each token (Vaswani et al. 2017; divided attention of Bertasius et al. 2021), as
//! named tensors describe it. Here is the layout; `forward`, `backward` and `acting` are the passes, `tokens` is
//! what comes before the blocks, `pooling` what comes after, `attention` the inside of one head and `blocks` its
//! arithmetic; `reading` shows what was attended to.
//!
//! Row `(t · B + b) · cells + u` is the token of cell `u` at moment `t` of sequence `b`; without a grid there is one
//! cell. Query, key and value are one product.

mod acting;
mod attention;
mod backward;
mod blocks;
mod forward;
mod pooling;
mod reading;
mod tokens;

use rand::RngExt as _;

use super::config::Transformer as Sizes;
use super::slots::Slot;
use crate::mdp::Rng;
use crate::nn::architecture::Architecture;
use crate::nn::buffer::padded;
use crate::nn::network::linear::Linear;
use crate::nn::network::norm::Norm;
use acting::HEADER;
pub(super) use backward::TransformerBackward;
pub(super) use forward::TransformerActivations;
use tokens::Tokens;

/// Attention in the flat parameters of a network.
#[derive(Debug, Clone)]
struct Attention {
    norm: Norm,
    /// Columns of query, key and value, each padded; the key's bias is always zero.
    qkv: Linear,
    output: Linear,
    /// First of `[heads, window]` biases by distance, over time alone.
    relative: Option<usize>,
}

/// One block.
#[derive(Debug, Clone)]
struct Block {
    time: Attention,
    space: Option<Attention>,
    norm: Norm,
    up: Linear,
    down: Linear,
}

/// The transformer in the flat parameters of a network.
#[derive(Debug, Clone)]
pub(super) struct Transformer {
    width: usize,
    /// Stride of a token.
    padded: usize,
    heads: usize,
    window: usize,
    tokens: Tokens,
    blocks: Vec<Block>,
    norm: Norm,
    /// First weight of the pooling query, of a spatial memory.
    pool: Option<usize>,
}

impl Attention {
    fn new(sizes: &Sizes, time: bool, end: &mut usize) -> Self {
        let width = sizes.width;
        let rows = || (0..width as u32).collect();
        let norm = Norm::new(width, end);
        let qkv = Linear::new(width, 3 * padded(width), rows(), end);
        let output = Linear::new(width, width, rows(), end);
        let relative = time.then_some(*end);
        *end += if time { padded(sizes.heads * sizes.window) } else { 0 };
        Self { norm, qkv, output, relative }
    }
}

impl Transformer {
    /// The transformer over the inputs of `architecture`, whose convolutions make the cells of a spatial one; its
    /// parameters start at `end`.
    pub(super) fn new(sizes: &Sizes, architecture: &Architecture, end: &mut usize) -> Self {
        let width = sizes.width;
        let rows = |count: usize| (0..count as u32).collect();
        let tokens = Tokens::new(sizes, architecture, end);
        let spatial = sizes.spatial.is_some();
        let block = |_| Block {
            time: Attention::new(sizes, true, end),
            space: spatial.then(|| Attention::new(sizes, false, end)),
            norm: Norm::new(width, end),
            up: Linear::new(width, sizes.mlp, rows(width), end),
            down: Linear::new(sizes.mlp, width, rows(sizes.mlp), end),
        };
        let blocks = (0..sizes.blocks).map(block).collect();
        let norm = Norm::new(width, end);
        let pool = spatial.then_some(*end);
        *end += if spatial { padded(width) } else { 0 };
        let Sizes { heads, window, .. } = *sizes;
        Self { width, padded: padded(width), heads, window, tokens, blocks, norm, pool }
    }

    /// Stride of a feature row, and where in it the saved entries stand.
    pub(super) fn features(&self) -> (usize, Vec<u32>) {
        (self.padded, (0..self.width as u32).collect())
    }

    /// Entries of a feature row that count, the first ones.
    pub(super) fn units(&self) -> usize {
        self.width
    }

    /// Multiply-adds for one moment, attention over a full window included.
    pub(super) fn work(&self) -> usize {
        let cells = self.tokens.cells();
        let attention = |attention: &Attention, seen: usize| {
            attention.qkv.work() + attention.output.work() + 2 * seen * self.padded
        };
        let block = |block: &Block| {
            attention(&block.time, self.window)
                + block.space.as_ref().map_or(0, |space| attention(space, cells))
                + block.up.work()
                + block.down.work()
        };
        self.tokens.work() + cells * self.blocks.iter().map(block).sum::<usize>()
    }

    /// Its named tensors.
    pub(super) fn slots(&self) -> Vec<Slot> {
        let mut slots = self.tokens.slots();
        for (index, block) in self.blocks.iter().enumerate() {
            let name = format!("memory.blocks.{index}");
            slots.extend(self.attention_slots(&format!("{name}.time"), &block.time));
            if let Some(space) = &block.space {
                slots.extend(self.attention_slots(&format!("{name}.space"), space));
            }
            slots.extend(norm_slots(&format!("{name}.mlp.norm"), &block.norm));
            slots.extend(Slot::pair(&format!("{name}.mlp.up"), &block.up));
            slots.extend(Slot::pair(&format!("{name}.mlp.down"), &block.down));
        }
        slots.extend(norm_slots("memory.norm", &self.norm));
        let columns = || (0..self.width).collect();
        slots.extend(self.pool.map(|start| Slot::vector("memory.pool".to_owned(), start, columns())));
        slots
    }

    fn attention_slots(&self, name: &str, attention: &Attention) -> Vec<Slot> {
        let mut slots = norm_slots(&format!("{name}.norm"), &attention.norm).to_vec();
        let qkv = &attention.qkv;
        for (index, part) in ["query", "key", "value"].into_iter().enumerate() {
            let columns: Vec<usize> = (0..self.width).map(|column| index * self.padded + column).collect();
            if part != "key" {
                slots.push(Slot::vector(format!("{name}.{part}.bias"), qkv.bias, columns.clone()));
            }
            slots.push(Slot::weight(format!("{name}.{part}.weight"), qkv, columns, &[self.width]));
        }
        slots.extend(Slot::pair(&format!("{name}.output"), &attention.output));
        let table = [self.heads, self.window];
        let relative = |start| Slot::table(format!("{name}.relative"), start, table, self.window);
        slots.extend(attention.relative.map(relative));
        slots
    }

    /// Begins as a network that reacts to the present moment alone: outputs of attention and of the blocks' two layers
    /// are zero, so is the pooling query, and head `h` of `H` looks back less the further it is: its bias at distance
    /// `d` is `−2^(−8 (h + 1) / H) · d` (Press et al. 2022). All else is uniform in ±1/√inputs.
    pub(super) fn draw(&self, parameters: &mut [f32], rng: &mut Rng) {
        for slot in self.slots() {
            let (name, inputs) = (&slot.name, slot.shape[1..].iter().product::<usize>());
            let zero = [".output.", ".mlp.down.", ".pool"].iter().any(|part| name.contains(part));
            let norm = name.ends_with("norm.weight");
            if norm {
                slot.places().for_each(|place| parameters[place] = 1.0);
            } else if name.ends_with(".relative") {
                for (index, place) in slot.places().enumerate() {
                    let (head, distance) = (index / self.window, index % self.window);
                    let slope = (-8.0 * (head + 1) as f32 / self.heads as f32).exp2();
                    parameters[place] = -slope * distance as f32;
                }
            } else if slot.shape.len() > 1 && !zero {
                let inputs = if name.ends_with(".position") { self.width } else { inputs };
                let bound = 1.0 / (inputs.max(1) as f32).sqrt();
                slot.places().for_each(|place| parameters[place] = bound * (2.0 * rng.random::<f32>() - 1.0));
            }
        }
    }
}

fn norm_slots(name: &str, norm: &Norm) -> [Slot; 2] {
    let columns = || (0..norm.outputs).collect();
    [("weight", norm.weight), ("bias", norm.bias)]
        .map(|(part, start)| Slot::vector(format!("{name}.{part}"), start, columns()))
}
