//! What an outside environment says of itself, as the spec of a world.

use super::error::BridgeError;
use super::settings::name;
use super::wire::{Hello, Layout};
use crate::mdp::{ActionDimension, ActionSpace, EnvironmentSpec, GridShape, ObservationSpace, RewardTerm};

/// Steps per second of an environment that does not say.
const USUAL_RATE: f64 = 30.0;

/// The spec of the environment `id`.
pub(super) fn spec(id: &str, hello: &Hello) -> Result<EnvironmentSpec, BridgeError> {
    let env = name(id);
    let grid = hello.grid.map(|[channels, height, width]| GridShape { channels, height, width });
    let action = match hello.low.is_empty() {
        true => ActionSpace::Discrete(hello.actions.clone()),
        false => ActionSpace::Continuous(dimensions(hello)),
    };
    let rate = hello.fps.filter(|rate| rate.is_finite() && *rate > 0.0).unwrap_or(USUAL_RATE);
    let spec = EnvironmentSpec {
        summary: format!("{id} of Gymnasium, stepped by Python."),
        name: env.clone(),
        observation: ObservationSpace { vector: hello.vector.clone(), grid },
        action,
        ticks_per_step: 1,
        tick_seconds: rate.recip() as f32,
        episode_limit: hello.limit.filter(|limit| *limit > 0).unwrap_or(EnvironmentSpec::UNLIMITED),
        teams: vec![0],
        rewards: vec![RewardTerm::new("reward", 1.0, "the environment's own")],
    };
    match spec.problem() {
        Some(problem) => Err(BridgeError::Space { env, problem }),
        None => Ok(spec),
    }
}

fn dimensions(hello: &Hello) -> Vec<ActionDimension> {
    let bounds = hello.low.iter().zip(&hello.high).enumerate();
    bounds.map(|(index, (&low, &high))| ActionDimension { name: format!("a{index}"), low, high }).collect()
}

/// Sizes of what `rows` environments send.
pub(super) fn layout(observation: &ObservationSpace, rows: usize) -> Layout {
    Layout { rows, floats: observation.vector_len(), bytes: observation.grid_len() }
}
