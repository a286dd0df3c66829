//! Saved levels: what a run records of its level, and whether the original file has changed since.

use std::path::{Component, Path, PathBuf};

use super::shipped::{self, Named};
use super::{Level, LevelError};
use crate::files::portable;
use crate::mdp::LevelRecord;

/// Name of the run folder's copy of its level.
pub const FILE: &str = "level.ron";

/// A requested level, with its record in the run folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The level.
    pub level: Level,
    /// Its record.
    pub record: LevelRecord,
    /// The file it was read from, if any.
    pub file: Option<PathBuf>,
}

/// The level that `asked` names for `world`; `run` is the folder it will be saved in, if any.
///
/// # Errors
/// [`LevelError`] if it cannot be read or belongs to another world.
pub fn find(world: &str, asked: &Path, run: Option<&Path>) -> Result<Found, LevelError> {
    let (name, file, text, path) = match shipped::named(world, asked)? {
        Named::Shipped(file, text) => (shipped::number(file).into(), file.to_owned(), text.to_owned(), None),
        Named::File(path) => {
            let (file, text) = shipped::read_file(&path)?;
            (portable(&path), file, text, Some(path))
        }
    };
    let level = Level::of_world(world, &file, &text)?;
    let near = run.zip(path.as_deref()).and_then(|(run, path)| near(run, path));
    Ok(Found { level, record: LevelRecord { name, text: Some(text), near }, file: path })
}

/// The level in `record`. Older versions stored only a name or path, which is then looked up.
///
/// # Errors
/// [`LevelError`] if its text is no level of `world`, or it has no text and its file is gone.
pub fn again(world: &str, record: &LevelRecord) -> Result<Found, LevelError> {
    if let Some(text) = &record.text {
        let level = Level::of_world(world, &record.name, text)?;
        return Ok(Found { level, record: record.clone(), file: None });
    }
    let path = Path::new(&record.name);
    // A shipped level, from any installation path.
    let base = path.file_name().map(Path::new).filter(|_| !path.is_file());
    let shipped = base.filter(|base| matches!(shipped::named(world, base), Ok(Named::Shipped(..))));
    find(world, shipped.unwrap_or(path), None)
}

/// The relative path from the folder `run` to the file at `path`, if it reveals nothing personal: both share
/// a folder below the root, and the path does not leave a home folder.
fn near(run: &Path, path: &Path) -> Option<String> {
    let home = std::env::home_dir().and_then(|home| home.canonicalize().ok());
    let whole = |path: &Path| std::path::absolute(path).ok().map(|path| path.canonicalize().unwrap_or(path));
    way(&whole(run)?, &whole(path)?, home.as_deref())
}

fn way(run: &Path, path: &Path, home: Option<&Path>) -> Option<String> {
    let shared = run.components().zip(path.components()).take_while(|(a, b)| a == b).count();
    let common: PathBuf = run.components().take(shared).collect();
    let named = common.components().any(|part| matches!(part, Component::Normal(_)));
    // The path must not contain the name of a home folder.
    let private = home.is_some_and(|home| path.starts_with(home) && !common.starts_with(home));
    if !named || private {
        return None;
    }
    let up = run.components().skip(shared).map(|_| "..".to_owned());
    let down = path.components().skip(shared).map(|part| part.as_os_str().to_string_lossy().into_owned());
    Some(up.chain(down).collect::<Vec<_>>().join("/"))
}

/// The file that `record` was made from, if it still exists: relative to the folder `run` or the working
/// folder, or next to the record.
pub fn outside(record: &LevelRecord, run: Option<&Path>) -> Option<PathBuf> {
    if !record.name.ends_with(".ron") && record.near.is_none() {
        return None;
    }
    let near = run.zip(record.near.as_deref()).map(|(run, near)| run.join(near));
    let beside = run.and_then(Path::parent).map(|folder| folder.join(&record.name));
    let all = [near, Some(PathBuf::from(&record.name)), beside];
    all.into_iter().flatten().find(|path| path.is_file())
}

/// One line if the shipped level, or the file at `outside`, differs from `record`; `None` if it is the same
/// or missing.
pub fn difference(world: &str, record: &LevelRecord, outside: Option<&Path>) -> Option<String> {
    let own = Level::of_world(world, "", record.text.as_deref()?).ok()?;
    let (what, now) = match outside {
        Some(path) => (path.display().to_string(), Level::load_file(world, path).ok()),
        None => {
            let number = record.name.parse().ok()?;
            let what = format!("level {number} that comes with this program");
            (what, Some(Level::shipped(world, number).ok()?))
        }
    };
    (now.as_ref() != Some(&own))
        .then(|| format!("{what} differs from the level trained on; the one trained on is used"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: &str = "(version: 1, name: \"n\", map: [\"###\", \"a.g\", \"###\"])";

    #[test]
    fn ways_say_nothing_of_their_author() {
        let home = Some(Path::new("/home/ann"));
        let way = |run: &str, path: &str| way(Path::new(run), Path::new(path), home);
        assert_eq!(way("/home/ann/runs/a", "/home/ann/mine.ron").as_deref(), Some("../../mine.ron"));
        assert_eq!(way("/srv/x/a", "/srv/x/mine.ron").as_deref(), Some("../mine.ron"));
        assert_eq!(way("/srv/a", "/home/ann/mine.ron"), None);
        assert_eq!(way("/home/bob/a", "/home/ann/mine.ron"), None);
    }

    #[test]
    fn a_level_is_kept_with_its_text_and_a_file_that_differs_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (run, path) = (folder.path().join("run"), folder.path().join("mine.ron"));
        std::fs::create_dir(&run).unwrap();
        std::fs::write(&path, MINE).unwrap();
        let kept = find("lava-room", &path, Some(&run)).unwrap().record;
        assert_eq!((kept.name.as_str(), kept.near.as_deref()), ("mine.ron", Some("../mine.ron")));
        assert_eq!(kept.text.as_deref(), Some(MINE));
        let found = outside(&kept, Some(&run)).unwrap();
        assert_eq!(difference("lava-room", &kept, Some(&found)), None);
        // A comment changes no level.
        std::fs::write(&path, format!("// mine\n{MINE}")).unwrap();
        assert_eq!(difference("lava-room", &kept, Some(&found)), None);
        for other in [MINE.replace("a.g", "g.a"), "broken".to_owned()] {
            std::fs::write(&path, other).unwrap();
            let said = difference("lava-room", &kept, Some(&found)).unwrap();
            assert!(
                said.contains("mine.ron differs from the level trained on") && said.lines().count() == 1,
                "{said}"
            );
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(outside(&kept, Some(&run)), None);
        let shipped = find("lava-room", Path::new("1"), Some(&run)).unwrap().record;
        assert_eq!((shipped.name.as_str(), difference("lava-room", &shipped, None)), ("1", None));
        let changed = LevelRecord { text: Some(MINE.into()), ..shipped };
        assert!(difference("lava-room", &changed, None).unwrap().starts_with("level 1 that comes with"));
    }
}
