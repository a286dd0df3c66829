//! Shipped levels, and finding a level by number, file name or path.

use std::path::{Path, PathBuf};

use super::parse::sokoban;
use super::{LARGEST_FILE, LevelError};
use crate::files::read_text;
use crate::worlds::rooms;

/// File name and text of every level in `levels/`, world by world.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    rooms::all().flat_map(|rules| rules.levels).copied()
}

/// File names and texts of the levels of `world`, in order.
fn of(world: &str) -> &'static [(&'static str, &'static str)] {
    rooms::find(world).map_or(&[], |rules| rules.levels)
}

/// Number of shipped levels of `world`; 0 for a world without levels.
pub fn count(world: &str) -> usize {
    of(world).len()
}

/// Level number `number` of `world`, from 1.
pub(super) fn numbered(world: &str, number: usize) -> Result<(&'static str, &'static str), LevelError> {
    let found = number.checked_sub(1).and_then(|index| of(world).get(index).copied());
    found.ok_or_else(|| LevelError::Unreadable {
        file: format!("{world}, level {number}"),
        reason: format!("levels 1 to {} come with the game", of(world).len()),
    })
}

/// The number in the file name of a shipped level.
pub(super) fn number(file: &str) -> &str {
    let stem = file.strip_suffix(".ron").unwrap_or(file);
    stem.rsplit_once('-').map_or(stem, |(_, number)| number)
}

/// The name of a level, by which it is found again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// A shipped level: file name and text.
    Shipped(&'static str, &'static str),
    /// A file.
    File(PathBuf),
}

/// Resolves `level`: a number, or a shipped file's name with or without its extension, is always the shipped
/// level, regardless of files in the working folder; a path has a separator or ends in .ron.
pub(super) fn named(world: &str, level: &Path) -> Result<Named, LevelError> {
    let name = level.display().to_string();
    if let Ok(number) = name.parse() {
        return numbered(world, number).map(|(name, text)| Named::Shipped(name, text));
    }
    let called = |shipped: &str| shipped == name || shipped.strip_suffix(".ron") == Some(&name);
    if let Some((shipped, text)) = all().find(|(shipped, _)| called(shipped)) {
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
