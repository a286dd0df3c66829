//! key-door: fetch keys, open doors, reach the goal. The engine is in `rooms`.
#![doc = include_str!("README.md")]

use super::{Plane, Room, Rooms, Rules, Win, way};
use crate::mdp::Action;
use crate::sim::Bodies;
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::WorldEntry;
use crate::worlds::rooms::level::{Cell, KeyColor, Kind, Place, generate};

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    agents: &[
        ("key-door-1.agent", include_bytes!("key-door-1.agent")),
        ("key-door-2.agent", include_bytes!("key-door-2.agent")),
        ("key-door-3.agent", include_bytes!("key-door-3.agent")),
    ],
    rooms: Some(&RULES),
    pictured_level: 2,
    #[cfg(feature = "arcade")]
    art: Some(WorldArt {
        plugin: super::art::plugin,
        thumbnail: include_bytes!("thumbnail.png"),
        film: include_bytes!("thumbnail.gif"),
    }),
    ..WorldEntry::new(RULES.name, module_path!(), |asked| asked.room(&RULES))
};

/// Its rules.
pub const RULES: Rules = Rules {
    name: "key-door",
    summary: "Fetch the key of the color of the door that is in the way, and reach the goal.",
    kind: Kind { symbols: "gryuRYU~", needs: &[('a', 1, "start"), ('g', 1, "goal")] },
    levels: &[
        ("key-door-1.ron", include_str!("../../../../levels/key-door-1.ron")),
        ("key-door-2.ron", include_str!("../../../../levels/key-door-2.ron")),
        ("key-door-3.ron", include_str!("../../../../levels/key-door-3.ron")),
        ("key-door-4.ron", include_str!("../../../../levels/key-door-4.ron")),
    ],
    generator: Some(&generate::DOORS),
    teams: &[0],
    win: Win::Goal,
    // Planes of all colors, so that one policy fits every level of a size.
    planes: &[
        Plane::Solid,
        Plane::Lava,
        Plane::Goal,
        Plane::Own,
        Plane::Key(0),
        Plane::Door(0),
        Plane::Key(1),
        Plane::Door(1),
        Plane::Key(2),
        Plane::Door(2),
    ],
    goal: 1.0,
    loss: -1.0,
    mark: 0.0,
    key: 0.25,
    step: -0.01,
    crate_damping: 5.0,
    table: None,
    scripted_action,
};

/// Walks to the goal if there is a path, otherwise to the nearest key that opens a door.
fn scripted_action(room: &Room, rooms: &Rooms, bodies: &Bodies, slot: usize) -> Action {
    let level = room.level(rooms);
    let goals = level.places(|cell| cell == Cell::Goal);
    way::towards(room, rooms, bodies, slot, goals)
        .or_else(|| way::towards(room, rooms, bodies, slot, missing(room, rooms)))
        .unwrap_or(Action::Discrete(0))
}

/// Cells of the keys of doors that cannot be opened yet.
fn missing(room: &Room, rooms: &Rooms) -> impl Iterator<Item = Place> {
    let level = room.level(rooms);
    let shut = |color: KeyColor| !room.holds(level, color) && level.cells.contains(&Cell::Door(color));
    level.keys.iter().filter(move |(color, _)| shut(*color)).map(|(_, place)| *place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdp::EpisodeEnd;
    use crate::worlds::WorldChoice;
    use crate::worlds::rooms::level::{Level, generate};
    use crate::worlds::rooms::play::{DOWN, LEFT, Play, RIGHT};

    #[test]
    fn a_key_pays_once_and_opens_the_doors_of_its_color() {
        let map = ["########", "#ar.RRg#", "####.Y##", "########"];
        let mut play = Play::new(&RULES, &map);
        let (reward, _) = play.step(RIGHT);
        assert!((reward - RULES.key - RULES.step).abs() < 1e-5, "{reward}");
        // Back and over the cell again.
        let (reward, _) = play.steps(&[LEFT, RIGHT]);
        assert!((reward - 2.0 * RULES.step).abs() < 1e-5, "{reward}");
        play.steps(&[RIGHT, RIGHT, RIGHT]);
        // The yellow one below stays shut.
        let before = play.position(0);
        play.step(DOWN);
        assert!(play.position(0).distance(before) < 1e-3);
        assert_eq!(play.step(RIGHT).1, Some(EpisodeEnd::Terminated));
    }

    #[test]
    fn one_policy_fits_all_levels_of_a_size_whatever_their_keys() {
        let spec = |level: Level| WorldChoice::of::<Room>(Rooms::single(&RULES, level)).spec();
        let [one, two] = [2, 3].map(|number| spec(Level::shipped("key-door", number).unwrap()));
        assert_eq!(one.observation, two.observation);
        let mut drawn = (1..20).map(|seed| spec(generate::level("key-door", 4, seed).unwrap()));
        let first = drawn.next().unwrap();
        assert!(drawn.all(|spec| spec == first));
    }
}
