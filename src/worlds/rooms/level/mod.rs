//! Level files: a readable map with a legend, parsed into cells or explained in one line.
//!
//! The engine in the parent module defines what the cells do.

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
pub use shipped::{all as shipped, count as shipped_levels};

/// Largest width and height of a map, in cells.
pub const LARGEST_SIDE: usize = 24;
/// Largest level file, in bytes.
pub const LARGEST_FILE: u64 = 64 * 1024;
/// Largest absolute reward of a single cell.
pub const LARGEST_REWARD: f32 = 1.0;
/// Version of the format.
pub const VERSION: u32 = 1;

/// What is wrong with a level file and how to fix it, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LevelError {
    /// The file cannot be read.
    #[error("{file}: cannot be read ({reason}); give the path of a .ron level file")]
    Unreadable {
        /// The file.
        file: String,
        /// The system's message.
        reason: String,
    },
    /// The file is read but invalid.
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

/// One of the four directions, in the order of the actions.
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

    /// Change of column and row of a step in this direction.
    pub const fn step(self) -> (isize, isize) {
        match self {
            Self::Up => (0, -1),
            Self::Down => (0, 1),
            Self::Left => (-1, 0),
            Self::Right => (1, 0),
        }
    }

    /// The opposite direction.
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

/// The type of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// `.`: free to walk on (also under everything that starts there).
    Floor,
    /// `#`: solid.
    Wall,
    /// `~`: ends the episode when a player enters; a crate pushed in sinks and fills it.
    Lava,
    /// `g`: a cell to reach.
    Goal,
    /// `*`: walkers slide on; crates slide far.
    Ice,
    /// `<`, `>`, `^`, `v`: can be walked onto in this direction only.
    OneWay(Direction),
    /// `x`: where a crate belongs.
    Mark,
    /// `_`: holds gates open while something stands on it.
    Plate,
    /// `=`: solid while no plate is pressed.
    Gate,
    /// `R`, `Y`, `U`: solid until a player with the key of its color walks into it.
    Door(KeyColor),
}

/// Cells by symbol; all other symbols are on floor.
const CELLS: &[(char, Cell)] = &[
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
    /// Cells per row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row-major cells.
    pub cells: Vec<Cell>,
    /// Start cells of the first player; at least one.
    pub spawns: Vec<Place>,
    /// Start cells of the second player; at least one if there are two players.
    pub second_spawns: Vec<Place>,
    /// Start cells of crates.
    pub crates: Vec<Place>,
    /// Keys and their cells.
    pub keys: Vec<(KeyColor, Place)>,
    /// Hazards: initial direction and start cell.
    pub hazards: Vec<(Direction, Place)>,
    /// Rewards of single cells, -1 to 1: paid every time a player walks onto one.
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

    /// All positions of `wanted` cells, row by row.
    pub fn places(&self, wanted: impl Fn(Cell) -> bool) -> impl Iterator<Item = Place> {
        let found = self.cells.iter().enumerate().filter(move |(_, cell)| wanted(**cell));
        found.map(|(index, _)| (index % self.width, index / self.width))
    }

    /// The reward for walking onto `place`, besides those of the world's rules.
    pub fn reward(&self, place: Place) -> f32 {
        self.rewards.iter().find(|(own, _)| *own == place).map_or(0.0, |(_, reward)| *reward)
    }

    /// Index of a position among the cells.
    pub fn index(&self, (column, row): Place) -> usize {
        row * self.width + column
    }

    /// Shipped level number `number` of `world`, from 1.
    ///
    /// # Errors
    /// [`LevelError`] if there is no such level.
    pub fn shipped(world: &str, number: usize) -> Result<Self, LevelError> {
        let (name, text) = shipped::numbered(world, number)?;
        Self::parse(name, text)
    }

    /// Reads a level of `world`: a shipped one by its number or file name (`2`, `lava-room-2.ron`),
    /// regardless of files in the working folder, or any by its path, which has a separator or ends in .ron.
    ///
    /// # Errors
    /// [`LevelError`] with file, position and remedy; also for a level of another world.
    pub fn load(world: &str, path: &Path) -> Result<Self, LevelError> {
        let (file, text) = shipped::read(world, path)?;
        Self::of_world(world, &file, &text)
    }

    /// Reads the level of `world` in the file at `path`, whatever its name.
    ///
    /// # Errors
    /// As [`Level::load`].
    pub fn load_file(world: &str, path: &Path) -> Result<Self, LevelError> {
        let (file, text) = shipped::read_file(path)?;
        Self::of_world(world, &file, &text)
    }

    /// Parses the text of a level of `world`; `file` is only used in messages.
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
