//! Digits: seven-segment digits, for the score in the floor of a court.

use bevy::prelude::*;

use super::paint::{Paint, rounded};

/// Half the width and height of a digit.
pub const DIGIT_HALF: Vec2 = Vec2::new(0.8, 1.4);

/// Segments of each digit: top, right-top, right-bottom, bottom, left-bottom, left-top, middle.
const BARS: [[bool; 7]; 10] = [
    [true, true, true, true, true, true, false],
    [false, true, true, false, false, false, false],
    [true, true, false, true, true, false, true],
    [true, true, true, true, false, false, true],
    [false, true, true, false, false, true, true],
    [true, false, true, true, false, true, true],
    [true, false, true, true, true, true, true],
    [true, true, true, false, false, false, false],
    [true; 7],
    [true, true, true, true, false, true, true],
];

/// Paints `digit` around the origin; anything above nine is painted as nine.
pub fn paint(canvas: &mut Paint, digit: usize, color: LinearRgba) {
    let Vec2 { x, y } = DIGIT_HALF;
    const THICK: f32 = 0.17;
    // Bars are translucent: they end before the corners so that no two overlap.
    let across = Vec2::new(x - 1.6 * THICK, THICK);
    let along = Vec2::new(THICK, y / 2.0 - 1.1 * THICK);
    let (right, top) = (x - THICK, y - THICK);
    let bars = [
        (Vec2::new(0.0, top), across),
        (Vec2::new(right, top / 2.0), along),
        (Vec2::new(right, -top / 2.0), along),
        (Vec2::new(0.0, -top), across),
        (Vec2::new(-right, -top / 2.0), along),
        (Vec2::new(-right, top / 2.0), along),
        (Vec2::ZERO, across),
    ];
    for ((center, half), on) in bars.into_iter().zip(BARS[digit.min(9)]) {
        if on {
            canvas.fill(&rounded(center, half, THICK), color);
        }
    }
}
