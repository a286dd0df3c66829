//! Soft targets and critic losses of sequences: the equations of `super::super::losses`, transition by
//! transition, with masks, value rescaling and bootstrapping from a later moment.

use super::inputs::Sequences;
use super::networks::Critic;
use crate::algo::sac::fused::losses::{Softmax, regression};
use crate::algo::sac::{Backup, SacConfig, ValueRescaling};

/// `y_i = h(R + discount · (1 − terminated) · v'_i(t + m))` with `v'_i` as the backup chooses from the target networks,
/// each mapped to units of reward first.
pub(super) fn soft_targets(
    config: &SacConfig,
    temperature: f32,
    sequences: &Sequences,
    policies: &Softmax,
    critics: &mut [Critic],
) {
    let actions = policies.policy.len() / policies.entropies.len().max(1);
    let entropy_weight = if config.entropy_in_target { temperature } else { 0.0 };
    let rescaling = config.sequence.rescaling();
    for index in 0..critics.len() {
        let mut values = std::mem::take(&mut critics[index].values);
        values.clear();
        let own = critics[index].target_unrolled.rows();
        let other = critics[critics.len() - 1 - index].target_unrolled.rows();
        let rows = policies.policy.chunks_exact(actions).zip(policies.log_policy.chunks_exact(actions));
        values.extend(own.zip(other).zip(rows).map(|((own, other), (policy, log_policy))| {
            let mut value = 0.0;
            for a in 0..actions {
                let (own, other) = (restored(own[a], rescaling), restored(other[a], rescaling));
                let q = match config.backup {
                    Backup::Single => own,
                    Backup::Double => other,
                    Backup::Clipped => own.min(other),
                    Backup::Mean => 0.5 * (own + other),
                };
                value += policy[a] * (q - entropy_weight * log_policy[a]);
            }
            value
        }));
        let critic = &mut critics[index];
        critic.values = values;
        critic.targets.clear();
        critic.targets.extend((0..sequences.mask.len()).map(|at| {
            let discount = sequences.discounts[at] * (1.0 - sequences.terminated[at]);
            let value = critic.values[sequences.bootstrap(at)];
            let target = sequences.returns[at] + discount * value;
            rescaling.map_or(target, |rescaling| rescaling.apply(target))
        }));
    }
}

/// A critic's output in units of reward.
fn restored(output: f32, rescaling: Option<ValueRescaling>) -> f32 {
    rescaling.map_or(output, |rescaling| rescaling.invert(output))
}

/// Loss `(1/N) Σ mask · w · ell(Q(o, a) − y)`, TD errors and output gradient of one critic; `q_clip` as without
/// sequences, around the target network at the same moment.
pub(super) fn critic_loss(config: &SacConfig, sequences: &Sequences, critic: &mut Critic) {
    let Critic { online, target_unrolled, targets, q_taken, q_clipped, td_errors, loss: total, .. } = critic;
    for column in [&mut *q_taken, &mut *q_clipped, &mut *td_errors] {
        column.clear();
    }
    *total = 0.0;
    let rows = online.unrolled.rows().len();
    let (outputs, gradients) = online.network.rows_and_gradient(rows, &mut online.unrolled);
    let anchors = target_unrolled.rows();
    // The last moment has no transition: its gradient stays zero.
    let transitions = outputs.zip(anchors).zip(gradients).zip(&*targets).enumerate();
    for (at, (((row, anchor), gradient), target)) in transitions {
        let action = sequences.actions[at];
        let q = row[action];
        let (mut loss, mut slope) = regression(config.critic_loss, q - target);
        if let Some(limit) = config.q_clip {
            let clipped = q.max(anchor[action] - limit).min(anchor[action] + limit);
            let (clipped_loss, _) = regression(config.critic_loss, clipped - target);
            if clipped_loss > loss {
                (loss, slope) = (clipped_loss, 0.0);
            }
            q_clipped.push(clipped);
        }
        if sequences.mask[at] > 0.0 {
            let weight = sequences.weight(at) / sequences.count;
            *total += weight * loss;
            gradient[action] = weight * slope;
        }
        q_taken.push(q);
        td_errors.push(q - target);
    }
}

/// Fills `restored` of a critic with its outputs in units of reward.
pub(super) fn restore(config: &SacConfig, critic: &mut Critic, actions: usize) {
    let rescaling = config.sequence.rescaling();
    critic.restored.clear();
    let rows = critic.online.unrolled.rows();
    critic.restored.extend(rows.flat_map(|row| row[..actions].iter().map(|q| restored(*q, rescaling))));
}

/// `delta = mask · mean_i |td_i|`, `[L, B]`, and of each sequence `eta · max_t delta + (1 − eta) · mean_t delta`, the mean
/// over its unmasked transitions; 0 if there are none (Kapturowski et al. 2019).
pub(super) fn priorities(
    config: &SacConfig,
    sequences: &Sequences,
    critics: &[Critic],
) -> (Vec<f32>, Vec<f32>) {
    let share = 1.0 / critics.len() as f32;
    let delta = |at: usize| critics.iter().map(|critic| critic.td_errors[at].abs() * share).sum::<f32>();
    let mask = &sequences.mask;
    let deltas: Vec<f32> = (0..mask.len()).map(|at| if mask[at] > 0.0 { delta(at) } else { 0.0 }).collect();
    let batch = sequences.weights.len();
    let priority = |b: usize| {
        let own = || deltas.iter().zip(mask).skip(b).step_by(batch);
        let count = own().map(|(_, mask)| mask).sum::<f32>().max(1.0);
        let largest = own().map(|(delta, _)| *delta).fold(0.0, f32::max);
        let mean = own().map(|(delta, _)| delta).sum::<f32>() / count;
        let eta = config.sequence.priority_eta;
        eta * largest + (1.0 - eta) * mean
    };
    let priorities = (0..batch).map(priority).collect();
    (deltas, priorities)
}
