//! Builds puck's meshes once; all stages share them.

use std::f32::consts::{FRAC_PI_3, PI, TAU};

use bevy::prelude::*;

use crate::view::court::{self, BallArt, BallTones, EndsArt, sign};
use crate::view::effects::Art;
use crate::view::paint::{Paint, circle, rounded};
use crate::view::palette::{self, BLACK, Tone};
use crate::view::stage::StageSize;
use crate::worlds::puck::rink::{CORNER, GOAL_DEPTH, GOAL_HALF, MALLET_RADIUS, PUCK_RADIUS, RINK, corner};

/// Room drawn beyond the rink: goals and rails.
const BEYOND: Vec2 = Vec2::new(1.3, 0.8);

/// Meshes of rink and mallets.
#[derive(Resource)]
pub struct RinkArt {
    pub board: Art,
    /// The parts over the floor's corners, and the goals.
    pub rim: Art,
    /// By player.
    pub mallets: [Art; 5],
    /// By player.
    pub knobs: [Art; 5],
    pub shadow: Art,
    pub spark: Art,
    pub goal: Art,
    /// By side.
    pub warnings: [Art; 2],
}

/// Builds the meshes and sets the size of a stage.
pub fn prepare(mut commands: Commands, mut meshes: ResMut<Assets<Mesh>>) {
    let half = RINK + BEYOND;
    commands.insert_resource(StageSize(half));
    let mut art = |paint: &dyn Fn(&mut Paint)| Art::new(&mut meshes, 2.0 * half.y, paint);
    commands.insert_resource(RinkArt {
        board: art(&|canvas| paint_board(canvas, half)),
        rim: art(&paint_rim),
        mallets: palette::PLAYERS.map(|tone| art(&|canvas| paint_mallet(canvas, tone))),
        knobs: palette::PLAYERS.map(|tone| {
            art(&|canvas| {
                canvas.soft(&circle(Vec2::new(0.0, -0.05), 0.24), 0.14, BLACK.alpha(0.35));
                canvas.fill(&circle(Vec2::ZERO, 0.27), tone.mix(palette::NIGHT, 0.25).solid());
                canvas.shade(
                    &circle(Vec2::new(0.0, 0.02), 0.24),
                    tone.mix(palette::INK, 0.6).solid(),
                    tone.mix(palette::INK, 0.1).solid(),
                );
            })
        }),
        shadow: art(&|canvas| {
            canvas.soft(&circle(Vec2::new(0.0, -0.14), MALLET_RADIUS * 0.85), 0.35, BLACK.alpha(0.45));
        }),
        spark: art(&|canvas| {
            for ray in 0..6 {
                let way = Vec2::from_angle(FRAC_PI_3 * ray as f32 + 0.3);
                canvas.stroke(&[way * 0.35, way * 0.65], 0.06, palette::MINT.alpha(0.9));
            }
        }),
        goal: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.5), 0.8, palette::AMBER.alpha(0.45));
            canvas.line(&circle(Vec2::ZERO, 0.9), 0.09, palette::AMBER.alpha(0.95));
            for ray in 0..10 {
                let way = Vec2::from_angle(TAU * ray as f32 / 10.0);
                canvas.stroke(
                    &[way * 1.1, way * (1.35 + 0.2 * (ray % 2) as f32)],
                    0.08,
                    palette::AMBER.solid(),
                );
            }
        }),
        warnings: [0, 1].map(|side| {
            art(&|canvas| {
                let rect =
                    Rect::from_corners(Vec2::new(0.0, -RINK.y), Vec2::new(sign(side) * RINK.x, RINK.y));
                let tone = palette::ROSE.alpha(0.14);
                canvas.ramp(rect, tone, tone);
            })
        }),
    });
    let tones = BallTones {
        rim: palette::MINT.mix(palette::NIGHT, 0.45),
        middle: palette::NIGHT.mix(palette::MINT, 0.35),
        body: palette::MINT.mix(palette::INK, 0.35),
        glow: (palette::MINT, 0.26),
        ghost: (palette::MINT, 0.32),
    };
    let puck = BallArt::new(&mut art, PUCK_RADIUS, &tones, &|canvas| {
        canvas.line(&circle(Vec2::ZERO, PUCK_RADIUS * 0.62), 0.05, palette::INK.alpha(0.9));
    });
    commands.insert_resource(puck);
    commands.insert_resource(EndsArt::new(&mut art, RINK));
}

fn paint_mallet(canvas: &mut Paint, tone: Tone) {
    canvas.soft(&circle(Vec2::ZERO, MALLET_RADIUS * 0.9), 0.5, tone.alpha(0.22));
    canvas.fill(&circle(Vec2::ZERO, MALLET_RADIUS), tone.mix(palette::NIGHT, 0.45).solid());
    canvas.shade(
        &circle(Vec2::new(0.0, 0.03), MALLET_RADIUS - 0.06),
        tone.mix(palette::NIGHT, 0.3).solid(),
        tone.solid(),
    );
    canvas.line(
        &circle(Vec2::new(0.0, 0.03), MALLET_RADIUS - 0.08),
        0.05,
        tone.mix(palette::INK, 0.45).alpha(0.8),
    );
}

fn paint_board(canvas: &mut Paint, half: Vec2) {
    court::board(canvas, half, Rect::from_center_half_size(Vec2::ZERO, RINK));
    // Small air holes.
    let hole = palette::NIGHT.alpha(0.35);
    for column in -9..=9 {
        for row in -5..=5 {
            canvas.fill(&rounded(Vec2::new(column as f32, row as f32), Vec2::splat(0.045), 0.045), hole);
        }
    }
    let line = palette::INK.alpha(0.1);
    canvas.line(&circle(Vec2::ZERO, 1.9), 0.08, line);
    canvas.fill(&circle(Vec2::ZERO, 0.16), line);
    for way in [-1.0, 1.0] {
        let from = Vec2::new(0.0, way * 1.9);
        canvas.stroke(&[from, Vec2::new(0.0, way * RINK.y)], 0.08, line);
        // The crease in front of a goal.
        let crease: Vec<Vec2> = (0..=24)
            .map(|step| Vec2::from_angle(PI * (step as f32 / 24.0 - 0.5)) * (GOAL_HALF + 0.7))
            .map(|point| Vec2::new(way * (RINK.x - point.x), point.y))
            .collect();
        canvas.stroke(&crease, 0.08, line);
    }
}

/// Rails round the corners, and goals cut into the ends.
fn paint_rim(canvas: &mut Paint) {
    let rail = palette::WALL.solid();
    for flip in [Vec2::ONE, Vec2::NEG_ONE, Vec2::new(-1.0, 1.0), Vec2::new(1.0, -1.0)] {
        let arc: Vec<Vec2> = corner().into_iter().map(|point| point * flip).collect();
        let outer = vec![(RINK + 0.05) * flip; arc.len()];
        canvas.band([&outer, &arc], rail, rail);
        // Upper rails throw a shadow onto the floor.
        let dark = if flip.y > 0.0 { 0.3 } else { 0.12 };
        let inner: Vec<Vec2> = arc
            .iter()
            .map(|&point| {
                let middle = (RINK - CORNER) * flip;
                middle + (point - middle) * (1.0 - 0.35 / CORNER)
            })
            .collect();
        canvas.band([&arc, &inner], BLACK.alpha(dark), BLACK.alpha(0.0));
    }
    for side in [-1.0, 1.0] {
        let depth = GOAL_DEPTH.min(BEYOND.x - 0.35);
        let center = Vec2::new(side * (RINK.x + depth / 2.0), 0.0);
        canvas.fill(&rounded(center, Vec2::new(depth / 2.0 + 0.02, GOAL_HALF), 0.25), palette::NIGHT.solid());
        let mouth = Rect::from_corners(
            Vec2::new(side * RINK.x, -GOAL_HALF),
            Vec2::new(side * (RINK.x + 0.5), GOAL_HALF),
        );
        let (near, far) = (palette::AMBER.alpha(0.35), palette::AMBER.alpha(0.0));
        let (left, right) = if side < 0.0 { (far, near) } else { (near, far) };
        canvas.ramp_across(mouth, left, right);
        for post in [-GOAL_HALF, GOAL_HALF] {
            let post = Vec2::new(side * (RINK.x + 0.12), post);
            canvas.soft(&circle(post, 0.12), 0.3, palette::AMBER.alpha(0.4));
            canvas.fill(&circle(post, 0.14), palette::AMBER.solid());
        }
    }
}
