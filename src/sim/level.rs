//! Level files: a readable map with a legend, parsed into cells or explained in one line.
//!
//! What the cells do is left to the world that plays them.

use std::path::Path;

use bevy::prelude::*;
use serde::Deserialize;

/// Largest width and height of a map, in cells.
pub const LARGEST_SIDE: usize = 24;
/// Largest level file, in bytes.
pub const LARGEST_FILE: u64 = 64 * 1024;
/// Version of the format.
pub const VERSION: u32 = 1;

/// Levels that come with the game: file name and text.
pub const SHIPPED: [(&str, &str); 4] = [
    ("lava-room-1.ron", include_str!("../../levels/lava-room-1.ron")),
    ("lava-room-2.ron", include_str!("../../levels/lava-room-2.ron")),
    ("lava-room-3.ron", include_str!("../../levels/lava-room-3.ron")),
    ("lava-room-4.ron", include_str!("../../levels/lava-room-4.ron")),
];

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

/// What a cell of the map is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// `.`: free to walk on (also under `a` and `o`).
    Floor,
    /// `#`: solid.
    Wall,
    /// `~`: ends the episode of whoever enters; a crate pushed in sinks and fills it.
    Lava,
    /// `g`: where to go.
    Goal,
}

/// A parsed level. Row 0 is the top row of the map; `y` grows upwards in the world.
#[derive(Resource, Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// Title shown to people.
    pub name: String,
    /// Cells a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row-major cells.
    pub cells: Vec<Cell>,
    /// Cells an episode may begin in, `(column, row)`; at least one.
    pub spawns: Vec<(usize, usize)>,
    /// Cells crates begin in.
    pub crates: Vec<(usize, usize)>,
    /// Agent steps until an episode is truncated.
    pub episode_limit: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    name: String,
    #[serde(default = "default_limit")]
    episode_limit: u32,
    map: Vec<String>,
}

fn default_limit() -> u32 {
    100
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

    /// Centre of a cell in world units; one cell is one unit and the map is centred on the origin.
    pub fn center(&self, column: usize, row: usize) -> Vec2 {
        Vec2::new(column as f32 + 0.5 - self.width as f32 / 2.0, self.height as f32 / 2.0 - row as f32 - 0.5)
    }

    /// The cell a point lies in, clamped to the map.
    pub fn locate(&self, point: Vec2) -> (usize, usize) {
        let column = (point.x + self.width as f32 / 2.0).floor().clamp(0.0, self.width as f32 - 1.0);
        let row = (self.height as f32 / 2.0 - point.y).floor().clamp(0.0, self.height as f32 - 1.0);
        (column as usize, row as usize)
    }

    /// Shipped level number `number`, from 1.
    ///
    /// # Errors
    /// [`LevelError`] when there is no such level.
    pub fn shipped(number: usize) -> Result<Self, LevelError> {
        let (name, text) = Self::numbered(number)?;
        Self::parse(name, text)
    }

    fn numbered(number: usize) -> Result<(&'static str, &'static str), LevelError> {
        let found = number.checked_sub(1).and_then(|index| SHIPPED.get(index));
        found.copied().ok_or_else(|| LevelError::Unreadable {
            file: format!("level {number}"),
            reason: format!("levels 1 to {} come with the game", SHIPPED.len()),
        })
    }

    /// Reads a level: a shipped one by its number or file name (`2`, `lava-room-2.ron`), or any by its path.
    ///
    /// # Errors
    /// [`LevelError`] with file, position and remedy.
    pub fn load(path: &Path) -> Result<Self, LevelError> {
        let (name, text) = Self::read(path)?;
        Self::parse(&name, &text)
    }

    /// Name and text of the level that [`Level::load`] finds at `path`.
    pub(super) fn read(path: &Path) -> Result<(String, String), LevelError> {
        let name = path.display().to_string();
        if !path.exists() {
            let base = path.file_name().and_then(|base| base.to_str()).unwrap_or_default();
            let found = match name.parse::<usize>() {
                Ok(number) => Some(Self::numbered(number)?),
                Err(_) => SHIPPED.into_iter().find(|(shipped, _)| *shipped == base),
            };
            if let Some((shipped, text)) = found {
                return Ok((shipped.to_owned(), text.to_owned()));
            }
        }
        let unreadable = |reason: String| LevelError::Unreadable { file: name.clone(), reason };
        let size = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
        if size > LARGEST_FILE {
            return Err(unreadable(format!("{size} bytes, at most {LARGEST_FILE} are allowed")));
        }
        let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| unreadable("not UTF-8 text".into()))?;
        Ok((name, text))
    }

    /// Parses the text of a level; `file` is only for messages.
    ///
    /// # Errors
    /// [`LevelError::Invalid`] with the position of the first thing that is wrong.
    pub fn parse(file: &str, text: &str) -> Result<Self, LevelError> {
        let invalid = |line: usize, column: usize, problem: String, remedy: &str| LevelError::Invalid {
            file: file.to_owned(),
            line,
            column,
            problem,
            remedy: remedy.to_owned(),
        };
        let parsed: File = ron::from_str(text).map_err(|error| {
            let start = error.span.start;
            invalid(
                start.line,
                start.col,
                one_line(&error.code.to_string()),
                "see levels/lava-room-1.ron for the format",
            )
        })?;
        // Where a field stands in the text, to point at it.
        let find = |needle: &str| {
            text.lines()
                .enumerate()
                .find_map(|(line, content)| content.find(needle).map(|column| (line + 1, column + 1)))
                .unwrap_or((1, 1))
        };
        if parsed.version != VERSION {
            let (line, column) = find("version");
            return Err(invalid(
                line,
                column,
                format!("version {}", parsed.version),
                &format!("this program reads version {VERSION}"),
            ));
        }
        if !(1..=10_000).contains(&parsed.episode_limit) {
            let (line, column) = find("episode_limit");
            return Err(invalid(
                line,
                column,
                format!("episode_limit {}", parsed.episode_limit),
                "allowed is 1 to 10000",
            ));
        }
        let (map_line, map_column) = find("map");
        let height = parsed.map.len();
        let width = parsed.map.first().map_or(0, |row| row.chars().count());
        if !(3..=LARGEST_SIDE).contains(&height) || !(3..=LARGEST_SIDE).contains(&width) {
            return Err(invalid(
                map_line,
                map_column,
                format!("a map of {width} × {height} cells"),
                &format!("allowed is 3 × 3 to {LARGEST_SIDE} × {LARGEST_SIDE}"),
            ));
        }
        let mut level = Self {
            name: parsed.name.chars().take(60).collect(),
            width,
            height,
            cells: Vec::with_capacity(width * height),
            spawns: Vec::new(),
            crates: Vec::new(),
            episode_limit: parsed.episode_limit,
        };
        let lines = row_positions(text, &parsed.map, (map_line, map_column));
        for (row, cells) in parsed.map.iter().enumerate() {
            let (line, first) = lines[row];
            if cells.chars().count() != width {
                return Err(invalid(
                    line,
                    first,
                    format!("row {} has {} cells, the first row has {width}", row + 1, cells.chars().count()),
                    "make all rows equally long",
                ));
            }
            for (column, symbol) in cells.chars().enumerate() {
                level.cells.push(match symbol {
                    '#' => Cell::Wall,
                    '.' => Cell::Floor,
                    '~' => Cell::Lava,
                    'g' => Cell::Goal,
                    'a' => {
                        level.spawns.push((column, row));
                        Cell::Floor
                    }
                    'o' => {
                        level.crates.push((column, row));
                        Cell::Floor
                    }
                    other => {
                        return Err(invalid(
                            line,
                            first + column,
                            format!("unknown cell {other:?}"),
                            "use # wall, . floor, ~ lava, o crate, a start, g goal",
                        ));
                    }
                });
            }
        }
        let missing = |what: &str, remedy: &str| invalid(map_line, map_column, what.to_owned(), remedy);
        if level.spawns.is_empty() {
            return Err(missing("no start", "put at least one `a` into the map"));
        }
        if !level.cells.contains(&Cell::Goal) {
            return Err(missing("no goal", "put at least one `g` into the map"));
        }
        Ok(level)
    }
}

/// Line and column of cell `(column, row)` of a map that was parsed from `text`.
pub(super) fn position(text: &str, (column, row): (usize, usize)) -> (usize, usize) {
    let rows = ron::from_str::<File>(text).map(|file| file.map).unwrap_or_default();
    let (line, first) = row_positions(text, &rows, (1, 1)).get(row).copied().unwrap_or((1, 1));
    (line, first + column)
}

/// Line and column of the first character of every map row in the file; the map's own place for a
/// row that is written with escapes.
fn row_positions(text: &str, rows: &[String], map: (usize, usize)) -> Vec<(usize, usize)> {
    let mut at = text.find("map").unwrap_or(0);
    rows.iter()
        .map(|row| {
            let Some(found) = text[at..].find(&format!("\"{row}\"")) else { return map };
            let first = at + found + 1;
            at = first + row.len() + 1;
            let line_start = text[..first].rfind('\n').map_or(0, |newline| newline + 1);
            (text[..first].matches('\n').count() + 1, text[line_start..first].chars().count() + 1)
        })
        .collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn problem(text: &str) -> String {
        Level::parse("x.ron", text).unwrap_err().to_string()
    }

    #[test]
    fn shipped_levels_parse() {
        for number in 1..=SHIPPED.len() {
            let level = Level::shipped(number).unwrap();
            assert!(!level.spawns.is_empty(), "{}", level.name);
        }
    }

    #[test]
    fn mistakes_are_explained_with_their_position() {
        let unknown =
            "(\n version: 1,\n name: \"n\",\n map: [\n  \"####\",\n  \"#a?#\",\n  \"#.g#\",\n ],\n)";
        assert!(problem(unknown).starts_with("x.ron:6:6: unknown cell '?'; use #"), "{}", problem(unknown));
        let ragged = unknown.replace("#a?#", "#a#");
        assert!(problem(&ragged).starts_with("x.ron:6:4: row 2 has 3 cells"), "{}", problem(&ragged));
        assert!(problem(&unknown.replace("a?", "..")).contains("no start"));
        assert!(problem(&unknown.replace("a?", "a.").replace(".g", "..")).contains("no goal"));
        assert!(problem(&unknown.replace("version: 1", "version: 9")).contains("x.ron:2:2: version 9"));
        assert!(
            problem("(version: 1,\n nam: 3)").starts_with("x.ron:2:"),
            "{}",
            problem("(version: 1,\n nam: 3)")
        );
    }

    #[test]
    fn cells_and_points_agree() {
        let level = Level::shipped(1).unwrap();
        for row in 0..level.height {
            for column in 0..level.width {
                assert_eq!(level.locate(level.center(column, row)), (column, row));
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_level_or_one_line(text in "\\PC{0,200}") {
            if let Err(error) = Level::parse("x.ron", &text) {
                prop_assert_eq!(error.to_string().lines().count(), 1);
            }
        }

        #[test]
        fn any_map_is_a_level_or_one_line(rows in prop::collection::vec("[#.~oag?\"\\\\]{0,30}", 0..30)) {
            let text = format!("(version: 1, name: \"n\", map: {rows:?})");
            if let Err(error) = Level::parse("x.ron", &text) {
                prop_assert_eq!(error.to_string().lines().count(), 1);
            }
        }
    }
}
