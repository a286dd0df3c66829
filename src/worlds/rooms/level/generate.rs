//! Generated levels: endless rooms of one size by difficulty, each drawn from its own seed and solvable.
//!
//! Maps are drawn until the search in `solve` finds one that is solvable and not too easy.

mod draw;

use std::collections::HashSet;

use bevy::tasks::TaskPool;

use super::Level;
use crate::mdp::{Stream, rng};
use crate::worlds::rooms;

pub use draw::{CRATES, DOORS, Generator, LAVA};

/// The lowest and the highest difficulty.
pub const DIFFICULTIES: std::ops::RangeInclusive<usize> = 1..=5;
/// Maximum number of training levels.
pub const MOST_LEVELS: usize = 10_000;
/// Default number of training levels.
const LEVELS: usize = 1000;
/// Number of test levels.
pub const TEST_LEVELS: usize = 200;
/// Levels drawn per batch and thread.
const CHUNK: usize = 16;
/// Seed of the first test level; training levels begin at 1.
const FIRST_TEST_SEED: u64 = 1 << 32;

/// A request for generated levels: `random:DIFFICULTY` or `random:DIFFICULTY:COUNT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Within [`DIFFICULTIES`].
    pub difficulty: usize,
    /// Number of training levels, 1 to [`MOST_LEVELS`].
    pub count: usize,
}

impl Asked {
    /// Parses `text`; `None` if it does not begin with `random:` and so names a level.
    ///
    /// # Errors
    /// One line on what is allowed, for any other request.
    pub fn parse(text: &str) -> Option<Result<Self, String>> {
        let asked = text.strip_prefix("random:")?;
        let (difficulty, count) = asked.split_once(':').map_or((asked, None), |(a, b)| (a, Some(b)));
        let difficulty = difficulty.parse().ok().filter(|number| DIFFICULTIES.contains(number));
        let count = count.map_or(Some(LEVELS), |count| count.parse().ok());
        let within = count.filter(|count| (1..=MOST_LEVELS).contains(count));
        Some(difficulty.zip(within).map(|(difficulty, count)| Self { difficulty, count }).ok_or_else(|| {
            let (easiest, hardest) = DIFFICULTIES.into_inner();
            format!(
                "allowed: random:DIFFICULTY or random:DIFFICULTY:COUNT, difficulty {easiest} to {hardest}, count 1 \
                 to {MOST_LEVELS}"
            )
        }))
    }
}

/// Training and test levels; all maps are distinct.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// As many as requested.
    pub training: Vec<Level>,
    /// [`TEST_LEVELS`] of them, the same for any number of training levels.
    pub test: Vec<Level>,
}

/// Names of the worlds with generated levels.
pub fn worlds() -> impl Iterator<Item = &'static str> {
    rooms::all().filter(|rules| rules.generator.is_some()).map(|rules| rules.name)
}

/// The generated level of `world` and `difficulty` for `seed`, deterministic. `None` for a world without
/// generated levels.
pub fn level(world: &str, difficulty: usize, seed: u64) -> Option<Level> {
    let rules = rooms::find(world)?;
    let generator = rules.generator?;
    let difficulty = difficulty.clamp(*DIFFICULTIES.start(), *DIFFICULTIES.end());
    let mut random = rng(seed, Stream::Levels, difficulty as u64);
    let name = format!("Random {difficulty}, number {seed}");
    Some(draw::level(rules.name, name, difficulty, generator, &mut random))
}

/// The levels requested by `asked` for `world`; `None` for a world without generated levels.
pub fn split(world: &str, asked: Asked) -> Option<Split> {
    let pool = TaskPool::new();
    let mut seen = HashSet::new();
    let mut levels = |mut seed: u64, count: usize| -> Option<Vec<Level>> {
        let mut found = Vec::with_capacity(count);
        while found.len() < count {
            let missing = (count - found.len()) as u64;
            let drawn = pool.scope(|scope| {
                for first in (0..missing).step_by(CHUNK) {
                    scope.spawn(async move {
                        let seeds = (first..missing.min(first + CHUNK as u64)).map(|number| seed + number);
                        seeds.map(|seed| level(world, asked.difficulty, seed)).collect::<Option<Vec<_>>>()
                    });
                }
            });
            for level in drawn.into_iter().collect::<Option<Vec<_>>>()?.into_iter().flatten() {
                if seen.insert(map(&level)) {
                    found.push(level);
                }
            }
            seed += missing;
        }
        Some(found)
    };
    // Test levels first, so that they do not depend on the number of training levels.
    let test = levels(FIRST_TEST_SEED, TEST_LEVELS)?;
    Some(Split { test, training: levels(1, asked.count)? })
}

/// What identifies a level: everything but the name.
fn map(level: &Level) -> String {
    Level { name: String::new(), ..level.clone() }.text()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::solve::{Answer, Pushes, Puzzle};
    use super::*;

    #[test]
    fn what_is_asked_for_is_read_or_refused() {
        assert_eq!(Asked::parse("2"), None);
        assert_eq!(Asked::parse("random:2"), Some(Ok(Asked { difficulty: 2, count: 1000 })));
        assert_eq!(Asked::parse("random:5:10"), Some(Ok(Asked { difficulty: 5, count: 10 })));
        for wrong in
            ["random:", "random:0", "random:6", "random:x", "random:1:0", "random:1:", "random:1:2:3"]
        {
            assert!(matches!(Asked::parse(wrong), Some(Err(_))), "{wrong}");
        }
    }

    #[test]
    fn nothing_is_both_trained_and_tested_on() {
        for (world, difficulty) in worlds().flat_map(|world| DIFFICULTIES.map(move |d| (world, d))) {
            let few = split(world, Asked { difficulty, count: 10 }).unwrap();
            let many = split(world, Asked { difficulty, count: 100 }).unwrap();
            assert_eq!(few.test, many.test);
            assert_eq!(few.training[..], many.training[..10]);
            let maps: HashSet<String> = many.training.iter().chain(&many.test).map(map).collect();
            assert_eq!(maps.len(), 100 + TEST_LEVELS, "{world} {difficulty}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_level_can_be_solved_and_read_again(seed: u64, difficulty in DIFFICULTIES) {
            for world in worlds() {
                let level = level(world, difficulty, seed).unwrap();
                let text = level.text();
                prop_assert_eq!(&Level::parse("x.ron", &text).unwrap(), &level);
                let size = super::level(world, difficulty, 1).unwrap();
                prop_assert_eq!((level.width, level.height), (size.width, size.height));
                let pushes = if world == "lava-room" { Pushes::Through } else { Pushes::One };
                let puzzle = Puzzle::new(&level, pushes).unwrap();
                for &start in &level.spawns {
                    let answer = puzzle.solve(start, draw::BOUND);
                    prop_assert!(matches!(answer, Answer::Solved(_)), "{}", text);
                }
            }
        }
    }
}
