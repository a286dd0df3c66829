//! Soft targets and the losses of critics and value network: the equations of the
//! specification's sections 4 to 6, sample by sample. When they are used is left to the step.

use super::TransitionBatch;
use super::networks::{Critic, Value};
use super::policies::Softmax;
use crate::algo::sac::{Backup, CriticLoss, SacConfig};
use crate::nn::Trained;

/// `v'_i = Σ_a p'(a) · (q'_i(a) − e · temperature · ln p'(a))`, `y_i = R + discount · (1 − terminated) · v'_i`
/// with `q'_i` as the backup chooses (specification section 4).
pub(super) fn soft_targets(
    config: &SacConfig,
    temperature: f32,
    batch: &TransitionBatch,
    next: &Softmax,
    critics: &mut [Critic],
) {
    let actions = next.policy.len() / batch.batch;
    let entropy_weight = if config.entropy_in_target { temperature } else { 0.0 };
    for index in 0..critics.len() {
        let mut values = std::mem::take(&mut critics[index].next_values);
        values.clear();
        let own = critics[index].target_activations.rows();
        let other = critics[critics.len() - 1 - index].target_activations.rows();
        let policies = next.policy.chunks_exact(actions).zip(next.log_policy.chunks_exact(actions));
        values.extend(own.zip(other).zip(policies).map(|((own, other), (policy, log_policy))| {
            let mut value = 0.0;
            for a in 0..actions {
                let q = backed_up(config.backup, own[a], other[a]);
                value += policy[a] * (q - entropy_weight * log_policy[a]);
            }
            value
        }));
        let critic = &mut critics[index];
        critic.next_values = values;
        critic.bootstrap(batch, config.reward_scale);
    }
}

/// `q'_i` of the values `own` and `other` of critic `i`'s target and of the other critic's (specification section 4).
#[inline(always)]
pub(super) fn backed_up(backup: Backup, own: f32, other: f32) -> f32 {
    match backup {
        Backup::Single => own,
        Backup::Double => other,
        Backup::Clipped => own.min(other),
        Backup::Mean => 0.5 * (own + other),
    }
}

/// The same for one sampled action at every next observation, which the target critics have read:
/// `v'_i = q'_i(o', a') − e · temperature · ln π(a'|o')` (specification section 12).
pub(super) fn sampled_targets(
    config: &SacConfig,
    temperature: f32,
    batch: &TransitionBatch,
    log_probs: &[f32],
    critics: &mut [Critic],
) {
    let entropy_weight = if config.entropy_in_target { temperature } else { 0.0 };
    for index in 0..critics.len() {
        let mut values = std::mem::take(&mut critics[index].next_values);
        values.clear();
        let own = critics[index].target_activations.rows();
        let other = critics[critics.len() - 1 - index].target_activations.rows();
        values.extend(own.zip(other).zip(log_probs).map(|((own, other), log_prob)| {
            backed_up(config.backup, own[0], other[0]) - entropy_weight * log_prob
        }));
        let critic = &mut critics[index];
        critic.next_values = values;
        critic.bootstrap(batch, config.reward_scale);
    }
}

/// With a value network, all before the step (specification section 6):
/// `value_target = Σ_a p(a) · (Qagg(o, a) − e · temperature · ln p(a))`, `y_i = R + discount · (1 − terminated) · Vbar(o')`.
pub(super) fn value_targets(
    config: &SacConfig,
    temperature: f32,
    batch: &TransitionBatch,
    current: &Softmax,
    critics: &mut [Critic],
    value: &mut Value,
) {
    let actions = current.policy.len() / batch.batch;
    let entropy_weight = if config.entropy_in_target { temperature } else { 0.0 };
    let policies = current.policy.chunks_exact(actions).zip(current.log_policy.chunks_exact(actions));
    value.targets.clear();
    value.targets.extend(Aggregate::rows(critics, config.backup).zip(policies).map(
        |(row, (policy, log_policy))| {
            let pairs = policy.iter().zip(log_policy).enumerate();
            pairs
                .map(|(a, (policy, log_policy))| policy * (row.q(a) - entropy_weight * log_policy))
                .sum::<f32>()
        },
    ));
    bootstrap_from_value(config, batch, critics, value);
}

/// `y_i = R + discount · (1 − terminated) · Vbar(o')`.
pub(super) fn bootstrap_from_value(
    config: &SacConfig,
    batch: &TransitionBatch,
    critics: &mut [Critic],
    value: &Value,
) {
    for critic in critics {
        critic.next_values.clear();
        critic.next_values.extend(value.target_activations.rows().map(|row| row[0]));
        critic.bootstrap(batch, config.reward_scale);
    }
}

/// Loss `mean_b (V(o) − value_target)²` of the value network, without importance weights, and its
/// output gradient.
pub(super) fn value_loss(value: &mut Value) {
    let per_sample = 1.0 / value.targets.len() as f32;
    let Trained { network, activations, backward, .. } = &mut value.online;
    value.estimates.clear();
    value.loss = 0.0;
    let gradients = network.output_gradient(value.targets.len(), backward);
    for ((row, gradient), target) in activations.rows().zip(gradients).zip(&value.targets) {
        let error = row[0] - target;
        value.loss += error * error * per_sample;
        gradient[0] = 2.0 * error * per_sample;
        value.estimates.push(row[0]);
    }
}

/// `ell(d)` and its derivative; Huber has delta = 1.
pub(super) fn regression(kind: CriticLoss, error: f32) -> (f32, f32) {
    match kind {
        CriticLoss::Mse => (error * error, 2.0 * error),
        CriticLoss::Huber if error.abs() <= 1.0 => (0.5 * error * error, error),
        CriticLoss::Huber => (error.abs() - 0.5, error.signum()),
    }
}

/// Loss, TD errors and output gradient of one critic (specification section 5), which has one output if it read the
/// action. With `q_clip`,
/// `max(ell(Q − y), ell(qc − y))` for each sample, `qc = Qbar + clip(Q − Qbar, ±q_clip)`.
pub(super) fn critic_loss(config: &SacConfig, batch: &TransitionBatch, critic: &mut Critic) {
    let per_sample = 1.0 / batch.batch as f32;
    let Trained { network, activations, backward, .. } = &mut critic.online;
    critic.q_taken.clear();
    critic.q_clipped.clear();
    critic.td_errors.clear();
    critic.loss = 0.0;
    let mut anchors = critic.anchor_activations.rows();
    for (b, (row, gradient)) in
        activations.rows().zip(network.output_gradient(batch.batch, backward)).enumerate()
    {
        let action = batch.actions.index(b);
        let (q, target) = (row[action], critic.targets[b]);
        let (mut loss, mut slope) = regression(config.critic_loss, q - target);
        if let (Some(limit), Some(anchor)) = (config.q_clip, anchors.next()) {
            let (low, high) = (anchor[action] - limit, anchor[action] + limit);
            let clipped = q.max(low).min(high);
            let (clipped_loss, _) = regression(config.critic_loss, clipped - target);
            if clipped_loss > loss {
                // Only a clip that binds makes a difference, and then `clipped` is constant.
                (loss, slope) = (clipped_loss, 0.0);
            }
            critic.q_clipped.push(clipped);
        }
        critic.loss += batch.weights[b] * loss * per_sample;
        gradient[action] = batch.weights[b] * slope * per_sample;
        critic.q_taken.push(q);
        critic.td_errors.push(q - target);
    }
}

/// `priority_b = (1 / number of critics) · Σ_i |td_{i,b}|` (specification section 5).
pub(super) fn mean_td_errors(critics: &[Critic], means: &mut Vec<f32>) {
    means.clear();
    means.resize(critics.first().map_or(0, |critic| critic.td_errors.len()), 0.0);
    for critic in critics {
        for (mean, td_error) in means.iter_mut().zip(&critic.td_errors) {
            *mean += td_error.abs() / critics.len() as f32;
        }
    }
}

/// The online critics' outputs of one row and how they are aggregated for the actor.
#[derive(Clone, Copy)]
pub(super) struct Aggregate<'a> {
    pub(super) first: &'a [f32],
    pub(super) last: &'a [f32],
    pub(super) backup: Backup,
}

impl<'a> Aggregate<'a> {
    pub(super) fn rows(critics: &'a [Critic], backup: Backup) -> impl Iterator<Item = Self> {
        // A single critic is both the first and the last.
        let rows = |critic: &'a Critic| critic.online.activations.rows();
        let (first, last) = (rows(&critics[0]), rows(&critics[critics.len() - 1]));
        first.zip(last).map(move |(first, last)| Self { first, last, backup })
    }

    /// `Qagg(o, a)` (specification section 4).
    pub(super) fn q(&self, a: usize) -> f32 {
        match self.backup {
            Backup::Single => self.first[a],
            Backup::Clipped => self.first[a].min(self.last[a]),
            Backup::Double | Backup::Mean => 0.5 * (self.first[a] + self.last[a]),
        }
    }

    /// How much each of both counts in [`Aggregate::q`]: its derivatives.
    pub(super) fn shares(&self, a: usize) -> [f32; 2] {
        match self.backup {
            Backup::Single => [1.0, 0.0],
            Backup::Clipped if self.last[a] < self.first[a] => [0.0, 1.0],
            Backup::Clipped => [1.0, 0.0],
            Backup::Double | Backup::Mean => [0.5, 0.5],
        }
    }
}
