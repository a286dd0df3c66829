//! Meshes of walkers: dusk, ground, marks, flags, and the skin of every link.

use std::f32::consts::{FRAC_PI_2, PI};

use bevy::prelude::*;

use crate::view::digits;
use crate::view::drift::scatter;
use crate::view::effects::Art;
use crate::view::paint::{Paint, circle, rounded};
use crate::view::palette::{self, BLACK, Tone};
use crate::view::stage::StageSize;
use crate::worlds::bodiless::paint_rim;
use crate::worlds::walkers::anatomy::{Anatomy, Link, TORSO};

/// Half the picture's size, m.
pub const HALF: Vec2 = Vec2::new(3.2, 1.95);
pub const RIM: f32 = 0.09;
/// Height of the picture's middle above the ground, m.
pub const MIDDLE: f32 = 1.3;
/// Half the width of a hill.
pub const HILL: f32 = 0.95;
/// Size of digits on a flag and of the speed.
pub const SMALL: f32 = 0.09;
pub const BIG: f32 = 0.085;

/// Meshes of the picture.
#[derive(Resource)]
pub struct TrackArt {
    pub board: Art,
    pub ground: Art,
    pub rim: Art,
    pub mark: Art,
    pub flag: Art,
    pub pennant: Art,
    pub print: Art,
    pub dust: Art,
    pub hub: Art,
    pub digits: [Art; 10],
    pub dot: Art,
    pub minus: Art,
    pub hills: [Art; 3],
    /// By link and player.
    pub links: Vec<[Art; 5]>,
}

/// Builds the meshes for the running walker and sets the size of a stage.
pub fn prepare(mut commands: Commands, anatomy: Res<Anatomy>, mut meshes: ResMut<Assets<Mesh>>) {
    commands.insert_resource(StageSize(HALF));
    let mut art = |paint: &dyn Fn(&mut Paint)| Art::new(&mut meshes, 2.0 * HALF.y, paint);
    let far = |index: usize| is_far(&anatomy, index);
    let track = TrackArt {
        board: art(&paint_dusk),
        ground: art(&paint_ground),
        rim: art(&|canvas| paint_rim(canvas, HALF, RIM)),
        mark: art(&|canvas| {
            canvas.fill(&rounded(Vec2::Y * -0.07, Vec2::new(0.015, 0.05), 0.01), palette::INK.alpha(0.4));
        }),
        flag: art(&|canvas| {
            canvas.fill(&rounded(Vec2::Y * 0.35, Vec2::new(0.014, 0.35), 0.01), palette::MUTED.solid());
            let cloth = rounded(Vec2::new(0.0, 0.83), Vec2::new(0.34, 0.18), 0.06);
            canvas.soft(&cloth, 0.1, BLACK.alpha(0.3));
            canvas.fill(&cloth, palette::WALL_SIDE.solid());
            canvas.line(&cloth, 0.02, palette::MUTED.solid());
        }),
        pennant: art(&|canvas| {
            canvas.fill(&rounded(Vec2::Y * 0.25, Vec2::new(0.012, 0.25), 0.01), palette::AMBER.solid());
            let cloth = [Vec2::new(0.0, 0.32), Vec2::new(0.26, 0.41), Vec2::new(0.0, 0.5)];
            canvas.fill(&cloth, palette::AMBER.solid());
        }),
        print: art(&|canvas| {
            canvas.fill(&rounded(Vec2::Y * -0.03, Vec2::new(0.085, 0.022), 0.02), palette::SKY.alpha(0.7));
        }),
        dust: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.02), 0.07, palette::MUTED.alpha(0.5));
        }),
        hub: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.03), 0.09, palette::AMBER.alpha(0.7));
            canvas.fill(&circle(Vec2::ZERO, 0.026), palette::AMBER.mix(palette::INK, 0.5).solid());
        }),
        digits: std::array::from_fn(|digit| {
            art(&|canvas| digits::paint(canvas, digit, palette::INK.alpha(0.85)))
        }),
        dot: art(&|canvas| {
            canvas.fill(&circle(Vec2::Y * -1.2, 0.2), palette::INK.alpha(0.85));
        }),
        minus: art(&|canvas| {
            canvas.fill(&rounded(Vec2::ZERO, Vec2::new(0.5, 0.17), 0.17), palette::INK.alpha(0.85));
        }),
        hills: std::array::from_fn(|kind| art(&|canvas| paint_hill(canvas, kind as u32))),
        links: anatomy
            .links
            .iter()
            .enumerate()
            .map(|(index, link)| {
                palette::PLAYERS.map(|tone| {
                    let tone = if far(index) { tone.mix(palette::NIGHT, 0.45) } else { tone };
                    art(&|canvas| paint_link(canvas, link, index, tone))
                })
            })
            .collect(),
    };
    commands.insert_resource(track);
}

/// Whether link `index` belongs to the leg behind the torso: the second of two on the same hip.
pub fn is_far(anatomy: &Anatomy, index: usize) -> bool {
    let thighs = anatomy.jointed().filter(|(_, _, joint)| joint.parent == TORSO);
    let hips: Vec<Vec2> = thighs.map(|(_, _, joint)| joint.anchor).collect();
    hips.len() > 1 && hips.iter().all(|hip| *hip == hips[0]) && index > anatomy.joints() / 2
}

fn paint_dusk(canvas: &mut Paint) {
    canvas.soft(&rounded(Vec2::Y * -0.08, HALF - 0.05, 0.2), 0.2, BLACK.alpha(0.5));
    canvas.fill(&rounded(Vec2::Y * -0.04, HALF, 0.2), palette::WALL_SIDE.solid());
    let inner = HALF - 0.5 * RIM;
    let horizon = palette::VIOLET.mix(palette::NIGHT, 0.72);
    canvas.ramp(Rect::from_corners(-inner, inner), palette::NIGHT.solid(), horizon.solid());
    for star in 0..70 {
        let place = Vec2::new(scatter(2 * star), 0.15 + 0.8 * scatter(2 * star + 1).abs()) * inner;
        let bright = scatter(300 + star).abs();
        canvas.fill(&circle(place, 0.004 + 0.009 * bright * bright), palette::INK.alpha(0.1 + 0.5 * bright));
    }
    let sun = Vec2::new(1.5, -0.35);
    canvas.soft(&circle(sun, 0.3), 1.3, palette::EMBER.alpha(0.16));
    canvas.soft(&circle(sun, 0.28), 0.2, palette::AMBER.alpha(0.35));
}

/// Everything below height 0 of the arena, in the coordinates of the picture.
fn paint_ground(canvas: &mut Paint) {
    let inner = HALF - 0.5 * RIM;
    let earth = Rect::from_corners(-inner, Vec2::new(inner.x, -MIDDLE));
    canvas.ramp(earth, palette::FLOOR_ALT.solid(), palette::NIGHT.solid());
    let turf = Rect::from_corners(Vec2::new(-inner.x, -MIDDLE - 0.03), Vec2::new(inner.x, -MIDDLE));
    canvas.ramp(turf, palette::WALL.mix(palette::INK, 0.2).solid(), palette::WALL.solid());
}

fn paint_hill(canvas: &mut Paint, kind: u32) {
    let height = 0.42 + 0.22 * scatter(40 + kind);
    let lean = 0.25 * scatter(50 + kind);
    let ridge: Vec<Vec2> = (0..=16)
        .map(|step| {
            let along = step as f32 / 8.0 - 1.0;
            let bump = (0.5 + 0.5 * (PI * (along - lean * (1.0 - along * along))).cos()).powf(0.8);
            Vec2::new(along * HILL, height * bump)
        })
        .collect();
    let foot: Vec<Vec2> = ridge.iter().map(|point| Vec2::new(point.x, 0.0)).collect();
    let tone = palette::VIOLET.mix(palette::NIGHT, 0.8);
    canvas.band([&ridge, &foot], tone.mix(palette::INK, 0.05).solid(), tone.mix(BLACK, 0.35).solid());
}

/// The outline of a capsule.
fn capsule([from, to]: [Vec2; 2], radius: f32) -> Vec<Vec2> {
    let turn = (to - from).to_angle();
    let half = |center: Vec2, start: f32| {
        (0..=10).map(move |step| center + Vec2::from_angle(turn + start + PI * step as f32 / 10.0) * radius)
    };
    half(to, -FRAC_PI_2).chain(half(from, FRAC_PI_2)).collect()
}

/// A link around its center of mass. The torso has an eye that looks ahead, and a body on all fours a tail.
fn paint_link(canvas: &mut Paint, link: &Link, index: usize, tone: Tone) {
    let local = |capsules: &[Vec2; 2]| capsules.map(|end| end - link.center);
    let shine = tone.mix(palette::INK, 0.35);
    if index == TORSO && link.capsules.len() > 1 {
        let rump = local(&link.capsules[0])[0];
        let tail: Vec<Vec2> = (0..=8)
            .map(|step| {
                let share = step as f32 / 8.0;
                rump + Vec2::new(-0.45 * share, 0.22 * share * share + 0.05 * (PI * share).sin())
            })
            .collect();
        canvas.stroke(&tail, 0.045, tone.mix(palette::NIGHT, 0.25).solid());
    }
    for axis in link.capsules.iter().map(local) {
        canvas.soft(&capsule(axis, link.radius), 0.09, tone.alpha(0.15));
    }
    for axis in link.capsules.iter().map(local) {
        canvas.fill(&capsule(axis, link.radius), tone.mix(palette::NIGHT, 0.5).solid());
    }
    for axis in link.capsules.iter().map(local) {
        let inner = capsule(axis, link.radius - 0.01);
        let edge = if link.foot { tone.mix(palette::NIGHT, 0.2) } else { tone };
        canvas.shade(&inner, shine.solid(), edge.solid());
    }
    if let Some(joint) = axis_end(link) {
        canvas.fill(&circle(joint, 0.5 * link.radius), palette::NIGHT.alpha(0.55));
    }
    if index == TORSO {
        let top = link.capsules.last().map(local).map_or(Vec2::ZERO, |[_, to]| to);
        let eye = top + Vec2::new(0.012, -0.005);
        canvas.fill(&circle(eye, 0.026), palette::INK.solid());
        canvas.fill(&circle(eye + Vec2::X * 0.009, 0.013), palette::NIGHT.solid());
    }
}

/// Where a link's joint is, from its center of mass.
pub fn axis_end(link: &Link) -> Option<Vec2> {
    link.joint.map(|joint| joint.anchor - link.center)
}
