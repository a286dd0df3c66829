//! What comes before the blocks: one token for every moment, or one for every cell of its encoded grid.
//!
//! `y_t = W_e x_t + b_e`, with a grid `y_{t,u} = W_e F_t[:, u] + b_e + position_u + V x_t`, where F is the output of
//! the convolutions.

use pulp::Arch;

use super::Sizes;
use crate::nn::architecture::Architecture;
use crate::nn::buffer::{Buffer, padded, transpose};
use crate::nn::kernel::{Finish, Left, Product};
use crate::nn::memory::moments::Moments;
use crate::nn::memory::recurrent::weights;
use crate::nn::memory::slots::Slot;
use crate::nn::network::conv::{Conv, Scratch, Source};
use crate::nn::network::linear::Linear;
use crate::nn::network::patches::Room;

/// The cells of a grid.
#[derive(Debug, Clone)]
struct Cells {
    convs: Vec<Conv>,
    /// Channels of the grid itself.
    channels: usize,
    count: usize,
    /// First of `[cells, padded width]`.
    position: usize,
    /// `V`, whose bias does not count and is always zero; absent without a vector.
    vector: Option<Linear>,
}

/// The layers before the blocks.
#[derive(Debug, Clone)]
pub(super) struct Tokens {
    inputs: usize,
    embed: Linear,
    cells: Option<Cells>,
}

/// Results of a forward pass, and buffers of a backward pass.
#[derive(Debug, Clone, Default)]
pub(super) struct TokenActivations {
    /// `[M · B, cells, padded channels]` each; the last one is F.
    maps: Vec<Buffer>,
    /// `[M · B, padded width]`: `V x`.
    vector: Buffer,
    room: Room,
    scratch: Scratch,
    deltas: Vec<Buffer>,
    transposed: Buffer,
}

impl Tokens {
    pub(super) fn new(sizes: &Sizes, architecture: &Architecture, end: &mut usize) -> Self {
        let rows = |count: usize| (0..count as u32).collect();
        let (inputs, width) = (architecture.inputs.vector, sizes.width);
        let Some(grid) = architecture.inputs.grid.filter(|_| sizes.spatial.is_some()) else {
            return Self { inputs, embed: Linear::new(inputs, width, rows(inputs), end), cells: None };
        };
        let (mut channels, mut map) = (grid.channels, [grid.height, grid.width]);
        let mut convs = Vec::new();
        for (index, (layer, made)) in architecture.convolutions.iter().enumerate() {
            convs.push(Conv::new(layer, channels, index == 0, map, *made, end));
            (channels, map) = (layer.channels, *made);
        }
        let embed = Linear::new(channels, width, rows(channels), end);
        let (count, position) = (map[0] * map[1], *end);
        *end += count * padded(width);
        let vector = (inputs > 0).then(|| Linear::new(inputs, width, rows(inputs), end));
        Self { inputs, embed, cells: Some(Cells { convs, channels: grid.channels, count, position, vector }) }
    }

    /// Tokens of a moment.
    pub(super) fn cells(&self) -> usize {
        self.cells.as_ref().map_or(1, |cells| cells.count)
    }

    /// Multiply-adds for one moment.
    pub(super) fn work(&self) -> usize {
        let convs = self.cells.iter().flat_map(|cells| &cells.convs);
        let convs = convs.map(|conv| conv.patches.positions() * conv.linear.work()).sum::<usize>();
        convs + self.cells() * self.embed.work()
    }

    pub(super) fn slots(&self) -> Vec<Slot> {
        let mut slots = Vec::new();
        let Some(cells) = &self.cells else { return Slot::pair("memory.embed", &self.embed).to_vec() };
        for (index, Conv { linear, channels, kernel, .. }) in cells.convs.iter().enumerate() {
            let (name, columns) = (format!("memory.conv.{index}"), || (0..linear.outputs).collect());
            slots.push(Slot::weight(
                format!("{name}.weight"),
                linear,
                columns(),
                &[*channels, *kernel, *kernel],
            ));
            slots.push(Slot::vector(format!("{name}.bias"), linear.bias, columns()));
        }
        slots.extend(Slot::pair("memory.embed", &self.embed));
        let table = [cells.count, self.embed.outputs];
        slots.push(Slot::table("memory.position".to_owned(), cells.position, table, self.embed.width));
        let vector = cells.vector.as_ref().map(|linear| Slot::pair("memory.vector", linear));
        slots.extend(vector.map(|[weight, _]| weight));
        slots
    }

    /// Writes the tokens of all moments to `y`.
    pub(super) fn forward(
        &self,
        parameters: &[f32],
        moments: &Moments<'_>,
        a: &mut TokenActivations,
        y: &mut Buffer,
    ) {
        let (rows, width) = (moments.rows() * self.cells(), self.embed.width);
        y.resize(rows * width);
        let product = |linear: &Linear, data, stride, rows, out| {
            let left = Left::Rows { data, stride };
            let right = linear.weights(parameters);
            let finish = Finish::Bias(linear.biases(parameters));
            Product { left, right, rows, inner: linear.inputs, width: linear.width, finish, out }.run();
        };
        let Some(cells) = &self.cells else {
            return product(&self.embed, moments.inputs, self.inputs, rows, y);
        };
        a.maps.resize_with(cells.convs.len().max(1).max(a.maps.len()), Buffer::default);
        let TokenActivations { maps, vector, room, .. } = a;
        for (index, conv) in cells.convs.iter().enumerate() {
            let (before, rest) = maps.split_at_mut(index);
            conv.forward(parameters, cells.source(index, moments, before), &mut rest[0], room);
        }
        if cells.convs.is_empty() {
            cells.spread(moments, &mut maps[0]);
        }
        let map = &maps[cells.convs.len().max(1) - 1];
        product(&self.embed, map, padded(self.embed.inputs), rows, y);
        let position = &parameters[cells.position..][..cells.count * width];
        if let Some(linear) = &cells.vector {
            vector.resize(moments.rows() * width);
            product(linear, moments.inputs, self.inputs, moments.rows(), vector);
        }
        let (of_vector, vector) = (cells.vector.is_some(), &vector[..]);
        let moments = y.chunks_exact_mut(cells.count * width);
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (row, y) in moments.enumerate() {
                    y.iter_mut().zip(position).for_each(|(y, position)| *y += position);
                    if of_vector {
                        let vector = &vector[row * width..][..width];
                        for y in y.chunks_exact_mut(width) {
                            y.iter_mut().zip(vector).for_each(|(y, vector)| *y += vector);
                        }
                    }
                }
            },
        );
    }

    /// Fills the part of `gradient` of these layers; `delta` is the gradient with respect to the tokens of moments
    /// from `first` on.
    pub(super) fn backward(
        &self,
        parameters: &[f32],
        moments: &Moments<'_>,
        first: usize,
        a: &mut TokenActivations,
        delta: &[f32],
        gradient: &mut [f32],
    ) {
        let width = self.embed.width;
        let inputs = &moments.inputs[first * moments.batch * self.inputs..];
        let Some(cells) = &self.cells else {
            return weights(&self.embed, inputs, self.inputs, delta, gradient);
        };
        let place = &mut gradient[cells.position..][..cells.count * width];
        place.fill(0.0);
        for delta in delta.chunks_exact(cells.count * width) {
            place.iter_mut().zip(delta).for_each(|(sum, delta)| *sum += delta);
        }
        if let Some(linear) = &cells.vector {
            let sums = &mut a.vector[..delta.len() / cells.count];
            sums.fill(0.0);
            for (sums, delta) in sums.chunks_exact_mut(width).zip(delta.chunks_exact(cells.count * width)) {
                for delta in delta.chunks_exact(width) {
                    sums.iter_mut().zip(delta).for_each(|(sum, delta)| *sum += delta);
                }
            }
            weights(linear, inputs, self.inputs, sums, gradient);
            linear.gradients(gradient).1.fill(0.0);
        }
        let TokenActivations { maps, scratch, deltas, transposed, .. } = a;
        let (rows, across) = (delta.len() / width, padded(self.embed.inputs));
        let skipped = first * moments.batch * cells.count * across;
        let map = &maps[cells.convs.len().max(1) - 1][skipped..];
        weights(&self.embed, map, across, delta, gradient);
        let Some(last) = cells.convs.len().checked_sub(1) else { return };
        deltas.resize_with(cells.convs.len().max(deltas.len()), Buffer::default);
        transposed.resize(self.embed.outputs * across);
        transpose(self.embed.weights(parameters), self.embed.inputs, self.embed.outputs, transposed);
        deltas[last].resize(rows * across);
        Product {
            left: Left::Rows { data: delta, stride: width },
            right: transposed,
            rows,
            inner: self.embed.outputs,
            width: across,
            finish: Finish::Mask(map),
            out: &mut deltas[last],
        }
        .run();
        for (index, conv) in cells.convs.iter().enumerate().rev() {
            let (below, rest) = deltas.split_at_mut(index);
            let mut source = cells.source(index, moments, maps);
            source.data = &source.data[first * moments.batch * source.stride..];
            let below = below.last_mut().map(|below| {
                below.resize(source.data.len());
                &mut below[..]
            });
            conv.backward(parameters, source, &rest[0], below, scratch, gradient);
        }
    }
}

impl Cells {
    /// What convolution `index` reads.
    fn source<'a>(&self, index: usize, moments: &Moments<'a>, maps: &'a [Buffer]) -> Source<'a> {
        match index.checked_sub(1) {
            None => Source { data: moments.grids, stride: moments.grids.len() / moments.rows(), skip: 0 },
            Some(before) => Source { data: &maps[before], stride: self.convs[before].made(), skip: 0 },
        }
    }

    /// Writes grids cell by cell, where there are no convolutions.
    fn spread(&self, moments: &Moments<'_>, map: &mut Buffer) {
        let (cells, width) = (self.count, padded(self.channels));
        map.resize(moments.rows() * cells * width);
        map.fill(0.0);
        let grids = moments.grids.chunks_exact(self.channels * cells);
        for (grid, map) in grids.zip(map.chunks_exact_mut(cells * width)) {
            for (place, value) in grid.iter().enumerate() {
                map[place % cells * width + place / cells] = *value;
            }
        }
    }
}
