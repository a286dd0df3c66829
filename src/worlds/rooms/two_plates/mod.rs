//! two-plates: two players stand on plates together. The engine is in `rooms`.
#![doc = include_str!("README.md")]

use super::{Plane, Room, Rooms, Rules, Win, way};
use crate::mdp::Action;
use crate::sim::Bodies;
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::WorldEntry;
use crate::worlds::rooms::level::{Cell, Direction, Kind, Place};

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    agents: &[
        ("two-plates-1.agent", include_bytes!("two-plates-1.agent")),
        ("two-plates-2.agent", include_bytes!("two-plates-2.agent")),
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
    name: "two-plates",
    summary: "Two players stand on plates together; gates are open while anything does.",
    kind: Kind {
        symbols: "b_=o~",
        needs: &[('a', 1, "start"), ('b', 1, "second start"), ('_', 2, "plates")],
    },
    levels: &[
        ("two-plates-1.ron", include_str!("../../../../levels/two-plates-1.ron")),
        ("two-plates-2.ron", include_str!("../../../../levels/two-plates-2.ron")),
        ("two-plates-3.ron", include_str!("../../../../levels/two-plates-3.ron")),
    ],
    generator: None,
    teams: &[0, 0],
    win: Win::Plates,
    planes: &[Plane::Solid, Plane::Plate, Plane::Crate, Plane::Own, Plane::Other],
    goal: 1.0,
    loss: -1.0,
    mark: 0.0,
    key: 0.0,
    step: -0.01,
    crate_damping: 5.0,
    table: None,
    scripted_action,
};

/// Gates and crates on the path count as this many steps in the choice of plates.
const FAR: u32 = 1000;

/// Both choose the two plates with the smallest total distance and walk there; crates are pushed only to
/// bridge lava.
fn scripted_action(room: &Room, rooms: &Rooms, bodies: &Bodies, slot: usize) -> Action {
    let level = room.level(rooms);
    let crates = way::crates(room, rooms, bodies);
    // As if gates were open: the first to arrive opens them for the other.
    let ground = |place: Place, direction: Direction| match room.cell(rooms, place) {
        Cell::Wall => false,
        Cell::Lava => behind(place, direction).is_some_and(|before| crates.contains(&before)),
        _ => {
            let beyond = way::inside(level, direction.from(place));
            let gives = beyond.is_some_and(|beyond| room.cell(rooms, beyond) == Cell::Lava);
            !crates.contains(&place) || gives
        }
    };
    let here = [0, 1].map(|player| level.locate(bodies.position(player)));
    // By plate: distances, and how far both players are, with gates as they are and as if open.
    let plates: Vec<(Vec<u32>, [u32; 2])> = level
        .places(|cell| cell == Cell::Plate)
        .map(|plate| {
            let now = way::distances(level, [plate], |place, direction| {
                ground(place, direction) && room.admits(rooms, place, direction)
            });
            let soon = way::distances(level, [plate], ground);
            let far = [0, 1].map(|player| {
                let index = level.index(here[player]);
                now[index].min(soon[index].saturating_add(FAR))
            });
            (soon, far)
        })
        .collect();
    let pairs = (0..plates.len()).flat_map(|first| (0..plates.len()).map(move |second| [first, second]));
    let chosen = pairs
        .filter(|[first, second]| first != second)
        .min_by_key(|[first, second]| plates[*first].1[0].saturating_add(plates[*second].1[1]));
    let Some(chosen) = chosen else { return Action::Discrete(0) };
    let dry = |place: Place, direction: Direction| {
        // Lava is entered only once the crate ahead has filled it; the other player is walked around.
        ground(place, direction)
            && room.cell(rooms, place) != Cell::Lava
            && room.admits(rooms, place, direction)
            && place != here[1 - slot]
    };
    way::closer(level, &plates[chosen[slot]].0, here[slot], dry).unwrap_or(Action::Discrete(0))
}

/// The cell from which a walk in `direction` reaches `place`.
fn behind(place: Place, direction: Direction) -> Option<Place> {
    direction.opposite().from(place)
}
