//! Figures of the last gradient step that nobody needs but a report; means are over the transitions that
//! entered the losses.

use super::FusedSequenceSac;
use super::pass::{CriticPass, Pass};
use crate::algo::report::{
    ACTION_PROBABILITIES, ACTOR_GRADIENT_NORM, ACTOR_PARAMETER_NORM, CRITIC_GRADIENT_NORM, CRITIC_LOSS,
    CRITIC_PARAMETER_NORM, Q, Q_STD, TARGET, TD_ERROR, TWIN_DISAGREEMENT,
};
use crate::algo::sac::Actions;
use crate::metrics::Metrics;
use crate::nn::adam::global_norm;

impl FusedSequenceSac {
    /// Everything of a report but actor, temperature and entropy, which the step knows.
    pub(super) fn figures(&self) -> Metrics {
        let mut report = Metrics::default();
        report.set(CRITIC_LOSS, self.critics.iter().map(|critic| critic.loss).sum::<f32>());
        report.set(Q, self.over_critics(|pass, index| pass.q_taken[index]));
        let deviations = (0..self.critics.len()).map(|critic| {
            let q = |pass: &Pass, index: usize| pass.critics[critic].q_taken[index];
            let center = self.mean(q);
            self.mean(|pass, index| (q(pass, index) - center) * (q(pass, index) - center)).sqrt()
        });
        report.set(Q_STD, deviations.sum::<f32>() / self.critics.len() as f32);
        let last = self.critics.len() - 1;
        report.set(
            TWIN_DISAGREEMENT,
            self.mean(|pass, index| {
                (pass.critics[0].q_taken[index] - pass.critics[last].q_taken[index]).abs()
            }),
        );
        report.set(TARGET, self.over_critics(|pass, index| pass.targets[index]));
        report.set(TD_ERROR, self.over_critics(|pass, index| pass.td_errors[index].abs()));
        let norms = |norm: &dyn Fn(usize) -> f32| {
            (0..self.critics.len()).map(norm).sum::<f32>() / self.critics.len() as f32
        };
        report.set(ACTOR_GRADIENT_NORM, global_norm(&self.actor.gradient));
        report.set(CRITIC_GRADIENT_NORM, norms(&|critic| global_norm(&self.critics[critic].online.gradient)));
        report.set(ACTOR_PARAMETER_NORM, global_norm(self.actor.network.parameters().0));
        let norm = |critic: usize| global_norm(self.critics[critic].online.network.parameters().0);
        report.set(CRITIC_PARAMETER_NORM, norms(&norm));
        if let Actions::Discrete(actions) = self.actions {
            let row = |pass: &Pass, index: usize| pass.input.transitions[index].row * actions;
            let probability =
                |action| self.mean(|pass, index| pass.policies.policy[row(pass, index) + action]);
            report.set(ACTION_PROBABILITIES, (0..actions).map(probability).collect::<Vec<f32>>());
        }
        report
    }

    /// Mean over the transitions that entered the losses; 0 if there are none.
    fn mean(&self, of: impl Fn(&Pass, usize) -> f32) -> f32 {
        let passes = self.passes.iter();
        let sum = |pass: &Pass| (0..pass.input.transitions.len()).map(|index| of(pass, index)).sum::<f32>();
        passes.map(sum).sum::<f32>() / self.sequences.count
    }

    /// Mean over critics of such means.
    fn over_critics(&self, of: impl Fn(&CriticPass, usize) -> f32) -> f32 {
        let mean = |critic: usize| self.mean(|pass, index| of(&pass.critics[critic], index));
        (0..self.critics.len()).map(mean).sum::<f32>() / self.critics.len() as f32
    }
}
