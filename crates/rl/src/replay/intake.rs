//! Loads the columns of a file into a buffer of the run's own size.
//!
//! Only kept segments take memory; others are skipped. Reading allocates no more than the configuration,
//! whatever sizes a file declares.

use std::io::Read;

use super::columns::Columns;
use super::error::{ReplayError, unfit};
use super::index::{Cursor, Index, SEGMENT_ENTRIES, SEGMENT_STEPS, VALID};
use super::numbers::{self, Number};
use super::resize::Moves;
use super::states::most_states;
use super::{Priorities, ReplayBuffer};
use crate::mdp::Fault;

/// Upper limit of segments in a file, above any configuration.
const MOST_SEGMENTS: u64 = 1 << 20;
/// Upper limit of streams in a file, above any simulation.
const MOST_STREAMS: u64 = 1 << 20;

/// The header of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) segments: u64,
    pub(super) begun: u64,
    pub(super) valid: u64,
    pub(super) streams: u64,
}

/// A buffer being loaded.
pub(super) struct Intake {
    buffer: ReplayBuffer,
    moves: Moves,
    head: Head,
    /// Raw priorities, if the run uses them.
    raw: Option<Priorities>,
    links: Vec<(u32, u32)>,
    generations: Vec<u32>,
    cursors: Vec<Option<Cursor>>,
    /// Positions of the file's segments; empty if it has none.
    positions: Vec<u32>,
    /// The file's entries with a policy state.
    state_entries: Vec<u32>,
    /// Number of skipped transitions.
    dropped: u64,
}

impl Intake {
    /// For a buffer like `like`, from a file with this `head`.
    pub(super) fn new(like: &ReplayBuffer, head: Head) -> Result<Self, ReplayError> {
        let Head { segments, begun, streams, .. } = head;
        if !(1..=MOST_SEGMENTS).contains(&segments) {
            return Err(unfit(format!("{segments} segments")));
        }
        if streams > MOST_STREAMS || begun > u64::MAX / 2 {
            return Err(unfit(format!("{streams} streams, {begun} segments begun")));
        }
        let mut buffer = ReplayBuffer::new(like.columns.space.clone(), like.config);
        buffer.index.sequences = like.index.sequences;
        let moves = Moves::new(segments as usize, begun, buffer.index.segments);
        let slots = buffer.index.entries();
        let raw = like.index.priorities.as_ref().map(|own| Priorities::new(slots, own.config()));
        Ok(Self {
            buffer,
            moves,
            head,
            raw,
            links: Vec::new(),
            generations: Vec::new(),
            cursors: Vec::new(),
            positions: Vec::new(),
            state_entries: Vec::new(),
            dropped: 0,
        })
    }

    /// Number of segments in the file.
    pub(super) fn used(&self) -> usize {
        self.head.begun.min(self.head.segments) as usize
    }

    /// Reads a column of `each` numbers per entry into the column `own`.
    pub(super) fn column<T: Number>(
        &mut self,
        input: &mut impl Read,
        each: usize,
        own: fn(&mut Columns) -> &mut Vec<T>,
    ) -> Result<(), ReplayError> {
        let own = own(&mut self.buffer.columns);
        place(input, &self.moves, self.head.begun.min(self.head.segments) as usize, each, own)
    }

    /// Reads the flags of all entries.
    pub(super) fn flags(&mut self, input: &mut impl Read) -> Result<(), ReplayError> {
        let mut block = [0; SEGMENT_ENTRIES];
        for segment in 0..self.used() {
            numbers::read(input, &mut block)?;
            match self.moves.place[segment] {
                Some(to) => {
                    self.buffer.index.flags[to * SEGMENT_ENTRIES..][..SEGMENT_ENTRIES]
                        .copy_from_slice(&block);
                }
                None => self.dropped += block.iter().filter(|&&flags| flags & VALID != 0).count() as u64,
            }
        }
        Ok(())
    }

    /// Reads links and generations of all segments: three numbers each.
    pub(super) fn segments(&mut self, input: &mut impl Read) -> Result<(), ReplayError> {
        // Grows with the file's actual content, up to MOST_SEGMENTS.
        for segment in 0..self.used() {
            let mut three = [0u32; 3];
            numbers::read(input, &mut three)?;
            if u64::from(three[0]) >= self.head.segments {
                return Err(unfit(format!("segment {segment} has no successor")));
            }
            self.links.push((three[0], three[1]));
            self.generations.push(three[2]);
        }
        Ok(())
    }

    /// Reads the write position of every stream: segment, entries used, and a state that is 0 for none and 2
    /// with a pending step.
    pub(super) fn streams(&mut self, input: &mut impl Read) -> Result<(), ReplayError> {
        for _ in 0..self.head.streams {
            let mut three = [0u32; 3];
            numbers::read(input, &mut three)?;
            let [segment, used, state] = three;
            if u64::from(segment) >= self.head.segments
                || used as usize > SEGMENT_ENTRIES
                || (state == 2 && !(1..=SEGMENT_STEPS).contains(&(used as usize)))
            {
                return Err(unfit("a stream is in a segment out of range".into()));
            }
            let cursor = Cursor { segment, used, pending: state == 2 };
            self.cursors.push((state > 0).then_some(cursor));
        }
        Ok(())
    }

    /// Reads the entries of all `count` states, in order.
    pub(super) fn state_entries(&mut self, input: &mut impl Read, count: usize) -> Result<(), ReplayError> {
        let end = (self.used() * SEGMENT_ENTRIES) as u32;
        // Grows with the file's actual content.
        for _ in 0..count {
            let entry = numbers::read_one::<u32>(input)?;
            if entry >= end || self.state_entries.last().is_some_and(|last| *last >= entry) {
                return Err(unfit(format!("a policy state is at entry {entry}")));
            }
            self.state_entries.push(entry);
        }
        Ok(())
    }

    /// Reads the states at these entries, of this buffer's width. More than a segment can have are skipped.
    pub(super) fn states(&mut self, input: &mut impl Read) -> Result<(), ReplayError> {
        let ReplayBuffer { columns, index, .. } = &mut self.buffer;
        let mut state = vec![0.0; columns.space.state_width];
        let most = index.sequences.map_or(0, |config| most_states(config.stride));
        for &entry in &self.state_entries {
            numbers::read(input, &mut state)?;
            let (segment, offset) = (entry as usize / SEGMENT_ENTRIES, entry as usize % SEGMENT_ENTRIES);
            if let Some(to) = self.moves.place[segment].filter(|to| columns.states.in_segment(*to) < most) {
                columns.states.push(to * SEGMENT_ENTRIES + offset, &state);
            }
        }
        Ok(())
    }

    /// Reads the position of every segment's first entry in its episode.
    pub(super) fn positions(&mut self, input: &mut impl Read) -> Result<(), ReplayError> {
        for _ in 0..self.used() {
            self.positions.push(numbers::read_one(input)?);
        }
        Ok(())
    }

    /// Reads the raw priority of every entry, or skips them if the run uses none or `wanted` is not set.
    pub(super) fn priorities(&mut self, input: &mut impl Read, wanted: bool) -> Result<(), ReplayError> {
        let used = self.used();
        match self.raw.as_mut().filter(|_| wanted) {
            Some(raw) => place(input, &self.moves, used, 1, raw.raw_mut()),
            None => Ok(numbers::skip(input, (used * SEGMENT_ENTRIES * f64::BYTES) as u64)?),
        }
    }

    /// The loaded buffer. `largest` is the largest priority ever, if the file has priorities.
    pub(super) fn finish(self, largest: Option<f64>) -> Result<ReplayBuffer, ReplayError> {
        let Self {
            mut buffer,
            moves,
            head,
            raw,
            mut links,
            mut generations,
            cursors,
            positions,
            dropped,
            ..
        } = self;
        // A link may lead to any existing segment.
        links.resize(head.segments as usize, (0, 0));
        generations.resize(head.segments as usize, 0);
        let index = &mut buffer.index;
        moves.relink(index, &links, &generations);
        if cursors.iter().flatten().any(|cursor| u64::from(cursor.segment) >= head.begun) {
            return Err(unfit("the write position of a stream is invalid".into()));
        }
        index.cursors = cursors.iter().map(|cursor| cursor.and_then(|cursor| moves.cursor(cursor))).collect();
        index.begun = moves.begun;
        index.check().map_err(unfit)?;
        index.valid = index.flags.iter().filter(|&&flags| flags & VALID != 0).count();
        let valid = index.valid as u64 + dropped;
        if valid != head.valid {
            return Err(unfit(format!("{valid} transitions where {} were saved", head.valid)));
        }
        index.derive();
        match positions.is_empty() {
            true => index.count_positions(),
            false if index.sequences.is_none() => {}
            false => {
                moves.old.iter().enumerate().for_each(|(own, old)| index.positions[own] = positions[*old])
            }
        }
        let shrunk = moves.old.len() < head.begun.min(head.segments) as usize;
        match (raw, largest) {
            (Some(mut raw), Some(largest)) => {
                if shrunk {
                    // Sequences lose their burn-in with a dropped segment.
                    let raw = raw.raw_mut().iter_mut().enumerate();
                    raw.filter(|(entry, _)| !index.is_item(*entry)).for_each(|(_, raw)| *raw = -1.0);
                }
                index.priorities = Some(accepted(raw, largest, index)?);
            }
            (Some(none), None) => index.set_priorities(Some(none.config())),
            (None, _) => {}
        }
        forget_what_is_refused(&mut buffer);
        buffer.retain_states();
        Ok(buffer)
    }
}

/// Reads a column of the file segment by segment, and stores or skips each.
fn place<T: Number>(
    input: &mut impl Read,
    moves: &Moves,
    used: usize,
    each: usize,
    own: &mut [T],
) -> Result<(), ReplayError> {
    let length = SEGMENT_ENTRIES * each;
    for place in &moves.place[..used] {
        match place {
            Some(to) => numbers::read(input, &mut own[to * length..][..length])?,
            None => numbers::skip(input, (length * T::BYTES) as u64)?,
        }
    }
    Ok(())
}

/// The loaded raw priorities, if there is exactly one per transition or sequence.
fn accepted(mut raw: Priorities, largest: f64, index: &Index) -> Result<Priorities, ReplayError> {
    let fit = raw.raw_mut().iter().enumerate().all(|(entry, raw)| (*raw >= 0.0) == index.is_item(entry));
    if fit && raw.accept(largest) {
        return Ok(raw);
    }
    Err(unfit("priorities do not match the stored transitions".into()))
}

/// Removes faulty transitions, which older versions accepted.
fn forget_what_is_refused(buffer: &mut ReplayBuffer) {
    let ReplayBuffer { index, columns, .. } = buffer;
    let before = index.valid;
    for entry in 0..index.entries() {
        if index.flags[entry] & VALID != 0 && !columns.is_sound(entry, 2) {
            index.mark_invalid(entry);
        }
    }
    for cursor in index.cursors.iter_mut().flatten().filter(|cursor| cursor.pending) {
        cursor.pending = columns.is_sound(cursor.last(), 1);
    }
    if index.valid < before {
        index.forget_lost_items();
        let (left_out, most) = (before - index.valid, Fault::LARGEST);
        tracing::warn!(
            "replay: {left_out} transitions with values that are not finite or beyond ±{most:e} are skipped"
        );
    }
}
