//! What a gradient step measured, and its TD errors, brought from the device to the host in one transfer.

use burn::tensor::Tensor;

use crate::algo::TrainError;
use crate::algo::report::{
    ACTION_PROBABILITIES, ACTOR_GRADIENT_NORM, ACTOR_LOSS, ACTOR_PARAMETER_NORM, CRITIC_GRADIENT_NORM,
    CRITIC_LOSS, CRITIC_PARAMETER_NORM, ENTROPY, Q, Q_STD, TARGET, TARGET_ENTROPY, TD_ERROR, TEMPERATURE,
    TEMPERATURE_LOSS, TWIN_DISAGREEMENT, VALUE_LOSS, finite,
};
use crate::algo::sac::priorities::sequence_priorities;
use crate::metrics::{Metric, Metrics};
use crate::nn::device::{Ensemble, read};

/// TD errors of the last step, where they are.
#[derive(Clone)]
pub(super) enum TdErrors {
    /// Signed, `[C, B, 1]`.
    Device(Box<Tensor<3>>),
    /// Mean of absolute values over critics, `[B]`.
    Host(Vec<f32>),
}

/// The sequences that TD errors belong to, and the weight of the largest one.
#[derive(Clone)]
pub(super) struct Owners {
    pub batch: usize,
    /// `[N]`; empty if no transition entered the losses.
    pub sequences: Vec<usize>,
    pub eta: f32,
}

impl Owners {
    /// Priorities `[B]` of sequences from the mean absolute TD errors of their transitions.
    pub fn priorities(&self, errors: &[f32]) -> Vec<f32> {
        let deltas = self.sequences.iter().copied().zip(errors.iter().copied());
        sequence_priorities(self.eta, self.batch, deltas)
    }
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
    /// `[1, B, A]` of discrete actions.
    pub log_policy: Option<Tensor<3>>,
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
    /// [`TrainError::Network`] when the device does not answer, [`TrainError::NotFinite`] for a figure that is
    /// no number.
    pub fn read(self, gradient_steps: u64) -> Result<(Metrics, Vec<f32>), TrainError> {
        let log_policy = self.log_policy.clone();
        let (size, actions) = (self.q.dims()[1], log_policy.as_ref().map_or(0, |own| own.dims()[2]));
        let td_errors = mean_errors(self.td_errors.clone());
        let mut report = Metrics::default();
        report.set(TARGET_ENTROPY, self.target_entropy);
        // One transfer for all: each metric is one number, and up to two vectors follow.
        let (metrics, mut parts): (Vec<Metric>, Vec<Tensor<1>>) = self.scalars().into_iter().unzip();
        parts.extend(log_policy.map(|log_policy| log_policy.exp().mean_dim(1).flatten(0, 2)));
        parts.push(td_errors);
        let values = read(Tensor::cat(parts, 0))?;
        let (values, td_errors) = values.split_at(values.len() - size);
        let (values, probabilities) = values.split_at(values.len() - actions);
        metrics.into_iter().zip(values).for_each(|(metric, value)| report.set(metric, *value));
        report.set(TD_ERROR, td_errors.iter().sum::<f32>() / size as f32);
        if actions > 0 {
            report.set(ACTION_PROBABILITIES, probabilities.to_vec());
        }
        Ok((finite(report, gradient_steps)?, td_errors.to_vec()))
    }

    /// What is one number on the device, `[1]` each.
    fn scalars(self) -> Vec<(Metric, Tensor<1>)> {
        let none = self.temperature.zeros_like();
        let spread = self.q.clone() - self.q.clone().mean_dim(1);
        let [actor, critics] = self.networks;
        let [actor_gradient, critic_gradient] = self.gradient_norms;
        let mut scalars = vec![
            (CRITIC_LOSS, self.critic_loss.inner()),
            (ACTOR_LOSS, self.actor_loss.inner()),
            (TEMPERATURE_LOSS, self.temperature_loss.unwrap_or(none)),
            (TEMPERATURE, self.temperature),
            (ENTROPY, self.entropies.mean()),
            (Q, self.q.clone().mean()),
            (Q_STD, (spread.clone() * spread).mean_dim(1).sqrt().mean()),
            (TWIN_DISAGREEMENT, (self.q.clone().max_dim(0) - self.q.min_dim(0)).mean()),
            (TARGET, self.targets.mean()),
            (ACTOR_GRADIENT_NORM, actor_gradient.mean()),
            (CRITIC_GRADIENT_NORM, critic_gradient.mean()),
            (ACTOR_PARAMETER_NORM, actor.norms().mean()),
            (CRITIC_PARAMETER_NORM, critics.norms().mean()),
        ];
        scalars.extend(self.value_loss.map(|loss| (VALUE_LOSS, loss.inner())));
        scalars
    }
}
