//! Shared helpers for tests of this crate.

use crate::mdp::{ActionSpace, EnvironmentSpec, ObservationSpace};

/// A small task of two actions, shaped like cartpole.
pub(crate) fn pole() -> EnvironmentSpec {
    let vector = ["position", "velocity", "angle", "angular velocity"].map(String::from).into();
    EnvironmentSpec {
        name: "pole".into(),
        summary: String::new(),
        observation: ObservationSpace { vector, grid: None },
        action: ActionSpace::discrete(&["left", "right"]),
        ticks_per_step: 1,
        tick_seconds: 0.02,
        episode_limit: 500,
        teams: vec![0],
        rewards: Vec::new(),
    }
}
