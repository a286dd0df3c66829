//! Painting of paddle-duel's meshes: once, shared by all stages.

use std::f32::consts::FRAC_PI_2;

use bevy::prelude::*;

use crate::sim::worlds::paddle_duel::{BALL_RADIUS, COURT, PADDLE_HALF, paddle_outline};
use crate::view::digits;
use crate::view::effects::Art;
use crate::view::paint::{Paint, circle, rounded};
use crate::view::palette::{self, BLACK};
use crate::view::stage::StageSize;

/// Room drawn beyond the court: behind the paddles, and the rails.
pub const BEYOND: Vec2 = Vec2::new(0.9, 0.7);

/// Meshes of the court.
#[derive(Resource)]
pub struct CourtArt {
    pub board: Art,
    pub digits: Vec<Art>,
    /// By slot, then by player.
    pub paddles: [[Art; 5]; 2],
    /// Light on the floor behind a slot's paddle, by slot, then by player.
    pub sides: [[Art; 5]; 2],
    pub ball: Art,
    pub glow: Art,
    pub ghost: Art,
    pub hit: Art,
    pub point: [Art; 2],
}

/// Paints the court's meshes and says how much room a stage needs.
pub fn prepare(mut commands: Commands, mut meshes: ResMut<Assets<Mesh>>) {
    let half = COURT + BEYOND;
    commands.insert_resource(StageSize(half));
    let units = 2.0 * half.y;
    let mut art = |paint: &dyn Fn(&mut Paint)| Art::new(&mut meshes, units, paint);
    let sign = |slot: usize| if slot == 0 { -1.0 } else { 1.0 };
    let court = CourtArt {
        board: art(&paint_board),
        digits: (0..10)
            .map(|digit| art(&|canvas| digits::paint(canvas, digit, palette::INK.alpha(0.1))))
            .collect(),
        paddles: [0, 1].map(|slot| {
            palette::PLAYERS.map(|tone| {
                art(&|canvas| {
                    let glow = rounded(Vec2::new(sign(slot) * 0.3, 0.0), Vec2::new(0.3, PADDLE_HALF), 0.28);
                    canvas.soft(&glow, 0.8, tone.alpha(0.2));
                    canvas.fill(&paddle_shape(slot, 1.0), tone.mix(palette::NIGHT, 0.3).solid());
                    canvas.fill(&paddle_shape(slot, 0.8), tone.mix(palette::INK, 0.12).solid());
                })
            })
        }),
        sides: [0, 1].map(|slot| {
            palette::PLAYERS.map(|tone| {
                art(&|canvas| {
                    let edge = sign(slot) * (COURT.x + BEYOND.x - 0.1);
                    let rect = Rect::from_corners(
                        Vec2::new(edge, -COURT.y),
                        Vec2::new(edge - sign(slot) * 4.0, COURT.y),
                    );
                    let (strong, clear) = (tone.alpha(0.09), tone.alpha(0.0));
                    let (left, right) = if slot == 0 { (strong, clear) } else { (clear, strong) };
                    canvas.ramp_across(rect, left, right);
                })
            })
        }),
        ball: art(&|canvas| {
            canvas.fill(&circle(Vec2::ZERO, BALL_RADIUS), palette::AMBER.mix(palette::NIGHT, 0.2).solid());
            let bright = palette::INK.mix(palette::AMBER, 0.15);
            canvas.shade(
                &circle(Vec2::ZERO, BALL_RADIUS - 0.035),
                bright.solid(),
                palette::AMBER.mix(palette::INK, 0.45).solid(),
            );
            // Two marks make its spin visible.
            for side in [-1.0, 1.0] {
                canvas.fill(
                    &rounded(Vec2::new(side * 0.15, 0.0), Vec2::new(0.03, 0.1), 0.03),
                    palette::AMBER.mix(palette::WOOD_DARK, 0.6).alpha(0.8),
                );
            }
        }),
        glow: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, BALL_RADIUS), 0.75, palette::AMBER.alpha(0.28));
        }),
        ghost: art(&|canvas| {
            canvas.soft(
                &circle(Vec2::ZERO, BALL_RADIUS * 0.55),
                BALL_RADIUS * 0.5,
                palette::AMBER.alpha(0.5),
            );
        }),
        hit: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.25), 0.5, palette::INK.alpha(0.25));
            canvas.line(&circle(Vec2::ZERO, 0.5), 0.07, palette::INK.alpha(0.9));
        }),
        point: [0, 1].map(|slot| {
            art(&|canvas| {
                // Centred on the edge behind the slot that conceded.
                let rect =
                    Rect::from_corners(Vec2::new(0.0, -COURT.y), Vec2::new(-sign(slot) * 3.0, COURT.y));
                let (strong, clear) = (palette::AMBER.alpha(0.55), palette::AMBER.alpha(0.0));
                let (left, right) = if slot == 0 { (strong, clear) } else { (clear, strong) };
                canvas.ramp_across(rect, left, right);
            })
        }),
    };
    commands.insert_resource(court);
}

/// A paddle as drawn: the true face, the back's corners rounded. Smaller ones keep their distance from
/// the edge on all sides.
fn paddle_shape(slot: usize, size: f32) -> Vec<Vec2> {
    const RADIUS: f32 = 0.2;
    // The outline begins with the face; what follows is the back. Made for the left slot, then mirrored.
    let mut points: Vec<Vec2> = paddle_outline(0).into_iter().take(13).collect();
    for quarter in [1.0, 2.0] {
        let middle = Vec2::new(RADIUS - 0.6, (PADDLE_HALF - RADIUS) * (3.0 - 2.0 * quarter));
        points.extend(
            (0..=6).map(|step| middle + Vec2::from_angle(FRAC_PI_2 * (quarter + step as f32 / 6.0)) * RADIUS),
        );
    }
    let inset = (1.0 - size) * 0.3;
    let center = Vec2::new(-0.3, 0.0);
    let shrink = Vec2::new(1.0 - inset / 0.3, 1.0 - inset / PADDLE_HALF);
    points.iter_mut().for_each(|point| *point = center + (*point - center) * shrink);
    if slot == 1 {
        points.iter_mut().for_each(|point| point.x = -point.x);
        points.reverse();
    }
    points
}

fn paint_board(canvas: &mut Paint) {
    let half = COURT + BEYOND;
    canvas.soft(&rounded(Vec2::new(0.0, -0.3), half - 0.3, 0.8), 0.8, BLACK.alpha(0.5));
    canvas
        .fill(&rounded(Vec2::new(0.0, -0.14), half - Vec2::new(0.05, 0.0), 0.7), palette::WALL_SIDE.solid());
    canvas.fill(&rounded(Vec2::new(0.0, 0.06), half - Vec2::new(0.05, 0.1), 0.7), palette::WALL.solid());
    let floor = Vec2::new(half.x - 0.12, COURT.y);
    canvas.fill(&rounded(Vec2::ZERO, floor, 0.18), palette::FLOOR.solid());
    canvas.shade(
        &rounded(Vec2::ZERO, floor - 0.05, 0.18),
        palette::FLOOR_ALT.solid(),
        palette::FLOOR.solid(),
    );
    let top = Rect::from_corners(Vec2::new(-floor.x, COURT.y - 0.5), Vec2::new(floor.x, COURT.y));
    canvas.ramp(top, BLACK.alpha(0.32), BLACK.alpha(0.0));
    let line = palette::INK.alpha(0.09);
    canvas.line(&circle(Vec2::ZERO, 1.9), 0.07, line);
    for index in -7..=7 {
        let center = Vec2::new(0.0, index as f32 * 0.8);
        // The circle's middle stays free.
        if center.y.abs() > 2.1 {
            canvas.fill(&rounded(center, Vec2::new(0.05, 0.22), 0.05), line);
        }
    }
}
