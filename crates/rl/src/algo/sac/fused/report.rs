//! Figures of the last gradient step that nobody needs but a report: computed from what the step left
//! behind, and only when it is asked for. Losses are the step's own.

use super::FusedSac;
use super::networks::Critic;
use crate::algo::TrainError;
use crate::algo::report::{
    ACTION_PROBABILITIES, ACTOR_GRADIENT_NORM, ACTOR_LOSS, ACTOR_PARAMETER_NORM, CRITIC_GRADIENT_NORM,
    CRITIC_LOSS, CRITIC_PARAMETER_NORM, ENTROPY, Q, Q_STD, TARGET, TARGET_ENTROPY, TD_ERROR, TEMPERATURE,
    TEMPERATURE_LOSS, TWIN_DISAGREEMENT, VALUE_LOSS, finite,
};
use crate::algo::sac::Actions;
use crate::metrics::Metrics;
use crate::nn::Trained;
use crate::nn::adam::global_norm;

/// The part of a report that every form of the step knows: of actor and temperature. Entropies in nats.
pub(super) struct Closing {
    pub(super) actor_loss: f32,
    pub(super) temperature_loss: f32,
    /// As it was during the step.
    pub(super) temperature: f32,
    pub(super) entropy: f32,
    /// `None` for a fixed temperature.
    pub(super) target_entropy: Option<f32>,
}

impl Closing {
    /// Completes the `report` of gradient step `t`.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] for the first value that is not finite.
    pub(super) fn complete(self, mut report: Metrics, t: u64) -> Result<Option<Metrics>, TrainError> {
        report.set(ACTOR_LOSS, self.actor_loss);
        report.set(TEMPERATURE_LOSS, self.temperature_loss);
        report.set(TEMPERATURE, self.temperature);
        report.set(ENTROPY, self.entropy);
        report.set(TARGET_ENTROPY, self.target_entropy.unwrap_or(0.0));
        finite(report, t).map(Some)
    }
}

impl FusedSac {
    /// Everything of a report but actor, temperature and entropy, which the step knows.
    pub(super) fn figures(&self) -> Metrics {
        let mut report = self.figures_of_outputs();
        // Clipping scales what Adam sees and leaves the gradient itself.
        report.set(ACTOR_GRADIENT_NORM, global_norm(&self.actor.gradient));
        report.set(CRITIC_GRADIENT_NORM, self.over_critics(|critic| global_norm(&critic.online.gradient)));
        report.set(ACTOR_PARAMETER_NORM, parameter_norm(&self.actor));
        report.set(CRITIC_PARAMETER_NORM, self.over_critics(|critic| parameter_norm(&critic.online)));
        report
    }

    /// The part of it that needs neither gradients nor parameters.
    pub(super) fn figures_of_outputs(&self) -> Metrics {
        let mut report = Metrics::default();
        let (Some(first), Some(last)) = (self.critics.first(), self.critics.last()) else { return report };
        let pairs = first.q_taken.iter().zip(&last.q_taken);
        report.set(CRITIC_LOSS, self.critics.iter().map(|critic| critic.loss).sum::<f32>());
        if let Some(value) = &self.value {
            report.set(VALUE_LOSS, value.loss);
        }
        report.set(Q, self.over_critics(|critic| mean(critic.q_taken.iter().copied())));
        report.set(Q_STD, self.over_critics(|critic| deviation(&critic.q_taken)));
        report.set(TWIN_DISAGREEMENT, mean(pairs.map(|(first, last)| (first - last).abs())));
        report.set(TARGET, self.over_critics(|critic| mean(critic.targets.iter().copied())));
        report.set(TD_ERROR, mean(self.td_errors.iter().copied()));
        if let Actions::Discrete(actions) = self.actions {
            let own = |action| self.current.policy.iter().skip(action).step_by(actions);
            let probability = |action| mean(own(action).copied());
            report.set(ACTION_PROBABILITIES, (0..actions).map(probability).collect::<Vec<f32>>());
        }
        report
    }

    /// Mean over critics.
    fn over_critics(&self, figure: impl Fn(&Critic) -> f32) -> f32 {
        mean(self.critics.iter().map(figure))
    }
}

fn mean(values: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = values.len();
    values.sum::<f32>() / count as f32
}

/// Population standard deviation.
fn deviation(values: &[f32]) -> f32 {
    let center = mean(values.iter().copied());
    mean(values.iter().map(|value| (value - center) * (value - center))).sqrt()
}

fn parameter_norm(trained: &Trained) -> f32 {
    global_norm(&trained.network.parameters)
}
