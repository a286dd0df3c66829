//! The replay buffer: contiguous, fixed in size, every observation stored once.
//!
//! Entries are grouped into segments that one stream fills from front to back, so the observation
//! after an entry is the next entry. Drawing batches is in `sample`, saving and loading in `storage`,
//! the arithmetic of priorities in `priorities`: here only is said which entries have one.

mod sample;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::people::People;
use super::{Priorities, PriorityConfig};
use crate::mdp::{Action, EpisodeEnd, ObservationSpace, Origin, StepBatch};

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

impl ReplayConfig {
    /// Segments that a buffer of this configuration has.
    pub(super) fn segments(&self) -> usize {
        // Fewer than a few segments a stream, and streams would push out each other's open ones.
        let least = SEGMENTS_PER_STREAM.saturating_mul(self.streams);
        self.capacity.div_ceil(SEGMENT_STEPS).max(least).max(2)
    }
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

/// Bytes of an entry: an observation, action, reward, entropy and flags.
fn bytes_of_entry(space: &ObservationSpace) -> usize {
    space.bytes() + size_of::<u16>() + 2 * size_of::<f32>() + size_of::<u8>()
}

impl ReplayBuffer {
    /// An empty buffer for observations of `space`. Memory is reserved now and touched when used.
    pub fn new(space: ObservationSpace, config: ReplayConfig) -> Self {
        let segments = config.segments();
        Self::of_segments(space, config, segments)
    }

    /// Bytes that one of `config` takes once it is full, to within a hundredth; with priorities where it is `ranked`.
    pub fn bytes_of(space: &ObservationSpace, config: &ReplayConfig, ranked: bool) -> u64 {
        // Leaves of the sums and a sixteenth more above them, beside the priorities themselves.
        let priorities = if ranked { 2.0 * 8.0 + 8.0 / 15.0 } else { 0.0 };
        let entries = config.segments() as f64 * SEGMENT_ENTRIES as f64;
        (entries * (bytes_of_entry(space) as f64 + priorities)) as u64
    }

    /// An empty buffer of as many segments.
    pub(super) fn of_segments(space: ObservationSpace, config: ReplayConfig, segments: usize) -> Self {
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

    /// Priorities by entry, as in [`TransitionBatch::indices`](crate::mdp::TransitionBatch::indices); `None` for uniform replay.
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
        self.flags.len() * bytes_of_entry(&self.space) + self.priorities.as_ref().map_or(0, Priorities::bytes)
    }

    /// Share of sampleable transitions that a person played, [0, 1].
    pub fn human_share(&self) -> f32 {
        self.people.len() as f32 / self.valid.max(1) as f32
    }

    /// Cuts every stream: what comes next follows nothing that is here, whatever it says of itself.
    pub fn cut_streams(&mut self) {
        (0..self.cursors.len()).for_each(|stream| self.cut_stream(stream));
    }

    fn cut_stream(&mut self, stream: usize) {
        if let Some(Some(cursor)) = self.cursors.get_mut(stream) {
            cursor.pending = false;
        }
    }

    /// Adds steps in order, but for those with a value that cannot be learned from, which cut their stream; how many those are.
    pub fn push(&mut self, steps: &StepBatch) -> u64 {
        let (mut finals, mut refused) = (0, 0);
        for row in 0..steps.len() {
            if steps.fault(row, finals).is_some() {
                self.cut_stream(steps.streams[row] as usize);
                finals += usize::from(steps.ends[row].is_some());
                refused += 1;
                continue;
            }
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
        refused
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
}

impl Cursor {
    fn next(self) -> usize {
        self.segment as usize * SEGMENT_ENTRIES + self.used as usize
    }

    /// The entry written last; there where `used` is not 0.
    pub(super) fn last(self) -> usize {
        self.next() - 1
    }
}
