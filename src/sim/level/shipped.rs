//! Levels that come with the game, and how a level is found by number, file name or path.

use std::path::Path;

use super::{LARGEST_FILE, LevelError};

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

/// Name and text of the level of `world` that `path` means: a file, or where there is none a shipped one by its
/// number or file name.
pub(super) fn read(world: &str, path: &Path) -> Result<(String, String), LevelError> {
    let name = path.display().to_string();
    if !path.exists() {
        let base = path.file_name().and_then(|base| base.to_str()).unwrap_or_default();
        let found = match name.parse() {
            Ok(number) => Some(numbered(world, number)?),
            Err(_) => SHIPPED.iter().copied().find(|(shipped, _)| *shipped == base),
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
