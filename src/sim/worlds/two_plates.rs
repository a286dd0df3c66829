//! two-plates: two players stand on plates together. How rooms work is left to `rooms`.
#![doc = include_str!("two_plates.md")]

use super::rooms::{Plane, Room, Rooms, Rules, Win, way};
use crate::mdp::Action;
use crate::sim::Bodies;
use crate::sim::level::{Cell, Direction, Place};

/// The world.
pub const RULES: Rules = Rules {
    name: "two-plates",
    summary: "Two players stand on plates together; gates are open while anything does.",
    teams: &[0, 0],
    win: Win::Plates,
    planes: &[Plane::Solid, Plane::Plate, Plane::Crate, Plane::Own, Plane::Other],
    goal: 1.0,
    loss: -1.0,
    mark: 0.0,
    key: 0.0,
    step: -0.01,
    crate_damping: 5.0,
    script,
};

/// Gates and crates in the way count as so many steps where a plate is chosen.
const FAR: u32 = 1000;

/// Both choose the two plates that together are nearest and walk there, crates pushed only where they bridge lava.
fn script(room: &Room, rooms: &Rooms, bodies: &Bodies, slot: usize) -> Action {
    let level = room.level(rooms);
    let crates = way::crates(room, rooms, bodies);
    // As if gates stood open: whoever comes first opens them for the other.
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
    // By plate: the ways there, and how far both players are, gates as they stand now and as if open.
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
        // Lava is entered only once the crate ahead has filled it, and the other is walked around.
        ground(place, direction)
            && room.cell(rooms, place) != Cell::Lava
            && room.admits(rooms, place, direction)
            && place != here[1 - slot]
    };
    way::closer(level, &plates[chosen[slot]].0, here[slot], dry).unwrap_or(Action::Discrete(0))
}

/// The cell that whoever walks onto `place` in `direction` comes from.
fn behind(place: Place, direction: Direction) -> Option<Place> {
    direction.opposite().from(place)
}
