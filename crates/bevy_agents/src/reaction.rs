//! Reaction delay: policies act late against a person, as a person does against them.

use bevy::prelude::*;

use crate::mdp::EnvironmentSpec;

/// Seconds that whoever is no person takes to react, where it plays against one: those of a quick person.
const QUICK: f32 = 0.15;

/// How late all but people act in the watched arena while a person plays there.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReactionDelay {
    /// Agent steps between what is seen and what is done about it.
    pub steps: usize,
}

impl ReactionDelay {
    /// Most steps that can be chosen.
    pub const MOST: usize = 20;

    /// What is fair in a world of `spec`: none where all are on one side.
    pub fn fair(spec: &EnvironmentSpec) -> Self {
        let step = spec.tick_seconds * spec.ticks_per_step as f32;
        Self { steps: if spec.has_sides() { (QUICK / step).round() as usize } else { 0 } }
    }
}
