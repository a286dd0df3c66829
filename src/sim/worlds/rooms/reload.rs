//! Reload: an edited level file is played as soon as it is saved, and a mistake in it is said at once.
//!
//! What is drawn anew is left to `view`; where the notice stands, to `panel`.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bevy::prelude::*;

use super::{Room, Rooms};
use crate::sim::arena::{EnvironmentHooks, Spec, show_bodies};
use crate::sim::level::Level;
use crate::sim::{Environment as _, SimConfig};

/// Seconds between two looks at the file.
const PAUSE: f32 = 0.4;

/// The level file that is watched, and how it was when last seen.
#[derive(Resource, Debug, Clone)]
pub struct WatchedLevel {
    path: PathBuf,
    seen: Option<(SystemTime, u64)>,
    since: f32,
}

impl WatchedLevel {
    /// Takes what lies at `path` now for known: whoever wrote it plays it already.
    pub fn knows(&mut self, path: &Path) {
        if self.path == path {
            self.seen = stamp(path);
        }
    }
}

/// What came of the last change to the level file, in one line; `None` while there was none.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq)]
pub struct LevelNotice(pub Option<String>);

/// Watches the level file at `path` while the app runs.
pub fn plugin(app: &mut App, path: PathBuf) {
    let seen = stamp(&path);
    app.insert_resource(WatchedLevel { path, seen, since: 0.0 })
        .init_resource::<LevelNotice>()
        .add_systems(Update, reload.run_if(resource_exists::<Rooms>));
}

/// When the file was last written, and its length.
fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let file = std::fs::metadata(path).ok()?;
    Some((file.modified().ok()?, file.len()))
}

fn reload(world: &mut World) {
    let passed = world.get_resource::<Time<Real>>().map_or(PAUSE, |time| time.delta_secs());
    let mut watched = world.resource_mut::<WatchedLevel>();
    watched.since += passed;
    if watched.since < PAUSE {
        return;
    }
    watched.since = 0.0;
    let now = stamp(&watched.path);
    // A file that is gone for a moment is being saved.
    if now.is_none() || now == watched.seen {
        return;
    }
    watched.seen = now;
    let path = watched.path.clone();
    let notice = match take(world, &path) {
        Ok(name) => format!("level {name:?} reloaded"),
        Err(problem) => problem,
    };
    world.insert_resource(LevelNotice(Some(notice)));
}

/// Plays the level at `path` from now on; its name, or why it cannot be played.
fn take(world: &mut World, path: &Path) -> Result<String, String> {
    let rules = world.resource::<Rooms>().rules;
    let level = Level::load_file(rules.name, path).map_err(|error| error.to_string())?;
    let name = level.name.clone();
    if exchange(world, level) {
        return Ok(name);
    }
    Err(format!(
        "{}: its size or kinds of cells are new, and so is what an agent sees; start anew to play it",
        path.display()
    ))
}

/// Plays `level` from now on in all arenas; `false`, and nothing changes, where agents would see other things on it
/// than what they have learned to see.
pub fn exchange(world: &mut World, level: Level) -> bool {
    let rooms = Rooms::single(world.resource::<Rooms>().rules, level);
    let (old, new) = (world.resource::<Spec>().0.clone(), Room::spec(&rooms));
    if old.observation != new.observation {
        return false;
    }
    let arenas = world.resource::<SimConfig>().arenas;
    let populate = world.resource::<EnvironmentHooks>().populate;
    world.insert_resource(rooms);
    world.insert_resource(Spec(new));
    populate(world, arenas);
    show_bodies(world);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdp::Stream;
    use crate::sim::EnvironmentPlugin;
    use crate::sim::worlds::lava_room::RULES;

    const FIRST: &str = r#"(version: 1, name: "first", map: ["...", "a.g", "..."])"#;

    #[test]
    fn a_saved_level_is_played_and_a_mistake_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.ron");
        std::fs::write(&path, FIRST).unwrap();
        let layout = Rooms::single(&RULES, Level::load("lava-room", &path).unwrap());
        let mut app = App::new();
        let config = SimConfig { arenas: 3, seed: 1, stream: Stream::Environment };
        app.add_plugins(crate::sim::plugin).add_plugins(EnvironmentPlugin::<Room> { layout, config });
        plugin(&mut app, path.clone());
        app.update();
        assert_eq!(app.world().resource::<LevelNotice>().0, None);

        let mut told = |text: &str| {
            std::fs::write(&path, text).unwrap();
            app.update();
            let world = app.world_mut();
            let starts = world.query::<&Room>().iter(world).count();
            let name = world.resource::<Rooms>().first().name.clone();
            (world.resource::<LevelNotice>().0.clone().unwrap_or_default(), name, starts)
        };
        let (notice, name, rooms) = told(&FIRST.replace("first", "second one").replace("a.g", "g.a"));
        assert_eq!(
            (notice.as_str(), name.as_str(), rooms),
            ("level \"second one\" reloaded", "second one", 3)
        );
        let (notice, name, _) = told(&FIRST.replace("a.g", "..g"));
        assert!(notice.contains("mine.ron:1:") && notice.contains("no start"), "{notice}");
        assert_eq!(name, "second one", "a broken file changes nothing");
        let (notice, ..) = told(&FIRST.replace("[", "[\"...\", "));
        assert!(notice.contains("start anew to play it"), "{notice}");
    }
}
