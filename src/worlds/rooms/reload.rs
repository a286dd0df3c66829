//! Reload: an edited level file is played as soon as it is saved, and errors in it are reported at once.
//!
//! `art` redraws the level; `panel` shows the notice.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bevy::prelude::*;

use super::{Room, Rooms};
use crate::sim::ObservationWrapper;
use crate::sim::arena::{EnvironmentHooks, Spec, show_bodies};
use crate::sim::{Environment as _, SimConfig};
use crate::worlds::rooms::level::Level;

/// Seconds between two checks of the file.
const PAUSE: f32 = 0.4;

/// The watched level file, with its last seen modification time and length.
#[derive(Resource, Debug, Clone)]
pub struct WatchedLevel {
    path: PathBuf,
    seen: Option<(SystemTime, u64)>,
    since: f32,
}

impl WatchedLevel {
    /// Marks the current content at `path` as known, for a writer that already plays it.
    pub fn knows(&mut self, path: &Path) {
        if self.path == path {
            self.seen = stamp(path);
        }
    }
}

/// The result of the last change to the level file, in one line; `None` if there was none.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq)]
pub struct LevelNotice(pub Option<String>);

/// Watches the level file at `path` while the app runs.
pub fn plugin(app: &mut App, path: PathBuf) {
    let seen = stamp(&path);
    app.insert_resource(WatchedLevel { path, seen, since: 0.0 })
        .init_resource::<LevelNotice>()
        .add_systems(Update, reload.run_if(resource_exists::<Rooms>));
}

/// The file's modification time and length.
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
    // A file that is briefly missing is being saved.
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

/// Plays the level at `path` from now on. Returns its name, or why it cannot be played.
fn take(world: &mut World, path: &Path) -> Result<String, String> {
    let rules = world.resource::<Rooms>().rules;
    let level = Level::load_file(rules.name, path).map_err(|error| error.to_string())?;
    let name = level.name.clone();
    if exchange(world, level) {
        return Ok(name);
    }
    Err(format!(
        "{}: its size or kinds of cells change the observation space; restart to play it",
        path.display()
    ))
}

/// Plays `level` from now on in all arenas. Returns `false`, and changes nothing, if its observation space
/// differs from the one agents were trained on.
pub fn exchange(world: &mut World, level: Level) -> bool {
    let rooms = Rooms::single(world.resource::<Rooms>().rules, level);
    let (wrapper, new) = (world.resource::<ObservationWrapper>().clone(), Room::spec(&rooms));
    if *wrapper.own() != new.observation {
        return false;
    }
    let arenas = world.resource::<SimConfig>().arenas;
    let populate = world.resource::<EnvironmentHooks>().populate;
    world.insert_resource(rooms);
    world.insert_resource(Spec(wrapper.spec(new)));
    populate(world, arenas);
    show_bodies(world);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdp::Stream;
    use crate::sim::EnvironmentPlugin;
    use crate::worlds::rooms::lava_room::RULES;

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
        assert!(notice.contains("restart to play it"), "{notice}");
    }
}
