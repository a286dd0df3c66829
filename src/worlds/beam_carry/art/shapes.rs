//! Builds beam-carry's meshes once; all stages share them.

use std::f32::consts::{FRAC_PI_2, TAU};

use bevy::prelude::*;

use crate::view::effects::Art;
use crate::view::paint::{Paint, circle, rounded};
use crate::view::palette::{self, BLACK};
use crate::view::stage::StageSize;
use crate::worlds::beam_carry::{BEAM_HALF, HALL, PLAYER_RADIUS, WALL_HALF, ZONE_HALF};

/// Width of the hall's own walls as drawn.
const BEYOND: f32 = 0.7;

/// Meshes of the hall.
#[derive(Resource)]
pub struct HallArt {
    pub board: Art,
    pub frame: Art,
    pub zone: Art,
    pub glow: Art,
    /// A wall's end, and one unit of a wall.
    pub cap: Art,
    pub trunk: Art,
    pub beam: Art,
    /// By player, looking to the right.
    pub players: [Art; 5],
    pub shadow: Art,
    pub dust: Art,
    pub cheer: Art,
    pub sparks: Art,
}

/// Builds the meshes and sets the size of a stage.
pub fn prepare(mut commands: Commands, mut meshes: ResMut<Assets<Mesh>>) {
    let half = HALL + BEYOND;
    commands.insert_resource(StageSize(half));
    let mut art = |paint: &dyn Fn(&mut Paint)| Art::new(&mut meshes, 2.0 * half.y, paint);
    commands.insert_resource(HallArt {
        board: art(&paint_board),
        frame: art(&paint_frame),
        zone: art(&paint_zone),
        glow: art(&|canvas| {
            let zone = rounded(Vec2::ZERO, Vec2::splat(ZONE_HALF - 0.5), 0.3);
            canvas.soft(&zone, 1.1, palette::AMBER.alpha(0.06));
        }),
        cap: art(&|canvas| {
            let end = rounded(Vec2::ZERO, Vec2::splat(WALL_HALF), 0.16);
            canvas.soft(&end, 0.35, BLACK.alpha(0.3));
            canvas.fill(&end, palette::WALL_SIDE.solid());
            canvas.fill(&rounded(Vec2::Y * 0.03, Vec2::splat(WALL_HALF - 0.07), 0.12), palette::WALL.solid());
            canvas.fill(&circle(Vec2::Y * 0.03, 0.09), palette::AMBER.alpha(0.85));
        }),
        trunk: art(&|canvas| {
            let side =
                |x: f32, wide: f32| Rect::from_center_half_size(Vec2::new(x, 0.0), Vec2::new(wide, 0.5));
            let (dark, clear) = (BLACK.alpha(0.3), BLACK.alpha(0.0));
            canvas.ramp_across(side(WALL_HALF + 0.15, 0.15), dark, clear);
            canvas.ramp_across(side(-WALL_HALF - 0.15, 0.15), clear, dark);
            for (wide, tone) in [(WALL_HALF, palette::WALL_SIDE), (WALL_HALF - 0.07, palette::WALL)] {
                canvas.ramp(side(0.0, wide), tone.solid(), tone.solid());
            }
        }),
        beam: art(&paint_beam),
        players: palette::PLAYERS.map(|tone| {
            art(&|canvas| {
                let disc = |share: f32| circle(Vec2::ZERO, PLAYER_RADIUS * share);
                canvas.soft(&disc(0.8), 0.55, tone.alpha(0.25));
                canvas.fill(&disc(1.0), tone.mix(palette::NIGHT, 0.4).solid());
                canvas.fill(&disc(0.9), tone.solid());
                // A helmet: lighter above, with a ridge from front to back and two eyes under its brim.
                for side in [-1.0, 1.0] {
                    let eye = Vec2::new(0.24, side * 0.13);
                    canvas.fill(&circle(eye, 0.085), palette::INK.solid());
                    canvas.fill(&circle(eye + Vec2::X * 0.025, 0.045), palette::NIGHT.solid());
                }
                let helmet = circle(Vec2::new(-0.07, 0.0), PLAYER_RADIUS * 0.62);
                canvas.fill(&helmet, tone.mix(palette::NIGHT, 0.25).solid());
                let (middle, edge) = (tone.mix(palette::INK, 0.55), tone.mix(palette::INK, 0.15));
                let dome = circle(Vec2::new(-0.07, 0.0), PLAYER_RADIUS * 0.54);
                canvas.shade(&dome, middle.solid(), edge.solid());
                let ridge = rounded(Vec2::new(-0.07, 0.0), Vec2::new(0.19, 0.035), 0.035);
                canvas.fill(&ridge, palette::INK.alpha(0.65));
            })
        }),
        shadow: art(&|canvas| {
            canvas.soft(&circle(Vec2::new(0.03, -0.1), PLAYER_RADIUS * 0.9), 0.25, BLACK.alpha(0.4));
        }),
        dust: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.06), 0.22, palette::MUTED.alpha(0.35));
        }),
        cheer: art(&|canvas| {
            let zone = rounded(Vec2::ZERO, Vec2::splat(ZONE_HALF), 0.5);
            canvas.soft(
                &rounded(Vec2::ZERO, Vec2::splat(ZONE_HALF - 1.0), 0.5),
                1.4,
                palette::AMBER.alpha(0.3),
            );
            canvas.line(&zone, 0.12, palette::AMBER.alpha(0.9));
        }),
        sparks: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.2), 0.6, palette::AMBER.alpha(0.6));
            for index in 0..12 {
                let way = Vec2::from_angle(TAU * index as f32 / 12.0);
                let far = if index % 2 == 0 { 1.0 } else { 0.7 };
                canvas.fill(&circle(way * far, 0.07), palette::AMBER.mix(palette::INK, 0.3).solid());
            }
        }),
    });
}

fn paint_board(canvas: &mut Paint) {
    let half = HALL + BEYOND;
    canvas.soft(&rounded(Vec2::new(0.0, -0.3), half - 0.3, 0.8), 0.8, BLACK.alpha(0.5));
    canvas.fill(&rounded(Vec2::ZERO, HALL + 0.2, 0.2), palette::FLOOR.solid());
    for column in 0..11 {
        for row in 0..6 {
            let center = (Vec2::new(column as f32, row as f32) + 0.5) * 2.0 - HALL;
            if (column + row) % 2 == 0 {
                canvas.fill(&rounded(center, Vec2::splat(0.96), 0.14), palette::FLOOR_ALT.solid());
            }
        }
    }
    let top = Rect::from_corners(Vec2::new(-HALL.x, HALL.y - 0.5), HALL);
    canvas.ramp(top, BLACK.alpha(0.32), BLACK.alpha(0.0));
}

/// Drawn over the walls that end at it.
fn paint_frame(canvas: &mut Paint) {
    let ring = |canvas: &mut Paint, beyond: f32, shift: f32, color: LinearRgba| {
        canvas.line(&rounded(Vec2::Y * shift, HALL + beyond, beyond + 0.12), beyond - shift.abs(), color);
    };
    ring(canvas, BEYOND, -0.1, palette::WALL_SIDE.solid());
    ring(canvas, BEYOND - 0.06, 0.06, palette::WALL.solid());
    ring(canvas, 0.1, 0.0, palette::WALL_SIDE.solid());
}

/// A dashed square with strong corners.
fn paint_zone(canvas: &mut Paint) {
    let square = Vec2::splat(ZONE_HALF);
    canvas.fill(&rounded(Vec2::ZERO, square, 0.3), palette::AMBER.alpha(0.02));
    for quarter in 0..4 {
        let turn = Vec2::from_angle(FRAC_PI_2 * quarter as f32);
        let place = |along: f32| turn.rotate(Vec2::new(along, ZONE_HALF - 0.05));
        let half = |long: f32| if quarter % 2 == 0 { Vec2::new(long, 0.05) } else { Vec2::new(0.05, long) };
        for dash in -3..=3 {
            canvas.fill(&rounded(place(0.5 * dash as f32), half(0.14), 0.05), palette::AMBER.alpha(0.3));
        }
        for side in [-1.0, 1.0] {
            let corner = rounded(place(side * (ZONE_HALF - 0.35)), half(0.35), 0.05);
            canvas.fill(&corner, palette::AMBER.alpha(0.85));
        }
    }
    let diamond = [Vec2::X, Vec2::Y, Vec2::NEG_X, Vec2::NEG_Y].map(|corner| corner * 0.42);
    canvas.fill(&diamond, palette::AMBER.alpha(0.16));
}

fn paint_beam(canvas: &mut Paint) {
    let plank = rounded(Vec2::ZERO, BEAM_HALF, 0.06);
    canvas.soft(&plank, 0.3, BLACK.alpha(0.45));
    canvas.fill(&plank, palette::WOOD_DARK.solid());
    canvas.fill(&rounded(Vec2::ZERO, BEAM_HALF - 0.035, 0.05), palette::WOOD.solid());
    for (index, y) in [-0.05, 0.045].into_iter().enumerate() {
        for part in 0..4 {
            let x = -1.35 + 0.9 * part as f32 + 0.25 * index as f32;
            let grain = rounded(Vec2::new(x, y), Vec2::new(0.32, 0.009), 0.009);
            canvas.fill(&grain, palette::WOOD_DARK.alpha(0.6));
        }
    }
    for x in [-1.45, 1.45] {
        canvas.fill(
            &rounded(Vec2::X * x, Vec2::new(0.09, BEAM_HALF.y + 0.02), 0.03),
            palette::WALL_SIDE.solid(),
        );
        canvas.fill(&circle(Vec2::X * x, 0.04), palette::AMBER.solid());
    }
}
