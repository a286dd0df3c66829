//! Level files: a readable map with a legend, parsed into cells or explained in one line.
//!
//! What the cells do is left to the world that plays them.

pub mod check;
pub mod draft;
pub mod generate;
pub mod kept;
pub mod kinds;
mod parse;
mod shipped;
pub mod solve;

use std::path::Path;

use bevy::prelude::*;

pub use kinds::Kind;
use parse::find;
pub use shipped::{SHIPPED, count as shipped_levels};

/// Largest width and height of a map, in cells.
pub const LARGEST_SIDE: usize = 24;
/// Largest level file, in bytes.
pub const LARGEST_FILE: u64 = 64 * 1024;
/// Reward that entering a single cell may pay, in size.
pub const LARGEST_REWARD: f32 = 1.0;
/// Version of the format.
pub const VERSION: u32 = 1;

/// What is wrong with a level file, in one line a person can act on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LevelError {
    /// It cannot be read at all.
    #[error("{file}: cannot be read ({reason}); give the path of a .ron level file")]
    Unreadable {
        /// The file.
        file: String,
        /// The system's words.
        reason: String,
    },
    /// It is read but says something impossible.
    #[error("{file}:{line}:{column}: {problem}; {remedy}")]
    Invalid {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: String,
    },
}

/// A cell of a map: column and row, both from 0; row 0 is the top one.
pub type Place = (usize, usize);

/// One of the four ways, in the order of the actions that walk them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// Towards row 0.
    Up,
    /// Towards the last row.
    Down,
    /// Towards column 0.
    Left,
    /// Towards the last column.
    Right,
}

impl Direction {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Up, Self::Down, Self::Left, Self::Right];

    /// Columns and rows that a step in this direction walks.
    pub const fn step(self) -> (isize, isize) {
        match self {
            Self::Up => (0, -1),
            Self::Down => (0, 1),
            Self::Left => (-1, 0),
            Self::Right => (1, 0),
        }
    }

    /// The way back.
    pub const fn opposite(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }

    /// The same as a unit vector of the world, where `y` grows upwards.
    pub fn vector(self) -> Vec2 {
        let (x, y) = self.step();
        Vec2::new(x as f32, -y as f32)
    }

    /// The cell next to `place` in this direction; `None` beyond the first column or row.
    pub fn from(self, (column, row): Place) -> Option<Place> {
        let (dx, dy) = self.step();
        Some((column.checked_add_signed(dx)?, row.checked_add_signed(dy)?))
    }
}

/// Colors of keys and of the doors they open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyColor {
    /// `r`, `R`.
    Red,
    /// `y`, `Y`.
    Yellow,
    /// `u`, `U`.
    Blue,
}

impl KeyColor {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Red, Self::Yellow, Self::Blue];
}

/// What a cell of the map is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// `.`: free to walk on (also under everything that begins there).
    Floor,
    /// `#`: solid.
    Wall,
    /// `~`: ends the episode of whoever enters; a crate pushed in sinks and fills it.
    Lava,
    /// `g`: where to go.
    Goal,
    /// `*`: whoever walks onto it slides on; crates slide far.
    Ice,
    /// `<`, `>`, `^`, `v`: can be walked onto in this direction only.
    OneWay(Direction),
    /// `x`: where a crate belongs.
    Mark,
    /// `_`: holds gates open while something stands on it.
    Plate,
    /// `=`: solid while no plate is pressed.
    Gate,
    /// `R`, `Y`, `U`: solid until somebody with the key of its color walks into it.
    Door(KeyColor),
}

/// Cells by their symbols; all others stand on floor.
const CELLS: [(char, Cell); 14] = [
    ('#', Cell::Wall),
    ('~', Cell::Lava),
    ('g', Cell::Goal),
    ('*', Cell::Ice),
    ('^', Cell::OneWay(Direction::Up)),
    ('v', Cell::OneWay(Direction::Down)),
    ('<', Cell::OneWay(Direction::Left)),
    ('>', Cell::OneWay(Direction::Right)),
    ('x', Cell::Mark),
    ('_', Cell::Plate),
    ('=', Cell::Gate),
    ('R', Cell::Door(KeyColor::Red)),
    ('Y', Cell::Door(KeyColor::Yellow)),
    ('U', Cell::Door(KeyColor::Blue)),
];

/// A parsed level. Row 0 is the top row of the map; `y` grows upwards in the world.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// The world it belongs to.
    pub world: &'static str,
    /// Title shown to people.
    pub name: String,
    /// Cells a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row-major cells.
    pub cells: Vec<Cell>,
    /// Cells an episode may begin in; at least one.
    pub spawns: Vec<Place>,
    /// Cells the second player may begin in; at least one where there are two.
    pub second_spawns: Vec<Place>,
    /// Cells crates begin in.
    pub crates: Vec<Place>,
    /// Keys and where they lie.
    pub keys: Vec<(KeyColor, Place)>,
    /// Hazards: the direction each sets out in, and where it begins.
    pub hazards: Vec<(Direction, Place)>,
    /// Rewards of single cells, -1 to 1: what a player is paid every time it walks onto one.
    pub rewards: Vec<(Place, f32)>,
    /// Agent steps until an episode is truncated.
    pub episode_limit: u32,
}

impl Level {
    /// The cell at `(column, row)`; everything outside the map is wall.
    pub fn cell(&self, column: usize, row: usize) -> Cell {
        if column < self.width && row < self.height {
            self.cells[row * self.width + column]
        } else {
            Cell::Wall
        }
    }

    /// Center of a cell in world units; one cell is one unit and the map is centered on the origin.
    pub fn center(&self, column: usize, row: usize) -> Vec2 {
        Vec2::new(column as f32 + 0.5 - self.width as f32 / 2.0, self.height as f32 / 2.0 - row as f32 - 0.5)
    }

    /// The cell a point lies in, clamped to the map.
    pub fn locate(&self, point: Vec2) -> (usize, usize) {
        let column = (point.x + self.width as f32 / 2.0).floor().clamp(0.0, self.width as f32 - 1.0);
        let row = (self.height as f32 / 2.0 - point.y).floor().clamp(0.0, self.height as f32 - 1.0);
        (column as usize, row as usize)
    }

    /// All places whose cell is `wanted`, row by row.
    pub fn places(&self, wanted: impl Fn(Cell) -> bool) -> impl Iterator<Item = Place> {
        let found = self.cells.iter().enumerate().filter(move |(_, cell)| wanted(**cell));
        found.map(|(index, _)| (index % self.width, index / self.width))
    }

    /// What walking onto `place` pays beside what the world's rules say.
    pub fn reward(&self, place: Place) -> f32 {
        self.rewards.iter().find(|(own, _)| *own == place).map_or(0.0, |(_, reward)| *reward)
    }

    /// Number of a place among the cells.
    pub fn index(&self, (column, row): Place) -> usize {
        row * self.width + column
    }

    /// Shipped level number `number` of `world`, from 1.
    ///
    /// # Errors
    /// [`LevelError`] when there is no such level.
    pub fn shipped(world: &str, number: usize) -> Result<Self, LevelError> {
        let (name, text) = shipped::numbered(world, number)?;
        Self::parse(name, text)
    }

    /// Reads a level of `world`: a shipped one by its number or file name (`2`, `lava-room-2.ron`), whatever lies in
    /// the working folder, or any by its path, which has a separator or ends in .ron.
    ///
    /// # Errors
    /// [`LevelError`] with file, position and remedy; for a level of another world, too.
    pub fn load(world: &str, path: &Path) -> Result<Self, LevelError> {
        let (file, text) = shipped::read(world, path)?;
        Self::of_world(world, &file, &text)
    }

    /// Reads the level of `world` in the file at `path`, whatever it is called.
    ///
    /// # Errors
    /// As [`Level::load`].
    pub fn load_file(world: &str, path: &Path) -> Result<Self, LevelError> {
        let (file, text) = shipped::read_file(path)?;
        Self::of_world(world, &file, &text)
    }

    /// Parses the text of a level of `world`; `file` is only for messages.
    ///
    /// # Errors
    /// As [`Level::parse`], and for a level of another world.
    pub fn of_world(world: &str, file: &str, text: &str) -> Result<Self, LevelError> {
        let level = Self::parse(file, text)?;
        if level.world == world {
            return Ok(level);
        }
        let at = find(text, "world");
        let problem = format!("a level of {}, not of {world}", level.world);
        Err(at.error(
            file,
            problem,
            &format!("play it with --env {}, or change its field world", level.world),
        ))
    }
}
