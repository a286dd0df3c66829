//! Cells: a bit set of cells, with a flood fill that handles many cells at a time.

use crate::worlds::rooms::level::LARGEST_SIDE;

const WORDS: usize = (LARGEST_SIDE * LARGEST_SIDE).div_ceil(64);

/// A set of cells by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cells([u64; WORDS]);

impl Cells {
    /// The empty set.
    pub const NONE: Self = Self([0; WORDS]);

    /// Whether cell `index` is in it.
    pub fn has(&self, index: u16) -> bool {
        self.0[usize::from(index) / 64] >> (index % 64) & 1 == 1
    }

    /// Adds or removes cell `index`.
    pub fn set(&mut self, index: u16, there: bool) {
        let (word, bit) = (&mut self.0[usize::from(index) / 64], 1 << (index % 64));
        if there { *word |= bit } else { *word &= !bit }
    }

    /// The first cell in it.
    pub fn first(&self) -> Option<u16> {
        let (word, bits) = self.0.iter().enumerate().find(|(_, bits)| **bits != 0)?;
        Some((64 * word) as u16 + bits.trailing_zeros() as u16)
    }

    /// Whether the sets intersect.
    pub fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(one, other)| one & other != 0)
    }

    /// All cells reachable from `start` by steps within `self`, in rows of `width` whose last cells are in
    /// `last`, on a map of `count` cells.
    pub fn flood(&self, start: u16, width: usize, last: &Self, count: usize) -> Self {
        let words = count.div_ceil(64);
        let mut reached = Self::NONE;
        reached.set(start, true);
        loop {
            let before = reached;
            for word in 0..words {
                let of = |set: &Self, at: usize| set.0.get(at).copied().unwrap_or(0);
                let [before, now, after] = [word.wrapping_sub(1), word, word + 1].map(|at| of(&reached, at));
                let ends = [word.wrapping_sub(1), word].map(|at| of(last, at));
                let right = (now & !ends[1]) << 1 | (before & !ends[0]) >> 63;
                let left = (now >> 1 | after << 63) & !ends[1];
                let down = now << width | before >> (64 - width);
                let up = now >> width | after << (64 - width);
                reached.0[word] |= (right | left | down | up) & self.0[word];
            }
            if reached == before {
                return reached;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(cells: impl IntoIterator<Item = u16>) -> Cells {
        let mut set = Cells::NONE;
        cells.into_iter().for_each(|cell| set.set(cell, true));
        set
    }

    #[test]
    fn floods_fill_what_is_open_and_keep_to_their_rows() {
        let (width, count) = (10, 130);
        let last = all((0..13).map(|row| 10 * row + 9));
        let flood = |open: &Cells, start| open.flood(start, width, &last, count);
        let everywhere = all(0..130);
        for start in [0, 9, 63, 64, 129] {
            assert_eq!(flood(&everywhere, start), everywhere);
        }
        // The end of one row and the beginning of the next are neighbors in memory only.
        let seam = all([59, 60, 61, 62, 63, 64]);
        assert_eq!(flood(&seam, 59), all([59]));
        assert_eq!(flood(&seam, 64), all(60..65));
        // Down and up again, across word boundaries.
        let stairs = all([54, 64, 74, 75, 65 + 20, 126, 116]);
        assert_eq!(flood(&stairs, 54), all([54, 64, 74, 75, 85]));
        assert_eq!(flood(&stairs, 126).first(), Some(116));
        assert!(stairs.meets(&seam) && !all([1]).meets(&seam) && seam.has(64) && !seam.has(65));
    }
}
