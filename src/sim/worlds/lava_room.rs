//! lava-room: reach the goal, push what is in the way, never step into lava. How rooms work is left to `rooms`.
#![doc = include_str!("lava_room.md")]

mod cells;

use super::rooms::{Plane, Room, Rooms, Rules, Win, way};
use crate::mdp::Action;
use crate::sim::Bodies;
use crate::sim::level::{Cell, Direction, Place};

pub use cells::{CellModel, CellModelError};

/// The world.
pub const RULES: Rules = Rules {
    name: "lava-room",
    summary: "Reach the goal, push what is in the way, never step into lava.",
    teams: &[0],
    win: Win::Goal,
    planes: &[Plane::Solid, Plane::Lava, Plane::Goal, Plane::Crate, Plane::Own],
    goal: 1.0,
    loss: -1.0,
    mark: 0.0,
    key: 0.0,
    step: -0.01,
    crate_damping: 5.0,
    script,
};

/// Walks the shortest dry way, crates counted as walls; waits when there is none.
fn script(room: &Room, rooms: &Rooms, bodies: &Bodies, slot: usize) -> Action {
    let level = room.level(rooms);
    let blocked = way::crates(room, rooms, bodies);
    let open = |place: Place, direction: Direction| {
        room.admits(rooms, place, direction)
            && room.cell(rooms, place) != Cell::Lava
            && !blocked[level.index(place)]
    };
    let distances = way::distances(level, level.places(|cell| cell == Cell::Goal), open);
    let here = level.locate(bodies.position(slot));
    way::closer(level, &distances, here, open).unwrap_or(Action::Discrete(0))
}
