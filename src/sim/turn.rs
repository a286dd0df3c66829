//! Turns: the start of each evaluation episode, so that every start is used once before any repeats.

use rand::Rng as _;

use crate::mdp::{Stream, rng};

/// Number of an episode within an evaluation, over all arenas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    number: u64,
    stride: u64,
    seed: u64,
}

impl Turn {
    /// The first turn of arena `index` of `arenas`, under the evaluation's `seed`.
    pub fn first(index: usize, arenas: usize, seed: u64) -> Self {
        Self { number: index as u64, stride: arenas as u64, seed }
    }

    /// Returns this turn and advances to the arena's next one.
    pub(super) fn take(&mut self) -> Self {
        let now = *self;
        self.number += self.stride;
        now
    }

    /// Picks one of `count` items (0 counts as 1), and returns the turn among those with the same item.
    /// `count` consecutive turns get different items, in an order set by the seed.
    pub fn pick(self, count: usize) -> (usize, Self) {
        let count = count.max(1) as u64;
        let mut random = rng(self.seed, Stream::Evaluation, u64::MAX - count);
        let (first, wish) = (random.next_u64() % count, random.next_u64() % count);
        // A stride coprime to the count visits every item before it repeats.
        let step = (wish..wish + count).find(|step| divisor(*step, count) == 1).unwrap_or(1);
        let (round, place) = (self.number / count, self.number % count);
        let picked = (u128::from(first) + u128::from(step) * u128::from(place)) % u128::from(count);
        (picked as usize, Self { number: round, ..self })
    }
}

/// The greatest common divisor.
fn divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_comes_once_before_anything_comes_twice() {
        for (count, seed) in [(1, 1), (2, 1), (6, 3), (7, 9), (200, 1), (200, 2), (10_000, 5)] {
            for round in 0..2 {
                let turns = (0..count).map(|place| Turn::first(round * count + place, 20, seed).pick(count));
                let (mut picked, rest): (Vec<usize>, Vec<Turn>) = turns.unzip();
                assert!(rest.iter().all(|rest| rest.number == round as u64));
                picked.sort_unstable();
                assert_eq!(picked, (0..count).collect::<Vec<_>>(), "{count} {seed}");
            }
        }
        let order =
            |seed| (0..200).map(|number| Turn::first(number, 20, seed).pick(200).0).collect::<Vec<_>>();
        assert_ne!(order(1), order(2));
        let mut turn = Turn::first(3, 20, 1);
        assert_eq!((turn.take().number, turn.take().number), (3, 23));
    }
}
