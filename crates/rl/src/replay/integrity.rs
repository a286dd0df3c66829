//! Integrity of an index from a file: validation, and recovery of derived data.

use super::index::{FIRST, HUMAN, Index, NONE, SEGMENT_ENTRIES, TERMINATED, TRUNCATED, VALID};
use super::people::People;

/// All valid flags.
const KNOWN: u8 = VALID | TERMINATED | TRUNCATED | HUMAN | FIRST;

impl Index {
    /// Recovers derived data from links and flags.
    pub(super) fn derive(&mut self) {
        self.back.fill(NONE);
        for segment in 0..self.used_segments() {
            if let Some(next) = self.linked(segment) {
                self.back[next] = segment as u32;
            }
        }
        self.people = People::default();
        for entry in 0..self.flags.len() {
            if self.flags[entry] & (VALID | HUMAN) == VALID | HUMAN {
                self.people.insert(entry);
            }
        }
    }

    /// Checks that streams and entries are in a state that [`ReplayBuffer::push`](super::ReplayBuffer::push)
    /// can leave: each stream in a separate segment, with nothing sampleable at its write position.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.flags.iter().any(|flags| flags & !KNOWN != 0) {
            return Err("an entry has unknown flags".into());
        }
        let mut taken = vec![false; self.segments];
        for cursor in self.cursors.iter().flatten() {
            let segment = cursor.segment as usize;
            let first = segment * SEGMENT_ENTRIES;
            let open = cursor.used as usize - usize::from(cursor.pending);
            let entries = &self.flags[first + open..first + SEGMENT_ENTRIES];
            if segment >= self.used_segments() || entries.iter().any(|flags| flags & VALID != 0) {
                return Err("the write position of a stream is invalid".into());
            }
            if std::mem::replace(&mut taken[segment], true) {
                return Err("two streams are in one segment".into());
            }
        }
        let last_entries = self.flags.iter().skip(SEGMENT_ENTRIES - 1).step_by(SEGMENT_ENTRIES);
        if last_entries.copied().any(|flags| flags & VALID != 0) {
            return Err("a step has no next observation".into());
        }
        Ok(())
    }
}
