//! The encoder: a chain of convolutions over the grid, whose features are appended to the vector as the input
//! row of the hidden layers. A single convolution is in `conv`.

use super::conv::{Conv, Scratch, Source};
use super::patches::Room;
use crate::nn::architecture::Architecture;
use crate::nn::buffer::{Buffer, padded};

/// All convolutions of a network, and the resulting row.
#[derive(Debug, Clone)]
pub(in crate::nn) struct GridEncoder {
    /// Number of entries of an input row.
    features: usize,
    /// Number of entries before the grid.
    vector: usize,
    pub(in crate::nn) convs: Vec<Conv>,
}

/// Maps of one batch, `[observations, positions, width]` each, and buffers for patches.
#[derive(Debug, Clone, Default)]
pub(in crate::nn) struct Maps {
    maps: Vec<Buffer>,
    room: Room,
}

impl GridEncoder {
    /// The convolutions of `architecture`, if any; their parameters start at `end`.
    pub(in crate::nn) fn new(architecture: &Architecture, end: &mut usize) -> Option<Self> {
        let inputs = architecture.inputs;
        let grid = inputs.grid.filter(|_| !architecture.convolutions.is_empty())?;
        let (mut channels, mut map) = (grid.channels, [grid.height, grid.width]);
        let mut convs = Vec::new();
        for (index, (layer, made)) in architecture.convolutions.iter().enumerate() {
            convs.push(Conv::new(layer, channels, index == 0, map, *made, end));
            (channels, map) = (layer.channels, *made);
        }
        Some(Self { features: inputs.features(), vector: inputs.vector, convs })
    }

    /// Number of entries before the grid.
    #[cfg(feature = "gpu")]
    pub(in crate::nn) fn vector(&self) -> usize {
        self.vector
    }

    /// Channels and positions of the last map.
    fn last(&self) -> (usize, usize) {
        self.convs.last().map_or((0, 0), |conv| (conv.linear.outputs, conv.patches.positions()))
    }

    /// Number of entries of the hidden layers' input row.
    pub(in crate::nn) fn outputs(&self) -> usize {
        let (channels, positions) = self.last();
        self.vector + channels * positions
    }

    /// Column in that row of every entry in saved order, which has the vector first, then the map channel by
    /// channel.
    pub(in crate::nn) fn rows(&self) -> Vec<u32> {
        let (channels, positions) = self.last();
        let features = (0..channels).flat_map(|channel| {
            (0..positions).map(move |position| self.vector + position * channels + channel)
        });
        (0..self.vector).chain(features).map(|row| row as u32).collect()
    }

    /// Multiply-adds for one observation.
    pub(in crate::nn) fn work(&self) -> usize {
        self.convs.iter().map(|conv| conv.patches.positions() * conv.linear.work()).sum()
    }

    fn source<'a>(&self, index: usize, input: &'a [f32], maps: &'a [Buffer]) -> Source<'a> {
        match index.checked_sub(1) {
            None => Source { data: input, stride: self.features, skip: self.vector },
            Some(before) => Source { data: &maps[before], stride: self.convs[before].made(), skip: 0 },
        }
    }

    /// Computes all maps of `input`, `[rows, features]`, and `joined`, `[rows, padded(outputs)]`.
    pub(in crate::nn) fn forward(
        &self,
        parameters: &[f32],
        input: &[f32],
        maps: &mut Maps,
        joined: &mut Buffer,
    ) {
        let Maps { maps, room } = maps;
        maps.resize_with(self.convs.len().max(maps.len()), Buffer::default);
        for (index, conv) in self.convs.iter().enumerate() {
            let (before, rest) = maps.split_at_mut(index);
            conv.forward(parameters, self.source(index, input, before), &mut rest[0], room);
        }
        let Some(conv) = self.convs.last() else { return };
        let (width, channels) = (conv.linear.width, conv.linear.outputs);
        joined.resize(input.len() / self.features * padded(self.outputs()));
        let rows =
            input.chunks_exact(self.features).zip(maps[self.convs.len() - 1].chunks_exact(conv.made()));
        for ((input, map), joined) in rows.zip(joined.chunks_exact_mut(padded(self.outputs()))) {
            let (vector, features) = joined.split_at_mut(self.vector);
            vector.copy_from_slice(&input[..self.vector]);
            for (feature, cell) in features.chunks_exact_mut(channels).zip(map.chunks_exact(width)) {
                feature.copy_from_slice(&cell[..channels]);
            }
        }
    }

    /// Fills the convolutions' part of `gradient`; `joined` is the gradient with respect to the row, already
    /// masked by the ReLU, `deltas` are buffers for those with respect to the maps.
    pub(in crate::nn) fn backward(
        &self,
        parameters: &[f32],
        input: &[f32],
        (maps, joined): (&Maps, &[f32]),
        deltas: &mut Vec<Buffer>,
        scratch: &mut Scratch,
        gradient: &mut [f32],
    ) {
        let Some(last) = self.convs.last() else { return };
        deltas.resize_with(self.convs.len().max(deltas.len()), Buffer::default);
        let (width, channels) = (last.linear.width, last.linear.outputs);
        let delta = &mut deltas[self.convs.len() - 1];
        delta.resize(input.len() / self.features * last.made());
        let rows = joined.chunks_exact(padded(self.outputs())).zip(delta.chunks_exact_mut(last.made()));
        for (joined, delta) in rows {
            let features = joined[self.vector..].chunks_exact(channels);
            for (feature, cell) in features.zip(delta.chunks_exact_mut(width)) {
                let (cell, padding) = cell.split_at_mut(channels);
                cell.copy_from_slice(feature);
                padding.fill(0.0);
            }
        }
        for (index, conv) in self.convs.iter().enumerate().rev() {
            let (below, rest) = deltas.split_at_mut(index);
            let source = self.source(index, input, &maps.maps);
            let below = below.last_mut().map(|below| {
                below.resize(source.data.len());
                &mut below[..]
            });
            conv.backward(parameters, source, &rest[0], below, scratch, gradient);
        }
    }
}
