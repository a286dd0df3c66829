//! Soft targets and losses of a micro-batch: the equations of `super::super::losses` and `super::super::actor`,
//! transition by transition, with value rescaling and bootstrapping from a later moment.

use super::inputs::{MicroBatch, Sequences, Transition};
use super::pass::{CriticPass, Pass, Shared};
use crate::algo::sac::ValueRescaling;
use crate::algo::sac::fused::actor::{Draws, State, entropy_penalty};
use crate::algo::sac::fused::losses::{Aggregate, backed_up, regression};
use crate::algo::sac::fused::policies::Softmax;
use crate::nn::memory::{MemoryNetwork, Unrolled};

/// `y_i = h(R + discount · (1 − terminated) · v'_i(t + m))` with `v'_i` as the backup chooses from the target networks,
/// each mapped to units of reward first.
pub(super) fn soft_targets(
    Shared { config, temperature, actions, .. }: Shared<'_>,
    transitions: &[Transition],
    policies: &Softmax,
    critics: &mut [CriticPass],
) {
    let entropy_weight = if config.entropy_in_target { temperature } else { 0.0 };
    let rescaling = config.sequence.rescaling();
    for index in 0..critics.len() {
        let mut values = std::mem::take(&mut critics[index].values);
        values.clear();
        let own = &critics[index].target_q;
        let other = &critics[critics.len() - 1 - index].target_q;
        values.extend(transitions.iter().map(|transition| {
            let row = transition.bootstrap * actions..(transition.bootstrap + 1) * actions;
            let policy = policies.policy[row.clone()].iter().zip(&policies.log_policy[row.clone()]);
            let outputs = own[row.clone()].iter().zip(&other[row]);
            let mut value = 0.0;
            for ((policy, log_policy), (own, other)) in policy.zip(outputs) {
                let (own, other) = (restored(*own, rescaling), restored(*other, rescaling));
                let q = backed_up(config.backup, own, other);
                value += policy * (q - entropy_weight * log_policy);
            }
            value
        }));
        let critic = &mut critics[index];
        critic.values = values;
        finish_targets(transitions, rescaling, critic);
    }
}

/// `y = h(R + discount · (1 − terminated) · v')` of one critic.
pub(super) fn finish_targets(
    transitions: &[Transition],
    rescaling: Option<ValueRescaling>,
    critic: &mut CriticPass,
) {
    critic.targets.clear();
    critic.targets.extend(transitions.iter().zip(&critic.values).map(|(transition, value)| {
        let discount = transition.discount * (1.0 - transition.terminated);
        let target = transition.n_step_return + discount * value;
        rescaling.map_or(target, |rescaling| rescaling.apply(target))
    }));
}

/// A critic's output in units of reward.
pub(super) fn restored(output: f32, rescaling: Option<ValueRescaling>) -> f32 {
    rescaling.map_or(output, |rescaling| rescaling.invert(output))
}

/// Share of the loss `(1/N) Σ mask · w · ell(Q(o, a) − y)`, TD errors and output gradient of one critic; `q_clip` as
/// without sequences, around the target network at the same moment.
pub(super) fn critic_loss(
    Shared { config, actions, count, .. }: Shared<'_>,
    input: &MicroBatch,
    network: &MemoryNetwork,
    unrolled: &mut Unrolled,
    pass: &mut CriticPass,
) {
    let CriticPass { target_q, targets, q_taken, q_clipped, td_errors, loss: total, .. } = pass;
    for column in [&mut *q_taken, &mut *q_clipped, &mut *td_errors] {
        column.clear();
    }
    *total = 0.0;
    let (outputs, gradients) = network.rows_and_gradient(input.rows(), unrolled);
    // Rows that are only bootstrapped from have no transition: their gradient stays zero.
    let mut rows = outputs.zip(gradients).zip(target_q.chunks_exact(actions));
    let mut next = 0;
    for (transition, target) in input.transitions.iter().zip(&*targets) {
        let Some(((row, gradient), anchor)) = rows.nth(transition.row - next) else { break };
        next = transition.row + 1;
        let action = transition.action;
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
        let weight = transition.weight / count;
        *total += weight * loss;
        gradient[action] = weight * slope;
        q_taken.push(q);
        td_errors.push(q - target);
    }
}

/// Takes the outputs of a critic after its step, also in units of reward.
pub(super) fn restore(
    Shared { config, actions, .. }: Shared<'_>,
    transitions: &[Transition],
    unrolled: &Unrolled,
    pass: &mut CriticPass,
) {
    let rescaling = config.sequence.rescaling();
    pass.updated.clear();
    let (mut rows, mut next) = (unrolled.rows(), 0);
    for transition in transitions {
        let Some(row) = rows.nth(transition.row - next) else { break };
        next = transition.row + 1;
        pass.updated.extend_from_slice(&row[..actions]);
    }
    pass.restored.clear();
    pass.restored.extend(pass.updated.iter().map(|q| restored(*q, rescaling)));
}

/// Shares of the actor's loss `(1/N) Σ mask · (−(E_p[sg[Qagg]] + temperature · H) + ½ beta · (H_old − H)²)`, without
/// weights, of its penalty and of the mean entropy, and the output gradient.
pub(super) fn actor_loss(shared: Shared<'_>, draws: &Draws, pass: &mut Pass) {
    let Shared { config, temperature, actions, .. } = shared;
    let Pass { input, actor, policies, critics, relaxed, .. } = pass;
    let share = 1.0 / shared.count;
    let (mut actor_loss, mut penalty, mut entropy) = (0.0, 0.0, 0.0);
    let (mut gradients, mut next) = (shared.actor.output_gradient(input.rows(), actor), 0);
    for (index, transition) in input.transitions.iter().enumerate() {
        let Some(gradient) = gradients.nth(transition.row - next) else { break };
        next = transition.row + 1;
        let gradient = &mut gradient[..actions];
        let (row, own) = (transition.row * actions, index * actions);
        let q = Aggregate {
            first: &critics[0].restored[own..own + actions],
            last: &critics[critics.len() - 1].restored[own..own + actions],
            backup: config.backup,
        };
        let state = State {
            policy: &policies.policy[row..row + actions],
            log_policy: &policies.log_policy[row..row + actions],
            entropy: policies.entropies[transition.row],
            q,
        };
        actor_loss += draws.loss(config, temperature, transition.place, &state, relaxed, gradient) * share;
        if let Some(beta) = config.entropy_penalty {
            penalty += entropy_penalty(beta, transition.behaviour_entropy, &state, gradient) * share;
        }
        gradient.iter_mut().for_each(|gradient| *gradient *= share);
        entropy += state.entropy * share;
    }
    (pass.actor_loss, pass.penalty, pass.entropy) = (actor_loss, penalty, entropy);
}

/// `delta = mean_i |td_i|` of transition `index`.
pub(super) fn delta(critics: &[CriticPass], index: usize) -> f32 {
    let share = 1.0 / critics.len() as f32;
    critics.iter().map(|critic| critic.td_errors[index].abs() * share).sum()
}

/// Priority of each sequence, `eta · max_t delta + (1 − eta) · mean_t delta` over its unmasked transitions; 0 if there
/// are none (Kapturowski et al. 2019).
pub(super) fn priorities(sequences: &Sequences, eta: f32, passes: &[Pass]) -> Vec<f32> {
    let mut sums = vec![(0.0f32, 0.0, 0.0f32); sequences.batch];
    for pass in passes {
        for (index, transition) in pass.input.transitions.iter().enumerate() {
            let delta = delta(&pass.critics, index);
            let (largest, sum, count) = &mut sums[transition.sequence];
            (*largest, *sum, *count) = (largest.max(delta), *sum + delta, *count + 1.0);
        }
    }
    let priority =
        |(largest, sum, count): (f32, f32, f32)| eta * largest + (1.0 - eta) * sum / count.max(1.0);
    sums.into_iter().map(priority).collect()
}
