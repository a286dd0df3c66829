//! The patches of a map as matrix rows (im2col; Chellapilla et al. 2006), and back. `conv` multiplies them.
//!
//! Maps are `[height, width, padded channels]`, so that a line of a patch is contiguous and copied register
//! by register; only the grid of an observation is stored channel by channel.

use pulp::Arch;

use crate::nn::architecture::ConvLayer;
use crate::nn::buffer::{Buffer, LANES, padded};

/// Floats of patches built at a time: 64 KiB stay in the cache.
const TOGETHER: usize = 1 << 14;

/// Layout of the patches of one convolution.
#[derive(Debug, Clone)]
pub(in crate::nn) struct Patches {
    pub(in crate::nn) kernel: usize,
    pub(in crate::nn) stride: usize,
    /// Zeros on every side of the map.
    pub(in crate::nn) border: usize,
    /// Whether the map is a grid, which is stored channel by channel.
    grid: bool,
    /// Height and width of the map.
    pub(in crate::nn) from: [usize; 2],
    /// Number of patches vertically and horizontally.
    pub(in crate::nn) to: [usize; 2],
    /// Floats per cell.
    pub(in crate::nn) depth: usize,
}

/// Buffers for patches.
#[derive(Debug, Clone, Default)]
pub(in crate::nn) struct Room {
    /// One observation, cell by cell, with its border.
    bordered: Buffer,
    /// `[observations, positions, kernel, kernel, depth]`.
    pub(in crate::nn) patches: Buffer,
}

impl Patches {
    /// The patches of `layer` on maps of `channels`, or a `grid`, of height and width `from`, for output maps
    /// of height and width `to`.
    pub(in crate::nn) fn new(
        layer: &ConvLayer,
        channels: usize,
        grid: bool,
        from: [usize; 2],
        to: [usize; 2],
    ) -> Self {
        let depth = if grid { channels } else { padded(channels) };
        Self { kernel: layer.kernel, stride: layer.stride, border: layer.border(), grid, from, to, depth }
    }

    /// Number of patches per observation.
    pub(in crate::nn) fn positions(&self) -> usize {
        self.to[0] * self.to[1]
    }

    /// Floats per patch.
    pub(in crate::nn) fn size(&self) -> usize {
        self.kernel * self.kernel * self.depth
    }

    /// Position in a patch of every saved weight `[channel, row, column]`, flattened.
    pub(in crate::nn) fn row(&self, outside: usize) -> usize {
        let cells = self.kernel * self.kernel;
        outside % cells * self.depth + outside / cells
    }

    /// Number of observations whose patches are built at a time.
    pub(in crate::nn) fn together(&self) -> usize {
        (TOGETHER / (self.positions() * self.size())).max(1)
    }

    /// Allocates the buffers, with one more register at either end, since copies of whole registers overrun.
    pub(in crate::nn) fn prepare(&self, room: &mut Room) {
        room.bordered.resize((self.from[0] + 2 * self.border) * self.line() + LANES);
        room.bordered.fill(0.0);
        room.patches.resize(self.together() * self.positions() * self.size() + LANES);
    }

    /// Floats of a line of the map, borders included.
    fn line(&self) -> usize {
        (self.from[1] + 2 * self.border) * self.depth
    }

    /// Where a line of the map begins within its border.
    fn inside(&self, row: usize) -> usize {
        (row + self.border) * self.line() + self.border * self.depth
    }

    /// Writes the patches of `observations` to `room`.
    pub(in crate::nn) fn gather<'a>(&self, observations: impl Iterator<Item = &'a [f32]>, room: &mut Room) {
        let size = self.positions() * self.size();
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (index, source) in observations.enumerate() {
                    self.spread(source, &mut room.bordered);
                    self.cut(&room.bordered, &mut room.patches[index * size..]);
                }
            },
        );
    }

    /// Writes an observation cell by cell, within its border.
    #[inline(always)]
    fn spread(&self, source: &[f32], bordered: &mut [f32]) {
        let ([height, width], depth) = (self.from, self.depth);
        if self.grid {
            for (channel, plane) in source.chunks_exact(height * width).enumerate() {
                for (row, line) in plane.chunks_exact(width).enumerate() {
                    let cells = &mut bordered[self.inside(row)..][..width * depth];
                    for (column, value) in line.iter().enumerate() {
                        cells[column * depth + channel] = *value;
                    }
                }
            }
        } else {
            for (row, line) in source.chunks_exact(width * depth).enumerate() {
                bordered[self.inside(row)..][..width * depth].copy_from_slice(line);
            }
        }
    }

    /// Calls `act` with the position of every line of every patch, in the bordered map and in the patches.
    #[inline(always)]
    fn lines(&self, mut act: impl FnMut(usize, usize)) {
        let (line, len) = (self.line(), self.kernel * self.depth);
        let mut to = 0;
        for row in 0..self.to[0] {
            for column in 0..self.to[1] {
                let corner = row * self.stride * line + column * self.stride * self.depth;
                for below in 0..self.kernel {
                    act(corner + below * line, to);
                    to += len;
                }
            }
        }
    }

    /// Cuts the patches out of one observation.
    #[inline(always)]
    fn cut(&self, bordered: &[f32], patches: &mut [f32]) {
        let whole = (self.kernel * self.depth).next_multiple_of(LANES);
        self.lines(
            #[inline(always)]
            |from, to| {
                let (source, _) = bordered[from..from + whole].as_chunks::<LANES>();
                let (patch, _) = patches[to..to + whole].as_chunks_mut::<LANES>();
                patch.iter_mut().zip(source).for_each(|(patch, source)| *patch = *source);
            },
        );
    }

    /// Accumulates the patches of observation `index` in `room` per cell, and writes the sum to `delta` where
    /// `map`, the output of a ReLU, is positive.
    pub(in crate::nn) fn merge(&self, index: usize, room: &mut Room, map: &[f32], delta: &mut [f32]) {
        let (len, size) = (self.kernel * self.depth, self.positions() * self.size());
        let (bordered, patches) = (&mut room.bordered[..], &room.patches[index * size..]);
        let width = self.from[1] * self.depth;
        // Consuming a captured value makes it an `FnOnce` closure, which is reliably inlined.
        let rows = map.chunks_exact(width).zip(delta.chunks_exact_mut(width));
        Arch::new().dispatch(
            #[inline(always)]
            || {
                bordered.fill(0.0);
                self.lines(
                    #[inline(always)]
                    |from, to| {
                        let (sums, _) = bordered[from..from + len].as_chunks_mut::<LANES>();
                        let (patch, _) = patches[to..to + len].as_chunks::<LANES>();
                        for (sums, patch) in sums.iter_mut().zip(patch) {
                            sums.iter_mut().zip(patch).for_each(|(sum, value)| *sum += value);
                        }
                    },
                );
                for (row, (map, delta)) in rows.enumerate() {
                    let sums = &bordered[self.inside(row)..][..width];
                    for ((delta, sum), map) in delta.iter_mut().zip(sums).zip(map) {
                        *delta = if *map > 0.0 { *sum } else { 0.0 };
                    }
                }
                bordered.fill(0.0);
            },
        );
    }
}
