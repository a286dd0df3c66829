//! Renders a whole level as it looks when an episode begins, for still pictures.

use bevy::prelude::*;

use super::board::paint_board;
use super::{Mood, figures, things};
use crate::view::paint::Paint;
use crate::view::palette;
use crate::view::raster::raster;
use crate::worlds::rooms::level::{Cell, Level, Place};

/// `[height, width, 4]` bytes of sRGB: a level as it looks when an episode begins.
pub fn picture(level: &Level, size: [usize; 2]) -> Vec<u8> {
    let half = Vec2::new(level.width as f32, level.height as f32) / 2.0 + 0.35;
    // Soft edges are about a pixel wide.
    let mut canvas = Paint::new(2.6 * half.max_element() / size[0].min(size[1]) as f32);
    paint_map(&mut canvas, level);
    raster(&canvas, half, size, palette::NIGHT.solid())
}

/// The board with everything that lies on it; players stand at their first starts.
pub fn paint_map(canvas: &mut Paint, level: &Level) {
    paint_board(canvas, level, &[]);
    for place in level.places(|_| true) {
        let piece: &dyn Fn(&mut Paint) = match level.cell(place.0, place.1) {
            Cell::Goal => &things::paint_gem,
            Cell::Plate => &|canvas: &mut Paint| things::paint_plate(canvas, false),
            // First the sides, then the tops.
            Cell::Gate => {
                &|canvas: &mut Paint| [false, true].iter().for_each(|top| things::paint_gate(canvas, *top))
            }
            Cell::Door(color) => &move |canvas: &mut Paint| {
                [false, true].iter().for_each(|top| things::paint_door(canvas, color, *top))
            },
            _ => continue,
        };
        canvas.stamp(level.center(place.0, place.1), piece);
    }
    let mut put = |places: &[Place], piece: &dyn Fn(&mut Paint)| {
        places.iter().for_each(|place| canvas.stamp(level.center(place.0, place.1), piece));
    };
    put(&level.crates, &|canvas| things::paint_crate(canvas, palette::WOOD, palette::WOOD_DARK));
    for &(color, place) in &level.keys {
        put(&[place], &|canvas| things::paint_key(canvas, color));
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
