//! Pictures of arenas drawn on the CPU, for programs without a window: plain shapes in the arcade's colors.

use bevy::math::Vec2;
use tiny_skia::{Color, FillRule, Paint, PathBuilder, Pixmap, Transform};

use crate::sim::{Figure, Ink, Sketch};

/// Pixels of the longer side.
const LONGER: f32 = 480.0;

const BACKGROUND: [u8; 3] = [0x0f, 0x12, 0x1a];

/// Width and height in pixels of a picture of what is within ±`half`: even numbers, as films need them.
pub fn picture_size(half: Vec2) -> [u32; 2] {
    let longest = half.max_element().max(f32::MIN_POSITIVE);
    half.to_array()
        .map(|half| 2 * ((LONGER / 2.0 * half / longest).round() as u32).clamp(8, LONGER as u32 / 2))
}

/// `[height, width, 3]` bytes of sRGB: `sketch` as large as fits into `size`, its width and height.
pub fn picture(sketch: &Sketch, [width, height]: [u32; 2]) -> Vec<u8> {
    let Some(mut pixels) = Pixmap::new(width.max(1), height.max(1)) else { return Vec::new() };
    pixels.fill(color(BACKGROUND));
    let half = Vec2::new(width as f32, height as f32) / 2.0;
    let scale = (half / sketch.half.max(Vec2::splat(f32::MIN_POSITIVE))).min_element();
    for Figure { ink, outline } in &sketch.figures {
        let mut path = PathBuilder::new();
        for (index, corner) in outline.iter().enumerate() {
            let Vec2 { x, y } = half + (*corner - sketch.center) * Vec2::new(scale, -scale);
            if index == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
        }
        path.close();
        // None if a corner is no number, or all are one.
        let Some(path) = path.finish() else { continue };
        let mut paint = Paint { anti_alias: true, ..Paint::default() };
        paint.set_color(color(tone(*ink)));
        pixels.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
    }
    pixels.pixels().iter().flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]).collect()
}

fn color([red, green, blue]: [u8; 3]) -> Color {
    Color::from_rgba8(red, green, blue, 0xff)
}

fn tone(ink: Ink) -> [u8; 3] {
    match ink {
        Ink::Floor => [0x20, 0x27, 0x38],
        Ink::Wall => [0x46, 0x53, 0x73],
        Ink::Player(0) => [0x5f, 0xdc, 0xc0],
        Ink::Player(_) => [0xf3, 0x7d, 0x98],
        Ink::Thing => [0xc4, 0x97, 0x69],
        Ink::Goal => [0xff, 0xc8, 0x6b],
        Ink::Hazard => [0xb0, 0x35, 0x2f],
        Ink::Mark => [0x6b, 0x5b, 0x3a],
        Ink::Ice => [0x3f, 0x76, 0x98],
        Ink::Door => [0xc2, 0xe6, 0x6c],
        Ink::Key(0) => [0xf0, 0x56, 0x4f],
        Ink::Key(1) => [0xf6, 0xd8, 0x4e],
        Ink::Key(_) => [0x4f, 0x86, 0xf7],
        Ink::Line => [0xe8, 0xeb, 0xf4],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::compose::random_app;
    use crate::sim::arena::EnvironmentHooks;
    use crate::sim::run_agent_step;
    use crate::worlds::{CATALOGUE, WorldChoice};

    #[test]
    fn shapes_are_where_they_should_be() {
        let mut sketch = Sketch::default();
        sketch.view(Vec2::new(1.0, 0.0), Vec2::new(2.0, 1.0));
        sketch.disc(Ink::Goal, Vec2::new(2.0, 0.5), 0.25);
        assert_eq!(picture_size(sketch.half), [480, 240]);
        let pixels = picture(&sketch, [480, 240]);
        let at = |column: usize, row: usize| &pixels[(row * 480 + column) * 3..][..3];
        // A unit is 120 pixels, and y points up.
        assert_eq!(at(360, 60), tone(Ink::Goal));
        assert_eq!(at(120, 60), BACKGROUND);
        assert_eq!(at(360, 180), BACKGROUND);
        // Nothing of a shape that is not there.
        sketch.disc(Ink::Hazard, Vec2::NAN, 0.25).polygon(Ink::Hazard, []);
        assert_eq!(picture(&sketch, [480, 240]), pixels);
        assert_eq!(picture(&Sketch::default(), [2, 2]), BACKGROUND.repeat(4));
    }

    #[test]
    fn every_world_shows_its_players_and_what_they_do() {
        for entry in CATALOGUE {
            let world = WorldChoice::new(entry.name, None).unwrap();
            let mut app = random_app(&world, 2, 1, 1);
            let sketched = app.world().resource::<EnvironmentHooks>().sketch.unwrap();
            let first = sketched(app.world_mut(), 1).unwrap();
            let size = picture_size(first.half);
            let before = picture(&first, size);
            let inks: std::collections::BTreeSet<_> = before.as_chunks::<3>().0.iter().collect();
            assert!(inks.len() > 2, "{}: {size:?}", entry.name);
            let player = tone(Ink::Player(0));
            let seen = before.as_chunks::<3>().0.iter().filter(|pixel| **pixel == player).count();
            assert!(seen > 4, "{}: {seen} pixels of a player", entry.name);
            let moves = (0..60).any(|_| {
                run_agent_step(app.world_mut());
                let later = sketched(app.world_mut(), 1).unwrap();
                assert_eq!(picture_size(later.half), size, "{}", entry.name);
                picture(&later, size) != before
            });
            assert!(moves, "{}: nothing moves", entry.name);
            assert!(sketched(app.world_mut(), 2).is_none());
        }
    }
}
