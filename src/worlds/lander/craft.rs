//! The rocket and the ground as bodies: shapes, joints, engines. The rules are in the parent module.
//!
//! Dimensions are those of the published task: pixels of a picture 600 wide, 30 per meter.

use bevy::prelude::*;
use bevy_rapier2d::prelude::{Collider, CollisionGroups, Group, RevoluteJointBuilder, TypedJoint};
use bevy_rapier2d::rapier::dynamics::MassProperties;

use super::{CORNERS, HALF, SPACING};
use crate::sim::{Bodies, BodyKind, BodySpec};

const PIXEL: f32 = 1.0 / 30.0;
/// Body indices of the rocket's hull, its left and right leg, and the ground.
pub(super) const HULL: usize = 0;
pub(super) const LEGS: [usize; 2] = [1, 2];
pub(super) const MOON: usize = 3;
/// Corners of the hull around its origin, counter-clockwise.
pub const HULL_OUTLINE: [Vec2; 6] = [
    Vec2::new(-14.0 * PIXEL, 17.0 * PIXEL),
    Vec2::new(-17.0 * PIXEL, 0.0),
    Vec2::new(-17.0 * PIXEL, -10.0 * PIXEL),
    Vec2::new(17.0 * PIXEL, -10.0 * PIXEL),
    Vec2::new(17.0 * PIXEL, 0.0),
    Vec2::new(14.0 * PIXEL, 17.0 * PIXEL),
];
/// Half a leg's width and height.
pub const LEG_HALF: Vec2 = Vec2::new(2.0 * PIXEL, 8.0 * PIXEL);
/// The hull's origin, which the leg pivots on, in the frame of a right leg; mirrored for the left one.
pub const LEG_PIVOT: Vec2 = Vec2::new(-20.0 * PIXEL, 18.0 * PIXEL);
/// Height of the hull's origin above the ground that counts as standing.
pub(super) const STANDING: f32 = 18.0 * PIXEL;
/// Position of the side engines: across and above the hull's origin.
pub const SIDE_ENGINE: Vec2 = Vec2::new(12.0 * PIXEL, 14.0 * PIXEL);
/// Random deviation of the engines' points of application to either side.
pub(super) const ENGINE_JITTER: f32 = PIXEL;

const HULL_DENSITY: f32 = 5.0;
const LEG_DENSITY: f32 = 1.0;
const HULL_FRICTION: f32 = 0.1;
const LEG_FRICTION: f32 = 0.2;
/// Least and greatest angle of a right leg against the hull, rad.
const LEG_RANGE: [f32; 2] = [0.4, 0.9];
/// Maximum torque of the spring that returns legs to their smallest angle, and its speed in rad/s.
const LEG_TORQUE: f32 = 40.0;
const LEG_RETURN: f32 = 0.3;
/// Stiffness of the spring. Much stiffer, and a standing rocket shakes.
const LEG_GRIP: f32 = 2000.0;
const MAIN_DEPTH: f32 = 4.0 * PIXEL;
/// Impulse per tick and distance of the point of application, kg/s.
const MAIN_POWER: f32 = 13.0;
const SIDE_POWER: f32 = 0.6;

const ROCKET: Group = Group::GROUP_1;
const GROUND: Group = Group::GROUP_2;
const SIDES: [f32; 2] = [-1.0, 1.0];

/// Hull, left leg, right leg, ground.
pub(super) fn bodies() -> Vec<BodySpec> {
    let part = |collider, density, friction| BodySpec {
        density,
        friction,
        rotates: true,
        groups: CollisionGroups::new(ROCKET, GROUND),
        ..BodySpec::new(BodyKind::Dynamic, collider, Vec2::ZERO)
    };
    let outline = Collider::convex_hull(&HULL_OUTLINE).unwrap_or_else(|| Collider::cuboid(0.5, 0.4));
    let mut all = vec![part(outline, HULL_DENSITY, HULL_FRICTION)];
    for side in SIDES {
        let mut range = LEG_RANGE.map(|angle| side * angle);
        range.sort_by(f32::total_cmp);
        let joint = RevoluteJointBuilder::new()
            .local_anchor1(Vec2::ZERO)
            .local_anchor2(pivot(side))
            .limits(range)
            .motor_velocity(-side * LEG_RETURN, LEG_GRIP)
            .motor_max_force(LEG_TORQUE);
        // Its mass is set at every start.
        let leg = part(Collider::cuboid(LEG_HALF.x, LEG_HALF.y), 0.0, LEG_FRICTION);
        all.push(BodySpec { joint: Some((HULL, TypedJoint::RevoluteJoint(joint.build()))), ..leg });
    }
    all.push(BodySpec {
        friction: HULL_FRICTION,
        groups: CollisionGroups::new(GROUND, ROCKET),
        ..BodySpec::new(BodyKind::Fixed, surface(&[0.0; CORNERS]), Vec2::ZERO)
    });
    all
}

/// The hull's origin in the frame of the leg on `side`.
fn pivot(side: f32) -> Vec2 {
    LEG_PIVOT * Vec2::new(side, 1.0)
}

/// Mass of the leg on `side`, concentrated at its pivot, with the inertia it has around that point. The
/// rocket moves almost the same, and the solver can hold it with a spring that acts on more than the leg's
/// own small inertia.
fn leg_mass(side: f32) -> MassProperties {
    let mass = LEG_DENSITY * 4.0 * LEG_HALF.x * LEG_HALF.y;
    let inertia = mass * (LEG_PIVOT.length_squared() + LEG_HALF.length_squared() / 3.0);
    MassProperties::new(pivot(side), mass, inertia)
}

/// The ground's shape: level beyond the sides, where a leg may stand while the hull is still inside.
pub(super) fn surface(ground: &[f32; CORNERS]) -> Collider {
    let corner = |(index, &height): (usize, &f32)| Vec2::new(index as f32 * SPACING - HALF.x, height);
    let mut line: Vec<Vec2> = ground.iter().enumerate().map(corner).collect();
    line.insert(0, Vec2::new(-HALF.x - SPACING, ground[0]));
    line.push(Vec2::new(HALF.x + SPACING, ground[CORNERS - 1]));
    Collider::polyline(line, None)
}

/// Puts the rocket upright at `position`, its legs folded out, moving at `velocity`.
pub(super) fn place(bodies: &mut Bodies, position: Vec2, velocity: Vec2) {
    bodies.place_turned(HULL, position, 0.0);
    for (leg, side) in LEGS.into_iter().zip(SIDES) {
        let angle = side * LEG_RANGE[0];
        bodies.place_turned(leg, position - Vec2::from_angle(angle).rotate(pivot(side)), angle);
        bodies.body_mut(leg).set_additional_mass_properties(leg_mass(side), true);
    }
    [HULL, LEGS[0], LEGS[1]].into_iter().for_each(|part| bodies.set_velocity(part, velocity));
}

/// An engine that burns for one tick.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Engine {
    /// The one below.
    Main,
    /// The one that pushes to the left (−1) or to the right (1).
    Side(f32),
}

impl Engine {
    /// Pushes the hull with the share `power` of its strength; `jitter` is the deviation of the point of application.
    pub(super) fn fire(self, bodies: &mut Bodies, jitter: Vec2, power: f32) {
        // In the hull's frame; the farther away the point of application, the stronger the push.
        let (impulse, at) = match self {
            Self::Main => {
                let arm = Vec2::new(jitter.y, MAIN_DEPTH + 2.0 * jitter.x);
                (arm * MAIN_POWER, -arm)
            }
            Self::Side(direction) => {
                let arm = Vec2::new(direction * SIDE_ENGINE.x + 3.0 * jitter.y, jitter.x);
                (arm * SIDE_POWER, Vec2::Y * SIDE_ENGINE.y - arm)
            }
        };
        let turn = Vec2::from_angle(bodies.angle(HULL));
        let place = bodies.position(HULL) + turn.rotate(at);
        bodies.body_mut(HULL).apply_impulse_at_point(turn.rotate(impulse * power), place, true);
    }
}
