//! Meshes of what moves: walkers, their faces, the chaser's horns, and hazards.

use std::f32::consts::TAU;

use bevy::prelude::*;

use crate::view::paint::{Paint, circle, rounded};
use crate::view::palette::{self, BLACK, Tone};
use crate::worlds::rooms::{HAZARD_RADIUS, WALKER_RADIUS};

/// Teeth of a hazard.
const TEETH: usize = 10;

/// The expression of a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Neutral.
    Calm,
    /// The chaser.
    Fierce,
    /// The runner.
    Alarmed,
}

/// A walker's body: the first player's is round, the second one's squarish, so that they differ in every
/// color.
pub fn paint_walker(canvas: &mut Paint, tone: Tone, slot: usize) {
    let body = |radius: f32, lift: f32| {
        let center = Vec2::new(0.0, lift);
        if slot == 0 {
            circle(center, radius)
        } else {
            rounded(center, Vec2::splat(radius * 0.93), radius * 0.5)
        }
    };
    let bright = tone.mix(palette::INK, 0.35);
    let dark = tone.mix(palette::NIGHT, 0.45);
    canvas.soft(&body(WALKER_RADIUS, 0.0), 0.3, tone.alpha(0.22));
    canvas.fill(&body(WALKER_RADIUS, 0.0), dark.solid());
    canvas.shade(&body(WALKER_RADIUS - 0.035, 0.025), bright.solid(), tone.solid());
}

/// Both eyes.
pub fn paint_eyes(canvas: &mut Paint, mood: Mood) {
    for side in [-1.0, 1.0] {
        let center = Vec2::new(side * 0.105, 0.0);
        match mood {
            Mood::Calm | Mood::Fierce => {
                canvas.fill(&rounded(center, Vec2::new(0.048, 0.075), 0.048), palette::NIGHT.solid());
                canvas.fill(&circle(center + Vec2::new(0.014, 0.03), 0.017), palette::INK.solid());
            }
            Mood::Alarmed => {
                canvas.fill(&circle(center, 0.088), palette::NIGHT.solid());
                canvas.fill(&circle(center, 0.07), palette::INK.solid());
                canvas.fill(&circle(center, 0.034), palette::NIGHT.solid());
            }
        }
        if mood == Mood::Fierce {
            let brow = [center + Vec2::new(side * 0.09, 0.145), center + Vec2::new(side * -0.07, 0.07)];
            canvas.stroke(&brow, 0.055, palette::NIGHT.solid());
        }
    }
}

/// The chaser's horns, behind its head.
pub fn paint_horns(canvas: &mut Paint) {
    for side in [-1.0, 1.0] {
        // Points of a curve from `a` to `c` that bends towards `b`.
        let bend = |a: Vec2, b: Vec2, c: Vec2| -> Vec<Vec2> {
            let point = |step: u8| {
                let share = f32::from(step) / 8.0;
                a.lerp(b, share).lerp(b.lerp(c, share), share) * Vec2::new(side, 1.0)
            };
            (0..=8).map(point).collect()
        };
        let tip = Vec2::new(0.33, 0.6);
        // A larger dark outline first, then the shape.
        for (more, tone) in [(0.035, palette::NIGHT), (0.0, palette::INK)] {
            let end = tip + Vec2::new(0.0, 1.6 * more);
            let outer = bend(Vec2::new(0.34 + more, 0.06), Vec2::new(0.54 + more, 0.34), end);
            let inner = bend(Vec2::new(0.08 - more, 0.26), Vec2::new(0.33 - more, 0.3 + more), end);
            canvas.band([&outer, &inner], tone.solid(), tone.mix(palette::CRIMSON, 0.25).solid());
        }
    }
}

/// The glow around the chaser: spikes that turn.
pub fn paint_aura(canvas: &mut Paint) {
    canvas.soft(&circle(Vec2::ZERO, 0.34), 0.36, palette::CRIMSON.alpha(0.28));
    for spike in 0..12 {
        let way = Vec2::from_angle(TAU * spike as f32 / 12.0);
        let (foot, side) = (way * 0.45, way.perp() * 0.055);
        canvas.fill(&[foot - side, way * 0.56, foot + side], palette::CRIMSON.alpha(0.8));
    }
}

/// A hazard's blade.
pub fn paint_blade(canvas: &mut Paint) {
    let teeth = |more: f32| -> Vec<Vec2> {
        let tooth = |index: usize| {
            let turn = |part: f32| Vec2::from_angle(TAU * (index as f32 + part) / TEETH as f32);
            [turn(0.0) * (HAZARD_RADIUS - 0.06 + more), turn(0.75) * (HAZARD_RADIUS + 0.1 + more)]
        };
        (0..TEETH).flat_map(tooth).collect()
    };
    canvas.fill(&teeth(0.02), palette::NIGHT.solid());
    let steel = palette::MUTED.mix(palette::INK, 0.45);
    canvas.shade(&teeth(-0.015), palette::MUTED.mix(palette::NIGHT, 0.35).solid(), steel.solid());
    canvas.line(&circle(Vec2::ZERO, 0.255), 0.02, palette::NIGHT.alpha(0.5));
    for hole in 0..4 {
        let at = Vec2::from_angle(TAU * hole as f32 / 4.0) * 0.215;
        canvas.fill(&circle(at, 0.026), palette::NIGHT.alpha(0.8));
    }
}

/// A hazard's shadow and red light on the floor.
pub fn paint_menace(canvas: &mut Paint) {
    canvas.soft(&circle(Vec2::ZERO, HAZARD_RADIUS), 0.38, palette::CRIMSON.alpha(0.34));
    canvas.soft(&circle(Vec2::new(0.0, -0.1), HAZARD_RADIUS * 0.9), 0.2, BLACK.alpha(0.5));
}

/// The eye in its middle, without the pupil.
pub fn paint_hub(canvas: &mut Paint) {
    canvas.fill(&circle(Vec2::ZERO, 0.165), palette::NIGHT.solid());
    let deep = palette::CRIMSON.mix(palette::NIGHT, 0.5);
    canvas.shade(&circle(Vec2::ZERO, 0.135), palette::CRIMSON.mix(palette::INK, 0.3).solid(), deep.solid());
}

/// The pupil, a slit that follows players.
pub fn paint_pupil(canvas: &mut Paint) {
    canvas.fill(&rounded(Vec2::ZERO, Vec2::new(0.03, 0.085), 0.03), palette::NIGHT.solid());
    canvas.fill(&circle(Vec2::new(0.03, 0.045), 0.018), palette::INK.solid());
}
