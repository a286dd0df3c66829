//! Figures of the last gradient step that nobody needs but a report: computed from what the step left
//! behind, and only when it is asked for. Losses are the step's own.

use super::networks::{Critic, Trained};
use super::{FusedSac, TrainMetrics};
use crate::sac::adam::global_norm;

impl FusedSac {
    /// Everything of a report but actor, temperature and entropy, which the step knows.
    pub(super) fn figures(&self) -> TrainMetrics {
        let (Some(first), Some(last)) = (self.critics.first(), self.critics.last()) else {
            return TrainMetrics::default();
        };
        let pairs = first.q_taken.iter().zip(&last.q_taken);
        TrainMetrics {
            critic_loss: self.critics.iter().map(|critic| critic.loss).sum(),
            value_loss: self.value.as_ref().map_or(0.0, |value| value.loss),
            q_mean: self.over_critics(|critic| mean(critic.q_taken.iter().copied())),
            q_std: self.over_critics(|critic| deviation(&critic.q_taken)),
            twin_disagreement: mean(pairs.map(|(first, last)| (first - last).abs())),
            target_mean: self.over_critics(|critic| mean(critic.targets.iter().copied())),
            td_error_abs: mean(self.td_errors.iter().copied()),
            // Clipping scales what Adam sees and leaves the gradient itself.
            actor_gradient_norm: global_norm(&self.actor.gradient),
            critic_gradient_norm: self.over_critics(|critic| global_norm(&critic.online.gradient)),
            actor_parameter_norm: parameter_norm(&self.actor),
            critic_parameter_norm: self.over_critics(|critic| parameter_norm(&critic.online)),
            action_probabilities: (0..self.actions)
                .map(|action| mean(self.current.policy.iter().skip(action).step_by(self.actions).copied()))
                .collect(),
            ..TrainMetrics::default()
        }
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
