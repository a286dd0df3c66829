//! The rink: walls with rounded corners, in which the puck cannot get stuck, and the reach of mallets.

use std::f32::consts::FRAC_PI_2;

use bevy::prelude::*;
use bevy_rapier2d::prelude::Collider;

/// Half the rink's width and height.
pub const RINK: Vec2 = Vec2::new(10.0, 6.0);
/// Radius of its corners.
pub const CORNER: f32 = 2.5;
/// Half a goal's width.
pub const GOAL_HALF: f32 = 2.0;
/// Depth of a goal.
pub const GOAL_DEPTH: f32 = 1.6;
/// Radius of the puck.
pub const PUCK_RADIUS: f32 = 0.4;
/// Radius of a mallet.
pub const MALLET_RADIUS: f32 = 0.65;

/// Number of segments of a corner's arc.
const PIECES: usize = 6;
const THICK: f32 = 1.0;
/// Gap between a mallet and the wall: smaller than the puck, so that it can be hit there, but wide enough not
/// to crush it.
const GAP: f32 = 0.62;
const FAR: Vec2 = Vec2::new(RINK.x - MALLET_RADIUS - GAP, RINK.y - MALLET_RADIUS - GAP);

/// Zone of a mallet that plays alone, in the left half: both sides reach a puck on the middle line.
pub const ALONE: [Rect; 1] = [Rect { min: Vec2::new(-FAR.x, -FAR.y), max: Vec2::new(-MALLET_RADIUS, FAR.y) }];
/// Zones of the forward and the keeper: disjoint, and both reach a puck between them except right at the
/// wall.
pub const SHARED: [Rect; 2] = [
    Rect { min: Vec2::new(-5.0, -FAR.y), max: ALONE[0].max },
    Rect { min: ALONE[0].min, max: Vec2::new(-6.4, FAR.y) },
];

/// The position in `zone` closest to `wish`, no closer to the rink's corners than to its walls.
pub fn reach(zone: Rect, wish: Vec2) -> Vec2 {
    let place = wish.clamp(zone.min, zone.max);
    let bend = CORNER - MALLET_RADIUS - GAP;
    let middle = place.signum() * (RINK - CORNER);
    let beyond = place - middle;
    if (place.abs() - middle.abs()).min_element() > 0.0 {
        middle + beyond.clamp_length_max(bend)
    } else {
        place
    }
}

/// Points along the top right corner, from the end to the side.
pub fn corner() -> Vec<Vec2> {
    (0..=PIECES)
        .map(|step| RINK - CORNER + Vec2::from_angle(FRAC_PI_2 * step as f32 / PIECES as f32) * CORNER)
        .collect()
}

/// All static bodies. Each wall segment is a body of its own, which the broad phase culls better than one
/// large body.
pub fn walls() -> Vec<(Vec2, Collider)> {
    let mut walls = Vec::new();
    let mut wall = |low: Vec2, high: Vec2| {
        let rect = Rect::from_corners(low, high);
        walls.push((rect.center(), Collider::cuboid(rect.half_size().x, rect.half_size().y)));
    };
    for x in [-1.0, 1.0] {
        for y in [-1.0, 1.0] {
            let place = |across: f32, up: f32| Vec2::new(x * across, y * up);
            wall(place(0.0, RINK.y), place(RINK.x, RINK.y + THICK));
            wall(place(RINK.x, GOAL_HALF), place(RINK.x + GOAL_DEPTH, RINK.y));
        }
    }
    for flip in [Vec2::ONE, Vec2::NEG_ONE, Vec2::new(-1.0, 1.0), Vec2::new(1.0, -1.0)] {
        let arc = corner();
        let pieces = arc.windows(2).filter_map(|ends| {
            let points = [ends[0] * flip, ends[1] * flip, RINK * flip];
            Some((Vec2::ZERO, 0.0, Collider::convex_hull(&points)?))
        });
        walls.push((Vec2::ZERO, Collider::compound(pieces.collect())));
    }
    walls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mallets_leave_room_for_the_puck_and_yet_reach_it_everywhere() {
        let inside = |place: Vec2, radius: f32| {
            let beyond = (place.abs() - (RINK - CORNER)).max(Vec2::ZERO);
            beyond.length() <= CORNER - radius + 1e-4
        };
        for step in 0..4000 {
            // Every position of a puck in the left half.
            let place = Vec2::new((step % 100) as f32 / 99.0 - 1.0, (step / 100) as f32 / 19.5 - 1.0)
                * (RINK - PUCK_RADIUS);
            if !inside(place, PUCK_RADIUS) {
                continue;
            }
            for zones in [&ALONE[..], &SHARED[..]] {
                let nearest = zones
                    .iter()
                    .map(|&zone| reach(zone, place))
                    .min_by(|a, b| a.distance(place).total_cmp(&b.distance(place)));
                let mallet = nearest.unwrap();
                assert!(inside(mallet, MALLET_RADIUS + GAP), "{mallet} squeezes {place}");
                // A short stretch of wall between partners, and at the middle line, is out of every mallet's
                // reach: there the face-off frees the puck.
                let gap = place.y.abs() > 5.0 && (zones.len() > 1 || place.x > -0.5);
                let reached = mallet.distance(place) < MALLET_RADIUS + PUCK_RADIUS;
                assert!(reached || gap, "{mallet} leaves {place}");
            }
        }
    }

    #[test]
    fn partners_never_meet() {
        assert!(SHARED[0].min.x - SHARED[1].max.x > 2.0 * MALLET_RADIUS);
    }
}
