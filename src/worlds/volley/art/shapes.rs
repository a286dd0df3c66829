//! Builds volley's meshes once; all stages share them.

use std::f32::consts::TAU;

use bevy::prelude::*;

use crate::view::court::{self, BallArt, BallTones, EndsArt};
use crate::view::effects::Art;
use crate::view::paint::{Paint, circle, rounded};
use crate::view::palette::{self, BLACK, Tone};
use crate::view::stage::StageSize;
use crate::worlds::volley::{BALL_RADIUS, COURT, NET_HALF, NET_HEIGHT, PLAYER_RADIUS, player_outline};

/// Room drawn beyond the court on every side.
pub const BEYOND: f32 = 0.9;
/// Position of the eyes of a player that looks to the right.
pub const EYES: [Vec2; 2] = [Vec2::new(0.16, 0.72), Vec2::new(0.62, 0.62)];

/// Meshes of court and players.
#[derive(Resource)]
pub struct BeachArt {
    pub board: Art,
    pub net: Art,
    /// By player.
    pub players: [Art; 5],
    pub eye: Art,
    pub pupil: Art,
    pub shadow: Art,
    pub dust: Art,
    pub splash: Art,
    pub lamp: Art,
}

/// Builds the meshes and sets the size of a stage.
pub fn prepare(mut commands: Commands, mut meshes: ResMut<Assets<Mesh>>) {
    let half = COURT + BEYOND;
    commands.insert_resource(StageSize(half));
    let mut art = |paint: &dyn Fn(&mut Paint)| Art::new(&mut meshes, 2.0 * half.y, paint);
    commands.insert_resource(BeachArt {
        board: art(&paint_board),
        net: art(&paint_net),
        players: palette::PLAYERS.map(|tone| art(&|canvas| paint_player(canvas, tone))),
        eye: art(&|canvas| {
            canvas.fill(&circle(Vec2::ZERO, 0.185), palette::INK.solid());
        }),
        pupil: art(&|canvas| {
            canvas.fill(&circle(Vec2::ZERO, 0.1), palette::NIGHT.solid());
            canvas.fill(&circle(Vec2::new(0.03, 0.04), 0.03), palette::INK.solid());
        }),
        shadow: art(&|canvas| {
            let flat: Vec<Vec2> =
                circle(Vec2::ZERO, 1.0).into_iter().map(|point| point * Vec2::new(0.8, 0.05)).collect();
            canvas.soft(&flat, 0.2, BLACK.alpha(0.4));
        }),
        dust: art(&|canvas| {
            for (x, y, radius) in [(-1.2, 0.1, 0.16), (-0.85, 0.16, 0.1), (0.85, 0.16, 0.1), (1.2, 0.1, 0.16)]
            {
                canvas.soft(&circle(Vec2::new(x, y), radius), 0.14, palette::MUTED.alpha(0.5));
            }
        }),
        splash: art(&|canvas| {
            for index in 0..7 {
                let way = Vec2::from_angle(0.35 + 0.41 * index as f32);
                let ray = [way * 0.45, way * (0.85 + 0.25 * (index % 2) as f32)];
                canvas.stroke(&ray, 0.09, palette::AMBER.alpha(0.95));
            }
            canvas.soft(&circle(Vec2::ZERO, 0.3), 0.5, palette::AMBER.alpha(0.4));
        }),
        lamp: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.1), 0.3, palette::AMBER.alpha(0.4));
            canvas.fill(&circle(Vec2::ZERO, 0.14), palette::AMBER.solid());
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
        // Three seams from the middle outwards.
        for turn in 0..3 {
            let seam: Vec<Vec2> = (0..=6)
                .map(|step| {
                    let share = step as f32 / 6.0;
                    Vec2::from_angle(TAU / 3.0 * turn as f32 + 0.9 * share) * share * (BALL_RADIUS - 0.05)
                })
                .collect();
            canvas.stroke(&seam, 0.03, palette::AMBER.mix(palette::WOOD_DARK, 0.6).alpha(0.7));
        }
    });
    commands.insert_resource(ball);
    commands.insert_resource(EndsArt::new(&mut art, COURT));
}

/// A player around the middle of its flat side.
fn paint_player(canvas: &mut Paint, tone: Tone) {
    let outline = player_outline();
    let inner = |size: f32, lift: f32| -> Vec<Vec2> {
        outline.iter().map(|point| *point * size + Vec2::Y * lift).collect()
    };
    canvas.soft(&inner(0.9, 0.05), 0.5, tone.alpha(0.2));
    canvas.fill(&outline, tone.mix(palette::NIGHT, 0.4).solid());
    canvas.shade(&inner(0.94, 0.025), tone.mix(palette::INK, 0.22).solid(), tone.solid());
    // Light on the crown, from above.
    let crown: Vec<Vec2> =
        (0..=8).map(|step| Vec2::from_angle(1.15 + 0.11 * step as f32) * (PLAYER_RADIUS - 0.17)).collect();
    canvas.stroke(&crown, 0.07, palette::INK.alpha(0.35));
}

fn paint_net(canvas: &mut Paint) {
    let post = Vec2::new(NET_HALF, NET_HEIGHT / 2.0);
    let center = Vec2::new(0.0, NET_HEIGHT / 2.0);
    canvas.soft(&rounded(center, post, NET_HALF), 0.4, palette::INK.alpha(0.1));
    canvas.fill(&rounded(center, post, NET_HALF), palette::WALL.mix(palette::INK, 0.25).solid());
    canvas.fill(
        &rounded(center - Vec2::new(0.05, 0.0), post - Vec2::new(0.09, 0.06), 0.05),
        palette::WALL.mix(palette::INK, 0.45).solid(),
    );
    let band = Vec2::new(0.0, NET_HEIGHT - 0.3);
    canvas.fill(&rounded(band, Vec2::new(NET_HALF, 0.3), NET_HALF), palette::INK.solid());
    canvas.fill(&rounded(band - Vec2::Y * 0.16, Vec2::new(NET_HALF, 0.06), 0.0), palette::ROSE.solid());
}

fn paint_board(canvas: &mut Paint) {
    let half = COURT + BEYOND;
    court::board(canvas, half, Rect::from_center_half_size(Vec2::ZERO, COURT));
    // A low sun behind the net and its light on the ground.
    let sun = Vec2::new(0.0, -1.4);
    const SUN: f32 = 2.4;
    let warm = palette::EMBER.mix(palette::AMBER, 0.4);
    canvas.soft(&circle(sun, SUN), 3.0, warm.alpha(0.08));
    canvas.shade(
        &circle(sun, SUN),
        warm.mix(palette::FLOOR, 0.72).solid(),
        warm.mix(palette::FLOOR, 0.8).solid(),
    );
    for (index, below) in [0.4, 0.9, 1.4, 1.9].into_iter().enumerate() {
        let chord = (SUN * SUN - below * below).sqrt() + 0.06;
        let stripe = Vec2::new(chord, 0.04 + 0.035 * index as f32);
        canvas.fill(&rounded(sun - Vec2::Y * below, stripe, 0.0), palette::FLOOR_ALT.solid());
    }
    for (height, tone) in [(2.3, 0.10), (1.5, 0.22)] {
        let wave =
            |x: f32| -COURT.y + height + 0.28 * (x * 0.55 + height * 3.0).sin() + 0.1 * (x * 1.3).cos();
        let top: Vec<Vec2> = (0..=80)
            .map(|step| COURT.x * (step as f32 / 40.0 - 1.0))
            .map(|x| Vec2::new(x, wave(x)))
            .collect();
        let bottom: Vec<Vec2> = top.iter().map(|point| Vec2::new(point.x, -COURT.y)).collect();
        let hill = palette::FLOOR.mix(palette::WALL_SIDE, 4.0 * tone).solid();
        canvas.band([&top, &bottom], hill, hill);
    }
    let ground = Rect::from_corners(Vec2::new(-COURT.x, -COURT.y), Vec2::new(COURT.x, -COURT.y + 1.0));
    canvas.ramp(ground, palette::AMBER.alpha(0.0), palette::AMBER.alpha(0.1));
    let sand = Rect::from_corners(Vec2::new(-COURT.x, -COURT.y - 0.12), Vec2::new(COURT.x, -COURT.y));
    let grain = palette::WOOD.mix(palette::WALL, 0.45).solid();
    canvas.ramp(sand, grain, grain);
}
