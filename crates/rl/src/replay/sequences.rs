//! Sampling of sequences: windows of consecutive steps of one episode, for agents with memory.
//!
//! An episode is cut into loss windows of `learn` transitions that begin every `stride` transitions, each
//! preceded by `burn_in` transitions. In an episode whose beginning is no longer stored, the first window is the
//! first one with a whole burn-in, so that the hidden state can warm up.

mod window;

use rand::RngExt as _;

use super::ReplayBuffer;
use super::index::SEGMENT_ENTRIES;
use crate::mdp::{Rng, SequenceBatch};
use window::Window;

/// Number of tries to sample a window that is full or ends with its episode.
const TRIES: usize = 64;

/// How episodes are cut into sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequenceConfig {
    /// Transitions before a window, to warm up the hidden state.
    pub burn_in: usize,
    /// Transitions of a window, at least 1.
    pub learn: usize,
    /// Transitions between the beginnings of two windows, 1 to `learn`.
    pub stride: usize,
}

impl SequenceConfig {
    /// Clamps the values: at least 1, and a stride of at most `learn`.
    pub(super) fn sound(self) -> Self {
        let learn = self.learn.max(1);
        Self { learn, stride: self.stride.clamp(1, learn), ..self }
    }
}

impl ReplayBuffer {
    /// Replaces `batch` by `count` of the sequences that [`ReplayBuffer::set_sequences`] describes. A uniformly random
    /// transition selects the last window that begins at or before it. Windows that are neither full nor end with their
    /// episode are avoided if possible.
    ///
    /// Returns `false`, and an empty batch, while there is nothing to sample.
    pub fn sample_sequences(&self, count: usize, rng: &mut Rng, batch: &mut SequenceBatch) -> bool {
        self.select(count, batch, |entries, _| self.draw(entries, rng))
    }

    /// Like [`ReplayBuffer::sample_sequences`], but the fraction `share` of the sequences, [0, 1], is selected by
    /// steps that a person played, and so has at least one of them in its loss window; the rest is selected by
    /// other steps. If there are none of either, all are selected from the other.
    pub fn sample_sequences_shared(
        &self,
        count: usize,
        share: f32,
        rng: &mut Rng,
        batch: &mut SequenceBatch,
    ) -> bool {
        let human = self.index.people.len();
        if human == 0 || human == self.index.valid {
            return self.sample_sequences(count, rng, batch);
        }
        let wanted = (count as f32 * share).round() as usize;
        self.select(count, batch, |entries, drawn| self.draw_played(drawn < wanted, entries, rng))
    }

    /// Replaces `batch` by `count` sequences sampled by priority, one from each of `count` strata of equal
    /// probability, with importance weights: specification section 10 of sequences (Kapturowski et al. 2019).
    /// Windows enter with the largest priority once they are full or their episode has ended.
    ///
    /// `importance_exponent` in [0, 1] sets how far the weights correct for non-uniform sampling. Without priorities
    /// this is [`ReplayBuffer::sample_sequences`], with the same return value.
    pub fn sample_sequences_prioritized(
        &self,
        count: usize,
        importance_exponent: f64,
        rng: &mut Rng,
        batch: &mut SequenceBatch,
    ) -> bool {
        let Some(priorities) = &self.index.priorities else {
            return self.sample_sequences(count, rng, batch);
        };
        if !self.clear(batch) || priorities.filled() == 0 {
            return false;
        }
        let mut window = Window::default();
        for stratum in 0..count {
            if self.window_at(priorities.draw(stratum, count, rng.random()), &mut window) {
                self.gather_window(&window, batch);
            }
        }
        debug_assert_eq!(batch.batch, count, "every item is a whole window");
        priorities.importance_weights(&batch.indices, importance_exponent, &mut batch.weights);
        batch.batch == count
    }

    /// Sets the priorities of the sequences of `batch` from `errors`, `[B]`: what the update says they are worth.
    /// The last error of a repeated sequence counts. Does nothing without priorities, and for sequences
    /// overwritten since.
    pub fn update_sequence_priorities(&mut self, batch: &SequenceBatch, errors: &[f32]) {
        debug_assert_eq!(batch.indices.len(), errors.len());
        let Some(priorities) = &mut self.index.priorities else { return };
        for ((&entry, &generation), &error) in batch.indices.iter().zip(&batch.generations).zip(errors) {
            let entry = entry as usize;
            if self.index.generations[entry / SEGMENT_ENTRIES] == generation {
                priorities.update(entry, f64::from(error));
            }
        }
    }

    /// Replaces `batch` by all windows, in storage order; with `cut` including incomplete ones.
    pub fn gather_all_sequences(&self, cut: bool, batch: &mut SequenceBatch) {
        if !self.clear(batch) {
            return;
        }
        let mut window = Window::default();
        for entry in 0..self.index.entries() {
            let begins = self.selected_by(entry) == Some(entry) && self.window_at(entry, &mut window);
            if begins && (window.complete || cut) {
                self.gather_window(&window, batch);
            }
        }
    }

    /// Fills `batch` with windows selected by the transitions that `draw` chooses, given the number of entries in
    /// use and of sequences so far.
    fn select(
        &self,
        count: usize,
        batch: &mut SequenceBatch,
        mut draw: impl FnMut(usize, usize) -> usize,
    ) -> bool {
        if !self.clear(batch) || self.index.valid == 0 {
            return false;
        }
        let mut window = Window::default();
        let entries = self.index.used_segments() * SEGMENT_ENTRIES;
        // If only steps before any window are stored, there is nothing to sample.
        let mut missed = 0;
        while batch.batch < count && missed < TRIES * TRIES {
            for attempt in 1..=TRIES {
                let place = self.selected_by(draw(entries, batch.batch));
                let found = place.is_some_and(|place| self.window_at(place, &mut window));
                missed += usize::from(!found);
                if found && (window.complete || attempt == TRIES) {
                    self.gather_window(&window, batch);
                    break;
                }
            }
        }
        if batch.batch < count {
            self.clear(batch);
        }
        batch.batch == count
    }

    /// Empties `batch`; returns whether there are sequences here.
    fn clear(&self, batch: &mut SequenceBatch) -> bool {
        let space = &self.columns.space;
        let lengths = self.index.sequences.map_or((0, 0), |own| (own.burn_in, own.burn_in + own.learn));
        batch.clear(lengths.0, lengths.1, space.observation.features(), space.state_width);
        batch.n_step = self.config.n_step;
        self.index.sequences.is_some()
    }
}

#[cfg(test)]
mod priority_tests;
#[cfg(test)]
mod tests;
