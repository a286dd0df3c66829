//! Builds lander's meshes: sky, rocket and flames once, the ground for every episode.

use bevy::prelude::*;

use crate::view::drift::scatter;
use crate::view::effects::Art;
use crate::view::paint::{Paint, circle, rounded};
use crate::view::palette::{self, BLACK, Tone};
use crate::view::stage::{Detail, StageSize};
use crate::worlds::lander::craft::{HULL_OUTLINE, LEG_HALF, LEG_PIVOT};
use crate::worlds::lander::{CORNERS, FLAGS, HALF, PAD, SPACING};

/// Width of the frame, and how far the picture continues under it.
pub const RIM: f32 = 0.34;
const FRAME: Vec2 = Vec2::new(HALF.x + 0.5, HALF.y + 0.5);
/// Where the main engine's nozzle ends, below the hull's origin.
pub const NOZZLE: f32 = -0.44;
/// Direction of the light.
const SUN: Vec2 = Vec2::new(-0.6, 0.8);

/// Meshes of the picture.
#[derive(Resource)]
pub struct MoonArt {
    pub board: Art,
    pub rim: Art,
    pub star: Art,
    pub mast: Art,
    pub cloth: Art,
    pub lamp: Art,
    /// By player.
    pub hulls: [Art; 5],
    pub beacon: Art,
    pub leg: Art,
    pub flame: Art,
    pub jet: Art,
    pub light: Art,
    pub marker: Art,
    pub ember: Art,
    pub dust: Art,
    pub splinter: Art,
    pub blast: Art,
    pub ring: Art,
}

/// Builds what all episodes share and sets the size of a stage.
pub fn prepare(mut commands: Commands, mut meshes: ResMut<Assets<Mesh>>) {
    commands.insert_resource(StageSize(FRAME));
    let mut art = |paint: &dyn Fn(&mut Paint)| Art::new(&mut meshes, 2.0 * FRAME.y, paint);
    let moon = MoonArt {
        board: art(&paint_sky),
        rim: art(&|canvas| {
            let inner = FRAME - RIM;
            let shadow = Rect::from_corners(Vec2::new(-inner.x, inner.y - 0.35), inner);
            canvas.ramp(shadow, BLACK.alpha(0.35), BLACK.alpha(0.0));
            canvas.line(&rounded(Vec2::ZERO, FRAME, 0.7), RIM, palette::WALL.solid());
        }),
        star: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.04), 0.22, palette::INK.alpha(0.5));
            canvas.fill(&circle(Vec2::ZERO, 0.045), palette::INK.solid());
        }),
        mast: art(&|canvas| {
            let steel = palette::INK.mix(palette::WALL, 0.25);
            canvas.fill(&rounded(Vec2::Y * 0.55, Vec2::new(0.035, 0.55), 0.035), steel.solid());
            canvas.fill(&circle(Vec2::Y * 1.12, 0.065), palette::AMBER.solid());
        }),
        cloth: art(&|canvas| {
            let cloth = [Vec2::ZERO, Vec2::new(0.0, -0.44), Vec2::new(0.68, -0.22)];
            canvas.fill(&cloth, palette::AMBER.solid());
            let light = [Vec2::new(0.0, -0.06), Vec2::new(0.0, -0.24), Vec2::new(0.36, -0.21)];
            canvas.fill(&light, palette::AMBER.mix(palette::INK, 0.45).alpha(0.7));
        }),
        lamp: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.06), 0.35, palette::AMBER.alpha(0.35));
            canvas.fill(&circle(Vec2::ZERO, 0.06), palette::AMBER.mix(palette::INK, 0.5).solid());
        }),
        hulls: palette::PLAYERS.map(|tone| art(&|canvas| paint_hull(canvas, tone))),
        beacon: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.03), 0.22, palette::ROSE.alpha(0.5));
            canvas.fill(&circle(Vec2::ZERO, 0.04), palette::ROSE.mix(palette::INK, 0.3).solid());
        }),
        leg: art(&paint_leg),
        flame: art(&|canvas| paint_flame(canvas, 0.17)),
        jet: art(&|canvas| paint_flame(canvas, 0.26)),
        light: art(&|canvas| {
            let pool = rounded(Vec2::ZERO, Vec2::new(0.7, 0.06), 0.06);
            canvas.soft(&pool, 0.9, palette::AMBER.alpha(0.5));
        }),
        marker: art(&|canvas| {
            let arrow = [Vec2::new(-0.24, 0.0), Vec2::new(0.24, 0.0), Vec2::new(0.0, 0.3)];
            canvas.soft(&arrow, 0.3, palette::INK.alpha(0.3));
            canvas.fill(&arrow, palette::INK.alpha(0.9));
        }),
        ember: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.05), 0.16, palette::EMBER.alpha(0.6));
            canvas.fill(&circle(Vec2::ZERO, 0.05), palette::AMBER.solid());
        }),
        dust: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.08), 0.22, palette::MUTED.alpha(0.4));
        }),
        splinter: art(&|canvas| {
            let shard = [Vec2::new(-0.09, -0.06), Vec2::new(0.11, -0.04), Vec2::new(0.0, 0.1)];
            canvas.fill(&shard, palette::INK.mix(palette::WALL, 0.45).solid());
        }),
        blast: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.5), 0.9, palette::EMBER.alpha(0.75));
            canvas.soft(&circle(Vec2::ZERO, 0.25), 0.5, palette::AMBER.alpha(0.9));
            canvas.soft(&circle(Vec2::ZERO, 0.1), 0.3, palette::INK.alpha(0.9));
        }),
        ring: art(&|canvas| {
            canvas.line(&circle(Vec2::ZERO, 0.8), 0.09, palette::AMBER.alpha(0.9));
        }),
    };
    commands.insert_resource(moon);
}

fn paint_sky(canvas: &mut Paint) {
    canvas.soft(&rounded(Vec2::new(0.0, -0.25), FRAME - 0.2, 0.8), 0.8, BLACK.alpha(0.5));
    canvas.fill(&rounded(Vec2::new(0.0, -0.12), FRAME, 0.7), palette::WALL_SIDE.solid());
    let inner = FRAME - 0.2;
    let dusk = palette::FLOOR_ALT.mix(palette::VIOLET, 0.22);
    canvas.ramp(Rect::from_corners(-inner, inner), palette::NIGHT.mix(BLACK, 0.35).solid(), dusk.solid());
    // A band of distant light across the sky.
    for index in 0..9 {
        let along = index as f32 / 4.0 - 1.0;
        let place = Vec2::new(along * 8.6, 3.2 + along * 1.9);
        let tone = if index % 2 == 0 { palette::VIOLET } else { palette::SKY };
        canvas.soft(&circle(place, 0.4), 2.2, tone.alpha(0.05));
    }
    // Scattered deterministically, so that every night looks the same.
    for star in 0..170 {
        let place = Vec2::new(scatter(2 * star), scatter(2 * star + 1)) * inner;
        let bright = scatter(500 + star).abs();
        let tone = [palette::INK, palette::SKY, palette::AMBER, palette::INK][star as usize % 4];
        canvas.fill(&circle(place, 0.012 + 0.028 * bright * bright), tone.alpha(0.15 + 0.6 * bright));
    }
    paint_planet(canvas, Vec2::new(-6.6, 4.1), 1.25);
    for (height, swell, pitch, tone) in [
        (-2.6, 0.8, 0.55, palette::VIOLET.mix(palette::NIGHT, 0.78)),
        (-3.9, 0.6, 0.9, palette::VIOLET.mix(palette::NIGHT, 0.86)),
    ] {
        let crest = |step: i32| {
            let x = inner.x * (step as f32 / 24.0 - 1.0);
            let edge = 0.35 * scatter(step.unsigned_abs() + (100.0 * pitch) as u32);
            Vec2::new(x, height + swell * (pitch * x + height).sin() + edge)
        };
        let ridge: Vec<Vec2> = (0..=48).map(crest).collect();
        let floor: Vec<Vec2> = ridge.iter().map(|point| Vec2::new(point.x, -inner.y)).collect();
        canvas.band([&ridge, &floor], tone.solid(), tone.mix(BLACK, 0.3).solid());
        canvas.stroke(&ridge, 0.03, tone.mix(palette::INK, 0.12).solid());
    }
}

/// A half-lit planet over the horizon.
fn paint_planet(canvas: &mut Paint, center: Vec2, radius: f32) {
    let (sea, land) = (palette::SKY.mix(palette::NIGHT, 0.25), palette::MINT.mix(palette::SKY, 0.35));
    canvas.soft(&circle(center, radius * 0.9), radius * 1.1, palette::SKY.alpha(0.3));
    canvas.shade(&circle(center, radius), sea.mix(palette::INK, 0.25).solid(), sea.solid());
    for (x, y, half, height) in [(-0.3, 0.3, 0.34, 0.16), (0.1, -0.2, 0.3, 0.2), (-0.45, -0.4, 0.16, 0.1)] {
        let place = center + Vec2::new(x, y) * radius;
        canvas.soft(&rounded(place, Vec2::new(half, height) * radius, 0.3), 0.12, land.alpha(0.75));
    }
    // Darker with the distance from the lit side.
    for step in 0..6 {
        let share = step as f32 / 6.0;
        let shade = center - SUN * radius * (0.22 + 0.12 * share);
        canvas.fill(&circle(shade, radius * (0.84 - 0.12 * share)), palette::NIGHT.alpha(0.2));
    }
}

/// Descent stage in foil whose folds catch the light, cabin in the color of the controller, a nozzle below.
fn paint_hull(canvas: &mut Paint, tone: Tone) {
    let [left_top, left, left_foot, right_foot, right, right_top] = HULL_OUTLINE;
    let (foil, steel) = (palette::AMBER.mix(palette::WOOD_DARK, 0.35), palette::WALL.mix(palette::INK, 0.3));
    let mut outline = HULL_OUTLINE;
    outline.sort_by(|a, b| a.to_angle().total_cmp(&b.to_angle()));
    canvas.soft(&outline, 0.55, tone.alpha(0.22));
    let bell = [(-0.1, -0.3), (-0.2, NOZZLE), (0.2, NOZZLE), (0.1, -0.3)].map(Vec2::from);
    canvas.fill(&bell, steel.mix(palette::NIGHT, 0.55).solid());
    canvas.fill(&outline, palette::NIGHT.mix(tone, 0.25).solid());
    for fold in 0..6 {
        let at = |share: f32, (from, to): (Vec2, Vec2)| from.lerp(to, share);
        let (a, b) = (fold as f32 / 6.0, (fold as f32 + 1.0) / 6.0);
        let (top, foot) = ((left - 0.01, right - 0.01), (left_foot, right_foot));
        let shine = if fold % 2 == 0 { 0.35 } else { 0.0 } + 0.06 * (3.0 - fold as f32);
        let quad = [at(a, foot), at(b, foot), at(b, top), at(a, top)];
        canvas.fill(&quad, foil.mix(palette::INK, shine.clamp(0.0, 1.0)).solid());
    }
    let shrink = |point: Vec2| Vec2::new(point.x * 0.93, (point.y - 0.28) * 0.9 + 0.28);
    let cabin = [left, right, right_top, left_top].map(shrink);
    canvas.shade(&cabin, tone.mix(palette::INK, 0.4).solid(), tone.solid());
    let lit = [left, left.lerp(right, 0.22), left_top.lerp(right_top, 0.22), left_top].map(shrink);
    canvas.fill(&lit, palette::INK.alpha(0.3));
    canvas.fill(&rounded(Vec2::new(0.06, 0.29), Vec2::new(0.21, 0.14), 0.1), palette::NIGHT.solid());
    let glass = palette::SKY.mix(palette::NIGHT, 0.45);
    canvas.shade(
        &rounded(Vec2::new(0.06, 0.29), Vec2::new(0.17, 0.1), 0.08),
        glass.mix(palette::INK, 0.45).solid(),
        glass.solid(),
    );
    for side in [-1.0, 1.0] {
        canvas.fill(&rounded(Vec2::new(side * 0.5, 0.43), Vec2::new(0.07, 0.06), 0.02), steel.solid());
    }
    canvas.fill(&rounded(Vec2::new(-0.18, 0.68), Vec2::new(0.015, 0.13), 0.01), steel.solid());
}

/// A right leg in its body's own frame: two struts that end behind the hull, and a round foot.
fn paint_leg(canvas: &mut Paint) {
    let steel = palette::INK.mix(palette::WALL, 0.35);
    let foot = Vec2::new(0.0, 0.08 - LEG_HALF.y);
    for (from, reach) in [(foot, 0.62), (Vec2::Y * LEG_HALF.y * 0.4, 0.8)] {
        canvas.stroke(&[from, LEG_PIVOT * reach], 0.06, steel.mix(palette::NIGHT, 0.35).solid());
    }
    canvas.fill(&rounded(Vec2::ZERO, LEG_HALF - 0.015, 0.05), steel.solid());
    canvas.fill(&circle(foot, 0.115), steel.mix(palette::NIGHT, 0.45).solid());
    canvas.fill(&circle(foot + Vec2::Y * 0.02, 0.08), steel.solid());
}

/// One unit of flame from the origin down.
fn paint_flame(canvas: &mut Paint, width: f32) {
    for (length, wide, tone, alpha) in [
        (1.0, 1.0, palette::EMBER, 0.5),
        (0.72, 0.72, palette::AMBER, 0.85),
        (0.42, 0.45, palette::INK, 0.95),
    ] {
        let tongue: Vec<Vec2> = circle(Vec2::ZERO, 1.0)
            .into_iter()
            // Widest near the nozzle, pointed at the end.
            .map(|point| {
                let down = (1.0 - point.y) / 2.0;
                Vec2::new(point.x * width * wide * (1.15 - 0.75 * down), -down * length)
            })
            .collect();
        canvas.soft(&tongue, 0.12 * wide, tone.alpha(alpha));
    }
}

/// The ground of one episode: facets lit by their slope, darker the deeper, with the pad on it.
pub fn paint_ground(canvas: &mut Paint, heights: &[f32; CORNERS], detail: Detail) {
    let floor = -FRAME.y + 0.2;
    // Two columns for every stretch of ground, and one at either side under the frame.
    let columns = 2 * CORNERS as i32 + 1;
    let surface = |column: i32| {
        let place = (column - 1) as f32 / 2.0;
        let corner = (place.max(0.0) as usize).min(CORNERS - 2);
        let share = (place - corner as f32).clamp(0.0, 1.0);
        let height = heights[corner] + (heights[corner + 1] - heights[corner]) * share;
        Vec2::new((place * SPACING - HALF.x).clamp(-FRAME.x + 0.2, FRAME.x - 0.2), height)
    };
    let rows = if detail == Detail::Large { 4 } else { 2 };
    let vertex = |column: i32, row: u32| {
        let top = surface(column);
        let share = row as f32 / rows as f32;
        let inner = row > 0 && row < rows;
        let key = column.unsigned_abs() * 7 + row * 101;
        let stray = if inner { Vec2::new(scatter(key), scatter(key + 50)) * 0.3 } else { Vec2::ZERO };
        Vec2::new(top.x, top.y + (floor - top.y) * share.powf(1.3)) + stray
    };
    for column in 0..columns {
        let slope = (surface(column + 1) - surface(column)).perp().normalize_or(Vec2::Y);
        let sun = slope.dot(SUN).max(0.0);
        for row in 0..rows {
            let [a, b] = [vertex(column, row), vertex(column + 1, row)];
            let [c, d] = [vertex(column, row + 1), vertex(column + 1, row + 1)];
            for (half, facet) in [[a, c, b], [b, c, d]].into_iter().enumerate() {
                let key = column.unsigned_abs() * 31 + row * 17 + half as u32;
                let depth = (row as f32 + 0.5 * half as f32) / rows as f32;
                let light = (0.75 * sun * (1.0 - depth) + 0.09 * scatter(key)).clamp(0.0, 1.0);
                let rock = palette::WALL_SIDE.mix(palette::NIGHT, 0.2 + 0.6 * depth);
                canvas.fill(&facet, rock.mix(palette::MUTED, 0.75 * light).solid());
            }
        }
    }
    for column in 0..columns {
        let [a, b] = [surface(column), surface(column + 1)];
        let sun = (b - a).perp().normalize_or(Vec2::Y).dot(SUN).max(0.0);
        let edge = palette::MUTED.mix(palette::INK, sun * sun);
        canvas.stroke(&[a - Vec2::Y * 0.03, b - Vec2::Y * 0.03], 0.06, edge.alpha(0.35 + 0.6 * sun));
    }
    paint_pad(canvas);
}

fn paint_pad(canvas: &mut Paint) {
    let beam = Rect::from_corners(Vec2::new(-FLAGS, PAD), Vec2::new(FLAGS, PAD + 2.6));
    canvas.ramp(beam, palette::AMBER.alpha(0.0), palette::AMBER.alpha(0.07));
    let plate = Vec2::new(0.0, PAD - 0.09);
    canvas.fill(&rounded(plate - Vec2::Y * 0.06, Vec2::new(FLAGS, 0.12), 0.04), palette::NIGHT.solid());
    canvas.fill(&rounded(plate, Vec2::new(FLAGS, 0.09), 0.04), palette::WALL.mix(palette::INK, 0.25).solid());
    for mark in -4..4 {
        let x = (mark as f32 + 0.5) * FLAGS / 4.0;
        let half = Vec2::new(0.12, 0.07);
        let slant = Vec2::X * 0.06;
        let corners = [
            plate + Vec2::new(x, 0.0) - half - slant,
            plate + Vec2::new(x + half.x, -half.y) - slant,
            plate + Vec2::new(x, 0.0) + half + slant,
            plate + Vec2::new(x - half.x, half.y) + slant,
        ];
        canvas.fill(&corners, palette::AMBER.mix(palette::WOOD_DARK, 0.15).solid());
    }
}
