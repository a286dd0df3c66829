//! Distances over the cells of a level, for scripted players.

use std::collections::VecDeque;

use super::{Room, Rooms};
use crate::mdp::Action;
use crate::sim::Bodies;
use crate::worlds::rooms::level::{Cell, Direction, Level, Place};

/// Search bound, in positions, outside the precomputed plan.
const SECOND_THOUGHTS: usize = 2_000;

/// The cells of crates that have not sunk.
pub fn crates(room: &Room, rooms: &Rooms, bodies: &Bodies) -> Vec<Place> {
    let level = room.level(rooms);
    let lying = (0..level.crates.len()).filter(|&index| !room.is_sunk(index));
    lying.map(|index| level.locate(bodies.position(rooms.crate_body(index)))).collect()
}

/// The first action of the shortest path without lava from `slot` to the nearest of `goals`, with crates as
/// walls; `None` if there is none.
pub fn towards(
    room: &Room,
    rooms: &Rooms,
    bodies: &Bodies,
    slot: usize,
    goals: impl IntoIterator<Item = Place>,
) -> Option<Action> {
    let level = room.level(rooms);
    let crates = crates(room, rooms, bodies);
    let open = |place: Place, direction: Direction| {
        room.admits(rooms, place, direction)
            && room.cell(rooms, place) != Cell::Lava
            && !crates.contains(&place)
    };
    closer(level, &distances(level, goals, open), level.locate(bodies.position(slot)), open)
}

/// The next action of a solution with the fewest pushes, walks between pushes included; `None` if there is
/// none, and for levels that are not searched.
pub fn pushing(room: &Room, rooms: &Rooms, bodies: &Bodies, slot: usize) -> Option<Action> {
    let level = room.level(rooms);
    let here = level.locate(bodies.position(slot));
    let crates = crates(room, rooms, bodies).into_iter();
    let filled = level.places(|_| true).filter(|&place| room.is_filled(level.index(place)));
    let push = room.guide(rooms)?.next(here, crates, filled, SECOND_THOUGHTS)?;
    let behind = push.direction.opposite().from(push.at)?;
    if here == behind {
        return Some(walk(push.direction as usize));
    }
    towards(room, rooms, bodies, slot, [behind])
}

/// Steps from every cell to the nearest of `goals`, row-major; `u32::MAX` if there is no path.
///
/// `open(place, direction)` says whether one can walk onto `place` in `direction`.
pub fn distances(
    level: &Level,
    goals: impl IntoIterator<Item = Place>,
    open: impl Fn(Place, Direction) -> bool,
) -> Vec<u32> {
    let mut distance = vec![u32::MAX; level.cells.len()];
    let mut queue: VecDeque<Place> = goals.into_iter().collect();
    queue.iter().for_each(|&goal| distance[level.index(goal)] = 0);
    while let Some(place) = queue.pop_front() {
        for direction in Direction::ALL {
            // Searched backwards, so the walk is in the opposite direction.
            let Some(from) = inside(level, direction.opposite().from(place)) else { continue };
            let index = level.index(from);
            if distance[index] == u32::MAX && open(place, direction) {
                distance[index] = distance[level.index(place)] + 1;
                queue.push_back(from);
            }
        }
    }
    distance
}

/// The action that walks from `place` to a neighbor that is closer, by `distances`; `None` if there is no
/// path or it has arrived.
pub fn closer(
    level: &Level,
    distances: &[u32],
    place: Place,
    open: impl Fn(Place, Direction) -> bool,
) -> Option<Action> {
    Direction::ALL
        .into_iter()
        .enumerate()
        .filter_map(|(index, direction)| {
            let next = inside(level, direction.from(place)).filter(|&next| open(next, direction))?;
            Some((distances[level.index(next)], index))
        })
        .min()
        .filter(|(distance, _)| *distance < distances[level.index(place)])
        .map(|(_, index)| walk(index))
}

/// The action of direction number `direction`.
pub fn walk(direction: usize) -> Action {
    Action::Discrete(direction as u16 + 1)
}

/// `place`, if it is within `level`.
pub fn inside(level: &Level, place: Option<Place>) -> Option<Place> {
    place.filter(|&(column, row)| column < level.width && row < level.height)
}
