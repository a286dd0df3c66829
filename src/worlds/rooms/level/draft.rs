//! Drafts: a level while it is being drawn, symbol by symbol, with undo. The drawing tools are in `view`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Kind, LARGEST_REWARD, LARGEST_SIDE, Level, LevelError, Place, VERSION, kinds};

/// Number of strokes that can be undone.
const MOST: usize = 200;

/// A level file that may be incomplete.
#[derive(Deserialize)]
struct Sketch {
    world: String,
    name: String,
    episode_limit: u32,
    map: Vec<String>,
    #[serde(default)]
    rewards: Vec<(usize, usize, f32)>,
}

/// The map. All rows have the same length.
#[derive(Debug, Clone, Default, PartialEq)]
struct Map {
    rows: Vec<Vec<char>>,
    rewards: BTreeMap<Place, f32>,
}

/// A map being drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The world it is for.
    pub world: &'static str,
    /// Title shown to people.
    pub name: String,
    /// Agent steps until an episode is truncated.
    pub episode_limit: u32,
    map: Map,
    past: Vec<Map>,
    future: Vec<Map>,
}

impl Draft {
    /// A draft of `level`.
    pub fn of(level: &Level) -> Self {
        Self {
            world: level.world,
            name: level.name.clone(),
            episode_limit: level.episode_limit,
            map: Map { rows: level.rows(), rewards: level.rewards.iter().copied().collect() },
            past: Vec::new(),
            future: Vec::new(),
        }
    }

    /// The draft in the `text` of a file written by [`Draft::text`], playable or not; `file` is only used in
    /// messages.
    ///
    /// # Errors
    /// [`LevelError`] for a text without a map.
    pub fn read(file: &str, text: &str) -> Result<Self, LevelError> {
        let error = match Level::parse(file, text) {
            Ok(level) => return Ok(Self::of(&level)),
            Err(error) => error,
        };
        let Ok(Sketch { world, name, episode_limit, map, rewards }) = ron::from_str(text) else {
            return Err(error);
        };
        let rows: Vec<Vec<char>> = map.iter().map(|row| row.chars().collect()).collect();
        let Some(rules) = super::super::find(&world) else { return Err(error) };
        let width = rows.first().map_or(0, Vec::len);
        let sides = [width, rows.len()].iter().all(|side| (1..=LARGEST_SIDE).contains(side));
        let even =
            rows.iter().all(|row| row.len() == width && row.iter().all(|symbol| rules.kind.allows(*symbol)));
        if !sides || !even {
            return Err(error);
        }
        let (past, future) = (Vec::new(), Vec::new());
        let map = Map { rows, ..Map::default() };
        let mut draft = Self { world: rules.name, name, episode_limit, map, past, future };
        for (column, row, reward) in rewards {
            draft.pay((column, row), reward);
        }
        Ok(draft)
    }

    /// Whether the maps are the same, regardless of their titles.
    pub fn is_like(&self, other: &Self) -> bool {
        (self.world, self.episode_limit, &self.map) == (other.world, other.episode_limit, &other.map)
    }

    /// Empties the map and makes it `width` × `height` cells, 5 to 24 each, with a wall around and what every
    /// level of its world needs: starts at the top, all else from the bottom up. Counts as one stroke.
    pub fn clear(&mut self, width: usize, height: usize) {
        let [width, height] = [width, height].map(|side| side.clamp(5, LARGEST_SIDE));
        self.begin_stroke();
        let edge = |at: usize, last: usize| at == 0 || at + 1 == last;
        let row = |y| (0..width).map(move |x| if edge(x, width) || edge(y, height) { '#' } else { '.' });
        self.map = Map { rows: (0..height).map(|y| row(y).collect()).collect(), ..Map::default() };
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
        [self.map.rows.first().map_or(0, Vec::len), self.map.rows.len()]
    }

    /// The symbol of a cell; wall beyond the map.
    pub fn symbol(&self, (column, row): Place) -> char {
        self.map.rows.get(row).and_then(|row| row.get(column)).copied().unwrap_or('#')
    }

    /// The reward for walking onto a cell, besides those of the world's rules.
    pub fn reward(&self, place: Place) -> f32 {
        self.map.rewards.get(&place).copied().unwrap_or(0.0)
    }

    /// Sets the reward of a cell, -1 to 1, where 0 removes it; returns whether that changed anything. Walls
    /// pay nothing.
    pub fn pay(&mut self, place: Place, reward: f32) -> bool {
        let before = self.reward(place);
        let reward = reward.clamp(-LARGEST_REWARD, LARGEST_REWARD);
        if reward == 0.0 || reward.is_nan() || self.symbol(place) == '#' {
            self.map.rewards.remove(&place);
        } else {
            self.map.rewards.insert(place, reward);
        }
        self.reward(place) != before
    }

    /// Begins a stroke, the unit of [`Draft::undo`].
    pub fn begin_stroke(&mut self) {
        if self.past.last() != Some(&self.map) {
            self.past.push(self.map.clone());
        }
        let surplus = self.past.len().saturating_sub(MOST);
        self.past.drain(..surplus);
        self.future.clear();
    }

    /// Puts `symbol` into a cell of the map; returns whether that changed anything. Symbols unknown to the
    /// world are ignored.
    pub fn paint(&mut self, (column, row): Place, symbol: char) -> bool {
        let known = Kind::of(self.world).is_some_and(|kind| kind.allows(symbol));
        let cell = self.map.rows.get_mut(row).and_then(|row| row.get_mut(column)).filter(|_| known);
        if symbol == '#' && cell.is_some() {
            self.map.rewards.remove(&(column, row));
        }
        cell.is_some_and(|cell| std::mem::replace(cell, symbol) != symbol)
    }

    /// Whether there is a stroke to undo, and one to redo.
    pub fn changes(&self) -> [bool; 2] {
        [self.past.iter().any(|before| *before != self.map), !self.future.is_empty()]
    }

    /// Undoes the last stroke; returns whether there was one.
    pub fn undo(&mut self) -> bool {
        while let Some(before) = self.past.pop() {
            if before != self.map {
                self.future.push(std::mem::replace(&mut self.map, before));
                return true;
            }
        }
        false
    }

    /// Redoes the last undone stroke; returns whether there was one.
    pub fn redo(&mut self) -> bool {
        let Some(after) = self.future.pop() else { return false };
        self.past.push(std::mem::replace(&mut self.map, after));
        true
    }

    /// Its symbols and their meanings.
    pub fn brushes(&self) -> impl Iterator<Item = (char, &'static str)> {
        let kind = Kind::of(self.world);
        kinds::LEGEND.iter().copied().filter(move |(symbol, _)| kind.is_some_and(|kind| kind.allows(*symbol)))
    }

    /// The text of its file, playable or not.
    pub fn text(&self) -> String {
        let row = |row: &Vec<char>| format!("        \"{}\",\n", row.iter().collect::<String>());
        let map: String = self.map.rows.iter().map(row).collect();
        let reward =
            |(place, reward): (&Place, &f32)| format!("        ({}, {}, {reward:?}),\n", place.0, place.1);
        let rewards: String = self.map.rewards.iter().map(reward).collect();
        let rewards = if rewards.is_empty() { rewards } else { format!("    rewards: [\n{rewards}    ],\n") };
        let Self { world, name, episode_limit, .. } = self;
        format!(
            "(\n    version: {VERSION},\n    world: {world:?},\n    name: {name:?},\n    \
             episode_limit: {episode_limit},\n    map: [\n{map}    ],\n{rewards})\n"
        )
    }

    /// The finished level.
    ///
    /// # Errors
    /// [`LevelError`] if something that every level of its world needs is missing.
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
        // A new stroke clears the redo history.
        assert!(draft.undo());
        draft.begin_stroke();
        draft.paint((1, 1), '.');
        assert!(!draft.redo());
    }

    #[test]
    fn rewards_are_drawn_taken_back_and_come_back_from_the_file() {
        let mut draft = Draft::of(&Level::shipped("lava-room", 1).unwrap());
        draft.begin_stroke();
        assert!(draft.pay((2, 1), -0.25) && !draft.pay((2, 1), -0.25) && !draft.pay((0, 0), 0.5));
        draft.begin_stroke();
        assert!(draft.pay((3, 1), 7.0));
        let level = draft.level().unwrap();
        assert_eq!((level.reward((2, 1)), level.reward((3, 1)), level.reward((1, 1))), (-0.25, 1.0, 0.0));
        assert_eq!(Draft::of(&level).level(), Ok(level));
        assert!(draft.undo() && draft.reward((3, 1)) == 0.0 && draft.reward((2, 1)) == -0.25);
        // A wall removes the reward of its cell.
        assert!(draft.paint((2, 1), '#') && draft.reward((2, 1)) == 0.0 && draft.level().is_ok());
    }

    #[test]
    fn an_unfinished_map_comes_back_from_its_file() {
        let mut draft = Draft::of(&Level::shipped("lava-room", 1).unwrap());
        draft.name = "half done".into();
        draft.pay((2, 1), 0.5);
        let [width, height] = draft.size();
        for (column, row) in (0..width).flat_map(|x| (0..height).map(move |y| (x, y))) {
            if "ga".contains(draft.symbol((column, row))) {
                draft.paint((column, row), '.');
            }
        }
        assert!(draft.level().is_err());
        let read = Draft::read("x.ron", &draft.text()).unwrap();
        assert!(read.is_like(&draft) && read.name == "half done" && read.text() == draft.text());
        let whole = Draft::of(&Level::shipped("tag", 2).unwrap());
        assert!(Draft::read("x.ron", &whole.text()).unwrap().is_like(&whole) && !whole.is_like(&draft));
        for text in
            ["", "(version: 1)", &draft.text().replace('#', "?"), &draft.text().replace("lava-room", "moon")]
        {
            let error = Draft::read("x.ron", text).unwrap_err().to_string();
            assert!(error.starts_with("x.ron:") && error.lines().count() == 1, "{error}");
        }
    }

    #[test]
    fn only_what_the_world_knows_is_painted_and_what_is_missing_is_said() {
        let mut draft = Draft::of(&Level::shipped("tag", 1).unwrap());
        assert!(!draft.paint((1, 1), '~') && !draft.paint((1, 1), '?') && !draft.paint((99, 1), '#'));
        assert_eq!(draft.brushes().map(|(symbol, _)| symbol).collect::<String>(), "#.abo");
        for rules in crate::worlds::rooms::all() {
            let mut draft = Draft::of(&Level::shipped(rules.name, 1).unwrap());
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
