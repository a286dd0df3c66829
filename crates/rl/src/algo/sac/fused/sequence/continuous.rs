//! Targets and the actor's loss of a micro-batch with continuous actions: the equations of `super::super::continuous`,
//! transition by transition, with value rescaling and bootstrapping from a later moment.

use super::inputs::Transition;
use super::losses::{finish_targets, restored};
use super::pass::{CriticPass, Pass, Shared};
use crate::algo::sac::fused::losses::{Aggregate, backed_up};
use crate::algo::sac::fused::policies::Sampled;
use crate::nn::gaussian::Squash;
use crate::nn::memory::{MemoryNetwork, Unrolled};

/// `y_i = h(R + discount · (1 − terminated) · v'_i(t + m))`, `v'_i = q'_i(o', a') − e · temperature · ln π(a'|o')`,
/// from target networks that have read `a'`.
pub(super) fn sampled_targets(
    Shared { config, temperature, .. }: Shared<'_>,
    transitions: &[Transition],
    next: &Sampled,
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
            let row = transition.bootstrap;
            let (own, other) = (restored(own[row], rescaling), restored(other[row], rescaling));
            backed_up(config.backup, own, other) - entropy_weight * next.log_probs[row]
        }));
        let critic = &mut critics[index];
        critic.values = values;
        finish_targets(transitions, rescaling, critic);
    }
}

/// Slopes of a critic's outputs in the actions that it has read with the last pass, in its own units.
pub(super) fn slopes(network: &MemoryNetwork, rows: usize, unrolled: &mut Unrolled, pass: &mut CriticPass) {
    network.output_gradient(rows, unrolled).for_each(|gradient| gradient[0] = 1.0);
    network.slopes_beside(unrolled, &mut pass.slopes);
}

/// Shares of the actor's loss `(1/N) Σ mask · (temperature · ln π(a|o) − Qagg(o, a))` and of the mean entropy, and the
/// output gradient, which flows through the action, its critics and `h⁻¹`.
pub(super) fn sampled_actor_loss(shared: Shared<'_>, squash: &Squash, pass: &mut Pass) {
    let Shared { config, temperature, .. } = shared;
    let Pass { input, actor, sampled, critics, .. } = pass;
    let (share, dims, rescaling) = (1.0 / shared.count, squash.dims(), config.sequence.rescaling());
    let (mut actor_loss, mut entropy, mut slopes) = (0.0, 0.0, vec![0.0; dims]);
    let (outputs, gradients) = shared.actor.rows_and_gradient(input.rows(), actor);
    let (mut rows, mut next) = (outputs.zip(gradients), 0);
    for (index, transition) in input.transitions.iter().enumerate() {
        let Some((output, gradient)) = rows.nth(transition.row - next) else { break };
        next = transition.row + 1;
        let own = transition.row * dims..(transition.row + 1) * dims;
        let pair = [&critics[0], &critics[critics.len() - 1]];
        let [first, last] = pair.map(|critic| &critic.restored[index..=index]);
        let q = Aggregate { first, last, backup: config.backup };
        slopes.fill(0.0);
        for (critic, mut share) in pair.into_iter().zip(q.shares(0)) {
            if let Some(rescaling) = rescaling {
                // (h⁻¹)'(x) = 1 / h'(h⁻¹(x))
                share /= rescaling.derivative(critic.restored[index]);
            }
            for (slope, own) in slopes.iter_mut().zip(&critic.slopes[own.clone()]) {
                *slope += share * own;
            }
        }
        let log_prob = sampled.here.log_probs[transition.row];
        let (output, gradient) = (&output[..2 * dims], &mut gradient[..2 * dims]);
        squash.reparameterized(output, &input.noise[0][own], temperature, &slopes, gradient);
        gradient.iter_mut().for_each(|gradient| *gradient *= share);
        actor_loss += (temperature * log_prob - q.q(0)) * share;
        entropy -= log_prob * share;
    }
    (pass.actor_loss, pass.penalty, pass.entropy) = (actor_loss, 0.0, entropy);
}
