//! The replay buffer: contiguous, fixed in size, every observation stored once.
//!
//! Entries are grouped into segments that one stream fills from front to back, so the observation
//! after an entry is the next entry. Saving and loading are in `storage`, the arithmetic of
//! priorities in `priorities`: here only is said which entries have one.

#[cfg(test)]
mod tests;

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::people::People;
use super::{Priorities, PriorityConfig};
use crate::mdp::{
    Action, EpisodeEnd, ObservationSpace, Origin, Rng, StepBatch, TransitionBatch, push_features,
};

/// Steps a segment holds. Its one extra entry for the observation after the last step costs 1/64.
pub(super) const SEGMENT_STEPS: usize = 64;
/// Segments every expected stream has room for.
const SEGMENTS_PER_STREAM: usize = 4;
/// Entries a segment holds.
pub(super) const SEGMENT_ENTRIES: usize = SEGMENT_STEPS + 1;

/// The entry holds a step whose next observation is the following entry.
pub(super) const VALID: u8 = 1;
pub(super) const TERMINATED: u8 = 2;
pub(super) const TRUNCATED: u8 = 4;
pub(super) const HUMAN: u8 = 8;

/// How much is kept and what a sample is made of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReplayConfig {
    /// Transitions kept, rounded up to whole segments and to four segments for every stream.
    pub capacity: usize,
    /// Streams expected to be recorded at the same time.
    pub streams: usize,
    /// Steps accumulated in a sample, 1 to 16.
    pub n_step: usize,
    /// Discount factor.
    pub gamma: f32,
}

/// Where the next entry of a stream goes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Cursor {
    pub(super) segment: u32,
    /// Entries written so far.
    pub(super) used: u32,
    /// Whether the last entry waits for its next observation.
    pub(super) pending: bool,
}

/// Transitions of many streams, overwritten oldest segment first.
///
/// Memory per entry: one observation and 11 bytes, 16.5 more with priorities.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayBuffer {
    pub(super) space: ObservationSpace,
    pub(super) config: ReplayConfig,
    pub(super) segments: usize,
    /// `[entries, vector_len]`.
    pub(super) vectors: Vec<f32>,
    /// `[entries, grid_len]`.
    pub(super) grids: Vec<u8>,
    pub(super) actions: Vec<u16>,
    pub(super) rewards: Vec<f32>,
    pub(super) entropies: Vec<f32>,
    pub(super) flags: Vec<u8>,
    /// Where a segment's stream went on, with that segment's generation at the time.
    pub(super) links: Vec<(u32, u32)>,
    /// How often each segment has been begun.
    pub(super) generations: Vec<u32>,
    /// By stream number.
    pub(super) cursors: Vec<Option<Cursor>>,
    /// Segments begun so far, all rounds together.
    pub(super) begun: u64,
    pub(super) valid: usize,
    /// By entry; `None` for uniform replay.
    pub(super) priorities: Option<Priorities>,
    /// What a person played.
    pub(super) people: People,
}

impl ReplayBuffer {
    /// An empty buffer for observations of `space`. Memory is reserved now and touched when used.
    pub fn new(space: ObservationSpace, config: ReplayConfig) -> Self {
        // Fewer than a few segments a stream, and streams would push out each other's open ones.
        let segments =
            config.capacity.div_ceil(SEGMENT_STEPS).max(SEGMENTS_PER_STREAM * config.streams).max(2);
        let entries = segments * SEGMENT_ENTRIES;
        Self {
            vectors: vec![0.0; entries * space.vector_len()],
            grids: vec![0; entries * space.grid_len()],
            actions: vec![0; entries],
            rewards: vec![0.0; entries],
            entropies: vec![0.0; entries],
            flags: vec![0; entries],
            links: vec![(0, 0); segments],
            generations: vec![0; segments],
            cursors: Vec::new(),
            begun: 0,
            valid: 0,
            priorities: None,
            people: People::default(),
            segments,
            space,
            config,
        }
    }

    /// Changes how samples are assembled: rewards accumulated, and the discount factor.
    pub fn set_returns(&mut self, n_step: usize, gamma: f32) {
        (self.config.n_step, self.config.gamma) = (n_step, gamma);
    }

    /// Keeps a priority for every transition from now on, or none with `None`. Transitions without one
    /// get the largest ever assigned; those with one keep it under another exponent or epsilon.
    pub fn set_priorities(&mut self, config: Option<PriorityConfig>) {
        match (&mut self.priorities, config) {
            (_, None) => self.priorities = None,
            (Some(priorities), Some(config)) if priorities.config() == config => {}
            (Some(priorities), Some(config)) => priorities.set_config(config),
            (None, Some(config)) => {
                let mut priorities = Priorities::new(self.flags.len(), config);
                priorities.fill(|entry| self.flags[entry] & VALID != 0);
                self.priorities = Some(priorities);
            }
        }
    }

    /// Priorities by entry, as in [`TransitionBatch::indices`]; `None` for uniform replay.
    pub fn priorities(&self) -> Option<&Priorities> {
        self.priorities.as_ref()
    }

    /// Transitions that can be sampled.
    pub fn len(&self) -> usize {
        self.valid
    }

    /// Whether nothing can be sampled yet.
    pub fn is_empty(&self) -> bool {
        self.valid == 0
    }

    /// Transitions the buffer can hold at most.
    pub fn capacity(&self) -> usize {
        self.segments * SEGMENT_STEPS
    }

    /// Bytes the storage takes once it is full.
    pub fn bytes(&self) -> usize {
        let each = self.space.bytes() + size_of::<u16>() + 2 * size_of::<f32>() + size_of::<u8>();
        self.flags.len() * each + self.priorities.as_ref().map_or(0, Priorities::bytes)
    }

    /// Share of sampleable transitions that a person played, [0, 1].
    pub fn human_share(&self) -> f32 {
        self.people.len() as f32 / self.valid.max(1) as f32
    }

    /// Adds steps in order.
    pub fn push(&mut self, steps: &StepBatch) {
        let mut finals = 0;
        for row in 0..steps.len() {
            let (vector, grid) = steps.observations.row(row);
            let entry = self.append(steps.streams[row] as usize, steps.starts[row], vector, grid);
            let Action::Discrete(action) = steps.actions[row];
            self.actions[entry] = action;
            self.rewards[entry] = steps.rewards[row];
            self.entropies[entry] = steps.behaviour_entropies[row];
            self.flags[entry] = if steps.origins[row] == Origin::Human { HUMAN } else { 0 };
            if let Some(end) = steps.ends[row] {
                let (vector, grid) = steps.final_observations.row(finals);
                finals += 1;
                self.close(steps.streams[row] as usize, entry, end, vector, grid);
            }
        }
    }

    /// Writes one observation of `stream`, completes the step before it, and returns its entry.
    fn append(&mut self, stream: usize, starts: bool, vector: &[f32], grid: &[u8]) -> usize {
        if self.cursors.len() <= stream {
            self.cursors.resize(stream + 1, None);
        }
        let mut cursor = match self.cursors[stream] {
            Some(cursor) => cursor,
            None => self.begin_segment(),
        };
        if starts {
            // Whatever was pending is not followed by this observation: it stays unusable.
            cursor.pending = false;
        }
        if cursor.used as usize >= SEGMENT_STEPS {
            let full = cursor;
            let next = self.begin_segment();
            // With hardly more segments than streams, the oldest may be the one just filled.
            if full.pending && full.segment != next.segment {
                // The segment ends with the observation that also begins the next one.
                self.complete(full, vector, grid);
                self.links[full.segment as usize] = (next.segment, self.generations[next.segment as usize]);
            }
            cursor = next;
        } else if cursor.pending {
            self.mark_valid(cursor.last());
        }
        let entry = cursor.next();
        self.write(entry, vector, grid);
        cursor.used += 1;
        cursor.pending = true;
        self.cursors[stream] = Some(cursor);
        entry
    }

    /// Ends the episode of `stream` whose last step is at `entry`.
    fn close(&mut self, stream: usize, entry: usize, end: EpisodeEnd, vector: &[f32], grid: &[u8]) {
        self.flags[entry] |= if end.is_terminated() { TERMINATED } else { TRUNCATED };
        if let Some(mut cursor) = self.cursors[stream] {
            self.complete(cursor, vector, grid);
            cursor.used += 1;
            cursor.pending = false;
            self.cursors[stream] = Some(cursor);
        }
    }

    fn complete(&mut self, cursor: Cursor, vector: &[f32], grid: &[u8]) {
        let entry = cursor.next();
        self.write(entry, vector, grid);
        self.flags[entry] = 0;
        self.mark_valid(cursor.last());
    }

    fn mark_valid(&mut self, entry: usize) {
        self.flags[entry] |= VALID;
        self.valid += 1;
        if self.flags[entry] & HUMAN != 0 {
            self.people.insert(entry);
        }
        if let Some(priorities) = &mut self.priorities {
            priorities.insert(entry);
        }
    }

    fn write(&mut self, entry: usize, vector: &[f32], grid: &[u8]) {
        self.vectors[entry * vector.len()..(entry + 1) * vector.len()].copy_from_slice(vector);
        self.grids[entry * grid.len()..(entry + 1) * grid.len()].copy_from_slice(grid);
    }

    /// Takes the oldest segment, forgetting what was in it.
    fn begin_segment(&mut self) -> Cursor {
        let segment = (self.begun % self.segments as u64) as usize;
        self.begun += 1;
        self.generations[segment] = self.generations[segment].wrapping_add(1);
        self.links[segment] = (0, 0);
        let entries = segment * SEGMENT_ENTRIES..(segment + 1) * SEGMENT_ENTRIES;
        if let Some(priorities) = &mut self.priorities {
            priorities.clear(entries.clone());
        }
        self.people.forget(&entries);
        for flags in &mut self.flags[entries] {
            self.valid -= usize::from(*flags & VALID);
            *flags = 0;
        }
        for cursor in &mut self.cursors {
            if cursor.is_some_and(|cursor| cursor.segment as usize == segment) {
                *cursor = None;
            }
        }
        Cursor { segment: segment as u32, used: 0, pending: false }
    }

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

impl Cursor {
    fn next(self) -> usize {
        self.segment as usize * SEGMENT_ENTRIES + self.used as usize
    }

    fn last(self) -> usize {
        self.next() - 1
    }
}
