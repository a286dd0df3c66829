//! tag: one player chases the other among crates. The engine is in `rooms`.
#![doc = include_str!("README.md")]

use super::{Plane, Room, Rooms, Rules, Win, way};
use crate::mdp::Action;
use crate::sim::Bodies;
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::WorldEntry;
use crate::worlds::rooms::level::{Direction, Kind, Place};

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    agents: &[("tag-1.agent", include_bytes!("tag-1.agent"))],
    rooms: Some(&RULES),
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
    name: "tag",
    summary: "Catch the other player before time is up, or do not be caught.",
    kind: Kind { symbols: "bo", needs: &[('a', 1, "start"), ('b', 1, "second start")] },
    levels: &[
        ("tag-1.ron", include_str!("../../../../levels/tag-1.ron")),
        ("tag-2.ron", include_str!("../../../../levels/tag-2.ron")),
        ("tag-3.ron", include_str!("../../../../levels/tag-3.ron")),
    ],
    generator: None,
    teams: &[0, 1],
    win: Win::Catch,
    planes: &[Plane::Solid, Plane::Crate, Plane::Own, Plane::Other],
    goal: 1.0,
    loss: 0.0,
    mark: 0.0,
    key: 0.0,
    step: -0.01,
    crate_damping: 5.0,
    table: None,
    scripted_action,
};

/// Number of exits from which on a cell is not a dead end.
const WAYS_OUT: usize = 2;

/// The chaser walks the shortest path to the runner; the runner walks to the neighboring cell farthest from
/// the chaser, dead ends last. Both walk around crates; the chaser pushes through if there is no way around.
fn scripted_action(room: &Room, rooms: &Rooms, bodies: &Bodies, slot: usize) -> Action {
    let level = room.level(rooms);
    let crates = way::crates(room, rooms, bodies);
    let floor = |place: Place, direction: Direction| room.admits(rooms, place, direction);
    let open = |place: Place, direction: Direction| floor(place, direction) && !crates.contains(&place);
    let [here, other] = [slot, 1 - slot].map(|player| level.locate(bodies.position(player)));
    if slot == room.chaser() {
        let around = way::closer(level, &way::distances(level, [other], open), here, open);
        let through = || way::closer(level, &way::distances(level, [other], floor), here, floor);
        return around.or_else(through).unwrap_or(Action::Discrete(0));
    }
    // There are only floor and crates here, so paths there and back have the same length.
    let distance = way::distances(level, [other], open);
    let next = |place: Place, direction: Direction| {
        way::inside(level, direction.from(place)).filter(|&next| open(next, direction))
    };
    let safety = |place: Place| {
        let ways_out = Direction::ALL.iter().filter(|direction| next(place, **direction).is_some()).count();
        (ways_out >= WAYS_OUT, distance[level.index(place)], ways_out)
    };
    let steps = Direction::ALL.into_iter().enumerate();
    let best = steps
        .filter_map(|(index, direction)| Some((safety(next(here, direction)?), index)))
        .max_by_key(|(safety, _)| *safety);
    match best {
        Some((ahead, index)) if ahead > safety(here) => way::walk(index),
        _ => Action::Discrete(0),
    }
}
