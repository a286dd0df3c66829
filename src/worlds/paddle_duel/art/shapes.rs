//! Builds paddle-duel's meshes once; all stages share them.

use std::f32::consts::FRAC_PI_2;

use bevy::prelude::*;

use crate::view::court::{self, BallArt, BallTones, EndsArt, sign};
use crate::view::effects::Art;
use crate::view::paint::{Paint, circle, rounded};
use crate::view::palette;
use crate::view::stage::StageSize;
use crate::worlds::paddle_duel::{BALL_RADIUS, COURT, PADDLE_HALF, paddle_outline};

/// Room drawn beyond the court: behind the paddles, and the rails.
pub const BEYOND: Vec2 = Vec2::new(0.9, 0.7);

/// Meshes of the court.
#[derive(Resource)]
pub struct CourtArt {
    pub board: Art,
    /// By slot, then by player.
    pub paddles: [[Art; 5]; 2],
}

/// Builds the court's meshes and sets the size of a stage.
pub fn prepare(mut commands: Commands, mut meshes: ResMut<Assets<Mesh>>) {
    let half = COURT + BEYOND;
    commands.insert_resource(StageSize(half));
    let mut art = |paint: &dyn Fn(&mut Paint)| Art::new(&mut meshes, 2.0 * half.y, paint);
    let floor = Vec2::new(half.x - 0.12, COURT.y);
    commands.insert_resource(CourtArt {
        board: art(&|canvas| paint_board(canvas, half, floor)),
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
    });
    let tones = BallTones {
        rim: palette::AMBER.mix(palette::NIGHT, 0.2),
        middle: palette::INK.mix(palette::AMBER, 0.15),
        body: palette::AMBER.mix(palette::INK, 0.45),
        glow: (palette::AMBER, 0.28),
        ghost: (palette::AMBER, 0.5),
    };
    let ball = BallArt::new(&mut art, BALL_RADIUS, &tones, &|canvas| {
        // Two marks make its spin visible.
        for side in [-1.0, 1.0] {
            canvas.fill(
                &rounded(Vec2::new(side * 0.15, 0.0), Vec2::new(0.03, 0.1), 0.03),
                palette::AMBER.mix(palette::WOOD_DARK, 0.6).alpha(0.8),
            );
        }
    });
    commands.insert_resource(ball);
    commands.insert_resource(EndsArt::new(&mut art, floor));
}

/// A paddle as drawn: the exact face, with rounded back corners. Smaller sizes are inset evenly on all sides.
fn paddle_shape(slot: usize, size: f32) -> Vec<Vec2> {
    const RADIUS: f32 = 0.2;
    // The outline begins with the face; the back follows. Made for the left slot, then mirrored.
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

fn paint_board(canvas: &mut Paint, half: Vec2, floor: Vec2) {
    court::board(canvas, half, Rect::from_center_half_size(Vec2::ZERO, floor));
    let line = palette::INK.alpha(0.09);
    canvas.line(&circle(Vec2::ZERO, 1.9), 0.07, line);
    for index in -7..=7 {
        let center = Vec2::new(0.0, index as f32 * 0.8);
        // The center circle stays free.
        if center.y.abs() > 2.1 {
            canvas.fill(&rounded(center, Vec2::new(0.05, 0.22), 0.05), line);
        }
    }
}
