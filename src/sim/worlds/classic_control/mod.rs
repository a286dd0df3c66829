//! The classic control tasks, equation by equation, without bodies.
#![doc = include_str!("../classic_control.md")]

pub mod acrobot;
pub mod cartpole;
pub mod mountain_car;
#[cfg(test)]
mod tests;

use bevy::prelude::*;

use crate::mdp::ObservationSpace;

/// What all arenas of a classic control task share.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Classic {
    /// Whether velocities are left out of the observation.
    pub velocity_masked: bool,
}

/// One entry of an unmasked observation.
struct Entry {
    name: &'static str,
    is_velocity: bool,
}

const fn place(name: &'static str) -> Entry {
    Entry { name, is_velocity: false }
}

const fn velocity(name: &'static str) -> Entry {
    Entry { name, is_velocity: true }
}

impl Classic {
    fn shows(&self, entry: &Entry) -> bool {
        !(self.velocity_masked && entry.is_velocity)
    }

    fn space(&self, entries: &[Entry]) -> ObservationSpace {
        let shown = entries.iter().filter(|entry| self.shows(entry));
        let names: Vec<&str> = shown.map(|entry| entry.name).collect();
        ObservationSpace::floats(&names)
    }

    fn write(&self, entries: &[Entry], values: &[f64], vector: &mut [f32]) {
        let shown = entries.iter().zip(values).filter(|(entry, _)| self.shows(entry));
        for (place, (_, value)) in vector.iter_mut().zip(shown) {
            *place = *value as f32;
        }
    }
}
