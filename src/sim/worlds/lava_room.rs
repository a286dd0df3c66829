//! lava-room: reach the goal, push what is in the way, never step into lava. How rooms work is left to `rooms`.
#![doc = include_str!("lava_room.md")]

mod cells;

use super::rooms::{Plane, Room, Rooms, Rules, Win, way};
use crate::mdp::Action;
use crate::sim::Bodies;
use crate::sim::level::Cell;

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

/// Walks the shortest dry way, crates counted as walls; where there is none it pushes crates through, into lava or up
/// to a wall, and waits when that does not help either.
fn script(room: &Room, rooms: &Rooms, bodies: &Bodies, slot: usize) -> Action {
    let goals = room.level(rooms).places(|cell| cell == Cell::Goal);
    way::towards(room, rooms, bodies, slot, goals)
        .or_else(|| way::pushing(room, rooms, bodies, slot))
        .unwrap_or(Action::Discrete(0))
}
