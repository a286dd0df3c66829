//! Drift: motion of particles such as sparks, dust and splinters. `effects` fades them.

use bevy::prelude::*;

use super::ViewSystems;
use super::preferences::lively;

/// A moving particle. Lengths in world units.
#[derive(Component, Debug, Clone, Copy, Default)]
pub struct Drift {
    /// Units/s.
    pub velocity: Vec2,
    /// Acceleration, units/s².
    pub pull: Vec2,
    /// Rate at which velocity decays, 1/s.
    pub drag: f32,
    /// Rad/s.
    pub spin: f32,
}

/// Adds the system.
pub(super) fn plugin(app: &mut App) {
    app.add_systems(PostUpdate, drift.run_if(lively).in_set(ViewSystems::Animate));
}

fn drift(time: Res<Time<Real>>, mut all: Query<(&mut Drift, &mut Transform)>) {
    let seconds = time.delta_secs();
    for (mut drift, mut transform) in &mut all {
        let velocity = (drift.velocity + drift.pull * seconds) * (-drift.drag * seconds).exp();
        drift.velocity = velocity;
        transform.translation += (velocity * seconds).extend(0.0);
        transform.rotate_z(drift.spin * seconds);
    }
}

/// Pseudo-random variation for effects: number `count` of a sequence in ±1.
pub fn scatter(count: u32) -> f32 {
    let mut mixed = count.wrapping_mul(0x9e37_79b9);
    mixed = (mixed ^ (mixed >> 16)).wrapping_mul(0x7feb_352d);
    mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x846c_a68b);
    ((mixed ^ (mixed >> 16)) >> 8) as f32 / 8_388_608.0 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scattered_numbers_are_evenly_distributed() {
        let numbers: Vec<f32> = (0..1000).map(scatter).collect();
        assert!(numbers.iter().all(|number| (-1.0..1.0).contains(number)));
        for tenth in 0..10 {
            let range = tenth as f32 / 5.0 - 1.0..(tenth + 1) as f32 / 5.0 - 1.0;
            let count = numbers.iter().filter(|number| range.contains(number)).count();
            assert!((60..140).contains(&count), "{count} numbers in {range:?}");
        }
    }
}
