//! Aligned floats and padded matrices, with the column sums and transposes of a backward pass. Products are
//! in `kernel`.

use std::ops::{Deref, DerefMut};

use pulp::Arch;

/// Columns are padded with zeros to this many floats: one AVX-512 register, one cache line.
pub(crate) const LANES: usize = 16;

/// Stride of a row of `columns` floats.
pub(crate) fn padded(columns: usize) -> usize {
    columns.next_multiple_of(LANES)
}

/// Floats aligned to a cache line: loads that straddle two lines make products a tenth slower.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    data: Vec<f32>,
    start: usize,
    len: usize,
}

impl Buffer {
    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let data = vec![0.0; len + LANES];
        let start = data.as_ptr().align_offset(64).min(LANES);
        Self { data, start, len }
    }

    /// Resizes to `len` floats of unspecified value; allocates only beyond the largest earlier length.
    pub(crate) fn resize(&mut self, len: usize) {
        if len + self.start > self.data.len() {
            *self = Self::zeros(len);
        }
        self.len = len;
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.data[self.start..self.start + self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.data[self.start..self.start + self.len]
    }
}

/// Sums each column of `matrix`, `[rows, sums.len()]`, from the first row to the last.
pub(crate) fn column_sums(matrix: &[f32], sums: &mut [f32]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            sums.fill(0.0);
            for row in matrix.chunks_exact(sums.len()) {
                for (sum, value) in sums.iter_mut().zip(row) {
                    *sum += value;
                }
            }
        },
    );
}

/// Writes `matrix`, `[rows, padded(columns)]`, transposed as `[columns, padded(rows)]` with zeros
/// in the padding.
#[inline(always)]
pub(crate) fn transpose(matrix: &[f32], rows: usize, columns: usize, transposed: &mut [f32]) {
    const BLOCK: usize = 16;
    let (width, height) = (padded(columns), padded(rows));
    debug_assert_eq!(transposed.len(), columns * height);
    for top in (0..height).step_by(BLOCK) {
        for left in (0..columns).step_by(BLOCK) {
            let mut block = [[0.0; BLOCK]; BLOCK];
            for (r, line) in matrix[top * width..].chunks_exact(width).take(BLOCK).enumerate() {
                if let Some(line) = line[left..].first_chunk::<BLOCK>() {
                    for (c, &value) in line.iter().enumerate() {
                        block[c][r] = value;
                    }
                }
            }
            for (block, line) in block.iter().zip(transposed[left * height..].chunks_exact_mut(height)) {
                line[top..top + BLOCK].copy_from_slice(block);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transpose_keeps_values_and_clears_padding() {
        let (rows, columns) = (19, 33);
        let matrix: Vec<f32> = (0..rows * padded(columns)).map(|i| i as f32).collect();
        let mut transposed = vec![f32::NAN; columns * padded(rows)];
        transpose(&matrix, rows, columns, &mut transposed);
        for (place, &value) in transposed.iter().enumerate() {
            let (c, r) = (place / padded(rows), place % padded(rows));
            let expected = if r < rows { matrix[r * padded(columns) + c] } else { 0.0 };
            assert_eq!(value, expected);
        }
    }
}
