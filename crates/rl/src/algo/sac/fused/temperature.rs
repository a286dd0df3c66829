//! The temperature of both hand-written steps: its logarithm, Adam's moments of it, and its gradient step.

use super::trace::Trace;
use crate::algo::sac::{Actions, SacConfig};
use crate::nn::adam::AdamStep;
use crate::nn::gaussian::Squash;
use crate::nn::{HostTensor, NetworkError, TensorMap, tensor};

/// Range its logarithm is kept in: temperatures of 1e-6 to 1e3, so that neither a policy that
/// cannot reach its target entropy nor one that cannot leave it ends in zero or infinity.
pub(super) const LOG_TEMPERATURE_RANGE: (f32, f32) = (-13.815_511, 6.907_755_4);

/// Target entropy in nats of gradient step `t`, `None` where the temperature is fixed: `fraction · ln A`, or of
/// continuous actions `Σ_j (ln half_j − 2 (1 − fraction))`.
pub(super) fn target_entropy(config: &SacConfig, actions: &Actions, t: u64) -> Option<f32> {
    let fraction = config.temperature.target_entropy_fraction(t)?;
    Some(match actions {
        Actions::Discrete(actions) => fraction * (*actions as f32).ln(),
        Actions::Continuous(dimensions) => {
            let volume = Squash::new(dimensions, config.log_std_bounds).log_volume();
            volume - 2.0 * (1.0 - fraction) * dimensions.len() as f32
        }
    })
}

/// A temperature that may be learned.
#[derive(Debug, Clone)]
pub(super) struct Temperature {
    pub(super) log: f32,
    /// Adam's moments of `log`.
    moments: [f32; 2],
}

impl Temperature {
    /// Starts at `value`, > 0.
    pub(super) fn new(value: f32) -> Self {
        Self { log: value.ln(), moments: [0.0; 2] }
    }

    /// Adam's moments, of a step made elsewhere.
    #[cfg(feature = "gpu")]
    pub(super) fn moments(&self) -> [f32; 2] {
        self.moments
    }

    /// Takes its logarithm and moments from elsewhere.
    #[cfg(feature = "gpu")]
    pub(super) fn set(&mut self, log: f32, moments: [f32; 2]) {
        (self.log, self.moments) = (log, moments);
    }

    /// Gradient step number `t` towards `target_entropy`, if it is learned. `value` is the temperature
    /// before the step, `entropy` the policy's mean entropy, `share` the share of the mean that is not masked. Returns the
    /// loss, 0 for a fixed one.
    ///
    /// `loss = mean exp(log) · (sg[H] − H_target)` (Haarnoja et al. 2018b, equation 18).
    pub(super) fn step(
        &mut self,
        config: &SacConfig,
        t: u64,
        target_entropy: Option<f32>,
        value: f32,
        (entropy, share): (f32, f32),
        trace: &mut Trace<'_, '_>,
    ) -> f32 {
        let Some(target_entropy) = target_entropy else { return 0.0 };
        let loss = value * (entropy - share * target_entropy);
        trace.scalar("loss.temperature", loss);
        // exp is its own derivative: the gradient equals the loss.
        trace.scalar("grad.log_alpha", loss);
        trace.scalar("grad_norm.log_alpha", loss.abs());
        let [m, v] = &mut self.moments;
        let step = AdamStep::new(config.temperature_learning_rate, config.adam_epsilon, t);
        step.apply(&mut self.log, m, v, loss);
        let (low, high) = LOG_TEMPERATURE_RANGE;
        self.log = self.log.clamp(low, high);
        loss
    }

    /// Adds its tensors to `tensors`.
    pub(super) fn export(&self, tensors: &mut TensorMap) {
        let [m, v] = self.moments;
        for (name, value) in
            [("log_alpha", self.log), ("optimizer.log_alpha.m", m), ("optimizer.log_alpha.v", v)]
        {
            tensors.insert(name.to_owned(), HostTensor { shape: vec![1], data: vec![value] });
        }
    }

    /// The one in `tensors`, with its moments if `with_moments`.
    ///
    /// # Errors
    /// [`NetworkError::Tensor`] for a tensor that is missing or of another shape.
    pub(super) fn import(tensors: &TensorMap, with_moments: bool) -> Result<Self, NetworkError> {
        let scalar = |name: &str| tensor(tensors, name.to_owned(), &[1]).map(|values| values[0]);
        let log = scalar("log_alpha")?;
        let moments = match with_moments {
            true => [scalar("optimizer.log_alpha.m")?, scalar("optimizer.log_alpha.v")?],
            false => [0.0; 2],
        };
        Ok(Self { log, moments })
    }
}
