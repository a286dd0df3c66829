//! The interface of a policy: batched observations in, actions out.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ActionBatch, Attention, ObservationBatch, Rng, StateBatch};

/// Identifies the meaning of a policy's state. Two policies have the same id exactly if each can continue
/// from a state the other wrote.
///
/// That takes the same architecture and the same line of training: a newer version of a network continues
/// with the hidden state of the older one (and must, or every published version would reset all slots), while
/// an independently initialized network gives other meanings to a state of the same width. Parameters are
/// therefore not part of the id; what distinguishes new networks of a recurrent policy is: the line of training,
/// named when networks are drawn and saved with them, see
/// `Algorithm::begin_line`. Policies without
/// memory only need to differ from those with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PolicyId(pub u64);

impl PolicyId {
    /// The id for `parts`, the same in every process: the kind of policy, its architecture as text, and for a
    /// policy with memory an identifier of its line of training.
    pub fn of(parts: &[&str]) -> Self {
        // FNV-1a, with a separator after each part.
        let bytes = parts.iter().flat_map(|part| part.bytes().chain([0xFF]));
        let step = |id: u64, byte: u8| (id ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        Self(bytes.fold(0xCBF2_9CE4_8422_2325, step))
    }
}

/// Inputs of a policy for `n` slots, row by row.
pub struct ActInput<'a> {
    /// `[n]`.
    pub observations: &'a ObservationBatch,
    /// `[n, state_width]`: the policy state of each slot, replaced by the state after this step.
    pub states: &'a mut StateBatch,
    /// `[n]`: the action before, which does not count where `is_first`; empty where nobody knows.
    pub previous_actions: &'a ActionBatch,
    /// `[n]`: the reward before, which does not count where `is_first`; empty where nobody knows.
    pub previous_rewards: &'a [f32],
    /// `[n]`: whether the slot starts from the initial state, because an episode begins or another policy
    /// acted before. Empty means that all do.
    pub is_first: &'a [bool],
    /// `[n]` generators to sample with; unused with `greedy`.
    pub rngs: &'a mut [Rng],
    /// Whether to take the most probable action, the first one on a tie, instead of a sample.
    pub greedy: bool,
}

/// A policy's output for `n` observations.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PolicyOutput {
    /// `[n]`.
    pub actions: ActionBatch,
    /// `[n, A]`: probability of every action; empty for continuous actions.
    pub probabilities: Vec<f32>,
    /// `[n]`: policy entropy in nats.
    pub entropies: Vec<f32>,
    /// `[n, F]`: what the memory makes of each moment: the hidden state of a recurrent network after it, the
    /// transformer's output. Empty for a policy without memory.
    pub features: Vec<f32>,
}

impl PolicyOutput {
    /// Removes all rows and keeps the allocation.
    pub fn clear(&mut self) {
        self.actions.clear();
        self.probabilities.clear();
        self.entropies.clear();
        self.features.clear();
    }
}

/// Maps observations to actions. Immutable: a newer policy is a new value that replaces the old one.
pub trait Policy: Send + Sync {
    /// Identifies the meaning of its state, see [`PolicyId`].
    fn id(&self) -> PolicyId;

    /// Floats of policy state per slot; 0 for a policy without memory.
    fn state_width(&self) -> usize {
        0
    }

    /// Writes the state before the first step of an episode, `[state_width]`.
    fn initial_state(&self, state: &mut [f32]) {
        state.fill(0.0);
    }

    /// Decides for all observations in one forward pass, updates their states and replaces `output`.
    fn act(&self, input: ActInput<'_>, output: &mut PolicyOutput);

    /// What it attends to at the moment of the first row of `input`, whose states it advances as [`Policy::act`] does;
    /// `None` for a policy without attention, and for no rows. Costs as much as acting.
    fn attention(&self, _input: ActInput<'_>) -> Option<Attention> {
        None
    }

    /// Number of latest moments of an episode, the present one included, that its state after them depends on; `None`
    /// where all count.
    fn reach(&self) -> Option<usize> {
        None
    }

    /// Acts greedily on observations, each with the initial state.
    fn consider(&self, observations: &ObservationBatch, output: &mut PolicyOutput) {
        let mut states = StateBatch::zeros(self.state_width(), observations.count);
        (0..states.rows()).for_each(|row| self.initial_state(states.row_mut(row)));
        let input = ActInput {
            observations,
            states: &mut states,
            previous_actions: &ActionBatch::default(),
            previous_rewards: &[],
            is_first: &[],
            rngs: &mut [],
            greedy: true,
        };
        self.act(input, output);
    }
}

/// Inputs of critics for `n` slots, row by row, as those of a policy.
pub struct ValueInput<'a> {
    /// `[n]`.
    pub observations: &'a ObservationBatch,
    /// `[n, state_width]`: the critics' state of each slot, replaced by the state after this moment.
    pub states: &'a mut StateBatch,
    /// `[n]`: the action before, which does not count where `is_first`; empty where nobody knows.
    pub previous_actions: &'a ActionBatch,
    /// `[n]`: the reward before, which does not count where `is_first`; empty where nobody knows.
    pub previous_rewards: &'a [f32],
    /// `[n]`: whether the slot starts from the initial state. Empty means that all do.
    pub is_first: &'a [bool],
}

/// The interface of critics: batched observations in, action values out.
pub trait ActionValues: Send + Sync {
    /// Number of critics `C`.
    fn critics(&self) -> usize;

    /// Floats of all critics' state per slot; 0 for critics without memory. The initial state is zero.
    fn state_width(&self) -> usize {
        0
    }

    /// As [`Policy::reach`].
    fn reach(&self) -> Option<usize> {
        None
    }

    /// Replaces `values` by every critic's soft action values `Q(o, a)` of `n` observations, `[C, n, A]`; leaves none of
    /// continuous actions, which cannot be listed: [`ActionValues::values_of`] has those of given ones. With memory
    /// these are values of first moments of episodes; [`ActionValues::values_after`] has those of later ones.
    fn action_values(&self, observations: &ObservationBatch, values: &mut Vec<f32>);

    /// Replaces `values` by every critic's soft value `Q(o, a)` of one action for each of `n` observations, `[C, n]`. With
    /// memory these are values of first moments of episodes.
    fn values_of(&self, observations: &ObservationBatch, actions: &ActionBatch, values: &mut Vec<f32>) {
        listed_values_of(self, observations, actions, values);
    }

    /// The same as [`ActionValues::action_values`] after what came before, with states updated.
    fn values_after(&self, input: ValueInput<'_>, values: &mut Vec<f32>) {
        self.action_values(input.observations, values);
    }
}

/// [`ActionValues::values_of`] by [`ActionValues::action_values`], of discrete actions.
pub(crate) fn listed_values_of(
    critics: &(impl ActionValues + ?Sized),
    observations: &ObservationBatch,
    actions: &ActionBatch,
    values: &mut Vec<f32>,
) {
    let mut all = Vec::new();
    critics.action_values(observations, &mut all);
    let count = all.len() / (critics.critics() * actions.rows).max(1);
    let taken = actions.discrete.iter().cycle().map(|action| usize::from(*action));
    values.clear();
    values.extend(all.chunks_exact(count.max(1)).zip(taken).map(|(values, action)| values[action]));
}

/// A policy published by the learner: immutable and numbered.
#[derive(Clone)]
pub struct PolicySnapshot {
    /// Counts published policies, from 0 for the untrained one.
    pub version: u64,
    /// Gradient steps it was trained for.
    pub gradient_steps: u64,
    /// The policy.
    pub policy: Arc<dyn Policy>,
    /// Its critics; present only while they are published for overlays.
    pub critics: Option<Arc<dyn ActionValues>>,
}
