//! A room as plain shapes: its cells, with doors and keys above its bodies.

use bevy::prelude::*;

use super::{Room, Rooms};
use crate::sim::{Bodies, Ink, Sketch};
use crate::worlds::rooms::level::{Cell, KeyColor};

/// Half a cell, with a gap to the next one.
const TILE: Vec2 = Vec2::splat(0.47);

/// Adds everything that is no body.
pub(super) fn add(room: &Room, rooms: &Rooms, _bodies: &Bodies, sketch: &mut Sketch) {
    let level = room.level(rooms);
    let half = Vec2::new(level.width as f32, level.height as f32) / 2.0;
    sketch.view(Vec2::ZERO, half);
    let goals: Vec<_> = level.places(|cell| cell == Cell::Goal).collect();
    let places = (0..level.height).flat_map(|row| (0..level.width).map(move |column| (column, row)));
    let cells: Vec<_> =
        places.map(|place| (place, level.center(place.0, place.1), room.cell(rooms, place))).collect();
    for (place, center, cell) in &cells {
        let ink = match cell {
            // Wider than the cell, so that no seam shows between two.
            Cell::Wall => {
                sketch.rectangle(Ink::Wall, *center, Vec2::splat(0.51));
                continue;
            }
            Cell::Gate | Cell::Door(_) => continue,
            Cell::Floor | Cell::OneWay(_) | Cell::Mark | Cell::Plate => Ink::Floor,
            Cell::Lava => Ink::Hazard,
            Cell::Ice => Ink::Ice,
            // While a cue is there, only the goal that it names shines.
            Cell::Goal if room.cue().is_some_and(|cue| goals.get(cue) != Some(place)) => Ink::Mark,
            Cell::Goal => Ink::Goal,
        };
        sketch.rectangle(ink, *center, TILE);
        match cell {
            Cell::Mark | Cell::Plate => _ = sketch.rectangle(Ink::Mark, *center, 0.6 * TILE),
            Cell::OneWay(direction) => {
                let ahead = direction.vector();
                let side = 0.3 * ahead.perp();
                sketch.polygon(Ink::Mark, [0.3 * ahead, side, -side].map(|corner| *center + corner));
            }
            _ => {}
        }
    }
    sketch.bodies_here();
    for (_, center, cell) in &cells {
        match cell {
            Cell::Gate => _ = sketch.rectangle(Ink::Door, *center, TILE),
            Cell::Door(color) => _ = sketch.rectangle(key(*color), *center, TILE),
            _ => {}
        }
    }
    for ((color, place), _) in level.keys.iter().zip(&room.taken).filter(|(_, taken)| !**taken) {
        let center = level.center(place.0, place.1);
        sketch.disc(key(*color), center - Vec2::X * 0.15, 0.14);
        sketch.line(key(*color), center - Vec2::X * 0.15, center + Vec2::X * 0.25, 0.09);
    }
}

fn key(color: KeyColor) -> Ink {
    Ink::Key(KeyColor::ALL.iter().position(|own| *own == color).unwrap_or(0))
}
