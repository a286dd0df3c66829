//! What a gradient step measured, and its TD errors, brought from the device to the host in one transfer.

use burn::tensor::Tensor;

use super::networks::Ensemble;
use crate::sac::{SacError, TrainMetrics};

/// TD errors of the last step, where they are.
#[derive(Clone)]
pub(super) enum TdErrors {
    /// Signed, `[C, B, 1]`.
    Device(Box<Tensor<3>>),
    /// Mean of absolute values over critics, `[B]`.
    Host(Vec<f32>),
}

/// Mean of absolute TD errors over critics, `[C, B, 1]` → `[B]`.
pub(super) fn mean_errors(td_errors: Tensor<3>) -> Tensor<1> {
    td_errors.abs().mean_dim(0).flatten(0, 2)
}

/// What a step leaves on the device for its report. Nothing here is computed before [`Figures::read`].
pub(super) struct Figures<'a> {
    /// `[1]` each; losses that the variant does not have are absent.
    pub critic_loss: Tensor<1>,
    pub value_loss: Option<Tensor<1>>,
    pub actor_loss: Tensor<1>,
    pub temperature_loss: Option<Tensor<1>>,
    pub temperature: Tensor<1>,
    pub target_entropy: f32,
    /// `[1, B, 1]`, in nats.
    pub entropies: Tensor<3>,
    /// `[1, B, A]`.
    pub log_policy: Tensor<3>,
    /// `Q_i(o, a)` before the step, `[C, B, 1]`.
    pub q: Tensor<3>,
    /// `[C or 1, B, 1]`.
    pub targets: Tensor<3>,
    /// `[C, B, 1]`.
    pub td_errors: Tensor<3>,
    /// `[members, 1, 1]` each.
    pub gradient_norms: [Tensor<3>; 2],
    /// Actor and critics after the step.
    pub networks: [&'a Ensemble; 2],
}

impl Figures<'_> {
    /// The report of step number `gradient_steps`, and the mean absolute TD errors `[B]`.
    ///
    /// # Errors
    /// [`SacError::Device`] when the device does not answer, [`SacError::NotFinite`] for a figure that is
    /// no number.
    pub fn read(self, gradient_steps: u64) -> Result<(TrainMetrics, Vec<f32>), SacError> {
        let none = || self.temperature.zeros_like();
        let spread = self.q.clone() - self.q.clone().mean_dim(1);
        let [_, size, actions] = self.log_policy.dims();
        let [actor, critics] = self.networks;
        let [actor_gradient, critic_gradient] = self.gradient_norms;
        let parts = vec![
            self.critic_loss.inner(),
            self.value_loss.map_or_else(none, Tensor::inner),
            self.actor_loss.inner(),
            self.temperature_loss.unwrap_or_else(none),
            self.temperature.clone(),
            self.entropies.mean(),
            self.q.clone().mean(),
            (spread.clone() * spread).mean_dim(1).sqrt().mean(),
            (self.q.clone().max_dim(0) - self.q.min_dim(0)).mean(),
            self.targets.mean(),
            actor_gradient.mean(),
            critic_gradient.mean(),
            actor.norms().mean(),
            critics.norms().mean(),
            self.log_policy.exp().mean_dim(1).flatten(0, 2),
            mean_errors(self.td_errors),
        ];
        let values = read(Tensor::cat(parts, 0))?;
        let (values, td_errors) = values.split_at(values.len() - size);
        let (values, probabilities) = values.split_at(values.len() - actions);
        let mut values = values.iter().copied();
        let mut next = || values.next().unwrap_or(f32::NAN);
        let report = TrainMetrics {
            critic_loss: next(),
            value_loss: next(),
            actor_loss: next(),
            temperature_loss: next(),
            temperature: next(),
            entropy: next(),
            target_entropy: self.target_entropy,
            q_mean: next(),
            q_std: next(),
            twin_disagreement: next(),
            target_mean: next(),
            td_error_abs: td_errors.iter().sum::<f32>() / size as f32,
            actor_gradient_norm: next(),
            critic_gradient_norm: next(),
            actor_parameter_norm: next(),
            critic_parameter_norm: next(),
            action_probabilities: probabilities.to_vec(),
        };
        Ok((report.finite(gradient_steps)?, td_errors.to_vec()))
    }
}

/// The values of a vector, read back from its device.
///
/// # Errors
/// [`SacError::Device`] when the device does not answer.
pub(super) fn read(tensor: Tensor<1>) -> Result<Vec<f32>, SacError> {
    let data = tensor.try_into_data().map_err(|error| SacError::Device(format!("{error:?}")))?;
    data.try_into_vec::<f32>().map_err(|error| SacError::Device(format!("{error:?}")))
}
