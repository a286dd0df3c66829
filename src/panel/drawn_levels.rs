//! Drawn levels: the user's own levels, one file each in a folder per world.

use std::path::{Path, PathBuf};

use bevy::prelude::*;

use crate::files;
use crate::learner::checkpoint::replace_file;
use crate::worlds::rooms::level::draft::Draft;
use crate::worlds::rooms::level::{LARGEST_FILE, Level};

/// Folder of the running world's drawn levels; `None` if the system has no folder for user data.
#[derive(Resource, Debug, Clone, Default)]
pub struct DrawnLevelsFolder(pub Option<PathBuf>);

/// A level drawn by the user.
#[derive(Debug, Clone)]
pub struct DrawnLevel {
    /// File name without the extension.
    pub name: String,
    /// File.
    pub path: PathBuf,
    /// The drawing.
    pub draft: Draft,
    /// The playable level; `None` while it lacks something that every level of its world needs.
    pub level: Option<Level>,
}

impl DrawnLevel {
    /// Reads the level at `path`.
    ///
    /// # Errors
    /// One line if the file is not a level.
    pub fn read(path: &Path) -> Result<Self, String> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let wrong = |problem: String| format!("{}: {problem}", path.display());
        let text = files::read_text(path, LARGEST_FILE).map_err(|error| wrong(error.to_string()))?;
        let draft = Draft::read(&path.display().to_string(), &text).map_err(|error| error.to_string())?;
        Ok(Self { name, path: path.to_owned(), level: draft.level().ok(), draft })
    }
}

/// All levels in `folder`, by name. Other files are skipped.
pub fn list(folder: &Path) -> Vec<DrawnLevel> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let drawings = files.filter(|path| path.extension().is_some_and(|ending| ending == "ron"));
    let mut levels: Vec<DrawnLevel> = drawings.filter_map(|path| DrawnLevel::read(&path).ok()).collect();
    // `my-tag-2` before `my-tag-10`.
    levels.sort_by_key(|level| (level.name.len(), level.name.clone()));
    levels
}

/// An unused file name in `folder`: `my-WORLD-N.ron` with the first free number.
pub(super) fn unused_path(folder: &Path, world: &str) -> PathBuf {
    let numbered = |number: usize| folder.join(format!("my-{world}-{number}.ron"));
    let mut numbers = 1..;
    numbers.find(|number| !numbered(*number).exists()).map_or_else(|| numbered(0), numbered)
}

/// The file in `folder` with the same level as `draft`.
pub(super) fn find(folder: &Path, draft: &Draft) -> Option<PathBuf> {
    list(folder).into_iter().find(|level| level.draft.is_like(draft)).map(|level| level.path)
}

/// Writes a level atomically.
///
/// # Errors
/// One line if the file cannot be written.
pub(super) fn write(path: &Path, draft: &Draft) -> Result<(), String> {
    let problem = |error: std::io::Error| format!("{}: {error}; this level is not saved", path.display());
    path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(problem)?;
    replace_file(path, draft.text().as_bytes()).map_err(problem)
}

/// The path of the level at `path` after renaming it to `name`.
///
/// # Errors
/// One line if the name is not a valid file name or belongs to another level.
pub(super) fn renamed(path: &Path, name: &str) -> Result<PathBuf, String> {
    let name = name.trim();
    let allowed = |c: char| c.is_alphanumeric() || " -_.()".contains(c);
    if name.is_empty() || name.len() > 60 || name.starts_with('.') || !name.chars().all(allowed) {
        return Err(format!("{name:?}: use a name of letters, digits, spaces, - and _"));
    }
    let to = path.with_file_name(format!("{name}.ron"));
    if to != path && to.exists() {
        return Err(format!("{name}: a level with this name exists; choose another name"));
    }
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_saved_listed_and_get_different_names() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("levels/lava-room");
        let draft = Draft::of(&Level::shipped("lava-room", 2).unwrap());
        for expected in ["my-lava-room-1.ron", "my-lava-room-2.ron"] {
            let path = unused_path(&folder, "lava-room");
            assert_eq!(path, folder.join(expected));
            write(&path, &draft).unwrap();
        }
        std::fs::write(folder.join("broken.ron"), "not a level").unwrap();
        std::fs::write(folder.join("notes.txt"), draft.text()).unwrap();
        let mut unfinished = Draft::of(&Level::shipped("lava-room", 1).unwrap());
        unfinished.clear(6, 6);
        (1..5).for_each(|column| (1..5).for_each(|row| _ = unfinished.paint((column, row), '.')));
        write(&folder.join("half.ron"), &unfinished).unwrap();
        let levels = list(&folder);
        let names: Vec<_> = levels.iter().map(|level| (level.name.as_str(), level.level.is_some())).collect();
        assert_eq!(names, [("half", false), ("my-lava-room-1", true), ("my-lava-room-2", true)]);
        assert_eq!(find(&folder, &unfinished), Some(folder.join("half.ron")));
        assert!(list(&place.path().join("nowhere")).is_empty());
    }

    #[test]
    fn names_must_be_valid_file_names_and_unused() {
        let place = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| place.path().join(format!("{name}.ron")));
        for path in [&one, &two] {
            std::fs::write(path, "").unwrap();
        }
        assert_eq!(renamed(&one, " three "), Ok(place.path().join("three.ron")));
        assert_eq!(renamed(&one, "one"), Ok(one.clone()));
        assert!(renamed(&one, "two").unwrap_err().contains("a level with this name exists"));
        for wrong in ["", " ", "../two", "a/b", "a\\b", ".hidden", "x\ny", &"x".repeat(61)] {
            assert!(renamed(&one, wrong).unwrap_err().contains("use a name"), "{wrong:?}");
        }
    }
}
