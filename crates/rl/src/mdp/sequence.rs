//! Batches of sequences, in the layout of a gradient step of an agent with memory.

use super::{ActionBatch, ActionNoise, StateBatch};

/// `B` runs of `T` transitions and their `T + 1` moments: the observations before the first and after each of them.
///
/// The first `burn_in` moments only warm up the hidden state. Moments before an episode's first and after its
/// last are padding: all zeros, and masked out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SequenceBatch {
    /// Number of sequences `B`.
    pub batch: usize,
    /// Transitions of each, `T`.
    pub length: usize,
    /// Leading moments of each that are excluded from the loss.
    pub burn_in: usize,
    /// Transitions that a return sums up at most; 0 counts as 1.
    pub n_step: usize,
    /// Features `D` of an observation.
    pub features: usize,
    /// `[B, T + 1, D]`.
    pub observations: Vec<f32>,
    /// `B · T` rows.
    pub actions: ActionBatch,
    /// `[B, T]`: single-step rewards.
    pub rewards: Vec<f32>,
    /// `[B, T]`: 1 if the transition leads to a terminal state.
    pub terminated: Vec<f32>,
    /// `[B, T]`: 1 if the episode was truncated after the transition.
    pub truncated: Vec<f32>,
    /// `[B, T + 1]`: 1 at the first moment of an episode, where the hidden state is the initial one.
    pub is_first: Vec<f32>,
    /// `[B, T]`: 1 for transitions that enter the losses.
    pub mask: Vec<f32>,
    /// `B` rows: the action before each sequence's first moment, zeros if there is none.
    pub previous_actions: ActionBatch,
    /// `[B]`: the reward before each sequence's first moment, 0 if there is none.
    pub previous_rewards: Vec<f32>,
    /// `B` rows: the recorded policy state before each sequence's first moment. Zeros if that is padding or
    /// an episode's first moment, and where none was recorded; no rows if states are not recorded. Those of critics with
    /// memory may follow in the same row.
    pub initial_states: StateBatch,
    /// `[B, T, K]`: given actions of a score-function estimator; empty to let the update sample them.
    pub sampled_actions: Vec<u16>,
    /// Given noise of continuous actions; what is empty is drawn by the update.
    pub noise: ActionNoise,
    /// `[B, T]`: entropy of the behavior policy, in nats.
    pub behaviour_entropies: Vec<f32>,
    /// `[B]`: importance weights, 1 for uniform replay.
    pub weights: Vec<f32>,
    /// `[B]`: buffer index of the first transition after the burn-in.
    pub indices: Vec<u32>,
    /// `[B]`: how often that place of the buffer had been written to: by another number it was overwritten since.
    pub generations: Vec<u32>,
}

impl SequenceBatch {
    /// Appends the sequences of `other`, of the same shape, drawn from elsewhere: no priorities are set for them. Given
    /// samples and noise are not appended.
    pub fn append(&mut self, other: &Self) {
        self.batch += other.batch;
        self.actions.append(&other.actions);
        self.previous_actions.append(&other.previous_actions);
        self.initial_states.values.extend_from_slice(&other.initial_states.values);
        // Of an entry that was written to so often that no priority is set.
        self.indices.resize(self.batch, 0);
        self.generations.resize(self.batch, u32::MAX);
        for (own, more) in [
            (&mut self.observations, &other.observations),
            (&mut self.rewards, &other.rewards),
            (&mut self.terminated, &other.terminated),
            (&mut self.truncated, &other.truncated),
            (&mut self.is_first, &other.is_first),
            (&mut self.mask, &other.mask),
            (&mut self.previous_rewards, &other.previous_rewards),
            (&mut self.behaviour_entropies, &other.behaviour_entropies),
            (&mut self.weights, &other.weights),
        ] {
            own.extend_from_slice(more);
        }
    }

    /// Empties the batch, keeps its allocation, and sets the shape of the sequences.
    pub fn clear(&mut self, burn_in: usize, length: usize, features: usize, state_width: usize) {
        (self.batch, self.burn_in, self.length, self.features) = (0, burn_in, length, features);
        self.actions.clear();
        self.previous_actions.clear();
        self.initial_states.reset(state_width);
        for column in [
            &mut self.observations,
            &mut self.rewards,
            &mut self.terminated,
            &mut self.truncated,
            &mut self.is_first,
            &mut self.mask,
            &mut self.previous_rewards,
            &mut self.behaviour_entropies,
            &mut self.weights,
        ] {
            column.clear();
        }
        self.indices.clear();
        self.generations.clear();
        self.sampled_actions.clear();
        self.noise.clear();
    }
}
