//! The data that devices are tried on: as large as the batches of training, and random.

use rand::Rng as _;

use crate::algo::{Algorithm, SampleSpec, TrainError};
use crate::mdp::{
    ActionBatch, ActionRow, ActionSpace, EnvironmentSpec, Rng, SequenceBatch, Stream, TransitionBatch, rng,
};
use crate::metrics::Metrics;
use crate::nn::Inputs;

/// A batch of the kind that an algorithm reads.
pub(super) enum Trial {
    Transitions(TransitionBatch),
    Sequences(SequenceBatch),
}

impl Trial {
    /// About `size` random transitions of `spec`.
    pub(super) fn new(kind: SampleSpec, spec: &EnvironmentSpec, size: usize, seed: u64) -> Self {
        let (features, actions) = (Inputs::from(&spec.observation).features(), &spec.action);
        let mut rng = rng(seed, Stream::Replay, u64::MAX);
        match kind {
            SampleSpec::Transitions => Self::Transitions(transitions(features, actions, size, &mut rng)),
            SampleSpec::Sequences { burn_in, learn, .. } => {
                let count = size.div_ceil(learn);
                Self::Sequences(sequences(features, actions, count, (burn_in, learn), &mut rng))
            }
        }
    }

    /// One gradient step of `algorithm` on it.
    ///
    /// # Errors
    /// As [`Algorithm::update`].
    pub(super) fn update(
        &self,
        algorithm: &mut dyn Algorithm,
        report: bool,
    ) -> Result<Option<Metrics>, TrainError> {
        match self {
            Self::Transitions(batch) => algorithm.update(batch, report),
            Self::Sequences(batch) => algorithm.update_sequences(batch, report),
        }
    }
}

/// Uniform in ±1.
fn noise(count: usize, rng: &mut Rng) -> Vec<f32> {
    (0..count).map(|_| (rng.next_u32() >> 8) as f32 * (2.0 / 16_777_216.0) - 1.0).collect()
}

/// All discrete actions in turn, or points all over the box.
fn actions_of(count: usize, actions: &ActionSpace) -> ActionBatch {
    let mut batch = ActionBatch::default();
    for row in 0..count {
        match actions {
            ActionSpace::Discrete(names) => batch.push(ActionRow::Discrete((row % names.len()) as u16)),
            ActionSpace::Continuous(dimensions) => {
                let share = (row % 7) as f32 / 6.0;
                let point: Vec<f32> = dimensions.iter().map(|own| own.at(share)).collect();
                batch.push(ActionRow::Continuous(&point));
            }
        }
    }
    batch
}

/// Features and returns uniform in ±1, one transition in 20 terminal.
fn transitions(features: usize, actions: &ActionSpace, batch: usize, rng: &mut Rng) -> TransitionBatch {
    TransitionBatch {
        batch,
        features,
        observations: noise(batch * features, rng),
        next_observations: noise(batch * features, rng),
        actions: actions_of(batch, actions),
        n_step_returns: noise(batch, rng),
        discounts: vec![0.99; batch],
        terminated: (0..batch).map(|row| f32::from(u8::from(row % 20 == 0))).collect(),
        weights: vec![1.0; batch],
        behaviour_entropies: vec![0.0; batch],
        demonstrated: vec![0.0; batch],
        indices: (0..batch as u32).collect(),
        sampled_actions: Vec::new(),
        noise: Default::default(),
    }
}

/// Features and rewards uniform in ±1, out of the middle of episodes.
fn sequences(
    features: usize,
    actions: &ActionSpace,
    batch: usize,
    (burn_in, learn): (usize, usize),
    rng: &mut Rng,
) -> SequenceBatch {
    let length = burn_in + learn;
    let steps = batch * length;
    SequenceBatch {
        batch,
        length,
        burn_in,
        n_step: 1,
        features,
        observations: noise(batch * (length + 1) * features, rng),
        actions: actions_of(steps, actions),
        rewards: noise(steps, rng),
        terminated: vec![0.0; steps],
        truncated: vec![0.0; steps],
        is_first: vec![0.0; batch * (length + 1)],
        mask: (0..steps).map(|step| f32::from(u8::from(step % length >= burn_in))).collect(),
        previous_actions: actions_of(batch, actions),
        previous_rewards: noise(batch, rng),
        behaviour_entropies: vec![0.0; steps],
        weights: vec![1.0; batch],
        indices: (0..batch as u32).collect(),
        ..SequenceBatch::default()
    }
}
