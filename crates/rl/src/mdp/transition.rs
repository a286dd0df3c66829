//! Batches of transitions, in the layout of a gradient step.

use super::ActionBatch;

/// The batch of a gradient step: `B` transitions, `D` features; fields as in the specification's batch table
/// (Haarnoja et al. 2018; Christodoulou 2019 for discrete actions).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TransitionBatch {
    /// Number of transitions `B`.
    pub batch: usize,
    /// Features `D` of an observation.
    pub features: usize,
    /// `[B, D]`: observation `o`.
    pub observations: Vec<f32>,
    /// `[B, D]`: observation `o'` after the last accumulated step.
    pub next_observations: Vec<f32>,
    /// `B` rows: action at `o`.
    pub actions: ActionBatch,
    /// `[B]`: `Σ_{k<m} gamma^k r_{t+k}`.
    pub n_step_returns: Vec<f32>,
    /// `[B]`: `gamma^m` with the number `m` of accumulated steps.
    pub discounts: Vec<f32>,
    /// `[B]`: 1 if `o'` is terminal, else 0. Truncation is not marked, since it does not change targets.
    pub terminated: Vec<f32>,
    /// `[B]`: importance weights, 1 for uniform replay.
    pub weights: Vec<f32>,
    /// `[B]`: entropy of the behavior policy at `o`, in nats.
    pub behaviour_entropies: Vec<f32>,
    /// `[B]`: 1 where a person or a demonstration acted, else 0; empty if none did.
    pub demonstrated: Vec<f32>,
    /// `[B]`: buffer index of each transition, for priorities.
    pub indices: Vec<u32>,
    /// `[B, K]`: actions for a score-function actor gradient; if empty, the update samples them from its
    /// current policy, as in training.
    pub sampled_actions: Vec<u16>,
    /// Given noise of continuous actions; what is empty is drawn by the update, as in training.
    pub noise: ActionNoise,
}

/// Standard normal noise of continuous actions of `A` dimensions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ActionNoise {
    /// `[B, A]`, or `[B, T + 1, A]` of sequences: of the policy's action at the observation.
    pub here: Vec<f32>,
    /// The same at the observation bootstrapped from.
    pub next: Vec<f32>,
    /// `[B, K, A]`: of the actions of a score-function actor gradient.
    pub sampled: Vec<f32>,
}

impl ActionNoise {
    /// Empties it and keeps its allocation.
    pub fn clear(&mut self) {
        [&mut self.here, &mut self.next, &mut self.sampled].into_iter().for_each(Vec::clear);
    }
}

impl TransitionBatch {
    /// Appends the transitions of `other`, drawn from elsewhere: their indices mean nothing here. Given samples and noise
    /// are not appended.
    pub fn append(&mut self, other: &Self) {
        self.batch += other.batch;
        self.actions.append(&other.actions);
        self.indices.extend_from_slice(&other.indices);
        for (own, more) in [
            (&mut self.observations, &other.observations),
            (&mut self.next_observations, &other.next_observations),
            (&mut self.n_step_returns, &other.n_step_returns),
            (&mut self.discounts, &other.discounts),
            (&mut self.terminated, &other.terminated),
            (&mut self.weights, &other.weights),
            (&mut self.behaviour_entropies, &other.behaviour_entropies),
            (&mut self.demonstrated, &other.demonstrated),
        ] {
            own.extend_from_slice(more);
        }
    }

    /// Empties the batch, keeps its allocation, and sets the number of features.
    pub fn clear(&mut self, features: usize) {
        self.batch = 0;
        self.features = features;
        self.observations.clear();
        self.next_observations.clear();
        self.actions.clear();
        self.n_step_returns.clear();
        self.discounts.clear();
        self.terminated.clear();
        self.weights.clear();
        self.behaviour_entropies.clear();
        self.demonstrated.clear();
        self.indices.clear();
        self.sampled_actions.clear();
        self.noise.clear();
    }
}
