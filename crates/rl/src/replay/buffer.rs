//! The replay buffer: contiguous, fixed in size, every observation stored once.
//!
//! `index` says which entries hold what, `columns` hold it. Batches are sampled in `sampling` and
//! `sequences`, saving and loading is in `storage`, priorities are in `priorities`.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::columns::{Columns, ReplaySpace, StepRow};
use super::index::{HUMAN, Index, SEGMENT_ENTRIES, SEGMENT_STEPS};
use super::states::States;
use super::{Priorities, PriorityConfig, SequenceConfig};
use crate::mdp::{Origin, StepBatch};

/// Minimum number of segments per expected stream.
const SEGMENTS_PER_STREAM: usize = 4;

/// Capacity, and assembly of samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReplayConfig {
    /// Capacity in transitions, rounded up to whole segments and to four segments per stream.
    pub capacity: usize,
    /// Number of streams expected at the same time.
    pub streams: usize,
    /// Steps of n-step returns, 1 to 16.
    pub n_step: usize,
    /// Discount factor.
    pub gamma: f32,
}

impl ReplayConfig {
    /// Number of segments of this configuration.
    pub(super) fn segments(&self) -> usize {
        // With fewer segments per stream, streams would evict each other's open ones.
        let least = SEGMENTS_PER_STREAM.saturating_mul(self.streams);
        self.capacity.div_ceil(SEGMENT_STEPS).max(least).max(2)
    }

    /// Transitions kept of each stream, at least: its share without the segment being written.
    pub fn kept_per_stream(&self) -> usize {
        (self.segments() / self.streams.max(1) - 1) * SEGMENT_STEPS
    }
}

/// Transitions of many streams, overwritten oldest segment first.
///
/// Memory per entry: one observation, one action and 9 bytes; 16.5 more with priorities, and policy states, where
/// they are stored, once in `stride` entries.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayBuffer {
    pub(super) config: ReplayConfig,
    pub(super) index: Index,
    pub(super) columns: Columns,
}

impl ReplayBuffer {
    /// An empty buffer for steps of `space`; an observation space alone means discrete actions and no states.
    /// Memory is reserved now and committed when used.
    pub fn new(space: impl Into<ReplaySpace>, config: ReplayConfig) -> Self {
        let index = Index::of(&config);
        Self { columns: Columns::new(space.into(), index.entries()), config, index }
    }

    /// Bytes of a full buffer of `config`, to within one percent; with priorities if `ranked`, and with the states of
    /// `sequences`.
    pub fn bytes_of(
        space: impl Into<ReplaySpace>,
        config: &ReplayConfig,
        ranked: bool,
        sequences: Option<&SequenceConfig>,
    ) -> u64 {
        // The sum tree's leaves, a sixteenth more for its inner nodes, and the priorities themselves.
        let priorities = if ranked { 2.0 * 8.0 + 8.0 / 15.0 } else { 0.0 };
        let (space, entries) = (space.into(), config.segments() as f64 * SEGMENT_ENTRIES as f64);
        let states = state_bytes(&space, config.segments(), sequences);
        (entries * (space.bytes() as f64 + priorities)) as u64 + states as u64
    }

    /// The columns of an entry.
    pub fn space(&self) -> &ReplaySpace {
        &self.columns.space
    }

    /// Changes n-step length and discount factor of samples.
    pub fn set_returns(&mut self, n_step: usize, gamma: f32) {
        (self.config.n_step, self.config.gamma) = (n_step, gamma);
    }

    /// Enables priorities, or disables them with `None`. Transitions without a priority get the largest ever
    /// assigned; existing ones are kept when exponent or epsilon change.
    pub fn set_priorities(&mut self, config: Option<PriorityConfig>) {
        self.index.set_priorities(config);
    }

    /// Sets how episodes are cut into sequences, `None` for a buffer of which only transitions are sampled.
    /// Priorities are of sequences then; all get the largest if this changes. Policy states are stored where these
    /// sequences can begin.
    pub fn set_sequences(&mut self, config: Option<SequenceConfig>) {
        let config = config.map(SequenceConfig::sound);
        if self.index.sequences != config {
            self.index.set_sequences(config);
            let Self { index, columns, .. } = self;
            columns.states.retain(|entry| index.state_is_of_use(entry));
        }
    }

    /// How episodes are cut into sequences.
    pub fn sequences(&self) -> Option<&SequenceConfig> {
        self.index.sequences.as_ref()
    }

    /// Sets the number of floats of a policy state, 0 to store none. If that changes, stored ones are dropped:
    /// sequences then begin from zeros.
    pub fn set_state_width(&mut self, width: usize) {
        if self.columns.space.state_width != width {
            self.columns.space.state_width = width;
            self.columns.states = States::new(width, self.index.segments);
        }
    }

    /// Drops the states with which no sequence can begin.
    pub(super) fn retain_states(&mut self) {
        let Self { index, columns, .. } = self;
        columns.states.retain(|entry| index.begins_sequence(entry));
    }

    /// Number of policy states stored.
    pub fn states(&self) -> usize {
        self.columns.states.len()
    }

    /// Priorities by entry, as in [`TransitionBatch::indices`](crate::mdp::TransitionBatch::indices) or
    /// [`SequenceBatch::indices`](crate::mdp::SequenceBatch::indices); `None` for uniform replay.
    pub fn priorities(&self) -> Option<&Priorities> {
        self.index.priorities.as_ref()
    }

    /// Transitions that can be sampled.
    pub fn len(&self) -> usize {
        self.index.valid
    }

    /// Whether there is nothing to sample.
    pub fn is_empty(&self) -> bool {
        self.index.valid == 0
    }

    /// Maximum number of transitions.
    pub fn capacity(&self) -> usize {
        self.index.segments * SEGMENT_STEPS
    }

    /// Bytes of the storage when full.
    pub fn bytes(&self) -> usize {
        let priorities = self.index.priorities.as_ref().map_or(0, Priorities::bytes);
        let states = state_bytes(&self.columns.space, self.index.segments, self.index.sequences.as_ref());
        self.index.entries() * self.columns.space.bytes() + priorities + states
    }

    /// Fraction of sampleable transitions that a person played, [0, 1].
    pub fn human_share(&self) -> f32 {
        self.index.people.len() as f32 / self.index.valid.max(1) as f32
    }

    /// The largest discrete action stored.
    pub fn largest_action(&self) -> u16 {
        let used = self.index.used_segments() * SEGMENT_ENTRIES;
        self.columns.choices.iter().take(used).copied().max().unwrap_or(0)
    }

    /// Interrupts every stream: further steps do not follow the stored ones, even if they say so.
    pub fn cut_streams(&mut self) {
        (0..self.index.cursors.len()).for_each(|stream| self.index.cut_stream(stream));
    }

    /// Adds steps in order. Faulty ones are refused and interrupt their stream; returns their number.
    pub fn push(&mut self, steps: &StepBatch) -> u64 {
        let (mut finals, mut refused) = (0, 0);
        for row in 0..steps.len() {
            let stream = steps.streams[row] as usize;
            if steps.fault(row, finals).is_some() {
                self.index.cut_stream(stream);
                finals += usize::from(steps.ends[row].is_some());
                refused += 1;
                continue;
            }
            let entry = self.push_row(steps, row);
            if let Some(end) = steps.ends[row] {
                if let Some(last) = self.index.close(stream, entry, end.is_terminated()) {
                    let (vector, grid) = steps.final_observations.row(finals);
                    self.columns.write_observation(last, vector, grid);
                }
                self.forget_useless_states(stream);
                finals += 1;
            }
        }
        refused
    }

    /// Writes step `row` and returns its entry.
    fn push_row(&mut self, steps: &StepBatch, row: usize) -> usize {
        let (vector, grid) = steps.observations.row(row);
        let stream = steps.streams[row] as usize;
        if steps.starts[row] {
            self.index.cut_stream(stream);
        }
        self.forget_useless_states(stream);
        let places = self.index.append(stream);
        if places.begins {
            self.columns.states.clear(places.entry / SEGMENT_ENTRIES);
        }
        if let Some(closing) = places.closing {
            self.columns.write_observation(closing, vector, grid);
        }
        self.columns.write_observation(places.entry, vector, grid);
        let step = StepRow {
            action: steps.actions.row(row),
            reward: steps.rewards[row],
            entropy: steps.behaviour_entropies[row],
        };
        self.columns.write_step(places.entry, &step);
        if self.columns.space.state_width > 0 && self.index.begins_sequence(places.entry) {
            self.columns.states.push(places.entry, steps.state(row));
        }
        if steps.origins[row] == Origin::Human {
            self.index.flags[places.entry] |= HUMAN;
        }
        places.entry
    }

    /// Drops the last states of `stream`'s segment with which no sequence begins, if its last episode has ended or was
    /// interrupted.
    fn forget_useless_states(&mut self, stream: usize) {
        let Self { index, columns, .. } = self;
        if let Some(Some(cursor)) = index.cursors.get(stream).filter(|_| columns.space.state_width > 0)
            && !cursor.pending
        {
            columns.states.pop_while(cursor.segment as usize, |state| !index.state_is_of_use(state));
        }
    }
}

/// Bytes of the states of full episodes in `segments` segments.
fn state_bytes(space: &ReplaySpace, segments: usize, sequences: Option<&SequenceConfig>) -> usize {
    let stride = sequences.map_or(usize::MAX, |config| config.stride.max(1));
    segments * SEGMENT_STEPS * size_of::<f32>() * space.state_width / stride
}
