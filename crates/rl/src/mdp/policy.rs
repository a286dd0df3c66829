//! A policy seen from outside: batched observations in, actions out.

use std::sync::Arc;

use super::{Action, ObservationBatch, Rng};

/// What a policy remembers of one player slot between steps: nothing for a feed-forward network,
/// the hidden state for a recurrent one, recent steps for one with attention.
/// Zeroed when an episode starts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PolicyState(pub Vec<f32>);

/// What a policy chose for `n` observations, and how sure it was.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PolicyOutput {
    /// `[n]`.
    pub actions: Vec<Action>,
    /// `[n, A]`: probability of every action.
    pub probabilities: Vec<f32>,
    /// `[n]`: policy entropy in nats.
    pub entropies: Vec<f32>,
}

impl PolicyOutput {
    /// Empties all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.actions.clear();
        self.probabilities.clear();
        self.entropies.clear();
    }
}

/// Maps observations to actions. Immutable: a newer policy is another value, swapped in whole.
pub trait Policy: Send + Sync {
    /// Number of floats in a [`PolicyState`]; 0 for a policy without memory.
    fn state_len(&self) -> usize {
        0
    }

    /// Decides for all observations in one forward pass and replaces `decisions`.
    ///
    /// `states` and `rngs` have one entry an observation. With `greedy` the most probable action is
    /// taken (the first one on a tie) and no randomness is drawn.
    fn act(
        &self,
        observations: &ObservationBatch,
        states: &mut [PolicyState],
        rngs: &mut [Rng],
        greedy: bool,
        decisions: &mut PolicyOutput,
    );
}

/// What an agent expects: critics read from outside, batched observations in, action values out.
pub trait ActionValues: Send + Sync {
    /// Number of critics `C`.
    fn critics(&self) -> usize;

    /// Replaces `values` by every critic's soft action values `Q(o, a)` of `n` observations, `[C, n, A]`.
    fn action_values(&self, observations: &ObservationBatch, values: &mut Vec<f32>);
}

/// A policy as the learner hands it out: whole, immutable, numbered.
#[derive(Clone)]
pub struct PolicySnapshot {
    /// Counts published policies, from 0 for the untrained one.
    pub version: u64,
    /// Gradient steps it was learned with.
    pub gradient_steps: u64,
    /// What maps observations to actions.
    pub policy: Arc<dyn Policy>,
    /// The critics it was learned with; there only while the window shows them.
    pub critics: Option<Arc<dyn ActionValues>>,
}
