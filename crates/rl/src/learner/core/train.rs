//! Gradient steps: what they are given, and what is learned from them for replay.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{CREDIT_UNIT, Learner};
use crate::algo::{Algorithm, SampleSpec, TrainError};
use crate::learner::{LearnerConfig, LearnerError};
use crate::mdp::{Rng, SequenceBatch, TransitionBatch};
use crate::metrics::Metrics;
use crate::replay::ReplayBuffer;

/// Batches that are filled again and again.
#[derive(Default)]
pub(super) struct Batches {
    transitions: TransitionBatch,
    sequences: SequenceBatch,
}

impl Batches {
    /// `[B]`: importance weights of the last batch; empty before the first.
    pub(super) fn weights(&self) -> &[f32] {
        let Self { transitions, sequences } = self;
        if sequences.weights.is_empty() { &transitions.weights } else { &sequences.weights }
    }
}

impl Learner {
    /// Makes `count` gradient steps and reports the last one if `report` is set.
    ///
    /// # Errors
    /// [`LearnerError::Algorithm`] if a value is no longer finite or the device fails.
    pub fn train(&mut self, count: u64, report: bool) -> Result<Option<Metrics>, LearnerError> {
        self.train_until(&AtomicBool::new(false), count, report)
    }

    /// Like [`Learner::train`], but stops between gradient steps once `stop` is set; the remaining credit is
    /// kept.
    ///
    /// # Errors
    /// As [`Learner::train`].
    pub fn train_until(
        &mut self,
        stop: &AtomicBool,
        count: u64,
        report: bool,
    ) -> Result<Option<Metrics>, LearnerError> {
        let Self { algorithm, replay, rng, batches, pool, setup, counters, .. } = self;
        let mut work = || {
            let mut last = None;
            for step in 0..count {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let report = report && step + 1 == count;
                let (steps, config) = (counters.gradient_steps, &setup.config);
                let made = match algorithm.sample_spec() {
                    SampleSpec::Transitions => {
                        on_transitions(&mut **algorithm, replay, config, steps, rng, batches, report)?
                    }
                    SampleSpec::Sequences { learn, .. } => {
                        let count = config.batch_size.div_ceil(learn);
                        let sampled = sequences(replay, config, count, steps, rng, &mut batches.sequences);
                        sampled
                            .then(|| on_sequences(&mut **algorithm, replay, config, steps, batches, report))
                            .transpose()?
                    }
                };
                let Some(metrics) = made else { break };
                last = metrics;
                counters.gradient_steps += 1;
                counters.credit = counters.credit.saturating_sub(CREDIT_UNIT);
            }
            Ok(last)
        };
        match pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
}

/// Gradient step number `gradient_steps` + 1, on transitions; `None` while there are none.
fn on_transitions(
    algorithm: &mut dyn Algorithm,
    replay: &mut ReplayBuffer,
    config: &LearnerConfig,
    gradient_steps: u64,
    rng: &mut Rng,
    batches: &mut Batches,
    report: bool,
) -> Result<Option<Option<Metrics>>, LearnerError> {
    let (size, batch) = (config.batch_size, &mut batches.transitions);
    let drawn = match (config.prioritized, config.human_share) {
        (Some(config), _) => {
            replay.sample_prioritized(size, config.importance_exponent(gradient_steps), rng, batch)
        }
        (None, Some(share)) => replay.sample_shared(size, share, rng, batch),
        (None, None) => replay.sample(size, rng, batch),
    };
    if !drawn {
        return Ok(None);
    }
    let metrics = algorithm.update(batch, report)?;
    if config.prioritized.is_some() {
        replay.update_priorities(&batch.indices, &ranking(algorithm, gradient_steps + 1)?);
    }
    Ok(Some(metrics))
}

/// Replaces `batch` by `count` sequences, as `config` chooses them for gradient step number `gradient_steps` + 1;
/// returns whether there are any.
fn sequences(
    replay: &ReplayBuffer,
    config: &LearnerConfig,
    count: usize,
    gradient_steps: u64,
    rng: &mut Rng,
    batch: &mut SequenceBatch,
) -> bool {
    match (config.prioritized, config.human_share) {
        (Some(config), _) => {
            let exponent = config.importance_exponent(gradient_steps);
            replay.sample_sequences_prioritized(count, exponent, rng, batch)
        }
        (None, Some(share)) => replay.sample_sequences_shared(count, share, rng, batch),
        (None, None) => replay.sample_sequences(count, rng, batch),
    }
}

/// Gradient step number `gradient_steps` + 1, on the sequences of `batches`.
fn on_sequences(
    algorithm: &mut dyn Algorithm,
    replay: &mut ReplayBuffer,
    config: &LearnerConfig,
    gradient_steps: u64,
    batches: &Batches,
    report: bool,
) -> Result<Option<Metrics>, LearnerError> {
    let batch = &batches.sequences;
    let metrics = algorithm.update_sequences(batch, report)?;
    if config.prioritized.is_some() {
        replay.update_sequence_priorities(batch, &ranking(algorithm, gradient_steps + 1)?);
    }
    Ok(metrics)
}

/// The priorities of gradient step number `gradient_steps`. They must be finite: a NaN or an infinity would
/// keep its rank forever.
fn ranking(algorithm: &dyn Algorithm, gradient_steps: u64) -> Result<Cow<'_, [f32]>, LearnerError> {
    let Some(priorities) = algorithm.priorities()? else {
        let (key, value) = ("learner.prioritized", "on".to_owned());
        return Err(LearnerError::Config {
            key,
            value,
            allowed: "none with an algorithm without priorities",
        });
    };
    if priorities.iter().all(|priority| priority.is_finite()) {
        Ok(priorities)
    } else {
        Err(TrainError::NotFinite { what: "TD error", gradient_steps }.into())
    }
}
