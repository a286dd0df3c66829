//! Squashed Gaussian policies: a sampled action and its log-density, and the actor's losses of the specification's
//! section 12 and of section 13 of its second part (Haarnoja et al. 2018b, appendix C). When they are used is left to
//! `step`.
//!
//! `a = middle + half · tanh(u)`, `u = mean + std · eps`; the density is in units of the box.

use burn::tensor::{Device, Tensor, TensorData};

use crate::mdp::ActionDimension;

/// The box of actions, on a device.
#[derive(Clone)]
pub(super) struct ActionBox {
    /// `[1, 1, A]` each.
    middle: Tensor<3>,
    half: Tensor<3>,
    /// `Σ_j ln half_j`.
    log_volume: f64,
}

impl ActionBox {
    pub fn new(dimensions: &[ActionDimension], device: &Device) -> Self {
        let row = |of: &dyn Fn(&ActionDimension) -> f32| {
            let values: Vec<f32> = dimensions.iter().map(of).collect();
            Tensor::from_data(TensorData::new(values, [1, 1, dimensions.len()]), device)
        };
        let half = |own: &ActionDimension| (f64::from(own.high) - f64::from(own.low)) / 2.0;
        Self {
            middle: row(&|own| ((f64::from(own.high) + f64::from(own.low)) / 2.0) as f32),
            half: row(&|own| half(own) as f32),
            log_volume: dimensions.iter().map(|own| half(own).ln()).sum(),
        }
    }

    /// `Σ_j (ln half_j − 2 (1 − fraction))`: the target entropy in nats.
    pub fn target_entropy(&self, fraction: f32) -> f32 {
        let dims = self.half.dims()[2] as f64;
        (self.log_volume - 2.0 * dims * (1.0 - f64::from(fraction))) as f32
    }
}

/// The actor's pass at `N` moments, and one action of each.
#[derive(Clone)]
pub(super) struct Gaussian {
    /// `[1, N, A]` each; the latter is clamped.
    mean: Tensor<3>,
    log_std: Tensor<3>,
    /// `[1, N, A]`.
    pub action: Tensor<3>,
    /// `[1, N, 1]`.
    pub log_prob: Tensor<3>,
}

impl Gaussian {
    /// Samples with standard normal `noise`, `[1, N, A]`, what the actor's `outputs`, `[1, N, 2A]`, say.
    pub fn new(outputs: Tensor<3>, [low, high]: [f32; 2], bounds: &ActionBox, noise: Tensor<3>) -> Self {
        let dims = noise.dims()[2];
        let mean = outputs.clone().slice_dim(2, 0..dims);
        let log_std = outputs.slice_dim(2, dims..2 * dims).clamp(low, high);
        let u = mean.clone() + log_std.clone().exp() * noise.clone();
        let log_prob = density(noise, log_std.clone(), u.clone(), bounds);
        let action = bounds.middle.clone() + u.tanh() * bounds.half.clone();
        Self { mean, log_std, action, log_prob }
    }

    /// Without gradients.
    pub fn inner(&self) -> Self {
        let Self { mean, log_std, action, log_prob } = self.clone();
        let [mean, log_std, action] = [mean, log_std, action].map(Tensor::inner);
        Self { mean, log_std, action, log_prob: log_prob.inner() }
    }

    /// `K` constant actions of every moment, `[1, N·K, A]`, for `noise`, `[N, K, A]`; and their log-densities with a
    /// gradient that reaches mean and standard deviation only, `[N, K, 1]`.
    pub fn score(&self, bounds: &ActionBox, noise: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let [size, samples, dims] = noise.dims();
        let by_sample = |tensor: &Tensor<3>| tensor.clone().reshape([size, 1, dims]);
        let (mean, log_std) = (by_sample(&self.mean), by_sample(&self.log_std));
        let (constant, spread) = (mean.clone().inner(), log_std.clone().inner().exp() * noise);
        // (u_k − mean) / std, the difference first: the spread may be far below the mean's last digit.
        let distance = (constant.clone() - mean + spread.clone()) / log_std.clone().exp();
        let u = constant + spread;
        let log_prob = density(distance, log_std, u.clone(), bounds);
        let actions = bounds.middle.clone() + u.tanh() * bounds.half.clone();
        (actions.reshape([1, size * samples, dims]), log_prob)
    }
}

/// `Σ_j −½ d_j² − ln std_j − ½ ln 2π − ln half_j − ln(1 − tanh²(u_j))` for distances `d` from the mean in standard
/// deviations, `[…, A]` → `[…, 1]`; the last logarithm is `2 (ln 2 − |u| − ln(1 + exp(−2|u|)))`.
fn density(distance: Tensor<3>, log_std: Tensor<3>, u: Tensor<3>, bounds: &ActionBox) -> Tensor<3> {
    let dims = distance.dims()[2] as f64;
    let far = u.abs();
    let slope = ((far.clone() * -2.0).exp().log1p() + far) * -2.0;
    let each = distance.clone() * distance * -0.5 - log_std - slope;
    let constant = dims * (0.5 * std::f64::consts::TAU.ln() + 2.0 * std::f64::consts::LN_2);
    each.sum_dim(2) - (constant + bounds.log_volume)
}

/// `mean_b (alpha ln π(a|o) − Qagg(o, a))`, `[1]`, with the gradient through the action that `q`, `[1, N, 1]`, was
/// computed for.
pub(super) fn reparameterized(alpha: Tensor<3>, log_prob: Tensor<3>, q: Tensor<3>) -> Tensor<1> {
    (log_prob * alpha - q).mean()
}

/// `mean_b (alpha ln π(a|o) − mean_k ln π(a_k|o) Qagg(o, a_k))`, `[1]`, for log-densities `[N, K, 1]` and constant `q`,
/// `[1, N·K, 1]` (Williams 1992, without a baseline).
pub(super) fn score_function(
    alpha: Tensor<3>,
    log_prob: Tensor<3>,
    sampled: Tensor<3>,
    q: Tensor<3>,
) -> Tensor<1> {
    let q = q.reshape(sampled.dims());
    (log_prob * alpha).mean() - (sampled * q).mean()
}
