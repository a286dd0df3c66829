//! Sampling: which transitions a batch is made of, and how n steps become one. What is stored is the buffer's business.

use rand::RngExt as _;

use super::{HUMAN, ReplayBuffer, SEGMENT_ENTRIES, SEGMENT_STEPS, TERMINATED, TRUNCATED, VALID};
use crate::mdp::{Rng, TransitionBatch, push_features};

impl ReplayBuffer {
    /// Replaces `batch` by `count` transitions drawn uniformly with replacement.
    ///
    /// Returns `false`, and an empty batch, while there is nothing to draw from.
    pub fn sample(&self, count: usize, rng: &mut Rng, batch: &mut TransitionBatch) -> bool {
        batch.clear(self.space.features());
        if self.valid == 0 {
            return false;
        }
        let entries = (self.begun.min(self.segments as u64) as usize) * SEGMENT_ENTRIES;
        while batch.batch < count {
            let entry = self.draw(entries, rng);
            self.gather(entry, batch);
        }
        true
    }

    /// As [`ReplayBuffer::sample`], but the given `share` of the batch, [0, 1], is drawn from what a person played
    /// and the rest from what was not. Where either is missing, the other fills its place.
    pub fn sample_shared(
        &self,
        count: usize,
        share: f32,
        rng: &mut Rng,
        batch: &mut TransitionBatch,
    ) -> bool {
        let human = self.people.len();
        if human == 0 || human == self.valid {
            return self.sample(count, rng, batch);
        }
        batch.clear(self.space.features());
        let wanted = (count as f32 * share).round() as usize;
        let entries = (self.begun.min(self.segments as u64) as usize) * SEGMENT_ENTRIES;
        while batch.batch < count {
            let entry = if batch.batch < wanted { self.people.draw(rng) } else { None };
            let mut entry = entry.unwrap_or_else(|| self.draw(entries, rng));
            // Few tries are needed while a person has played the lesser part.
            for _ in 0..256 {
                if batch.batch < wanted || self.flags[entry] & HUMAN == 0 {
                    break;
                }
                entry = self.draw(entries, rng);
            }
            self.gather(entry, batch);
        }
        true
    }

    /// One sampleable entry of the first `entries`, uniformly.
    ///
    /// Entries that cannot be sampled are final observations and the ends of open segments: few,
    /// but for a young buffer of many streams, in which guessing is given up for counting.
    fn draw(&self, entries: usize, rng: &mut Rng) -> usize {
        for _ in 0..64 {
            let entry = rng.random_range(0..entries);
            if self.flags[entry] & VALID != 0 {
                return entry;
            }
        }
        let chosen = rng.random_range(0..self.valid);
        let valid = (0..entries).filter(|&entry| self.flags[entry] & VALID != 0);
        // `valid` counts exactly these entries.
        valid.into_iter().nth(chosen).unwrap_or(0)
    }

    /// Replaces `batch` by `count` transitions drawn by priority, one from each of `count` strata of
    /// equal probability, with importance weights (specification section 14; Schaul et al. 2016).
    ///
    /// `importance_exponent` in [0, 1] is how far the weights make good for drawing unevenly. Without
    /// priorities this is [`ReplayBuffer::sample`]; returns as that does.
    pub fn sample_prioritized(
        &self,
        count: usize,
        importance_exponent: f64,
        rng: &mut Rng,
        batch: &mut TransitionBatch,
    ) -> bool {
        let Some(priorities) = &self.priorities else { return self.sample(count, rng, batch) };
        batch.clear(self.space.features());
        if self.valid == 0 {
            return false;
        }
        for stratum in 0..count {
            self.gather(priorities.draw(stratum, count, rng.random()), batch);
        }
        priorities.importance_weights(&batch.indices, importance_exponent, &mut batch.weights);
        true
    }

    /// Gives the transitions at `indices`, as [`TransitionBatch::indices`] names them, the priorities
    /// of `td_errors`, both `[B]`. Where an index repeats, its last error counts. Without priorities,
    /// and for transitions overwritten since, nothing happens.
    pub fn update_priorities(&mut self, indices: &[u32], td_errors: &[f32]) {
        debug_assert_eq!(indices.len(), td_errors.len());
        let Some(priorities) = &mut self.priorities else { return };
        for (&entry, &td_error) in indices.iter().zip(td_errors) {
            priorities.update(entry as usize, f64::from(td_error));
        }
    }

    /// Replaces `batch` by every transition that can be sampled, in the order of storage, all of
    /// weight 1: what [`ReplayBuffer::sample`] draws from.
    pub fn gather_all(&self, batch: &mut TransitionBatch) {
        batch.clear(self.space.features());
        for entry in 0..self.flags.len() {
            if self.flags[entry] & VALID != 0 {
                self.gather(entry, batch);
            }
        }
    }

    /// Appends the n-step transition that starts at `entry` (specification section 13).
    fn gather(&self, entry: usize, batch: &mut TransitionBatch) {
        let (mut last, mut n_step_return, mut discount) = (entry, 0.0, 1.0);
        for step in 1.. {
            n_step_return += discount * self.rewards[last];
            discount *= self.config.gamma;
            if step >= self.config.n_step || self.flags[last] & (TERMINATED | TRUNCATED) != 0 {
                break;
            }
            match self.following(last) {
                Some(next) => last = next,
                None => break,
            }
        }
        self.push_features(entry, &mut batch.observations);
        self.push_features(last + 1, &mut batch.next_observations);
        batch.actions.push(self.actions[entry]);
        batch.n_step_returns.push(n_step_return);
        batch.discounts.push(discount);
        batch.terminated.push(f32::from(u8::from(self.flags[last] & TERMINATED != 0)));
        batch.weights.push(1.0);
        batch.behaviour_entropies.push(self.entropies[entry]);
        batch.indices.push(entry as u32);
        batch.batch += 1;
    }

    /// The complete step after `entry` in the same episode, here or in the linked segment.
    fn following(&self, entry: usize) -> Option<usize> {
        let next = entry + 1;
        if self.flags[next] & VALID != 0 {
            return Some(next);
        }
        if next % SEGMENT_ENTRIES != SEGMENT_STEPS {
            return None;
        }
        let (segment, generation) = self.links[next / SEGMENT_ENTRIES];
        let first = segment as usize * SEGMENT_ENTRIES;
        (generation != 0
            && self.generations[segment as usize] == generation
            && self.flags[first] & VALID != 0)
            .then_some(first)
    }

    fn push_features(&self, entry: usize, features: &mut Vec<f32>) {
        let (v, g) = (self.space.vector_len(), self.space.grid_len());
        push_features(
            &self.vectors[entry * v..(entry + 1) * v],
            &self.grids[entry * g..(entry + 1) * g],
            features,
        );
    }
}
