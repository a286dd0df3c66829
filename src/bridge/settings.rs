//! The table `[bridge]` of a run: how its outside environments are made and stepped.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What comes before the id of a Gymnasium environment in the name of a world.
const PREFIX: &str = "gym:";

/// The id of the Gymnasium environment that the world `env` is: `CartPole-v1` of `gym:CartPole-v1`, `None` for a world of
/// the arcade.
pub fn id(env: &str) -> Option<&str> {
    env.strip_prefix(PREFIX)
}

/// The name of the world that the Gymnasium environment `id` is.
pub(super) fn name(id: &str) -> String {
    format!("{PREFIX}{id}")
}

/// How outside environments are made and stepped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BridgeSettings {
    /// The Python interpreter that has Gymnasium; when absent that of `$VIRTUAL_ENV`, of the environment that
    /// `entropy-arcade python` makes, or else `python3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub python: Option<PathBuf>,
    /// Processes that share the environments of a run, 1 to 64.
    pub workers: usize,
    /// Seconds that a step, or a start, of all environments of a process may take, 1 to 3600.
    pub step_seconds: u32,
    /// Keyword arguments of `gymnasium.make`.
    #[serde(skip_serializing_if = "toml::Table::is_empty")]
    pub kwargs: toml::Table,
}

impl Default for BridgeSettings {
    fn default() -> Self {
        Self { python: None, workers: 1, step_seconds: 60, kwargs: toml::Table::new() }
    }
}

impl BridgeSettings {
    /// Whether nothing is set.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Key, value and allowed range of the first setting out of range.
    pub fn fault(&self) -> Option<(&'static str, String, &'static str)> {
        let Self { workers, step_seconds, .. } = self;
        let faults = [
            (!(1..=64).contains(workers), "bridge.workers", workers.to_string(), "1 to 64"),
            (
                !(1..=3600).contains(step_seconds),
                "bridge.step_seconds",
                step_seconds.to_string(),
                "1 to 3600",
            ),
        ];
        faults.into_iter().find(|fault| fault.0).map(|(_, key, value, allowed)| (key, value, allowed))
    }

    /// Settings tuned for environments like `id`, as TOML over the defaults.
    pub fn experiment(id: &str) -> &'static str {
        let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| id.starts_with(prefix));
        // A module before the colon registers an environment of any kind.
        if begins(&[
            "HalfCheetah-",
            "Hopper-",
            "Walker2d-",
            "Ant-",
            "Humanoid",
            "Swimmer-",
            "Pusher-",
            "Reacher-",
        ]) {
            include_str!("experiments/mujoco.toml")
        } else if begins(&["Pendulum-", "InvertedPendulum-", "InvertedDoublePendulum-"]) {
            include_str!("experiments/pendulum.toml")
        } else if begins(&["LunarLander-"]) {
            include_str!("experiments/lunar-lander.toml")
        } else if begins(&["CartPole-"]) {
            include_str!("experiments/cartpole.toml")
        } else if begins(&["ALE/"]) {
            include_str!("experiments/atari.toml")
        } else if begins(&["MinAtar/", "MiniGrid-", "BabyAI-"]) {
            include_str!("experiments/minatar.toml")
        } else {
            include_str!("experiments/other.toml")
        }
    }
}
