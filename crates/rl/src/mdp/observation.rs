//! Batches of observations, and their conversion to network inputs.

use serde::{Deserialize, Serialize};

use super::ObservationSpace;

/// A batch of observations of one space: `vector` is `[count, vector_len]`, `grid` is `[count, grid_len]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ObservationBatch {
    /// Number of observations.
    pub count: usize,
    /// Row-major floats.
    pub vector: Vec<f32>,
    /// Row-major bytes.
    pub grid: Vec<u8>,
}

impl ObservationBatch {
    /// `count` all-zero observations of `space`.
    pub fn zeros(space: &ObservationSpace, count: usize) -> Self {
        Self { count, vector: vec![0.0; count * space.vector_len()], grid: vec![0; count * space.grid_len()] }
    }

    /// Appends all observations of `other`.
    pub fn append(&mut self, other: &Self) {
        self.count += other.count;
        self.vector.extend_from_slice(&other.vector);
        self.grid.extend_from_slice(&other.grid);
    }

    /// Removes all observations and keeps the allocation.
    pub fn clear(&mut self) {
        self.count = 0;
        self.vector.clear();
        self.grid.clear();
    }

    /// Appends one observation, given as its vector and its grid.
    pub fn push(&mut self, vector: &[f32], grid: &[u8]) {
        self.count += 1;
        self.vector.extend_from_slice(vector);
        self.grid.extend_from_slice(grid);
    }

    /// Floats and bytes of one observation.
    fn widths(&self) -> (usize, usize) {
        let count = self.count.max(1);
        (self.vector.len() / count, self.grid.len() / count)
    }

    /// The vector and the grid of observation `index`.
    pub fn row(&self, index: usize) -> (&[f32], &[u8]) {
        let (v, g) = self.widths();
        (&self.vector[index * v..(index + 1) * v], &self.grid[index * g..(index + 1) * g])
    }

    /// The same row, mutable.
    pub fn row_mut(&mut self, index: usize) -> (&mut [f32], &mut [u8]) {
        let (v, g) = self.widths();
        (&mut self.vector[index * v..(index + 1) * v], &mut self.grid[index * g..(index + 1) * g])
    }

    /// Appends the network inputs of every observation to `features`, `[count, features]`: the vector, then
    /// each byte of the grid divided by 255.
    pub fn features(&self, features: &mut Vec<f32>) {
        for index in 0..self.count {
            let (vector, grid) = self.row(index);
            push_features(vector, grid, features);
        }
    }
}

/// Appends one observation's network inputs: the vector, then each byte of the grid over 255.
pub fn push_features(vector: &[f32], grid: &[u8], features: &mut Vec<f32>) {
    features.extend_from_slice(vector);
    features.extend(grid.iter().map(|&byte| f32::from(byte) * (1.0 / 255.0)));
}

impl ObservationBatch {
    /// Whether it holds `count` observations of `space`.
    pub(super) fn fits(&self, count: usize, space: &ObservationSpace) -> bool {
        let whole = |length: usize, each: usize| count.checked_mul(each) == Some(length);
        self.count == count
            && whole(self.vector.len(), space.vector_len())
            && whole(self.grid.len(), space.grid_len())
    }
}
