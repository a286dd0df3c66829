//! Ways: distances over the cells of a level, for scripted players.

use std::collections::VecDeque;

use super::{Room, Rooms};
use crate::mdp::Action;
use crate::sim::Bodies;
use crate::sim::level::{Direction, Level, Place};

/// By cell, row-major: whether a crate stands there.
pub fn crates(room: &Room, rooms: &Rooms, bodies: &Bodies) -> Vec<bool> {
    let level = room.level(rooms);
    let mut there = vec![false; level.cells.len()];
    for index in (0..level.crates.len()).filter(|&index| !room.is_sunk(index)) {
        there[level.index(level.locate(bodies.position(rooms.crate_body(index))))] = true;
    }
    there
}

/// Steps from every cell to the nearest of `goals`, row-major; `u32::MAX` where there is no way.
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
            // Searched backwards: whoever came from `from` walked in the opposite direction.
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

/// The action that walks from `place` to a neighbour that is closer, by `distances`; `None` where there is no way
/// or nowhere to go.
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

/// The action that walks in the direction of this number.
pub fn walk(direction: usize) -> Action {
    Action::Discrete(direction as u16 + 1)
}

/// `place`, if it is a cell of `level`.
pub fn inside(level: &Level, place: Option<Place>) -> Option<Place> {
    place.filter(|&(column, row)| column < level.width && row < level.height)
}
