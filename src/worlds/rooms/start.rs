//! Starts: drawn at random when an episode begins, or enumerated when every start is to be played.

use rand::RngExt as _;

use super::{Rooms, Win};
use crate::mdp::Rng;
use crate::sim::turn::Turn;

/// Where and how an episode begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    /// Index of the level.
    pub plan: usize,
    /// Index of the start of each player.
    pub spawns: [usize; 2],
    /// The goal that the cue names: 0 or 1.
    pub cue: usize,
    /// The slot of the chaser.
    pub chaser: usize,
}

impl Start {
    /// A random start.
    pub(super) fn draw(rooms: &Rooms, rng: &mut Rng) -> Self {
        let levels = rooms.levels.len();
        let plan = if levels > 1 { rng.random_range(0..levels) } else { 0 };
        let mut start = Self { plan, spawns: [0; 2], cue: 0, chaser: 0 };
        for (spawn, count) in start.spawns.iter_mut().zip(spawns(rooms, plan)).take(rooms.players()) {
            *spawn = rng.random_range(0..count);
        }
        if rooms.rules.win == Win::Cue {
            start.cue = rng.random_range(0..2);
        }
        if rooms.rules.win == Win::Catch {
            start.chaser = rng.random_range(0..rooms.players());
        }
        start
    }

    /// The next start in order: every level once before any repeats, and in each every start once before any
    /// repeats.
    pub(super) fn in_turn(rooms: &Rooms, turn: Turn) -> Self {
        let (plan, turn) = turn.pick(rooms.levels.len());
        let cues = if rooms.rules.win == Win::Cue { 2 } else { 1 };
        let chasers = if rooms.rules.win == Win::Catch { rooms.players() } else { 1 };
        let [first, second] = spawns(rooms, plan);
        let (mut rest, _) = turn.pick(first * second * cues * chasers);
        let mut next = |count: usize| {
            let picked = rest % count;
            rest /= count;
            picked
        };
        let spawns = [next(first), next(second)];
        Self { plan, spawns, cue: next(cues), chaser: next(chasers) }
    }
}

/// Number of starts of each player on level number `plan`; 1 for a missing second player.
fn spawns(rooms: &Rooms, plan: usize) -> [usize; 2] {
    let level = &rooms.levels[plan].level;
    let second = if rooms.players() > 1 { level.second_spawns.len() } else { 1 };
    [level.spawns.len(), second]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::mdp::{Stream, rng};
    use crate::worlds::rooms::level::{self, Level};
    use crate::worlds::rooms::{self, crate_yard, key_door, lava_room, memory_corridor, tag, two_plates};

    fn shipped() -> impl Iterator<Item = Rooms> {
        let rules: [&rooms::Rules; 6] = [
            &lava_room::RULES,
            &crate_yard::RULES,
            &key_door::RULES,
            &memory_corridor::RULES,
            &two_plates::RULES,
            &tag::RULES,
        ];
        level::shipped().map(move |(file, text)| {
            let level = Level::parse(file, text).unwrap();
            let rules = rules.into_iter().find(|rules| rules.name == level.world).unwrap();
            Rooms::single(rules, level)
        })
    }

    fn key(start: Start) -> (usize, [usize; 2], usize, usize) {
        (start.plan, start.spawns, start.cue, start.chaser)
    }

    #[test]
    fn turns_come_by_every_start_that_can_be_drawn_once() {
        for rooms in shipped() {
            let mut random = rng(1, Stream::Environment, 0);
            let drawn: BTreeSet<_> = (0..3000).map(|_| key(Start::draw(&rooms, &mut random))).collect();
            let turns =
                (0..drawn.len()).map(|number| key(Start::in_turn(&rooms, Turn::first(number, 20, 1))));
            assert_eq!(turns.collect::<BTreeSet<_>>(), drawn, "{}", rooms.first().name);
        }
    }
}
