//! Parsing: the text of a level file into cells and starts, or one line on what is wrong and where.

mod words;

use serde::Deserialize;

use super::draft::Draft;
use super::{
    CELLS, Cell, Direction, KeyColor, LARGEST_REWARD, LARGEST_SIDE, Level, LevelError, Place, VERSION,
};
use crate::worlds::rooms;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default = "default_world")]
    world: String,
    name: String,
    #[serde(default = "default_limit")]
    episode_limit: u32,
    map: Vec<String>,
    #[serde(default)]
    rewards: Vec<(usize, usize, f32)>,
}

fn default_world() -> String {
    "lava-room".into()
}

fn default_limit() -> u32 {
    100
}

impl Level {
    /// Parses the text of a level; `file` is only used in messages.
    ///
    /// # Errors
    /// [`LevelError::Invalid`] with the position of the first problem.
    pub fn parse(file: &str, text: &str) -> Result<Self, LevelError> {
        let parsed: File = ron::from_str(text).map_err(|error| {
            if looks_like_sokoban(text) {
                return sokoban(file);
            }
            let at = Position { line: error.span.start.line, column: error.span.start.col };
            at.error(file, words::of(&error.code), "see levels/README.md for the format")
        })?;
        let wrong =
            |field: &str, problem: String, remedy: &str| find(text, field).error(file, problem, remedy);
        if parsed.version != VERSION {
            let remedy = format!("this program reads version {VERSION}");
            return Err(wrong("version", format!("version {}", parsed.version), &remedy));
        }
        let Some(rules) = rooms::find(&parsed.world) else {
            let worlds = rooms::all().map(|rules| rules.name).collect::<Vec<_>>().join(", ");
            let problem = format!("{:?} is not a world with levels", short(&parsed.world));
            return Err(wrong("world", problem, &format!("choose one of {worlds}")));
        };
        if !(1..=10_000).contains(&parsed.episode_limit) {
            let problem = format!("episode_limit {}", parsed.episode_limit);
            return Err(wrong("episode_limit", problem, "allowed: 1 to 10000"));
        }
        let height = parsed.map.len();
        let width = parsed.map.first().map_or(0, |row| row.chars().count());
        if !(3..=LARGEST_SIDE).contains(&height) || !(3..=LARGEST_SIDE).contains(&width) {
            let remedy = format!("allowed: 3 × 3 to {LARGEST_SIDE} × {LARGEST_SIDE}");
            return Err(wrong("map", format!("a map of {width} × {height} cells"), &remedy));
        }
        let mut level = Self::blank(rules.name, short(&parsed.name), [width, height], parsed.episode_limit);
        let lines = row_positions(text, &parsed.map);
        for (row, (cells, at)) in parsed.map.iter().zip(lines).enumerate() {
            let count = cells.chars().count();
            if count != width {
                let problem = format!("row {} has {count} cells, the first row has {width}", row + 1);
                return Err(at.error(file, problem, "make all rows equally long"));
            }
            for (column, symbol) in cells.chars().enumerate() {
                if !rules.kind.allows(symbol) {
                    let at = Position { column: at.column + column, ..at };
                    let problem = format!("unknown cell {symbol:?} for {}", rules.name);
                    return Err(at.error(file, problem, &format!("use {}", rules.kind.legend())));
                }
                level.put((column, row), symbol);
            }
        }
        for &(column, row, reward) in &parsed.rewards {
            let problem = |what: String| {
                wrong(
                    "rewards",
                    format!("({column}, {row}, {reward}): {what}"),
                    "give columns and rows from 0, and rewards from -1 to 1 but 0",
                )
            };
            if !reward.is_finite() || reward == 0.0 || reward.abs() > LARGEST_REWARD {
                return Err(problem("no such reward".into()));
            }
            if column >= width || row >= height || level.cell(column, row) == Cell::Wall {
                return Err(problem("players cannot walk there".into()));
            }
            if level.reward((column, row)) != 0.0 {
                return Err(problem("a second reward of that cell".into()));
            }
            level.rewards.push(((column, row), reward));
        }
        for &(symbol, least, what) in rules.kind.needs {
            if parsed.map.iter().flat_map(|row| row.chars()).filter(|cell| *cell == symbol).count() < least {
                let remedy = format!("put at least {least} `{symbol}` into the map");
                return Err(wrong("map", format!("no {what}"), &remedy));
            }
        }
        Ok(level)
    }

    /// A level whose cells are still to be added with [`put`](Self::put).
    pub(super) fn blank(
        world: &'static str,
        name: String,
        [width, height]: [usize; 2],
        episode_limit: u32,
    ) -> Self {
        Self {
            world,
            name,
            width,
            height,
            cells: Vec::with_capacity(width * height),
            spawns: Vec::new(),
            second_spawns: Vec::new(),
            crates: Vec::new(),
            keys: Vec::new(),
            hazards: Vec::new(),
            rewards: Vec::new(),
            episode_limit,
        }
    }

    /// The text of its file.
    pub fn text(&self) -> String {
        Draft::of(self).text()
    }

    /// The symbols of its map.
    pub(super) fn rows(&self) -> Vec<Vec<char>> {
        let mut rows = vec![vec!['.'; self.width]; self.height];
        for (index, cell) in self.cells.iter().enumerate() {
            if let Some((symbol, _)) = CELLS.iter().find(|(_, known)| known == cell) {
                rows[index / self.width][index % self.width] = *symbol;
            }
        }
        let mut begin = |symbol: char, &(column, row): &Place| rows[row][column] = symbol;
        self.spawns.iter().for_each(|place| begin('a', place));
        self.second_spawns.iter().for_each(|place| begin('b', place));
        self.crates.iter().for_each(|place| begin('o', place));
        self.keys.iter().for_each(|(color, place)| begin(['r', 'y', 'u'][*color as usize], place));
        for (ahead, place) in &self.hazards {
            begin(if *ahead == Direction::Right { '-' } else { '|' }, place);
        }
        rows
    }

    /// Adds the next cell of the map, and what starts there.
    pub(super) fn put(&mut self, place: Place, symbol: char) {
        let known = CELLS.iter().find(|(known, _)| *known == symbol);
        let cell = known.map_or(Cell::Floor, |(_, cell)| *cell);
        match symbol {
            'a' => self.spawns.push(place),
            'b' => self.second_spawns.push(place),
            'o' => self.crates.push(place),
            'r' => self.keys.push((KeyColor::Red, place)),
            'y' => self.keys.push((KeyColor::Yellow, place)),
            'u' => self.keys.push((KeyColor::Blue, place)),
            '-' => self.hazards.push((Direction::Right, place)),
            '|' => self.hazards.push((Direction::Up, place)),
            _ => {}
        }
        self.cells.push(cell);
    }
}

/// A position in a file: line and column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Position {
    /// An error at this position.
    pub(super) fn error(self, file: &str, problem: String, remedy: &str) -> LevelError {
        let Self { line, column } = self;
        LevelError::Invalid { file: file.to_owned(), line, column, problem, remedy: remedy.to_owned() }
    }
}

/// Position of the first `needle` in `text`; the beginning of `text` if there is none.
pub(super) fn find(text: &str, needle: &str) -> Position {
    let mut lines = text.lines().enumerate();
    let found =
        lines.find_map(|(line, content)| Some((line, content[..content.find(needle)?].chars().count())));
    found.map_or(Position { line: 1, column: 1 }, |(line, column)| Position {
        line: line + 1,
        column: column + 1,
    })
}

/// Position of cell `(column, row)` of a map in the `text` it was parsed from.
pub(super) fn position(text: &str, (column, row): Place) -> Position {
    let rows = ron::from_str::<File>(text).map(|file| file.map).unwrap_or_default();
    let first = row_positions(text, &rows).get(row).copied().unwrap_or(Position { line: 1, column: 1 });
    Position { column: first.column + column, ..first }
}

/// Position in the file of the first character of every map row; for a row with escapes, the position of the
/// map.
fn row_positions(text: &str, rows: &[String]) -> Vec<Position> {
    let map = find(text, "map");
    let mut at = text.find("map").unwrap_or(0);
    rows.iter()
        .map(|row| {
            let Some(found) = text[at..].find(&format!("\"{row}\"")) else { return map };
            let first = at + found + 1;
            at = first + row.len() + 1;
            let line_start = text[..first].rfind('\n').map_or(0, |newline| newline + 1);
            let line = text[..first].matches('\n').count() + 1;
            Position { line, column: text[line_start..first].chars().count() + 1 }
        })
        .collect()
}

/// A text shortened to the length of a title.
fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

/// The error for a level in the format of Sokoban programs.
pub(super) fn sokoban(file: &str) -> LevelError {
    let reason = "a Sokoban level in the format of .xsb and .sok files, which this program does not read";
    LevelError::Unreadable { file: file.to_owned(), reason: reason.to_owned() }
}

/// Whether an unparseable text looks like an .xsb or .sok file: bare rows of their symbols.
fn looks_like_sokoban(text: &str) -> bool {
    let row = |line: &str| {
        let line = line.trim();
        line.len() >= 3
            && line.starts_with('#')
            && line.ends_with('#')
            && line.chars().all(|c| "#@+$*. _-".contains(c))
    };
    text.lines().filter(|line| row(line)).count() >= 3
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::shipped;
    use super::*;

    fn problem(text: &str) -> String {
        Level::parse("x.ron", text).unwrap_err().to_string()
    }

    #[test]
    fn shipped_levels_parse() {
        for (file, text) in shipped() {
            let level = Level::parse(file, text).unwrap();
            assert!(file.starts_with(level.world), "{file}: {}", level.world);
            assert_eq!(Level::parse(file, &level.text()), Ok(level));
        }
    }

    #[test]
    fn mistakes_are_explained_with_their_position() {
        let unknown =
            "(\n version: 1,\n name: \"n\",\n map: [\n  \"####\",\n  \"#a?#\",\n  \"#.g#\",\n ],\n)";
        assert!(
            problem(unknown).starts_with("x.ron:6:6: unknown cell '?' for lava-room; use #"),
            "{}",
            problem(unknown)
        );
        let ragged = unknown.replace("#a?#", "#a#");
        assert!(problem(&ragged).starts_with("x.ron:6:4: row 2 has 3 cells"), "{}", problem(&ragged));
        assert!(problem(&unknown.replace("a?", "..")).contains("no start"));
        assert!(problem(&unknown.replace("a?", "a.").replace(".g", "..")).contains("no goal"));
        assert!(problem(&unknown.replace("version: 1", "version: 9")).contains("x.ron:2:2: version 9"));
        let elsewhere = unknown.replace("name", "world: \"moon\", name");
        assert!(
            problem(&elsewhere).starts_with("x.ron:3:2: \"moon\" is not a world"),
            "{}",
            problem(&elsewhere)
        );
        let marked = unknown.replace("?", "x");
        assert!(problem(&marked).contains("unknown cell 'x' for lava-room"), "{}", problem(&marked));
        let pays = |rewards: &str| {
            problem(&format!(
                "(version: 1, name: \"n\", map: [\"a.g\", \"..#\", \"...\"],\n rewards: [{rewards}])"
            ))
        };
        for (rewards, said) in [
            ("(1, 0, 2.0)", "no such reward"),
            ("(1, 0, 0.0)", "no such reward"),
            ("(2, 1, 0.5)", "players cannot walk there"),
            ("(0, 3, 0.5)", "players cannot walk there"),
            ("(1, 0, 0.5), (1, 0, -0.5)", "a second reward"),
        ] {
            let error = pays(rewards);
            assert!(error.starts_with("x.ron:2:2: (") && error.contains(said), "{error}");
        }
        assert!(
            problem("(version: 1,\n nam: 3)").starts_with("x.ron:2:"),
            "{}",
            problem("(version: 1,\n nam: 3)")
        );
    }

    #[test]
    fn cells_and_points_agree() {
        let level = Level::shipped("lava-room", 1).unwrap();
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
        fn any_map_is_a_level_or_one_line(rows in prop::collection::vec("[-#.~oagbrRx|*_=<>?\"\\\\]{0,30}", 0..30)) {
            let text = format!("(version: 1, name: \"n\", map: {rows:?})");
            if let Err(error) = Level::parse("x.ron", &text) {
                prop_assert_eq!(error.to_string().lines().count(), 1);
            }
        }
    }
}
