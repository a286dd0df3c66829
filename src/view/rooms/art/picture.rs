//! Painting of a whole level as it looks when an episode begins: for pictures that do not move.

use super::board::paint_board;
use super::{Mood, figures, pieces};
use crate::sim::level::{Cell, Level, Place};
use crate::view::paint::Paint;
use crate::view::palette;

/// The board with everything that lies on it; players stand at their first starts.
pub fn paint_map(canvas: &mut Paint, level: &Level) {
    paint_board(canvas, level, &[]);
    for place in level.places(|_| true) {
        let piece: &dyn Fn(&mut Paint) = match level.cell(place.0, place.1) {
            Cell::Goal => &pieces::paint_gem,
            Cell::Plate => &|canvas: &mut Paint| pieces::paint_plate(canvas, false),
            // First the sides, then the tops.
            Cell::Gate => {
                &|canvas: &mut Paint| [false, true].iter().for_each(|top| pieces::paint_gate(canvas, *top))
            }
            Cell::Door(color) => &move |canvas: &mut Paint| {
                [false, true].iter().for_each(|top| pieces::paint_door(canvas, color, *top))
            },
            _ => continue,
        };
        canvas.stamp(level.center(place.0, place.1), piece);
    }
    let mut put = |places: &[Place], piece: &dyn Fn(&mut Paint)| {
        places.iter().for_each(|place| canvas.stamp(level.center(place.0, place.1), piece));
    };
    put(&level.crates, &|canvas| pieces::paint_crate(canvas, palette::WOOD, palette::WOOD_DARK));
    for &(color, place) in &level.keys {
        put(&[place], &|canvas| pieces::paint_key(canvas, color));
    }
    for &(_, place) in &level.hazards {
        put(&[place], &|canvas| {
            figures::paint_blade(canvas);
            figures::paint_hub(canvas);
        });
    }
    for (slot, starts) in [&level.spawns, &level.second_spawns].into_iter().enumerate() {
        put(&starts[..starts.len().min(1)], &|canvas| {
            figures::paint_walker(canvas, palette::MINT, slot);
            figures::paint_eyes(canvas, Mood::Calm);
        });
    }
}
