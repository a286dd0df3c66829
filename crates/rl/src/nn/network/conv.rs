//! One convolution and the ReLU after it, forward and backward: products of its weights with `patches`, which
//! are built for a few observations at a time, and rebuilt in the backward pass. `encoder` chains
//! convolutions.

use super::linear::Linear;
use super::patches::{Patches, Room};
use crate::nn::architecture::ConvLayer;
use crate::nn::buffer::{Buffer, column_sums, transpose};
use crate::nn::kernel::{Finish, Left, Product};

/// One convolution.
#[derive(Debug, Clone)]
pub(in crate::nn) struct Conv {
    /// Of a patch.
    pub(in crate::nn) linear: Linear,
    pub(in crate::nn) patches: Patches,
    /// Shape of the saved tensor.
    pub(in crate::nn) channels: usize,
    pub(in crate::nn) kernel: usize,
}

/// Buffers of a backward pass.
#[derive(Debug, Clone, Default)]
pub(in crate::nn) struct Scratch {
    room: Room,
    /// A transposed weight matrix.
    pub(in crate::nn) transposed: Buffer,
}

/// Input of a convolution: observations of `stride` floats, each without its first `skip`.
#[derive(Clone, Copy)]
pub(in crate::nn) struct Source<'a> {
    pub(in crate::nn) data: &'a [f32],
    pub(in crate::nn) stride: usize,
    pub(in crate::nn) skip: usize,
}

impl<'a> Source<'a> {
    /// The observations, `size` at a time.
    fn blocks(self, size: usize) -> impl Iterator<Item = impl Iterator<Item = &'a [f32]> + Clone> {
        let rows = move |block: &'a [f32]| block.chunks_exact(self.stride).map(move |row| &row[self.skip..]);
        self.data.chunks(size * self.stride).map(rows)
    }
}

impl Conv {
    /// A convolution from maps of `channels`, or a `grid`, of height and width `from` to a map of height and
    /// width `to`. Its parameters start at `end`, the end of the parameters so far.
    pub(in crate::nn) fn new(
        layer: &ConvLayer,
        channels: usize,
        grid: bool,
        from: [usize; 2],
        to: [usize; 2],
        end: &mut usize,
    ) -> Self {
        let patches = Patches::new(layer, channels, grid, from, to);
        let inputs = channels * layer.kernel * layer.kernel;
        let rows = (0..inputs).map(|input| patches.row(input) as u32).collect();
        let linear = Linear::new(patches.size(), layer.channels, rows, end);
        Self { linear, patches, channels, kernel: layer.kernel }
    }

    /// Floats of its output map per observation.
    pub(in crate::nn) fn made(&self) -> usize {
        self.patches.positions() * self.linear.width
    }

    /// `map = max(patches · W + b, 0)`.
    pub(in crate::nn) fn forward(
        &self,
        parameters: &[f32],
        source: Source<'_>,
        map: &mut Buffer,
        room: &mut Room,
    ) {
        self.patches.prepare(room);
        map.resize(source.data.len() / source.stride * self.made());
        let together = self.patches.together();
        let blocks = source.blocks(together).zip(map.chunks_mut(together * self.made()));
        for (observations, map) in blocks {
            self.patches.gather(observations, room);
            Product {
                left: Left::Rows { data: &room.patches, stride: self.linear.inputs },
                right: self.linear.weights(parameters),
                rows: map.len() / self.linear.width,
                inner: self.linear.inputs,
                width: self.linear.width,
                finish: Finish::BiasRelu(self.linear.biases(parameters)),
                out: map,
            }
            .run();
        }
    }

    /// `dL/dW = patchesᵀ · delta`, `dL/db = Σ delta`; `below`, if asked for, becomes the gradient with
    /// respect to the source, masked by its ReLU: `delta · Wᵀ` of every patch, accumulated.
    pub(in crate::nn) fn backward(
        &self,
        parameters: &[f32],
        source: Source<'_>,
        delta: &[f32],
        mut below: Option<&mut [f32]>,
        scratch: &mut Scratch,
        gradient: &mut [f32],
    ) {
        let Scratch { room, transposed } = scratch;
        let Linear { inputs, outputs, width, .. } = self.linear;
        let (weight, bias) = self.linear.gradients(gradient);
        weight.fill(0.0);
        column_sums(delta, bias);
        if below.is_some() {
            transposed.resize(outputs * inputs);
            transpose(self.linear.weights(parameters), inputs, outputs, transposed);
        }
        self.patches.prepare(room);
        let together = self.patches.together();
        let blocks = source.blocks(together).zip(delta.chunks(together * self.made()));
        for (block, (observations, delta)) in blocks.enumerate() {
            let rows = delta.len() / width;
            self.patches.gather(observations.clone(), room);
            Product {
                left: Left::Columns { data: &room.patches, stride: inputs },
                right: delta,
                rows: inputs,
                inner: rows,
                width,
                finish: Finish::Add,
                out: weight,
            }
            .run();
            let Some(below) = &mut below else { continue };
            Product {
                left: Left::Rows { data: delta, stride: width },
                right: transposed,
                rows,
                inner: outputs,
                width: inputs,
                finish: Finish::Store,
                out: &mut room.patches[..rows * inputs],
            }
            .run();
            let below = below[block * together * source.stride..].chunks_exact_mut(source.stride);
            for (index, (map, below)) in observations.zip(below).enumerate() {
                self.patches.merge(index, room, map, below);
            }
        }
    }
}
