//! tag: one player chases the other among crates. How rooms work is left to `rooms`.
#![doc = include_str!("tag.md")]

use super::rooms::{Plane, Room, Rooms, Rules, Win, way};
use crate::mdp::Action;
use crate::sim::Bodies;
use crate::sim::level::{Direction, Place};

/// The world.
pub const RULES: Rules = Rules {
    name: "tag",
    summary: "Catch the other player before time is up, or do not be caught.",
    teams: &[0, 1],
    win: Win::Catch,
    planes: &[Plane::Solid, Plane::Crate, Plane::Own, Plane::Other],
    goal: 1.0,
    loss: 0.0,
    mark: 0.0,
    key: 0.0,
    step: -0.01,
    crate_damping: 5.0,
    script,
};

/// Ways out of a cell that make it no dead end.
const WAYS_OUT: usize = 2;

/// The chaser walks the shortest way to the runner; the runner to the neighboring cell that is farthest from the
/// chaser, dead ends last. Both go around crates, and the chaser through them where there is no way around.
fn script(room: &Room, rooms: &Rooms, bodies: &Bodies, slot: usize) -> Action {
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
    // Nothing but floor and crates lies here, so ways there and back are equally long.
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
