//! Loads the columns of a file into a buffer of the run's own size.
//!
//! Only kept segments take memory; others are skipped. Reading allocates no more than the configuration,
//! whatever sizes a file declares.

use std::io::Read;

use super::columns::Columns;
use super::index::{Cursor, Index, SEGMENT_ENTRIES, SEGMENT_STEPS, VALID};
use super::numbers::{self, Number};
use super::resize::Moves;
use super::storage::ReplayError;
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
    /// Number of skipped transitions.
    dropped: u64,
}

fn unfit(what: String) -> ReplayError {
    ReplayError::Unfit(what)
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
        let buffer = ReplayBuffer::new(like.columns.space.clone(), like.config);
        let moves = Moves::new(segments as usize, begun, buffer.index.segments);
        let slots = buffer.index.entries();
        let raw = like.index.priorities.as_ref().map(|own| Priorities::new(slots, own.config()));
        let (links, generations) = (Vec::new(), Vec::new());
        Ok(Self { buffer, moves, head, raw, links, generations, cursors: Vec::new(), dropped: 0 })
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

    /// Reads the raw priority of every entry, or skips them if the run uses none.
    pub(super) fn priorities(&mut self, input: &mut impl Read) -> Result<(), ReplayError> {
        let used = self.used();
        match &mut self.raw {
            Some(raw) => place(input, &self.moves, used, 1, raw.raw_mut()),
            None => Ok(numbers::skip(input, (used * SEGMENT_ENTRIES * f64::BYTES) as u64)?),
        }
    }

    /// The loaded buffer. `largest` is the largest priority ever, if the file has priorities.
    pub(super) fn finish(self, largest: Option<f64>) -> Result<ReplayBuffer, ReplayError> {
        let Self { mut buffer, moves, head, raw, mut links, mut generations, cursors, dropped } = self;
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
        match (raw, largest) {
            (Some(raw), Some(largest)) => index.priorities = Some(accepted(raw, largest, index)?),
            (Some(none), None) => index.set_priorities(Some(none.config())),
            (None, _) => {}
        }
        forget_what_is_refused(&mut buffer);
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

/// The loaded raw priorities, if there is exactly one per transition.
fn accepted(mut raw: Priorities, largest: f64, index: &Index) -> Result<Priorities, ReplayError> {
    let fit =
        raw.raw_mut().iter().zip(&index.flags).all(|(raw, flags)| (*raw >= 0.0) == (flags & VALID != 0));
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
        let (left_out, most) = (before - index.valid, Fault::LARGEST);
        tracing::warn!(
            "replay: {left_out} transitions with values that are not finite or beyond ±{most:e} are skipped"
        );
    }
}
