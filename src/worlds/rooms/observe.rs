//! Observations of rooms: a vector of the player's own state, and planes of cells.

use bevy::prelude::*;

use super::{Plane, Room, Rooms, WALK_SPEED, Win};
use crate::mdp::{GridShape, ObservationSpace};
use crate::sim::Bodies;
use crate::worlds::rooms::level::{KeyColor, Level};

/// Ticks ahead that [`Plane::HazardSoon`] looks: half a second.
const SOON: u32 = 15;

/// The key colors of any level.
fn colors(rooms: &Rooms) -> impl Iterator<Item = KeyColor> {
    rooms.planes.iter().filter_map(|plane| match plane {
        Plane::Key(color) => Some(KeyColor::ALL[*color]),
        _ => None,
    })
}

/// The observation's parts: the player's own motion, that of the others, and cue or role in worlds that have
/// them; planes in the layout's order.
pub(super) fn space(rooms: &Rooms) -> ObservationSpace {
    let motion = |who: &str| ["x", "y", "vx", "vy"].map(|what| format!("{who} {what}"));
    let mut vector = motion("walker").to_vec();
    if rooms.players() > 1 {
        vector.extend(motion("other"));
    }
    if rooms.rules.win == Win::Cue {
        vector.push("cue".into());
    }
    if rooms.rules.win == Win::Catch {
        vector.push("chases".into());
    }
    vector.extend(colors(rooms).map(|color| format!("holds {color:?} key").to_lowercase()));
    let Level { width, height, .. } = *rooms.first();
    ObservationSpace { vector, grid: Some(GridShape { channels: rooms.planes.len(), height, width }) }
}

/// Writes the whole observation of `slot`.
pub(super) fn write(
    room: &Room,
    rooms: &Rooms,
    bodies: &Bodies,
    slot: usize,
    vector: &mut [f32],
    grid: &mut [u8],
) {
    let plan = room.plan(rooms);
    let level = &plan.level;
    let half = Vec2::new(level.width as f32, level.height as f32) / 2.0;
    let mut next = vector.iter_mut();
    let mut push = |value: f32| {
        if let Some(entry) = next.next() {
            *entry = value;
        }
    };
    let players = rooms.players();
    // The observing player first, then the others.
    for seen in (0..players).map(|offset| (slot + offset) % players) {
        let position = bodies.position(seen) / half;
        let velocity = bodies.velocity(seen) / WALK_SPEED;
        [position.x, position.y, velocity.x, velocity.y].into_iter().for_each(&mut push);
    }
    match rooms.rules.win {
        Win::Cue => push(room.cue().map_or(0.0, |goal| if goal == 0 { 1.0 } else { -1.0 })),
        Win::Catch => push(if room.chaser == slot { 1.0 } else { -1.0 }),
        _ => {}
    }
    colors(rooms).for_each(|color| push(f32::from(u8::from(room.holds(level, color)))));

    grid.copy_from_slice(&plan.still);
    for (plane, cells) in rooms.planes.iter().zip(grid.chunks_mut(level.cells.len())) {
        match *plane {
            Plane::Solid | Plane::Door(_) => {
                for (&place, _) in plan.barriers.iter().zip(&room.open).filter(|(_, open)| **open) {
                    cells[level.index(place)] = 0;
                }
            }
            Plane::Lava => {
                for (cell, _) in cells.iter_mut().zip(&room.filled).filter(|(_, filled)| **filled) {
                    *cell = 0;
                }
            }
            Plane::Key(_) => {
                for (&(_, place), _) in level.keys.iter().zip(&room.taken).filter(|(_, taken)| **taken) {
                    cells[level.index(place)] = 0;
                }
            }
            Plane::Crate => {
                for index in (0..level.crates.len()).filter(|&index| !room.sunk[index]) {
                    splat(level, bodies.position(rooms.crate_body(index)), cells);
                }
            }
            Plane::Own => splat(level, bodies.position(slot), cells),
            Plane::Other => {
                for other in (0..players).filter(|&other| other != slot) {
                    splat(level, bodies.position(other), cells);
                }
            }
            Plane::Hazard => {
                for patrol in &plan.patrols {
                    splat(level, patrol.at(room.ticks), cells);
                }
            }
            Plane::HazardSoon => {
                for patrol in &plan.patrols {
                    splat(level, patrol.at(room.ticks + SOON), cells);
                }
            }
            Plane::Goal | Plane::Ice | Plane::OneWay(_) | Plane::Mark | Plane::Plate | Plane::Gate => {}
        }
    }
}

/// Moves the observing player to `place`, at rest, in an observation already written.
pub(super) fn stand(room: &Room, rooms: &Rooms, place: Vec2, vector: &mut [f32], grid: &mut [u8]) {
    let level = room.level(rooms);
    let half = Vec2::new(level.width as f32, level.height as f32) / 2.0;
    let position = place / half;
    vector[..4].copy_from_slice(&[position.x, position.y, 0.0, 0.0]);
    for (plane, cells) in rooms.planes.iter().zip(grid.chunks_mut(level.cells.len())) {
        if matches!(plane, Plane::Own) {
            cells.fill(0);
            splat(level, place, cells);
        }
    }
}

/// Adds a unit square at `position` to a plane of cells: every cell gets the share it covers, in steps of 1/255.
fn splat(level: &Level, position: Vec2, plane: &mut [u8]) {
    let x = position.x + level.width as f32 / 2.0 - 0.5;
    let y = level.height as f32 / 2.0 - position.y - 0.5;
    let (left, top) = (x.floor(), y.floor());
    let (right_share, bottom_share) = (x - left, y - top);
    for (dx, dy, share) in [
        (0, 0, (1.0 - right_share) * (1.0 - bottom_share)),
        (1, 0, right_share * (1.0 - bottom_share)),
        (0, 1, (1.0 - right_share) * bottom_share),
        (1, 1, right_share * bottom_share),
    ] {
        let (column, row) = (left as i32 + dx, top as i32 + dy);
        if (0..level.width as i32).contains(&column) && (0..level.height as i32).contains(&row) {
            let cell = &mut plane[row as usize * level.width + column as usize];
            *cell = cell.saturating_add((share * 255.0).round() as u8);
        }
    }
}
