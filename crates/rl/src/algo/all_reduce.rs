//! Averaging the gradients of several learners of one agent.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

/// What a gradient belongs to. Gradients of several networks that are known at the same time are averaged together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// All critics.
    Critics,
    /// The value network of SAC v1.
    Value,
    /// Actor and temperature.
    Actor,
}

/// Averages gradients over replicas. Waits for the others, but not without end.
pub trait AllReduce: Debug + Send + Sync {
    /// Replaces `values`, which are a mean over `weight` samples, by their mean over the samples of all replicas, for `part` of
    /// gradient step number `step`; leaves them as they are where the others cannot be reached in time.
    fn all_reduce(&self, step: u64, part: Part, weight: f32, values: &mut [&mut [f32]]);
}

/// Averages `values` as [`AllReduce::all_reduce`] does, if there is anybody to do so with.
pub(super) fn average(
    all_reduce: Option<&dyn AllReduce>,
    (step, part): (u64, Part),
    weight: f32,
    values: &mut [&mut [f32]],
) {
    if let Some(all_reduce) = all_reduce {
        all_reduce.all_reduce(step, part, weight, values);
    }
}
