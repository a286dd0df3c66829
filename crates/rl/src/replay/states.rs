//! Stored policy states: only those with which sequences can begin, a few per segment.

use super::index::{SEGMENT_ENTRIES, SEGMENT_STEPS};

/// States of one segment's steps, in order.
#[derive(Debug, Clone, Default, PartialEq)]
struct SegmentStates {
    /// Entries within the segment.
    offsets: Vec<u8>,
    /// `[states, width]`.
    values: Vec<f32>,
}

/// States by entry.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct States {
    pub(super) width: usize,
    /// Empty if the width is 0.
    segments: Vec<SegmentStates>,
}

/// Upper limit of the number of states in a segment, where sequences begin every `stride` steps: an episode that
/// begins or ends in another segment may have one more than its share.
pub(super) fn most_states(stride: usize) -> usize {
    SEGMENT_STEPS / stride.max(1) + 2
}

impl States {
    /// None yet.
    pub(super) fn new(width: usize, segments: usize) -> Self {
        let segments = if width == 0 { 0 } else { segments };
        Self { width, segments: vec![SegmentStates::default(); segments] }
    }

    /// Number of states.
    pub(super) fn len(&self) -> usize {
        self.segments.iter().map(|own| own.offsets.len()).sum()
    }

    /// Bytes taken now.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let own = |own: &SegmentStates| own.offsets.capacity() + size_of::<f32>() * own.values.capacity();
        self.segments.iter().map(own).sum()
    }

    /// Stores the state before the step at `entry`, which is behind all those of its segment. A state of another
    /// width is left out.
    pub(super) fn push(&mut self, entry: usize, state: &[f32]) {
        let (width, offset) = (self.width, (entry % SEGMENT_ENTRIES) as u8);
        let Some(own) = self.segments.get_mut(entry / SEGMENT_ENTRIES) else { return };
        let behind = own.offsets.last().is_none_or(|last| *last < offset);
        if state.len() == width && behind {
            own.offsets.reserve_exact(1);
            own.values.reserve_exact(width);
            own.offsets.push(offset);
            own.values.extend_from_slice(state);
        }
    }

    /// Number of states in a segment.
    pub(super) fn in_segment(&self, segment: usize) -> usize {
        self.segments.get(segment).map_or(0, |own| own.offsets.len())
    }

    /// The state before the step at `entry`, if it is stored.
    pub(super) fn get(&self, entry: usize) -> Option<&[f32]> {
        let own = self.segments.get(entry / SEGMENT_ENTRIES)?;
        let place = own.offsets.binary_search(&((entry % SEGMENT_ENTRIES) as u8)).ok()?;
        Some(&own.values[place * self.width..(place + 1) * self.width])
    }

    /// Removes the states of a segment.
    pub(super) fn clear(&mut self, segment: usize) {
        if let Some(own) = self.segments.get_mut(segment) {
            *own = SegmentStates::default();
        }
    }

    /// Removes the last states of a segment for which `is_lost`.
    pub(super) fn pop_while(&mut self, segment: usize, is_lost: impl Fn(usize) -> bool) {
        let width = self.width;
        let Some(own) = self.segments.get_mut(segment) else { return };
        while own.offsets.last().is_some_and(|last| is_lost(segment * SEGMENT_ENTRIES + usize::from(*last))) {
            own.offsets.pop();
            own.values.truncate(own.offsets.len() * width);
        }
    }

    /// Keeps the states for which `keep`.
    pub(super) fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        if self.width == 0 {
            return;
        }
        let mut kept = Self::new(self.width, self.segments.len());
        for (entry, state) in self.iter().filter(|(entry, _)| keep(*entry)) {
            kept.push(entry, state);
        }
        *self = kept;
    }

    /// Copies the states of segment `from` of `other` to segment `to`.
    pub(super) fn copy_segment(&mut self, to: usize, other: &Self, from: usize) {
        if let (Some(to), Some(from)) = (self.segments.get_mut(to), other.segments.get(from)) {
            to.clone_from(from);
        }
    }

    /// All states with their entries, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[f32])> {
        self.segments.iter().enumerate().flat_map(move |(segment, own)| {
            let entries = own.offsets.iter().map(move |at| segment * SEGMENT_ENTRIES + usize::from(*at));
            entries.zip(own.values.chunks_exact(self.width.max(1)))
        })
    }
}
