//! What overlays show of the watched agent in one step. Playback keeps it with the step, so it is below both.

use bevy::prelude::*;

use crate::mdp::Attention;

/// Value estimates in the watched arena. Empty until the overlay of values is shown.
#[derive(Resource, Debug, Default)]
pub struct ValueEstimates {
    /// `[slots]`: the current estimate; `None` for a slot without critics.
    pub slots: Vec<Option<ValueEstimate>>,
    /// `[slots]`: predictions and returns of the last completed episode, from when it was first followed.
    pub completed: Vec<PredictedVsActual>,
    /// Whether critics with memory do not know what came before in this episode.
    pub unknown_past: bool,
}

/// The critics' estimates for one observation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ValueEstimate {
    /// `[critics][actions]`: soft action values; of continuous actions that of the one taken.
    pub values: Vec<Vec<f32>>,
    /// Value under the policy: Σ π(a) Q(a), mean over critics.
    pub value: f32,
}

impl ValueEstimate {
    /// From `[critics][actions]` values, under the probabilities of `policy`.
    pub(super) fn new(values: &[f32], critics: usize, policy: &[f32]) -> Self {
        let values: Vec<Vec<f32>> =
            values.chunks(policy.len().max(1)).take(critics).map(<[f32]>::to_vec).collect();
        let mean =
            |values: &Vec<f32>| values.iter().zip(policy).map(|(value, share)| value * share).sum::<f32>();
        let value = values.iter().map(mean).sum::<f32>() / values.len().max(1) as f32;
        Self { values, value }
    }
}

/// Value estimates of an episode step by step, and the discounted return that followed each step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PredictedVsActual {
    /// `[steps]`: the value estimated at each step.
    pub predicted: Vec<f32>,
    /// `[steps]`: the discounted return that followed.
    pub actual: Vec<f32>,
}

/// What is shown of the memories in the watched arena, besides the features in
/// [`WatchedDecisions`](crate::agent::WatchedDecisions). Empty until the overlay of memory is shown.
#[derive(Resource, Debug, Clone, Default)]
pub struct WatchedMemory {
    /// `[slots]`: what each slot's policy attends to; `None` without attention.
    pub attention: Vec<Option<Attention>>,
    /// Which of two goals is right as the first slot remembers it; only in worlds that say so at the start.
    pub goals: Option<GoalBelief>,
    /// Counts updates, so that none is drawn twice.
    pub version: u64,
}

/// Which goal is right, as read out of the watched agent's memory.
#[derive(Debug, Clone, PartialEq)]
pub struct GoalBelief {
    /// Names of the two goals by their places.
    pub names: [&'static str; 2],
    /// Their places, in the arena's coordinates.
    pub places: [Vec2; 2],
    /// The one that is right.
    pub right: usize,
    /// Probability that the first one is right; `None` while the cue is seen, and without memory.
    pub first: Option<f32>,
    /// Moments that the probe was fitted to.
    pub samples: usize,
    /// Share of moments that it tells right, averaged over the last held-out episodes, and the number of these; `None`
    /// as long as they are few.
    pub accuracy: Option<(f32, usize)>,
}
