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
    /// Of demonstrations, on their way into those above.
    shown_transitions: TransitionBatch,
    shown_sequences: SequenceBatch,
    unranked: Unranked,
}

/// Transitions that gradient steps have drawn by priority and whose new priorities are still to be read: a GPU would be
/// waited for after every step. None are left when training returns, so that they stand where they were drawn.
#[derive(Default)]
struct Unranked {
    /// As many of every step.
    indices: Vec<u32>,
    steps: usize,
}

impl Unranked {
    fn push(&mut self, indices: &[u32]) {
        self.indices.extend_from_slice(indices);
        self.steps += 1;
    }
}

impl Batches {
    /// `[B]`: importance weights of the last batch; empty before the first.
    pub(super) fn weights(&self) -> &[f32] {
        let Self { transitions, sequences, .. } = self;
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
        let Self { algorithm, replay, demonstrations, rng, batches, pool, setup, counters, .. } = self;
        let memories = &mut Memories { replay, demonstrations: demonstrations.as_ref() };
        let mut work = || {
            let mut last = None;
            // A step that failed may have left some.
            batches.unranked = Unranked::default();
            for step in 0..count {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let report = report && step + 1 == count;
                let (steps, config) = (counters.gradient_steps, &setup.config);
                let made = match algorithm.sample_spec() {
                    SampleSpec::Transitions => {
                        on_transitions(&mut **algorithm, memories, config, steps, rng, batches, report)?
                    }
                    SampleSpec::Sequences { learn, .. } => {
                        let count = config.batch_size.div_ceil(learn);
                        let sampled = memories.sequences(config, count, steps, rng, batches);
                        sampled
                            .then(|| {
                                on_sequences(
                                    &mut **algorithm,
                                    memories.replay,
                                    config,
                                    steps,
                                    batches,
                                    report,
                                )
                            })
                            .transpose()?
                    }
                };
                let Some(metrics) = made else { break };
                last = metrics;
                counters.gradient_steps += 1;
                counters.credit = counters.credit.saturating_sub(CREDIT_UNIT);
            }
            let Batches { transitions, unranked, .. } = &mut *batches;
            rank(&**algorithm, memories.replay, transitions.batch, unranked, counters.gradient_steps)?;
            Ok(last)
        };
        match pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
}

/// What batches are drawn from.
struct Memories<'a> {
    replay: &'a mut ReplayBuffer,
    demonstrations: Option<&'a ReplayBuffer>,
}

impl Memories<'_> {
    /// How many of `count` rows are drawn from demonstrations. One at least is the agent's own: it is learned with what it
    /// does, too.
    fn shown(&self, config: &LearnerConfig, count: usize) -> usize {
        let share = self.demonstrations.map_or(0.0, |_| config.demonstration_share);
        ((count as f32 * share).round() as usize).min(count.saturating_sub(1))
    }

    /// Fills the transitions of `batches` for gradient step number `gradient_steps` + 1; returns the number of those that
    /// are in the replay buffer, which come first, or `None` while there is nothing to draw.
    fn transitions(
        &self,
        config: &LearnerConfig,
        gradient_steps: u64,
        rng: &mut Rng,
        batches: &mut Batches,
    ) -> Option<usize> {
        let (replay, batch) = (&self.replay, &mut batches.transitions);
        let shown = self.shown(config, config.batch_size);
        let own = config.batch_size - shown;
        let drawn = match (config.prioritized, config.human_share) {
            (Some(config), _) => {
                replay.sample_prioritized(own, config.importance_exponent(gradient_steps), rng, batch)
            }
            (None, Some(share)) => replay.sample_shared(own, share, rng, batch),
            (None, None) => replay.sample(own, rng, batch),
        };
        if let Some(demonstrations) = self.demonstrations.filter(|_| drawn && shown > 0)
            && demonstrations.sample(shown, rng, &mut batches.shown_transitions)
        {
            batch.append(&batches.shown_transitions);
        }
        drawn.then_some(own)
    }

    /// Fills the sequences of `batches` with `count` of them; returns whether there are any.
    fn sequences(
        &self,
        config: &LearnerConfig,
        count: usize,
        gradient_steps: u64,
        rng: &mut Rng,
        batches: &mut Batches,
    ) -> bool {
        let shown = self.shown(config, count);
        let own = count - shown;
        let drawn = sequences(self.replay, config, own, gradient_steps, rng, &mut batches.sequences);
        if let Some(demonstrations) = self.demonstrations.filter(|_| drawn && shown > 0)
            && demonstrations.sample_sequences(shown, rng, &mut batches.shown_sequences)
        {
            batches.sequences.append(&batches.shown_sequences);
        }
        drawn
    }
}

/// Gradient step number `gradient_steps` + 1, on transitions; `None` while there are none.
fn on_transitions(
    algorithm: &mut dyn Algorithm,
    memories: &mut Memories<'_>,
    config: &LearnerConfig,
    gradient_steps: u64,
    rng: &mut Rng,
    batches: &mut Batches,
    report: bool,
) -> Result<Option<Option<Metrics>>, LearnerError> {
    let Some(own) = memories.transitions(config, gradient_steps, rng, batches) else { return Ok(None) };
    let batch = &batches.transitions;
    let metrics = algorithm.update(batch, report)?;
    if config.prioritized.is_some() {
        let Batches { transitions: TransitionBatch { batch, indices, .. }, unranked, .. } = batches;
        unranked.push(&indices[..own]);
        if unranked.steps == algorithm.priorities_at_once() {
            rank(algorithm, memories.replay, *batch, unranked, gradient_steps + 1)?;
        }
    }
    Ok(Some(metrics))
}

/// Gives the transitions of `unranked`, drawn in batches of `batch` by the steps up to number `gradient_steps`, their
/// priorities.
fn rank(
    algorithm: &dyn Algorithm,
    replay: &mut ReplayBuffer,
    batch: usize,
    unranked: &mut Unranked,
    gradient_steps: u64,
) -> Result<(), LearnerError> {
    let Unranked { indices, steps } = std::mem::take(unranked);
    if steps == 0 {
        return Ok(());
    }
    let td_errors = ranking(algorithm.recent_priorities(steps)?, gradient_steps)?;
    debug_assert_eq!(td_errors.len(), steps * batch);
    let own = indices.len() / steps;
    for (indices, td_errors) in indices.chunks_exact(own.max(1)).zip(td_errors.chunks_exact(batch)) {
        replay.update_priorities(indices, &td_errors[..own]);
    }
    Ok(())
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
        replay.update_sequence_priorities(batch, &ranking(algorithm.priorities()?, gradient_steps + 1)?);
    }
    Ok(metrics)
}

/// The `priorities` of gradient step number `gradient_steps`. They must be finite: a NaN or an infinity would
/// keep its rank forever.
fn ranking(priorities: Option<Cow<'_, [f32]>>, gradient_steps: u64) -> Result<Cow<'_, [f32]>, LearnerError> {
    let Some(priorities) = priorities else {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learner::PrioritizedConfig;
    use crate::mdp::{EpisodeEnd, ObservationSpace, Origin, StepBatch, Stream, rng};
    use crate::replay::{ReplayConfig, ReplaySpace, SequenceConfig};

    /// A buffer of `episodes` of four steps, all with this reward.
    fn buffer(episodes: usize, reward: f32, origin: Origin) -> ReplayBuffer {
        let observation = ObservationSpace::floats(&["x"]);
        let space = ReplaySpace { observation, action_dims: 0, state_width: 0 };
        let config = ReplayConfig { capacity: 4000, streams: 1, n_step: 1, gamma: 0.9 };
        let mut buffer = ReplayBuffer::new(space, config);
        buffer.set_sequences(Some(SequenceConfig { burn_in: 1, learn: 2, stride: 1 }));
        for step in 0..4 * episodes {
            let mut steps = StepBatch::default();
            steps.streams.push(0);
            steps.starts.push(step % 4 == 0);
            steps.observations.push(&[step as f32], &[]);
            steps.actions.push(crate::mdp::Action::Discrete(1));
            steps.rewards.push(reward);
            steps.behaviour_entropies.push(0.0);
            steps.origins.push(origin);
            steps.ends.push((step % 4 == 3).then_some(EpisodeEnd::Terminated));
            if step % 4 == 3 {
                steps.final_observations.push(&[-1.0], &[]);
            }
            buffer.push(&steps);
        }
        buffer
    }

    #[test]
    fn a_share_of_every_batch_is_demonstrated() {
        let (mut replay, shown) = (buffer(50, 1.0, Origin::Policy), buffer(3, 2.0, Origin::Human));
        replay.set_priorities(Some(PrioritizedConfig::default().priorities()));
        for (share, prioritized, expected) in
            [(0.0, None, 0), (0.3, None, 3), (0.3, Some(PrioritizedConfig::default()), 3), (1.0, None, 9)]
        {
            let config = LearnerConfig {
                batch_size: 10,
                demonstration_share: share,
                prioritized,
                ..LearnerConfig::default()
            };
            let memories = Memories { replay: &mut replay, demonstrations: Some(&shown) };
            let (mut batches, mut rng) = (Batches::default(), rng(1, Stream::Replay, 0));
            let own = memories.transitions(&config, 0, &mut rng, &mut batches).unwrap();
            let batch = &batches.transitions;
            assert_eq!((batch.batch, own), (10, 10 - expected), "{share}");
            assert_eq!(batch.observations.len() + batch.actions.rows + batch.weights.len(), 30);
            for row in 0..10 {
                let is_shown = row >= own;
                assert_eq!(batch.n_step_returns[row], if is_shown { 2.0 } else { 1.0 });
                assert_eq!(batch.demonstrated[row], f32::from(u8::from(is_shown)));
            }
            assert!(memories.sequences(&config, 10, 0, &mut rng, &mut batches));
            let batch = &batches.sequences;
            assert_eq!((batch.batch, batch.indices.len(), batch.generations.len()), (10, 10, 10));
            let length = batch.length;
            for row in 0..10 {
                let most = batch.rewards[row * length..][..length].iter().copied().fold(0.0, f32::max);
                assert_eq!(most, if row >= own { 2.0 } else { 1.0 });
            }
            // Errors of demonstrations set no priority.
            let size = batch.indices.len();
            memories.replay.update_sequence_priorities(batch, &vec![3.0; size]);
        }
    }

    #[test]
    fn without_demonstrations_batches_are_as_ever() {
        let mut replay = buffer(50, 1.0, Origin::Policy);
        let config = LearnerConfig { batch_size: 8, ..LearnerConfig::default() };
        let mut expected = TransitionBatch::default();
        replay.sample(8, &mut rng(1, Stream::Replay, 0), &mut expected);
        let memories = Memories { replay: &mut replay, demonstrations: None };
        let mut batches = Batches::default();
        assert_eq!(memories.transitions(&config, 0, &mut rng(1, Stream::Replay, 0), &mut batches), Some(8));
        assert_eq!(batches.transitions, expected);
    }
}
