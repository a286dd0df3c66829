//! Index of the entries that a person played, for batches with a given fraction of them.

use std::ops::Range;

use rand::RngExt as _;

use crate::mdp::Rng;

/// Sampleable entries that a person played, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct People(Vec<u32>);

impl People {
    /// Adds an entry.
    pub fn insert(&mut self, entry: usize) {
        let entry = entry as u32;
        // In storage order, not time order, so that a loaded buffer samples the same.
        if let Err(place) = self.0.binary_search(&entry) {
            self.0.insert(place, entry);
        }
    }

    /// Removes `entries`.
    pub fn forget(&mut self, entries: &Range<usize>) {
        let place = |end: usize| self.0.partition_point(|&entry| (entry as usize) < end);
        let gone = place(entries.start)..place(entries.end);
        self.0.drain(gone);
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// A uniformly random entry; `None` if there is none.
    pub fn draw(&self, rng: &mut Rng) -> Option<usize> {
        (!self.0.is_empty()).then(|| self.0[rng.random_range(0..self.0.len())] as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdp::{Stream, rng};

    #[test]
    fn entries_are_kept_in_order_once_and_forgotten_by_range() {
        let mut people = People::default();
        assert_eq!(people.draw(&mut rng(1, Stream::Replay, 0)), None);
        for entry in [9, 3, 70, 3, 66] {
            people.insert(entry);
        }
        assert_eq!(people, People(vec![3, 9, 66, 70]));
        people.forget(&(65..130));
        assert_eq!((people.len(), &people), (2, &People(vec![3, 9])));
        let mut drawn = [0; 2];
        let mut rng = rng(1, Stream::Replay, 0);
        (0..400).for_each(|_| drawn[usize::from(people.draw(&mut rng) == Some(9))] += 1);
        assert!(drawn.iter().all(|&count| count > 150), "{drawn:?}");
    }
}
