//! Figures of the last gradient step that nobody needs but a report; means are over the transitions that
//! entered the losses.

use super::FusedSequenceSac;
use super::networks::Critic;
use crate::algo::report::{
    ACTION_PROBABILITIES, ACTOR_GRADIENT_NORM, ACTOR_PARAMETER_NORM, CRITIC_GRADIENT_NORM, CRITIC_LOSS,
    CRITIC_PARAMETER_NORM, Q, Q_STD, TARGET, TD_ERROR, TWIN_DISAGREEMENT,
};
use crate::metrics::Metrics;
use crate::nn::adam::global_norm;

impl FusedSequenceSac {
    /// Everything of a report but actor, temperature and entropy, which the step knows.
    pub(super) fn figures(&self) -> Metrics {
        let mut report = Metrics::default();
        let (Some(first), Some(last)) = (self.critics.first(), self.critics.last()) else { return report };
        let probability = |action| self.mean(|at| self.policies.policy[at * self.actions + action]);
        report.set(CRITIC_LOSS, self.critics.iter().map(|critic| critic.loss).sum::<f32>());
        report.set(Q, self.over_critics(|critic| self.mean(|at| critic.q_taken[at])));
        let deviation = |critic: &Critic| {
            let center = self.mean(|at| critic.q_taken[at]);
            self.mean(|at| (critic.q_taken[at] - center) * (critic.q_taken[at] - center)).sqrt()
        };
        report.set(Q_STD, self.over_critics(deviation));
        report.set(TWIN_DISAGREEMENT, self.mean(|at| (first.q_taken[at] - last.q_taken[at]).abs()));
        report.set(TARGET, self.over_critics(|critic| self.mean(|at| critic.targets[at])));
        report.set(TD_ERROR, self.over_critics(|critic| self.mean(|at| critic.td_errors[at].abs())));
        report.set(ACTOR_GRADIENT_NORM, global_norm(&self.actor.gradient));
        report.set(CRITIC_GRADIENT_NORM, self.over_critics(|critic| global_norm(&critic.online.gradient)));
        report.set(ACTOR_PARAMETER_NORM, global_norm(self.actor.network.parameters().0));
        let norm = |critic: &Critic| global_norm(critic.online.network.parameters().0);
        report.set(CRITIC_PARAMETER_NORM, self.over_critics(norm));
        report.set(ACTION_PROBABILITIES, (0..self.actions).map(probability).collect::<Vec<f32>>());
        report
    }

    /// Mean over the transitions that are not masked; 0 if there are none.
    fn mean(&self, of: impl Fn(usize) -> f32) -> f32 {
        let mask = self.sequences.mask.iter().enumerate();
        mask.filter(|(_, mask)| **mask > 0.0).map(|(at, _)| of(at)).sum::<f32>() / self.sequences.count
    }

    /// Mean over critics.
    fn over_critics(&self, figure: impl Fn(&Critic) -> f32) -> f32 {
        self.critics.iter().map(figure).sum::<f32>() / self.critics.len() as f32
    }
}
