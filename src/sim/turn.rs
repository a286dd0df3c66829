//! Turns: which start an evaluation's episode has, so that each comes once before any comes twice.

use rand::Rng as _;

use crate::mdp::{Stream, rng};

/// The number of an episode among those of an evaluation, all arenas together.
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

    /// This turn, and the same arena's next one in its place.
    pub(super) fn take(&mut self) -> Self {
        let now = *self;
        self.number += self.stride;
        now
    }

    /// One of `count` things (0 counts as 1), and the turn among those who get the same one. Of `count` turns in a row
    /// each gets another one, in an order that the seed decides.
    pub fn pick(self, count: usize) -> (usize, Self) {
        let count = count.max(1) as u64;
        let mut random = rng(self.seed, Stream::Evaluation, u64::MAX - count);
        let (first, wish) = (random.next_u64() % count, random.next_u64() % count);
        // Steps of a length that shares no divisor with the count come by everything before they come back.
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
