//! The classic control tasks, simulated from their published equations, without physics bodies.
#![doc = include_str!("README.md")]

pub mod acrobot;
pub mod cartpole;
pub mod mountain_car;
pub mod pendulum;
#[cfg(test)]
mod tests;

use bevy::prelude::*;

/// Layout shared by all arenas of a classic control task.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Classic {
    /// Whether actions are continuous, in a task that has both kinds.
    pub continuous: bool,
}

/// Writes `values`, which are computed in double precision, into an observation.
fn write(values: &[f64], vector: &mut [f32]) {
    vector.iter_mut().zip(values).for_each(|(place, value)| *place = *value as f32);
}
