//! What a gradient step measures, and that it must be numbers. Each update computes it its own way.

use serde::{Deserialize, Serialize};

use super::SacError;

/// What one gradient step measured. Means are over the batch; critic figures are means over critics.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainMetrics {
    /// Sum of the critics' losses.
    pub critic_loss: f32,
    /// Loss of the value network, 0 without one.
    pub value_loss: f32,
    /// Actor loss.
    pub actor_loss: f32,
    /// Temperature loss, 0 when the temperature is fixed.
    pub temperature_loss: f32,
    /// Temperature used in this step.
    pub temperature: f32,
    /// Policy entropy in nats.
    pub entropy: f32,
    /// Entropy the temperature aims for, in nats; 0 when the temperature is fixed.
    pub target_entropy: f32,
    /// Mean of `Q_i(o, a)`.
    pub q_mean: f32,
    /// Standard deviation of `Q_i(o, a)` over the batch, divided by `B`.
    pub q_std: f32,
    /// Mean of `|Q_1(o, a) − Q_2(o, a)|`, 0 with one critic: what a clipped backup guards against.
    pub twin_disagreement: f32,
    /// Mean of the targets `y_i`.
    pub target_mean: f32,
    /// Mean of `|Q_i(o, a) − y_i|`.
    pub td_error_abs: f32,
    /// Global norm of the actor's gradient before clipping.
    pub actor_gradient_norm: f32,
    /// Global norm of a critic's gradient before clipping.
    pub critic_gradient_norm: f32,
    /// Euclidean norm of all weights and biases of the actor, after the step.
    pub actor_parameter_norm: f32,
    /// Euclidean norm of all weights and biases of a critic, after the step.
    pub critic_parameter_norm: f32,
    /// `[A]`: mean of the policy's probabilities.
    pub action_probabilities: Vec<f32>,
}

impl TrainMetrics {
    /// The report of step number `gradient_steps`, if all its figures are numbers.
    ///
    /// # Errors
    /// [`SacError::NotFinite`] names the first that is not.
    pub(super) fn finite(self, gradient_steps: u64) -> Result<Self, SacError> {
        let figures = [
            ("critic loss", self.critic_loss),
            ("value loss", self.value_loss),
            ("actor loss", self.actor_loss),
            ("temperature loss", self.temperature_loss),
            ("temperature", self.temperature),
            ("policy entropy", self.entropy),
            ("mean action value", self.q_mean),
            ("spread of action values", self.q_std),
            ("twin disagreement", self.twin_disagreement),
            ("mean critic target", self.target_mean),
            ("TD error", self.td_error_abs),
            ("actor gradient", self.actor_gradient_norm),
            ("critic gradient", self.critic_gradient_norm),
            ("actor parameters", self.actor_parameter_norm),
            ("critic parameters", self.critic_parameter_norm),
        ];
        let probabilities = self.action_probabilities.iter().map(|probability| ("policy", *probability));
        let fault = figures.into_iter().chain(probabilities).find(|(_, value)| !value.is_finite());
        match fault {
            Some((what, _)) => Err(SacError::NotFinite { what, gradient_steps }),
            None => Ok(self),
        }
    }
}
