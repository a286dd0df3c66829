//! Shows what a gradient step computes to whoever asks, by the names of the specification's
//! section 16. Without a recorder nothing is formatted, copied or computed.

use super::losses::Aggregate;
use super::networks::{Critic, Value};
use super::policies::{Sampled, Softmax};
use crate::algo::sac::Backup;
use crate::nn::adam::{clip_scale, global_norm};
use crate::nn::gaussian::Squash;
use crate::nn::{Activations, Trained};

/// Receives name, shape and values of one quantity, e.g. `td.critic1`, `[B]`.
pub type Recorder<'a> = dyn FnMut(&str, &[usize], &[f32]) + 'a;

/// A recorder, or none.
pub(super) struct Trace<'a, 'b>(pub(super) Option<&'a mut Recorder<'b>>);

impl Trace<'_, '_> {
    /// One number.
    pub(super) fn scalar(&mut self, name: &str, value: f32) {
        if let Some(record) = &mut self.0 {
            record(name, &[1], &[value]);
        }
    }

    /// Policy at the next observation and target critics, or the value network's target; then the
    /// critics' regression targets.
    pub(super) fn targets(
        &mut self,
        next: &Softmax,
        critics: &[Critic],
        value: Option<&Value>,
        actions: usize,
    ) {
        let Some(record) = &mut self.0 else { return };
        let size = critics.first().map_or(0, |critic| critic.targets.len());
        match value {
            None => {
                record("next_policy", &[size, actions], &next.policy);
                record("next_log_policy", &[size, actions], &next.log_policy);
            }
            Some(value) => record("value_target", &[size], &value.targets),
        }
        for (index, critic) in critics.iter().enumerate() {
            let name = |what: &str| format!("{what}.critic{}", index + 1);
            if critic.target.is_some() {
                let q = compact(&critic.target_activations, actions);
                record(&name("next_target_q"), &[size, actions], &q);
            }
            record(&name("next_value"), &[size], &critic.next_values);
            record(&name("y"), &[size], &critic.targets);
        }
    }

    /// Online critics before their step.
    pub(super) fn critics_before(&mut self, critics: &[Critic], actions: usize) {
        let Some(record) = &mut self.0 else { return };
        for (index, critic) in critics.iter().enumerate() {
            let q = compact(&critic.online.activations, actions);
            record(&format!("q.critic{}", index + 1), &[q.len() / actions, actions], &q);
        }
    }

    /// Losses, priorities and gradients of the critics, and their values of discrete actions after the step.
    pub(super) fn critics_after(
        &mut self,
        critics: &[Critic],
        priorities: &[f32],
        actions: Option<usize>,
        clip: Option<f32>,
    ) {
        let Some(record) = &mut self.0 else { return };
        let size = priorities.len();
        for (index, critic) in critics.iter().enumerate() {
            let name = |what: &str| format!("{what}.critic{}", index + 1);
            record(&name("q_taken"), &[size], &critic.q_taken);
            if !critic.q_clipped.is_empty() {
                record(&name("q_clipped"), &[size], &critic.q_clipped);
            }
            record(&name("td"), &[size], &critic.td_errors);
            record(&name("loss"), &[1], &[critic.loss]);
            if let Some(actions) = actions {
                let q = compact(&critic.online.activations, actions);
                record(&name("q_updated"), &[size, actions], &q);
            }
        }
        record("priority", &[size], priorities);
        record("loss.critic", &[1], &[critics.iter().map(|critic| critic.loss).sum()]);
        for (index, critic) in critics.iter().enumerate() {
            self.network(&format!("critic{}", index + 1), &critic.online, clip);
        }
    }

    /// Values before the step, loss and gradient of the value network.
    pub(super) fn value(&mut self, value: &Value, clip: Option<f32>) {
        let Some(record) = &mut self.0 else { return };
        record("value", &[value.estimates.len()], &value.estimates);
        record("loss.value", &[1], &[value.loss]);
        self.network("value", &value.online, clip);
    }

    /// The policy at the observation and the aggregated critics it learns from.
    pub(super) fn actor_before(
        &mut self,
        logits: &Activations,
        current: &Softmax,
        critics: &[Critic],
        backup: Backup,
        actions: usize,
    ) {
        let Some(record) = &mut self.0 else { return };
        let size = current.entropies.len();
        record("logits", &[size, actions], &compact(logits, actions));
        record("policy", &[size, actions], &current.policy);
        record("log_policy", &[size, actions], &current.log_policy);
        record("entropy", &[size], &current.entropies);
        let q: Vec<f32> =
            Aggregate::rows(critics, backup).flat_map(|row| (0..actions).map(move |a| row.q(a))).collect();
        record("q_agg", &[size, actions], &q);
    }

    /// The same as [`Trace::targets`] for continuous actions of `dims` dimensions.
    pub(super) fn sampled_targets(
        &mut self,
        next: &Sampled,
        critics: &[Critic],
        value: Option<&Value>,
        dims: usize,
    ) {
        let Some(record) = &mut self.0 else { return };
        let size = critics.first().map_or(0, |critic| critic.targets.len());
        match value {
            None => {
                record("next_action", &[size, dims], &next.actions);
                record("next_log_prob", &[size], &next.log_probs);
            }
            Some(value) => record("value_target", &[size], &value.targets),
        }
        for (index, critic) in critics.iter().enumerate() {
            let name = |what: &str| format!("{what}.critic{}", index + 1);
            if critic.target.is_some() {
                record(&name("next_target_q"), &[size], &compact(&critic.target_activations, 1));
            }
            record(&name("next_value"), &[size], &critic.next_values);
            record(&name("y"), &[size], &critic.targets);
        }
    }

    /// The policy at the observation, its actions `here`, those of a score function with how many there are for each
    /// observation, and the critics it learns from, which have read either.
    pub(super) fn sampled_actor(
        &mut self,
        squash: &Squash,
        outputs: &Activations,
        here: &Sampled,
        (drawn, samples): (&Sampled, usize),
        critics: &[Critic],
        backup: Backup,
    ) {
        let Some(record) = &mut self.0 else { return };
        let (size, dims) = (here.log_probs.len(), squash.dims());
        let log_std =
            |row: &[f32]| row[dims..2 * dims].iter().map(|s| squash.log_std(*s)).collect::<Vec<_>>();
        record("mean", &[size, dims], &compact(outputs, dims));
        record("log_std", &[size, dims], &outputs.rows().flat_map(log_std).collect::<Vec<_>>());
        record("policy_action", &[size, dims], &here.actions);
        record("log_prob", &[size], &here.log_probs);
        let q: Vec<f32> = Aggregate::rows(critics, backup).map(|row| row.q(0)).collect();
        if samples == 0 {
            return record("q_agg", &[size], &q);
        }
        record("sampled_action", &[size, samples, dims], &drawn.actions);
        record("sampled_log_prob", &[size, samples], &drawn.log_probs);
        record("sampled_q", &[size, samples], &q);
    }

    /// A network's gradient, its norm, and what clipping leaves of it.
    pub(super) fn network(&mut self, network: &str, trained: &Trained, clip: Option<f32>) {
        let Some(record) = &mut self.0 else { return };
        let norm = global_norm(&trained.gradient);
        record(&format!("grad_norm.{network}"), &[1], &[norm]);
        trained.network.tensors(&trained.gradient, |name, mut tensor| {
            record(&format!("grad.{network}.{name}"), &tensor.shape, &tensor.data);
            if let Some(limit) = clip {
                let scale = clip_scale(norm, limit);
                tensor.data.iter_mut().for_each(|value| *value *= scale);
                record(&format!("grad_clipped.{network}.{name}"), &tensor.shape, &tensor.data);
            }
        });
    }
}

/// `[B, A]` without the padding.
fn compact(activations: &Activations, actions: usize) -> Vec<f32> {
    activations.rows().flat_map(|row| &row[..actions]).copied().collect()
}
