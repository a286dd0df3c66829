//! Places: the steps at which loss windows of sequences begin, every `stride` steps of an episode.

use super::SequenceConfig;
use super::index::{FIRST, Index, SEGMENT_ENTRIES, SEGMENT_STEPS, TERMINATED, TRUNCATED, VALID};

impl Index {
    /// Number of steps of the episode before the one at `entry`, stored or not; since its stream was interrupted,
    /// if it was.
    pub(super) fn position(&self, entry: usize) -> usize {
        let segment = entry / SEGMENT_ENTRIES;
        let begin = segment * SEGMENT_ENTRIES;
        let first = (begin..=entry).rev().find(|at| self.flags[*at] & FIRST != 0);
        first.map_or_else(|| self.positions[segment] as usize + entry - begin, |first| entry - first)
    }

    /// The position of the step after the one at `entry`.
    pub(super) fn position_after(&self, entry: usize) -> u32 {
        u32::try_from(self.position(entry) + 1).unwrap_or(u32::MAX)
    }

    /// Whether a sequence may begin at the step at `entry`, so that the policy state before it is of use. At an
    /// episode's first moment that is the initial one.
    pub(super) fn begins_sequence(&self, entry: usize) -> bool {
        let Some(SequenceConfig { burn_in, stride, .. }) = self.sequences else { return false };
        let position = self.position(entry);
        position > 0 && (position + burn_in).is_multiple_of(stride)
    }

    /// Whether a sequence begins with the state before the step at `entry`, or will if its episode goes on. If that
    /// has ended or was interrupted, the state's window must contain something new.
    pub(super) fn state_is_of_use(&self, entry: usize) -> bool {
        let Some(SequenceConfig { burn_in, learn, stride }) = self.sequences else { return false };
        if !self.begins_sequence(entry) {
            return false;
        }
        let mut at = entry;
        for _ in 0..burn_in + learn - stride {
            if self.flags[at] & (TERMINATED | TRUNCATED) != 0 {
                return false;
            }
            match self.following(at) {
                Some(next) => at = next,
                None => return self.goes_on(at),
            }
        }
        self.flags[at] & VALID != 0 || self.goes_on(at)
    }

    /// Whether a stream is at `entry` or at the step after it, and waits for the next observation.
    fn goes_on(&self, entry: usize) -> bool {
        let last = entry % SEGMENT_ENTRIES == SEGMENT_STEPS - 1;
        let next = match self.linked(entry / SEGMENT_ENTRIES) {
            Some(segment) if last => segment * SEGMENT_ENTRIES,
            _ => entry + 1,
        };
        self.cursors.iter().flatten().any(|own| own.pending && [entry, next].contains(&own.last()))
    }

    /// Number of steps from `entry` to the end of its episode or of what is stored, at most `most`, and whether
    /// the last of them ends the episode.
    pub(super) fn steps_from(&self, entry: usize, most: usize) -> (usize, bool) {
        let (mut at, mut count) = (entry, 1);
        loop {
            if self.flags[at] & (TERMINATED | TRUNCATED) != 0 {
                return (count, true);
            }
            match self.following(at) {
                Some(next) if count < most => (at, count) = (next, count + 1),
                _ => return (count, false),
            }
        }
    }

    /// The step `back` steps before `entry` in its episode, if it is stored.
    pub(super) fn before(&self, entry: usize, back: usize) -> Option<usize> {
        (0..back).try_fold(entry, |at, _| self.preceding(at))
    }

    /// Whether what a window at `entry` needs before itself is stored: the burn-in with the action and reward
    /// before it, or all of the episode so far.
    pub(super) fn has_burn_in(&self, entry: usize, burn_in: usize) -> bool {
        let mut at = entry;
        for _ in 0..=burn_in {
            if self.flags[at] & FIRST != 0 {
                return true;
            }
            let Some(before) = self.preceding(at) else { return false };
            at = before;
        }
        true
    }

    /// Whether priorities have an item at `entry`: a transition, or a window that is full or ends with its episode.
    pub(super) fn is_item(&self, entry: usize) -> bool {
        if self.flags[entry] & VALID == 0 {
            return false;
        }
        let Some(SequenceConfig { burn_in, learn, stride }) = self.sequences else { return true };
        let first = self.position(entry);
        if !first.is_multiple_of(stride) {
            return false;
        }
        let (count, ended) = self.steps_from(entry, learn);
        // The last window of an episode ends with it; a further one would contain nothing new.
        let complete = count == learn || (ended && (first == 0 || count + stride > learn));
        complete && self.has_burn_in(entry, burn_in)
    }

    /// The place of the window that the step at `entry` fills, or ends with its episode.
    fn completed_by(&self, entry: usize, config: &SequenceConfig) -> Option<usize> {
        let SequenceConfig { burn_in, learn, stride } = *config;
        let length = self.position(entry) + 1;
        let first = match length.checked_sub(learn) {
            Some(first) if first.is_multiple_of(stride) => first,
            _ if self.flags[entry] & (TERMINATED | TRUNCATED) == 0 => return None,
            Some(full) => (full / stride + 1) * stride,
            None => 0,
        };
        let place = self.before(entry, length - 1 - first)?;
        self.has_burn_in(place, burn_in).then_some(place)
    }

    /// Gives the item that the step at `entry` completes the largest priority.
    pub(super) fn insert_item(&mut self, entry: usize) {
        if self.priorities.is_none() {
            return;
        }
        let item = match &self.sequences {
            None => Some(entry),
            Some(config) => self.completed_by(entry, config),
        };
        if let (Some(priorities), Some(item)) = (&mut self.priorities, item) {
            priorities.insert(item);
        }
    }

    /// Removes the items of a segment's first steps, which have lost their burn-in with the segment before it.
    pub(super) fn forget_cut_items(&mut self, segment: usize) {
        let Some(SequenceConfig { burn_in, .. }) = self.sequences else { return };
        let mut at = Some(segment * SEGMENT_ENTRIES);
        for _ in 0..=burn_in {
            let Some(entry) = at.filter(|entry| self.flags[*entry] & (VALID | FIRST) == VALID) else {
                return;
            };
            if let Some(priorities) = self.priorities.as_mut().filter(|own| own.raw(entry).is_some()) {
                priorities.clear(entry..entry + 1);
            }
            let ended = self.flags[entry] & (TERMINATED | TRUNCATED) != 0;
            at = self.following(entry).filter(|_| !ended);
        }
    }

    /// Sets how episodes are cut into sequences, `None` for transitions. All items get the largest priority if
    /// that changes.
    pub(super) fn set_sequences(&mut self, config: Option<SequenceConfig>) {
        if self.sequences == config {
            return;
        }
        let begins = self.sequences.is_none();
        self.sequences = config;
        if begins || config.is_none() {
            self.count_positions();
        }
        if let Some(mut priorities) = self.priorities.take() {
            priorities.fill(|entry| self.is_item(entry));
            self.priorities = Some(priorities);
        }
    }

    /// Removes the priorities of what is no longer an item.
    pub(super) fn forget_lost_items(&mut self) {
        let Some(mut priorities) = self.priorities.take() else { return };
        for entry in 0..self.entries() {
            if priorities.raw(entry).is_some() && !self.is_item(entry) {
                priorities.clear(entry..entry + 1);
            }
        }
        self.priorities = Some(priorities);
    }

    /// Recovers positions by counting, for files without them: from 0 where an episode's beginning is not stored.
    pub(super) fn count_positions(&mut self) {
        self.positions.fill(0);
        if self.sequences.is_none() {
            return;
        }
        let used = self.used_segments() as u64;
        for round in self.begun - used..self.begun {
            let segment = (round % self.segments as u64) as usize;
            let before = self.preceding(segment * SEGMENT_ENTRIES);
            self.positions[segment] = before.map_or(0, |before| self.position_after(before));
        }
    }
}
