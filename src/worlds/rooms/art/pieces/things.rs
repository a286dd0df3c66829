//! Meshes of the things in a room: crates, gems, keys, doors, gates, plates, signs, and their bursts.

use bevy::prelude::*;

use super::RISE;
use crate::view::paint::{Paint, circle, polygon, rounded};
use crate::view::palette::{self, BLACK, Tone};
use crate::worlds::rooms::CRATE_HALF;
use crate::worlds::rooms::level::KeyColor;

const CORNERS: [Vec2; 4] = [Vec2::ONE, Vec2::new(-1.0, 1.0), Vec2::NEG_ONE, Vec2::new(1.0, -1.0)];
/// Radius of a gate's posts.
const POST: f32 = 0.18;
/// Height of a plate above its socket while nothing presses it.
pub const PLATE_RISE: f32 = 0.07;

/// A crate in these wood colors.
pub fn paint_crate(canvas: &mut Paint, light: Tone, dark: Tone) {
    let half = Vec2::splat(CRATE_HALF);
    canvas.fill(&rounded(Vec2::ZERO, half, 0.09), dark.solid());
    canvas.fill(&rounded(Vec2::new(0.0, 0.03), half - 0.07, 0.05), light.solid());
    for y in [-0.12, 0.12] {
        canvas.fill(&rounded(Vec2::new(0.0, y + 0.03), Vec2::new(0.31, 0.014), 0.014), dark.alpha(0.7));
    }
    for corner in CORNERS {
        canvas.fill(&circle(corner * 0.26 + Vec2::new(0.0, 0.03), 0.028), dark.solid());
    }
}

/// A crate on its mark: gilded, with the mark's cross on its lid.
pub fn paint_gilded(canvas: &mut Paint) {
    let gold = palette::WOOD.mix(palette::AMBER, 0.65).mix(palette::INK, 0.12);
    paint_crate(canvas, gold, palette::WOOD_DARK.mix(palette::AMBER, 0.35));
    let check = [Vec2::new(-0.15, 0.03), Vec2::new(-0.04, -0.09), Vec2::new(0.17, 0.16)];
    canvas.stroke(&check, 0.115, palette::WOOD_DARK.mix(palette::NIGHT, 0.3).solid());
    canvas.stroke(&check, 0.06, palette::INK.solid());
}

/// A goal's gem, cut in facets.
pub fn paint_gem(canvas: &mut Paint) {
    let gold = palette::AMBER;
    canvas.fill(&polygon(Vec2::ZERO, 0.3, 4), gold.mix(palette::EMBER_DEEP, 0.45).solid());
    let tips = polygon(Vec2::ZERO, 0.27, 4);
    let tones =
        [gold.mix(palette::INK, 0.55), gold, gold.mix(palette::EMBER, 0.45), gold.mix(palette::INK, 0.15)];
    for (side, tone) in tones.into_iter().enumerate() {
        canvas.fill(&[Vec2::ZERO, tips[side], tips[(side + 1) % 4]], tone.solid());
    }
    canvas.fill(&polygon(Vec2::new(0.0, 0.01), 0.13, 4), gold.mix(palette::INK, 0.7).solid());
}

/// The color of keys and doors of `color`.
pub fn key_tone(color: KeyColor) -> Tone {
    match color {
        KeyColor::Red => palette::RUBY,
        KeyColor::Yellow => palette::CITRINE,
        KeyColor::Blue => palette::COBALT,
    }
}

/// The symbol of a color, which distinguishes colors by shape: a triangle, a disc or a square.
fn sign(color: KeyColor, center: Vec2, radius: f32) -> Vec<Vec2> {
    match color {
        KeyColor::Red => polygon(center - Vec2::Y * 0.15 * radius, 1.25 * radius, 3),
        KeyColor::Yellow => circle(center, radius),
        KeyColor::Blue => rounded(center, Vec2::splat(0.88 * radius), 0.12 * radius),
    }
}

/// The symbol of `color`, filled.
pub fn emblem(canvas: &mut Paint, color: KeyColor, center: Vec2, radius: f32, ink: LinearRgba) {
    canvas.fill(&sign(color, center, radius), ink);
}

/// A key whose bow has the shape of its color's symbol.
pub fn paint_key(canvas: &mut Paint, color: KeyColor) {
    let tone = key_tone(color);
    let bow = Vec2::new(0.0, 0.15);
    let parts = [
        (Vec2::new(0.0, -0.15), Vec2::new(0.04, 0.2)),
        (Vec2::new(0.07, -0.29), Vec2::new(0.08, 0.035)),
        (Vec2::new(0.06, -0.18), Vec2::new(0.06, 0.035)),
    ];
    // A larger dark outline first, then the shape.
    for (more, fill) in [(0.045, tone.mix(palette::NIGHT, 0.72)), (0.0, tone)] {
        emblem(canvas, color, bow, 0.19 + more, fill.solid());
        for (center, half) in parts {
            canvas.fill(&rounded(center, half + more, 0.03 + more), fill.solid());
        }
    }
    emblem(canvas, color, bow, 0.085, tone.mix(palette::NIGHT, 0.8).solid());
    canvas.fill(&rounded(Vec2::new(-0.015, -0.12), Vec2::new(0.012, 0.14), 0.012), palette::INK.alpha(0.7));
}

/// A door's side, which stays visible when it is open, and its top.
pub fn paint_door(canvas: &mut Paint, color: KeyColor, top: bool) {
    let tone = key_tone(color);
    if !top {
        canvas.fill(
            &rounded(Vec2::new(0.0, -RISE), Vec2::splat(0.5), 0.1),
            tone.mix(palette::NIGHT, 0.68).solid(),
        );
        return;
    }
    canvas.fill(&rounded(Vec2::ZERO, Vec2::splat(0.5), 0.1), tone.mix(palette::NIGHT, 0.3).solid());
    canvas.fill(&rounded(Vec2::new(0.0, 0.015), Vec2::splat(0.42), 0.08), tone.solid());
    let lid = Rect::from_corners(Vec2::new(-0.4, 0.0), Vec2::new(0.4, 0.42));
    canvas.ramp(lid, palette::INK.alpha(0.3), palette::INK.alpha(0.0));
    canvas.fill(&circle(Vec2::new(0.0, 0.015), 0.3), tone.mix(palette::NIGHT, 0.82).solid());
    emblem(canvas, color, Vec2::new(0.0, 0.02), 0.175, tone.mix(palette::INK, 0.55).solid());
}

fn posts() -> impl Iterator<Item = Vec2> {
    CORNERS.into_iter().map(|corner| corner * 0.24)
}

/// An open gate at `center`, with its posts sunk.
pub fn socket(canvas: &mut Paint, center: Vec2) {
    canvas.fill(&rounded(center, Vec2::splat(0.48), 0.12), palette::SLATE.solid());
    canvas.line(&rounded(center, Vec2::splat(0.48), 0.12), 0.025, palette::LIME.alpha(0.3));
    for post in posts() {
        canvas.fill(&circle(center + post, POST), palette::NIGHT.mix(BLACK, 0.35).solid());
        canvas.line(&circle(center + post, POST), 0.025, palette::LIME.alpha(0.45));
    }
}

/// The sides of a gate's four posts, or their tops.
pub fn paint_gate(canvas: &mut Paint, top: bool) {
    let tone = palette::LIME;
    for post in posts() {
        if top {
            canvas.fill(&circle(post, POST), tone.mix(palette::NIGHT, 0.4).solid());
            let bright = tone.mix(palette::INK, 0.5);
            canvas.shade(&circle(post + Vec2::new(0.0, 0.012), POST - 0.035), bright.solid(), tone.solid());
        } else {
            let foot = post - Vec2::new(0.0, RISE / 2.0);
            canvas.soft(&circle(post - Vec2::Y * (RISE + 0.02), POST * 0.8), 0.12, BLACK.alpha(0.5));
            canvas.fill(
                &rounded(foot, Vec2::new(POST, POST + RISE / 2.0), POST),
                tone.mix(palette::NIGHT, 0.68).solid(),
            );
        }
    }
}

/// A plate raised from its socket, or pressed down and lit.
pub fn paint_plate(canvas: &mut Paint, pressed: bool) {
    let half = Vec2::splat(0.33);
    if pressed {
        canvas.fill(&rounded(Vec2::ZERO, half, 0.09), palette::LIME.mix(palette::NIGHT, 0.35).solid());
        canvas.shade(
            &rounded(Vec2::ZERO, half - 0.04, 0.07),
            palette::LIME.mix(palette::INK, 0.55).solid(),
            palette::LIME.solid(),
        );
        return;
    }
    let steel = palette::MUTED.mix(palette::LIME, 0.25);
    canvas.fill(&rounded(Vec2::ZERO, half, 0.09), steel.mix(palette::NIGHT, 0.66).solid());
    let top = Vec2::new(0.0, PLATE_RISE);
    canvas.fill(&rounded(top, half, 0.09), steel.mix(palette::NIGHT, 0.2).solid());
    canvas.fill(&rounded(top, half - 0.05, 0.06), steel.mix(palette::INK, 0.1).solid());
    // Two arrowheads invite to step on it.
    for y in [-0.12, 0.06] {
        let point = top + Vec2::new(0.0, y - 0.02);
        let wing = |x: f32| point + Vec2::new(x, 0.1);
        canvas.stroke(&[wing(-0.13), point, wing(0.13)], 0.05, steel.mix(palette::NIGHT, 0.7).solid());
    }
}

/// An expanding ring, with sparks ahead of it.
pub fn paint_burst(canvas: &mut Paint, tone: Tone) {
    canvas.soft(&circle(Vec2::ZERO, 0.12), 0.3, tone.alpha(0.22));
    canvas.line(&circle(Vec2::ZERO, 0.36), 0.035, tone.solid());
    for spark in 0..12 {
        let way = Vec2::from_angle(std::f32::consts::TAU * (spark as f32 + 0.5) / 12.0);
        let (reach, size) = if spark % 2 == 0 { (0.54, 0.022) } else { (0.45, 0.015) };
        canvas.fill(&circle(way * reach, size), tone.mix(palette::INK, 0.4).solid());
    }
}

/// The board of the sign that hangs over a player and names a goal; its point aims at the player.
pub fn paint_sign(canvas: &mut Paint) {
    let half = Vec2::splat(0.34);
    canvas.soft(&rounded(Vec2::ZERO, half, 0.14), 0.35, palette::AMBER.alpha(0.3));
    canvas
        .fill(&[Vec2::new(-0.13, -0.3), Vec2::new(0.0, -0.5), Vec2::new(0.13, -0.3)], palette::AMBER.solid());
    canvas.fill(&rounded(Vec2::ZERO, half + 0.03, 0.16), palette::AMBER.solid());
    canvas.fill(&rounded(Vec2::ZERO, half - 0.02, 0.12), palette::NIGHT.solid());
}

/// The arrow on it; points along x.
pub fn paint_arrow(canvas: &mut Paint) {
    let ink = palette::AMBER.mix(palette::INK, 0.35).solid();
    canvas.fill(&[Vec2::new(0.24, 0.0), Vec2::new(0.0, 0.2), Vec2::new(0.0, -0.2)], ink);
    canvas.fill(&rounded(Vec2::new(-0.11, 0.0), Vec2::new(0.12, 0.065), 0.03), ink);
}
