//! Drafts: a level while it is being drawn, symbol by symbol, with a way back. Drawing tools are left to `view`.

use super::{Kind, LARGEST_SIDE, Level, LevelError, Place, VERSION, kinds};

/// Strokes that can be undone.
const MOST: usize = 200;

/// A map being drawn. Every row is equally long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The world it is for.
    pub world: &'static str,
    /// Title shown to people.
    pub name: String,
    /// Agent steps until an episode is truncated.
    pub episode_limit: u32,
    rows: Vec<Vec<char>>,
    past: Vec<Vec<Vec<char>>>,
    future: Vec<Vec<Vec<char>>>,
}

impl Draft {
    /// The map of `level`, to be changed.
    pub fn of(level: &Level) -> Self {
        Self {
            world: level.world,
            name: level.name.clone(),
            episode_limit: level.episode_limit,
            rows: level.rows(),
            past: Vec::new(),
            future: Vec::new(),
        }
    }

    /// Empties the map and makes it `width` × `height` cells, 5 to 24 each, with a wall around and what every level of
    /// its world needs: starts at the top, all else from the bottom up. A stroke of its own.
    pub fn clear(&mut self, width: usize, height: usize) {
        let [width, height] = [width, height].map(|side| side.clamp(5, LARGEST_SIDE));
        self.begin_stroke();
        let edge = |at: usize, last: usize| at == 0 || at + 1 == last;
        let row = |y| (0..width).map(move |x| if edge(x, width) || edge(y, height) { '#' } else { '.' });
        self.rows = (0..height).map(|y| row(y).collect()).collect();
        let free = |number: usize| (1 + number % (width - 2), 1 + number / (width - 2));
        let (mut first, mut last) = (0, (width - 2) * (height - 2) - 1);
        for &(symbol, least, _) in Kind::of(self.world).map_or(&[][..], |kind| kind.needs) {
            for _ in 0..least {
                let at = if "ab".contains(symbol) { &mut first } else { &mut last };
                self.paint(free(*at), symbol);
                *at = if "ab".contains(symbol) { *at + 1 } else { at.saturating_sub(1) };
            }
        }
    }

    /// Cells a row, and rows.
    pub fn size(&self) -> [usize; 2] {
        [self.rows.first().map_or(0, Vec::len), self.rows.len()]
    }

    /// The symbol of a cell; wall beyond the map.
    pub fn symbol(&self, (column, row): Place) -> char {
        self.rows.get(row).and_then(|row| row.get(column)).copied().unwrap_or('#')
    }

    /// Begins what [`Draft::undo`] takes back as one.
    pub fn begin_stroke(&mut self) {
        if self.past.last() != Some(&self.rows) {
            self.past.push(self.rows.clone());
        }
        let surplus = self.past.len().saturating_sub(MOST);
        self.past.drain(..surplus);
        self.future.clear();
    }

    /// Puts `symbol` into a cell of the map; whether that changed it. Symbols that the world does not know change
    /// nothing.
    pub fn paint(&mut self, (column, row): Place, symbol: char) -> bool {
        let known = Kind::of(self.world).is_some_and(|kind| kind.allows(symbol));
        let cell = self.rows.get_mut(row).and_then(|row| row.get_mut(column)).filter(|_| known);
        cell.is_some_and(|cell| std::mem::replace(cell, symbol) != symbol)
    }

    /// Takes the last stroke back; whether there was one.
    pub fn undo(&mut self) -> bool {
        while let Some(before) = self.past.pop() {
            if before != self.rows {
                self.future.push(std::mem::replace(&mut self.rows, before));
                return true;
            }
        }
        false
    }

    /// Makes the stroke again that was last undone; whether there was one.
    pub fn redo(&mut self) -> bool {
        let Some(after) = self.future.pop() else { return false };
        self.past.push(std::mem::replace(&mut self.rows, after));
        true
    }

    /// Its symbols, and what each stands for.
    pub fn brushes(&self) -> impl Iterator<Item = (char, &'static str)> {
        let kind = Kind::of(self.world);
        kinds::LEGEND.into_iter().filter(move |(symbol, _)| kind.is_some_and(|kind| kind.allows(*symbol)))
    }

    /// The text of its file, whether or not it can be played.
    pub fn text(&self) -> String {
        let row = |row: &Vec<char>| format!("        \"{}\",\n", row.iter().collect::<String>());
        let map: String = self.rows.iter().map(row).collect();
        let Self { world, name, episode_limit, .. } = self;
        format!(
            "(\n    version: {VERSION},\n    world: {world:?},\n    name: {name:?},\n    \
             episode_limit: {episode_limit},\n    map: [\n{map}    ],\n)\n"
        )
    }

    /// The level it has become.
    ///
    /// # Errors
    /// [`LevelError`] when something that every level of its world needs is missing.
    pub fn level(&self) -> Result<Level, LevelError> {
        Level::parse("the draft", &self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strokes_are_undone_and_made_again() {
        let level = Level::shipped("lava-room", 1).unwrap();
        let mut draft = Draft::of(&level);
        assert_eq!(draft.level().as_ref(), Ok(&level));
        draft.begin_stroke();
        assert!(draft.paint((2, 1), '~') && draft.paint((2, 2), '~') && !draft.paint((2, 2), '~'));
        draft.begin_stroke();
        assert!(draft.paint((3, 1), '#'));
        let after = draft.level().unwrap();
        assert!(draft.undo() && draft.symbol((3, 1)) != '#' && draft.symbol((2, 2)) == '~');
        assert!(draft.undo() && draft.level().as_ref() == Ok(&level) && !draft.undo());
        assert!(draft.redo() && draft.redo() && !draft.redo());
        assert_eq!(draft.level(), Ok(after));
        // A new stroke forgets what was undone.
        assert!(draft.undo());
        draft.begin_stroke();
        draft.paint((1, 1), '.');
        assert!(!draft.redo());
    }

    #[test]
    fn only_what_the_world_knows_is_painted_and_what_is_missing_is_said() {
        let mut draft = Draft::of(&Level::shipped("tag", 1).unwrap());
        assert!(!draft.paint((1, 1), '~') && !draft.paint((1, 1), '?') && !draft.paint((99, 1), '#'));
        assert_eq!(draft.brushes().map(|(symbol, _)| symbol).collect::<String>(), "#.abo");
        for kind in kinds::KINDS {
            let mut draft = Draft::of(&Level::shipped(kind.world, 1).unwrap());
            draft.clear(5, 2);
            assert_eq!(draft.size(), [5, 5]);
            draft.level().unwrap();
        }
        draft.clear(6, 6);
        draft.begin_stroke();
        assert!(draft.paint((1, 1), '.'));
        let error = draft.level().unwrap_err().to_string();
        assert!(error.contains("no start") && error.lines().count() == 1, "{error}");
        assert!(draft.undo() && draft.level().is_ok() && draft.size() == [6, 6]);
    }
}
