//! Places: where the segments of a saved buffer go in one that may have more of them, or fewer.

use std::io::Read;

use crate::replay::buffer::SEGMENT_ENTRIES;

/// Where a file's segments go in a buffer: all to their own places where both have as many, else by age, the oldest
/// first, without those for which there is no room.
pub(super) struct Places {
    /// Segments of the file that hold anything.
    pub(super) saved: u64,
    /// The oldest of them.
    oldest: u64,
    /// Of the oldest, how many are left behind.
    left: u64,
    /// Whether everything stays where it was.
    same: bool,
    /// Segments begun in the buffer.
    pub(super) begun: u64,
}

impl Places {
    /// Of `[segments, begun]` of a file in `own` segments; `None` for numbers that cannot be.
    pub(super) fn new([segments, begun]: [u64; 2], own: usize) -> Option<Self> {
        if !(1..=u64::from(u32::MAX)).contains(&segments) || begun > u64::MAX / 2 {
            return None;
        }
        let saved = begun.min(segments);
        let oldest = if begun > segments { begun % segments } else { 0 };
        let same = segments == own as u64;
        let left = if same { 0 } else { saved.saturating_sub(own as u64) };
        let begun = if same { begun } else { saved - left };
        Some(Self { saved, oldest, left, same, begun })
    }

    /// The place of the file's segment number `saved`, if it has one.
    pub(super) fn of(&self, saved: u64) -> Option<usize> {
        if saved >= self.saved {
            return None;
        }
        let age = (saved + self.saved - self.oldest) % self.saved;
        if self.same { Some(saved as usize) } else { age.checked_sub(self.left).map(|place| place as usize) }
    }

    /// Reads `width` values of every entry, one segment at a time: memory is taken only for what is really there.
    pub(super) fn read<T, const N: usize>(
        &self,
        input: &mut impl Read,
        values: &mut [T],
        width: usize,
        mut from: impl FnMut([u8; N]) -> T,
    ) -> std::io::Result<()> {
        let each = SEGMENT_ENTRIES * width;
        let mut bytes = vec![0; each * N];
        for saved in 0..self.saved {
            input.read_exact(&mut bytes)?;
            let read = bytes.as_chunks::<N>().0.iter().map(|bytes| from(*bytes));
            match self.of(saved) {
                Some(place) => {
                    values[place * each..][..each]
                        .iter_mut()
                        .zip(read)
                        .for_each(|(value, read)| *value = read);
                }
                None => read.for_each(drop),
            }
        }
        Ok(())
    }
}
