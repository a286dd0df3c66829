//! Sampling of transitions, and assembly of n-step returns.

use rand::RngExt as _;

use super::ReplayBuffer;
use super::index::{HUMAN, SEGMENT_ENTRIES, TERMINATED, TRUNCATED, VALID};
use crate::mdp::{Rng, TransitionBatch};

impl ReplayBuffer {
    /// Replaces `batch` by `count` transitions sampled uniformly with replacement.
    ///
    /// Returns `false`, and an empty batch, while there is nothing to draw from.
    pub fn sample(&self, count: usize, rng: &mut Rng, batch: &mut TransitionBatch) -> bool {
        batch.clear(self.columns.space.observation.features());
        if self.index.valid == 0 {
            return false;
        }
        let entries = self.index.used_segments() * SEGMENT_ENTRIES;
        while batch.batch < count {
            let entry = self.draw(entries, rng);
            self.gather(entry, batch);
        }
        true
    }

    /// Like [`ReplayBuffer::sample`], but the fraction `share` of the batch, [0, 1], is sampled from steps
    /// that a person played and the rest from the others. If there are none of either, the batch is filled
    /// from the other.
    pub fn sample_shared(
        &self,
        count: usize,
        share: f32,
        rng: &mut Rng,
        batch: &mut TransitionBatch,
    ) -> bool {
        let human = self.index.people.len();
        if human == 0 || human == self.index.valid {
            return self.sample(count, rng, batch);
        }
        batch.clear(self.columns.space.observation.features());
        let wanted = (count as f32 * share).round() as usize;
        let entries = self.index.used_segments() * SEGMENT_ENTRIES;
        while batch.batch < count {
            let entry = self.draw_played(batch.batch < wanted, entries, rng);
            self.gather(entry, batch);
        }
        true
    }

    /// One sampleable entry of the first `entries`, uniformly among those that a person played, or among the others.
    pub(super) fn draw_played(&self, by_person: bool, entries: usize, rng: &mut Rng) -> usize {
        if by_person && let Some(entry) = self.index.people.draw(rng) {
            return entry;
        }
        let mut entry = self.draw(entries, rng);
        // Few tries are needed while a person's steps are a minority.
        for _ in 0..256 {
            if self.index.flags[entry] & HUMAN == 0 {
                break;
            }
            entry = self.draw(entries, rng);
        }
        entry
    }

    /// One sampleable entry of the first `entries`, uniformly.
    ///
    /// Rejection sampling: final observations and ends of open segments are not sampleable. They are few,
    /// except in a new buffer of many streams, where entries are counted instead.
    pub(super) fn draw(&self, entries: usize, rng: &mut Rng) -> usize {
        for _ in 0..64 {
            let entry = rng.random_range(0..entries);
            if self.index.flags[entry] & VALID != 0 {
                return entry;
            }
        }
        let chosen = rng.random_range(0..self.index.valid);
        let valid = (0..entries).filter(|&entry| self.index.flags[entry] & VALID != 0);
        // `valid` counts exactly these entries.
        valid.into_iter().nth(chosen).unwrap_or(0)
    }

    /// Replaces `batch` by `count` transitions sampled by priority, one from each of `count` strata of equal
    /// probability, with importance weights (specification section 14; Schaul et al. 2016).
    ///
    /// `importance_exponent` in [0, 1] sets how far the weights correct for non-uniform sampling. Without
    /// priorities this is [`ReplayBuffer::sample`], with the same return value.
    pub fn sample_prioritized(
        &self,
        count: usize,
        importance_exponent: f64,
        rng: &mut Rng,
        batch: &mut TransitionBatch,
    ) -> bool {
        let Some(priorities) = &self.index.priorities else { return self.sample(count, rng, batch) };
        batch.clear(self.columns.space.observation.features());
        if self.index.valid == 0 {
            return false;
        }
        for stratum in 0..count {
            self.gather(priorities.draw(stratum, count, rng.random()), batch);
        }
        priorities.importance_weights(&batch.indices, importance_exponent, &mut batch.weights);
        true
    }

    /// Sets the priorities of the transitions at `indices` (see [`TransitionBatch::indices`]) from
    /// `td_errors`, both `[B]`. The last error of a repeated index counts. Does nothing without priorities,
    /// and for transitions overwritten since.
    pub fn update_priorities(&mut self, indices: &[u32], td_errors: &[f32]) {
        debug_assert_eq!(indices.len(), td_errors.len());
        let Some(priorities) = &mut self.index.priorities else { return };
        for (&entry, &td_error) in indices.iter().zip(td_errors) {
            priorities.update(entry as usize, f64::from(td_error));
        }
    }

    /// Replaces `batch` by all transitions that [`ReplayBuffer::sample`] can sample, in storage order, with
    /// weight 1.
    pub fn gather_all(&self, batch: &mut TransitionBatch) {
        batch.clear(self.columns.space.observation.features());
        for entry in 0..self.index.flags.len() {
            if self.index.flags[entry] & VALID != 0 {
                self.gather(entry, batch);
            }
        }
    }

    /// Appends the n-step transition that starts at `entry` (specification section 13).
    fn gather(&self, entry: usize, batch: &mut TransitionBatch) {
        let (mut last, mut n_step_return, mut discount) = (entry, 0.0, 1.0);
        for step in 1.. {
            n_step_return += discount * self.columns.rewards[last];
            discount *= self.config.gamma;
            if step >= self.config.n_step || self.index.flags[last] & (TERMINATED | TRUNCATED) != 0 {
                break;
            }
            match self.index.following(last) {
                Some(next) => last = next,
                None => break,
            }
        }
        self.columns.push_features(entry, &mut batch.observations);
        self.columns.push_features(last + 1, &mut batch.next_observations);
        self.columns.push_action(entry, &mut batch.actions);
        batch.n_step_returns.push(n_step_return);
        batch.discounts.push(discount);
        batch.terminated.push(f32::from(u8::from(self.index.flags[last] & TERMINATED != 0)));
        batch.weights.push(1.0);
        batch.behaviour_entropies.push(self.columns.entropies[entry]);
        batch.demonstrated.push(f32::from(u8::from(self.index.flags[entry] & HUMAN != 0)));
        batch.indices.push(entry as u32);
        batch.batch += 1;
    }
}
