//! Solves levels by exact search over their cells.
//!
//! A position is the cells of crates, the filled lava, the keys held and the cells the walker can reach; a
//! move is a push. Physics between cells is not modeled, nor are ice, one-way cells, gates, plates and
//! hazards: a level with any of these is not searched.

mod cells;
mod explore;
mod guide;

use super::{Cell, Direction, Level, Place};

use cells::Cells;
pub use guide::Guide;

/// Beyond the map.
const OUTSIDE: u16 = u16::MAX;

/// How crates move when pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushes {
    /// By one cell.
    One,
    /// Until they sink or a wall stops them: safe where crates slide.
    Through,
    /// Any distance, and several in a row: more than bodies allow.
    Any,
}

/// Result of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The fewest pushes that solve it.
    Solved(Vec<Push>),
    /// Unsolvable: all pushes were tried.
    Impossible,
    /// Undecided: the bound was reached.
    Unknown,
}

/// A push: the crate's cell and the direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Push {
    /// The crate's cell.
    pub at: Place,
    /// The direction.
    pub direction: Direction,
}

/// The search state of a level; walker cells that can reach each other are one state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Position {
    /// Cells with crates, ascending.
    crates: Vec<u16>,
    /// Cells of lava that crates have filled, ascending.
    filled: Vec<u16>,
    /// Whether the key is held, by color.
    keys: [bool; 3],
    /// The first cell that the walker can reach.
    home: u16,
}

/// A level prepared for the search.
#[derive(Debug, Clone)]
pub struct Puzzle {
    width: usize,
    cells: Vec<Cell>,
    /// Neighbors by cell and direction.
    beside: Vec<[u16; 4]>,
    keys: Vec<(usize, u16)>,
    doors: Vec<(usize, u16)>,
    /// Cells that are walkable from the beginning, ignoring crates.
    floor: Cells,
    goals: Cells,
    /// The last cells of all rows.
    last: Cells,
    crates: Vec<u16>,
    spawns: Vec<u16>,
    /// Empty if the aim is to reach a goal instead.
    marks: Vec<u16>,
    /// Cells from which a single crate, without others, can be pushed onto a mark.
    alive: Vec<bool>,
    pushes: Pushes,
}

impl Puzzle {
    /// `level`, if the search supports all its cells.
    pub fn new(level: &Level, pushes: Pushes) -> Option<Self> {
        let strange = |cell: &Cell| matches!(cell, Cell::Ice | Cell::OneWay(_) | Cell::Gate | Cell::Plate);
        let sought = |wanted: Cell| level.places(move |cell| cell == wanted).count();
        let marks: Vec<u16> =
            level.places(|cell| cell == Cell::Mark).map(|at| level.index(at) as u16).collect();
        let several = !level.second_spawns.is_empty() || !level.hazards.is_empty();
        let aimless = marks.is_empty() && sought(Cell::Goal) != 1;
        if level.cells.iter().any(strange) || several || aimless {
            return None;
        }
        let beside = |index: usize| {
            Direction::ALL.map(|direction| {
                let next = direction.from((index % level.width, index / level.width));
                let inside = next.filter(|&(column, row)| column < level.width && row < level.height);
                inside.map_or(OUTSIDE, |place| level.index(place) as u16)
            })
        };
        let mut crates: Vec<u16> = level.crates.iter().map(|&at| level.index(at) as u16).collect();
        crates.sort_unstable();
        let set = |wanted: &dyn Fn(usize, Cell) -> bool| {
            let mut set = Cells::NONE;
            for (index, &cell) in level.cells.iter().enumerate() {
                set.set(index as u16, wanted(index, cell));
            }
            set
        };
        let doors = level.cells.iter().enumerate().filter_map(|(index, cell)| match cell {
            Cell::Door(color) => Some((*color as usize, index as u16)),
            _ => None,
        });
        let mut puzzle = Self {
            width: level.width,
            cells: level.cells.clone(),
            beside: (0..level.cells.len()).map(beside).collect(),
            keys: level.keys.iter().map(|&(color, at)| (color as usize, level.index(at) as u16)).collect(),
            doors: doors.collect(),
            floor: set(&|_, cell| !matches!(cell, Cell::Wall | Cell::Lava | Cell::Door(_))),
            goals: set(&|_, cell| cell == Cell::Goal),
            last: set(&|index, _| index % level.width == level.width - 1),
            crates,
            spawns: level.spawns.iter().map(|&at| level.index(at) as u16).collect(),
            alive: vec![false; level.cells.len()],
            marks,
            pushes,
        };
        puzzle.find_alive();
        Some(puzzle)
    }

    /// Whether both cells can initially reach each other, so that their solutions are the same.
    pub fn alike(&self, one: Place, other: Place) -> bool {
        self.begin(self.index(one)) == self.begin(self.index(other))
    }

    /// Searches for a solution from `start` over at most `bound` positions.
    pub fn solve(&self, start: Place, bound: usize) -> Answer {
        let start = self.begin(self.index(start));
        self.solve_from(start, bound)
    }

    fn solve_from(&self, start: Position, bound: usize) -> Answer {
        let found = self.explore(vec![start], bound, true);
        let Some(&won) = found.won.first() else {
            return if found.complete { Answer::Impossible } else { Answer::Unknown };
        };
        let before =
            |&(from, _, _): &(usize, usize, Push)| found.found_by[from].map(|edge| found.edges[edge]);
        let last = found.found_by[won].map(|edge| found.edges[edge]);
        let mut way: Vec<Push> = std::iter::successors(last, before).map(|(_, _, push)| push).collect();
        way.reverse();
        Answer::Solved(way)
    }

    fn index(&self, (column, row): Place) -> u16 {
        (row * self.width + column) as u16
    }

    fn place(&self, index: u16) -> Place {
        (usize::from(index) % self.width, usize::from(index) / self.width)
    }

    fn begin(&self, start: u16) -> Position {
        self.settle(self.crates.clone(), Vec::new(), [false; 3], start)
    }

    /// The position with the walker at `from`, who picks up all keys in reach.
    fn settle(&self, crates: Vec<u16>, filled: Vec<u16>, keys: [bool; 3], from: u16) -> Position {
        let mut position = Position { crates, filled, keys, home: from };
        loop {
            let reached = self.reach(&position);
            let before = position.keys;
            for &(color, at) in &self.keys {
                position.keys[color] |= reached.has(at);
            }
            if position.keys == before {
                position.home = reached.first().unwrap_or(from);
                return position;
            }
        }
    }

    /// The cells that the walker can reach from its home.
    fn reach(&self, position: &Position) -> Cells {
        let mut open = self.floor;
        for &(color, at) in &self.doors {
            open.set(at, position.keys[color]);
        }
        position.filled.iter().for_each(|&at| open.set(at, true));
        position.crates.iter().for_each(|&at| open.set(at, false));
        open.flood(position.home, self.width, &self.last, self.cells.len())
    }

    fn wins(&self, position: &Position, reached: &Cells) -> bool {
        if self.marks.is_empty() {
            return self.goals.meets(reached);
        }
        self.marks.iter().all(|mark| position.crates.contains(mark))
    }

    /// Whether enough crates can still reach a mark.
    fn hopeful(&self, crates: &[u16]) -> bool {
        crates.iter().filter(|&&at| self.alive[usize::from(at)]).count() >= self.marks.len()
    }

    /// Crates are pulled back from the marks: cells that no pull reaches are dead.
    fn find_alive(&mut self) {
        let solid = |at: u16| at == OUTSIDE || self.cells[usize::from(at)] == Cell::Wall;
        let mut next = self.marks.clone();
        while let Some(at) = next.pop() {
            if !std::mem::replace(&mut self.alive[usize::from(at)], true) {
                for way in 0..4 {
                    let from = self.beside[usize::from(at)][way];
                    if !solid(from) && !solid(self.beside[usize::from(from)][way]) {
                        next.push(from);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(world: &str, map: &[&str]) -> Level {
        let text = format!("(version: 1, world: {world:?}, name: \"n\", map: {map:?})");
        Level::parse("x.ron", &text).unwrap()
    }

    /// Number of pushes of the solution.
    fn pushes(world: &str, map: &[&str], pushes: Pushes) -> Option<usize> {
        let level = level(world, map);
        match Puzzle::new(&level, pushes).unwrap().solve(level.spawns[0], 1000) {
            Answer::Solved(way) => Some(way.len()),
            Answer::Impossible => None,
            Answer::Unknown => panic!("{map:?}"),
        }
    }

    #[test]
    fn the_fewest_pushes_are_found_or_none() {
        let yard = |map: &[&str]| pushes("crate-yard", map, Pushes::One);
        assert_eq!(yard(&["#######", "#ao..x#", "#######"]), Some(3));
        assert_eq!(yard(&["#######", "#.....#", "#ao.x.#", "#..#..#", "#######"]), Some(2));
        // A crate in a corner is stuck.
        assert_eq!(yard(&["#####", "#a.o#", "#.x.#", "#####"]), None);
        // There are more marks than crates.
        assert_eq!(yard(&["######", "#aoxx#", "######"]), None);
    }

    #[test]
    fn rows_of_crates_move_only_where_they_may() {
        let map = ["#######", "#aoox##", "#..x..#", "#######"];
        assert_eq!(pushes("crate-yard", &["########", "#aoo.xx#", "########"], Pushes::One), None);
        assert_eq!(pushes("crate-yard", &["########", "#aoo.xx#", "########"], Pushes::Any), Some(2));
        assert_eq!(pushes("crate-yard", &map, Pushes::One), None);
    }

    #[test]
    fn crates_fill_lava_and_slide_as_far_as_the_world_says() {
        let bridge = ["#######", "#ao.~g#", "#######"];
        assert_eq!(pushes("lava-room", &bridge, Pushes::One), Some(2));
        assert_eq!(pushes("lava-room", &bridge, Pushes::Through), Some(1));
        assert_eq!(pushes("lava-room", &bridge, Pushes::Any), Some(1));
        // Pushed all the way, it ends up on the goal.
        assert_eq!(pushes("lava-room", &["#######", "#ao..g#", "#######"], Pushes::Through), None);
        assert_eq!(pushes("lava-room", &["######", "#a.~g#", "######"], Pushes::Any), None);
    }

    #[test]
    fn doors_open_in_their_order() {
        let rooms = |map: &[&str]| pushes("key-door", map, Pushes::One);
        assert_eq!(rooms(&["########", "#arRyYg#", "########"]), Some(0));
        assert_eq!(rooms(&["########", "#aRrYyg#", "########"]), None);
    }

    #[test]
    fn a_bound_ends_the_search_without_an_answer() {
        let level = Level::shipped("crate-yard", 6).unwrap();
        let puzzle = Puzzle::new(&level, Pushes::One).unwrap();
        assert_eq!(puzzle.solve(level.spawns[0], 50), Answer::Unknown);
        assert!(Puzzle::new(&level_with_ice(), Pushes::One).is_none());
    }

    fn level_with_ice() -> Level {
        level("lava-room", &["#####", "#a*g#", "#####"])
    }

    #[test]
    fn a_guide_goes_on_from_anywhere() {
        let level = level("crate-yard", &["#######", "#a....#", "#.o.x.#", "#.....#", "#######"]);
        let guide = Guide::new(&level, Pushes::One, 1000).unwrap();
        let next = |walker, at| guide.next(walker, [at].into_iter(), std::iter::empty(), 100);
        assert_eq!(next((1, 1), (2, 2)), Some(Push { at: (2, 2), direction: Direction::Right }));
        assert_eq!(next((1, 3), (4, 3)).map(|push| push.direction), None);
        assert_eq!(next((1, 1), (5, 2)).map(|push| push.direction), None);
    }
}
