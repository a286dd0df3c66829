//! Maps that people have drawn: a file each, in a folder of their world's.

use std::path::{Path, PathBuf};

use bevy::prelude::*;

use crate::files;
use crate::learner::checkpoint::replace_file;
use crate::sim::level::draft::Draft;
use crate::sim::level::{LARGEST_FILE, Level};

/// Where the maps of the running world are kept; `None` where the system names no place for user data.
#[derive(Resource, Debug, Clone, Default)]
pub struct MyMaps(pub Option<PathBuf>);

/// A map that was drawn.
#[derive(Debug, Clone)]
pub struct OwnMap {
    /// What it is called: the name of its file without the ending.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// What is drawn.
    pub draft: Draft,
    /// The level it is; `None` while something is missing that every level of its world needs.
    pub level: Option<Level>,
}

impl OwnMap {
    /// Reads the map at `path`.
    ///
    /// # Errors
    /// One line for a file that is no map.
    pub fn read(path: &Path) -> Result<Self, String> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let wrong = |problem: String| format!("{}: {problem}", path.display());
        let text = files::read_text(path, LARGEST_FILE).map_err(|error| wrong(error.to_string()))?;
        let draft = Draft::read(&path.display().to_string(), &text).map_err(|error| error.to_string())?;
        Ok(Self { name, path: path.to_owned(), level: draft.level().ok(), draft })
    }
}

/// All maps in `folder`, by name. Files that are no maps are left out.
pub fn list(folder: &Path) -> Vec<OwnMap> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let own = files.filter(|path| path.extension().is_some_and(|ending| ending == "ron"));
    let mut maps: Vec<OwnMap> = own.filter_map(|path| OwnMap::read(&path).ok()).collect();
    // `my-map-2` before `my-map-10`.
    maps.sort_by_key(|map| (map.name.len(), map.name.clone()));
    maps
}

/// A file in `folder` that is not there yet: `my-WORLD-1.ron`, or the next free number.
pub(super) fn free(folder: &Path, world: &str) -> PathBuf {
    let numbered = |number: usize| folder.join(format!("my-{world}-{number}.ron"));
    let mut numbers = 1..;
    numbers.find(|number| !numbered(*number).exists()).map_or_else(|| numbered(0), numbered)
}

/// The file in `folder` that holds the same map as `draft`.
pub(super) fn holding(folder: &Path, draft: &Draft) -> Option<PathBuf> {
    list(folder).into_iter().find(|map| map.draft.is_like(draft)).map(|map| map.path)
}

/// Writes a map whole or not at all.
///
/// # Errors
/// One line.
pub(super) fn write(path: &Path, draft: &Draft) -> Result<(), String> {
    let problem = |error: std::io::Error| format!("{}: {error}; this map is not kept", path.display());
    path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(problem)?;
    replace_file(path, draft.text().as_bytes()).map_err(problem)
}

/// The file that the map at `path` has when it is called `name`.
///
/// # Errors
/// One line for a name that no file can have, or that another map has.
pub(super) fn renamed(path: &Path, name: &str) -> Result<PathBuf, String> {
    let name = name.trim();
    let plain = |c: char| c.is_alphanumeric() || " -_.()".contains(c);
    if name.is_empty() || name.len() > 60 || name.starts_with('.') || !name.chars().all(plain) {
        return Err(format!("{name:?}: give a name of letters, digits, spaces, - and _"));
    }
    let to = path.with_file_name(format!("{name}.ron"));
    if to != path && to.exists() {
        return Err(format!("{name}: there is a map of that name; choose another"));
    }
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_kept_listed_and_named_apart() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("levels/lava-room");
        let draft = Draft::of(&Level::shipped("lava-room", 2).unwrap());
        for expected in ["my-lava-room-1.ron", "my-lava-room-2.ron"] {
            let path = free(&folder, "lava-room");
            assert_eq!(path, folder.join(expected));
            write(&path, &draft).unwrap();
        }
        std::fs::write(folder.join("broken.ron"), "no map").unwrap();
        std::fs::write(folder.join("notes.txt"), draft.text()).unwrap();
        let mut unfinished = Draft::of(&Level::shipped("lava-room", 1).unwrap());
        unfinished.clear(6, 6);
        (1..5).for_each(|column| (1..5).for_each(|row| _ = unfinished.paint((column, row), '.')));
        write(&folder.join("half.ron"), &unfinished).unwrap();
        let maps = list(&folder);
        let names: Vec<_> = maps.iter().map(|map| (map.name.as_str(), map.level.is_some())).collect();
        assert_eq!(names, [("half", false), ("my-lava-room-1", true), ("my-lava-room-2", true)]);
        assert_eq!(holding(&folder, &unfinished), Some(folder.join("half.ron")));
        assert!(list(&place.path().join("nowhere")).is_empty());
    }

    #[test]
    fn names_are_those_of_files_and_no_map_takes_that_of_another() {
        let place = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| place.path().join(format!("{name}.ron")));
        for path in [&one, &two] {
            std::fs::write(path, "").unwrap();
        }
        assert_eq!(renamed(&one, " three "), Ok(place.path().join("three.ron")));
        assert_eq!(renamed(&one, "one"), Ok(one.clone()));
        assert!(renamed(&one, "two").unwrap_err().contains("there is a map of that name"));
        for wrong in ["", " ", "../two", "a/b", "a\\b", ".hidden", "x\ny", &"x".repeat(61)] {
            assert!(renamed(&one, wrong).unwrap_err().contains("give a name"), "{wrong:?}");
        }
    }
}
