//! Pictures of the worlds, as the title screen shows them. What draws them is left to whoever shows them.

use bevy::prelude::*;

use super::paint::Paint;
use super::palette::NIGHT;
use super::raster::raster;
use super::rooms::paint_map;
use crate::sim::level::Level;

/// `[height, width, 4]` bytes of sRGB: a level as it looks when an episode begins.
pub fn map(level: &Level, size: [usize; 2]) -> Vec<u8> {
    let half = Vec2::new(level.width as f32, level.height as f32) / 2.0 + 0.35;
    // Soft edges are about a pixel wide.
    let mut canvas = Paint::new(2.6 * half.max_element() / size[0].min(size[1]) as f32);
    paint_map(&mut canvas, level);
    raster(&canvas, half, size, NIGHT.solid())
}

/// The level that the picture of `world` shows.
pub fn level_of(world: &str) -> usize {
    LEVELS.iter().find(|(known, _)| *known == world).map_or(1, |(_, level)| *level)
}

/// Levels that pictures show, where it is not the first.
const LEVELS: [(&str, usize); 4] = [("lava-room", 8), ("crate-yard", 2), ("key-door", 2), ("two-plates", 2)];

/// Bytes of the .png picture of `world`; empty for a world without.
pub fn of(world: &str) -> &'static [u8] {
    PICTURES.iter().find(|(name, _)| *name == world).map_or(&[], |(_, bytes)| bytes)
}

/// Bytes of the .gif of `world`, in which a trained agent plays it; empty for a world without one.
pub fn moving(world: &str) -> &'static [u8] {
    FILMS.iter().find(|(name, _)| *name == world).map_or(&[], |(_, bytes)| bytes)
}

/// `entropy-arcade pictures --thumbnails` takes them anew.
const FILMS: &[(&str, &[u8])] = &[
    ("lava-room", include_bytes!("../../assets/thumbnails/lava-room.gif")),
    ("crate-yard", include_bytes!("../../assets/thumbnails/crate-yard.gif")),
    ("key-door", include_bytes!("../../assets/thumbnails/key-door.gif")),
    ("two-plates", include_bytes!("../../assets/thumbnails/two-plates.gif")),
    ("tag", include_bytes!("../../assets/thumbnails/tag.gif")),
    ("paddle-duel", include_bytes!("../../assets/thumbnails/paddle-duel.gif")),
    ("brick-breaker", include_bytes!("../../assets/thumbnails/brick-breaker.gif")),
    ("volley", include_bytes!("../../assets/thumbnails/volley.gif")),
    ("meteor-field", include_bytes!("../../assets/thumbnails/meteor-field.gif")),
    ("beam-carry", include_bytes!("../../assets/thumbnails/beam-carry.gif")),
    ("lander", include_bytes!("../../assets/thumbnails/lander.gif")),
    ("puck", include_bytes!("../../assets/thumbnails/puck.gif")),
    ("cartpole", include_bytes!("../../assets/thumbnails/cartpole.gif")),
    ("cart-pole", include_bytes!("../../assets/thumbnails/cart-pole.gif")),
    ("acrobot", include_bytes!("../../assets/thumbnails/acrobot.gif")),
    ("mountain-car", include_bytes!("../../assets/thumbnails/mountain-car.gif")),
];

const PICTURES: &[(&str, &[u8])] = &[
    ("lava-room", include_bytes!("../../assets/thumbnails/lava-room.png")),
    ("crate-yard", include_bytes!("../../assets/thumbnails/crate-yard.png")),
    ("key-door", include_bytes!("../../assets/thumbnails/key-door.png")),
    ("memory-corridor", include_bytes!("../../assets/thumbnails/memory-corridor.png")),
    ("two-plates", include_bytes!("../../assets/thumbnails/two-plates.png")),
    ("tag", include_bytes!("../../assets/thumbnails/tag.png")),
    ("paddle-duel", include_bytes!("../../assets/thumbnails/paddle-duel.png")),
    ("brick-breaker", include_bytes!("../../assets/thumbnails/brick-breaker.png")),
    ("volley", include_bytes!("../../assets/thumbnails/volley.png")),
    ("meteor-field", include_bytes!("../../assets/thumbnails/meteor-field.png")),
    ("beam-carry", include_bytes!("../../assets/thumbnails/beam-carry.png")),
    ("lander", include_bytes!("../../assets/thumbnails/lander.png")),
    ("puck", include_bytes!("../../assets/thumbnails/puck.png")),
    ("puck-2v2", include_bytes!("../../assets/thumbnails/puck-2v2.png")),
    ("cartpole", include_bytes!("../../assets/thumbnails/cartpole.png")),
    ("cart-pole", include_bytes!("../../assets/thumbnails/cart-pole.png")),
    ("acrobot", include_bytes!("../../assets/thumbnails/acrobot.png")),
    ("mountain-car", include_bytes!("../../assets/thumbnails/mountain-car.png")),
];

#[cfg(test)]
mod tests {
    #[test]
    fn every_world_has_a_picture() {
        for world in crate::sim::worlds::names() {
            assert!(
                super::of(world).starts_with(b"\x89PNG"),
                "{world}: assets/thumbnails/{world}.png is missing"
            );
            let moving = super::moving(world);
            assert!(moving.is_empty() || moving.starts_with(b"GIF89a"), "{world}");
        }
    }
}
