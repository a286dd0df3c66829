//! Drawing one level: cells strewn at random, and what makes the result worth playing.

use rand::RngExt as _;
use rand::seq::SliceRandom as _;

use super::super::solve::{Answer, Pushes, Puzzle};
use super::super::{Cell, Direction, Level, Place};
use crate::mdp::Rng;

/// How maps of a world are strewn by difficulty, and what they must ask of a player.
pub(super) type Recipe = (fn(usize, &mut Rng) -> Map, fn(usize, &Level) -> bool);

/// Worlds with generated levels.
pub(super) const RECIPES: [(&str, Recipe); 3] = [
    ("lava-room", (strew_lava, asks_for_a_walk)),
    ("crate-yard", (strew_crates, asks_for_pushes)),
    ("key-door", (strew_doors, asks_for_every_key)),
];

/// Positions that the search may look at to find that a level can be solved.
pub(super) const BOUND: usize = 2_000;
/// Times that a crate is pulled at, in vain most often.
const PULLS: usize = 30;
/// Starts of a level.
const STARTS: usize = 3;

/// A map on its way to a level: rows of symbols.
pub(super) struct Map(Vec<Vec<char>>);

/// Draws until a map is worth it.
pub(super) fn level(
    world: &'static str,
    name: String,
    difficulty: usize,
    (strew, worth): Recipe,
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

    /// All cells of floor, in a random order.
    fn floor(&self, random: &mut Rng) -> Vec<Place> {
        let all = (0..self.0.len()).flat_map(|row| (0..self.0[row].len()).map(move |column| (column, row)));
        let mut places: Vec<Place> = all.filter(|&(column, row)| self.0[row][column] == '.').collect();
        places.shuffle(random);
        places
    }

    /// Puts `count` of every symbol onto floor.
    fn strew(&mut self, what: &[(char, usize)], random: &mut Rng) {
        let symbols = what.iter().flat_map(|&(symbol, count)| std::iter::repeat_n(symbol, count));
        for (symbol, (column, row)) in symbols.zip(self.floor(random)) {
            self.0[row][column] = symbol;
        }
    }
}

/// Number `low` to `high`, both included.
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

/// Every start has a way, none is next to the goal; from the fourth difficulty on one at least needs a crate.
fn asks_for_a_walk(difficulty: usize, level: &Level) -> bool {
    // Crates slide far here: only what is pushed through stays where it was meant to.
    let Some(ways) = ways(level, Pushes::Through) else { return false };
    let goal = level.places(|cell| cell == Cell::Goal).next();
    let far = |&(column, row): &Place| {
        goal.is_some_and(|goal| goal.0.abs_diff(column) + goal.1.abs_diff(row) > difficulty)
    };
    level.spawns.iter().all(far) && (difficulty < 4 || ways.iter().any(|pushes| *pushes > 0))
}

/// Crates begin where they were pulled from the marks at random, so that most of them can be pushed back.
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
        // Whoever pulls goes backwards and needs a cell, too.
        if let Some(to) = to.filter(|&to| way.from(to).is_some_and(|walker| free(&walker))) {
            pulled[number] = to;
        }
    }
    pulled.iter().for_each(|&(column, row)| map.0[row][column] = 'o');
    // A crate that is still on a mark is lost to it, and the map to us.
    marks.iter().for_each(|&(column, row)| map.0[row][column] = 'x');
    map.strew(&[('a', STARTS)], random);
    map
}

/// It takes some pushes from every start, and not too many.
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

/// Every start has a way, and the first none without all keys.
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

/// By start that is unlike those before it, the pushes it takes; `None` where there is no way from any one of them.
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
