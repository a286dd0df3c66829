//! What a dataset says of its spaces and its environment, in the words of Minari and Gymnasium.

use serde_json::{Value, json};

use crate::mdp::{ActionSpace, EnvironmentSpec, GridShape, ObservationSpace};
use crate::worlds::{self, WorldChoice};

/// The number of the newest layout of Minari's that this writes.
pub(super) const MINARI: &str = "0.5.4";

/// The space of what players see: a box of floats, a box of bytes with channels last, or a dictionary of both, as in the
/// Python package.
pub(super) fn observation(space: &ObservationSpace, bound: f32) -> Value {
    let vector = || {
        let length = space.vector_len();
        bounded("float32", &[length], &vec![-bound; length], &vec![bound; length])
    };
    let grid = |GridShape { channels, height, width }: GridShape| {
        let filled = |value: u8| vec![vec![vec![value; channels]; width]; height];
        json!({ "type": "Box", "dtype": "uint8", "shape": [height, width, channels], "low": filled(0), "high": filled(255) })
    };
    match (space.grid, space.vector.is_empty()) {
        (None, _) => vector(),
        (Some(shape), true) => grid(shape),
        (Some(shape), false) => {
            json!({ "type": "Dict", "subspaces": { "grid": grid(shape), "vector": vector() } })
        }
    }
}

/// The space of what they do.
pub(super) fn action(space: &ActionSpace) -> Value {
    match space {
        ActionSpace::Discrete(names) => {
            json!({ "type": "Discrete", "dtype": "int64", "start": 0, "n": names.len() })
        }
        ActionSpace::Continuous(dimensions) => {
            let [low, high]: [Vec<f32>; 2] = [
                dimensions.iter().map(|own| own.low).collect(),
                dimensions.iter().map(|own| own.high).collect(),
            ];
            bounded("float32", &[dimensions.len()], &low, &high)
        }
    }
}

fn bounded(dtype: &str, shape: &[usize], low: &[f32], high: &[f32]) -> Value {
    json!({ "type": "Box", "dtype": dtype, "shape": shape, "low": low, "high": high })
}

/// How Gymnasium makes the world again, by the Python package; `None` for an outside environment.
pub(super) fn gymnasium(world: &WorldChoice, options: &Value) -> Option<Value> {
    let spec: EnvironmentSpec = world.spec();
    worlds::find(&spec.name)?;
    let mut arguments = json!({ "world": spec.name });
    if let Some(level) = world.level() {
        arguments["level"] = level.name.as_str().into();
    }
    if let (Some(into), Some(options)) = (arguments.as_object_mut(), options.as_object()) {
        into.extend(options.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    Some(json!({
        "id": worlds::gymnasium_id(&spec.name),
        "entry_point": "entropy_arcade.env:ArcadeEnv",
        "reward_threshold": null,
        "nondeterministic": false,
        "max_episode_steps": null,
        "disable_env_checker": false,
        "kwargs": arguments,
        "additional_wrappers": [],
        "vector_entry_point": "entropy_arcade.vector:ArcadeVectorEnv",
    }))
}
