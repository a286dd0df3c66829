//! Levels that come with the game, and how a level is found by number, file name or path.

use std::path::{Path, PathBuf};

use super::parse::sokoban;
use super::{LARGEST_FILE, LevelError};
use crate::files::read_text;

/// File name and text of every level in `levels/`, by world.
pub const SHIPPED: &[(&str, &str)] = &[
    ("lava-room-1.ron", include_str!("../../../levels/lava-room-1.ron")),
    ("lava-room-2.ron", include_str!("../../../levels/lava-room-2.ron")),
    ("lava-room-3.ron", include_str!("../../../levels/lava-room-3.ron")),
    ("lava-room-4.ron", include_str!("../../../levels/lava-room-4.ron")),
    ("crate-yard-1.ron", include_str!("../../../levels/crate-yard-1.ron")),
    ("crate-yard-2.ron", include_str!("../../../levels/crate-yard-2.ron")),
    ("crate-yard-3.ron", include_str!("../../../levels/crate-yard-3.ron")),
    ("crate-yard-4.ron", include_str!("../../../levels/crate-yard-4.ron")),
    ("crate-yard-5.ron", include_str!("../../../levels/crate-yard-5.ron")),
    ("crate-yard-6.ron", include_str!("../../../levels/crate-yard-6.ron")),
    ("key-door-1.ron", include_str!("../../../levels/key-door-1.ron")),
    ("key-door-2.ron", include_str!("../../../levels/key-door-2.ron")),
    ("key-door-3.ron", include_str!("../../../levels/key-door-3.ron")),
    ("key-door-4.ron", include_str!("../../../levels/key-door-4.ron")),
    ("lava-room-5.ron", include_str!("../../../levels/lava-room-5.ron")),
    ("lava-room-6.ron", include_str!("../../../levels/lava-room-6.ron")),
    ("lava-room-7.ron", include_str!("../../../levels/lava-room-7.ron")),
    ("lava-room-8.ron", include_str!("../../../levels/lava-room-8.ron")),
    ("memory-corridor-1.ron", include_str!("../../../levels/memory-corridor-1.ron")),
    ("memory-corridor-2.ron", include_str!("../../../levels/memory-corridor-2.ron")),
    ("memory-corridor-3.ron", include_str!("../../../levels/memory-corridor-3.ron")),
    ("two-plates-1.ron", include_str!("../../../levels/two-plates-1.ron")),
    ("two-plates-2.ron", include_str!("../../../levels/two-plates-2.ron")),
    ("two-plates-3.ron", include_str!("../../../levels/two-plates-3.ron")),
    ("tag-1.ron", include_str!("../../../levels/tag-1.ron")),
    ("tag-2.ron", include_str!("../../../levels/tag-2.ron")),
    ("tag-3.ron", include_str!("../../../levels/tag-3.ron")),
];

/// File names and texts of the levels of `world`.
fn of(world: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let own = move |name: &str| {
        name.strip_prefix(world).and_then(|rest| rest.strip_prefix('-')).is_some_and(|rest| {
            rest.strip_suffix(".ron").is_some_and(|number| number.parse::<usize>().is_ok())
        })
    };
    SHIPPED.iter().copied().filter(move |(name, _)| own(name))
}

/// How many levels of `world` come with the game; 0 for a world without levels.
pub fn count(world: &str) -> usize {
    of(world).count()
}

/// Level number `number` of `world`, from 1.
pub(super) fn numbered(world: &str, number: usize) -> Result<(&'static str, &'static str), LevelError> {
    let found = number.checked_sub(1).and_then(|index| of(world).nth(index));
    found.ok_or_else(|| LevelError::Unreadable {
        file: format!("{world}, level {number}"),
        reason: format!("levels 1 to {} come with the game", of(world).count()),
    })
}

/// The number in the file name of a level that comes with the game.
pub(super) fn number(file: &str) -> &str {
    let stem = file.strip_suffix(".ron").unwrap_or(file);
    stem.rsplit_once('-').map_or(stem, |(_, number)| number)
}

/// What a level is called: how it is found again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// One that comes with the game: file name and text.
    Shipped(&'static str, &'static str),
    /// A file.
    File(PathBuf),
}

/// What `level` names: a number or a shipped file's name with or without its ending is always the level that comes with
/// the game, whatever lies in the working folder; a path has a separator or ends in .ron.
pub(super) fn named(world: &str, level: &Path) -> Result<Named, LevelError> {
    let name = level.display().to_string();
    if let Ok(number) = name.parse() {
        return numbered(world, number).map(|(name, text)| Named::Shipped(name, text));
    }
    let called = |shipped: &str| shipped == name || shipped.strip_suffix(".ron") == Some(&name);
    if let Some((shipped, text)) = SHIPPED.iter().find(|(shipped, _)| called(shipped)) {
        return Ok(Named::Shipped(shipped, text));
    }
    let ends_in = |endings: &[&str]| {
        let ending = level.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        ending.is_some_and(|ending| endings.contains(&ending.as_str()))
    };
    if ends_in(&["xsb", "sok"]) {
        return Err(sokoban(&name));
    }
    if name.contains(std::path::is_separator) || ends_in(&["ron"]) {
        return Ok(Named::File(level.to_owned()));
    }
    let reason = match count(world) {
        0 => "no level that comes with the game".to_owned(),
        count => format!("no level that comes with the game: those of {world} are 1 to {count}"),
    };
    Err(LevelError::Unreadable { file: name, reason })
}

/// Name and text of the level of `world` that `level` names.
pub(super) fn read(world: &str, level: &Path) -> Result<(String, String), LevelError> {
    match named(world, level)? {
        Named::Shipped(name, text) => Ok((name.to_owned(), text.to_owned())),
        Named::File(path) => read_file(&path),
    }
}

/// Name and text of the level file at `path`.
pub(super) fn read_file(path: &Path) -> Result<(String, String), LevelError> {
    let name = path.display().to_string();
    match read_text(path, LARGEST_FILE) {
        Ok(text) => Ok((name, text)),
        Err(error) => Err(LevelError::Unreadable { file: name, reason: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_shipped_levels_and_paths_are_files() {
        let shipped = |level: &str| match named("lava-room", Path::new(level)) {
            Ok(Named::Shipped(name, _)) => Some(name),
            _ => None,
        };
        for level in ["2", "02", "lava-room-2", "lava-room-2.ron"] {
            assert_eq!(shipped(level), Some("lava-room-2.ron"), "{level}");
        }
        for level in ["mine.ron", "MINE.RON", "./2", "lava-room-99.ron", "maps/2", "./lava-room-2.ron"] {
            assert_eq!(named("lava-room", Path::new(level)), Ok(Named::File(level.into())), "{level}");
        }
        let refused = |level: &str| named("lava-room", Path::new(level)).unwrap_err().to_string();
        assert!(refused("99").contains("levels 1 to 8 come with the game"), "{}", refused("99"));
        assert!(refused("mine").contains("those of lava-room are 1 to 8"), "{}", refused("mine"));
        assert!(refused("maps/puzzle.XSB").contains("a Sokoban level"), "{}", refused("maps/puzzle.XSB"));
    }
}
