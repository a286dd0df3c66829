//! One convolution and the ReLU after it, forward and backward. What it reads and who reads it is left
//! to `encoder`.
//!
//! A convolution is a product of its weights with the patches of a map (im2col; Chellapilla et al.
//! 2006). Maps are `[height, width, padded channels]`, so that a patch is put together from whole
//! registers; only the grid itself is read number by number, as it lies. Patches are made of a few
//! observations at a time, which stay in the cache, and again in the backward pass.

use pulp::Arch;

use super::linear::Linear;
use crate::sac::architecture::ConvLayer;
use crate::sac::buffer::{Buffer, LANES, column_sums, padded, transpose};
use crate::sac::kernel::{Finish, Left, Product};

/// Floats of patches made at a time: 64 KiB.
const PATCHES: usize = 1 << 14;

/// A tap on the zeros around a map.
const OUTSIDE: u32 = u32::MAX;

/// One convolution.
#[derive(Debug, Clone)]
pub(super) struct Conv {
    /// `inputs` are the entries of a patch.
    pub(super) linear: Linear,
    /// As named outside.
    pub(super) channels: usize,
    pub(super) kernel: usize,
    /// Patches an observation has, one for each cell of the map it makes.
    pub(super) positions: usize,
    /// Where every piece of every patch lies in the source, `[positions, pieces]`.
    taps: Vec<u32>,
    /// Floats of a piece: 1 of a grid, a register of a map.
    piece: usize,
}

impl Conv {
    /// Reads maps of `channels` and of height and width `from`, which lie channel by channel in a
    /// `grid` and cell by cell elsewhere; makes one of height and width `to`.
    pub(super) fn new(
        layer: &ConvLayer,
        channels: usize,
        grid: bool,
        from: [usize; 2],
        to: [usize; 2],
        end: &mut usize,
    ) -> Self {
        let [height, width] = from;
        let (kernel, taps_a_channel) = (layer.kernel, layer.kernel * layer.kernel);
        let (piece, pieces_a_cell) = if grid { (1, 1) } else { (LANES, padded(channels) / LANES) };
        let mut taps = Vec::new();
        for position in 0..to[0] * to[1] {
            let corner = [position / to[1], position % to[1]].map(|place| place * layer.stride);
            let cells = (0..taps_a_channel).map(|tap| {
                let row = (corner[0] + tap / kernel).checked_sub(layer.border())?;
                let column = (corner[1] + tap % kernel).checked_sub(layer.border())?;
                (row < height && column < width).then_some(row * width + column)
            });
            let tap = |place: Option<usize>| place.map_or(OUTSIDE, |place| place as u32);
            if grid {
                let planes = (0..channels).map(|channel| channel * height * width);
                taps.extend(
                    planes.flat_map(|plane| cells.clone().map(move |cell| tap(cell.map(|c| plane + c)))),
                );
            } else {
                let pieces = |cell: Option<usize>| {
                    (0..pieces_a_cell).map(move |piece| tap(cell.map(|c| c * pieces_a_cell + piece)))
                };
                taps.extend(cells.flat_map(pieces));
            }
        }
        let inputs = if grid { channels * taps_a_channel } else { padded(channels) * taps_a_channel };
        let row = |input: usize| match grid {
            true => input,
            false => input % taps_a_channel * padded(channels) + input / taps_a_channel,
        };
        let rows = (0..channels * taps_a_channel).map(|input| row(input) as u32).collect();
        let linear = Linear::new(inputs, layer.channels, rows, end);
        Self { linear, channels, kernel, positions: to[0] * to[1], taps, piece }
    }

    /// Floats of the map it makes of one observation.
    pub(super) fn made(&self) -> usize {
        self.positions * self.linear.width
    }

    /// Floats of the patches of one observation.
    fn patched(&self) -> usize {
        self.positions * self.linear.inputs
    }

    /// Observations whose patches are made at a time.
    fn block(&self) -> usize {
        (PATCHES / self.patched()).max(1)
    }

    /// Puts the patches of `observations` together.
    fn gather<'a>(&self, observations: impl Iterator<Item = &'a [f32]>, patches: &mut [f32]) {
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (source, patches) in observations.zip(patches.chunks_exact_mut(self.patched())) {
                    match self.piece {
                        1 => gather::<1>(&self.taps, source, patches),
                        _ => gather::<LANES>(&self.taps, source, patches),
                    }
                }
            },
        );
    }

    /// `map = max(patches · W + b, 0)`.
    pub(super) fn forward(
        &self,
        parameters: &[f32],
        source: Source<'_>,
        map: &mut Buffer,
        patches: &mut Buffer,
    ) {
        map.resize(source.count() * self.made());
        patches.resize(self.block().min(source.count()) * self.patched());
        let blocks = source.blocks(self.block()).zip(map.chunks_mut(self.block() * self.made()));
        for (observations, map) in blocks {
            let count = map.len() / self.made();
            let patches = &mut patches[..count * self.patched()];
            self.gather(observations, patches);
            Product {
                left: Left::Rows { data: patches, stride: self.linear.inputs },
                right: self.linear.weights(parameters),
                rows: count * self.positions,
                inner: self.linear.inputs,
                width: self.linear.width,
                finish: Finish::BiasRelu(self.linear.biases(parameters)),
                out: map,
            }
            .run();
        }
    }

    /// `dL/dW = patchesᵀ · delta`, `dL/db = Σ delta`, and `below`, if asked for, becomes the gradient
    /// with respect to the source: what `delta · Wᵀ` says of every patch, summed where they overlap.
    pub(super) fn backward(
        &self,
        parameters: &[f32],
        source: Source<'_>,
        delta: &[f32],
        mut below: Option<&mut [f32]>,
        scratch: &mut Scratch,
        gradient: &mut [f32],
    ) {
        let Scratch { patches, transposed } = scratch;
        let (inputs, outputs, width) = (self.linear.inputs, self.linear.outputs, self.linear.width);
        let (weight, bias) = self.linear.gradients(gradient);
        weight.fill(0.0);
        column_sums(delta, bias);
        if let Some(below) = &mut below {
            below.fill(0.0);
            transposed.resize(outputs * inputs);
            transpose(self.linear.weights(parameters), inputs, outputs, transposed);
        }
        patches.resize(self.block().min(source.count()) * self.patched());
        let blocks = source.blocks(self.block()).zip(delta.chunks(self.block() * self.made()));
        for (block, (observations, delta)) in blocks.enumerate() {
            let count = delta.len() / self.made();
            let patches = &mut patches[..count * self.patched()];
            self.gather(observations, patches);
            Product {
                left: Left::Columns { data: patches, stride: inputs },
                right: delta,
                rows: inputs,
                inner: count * self.positions,
                width,
                finish: Finish::Add,
                out: weight,
            }
            .run();
            let Some(below) = &mut below else { continue };
            Product {
                left: Left::Rows { data: delta, stride: width },
                right: transposed,
                rows: count * self.positions,
                inner: outputs,
                width: inputs,
                finish: Finish::Store,
                out: patches,
            }
            .run();
            let first = block * self.block() * source.stride;
            let sources = below[first..].chunks_exact_mut(source.stride);
            for (below, patches) in sources.zip(patches.chunks_exact(self.patched())) {
                scatter(&self.taps, patches, below);
            }
        }
    }
}

/// Room for a backward pass.
#[derive(Debug, Clone, Default)]
pub(super) struct Scratch {
    patches: Buffer,
    /// A transposed weight matrix.
    pub(super) transposed: Buffer,
}

/// What a convolution reads: rows of `stride` floats, each without its first `skip`.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) data: &'a [f32],
    pub(super) stride: usize,
    pub(super) skip: usize,
}

impl<'a> Source<'a> {
    /// Number of observations.
    fn count(&self) -> usize {
        self.data.len() / self.stride
    }

    /// The observations, `size` at a time.
    fn blocks(self, size: usize) -> impl Iterator<Item = impl Iterator<Item = &'a [f32]>> {
        let rows = move |block: &'a [f32]| block.chunks_exact(self.stride).map(move |row| &row[self.skip..]);
        self.data.chunks(size * self.stride).map(rows)
    }
}

#[inline(always)]
fn gather<const PIECE: usize>(taps: &[u32], source: &[f32], patches: &mut [f32]) {
    let (source, _) = source.as_chunks::<PIECE>();
    let (patches, _) = patches.as_chunks_mut::<PIECE>();
    for (piece, &tap) in patches.iter_mut().zip(taps) {
        *piece = source.get(tap as usize).copied().unwrap_or([0.0; PIECE]);
    }
}

/// Adds every piece of `patches` to where it was gathered from.
fn scatter(taps: &[u32], patches: &[f32], source: &mut [f32]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let (source, _) = source.as_chunks_mut::<LANES>();
            for (piece, &tap) in patches.as_chunks::<LANES>().0.iter().zip(taps) {
                let Some(place) = source.get_mut(tap as usize) else { continue };
                place.iter_mut().zip(piece).for_each(|(sum, value)| *sum += value);
            }
        },
    );
}
