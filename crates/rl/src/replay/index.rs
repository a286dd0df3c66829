//! The index of a replay buffer: the contents of entries, their order within streams, and which can be
//! sampled.
//!
//! Entries are grouped into segments that one stream fills from front to back, so the observation after an
//! entry is the next entry. The index is always on the host; the data is in `columns`.

use serde::{Deserialize, Serialize};

use super::people::People;
use super::{Priorities, PriorityConfig, ReplayConfig, SequenceConfig};

/// Steps per segment. Its extra entry for the observation after the last step costs 1/64.
pub(super) const SEGMENT_STEPS: usize = 64;
/// Entries per segment.
pub(super) const SEGMENT_ENTRIES: usize = SEGMENT_STEPS + 1;

/// The entry holds a step whose next observation is the following entry.
pub(super) const VALID: u8 = 1;
pub(super) const TERMINATED: u8 = 2;
pub(super) const TRUNCATED: u8 = 4;
pub(super) const HUMAN: u8 = 8;
/// The step has no recorded predecessor: an episode began, or its stream was interrupted.
pub(super) const FIRST: u8 = 16;
/// No segment.
pub(super) const NONE: u32 = u32::MAX;

/// Write position of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Cursor {
    pub(super) segment: u32,
    /// Entries written so far.
    pub(super) used: u32,
    /// Whether the last entry waits for its next observation.
    pub(super) pending: bool,
}

impl Cursor {
    /// The entry to write next.
    pub(super) fn next(self) -> usize {
        self.segment as usize * SEGMENT_ENTRIES + self.used as usize
    }

    /// The entry written last; valid if `used` is not 0.
    pub(super) fn last(self) -> usize {
        self.next() - 1
    }
}

/// Destination of an observation: its own entry and, if it completes a segment, also the one after that
/// segment's last step.
pub(super) struct Places {
    pub(super) entry: usize,
    pub(super) closing: Option<usize>,
    /// Whether the entry is the first of a segment that was started for it.
    pub(super) begins: bool,
}

/// Segments, their streams, and sampleable entries.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Index {
    pub(super) segments: usize,
    /// By entry.
    pub(super) flags: Vec<u8>,
    /// The segment that continues a segment's stream, with its generation at the time.
    pub(super) links: Vec<(u32, u32)>,
    /// The previous segment of a segment's stream, [`NONE`] if it is gone.
    pub(super) back: Vec<u32>,
    /// How often each segment has been started.
    pub(super) generations: Vec<u32>,
    /// By segment: number of steps of the episode before its first entry; 0 without sequences.
    pub(super) positions: Vec<u32>,
    /// By stream number.
    pub(super) cursors: Vec<Option<Cursor>>,
    /// Number of segments started so far, including reuse.
    pub(super) begun: u64,
    pub(super) valid: usize,
    /// By entry, of transitions or of sequences by the first step of their loss window; `None` for uniform replay.
    pub(super) priorities: Option<Priorities>,
    /// How episodes are cut into sequences; `None` if single transitions are sampled.
    pub(super) sequences: Option<SequenceConfig>,
    /// Entries that a person played.
    pub(super) people: People,
}

impl Index {
    pub(super) fn new(segments: usize) -> Self {
        Self {
            segments,
            flags: vec![0; segments * SEGMENT_ENTRIES],
            links: vec![(0, 0); segments],
            back: vec![NONE; segments],
            generations: vec![0; segments],
            positions: vec![0; segments],
            cursors: Vec::new(),
            begun: 0,
            valid: 0,
            priorities: None,
            sequences: None,
            people: People::default(),
        }
    }

    /// An empty index for `config`.
    pub(super) fn of(config: &ReplayConfig) -> Self {
        Self::new(config.segments())
    }

    /// Entries, used or not.
    pub(super) fn entries(&self) -> usize {
        self.flags.len()
    }

    /// Number of used segments.
    pub(super) fn used_segments(&self) -> usize {
        self.begun.min(self.segments as u64) as usize
    }

    /// See [`ReplayBuffer::set_priorities`](super::ReplayBuffer::set_priorities).
    pub(super) fn set_priorities(&mut self, config: Option<PriorityConfig>) {
        match (&mut self.priorities, config) {
            (_, None) => self.priorities = None,
            (Some(priorities), Some(config)) if priorities.config() == config => {}
            (Some(priorities), Some(config)) => priorities.set_config(config),
            (None, Some(config)) => {
                let mut priorities = Priorities::new(self.flags.len(), config);
                priorities.fill(|entry| self.is_item(entry));
                self.priorities = Some(priorities);
            }
        }
    }

    /// Interrupts `stream`: its next step does not follow a stored one, so the pending one stays unusable.
    pub(super) fn cut_stream(&mut self, stream: usize) {
        if let Some(Some(cursor)) = self.cursors.get_mut(stream) {
            cursor.pending = false;
        }
    }

    /// Allocates the entry of an observation of `stream` and completes the step before it, unless the stream was
    /// [interrupted](Self::cut_stream).
    pub(super) fn append(&mut self, stream: usize) -> Places {
        if self.cursors.len() <= stream {
            self.cursors.resize(stream + 1, None);
        }
        let mut begins = self.cursors[stream].is_none();
        let mut cursor = match self.cursors[stream] {
            Some(cursor) => cursor,
            None => self.begin_segment(),
        };
        let mut closing = None;
        let mut follows = cursor.pending;
        if cursor.used as usize >= SEGMENT_STEPS {
            let full = cursor;
            let next = self.begin_segment();
            // With few segments, the oldest may be the one just filled.
            follows = full.pending && full.segment != next.segment;
            if follows {
                // The last observation of a segment is also the first of the next one.
                closing = Some(self.complete(full));
                self.link(full.segment as usize, next.segment as usize);
                if self.sequences.is_some() {
                    self.positions[next.segment as usize] = self.position_after(full.last());
                }
            }
            (cursor, begins) = (next, true);
        } else if cursor.pending {
            self.mark_valid(cursor.last());
        }
        let entry = cursor.next();
        self.flags[entry] = if follows { 0 } else { FIRST };
        cursor.used += 1;
        cursor.pending = true;
        self.cursors[stream] = Some(cursor);
        Places { entry, closing, begins }
    }

    /// Ends the episode of `stream` whose last step is at `entry`, and returns the entry of its final
    /// observation.
    pub(super) fn close(&mut self, stream: usize, entry: usize, terminated: bool) -> Option<usize> {
        self.flags[entry] |= if terminated { TERMINATED } else { TRUNCATED };
        let mut cursor = self.cursors[stream]?;
        let last = self.complete(cursor);
        cursor.used += 1;
        cursor.pending = false;
        self.cursors[stream] = Some(cursor);
        Some(last)
    }

    /// Completes the last step at `cursor`, and returns the entry of the observation after it.
    fn complete(&mut self, cursor: Cursor) -> usize {
        let entry = cursor.next();
        self.flags[entry] = 0;
        self.mark_valid(cursor.last());
        entry
    }

    fn mark_valid(&mut self, entry: usize) {
        self.flags[entry] |= VALID;
        self.valid += 1;
        if self.flags[entry] & HUMAN != 0 {
            self.people.insert(entry);
        }
        self.insert_item(entry);
    }

    /// Makes a step unsampleable.
    pub(super) fn mark_invalid(&mut self, entry: usize) {
        self.flags[entry] &= !VALID;
        self.valid -= 1;
        self.people.forget(&(entry..entry + 1));
        if let Some(priorities) = &mut self.priorities {
            priorities.clear(entry..entry + 1);
        }
    }

    /// Records that the stream of segment `from` continues in segment `to`.
    pub(super) fn link(&mut self, from: usize, to: usize) {
        self.links[from] = (to as u32, self.generations[to]);
        self.back[to] = from as u32;
    }

    /// Reuses the oldest segment and discards its contents.
    fn begin_segment(&mut self) -> Cursor {
        let segment = (self.begun % self.segments as u64) as usize;
        self.begun += 1;
        if let Some(next) = self.linked(segment) {
            self.back[next] = NONE;
            self.forget_cut_items(next);
        }
        self.generations[segment] = self.generations[segment].wrapping_add(1);
        (self.links[segment], self.back[segment]) = ((0, 0), NONE);
        self.positions[segment] = 0;
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

    /// The segment that continues `segment`, unless it has been overwritten.
    pub(super) fn linked(&self, segment: usize) -> Option<usize> {
        let (next, generation) = self.links[segment];
        (generation != 0 && self.generations[next as usize] == generation).then_some(next as usize)
    }

    /// The complete step after `entry` in its stream, in this or the linked segment, regardless of episode
    /// ends.
    pub(super) fn following(&self, entry: usize) -> Option<usize> {
        let next = entry + 1;
        if self.flags[next] & VALID != 0 {
            return Some(next);
        }
        if next % SEGMENT_ENTRIES != SEGMENT_STEPS {
            return None;
        }
        let first = self.linked(next / SEGMENT_ENTRIES)? * SEGMENT_ENTRIES;
        (self.flags[first] & VALID != 0).then_some(first)
    }

    /// The complete step before `entry` in the same episode, in this or the previous segment of its stream.
    pub(super) fn preceding(&self, entry: usize) -> Option<usize> {
        if self.flags[entry] & FIRST != 0 {
            return None;
        }
        let before = match entry % SEGMENT_ENTRIES {
            0 => match self.back[entry / SEGMENT_ENTRIES] {
                NONE => return None,
                segment => segment as usize * SEGMENT_ENTRIES + SEGMENT_STEPS - 1,
            },
            _ => entry - 1,
        };
        let goes_on = self.flags[before] & (VALID | TERMINATED | TRUNCATED) == VALID;
        goes_on.then_some(before)
    }
}
