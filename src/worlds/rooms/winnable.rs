//! Checks whether the map being played can be won, again after every change. Trying all pushes may take
//! seconds, so it runs on another thread.

use bevy::prelude::*;
use crossbeam_channel::Receiver;

use super::Rooms;
use crate::worlds::rooms::level::{LevelError, check};

/// What is known about the map being played.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq)]
pub struct Winnable {
    /// Why the map cannot be won, in a sentence; `None` if no reason is known.
    pub doubt: Option<String>,
}

/// The check in progress.
#[derive(Resource, Debug)]
struct Asked(Receiver<Option<String>>);

/// Starts a check whenever the map changes.
pub fn plugin(app: &mut App) {
    app.init_resource::<Winnable>().add_systems(
        Update,
        (ask.run_if(resource_exists_and_changed::<Rooms>), hear.run_if(resource_exists::<Asked>)).chain(),
    );
}

/// Generated levels are always solvable.
fn ask(mut commands: Commands, rooms: Res<Rooms>, mut known: ResMut<Winnable>) {
    let [plan] = &rooms.levels[..] else { return };
    known.set_if_neq(Winnable::default());
    let (send, answers) = crossbeam_channel::bounded(1);
    let text = plan.level.text();
    commands.insert_resource(Asked(answers));
    let work = move || _ = send.send(doubt(&text));
    // If no thread can be started, the check is skipped.
    _ = std::thread::Builder::new().name("map check".into()).spawn(work);
}

fn hear(mut commands: Commands, asked: Res<Asked>, mut known: ResMut<Winnable>) {
    match asked.0.try_recv() {
        Ok(doubt) => _ = known.set_if_neq(Winnable { doubt }),
        Err(error) if error.is_empty() => return,
        Err(_) => {}
    }
    commands.remove_resource::<Asked>();
}

/// The findings of `levels check`, worded for the player.
fn doubt(text: &str) -> Option<String> {
    let Err(LevelError::Invalid { problem, .. }) = check::examine("the map", text) else { return None };
    let told = if problem.starts_with("no goal can be reached") {
        "No goal can be reached from one of the starts, so it cannot be won from there. Open a path."
    } else if problem.starts_with("this goal cannot be reached") {
        "One of the goals cannot be reached from any start. Open a path."
    } else {
        "This map cannot be won, however crates are pushed. Give them more room."
    };
    Some(told.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::worlds::rooms::level::Level;
    use crate::worlds::rooms::{crate_yard, lava_room};

    fn told(app: &mut App, rooms: Rooms) -> Option<String> {
        app.insert_resource(rooms);
        app.update();
        let since = Instant::now();
        while app.world().contains_resource::<Asked>() {
            assert!(since.elapsed() < Duration::from_secs(60), "no answer");
            std::thread::sleep(Duration::from_millis(2));
            app.update();
        }
        app.world().resource::<Winnable>().doubt.clone()
    }

    #[test]
    fn a_map_that_nobody_can_win_is_told_and_one_that_can_be_won_is_not() {
        let mut app = App::new();
        plugin(&mut app);
        let level = |world: &str, rows: &[&str]| {
            Level::parse("x.ron", &format!("(version: 1, world: {world:?}, name: \"n\", map: {rows:?})"))
                .unwrap()
        };
        let lava = |rows: &[&str]| Rooms::single(&lava_room::RULES, level("lava-room", rows));
        assert_eq!(told(&mut app, lava(&["#####", "#a.g#", "#####"])), None);
        let walled = told(&mut app, lava(&["#####", "#a#g#", "#####"])).unwrap();
        assert!(walled.contains("No goal can be reached"), "{walled}");
        // Opened again.
        assert_eq!(told(&mut app, lava(&["#####", "#a.g#", "#####"])), None);
        let second = told(&mut app, lava(&["######", "#ag#g#", "######"])).unwrap();
        assert!(second.contains("One of the goals"), "{second}");
        let yard = level("crate-yard", &["######", "#a..x#", "#o...#", "######"]);
        let corner = told(&mut app, Rooms::single(&crate_yard::RULES, yard)).unwrap();
        assert!(corner.contains("however crates are pushed"), "{corner}");
        for (rules, world) in [(&lava_room::RULES, "lava-room"), (&crate_yard::RULES, "crate-yard")] {
            assert_eq!(told(&mut app, Rooms::single(rules, Level::shipped(world, 1).unwrap())), None);
        }
    }
}
