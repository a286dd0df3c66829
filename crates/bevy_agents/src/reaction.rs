//! Reaction delay: against a human player, policies act as late as a human does.

use bevy::prelude::*;

use crate::mdp::EnvironmentSpec;

/// Reaction time of non-human players against a human, in seconds: that of a quick human.
const QUICK: f32 = 0.15;

/// Delay of all non-human players in the watched arena while a human plays there.
#[derive(Resource, Reflect, Debug, Clone, Copy, Default, PartialEq, Eq)]
#[reflect(Resource)]
pub struct ReactionDelay {
    /// Agent steps between an observation and the action chosen for it.
    pub steps: usize,
}

impl ReactionDelay {
    /// Maximum selectable delay in agent steps.
    pub const MOST: usize = 20;

    /// The fair delay in a world of `spec`: none if all slots are on one side.
    pub fn fair(spec: &EnvironmentSpec) -> Self {
        let step = spec.tick_seconds * spec.ticks_per_step as f32;
        Self { steps: if spec.has_sides() { (QUICK / step).round() as usize } else { 0 } }
    }
}
