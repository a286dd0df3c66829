//! What both updates refuse at their door: a batch they would index out of bounds or divide by zero on.

use super::{ActorGradient, SacConfig, SacError};
use crate::mdp::TransitionBatch;

/// Whether `batch` holds what a step with `config` reads, for networks of `features` and `actions`.
///
/// # Errors
/// [`SacError::Batch`] says what does not fit.
pub(super) fn check(
    batch: &TransitionBatch,
    config: &SacConfig,
    features: usize,
    actions: usize,
) -> Result<(), SacError> {
    let size = batch.batch;
    let rows = [&batch.observations, &batch.next_observations];
    let columns = [&batch.n_step_returns, &batch.discounts, &batch.terminated, &batch.weights];
    let problem = if size == 0 {
        "is empty".to_owned()
    } else if batch.features != features {
        format!("has {} features, the networks read {features}", batch.features)
    } else if rows.iter().any(|rows| rows.len() != size * features)
        || columns.iter().any(|column| column.len() != size)
        || batch.actions.len() != size
        || (config.entropy_penalty.is_some() && batch.behaviour_entropies.len() != size)
    {
        "has columns of different length".to_owned()
    } else if let Some(problem) = problem_of_samples(batch, config) {
        problem
    } else if let Some(action) =
        (batch.actions.iter().chain(&batch.sampled_actions)).find(|action| usize::from(**action) >= actions)
    {
        format!("holds action {action}, there are {actions}")
    } else {
        return Ok(());
    };
    Err(SacError::Batch { problem })
}

/// What is wrong with the number of sampled actions, if they are used and given at all.
fn problem_of_samples(batch: &TransitionBatch, config: &SacConfig) -> Option<String> {
    let ActorGradient::Reinforce { samples } = config.actor_gradient else { return None };
    let found = batch.sampled_actions.len();
    (found != 0 && found != batch.batch * samples)
        .then(|| format!("holds {found} sampled actions, expected {samples} for each of {}", batch.batch))
}
