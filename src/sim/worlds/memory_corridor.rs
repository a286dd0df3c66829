//! memory-corridor: what is seen at the start decides at the end. How rooms work is left to `rooms`.
#![doc = include_str!("memory_corridor.md")]

use super::rooms::{Plane, Room, Rooms, Rules, Win, way};
use crate::mdp::Action;
use crate::sim::Bodies;
use crate::sim::level::Cell;

/// The world.
pub const RULES: Rules = Rules {
    name: "memory-corridor",
    summary: "Remember which goal was named at the start, and walk to it at the far end.",
    teams: &[0],
    win: Win::Cue,
    planes: &[Plane::Solid, Plane::Goal, Plane::Own],
    goal: 1.0,
    // Less than the goal pays, so that guessing is worth more than standing still.
    loss: -0.5,
    mark: 0.0,
    key: 0.0,
    step: -0.01,
    crate_damping: 0.0,
    script,
};

/// Walks the shortest way to the goal that was named.
fn script(room: &Room, rooms: &Rooms, bodies: &Bodies, slot: usize) -> Action {
    let level = room.level(rooms);
    let open = |place, direction| room.admits(rooms, place, direction);
    let named = level.places(|cell| cell == Cell::Goal).nth(room.named());
    let here = level.locate(bodies.position(slot));
    way::closer(level, &way::distances(level, named, open), here, open).unwrap_or(Action::Discrete(0))
}
