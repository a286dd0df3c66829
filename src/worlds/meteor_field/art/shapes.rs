//! Builds meteor-field's meshes once; all stages share them.

use std::f32::consts::TAU;

use bevy::prelude::*;

use crate::view::effects::Art;
use crate::view::paint::{Paint, circle, rounded};
use crate::view::palette::{self, BLACK, Tone};
use crate::view::stage::StageSize;
use crate::worlds::meteor_field::{FIELD, ROCK_RADII, SHIP_NOSE, SHOT_RADIUS};

/// Width of the frame around the field.
pub const BEYOND: f32 = 0.95;
/// How far rocks on the edge reach beyond the field; the frame hides that much.
const HIDDEN: f32 = 1.4;
/// Number of outlines per rock size.
pub const SHAPES: usize = 3;
/// Number of twinkling stars, and of all stars.
pub const TWINKLES: usize = 16;
const STARS: usize = 150;

/// Meshes of the field.
#[derive(Resource)]
pub struct SpaceArt {
    pub sky: Art,
    pub stars: Art,
    pub frame: Art,
    pub star: Art,
    /// By outline, then by size.
    pub rocks: [[Art; 3]; SHAPES],
    /// Debris of a rock, by size.
    pub bursts: [Art; 3],
    /// By player.
    pub ships: [Art; 5],
    pub wrecks: [Art; 5],
    pub shots: [Art; 5],
    pub flame: Art,
    pub puff: Art,
    pub flash: Art,
    pub shield: Art,
    pub lamp: Art,
}

/// Builds the meshes and sets the size of a stage.
pub fn prepare(mut commands: Commands, mut meshes: ResMut<Assets<Mesh>>) {
    let half = FIELD + BEYOND;
    commands.insert_resource(StageSize(half));
    let mut art = |paint: &dyn Fn(&mut Paint)| Art::new(&mut meshes, 2.0 * half.y, paint);
    commands.insert_resource(SpaceArt {
        sky: art(&paint_sky),
        stars: art(&paint_stars),
        frame: art(&paint_frame),
        star: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.03), 0.16, palette::INK.alpha(0.5));
            canvas.fill(&circle(Vec2::ZERO, 0.045), palette::INK.solid());
        }),
        rocks: [0, 1, 2].map(|shape| [0, 1, 2].map(|size| art(&|canvas| paint_rock(canvas, shape, size)))),
        bursts: ROCK_RADII.map(|radius| {
            art(&|canvas| {
                canvas.soft(&circle(Vec2::ZERO, 0.4 * radius), radius, palette::AMBER.alpha(0.6));
                canvas.soft(&circle(Vec2::ZERO, 0.2 * radius), 0.5 * radius, palette::INK.alpha(0.8));
                shards(canvas, radius, 11, stone(0.35));
                shards(canvas, 0.7 * radius, 7, palette::AMBER);
            })
        }),
        ships: palette::PLAYERS.map(|tone| {
            art(&|canvas| {
                canvas.soft(&circle(Vec2::new(-0.08, 0.0), 0.25), 0.75, tone.alpha(0.22));
                canvas.fill(&hull(1.0), tone.mix(palette::NIGHT, 0.35).solid());
                canvas.fill(&hull(0.8), tone.mix(palette::INK, 0.12).solid());
                let glass = rounded(Vec2::new(0.12, 0.0), Vec2::new(0.13, 0.06), 0.06);
                canvas.fill(&glass, palette::NIGHT.mix(tone, 0.25).solid());
            })
        }),
        wrecks: palette::PLAYERS.map(|tone| {
            art(&|canvas| {
                canvas.soft(&circle(Vec2::ZERO, 0.4), 1.0, palette::EMBER.alpha(0.7));
                canvas.line(&circle(Vec2::ZERO, 1.0), 0.07, palette::EMBER.alpha(0.8));
                shards(canvas, 0.9, 13, tone);
                shards(canvas, 0.6, 9, palette::AMBER);
            })
        }),
        shots: palette::PLAYERS.map(|tone| {
            art(&|canvas| {
                let streak = rounded(Vec2::new(-0.14, 0.0), Vec2::new(0.26, 0.05), 0.05);
                canvas.soft(&streak, 0.4, tone.alpha(0.4));
                canvas.fill(&streak, tone.mix(palette::INK, 0.4).alpha(0.8));
                canvas.fill(&circle(Vec2::ZERO, SHOT_RADIUS), palette::INK.solid());
            })
        }),
        flame: art(&|canvas| {
            for (long, wide, tone) in
                [(0.75, 0.17, palette::EMBER), (0.5, 0.11, palette::AMBER), (0.28, 0.06, palette::INK)]
            {
                let outline =
                    [(-0.28, wide), (-0.28 - long, 0.0), (-0.28, -wide)].map(|(x, y)| Vec2::new(x, y));
                canvas.soft(&outline, 0.2, tone.alpha(0.3));
                canvas.fill(&outline, tone.alpha(0.9));
            }
        }),
        puff: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.06), 0.16, palette::EMBER.alpha(0.6));
        }),
        flash: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.12), 0.45, palette::INK.alpha(0.8));
        }),
        shield: art(&|canvas| {
            canvas.line(&circle(Vec2::ZERO, 0.85), 0.05, palette::SKY.mix(palette::INK, 0.4).alpha(0.7));
            canvas.soft(&circle(Vec2::ZERO, 0.5), 0.35, palette::SKY.alpha(0.14));
        }),
        lamp: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.1), 0.4, palette::AMBER.alpha(0.35));
            let upright = hull(0.55).into_iter().map(|point| point.perp()).collect::<Vec<_>>();
            canvas.fill(&upright, palette::AMBER.solid());
        }),
    });
}

/// A pseudo-random number from 0 to 1: art is the same in every run.
fn noise(seed: usize) -> f32 {
    ((seed as f32 * 12.9898).sin() * 43_758.547).rem_euclid(1.0)
}

/// Position of star `index`.
pub fn star(index: usize) -> Vec2 {
    (Vec2::new(noise(2 * index + 1), noise(2 * index + 500)) * 2.0 - 1.0) * FIELD
}

/// Grey-brown, the lighter the larger `share`.
fn stone(share: f32) -> Tone {
    palette::WOOD_DARK.mix(palette::WALL, 0.6).mix(palette::INK, share)
}

/// The ship as drawn, nose to the right.
fn hull(size: f32) -> Vec<Vec2> {
    [(SHIP_NOSE, 0.0), (-0.4, 0.4), (-0.24, 0.0), (-0.4, -0.4)]
        .map(|(x, y)| Vec2::new(-0.1, 0.0) + (Vec2::new(x, y) - Vec2::new(-0.1, 0.0)) * size)
        .to_vec()
}

/// Splinters in a ring: as it grows they fly apart.
fn shards(canvas: &mut Paint, radius: f32, count: usize, tone: Tone) {
    for index in 0..count {
        let angle = TAU * (index as f32 + 0.7 * noise(index + count)) / count as f32;
        let center = Vec2::from_angle(angle) * radius * (0.55 + 0.45 * noise(3 * index + count));
        let size = radius * (0.06 + 0.09 * noise(5 * index + 1));
        let splinter: Vec<Vec2> = (0..3)
            .map(|corner| center + Vec2::from_angle(angle * 3.0 + TAU * corner as f32 / 3.0) * size)
            .collect();
        canvas.fill(&splinter, tone.solid());
    }
}

fn paint_rock(canvas: &mut Paint, shape: usize, size: usize) {
    const CORNERS: usize = 13;
    let radius = ROCK_RADII[size];
    let seed = 40 * shape + 7 * size;
    let outline = |share: f32| -> Vec<Vec2> {
        (0..CORNERS)
            .map(|corner| {
                let angle = TAU * (corner as f32 + 0.5 * noise(seed + 2 * corner)) / CORNERS as f32;
                Vec2::from_angle(angle) * radius * share * (0.84 + 0.22 * noise(seed + corner))
            })
            .collect()
    };
    canvas.soft(&outline(0.9), 0.35, BLACK.alpha(0.5));
    canvas.fill(&outline(1.0), stone(0.0).mix(palette::NIGHT, 0.45).solid());
    canvas.shade(&outline(0.91), stone(0.26).solid(), stone(0.06).solid());
    for crater in 0..3 + size {
        let angle = TAU * noise(seed + 3 * crater + 1);
        let center = Vec2::from_angle(angle) * radius * (0.15 + 0.45 * noise(seed + 5 * crater));
        let wide = radius * (0.1 + 0.12 * noise(seed + crater));
        canvas.fill(&circle(center, wide), stone(0.34).alpha(0.7));
        canvas
            .fill(&circle(center + wide * 0.16, wide * 0.84), stone(0.0).mix(palette::NIGHT, 0.3).alpha(0.9));
    }
}

fn paint_sky(canvas: &mut Paint) {
    let half = FIELD + 0.3;
    let deep = palette::NIGHT.mix(BLACK, 0.25);
    let outline = rounded(Vec2::ZERO, half, 0.4);
    canvas.shade(&outline, palette::NIGHT.mix(palette::FLOOR, 0.7).solid(), deep.solid());
    for (center, radius, tone) in [
        (Vec2::new(-4.5, 2.5), 1.2, palette::VIOLET),
        (Vec2::new(-2.0, 3.2), 0.8, palette::SKY),
        (Vec2::new(5.0, -2.8), 1.4, palette::SKY),
        (Vec2::new(3.0, -1.6), 0.7, palette::ROSE),
    ] {
        canvas.soft(&circle(center, radius), 3.2, tone.alpha(0.05));
    }
}

fn paint_stars(canvas: &mut Paint) {
    for index in TWINKLES..STARS {
        let bright = noise(index + 11);
        let tone = palette::INK.mix([palette::SKY, palette::AMBER, palette::INK][index % 3], 0.4);
        canvas.fill(&circle(star(index), 0.012 + 0.03 * bright * bright), tone.alpha(0.25 + 0.55 * bright));
    }
}

/// Drawn over everything: rocks leave and return behind it.
fn paint_frame(canvas: &mut Paint) {
    let ring = |canvas: &mut Paint, beyond: f32, shift: f32, color: LinearRgba| {
        let outline = rounded(Vec2::new(0.0, shift), FIELD + beyond, beyond + 0.3);
        canvas.line(&outline, beyond - shift.abs(), color);
    };
    for (index, edge) in [Vec2::X, Vec2::NEG_X, Vec2::Y, Vec2::NEG_Y].into_iter().enumerate() {
        // The glass is darker next to the frame.
        let shade = BLACK.alpha(0.4);
        let inner = edge * FIELD - edge * 0.45;
        let corner = edge.perp() * FIELD;
        let rect = Rect::from_corners(edge * FIELD + corner, inner - corner);
        let (one, other) = if index % 2 == 0 { (shade, BLACK.alpha(0.0)) } else { (BLACK.alpha(0.0), shade) };
        if index < 2 {
            canvas.ramp_across(rect, other, one);
        } else {
            canvas.ramp(rect, one, other);
        }
    }
    ring(canvas, HIDDEN, 0.0, palette::NIGHT.solid());
    ring(canvas, BEYOND, -0.12, palette::WALL_SIDE.solid());
    ring(canvas, BEYOND - 0.12, 0.0, palette::WALL.solid());
    ring(canvas, 0.16, 0.0, palette::WALL_SIDE.solid());
    let bolts = FIELD + 0.5 * BEYOND;
    for index in -4..=4_i32 {
        let along = index as f32 / 4.0;
        for side in [-1.0, 1.0] {
            let mut bolt = |center: Vec2| {
                canvas.fill(&circle(center, 0.09), palette::WALL_SIDE.solid());
                canvas.fill(&circle(center + 0.015, 0.06), palette::WALL.mix(palette::INK, 0.2).solid());
            };
            if side > 0.0 || index.abs() > 1 {
                bolt(Vec2::new(along * FIELD.x * 0.96, side * bolts.y));
            }
            bolt(Vec2::new(side * bolts.x, along * FIELD.y * 0.92));
        }
    }
}
