//! Free flight check: compares the motion of bodies with that under gravity and damping alone.

use bevy::prelude::*;
use bevy_rapier2d::plugin::context::RapierContextJoints;
use bevy_rapier2d::rapier::dynamics::{RigidBody, RigidBodyHandle, RigidBodySet};
use bevy_rapier2d::rapier::geometry::NarrowPhase;

/// Tolerance of velocities for rounding, units/s.
const SPEED: f32 = 1e-3;
/// Tolerance of spins, rad/s. A push below the velocity tolerance turns even a small ball by less.
const SPIN: f32 = 2e-2;

/// Checks an arena's ticks if inserted, and stores the first violation.
#[derive(Component, Debug, Clone, Default)]
pub struct FreeFlight {
    /// Number of body ticks in free flight so far.
    pub seen: u64,
    /// The first violation.
    pub broken: Option<String>,
}

/// A moving body before a tick: its handle, and the velocity and spin expected after it in free flight.
pub(super) struct Expected(RigidBodyHandle, Vec2, f32);

impl FreeFlight {
    /// The expected motion of moving bodies without joints in a tick of `dt` seconds.
    pub(super) fn expect(
        bodies: &RigidBodySet,
        joints: &RapierContextJoints,
        gravity: Vec2,
        dt: f32,
    ) -> Vec<Expected> {
        let free = |(handle, body): &(RigidBodyHandle, &RigidBody)| {
            let joined = joints.impulse_joints.attached_joints(*handle).next().is_some()
                || joints.multibody_joints.rigid_body_link(*handle).is_some();
            body.is_dynamic() && body.is_enabled() && !joined
        };
        let expected = |(handle, body): (RigidBodyHandle, &RigidBody)| {
            let [slower, calmer] =
                [body.linear_damping(), body.angular_damping()].map(|damping| 1.0 / (1.0 + dt * damping));
            let pulled = gravity * body.gravity_scale() + body.user_force() * body.mass().recip();
            Expected(handle, (body.linvel() + pulled * dt) * slower, body.angvel() * calmer)
        };
        bodies.iter().filter(free).map(expected).collect()
    }

    /// Compares the same bodies after the tick. A body without contacts keeps both; one near others with an
    /// unchanged velocity was not pushed and keeps its spin.
    pub(super) fn compare(&mut self, expected: &[Expected], bodies: &RigidBodySet, contacts: &NarrowPhase) {
        for Expected(handle, velocity, spin) in expected {
            let Some(body) = bodies.get(*handle) else { continue };
            let near = (body.colliders().iter())
                .flat_map(|own| contacts.contact_pairs_with(*own))
                .filter(|pair| pair.has_any_active_contact())
                .count();
            let [sped, turned] = [body.linvel().distance(*velocity), (body.angvel() - spin).abs()];
            let [sped, turned] = [sped > SPEED, turned > SPIN];
            // Two neighbors can turn a body without moving it.
            if near > 1 || (near == 1 && sped) {
                continue;
            }
            self.seen += 1;
            if sped || turned {
                let (velocity_now, spin_now) = (body.linvel(), body.angvel());
                self.broken.get_or_insert_with(|| {
                    format!(
                        "velocity {velocity_now} and spin {spin_now} instead of {velocity} and {spin} after a tick \
                         in which nothing pushed"
                    )
                });
            }
        }
    }
}
