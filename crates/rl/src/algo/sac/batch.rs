//! What both updates refuse at their door: a batch they would index out of bounds or divide by zero on.

use super::{Actions, ActorGradient, SacConfig};
use crate::algo::TrainError;
use crate::mdp::{ActionNoise, SequenceBatch, TransitionBatch};

/// Whether `batch` holds what a step with `config` reads, for networks of `features` and `actions`.
///
/// # Errors
/// [`TrainError::Batch`] says what does not fit.
pub(super) fn check(
    batch: &TransitionBatch,
    config: &SacConfig,
    features: usize,
    actions: &Actions,
) -> Result<(), TrainError> {
    let size = batch.batch;
    let rows = [&batch.observations, &batch.next_observations];
    let columns = [&batch.n_step_returns, &batch.discounts, &batch.terminated, &batch.weights];
    let problem = if size == 0 {
        "is empty".to_owned()
    } else if batch.features != features {
        format!("has {} features, the networks read {features}", batch.features)
    } else if rows.iter().any(|rows| rows.len() != size * features)
        || columns.iter().any(|column| column.len() != size)
        || (config.entropy_penalty.is_some() && batch.behaviour_entropies.len() != size)
        || ![0, size].contains(&batch.demonstrated.len())
    {
        "has columns of different length".to_owned()
    } else if let Some(problem) = problem_of_samples(&batch.sampled_actions, size, config)
        .or_else(|| actions.problem_of(&batch.actions, size, |_| true))
        .or_else(|| problem_of_sampled(&batch.sampled_actions, actions, |_| true))
        .or_else(|| problem_of_noise(&batch.noise, [size, size], config, actions))
    {
        problem
    } else {
        return Ok(());
    };
    Err(TrainError::Batch { problem })
}

/// The same for sequences, and networks with memory. What masked transitions hold does not matter.
///
/// # Errors
/// [`TrainError::Batch`] says what does not fit.
pub(super) fn check_sequences(
    batch: &SequenceBatch,
    config: &SacConfig,
    features: usize,
    actions: &Actions,
) -> Result<(), TrainError> {
    let (size, steps) = (batch.batch, batch.batch.saturating_mul(batch.length));
    let columns = [&batch.rewards, &batch.terminated, &batch.truncated, &batch.mask];
    let unmasked = |action: usize| batch.mask[action] != 0.0;
    let samples = batch.sampled_actions.len() / steps.max(1);
    let problem = if size == 0 {
        "is empty".to_owned()
    } else if batch.burn_in >= batch.length {
        format!("has a burn-in of {} in sequences of {}", batch.burn_in, batch.length)
    } else if batch.features != features {
        format!("has {} features, the networks read {features}", batch.features)
    } else if batch.observations.len() != (steps + size) * features
        || batch.is_first.len() != steps + size
        || columns.iter().any(|column| column.len() != steps)
        || batch.previous_rewards.len() != size
        || batch.weights.len() != size
        || (config.entropy_penalty.is_some() && batch.behaviour_entropies.len() != steps)
    {
        "has columns of different length".to_owned()
    } else if let Some(problem) = problem_of_samples(&batch.sampled_actions, steps, config)
        .or_else(|| problem_of_states(batch, config))
        .or_else(|| actions.problem_of(&batch.actions, steps, unmasked))
        .or_else(|| actions.problem_of(&batch.previous_actions, size, |_| false))
        .or_else(|| problem_of_sampled(&batch.sampled_actions, actions, |at| unmasked(at / samples.max(1))))
        .or_else(|| problem_of_noise(&batch.noise, [steps + size, steps], config, actions))
    {
        problem
    } else {
        return Ok(());
    };
    Err(TrainError::Batch { problem })
}

/// What is wrong with the recorded states, if there are any and the memory starts from them.
fn problem_of_states(batch: &SequenceBatch, config: &SacConfig) -> Option<String> {
    let (width, states) = (config.memory.state_width(), &batch.initial_states);
    if width == 0 || states.values.is_empty() {
        return None;
    }
    let all = width * config.network_names().len();
    let fits = states.width == width || states.width == all;
    (!fits || states.values.len() != batch.batch * states.width).then(|| {
        format!(
            "has {} states of {} numbers, expected {width} or {all} for each",
            states.rows(),
            states.width
        )
    })
}

/// What is wrong with the number of `sampled` actions for `rows` transitions, if they are used and given at all.
fn problem_of_samples(sampled: &[u16], rows: usize, config: &SacConfig) -> Option<String> {
    let ActorGradient::Reinforce { samples } = config.actor_gradient else { return None };
    let found = sampled.len();
    (found != 0 && found != rows * samples)
        .then(|| format!("holds {found} sampled actions, expected {samples} for each of {rows}"))
}

/// What is wrong with the sampled discrete actions that are `used`.
fn problem_of_sampled(sampled: &[u16], actions: &Actions, used: impl Fn(usize) -> bool) -> Option<String> {
    if actions.is_continuous() {
        return (!sampled.is_empty()).then(|| "holds sampled actions of another kind".to_owned());
    }
    let actions = actions.count();
    let mut unknown = sampled.iter().enumerate();
    let (_, action) = unknown.find(|(at, action)| usize::from(**action) >= actions && used(*at))?;
    Some(format!("holds action {action}, there are {actions}"))
}

/// What is wrong with the noise that is given, for so many moments and transitions.
fn problem_of_noise(
    noise: &ActionNoise,
    [moments, transitions]: [usize; 2],
    config: &SacConfig,
    actions: &Actions,
) -> Option<String> {
    let dims = actions.read_by_critics();
    let samples = match config.actor_gradient {
        ActorGradient::Reinforce { samples } => samples,
        _ => 0,
    };
    let columns = [(&noise.here, moments), (&noise.next, moments), (&noise.sampled, transitions * samples)];
    let (given, rows) =
        columns.into_iter().find(|(given, rows)| !given.is_empty() && given.len() != rows * dims)?;
    Some(format!("holds {} numbers of noise, expected {dims} for each of {rows}", given.len()))
}
