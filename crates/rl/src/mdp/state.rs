//! Policy states: the memory of a policy per slot between steps.

use serde::{Deserialize, Serialize};

/// States of several slots, one row each, in one allocation: `values` is `[rows, width]`.
///
/// A row is a hidden state, a window of recent steps, or anything else its policy keeps; only that policy
/// interprets it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StateBatch {
    /// Floats of one state; 0 for a policy without memory.
    pub width: usize,
    /// Row-major floats.
    pub values: Vec<f32>,
}

impl StateBatch {
    /// `rows` all-zero states of `width`.
    pub fn zeros(width: usize, rows: usize) -> Self {
        Self { width, values: vec![0.0; width * rows] }
    }

    /// Removes all states, keeps the allocation, and sets the width.
    pub fn reset(&mut self, width: usize) {
        self.width = width;
        self.values.clear();
    }

    /// Number of states; 0 if the width is 0.
    pub fn rows(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    /// `[width]`: state `row`; empty if the width is 0.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..(row + 1) * self.width]
    }

    /// The same state, mutable.
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.width..(row + 1) * self.width]
    }

    /// Appends one state; the first one sets the width. Longer ones are cut, shorter ones are padded with
    /// zeros.
    pub fn push(&mut self, state: &[f32]) {
        if self.values.is_empty() {
            self.width = state.len();
        }
        let given = state.len().min(self.width);
        self.values.extend_from_slice(&state[..given]);
        self.values.resize(self.values.len() + self.width - given, 0.0);
    }

    /// Removes all states and keeps the allocation.
    pub fn clear(&mut self) {
        self.reset(0);
    }
}
