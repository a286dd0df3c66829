//! Conditions: gravity, slope and friction of all arenas, which a person can change while they run.

use bevy::prelude::*;
use bevy_rapier2d::rapier::geometry::ColliderSet;
use serde::{Deserialize, Serialize};

/// Steepest slope, rad.
pub const STEEPEST: f32 = 0.5;
/// Range of gravity and friction, as multiples of the world's own.
pub const RANGE: [f32; 2] = [0.1, 3.0];

/// Physical conditions of all arenas. They take effect at the next agent step of each, which is played in the new
/// conditions from beginning to end.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// Gravity as a multiple of the world's own, see [`RANGE`].
    pub gravity: f32,
    /// Slope of the ground in rad, positive uphill along x, at most [`STEEPEST`] to either side. Gravity turns instead of
    /// the ground, so coordinates are along the ground.
    pub slope: f32,
    /// Friction of all surfaces as a multiple of their own, see [`RANGE`].
    pub friction: f32,
}

impl Default for Conditions {
    fn default() -> Self {
        Self { gravity: 1.0, slope: 0.0, friction: 1.0 }
    }
}

impl Conditions {
    /// Whether its values are within their ranges.
    pub fn is_valid(&self) -> bool {
        let [least, most] = RANGE;
        [self.gravity, self.friction].iter().all(|value| (least..=most).contains(value))
            && self.slope.abs() <= STEEPEST
    }

    /// The world's `own` gravity in these conditions.
    pub(super) fn pull(&self, own: Vec2) -> Vec2 {
        if *self == Self::default() {
            return own;
        }
        Vec2::from_angle(-self.slope).rotate(own) * self.gravity
    }

    /// Sets the friction of `colliders`; theirs is that of `own`.
    pub(super) fn roughen(&self, colliders: &mut ColliderSet, own: &ColliderSet) {
        for (handle, collider) in colliders.iter_mut() {
            if let Some(own) = own.get(handle) {
                collider.set_friction(own.friction() * self.friction);
            }
        }
    }
}

/// The conditions that an arena is in, and how they changed in its open episode.
#[derive(Debug, Clone, Default)]
pub(super) struct ArenaConditions {
    /// The present ones.
    pub now: Conditions,
    /// Agent steps of the episode before each change, and what it was changed to; in order.
    pub changes: Vec<(u32, Conditions)>,
}

impl ArenaConditions {
    /// The conditions of agent step `step` if they differ from the present ones: `wanted`, which are logged, or those in
    /// the log if the episode is replayed.
    pub(super) fn begin_step(&mut self, step: u32, wanted: Option<Conditions>) -> Option<Conditions> {
        let logged = || self.changes.iter().rev().find(|(at, _)| *at == step).map(|(_, then)| *then);
        let next = wanted.or_else(logged).filter(|next| *next != self.now)?;
        if wanted.is_some() {
            self.changes.push((step, next));
        }
        self.now = next;
        Some(next)
    }
}
