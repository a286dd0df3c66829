//! Builds brick-breaker's meshes once; all stages share them.

use bevy::prelude::*;

use crate::view::court::{self, BallArt, BallTones};
use crate::view::effects::Art;
use crate::view::paint::{Paint, circle, rounded};
use crate::view::palette::{self, BLACK, Tone};
use crate::view::stage::StageSize;
use crate::worlds::brick_breaker::{BALL_RADIUS, BRICK_HALF, COURT, PADDLE_HALF, paddle_outline};

/// Room drawn beyond the court on every side.
pub const BEYOND: f32 = 0.7;

/// Colors of the rows, from the top.
const ROWS: [Tone; 5] = [palette::ROSE, palette::EMBER, palette::AMBER, palette::VIOLET, palette::SKY];

/// Meshes of court and wall.
#[derive(Resource)]
pub struct WallArt {
    pub board: Art,
    /// By row.
    pub bricks: [Art; 5],
    /// Debris of a brick, by row.
    pub bursts: [Art; 5],
    /// By player.
    pub paddles: [Art; 5],
    pub lamp: Art,
    pub lost: Art,
}

/// Builds the meshes and sets the size of a stage.
pub fn prepare(mut commands: Commands, mut meshes: ResMut<Assets<Mesh>>) {
    let half = COURT + BEYOND;
    commands.insert_resource(StageSize(half));
    let mut art = |paint: &dyn Fn(&mut Paint)| Art::new(&mut meshes, 2.0 * half.y, paint);
    commands.insert_resource(WallArt {
        board: art(&paint_board),
        bricks: ROWS.map(|tone| {
            art(&|canvas| {
                let down = Vec2::new(0.0, -0.05);
                canvas.soft(&rounded(down, BRICK_HALF - 0.05, 0.12), 0.16, BLACK.alpha(0.35));
                canvas.fill(&rounded(down, BRICK_HALF, 0.12), tone.mix(palette::NIGHT, 0.5).solid());
                canvas.fill(&rounded(-down * 0.6, BRICK_HALF - 0.03, 0.11), tone.solid());
                let shine = BRICK_HALF * Vec2::new(0.82, 0.14);
                canvas.fill(&rounded(Vec2::new(0.0, 0.17), shine, 0.04), palette::INK.alpha(0.22));
            })
        }),
        bursts: ROWS.map(|tone| {
            art(&|canvas| {
                canvas.soft(&rounded(Vec2::ZERO, BRICK_HALF * 0.7, 0.1), 0.5, tone.alpha(0.45));
                canvas.line(&rounded(Vec2::ZERO, BRICK_HALF, 0.12), 0.06, tone.alpha(0.9));
            })
        }),
        paddles: palette::PLAYERS.map(|tone| {
            art(&|canvas| {
                let outline = paddle_outline();
                let glow = rounded(Vec2::new(0.0, -0.3), Vec2::new(0.9 * PADDLE_HALF, 0.28), 0.28);
                canvas.soft(&glow, 0.8, tone.alpha(0.2));
                canvas.fill(&outline, tone.mix(palette::NIGHT, 0.35).solid());
                let inner: Vec<Vec2> = outline
                    .iter()
                    .map(|point| (*point + Vec2::Y * 0.28) * Vec2::new(0.95, 0.72) - Vec2::Y * 0.24)
                    .collect();
                canvas.fill(&inner, tone.mix(palette::INK, 0.12).solid());
            })
        }),
        lamp: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.1), 0.3, palette::AMBER.alpha(0.4));
            canvas.fill(&circle(Vec2::ZERO, 0.15), palette::AMBER.solid());
        }),
        lost: art(&|canvas| {
            let rect = Rect::from_corners(Vec2::new(-COURT.x, -0.5 * BEYOND), Vec2::new(COURT.x, 3.0));
            canvas.ramp(rect, palette::ROSE.alpha(0.0), palette::ROSE.alpha(0.5));
        }),
    });
    let tones = BallTones {
        rim: palette::MINT.mix(palette::NIGHT, 0.3),
        middle: palette::INK,
        body: palette::INK.mix(palette::MINT, 0.45),
        glow: (palette::INK, 0.22),
        ghost: (palette::INK, 0.4),
    };
    commands.insert_resource(BallArt::new(&mut art, BALL_RADIUS, &tones, &|_| {}));
}

fn paint_board(canvas: &mut Paint) {
    let half = COURT + BEYOND;
    // Open at the bottom: the floor runs out into the dark.
    court::board(canvas, half, Rect::from_corners(Vec2::new(-COURT.x, -half.y), COURT));
    let bottom = Rect::from_corners(Vec2::new(-COURT.x, -half.y), Vec2::new(COURT.x, -COURT.y + 1.2));
    canvas.ramp(bottom, palette::NIGHT.alpha(0.0), palette::NIGHT.alpha(0.9));
}
