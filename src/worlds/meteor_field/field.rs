//! The moving things of meteor-field: rocks that split, waves of them, shots, ships, and wrapping across the
//! edges.

use bevy::prelude::*;
use rand::RngExt as _;

use super::{
    FIELD, FIRST_ROCK, FIRST_SHOT, MOST_LARGE, POINTS, ROCK_RADII, ROCKS, SHIP, SHIP_NOSE, SHOTS,
    TICK_SECONDS,
};
use crate::mdp::Rng;
use crate::sim::Bodies;

pub(super) const SHOT_SPEED: f32 = 13.0;
/// Ticks a shot lasts, ticks between two shots, ticks a new ship is safe.
const SHOT_TICKS: u32 = 22;
const RELOAD_TICKS: u32 = 8;
pub(super) const SHIELD_TICKS: u32 = 60;
/// Speed by size in the first wave in units/s, the increase per wave, and the last wave that is faster.
const ROCK_SPEEDS: [f32; 3] = [3.4, 2.5, 1.7];
const FASTER: f32 = 0.12;
const FASTEST_WAVE: u32 = 12;

/// A rock that drifts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rock {
    /// 0 small, 1 medium, 2 large.
    pub size: usize,
    /// Serial number within the episode, unique per rock.
    pub serial: u32,
}

/// State of one field.
#[derive(Component, Debug, Clone)]
pub struct MeteorField {
    pub(super) rocks: [Option<Rock>; ROCKS],
    /// Ticks each shot has left; 0 if there is no shot.
    pub(super) shots: [u32; SHOTS],
    pub(super) reload: u32,
    pub(super) shield: u32,
    pub(super) ships: u32,
    pub(super) points: u32,
    pub(super) wave: u32,
    pub(super) serial: u32,
    pub(super) thrusts: bool,
}

impl MeteorField {
    /// The rocks by body, from [`FIRST_ROCK`] on.
    pub fn rocks(&self) -> &[Option<Rock>; ROCKS] {
        &self.rocks
    }

    /// Whether shot `index` flies.
    pub fn flies(&self, index: usize) -> bool {
        self.shots[index] > 0
    }

    /// Ships left, including the one in play.
    pub fn ships(&self) -> u32 {
        self.ships
    }

    /// Whether rocks pass through the ship.
    pub fn shielded(&self) -> bool {
        self.shield > 0
    }

    /// Whether the ship's engine burns.
    pub fn thrusts(&self) -> bool {
        self.thrusts
    }

    fn put_rock(&mut self, bodies: &mut Bodies, size: usize, position: Vec2, direction: f32, rng: &mut Rng) {
        let Some(free) = self.rocks.iter().position(Option::is_none) else { return };
        self.serial += 1;
        self.rocks[free] = Some(Rock { size, serial: self.serial });
        let faster = 1.0 + FASTER * (self.wave.min(FASTEST_WAVE) as f32 - 1.0);
        let speed = ROCK_SPEEDS[size] * faster * rng.random_range(0.75..1.25);
        let (angle, spin) = (rng.random_range(-3.0..3.0), rng.random_range(-1.2..1.2));
        let body = FIRST_ROCK + free;
        bodies.body_mut(body).set_enabled(true);
        bodies.place_turned(body, wrapped(position), angle);
        bodies.set_velocity(body, Vec2::from_angle(direction) * speed);
        bodies.body_mut(body).set_angvel(spin, true);
    }

    pub(super) fn next_wave(&mut self, bodies: &mut Bodies, rng: &mut Rng) {
        self.wave += 1;
        let ship = bodies.position(SHIP);
        for _ in 0..MOST_LARGE.min(1 + self.wave as usize) {
            let away = Vec2::from_angle(rng.random_range(-3.2..3.2)) * rng.random_range(5.0..FIELD.y);
            let direction = rng.random_range(-3.2..3.2);
            self.put_rock(bodies, ROCK_RADII.len() - 1, ship + away, direction, rng);
        }
    }

    /// Replaces a rock by two of the next smaller size.
    pub(super) fn split(&mut self, bodies: &mut Bodies, index: usize, rng: &mut Rng) -> u32 {
        let Some(rock) = self.rocks[index].take() else { return 0 };
        let body = FIRST_ROCK + index;
        let (position, velocity) = (bodies.position(body), bodies.velocity(body));
        bodies.body_mut(body).set_enabled(false);
        if let Some(size) = rock.size.checked_sub(1) {
            for side in [-1.0, 1.0] {
                let direction = velocity.to_angle() + side * rng.random_range(0.4..1.2);
                let apart = Vec2::from_angle(direction) * 0.5 * ROCK_RADII[size];
                self.put_rock(bodies, size, position + apart, direction, rng);
            }
        }
        POINTS[rock.size]
    }

    pub(super) fn new_ship(&mut self, bodies: &mut Bodies, rng: &mut Rng) {
        bodies.place_turned(SHIP, Vec2::ZERO, rng.random_range(-3.1..3.1));
        self.shield = SHIELD_TICKS;
    }

    pub(super) fn fire(&mut self, bodies: &mut Bodies) {
        let Some(free) = self.shots.iter().position(|&left| left == 0) else { return };
        let angle = bodies.angle(SHIP);
        let heading = Vec2::from_angle(angle);
        let body = FIRST_SHOT + free;
        bodies.body_mut(body).set_enabled(true);
        bodies.place_turned(body, bodies.position(SHIP) + heading * SHIP_NOSE, angle);
        bodies.set_velocity(body, heading * SHOT_SPEED + bodies.velocity(SHIP));
        (self.shots[free], self.reload) = (SHOT_TICKS, RELOAD_TICKS);
    }
}

/// `position` wrapped into the field; for an offset, the shortest one.
pub fn wrapped(position: Vec2) -> Vec2 {
    let size = 2.0 * FIELD;
    position - size * (position / size).round()
}

/// Offset and velocity of the rock relative to body `from`.
pub(super) fn seen_from(bodies: &Bodies, from: usize, index: usize) -> (Vec2, Vec2) {
    let rock = FIRST_ROCK + index;
    (wrapped(bodies.position(rock) - bodies.position(from)), bodies.velocity(rock) - bodies.velocity(from))
}

/// Whether bodies now `offset` apart came within `reach` during the last tick, so that fast ones do not
/// tunnel.
pub(super) fn met(offset: Vec2, velocity: Vec2, reach: f32) -> bool {
    let since = (offset.dot(velocity) / velocity.length_squared().max(1e-6)).clamp(0.0, TICK_SECONDS);
    (offset - velocity * since).length_squared() < reach * reach
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fast_does_not_jump_over_what_is_small() {
        let past = Vec2::new(-0.6, 0.0);
        assert!(met(past, Vec2::new(-40.0, 0.0), 0.5) && !met(past, Vec2::new(-1.0, 0.0), 0.5));
        assert!(!met(past, Vec2::new(40.0, 0.0), 0.5), "what comes has not met yet");
        assert_eq!(wrapped(Vec2::new(11.0, -8.0)), Vec2::new(-9.0, 6.0));
    }
}
