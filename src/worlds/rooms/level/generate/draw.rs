//! Draws one level: cells placed at random, and the criteria of an acceptable result.

use rand::RngExt as _;
use rand::seq::SliceRandom as _;

use super::super::solve::{Answer, Pushes, Puzzle};
use super::super::{Cell, Direction, Level, Place};
use crate::mdp::Rng;

/// How maps of a world are drawn by difficulty, and what they must demand of a player.
#[derive(Debug)]
pub struct Generator {
    strew: fn(usize, &mut Rng) -> Map,
    worth: fn(usize, &Level) -> bool,
}

/// Lava to walk around, and from the fourth difficulty on to fill.
pub const LAVA: Generator = Generator { strew: strew_lava, worth: asks_for_a_walk };
/// Crates to push.
pub const CRATES: Generator = Generator { strew: strew_crates, worth: asks_for_pushes };
/// Rooms behind doors.
pub const DOORS: Generator = Generator { strew: strew_doors, worth: asks_for_every_key };

/// Search bound, in positions, for a solution.
pub(super) const BOUND: usize = 2_000;
/// Attempted pulls per crate, most of which fail.
const PULLS: usize = 30;
/// Number of starts per level.
const STARTS: usize = 3;

/// A map under construction: rows of symbols.
pub struct Map(Vec<Vec<char>>);

/// Draws until a map is acceptable.
pub(super) fn level(
    world: &'static str,
    name: String,
    difficulty: usize,
    Generator { strew, worth }: &Generator,
    random: &mut Rng,
) -> Level {
    loop {
        let Map(rows) = strew(difficulty, random);
        let limit = 20 * rows.len() as u32;
        let mut level = Level::blank(world, name.clone(), [rows[0].len(), rows.len()], limit);
        for (row, symbols) in rows.iter().enumerate() {
            symbols.iter().enumerate().for_each(|(column, &symbol)| level.put((column, row), symbol));
        }
        if worth(difficulty, &level) {
            return level;
        }
    }
}

impl Map {
    /// A walled square of floor.
    fn walled(side: usize) -> Self {
        let edge = |at: usize| at == 0 || at + 1 == side;
        let cell = |row: usize, column: usize| if edge(row) || edge(column) { '#' } else { '.' };
        Self((0..side).map(|row| (0..side).map(|column| cell(row, column)).collect()).collect())
    }

    /// All floor cells, in random order.
    fn floor(&self, random: &mut Rng) -> Vec<Place> {
        let all = (0..self.0.len()).flat_map(|row| (0..self.0[row].len()).map(move |column| (column, row)));
        let mut places: Vec<Place> = all.filter(|&(column, row)| self.0[row][column] == '.').collect();
        places.shuffle(random);
        places
    }

    /// Places `count` of every symbol on floor cells.
    fn strew(&mut self, what: &[(char, usize)], random: &mut Rng) {
        let symbols = what.iter().flat_map(|&(symbol, count)| std::iter::repeat_n(symbol, count));
        for (symbol, (column, row)) in symbols.zip(self.floor(random)) {
            self.0[row][column] = symbol;
        }
    }
}

/// A random number from `low` to `high`, inclusive.
fn between(low: usize, high: usize, random: &mut Rng) -> usize {
    random.random_range(low..=high)
}

fn strew_lava(difficulty: usize, random: &mut Rng) -> Map {
    let side = 6 + difficulty;
    let floor = (side - 2) * (side - 2);
    let mut map = Map::walled(side);
    let walls = between(floor / 12, floor / 6, random);
    let lava = between(floor / 10, floor * (2 + difficulty) / 20, random);
    map.strew(
        &[('g', 1), ('a', STARTS), ('o', difficulty.saturating_sub(3)), ('#', walls), ('~', lava)],
        random,
    );
    map
}

/// Every start has a path, none is next to the goal; from the fourth difficulty on, at least one needs a
/// crate.
fn asks_for_a_walk(difficulty: usize, level: &Level) -> bool {
    // Crates slide far here: only one that is pushed through to an obstacle ends up where planned.
    let Some(ways) = ways(level, Pushes::Through) else { return false };
    let goal = level.places(|cell| cell == Cell::Goal).next();
    let far = |&(column, row): &Place| {
        goal.is_some_and(|goal| goal.0.abs_diff(column) + goal.1.abs_diff(row) > difficulty)
    };
    level.spawns.iter().all(far) && (difficulty < 4 || ways.iter().any(|pushes| *pushes > 0))
}

/// Crates start at positions reached by random pulls from the marks, so that most of them can be pushed back.
fn strew_crates(difficulty: usize, random: &mut Rng) -> Map {
    let [side, crates] = [[6, 1], [7, 1], [7, 2], [8, 2], [8, 3]][difficulty - 1];
    let floor = (side - 2) * (side - 2);
    let mut map = Map::walled(side);
    let walls = between(floor / 16, floor / 5, random);
    map.strew(&[('#', walls)], random);
    let marks: Vec<Place> = map.floor(random).into_iter().take(crates).collect();
    let mut pulled = marks.clone();
    for _ in 0..PULLS * crates {
        let number = random.random_range(0..crates);
        let way = Direction::ALL[random.random_range(0..Direction::ALL.len())];
        let free = |&(column, row): &Place| map.0[row][column] != '#' && !pulled.contains(&(column, row));
        let to = way.from(pulled[number]).filter(free);
        // A pull moves the walker backwards and needs a free cell for it.
        if let Some(to) = to.filter(|&to| way.from(to).is_some_and(|walker| free(&walker))) {
            pulled[number] = to;
        }
    }
    pulled.iter().for_each(|&(column, row)| map.0[row][column] = 'o');
    // A crate still on its mark makes the map trivial: reject it.
    marks.iter().for_each(|&(column, row)| map.0[row][column] = 'x');
    map.strew(&[('a', STARTS)], random);
    map
}

/// Every start needs some pushes, but not too many.
fn asks_for_pushes(difficulty: usize, level: &Level) -> bool {
    let least = [2, 3, 4, 6, 7][difficulty - 1];
    let most = [4, 8, 12, 16, 20][difficulty - 1];
    ways(level, Pushes::One).is_some_and(|ways| ways.iter().all(|pushes| (least..=most).contains(pushes)))
}

fn strew_doors(difficulty: usize, random: &mut Rng) -> Map {
    let side = 6 + difficulty;
    let doors = [1, 1, 2, 2, 3][difficulty - 1];
    let mut map = Map::walled(side);
    let mut rooms = vec![[1, 1, side - 2, side - 2]];
    for door in ['R', 'Y', 'U'].into_iter().take(doors) {
        rooms.sort_by_key(|[left, top, right, bottom]| (right - left + 1) * (bottom - top + 1));
        let Some([left, top, right, bottom]) = rooms.pop() else { break };
        if right - left >= bottom - top {
            let column = between(left + 1, right - 1, random);
            (top..=bottom).for_each(|row| map.0[row][column] = '#');
            map.0[between(top, bottom, random)][column] = door;
            rooms.extend([[left, top, column - 1, bottom], [column + 1, top, right, bottom]]);
        } else {
            let row = between(top + 1, bottom - 1, random);
            (left..=right).for_each(|column| map.0[row][column] = '#');
            map.0[row][between(left, right, random)] = door;
            rooms.extend([[left, top, right, row - 1], [left, row + 1, right, bottom]]);
        }
    }
    let keys = ['r', 'y', 'u'].into_iter().take(doors).map(|key| (key, 1));
    let lava = if difficulty.is_multiple_of(2) { between(2, difficulty + 2, random) } else { 0 };
    let what: Vec<(char, usize)> = keys.chain([('g', 1), ('a', STARTS), ('~', lava)]).collect();
    map.strew(&what, random);
    map
}

/// Every start has a path, and the first start has none without all keys.
fn asks_for_every_key(_difficulty: usize, level: &Level) -> bool {
    let without = |missing: usize| {
        let mut keys = level.keys.clone();
        keys.remove(missing);
        Level { keys, ..level.clone() }
    };
    let closed = |level: Level| {
        Puzzle::new(&level, Pushes::One)
            .is_some_and(|puzzle| puzzle.solve(level.spawns[0], BOUND) == Answer::Impossible)
    };
    ways(level, Pushes::One).is_some() && (0..level.keys.len()).all(|key| closed(without(key)))
}

/// Number of pushes by distinct start; `None` if any of them has no solution.
fn ways(level: &Level, pushes: Pushes) -> Option<Vec<usize>> {
    let puzzle = Puzzle::new(level, pushes)?;
    let unlike = |&(number, start): &(usize, &Place)| {
        level.spawns[..number].iter().all(|before| !puzzle.alike(*before, *start))
    };
    let starts = level.spawns.iter().enumerate().filter(unlike);
    let way = |(_, &start): (usize, &Place)| match puzzle.solve(start, BOUND) {
        Answer::Solved(pushes) => Some(pushes.len()),
        Answer::Impossible | Answer::Unknown => None,
    };
    starts.map(way).collect()
}
