//! Free flight: a witness of ticks that compares what bodies did with what nothing but gravity and damping would do.

use bevy::prelude::*;
use bevy_rapier2d::rapier::dynamics::{ImpulseJointSet, RigidBody, RigidBodyHandle, RigidBodySet};
use bevy_rapier2d::rapier::geometry::NarrowPhase;

/// Units/s that a velocity may differ by from that of free flight, as it does by rounding.
const SPEED: f32 = 1e-3;
/// Rad/s that a spin may. A push too weak to be seen in a velocity turns even a small ball by less.
const SPIN: f32 = 2e-2;

/// Watches an arena's ticks where it is inserted, and keeps the first one that free flight does not explain.
#[derive(Component, Debug, Clone, Default)]
pub struct FreeFlight {
    /// Ticks of bodies in free flight seen so far.
    pub seen: u64,
    /// The first that broke the rule.
    pub broken: Option<String>,
}

/// A moving body before a tick: which, and the velocity and spin it would have after it in free flight.
pub(super) struct Expected(RigidBodyHandle, Vec2, f32);

impl FreeFlight {
    /// What the moving bodies without joints are to do in a tick of `dt` seconds.
    pub(super) fn expect(
        bodies: &RigidBodySet,
        joints: &ImpulseJointSet,
        gravity: Vec2,
        dt: f32,
    ) -> Vec<Expected> {
        let free = |(handle, body): &(RigidBodyHandle, &RigidBody)| {
            body.is_dynamic() && body.is_enabled() && joints.attached_joints(*handle).next().is_none()
        };
        let expected = |(handle, body): (RigidBodyHandle, &RigidBody)| {
            let [slower, calmer] =
                [body.linear_damping(), body.angular_damping()].map(|damping| 1.0 / (1.0 + dt * damping));
            let pulled = gravity * body.gravity_scale() + body.user_force() * body.mass().recip();
            Expected(handle, (body.linvel() + pulled * dt) * slower, body.angvel() * calmer)
        };
        bodies.iter().filter(free).map(expected).collect()
    }

    /// Compares the same bodies after the tick. One that touches nothing keeps both; one whose velocity tells that
    /// nothing has pushed it, although something is near, keeps its spin.
    pub(super) fn compare(&mut self, expected: &[Expected], bodies: &RigidBodySet, contacts: &NarrowPhase) {
        for Expected(handle, velocity, spin) in expected {
            let Some(body) = bodies.get(*handle) else { continue };
            let near = (body.colliders().iter())
                .flat_map(|own| contacts.contact_pairs_with(*own))
                .filter(|pair| pair.has_any_active_contact())
                .count();
            let [sped, turned] = [body.linvel().distance(*velocity), (body.angvel() - spin).abs()];
            let [sped, turned] = [sped > SPEED, turned > SPIN];
            // Two neighbors may turn a body without moving it.
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
