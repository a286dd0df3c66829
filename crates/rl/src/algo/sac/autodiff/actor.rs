//! The losses of an actor of discrete actions, one for each estimator of its gradient: the equations of the
//! specification's section 7. Entropies are exact in all of them. When they are used is left to `step`.

use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::RngExt as _;

use crate::algo::sac::ActorGradient;
use crate::mdp::Rng;
use crate::nn::categorical::gumbel;

/// What one gradient step estimates the actor's gradient with; `K` samples a state.
pub(super) enum Estimator {
    /// All actions, weighted by the policy.
    Expected,
    /// All actions, weighted by the policy aimed for.
    ForwardKl,
    /// Sampled actions, `[B, K, A]`, 1 at the action.
    Reinforce { sampled: Tensor<3> },
    /// Relaxed samples with standard Gumbel `noise`, `[B, K, A]`.
    Gumbel { noise: Tensor<3>, relaxation: f32 },
}

/// The actor's pass at the observations.
#[derive(Clone)]
pub(super) struct Categorical {
    /// `[1, B, A]`.
    pub log_policy: Tensor<3>,
    /// `[1, B, 1]` in nats.
    pub entropies: Tensor<3>,
}

impl Categorical {
    /// `H_b = −Σ_a p(a) log p(a)`.
    pub fn new(log_policy: Tensor<3>) -> Self {
        let entropies = -(log_policy.clone().exp() * log_policy.clone()).sum_dim(2);
        Self { log_policy, entropies }
    }

    /// Without gradients.
    pub fn inner(&self) -> Self {
        Self { log_policy: self.log_policy.clone().inner(), entropies: self.entropies.clone().inner() }
    }
}

impl Estimator {
    /// Draws what `kind` needs for `policy`, which is outside autodiff; `given` actions, `[B, K]`, are taken. The numbers are those `fused` draws from the same `rng`.
    pub fn draw(
        kind: ActorGradient,
        given: &[u16],
        policy: &Categorical,
        mut rng: Rng,
        device: &Device,
    ) -> Self {
        let [_, size, actions] = policy.log_policy.dims();
        let tensor = |values: Vec<f32>, samples: usize, columns: usize| -> Tensor<3> {
            Tensor::from_data(TensorData::new(values, [size, samples, columns]), device)
        };
        match kind {
            ActorGradient::Expected => Self::Expected,
            ActorGradient::ForwardKl => Self::ForwardKl,
            ActorGradient::Reinforce { samples } => {
                let index = if given.is_empty() {
                    let uniform = (0..size * samples).map(|_| rng.random()).collect();
                    let probabilities = policy.log_policy.clone().exp().reshape([size, 1, actions]);
                    draw_by(probabilities, tensor(uniform, samples, 1))
                } else {
                    tensor(given.iter().map(|action| f32::from(*action)).collect(), samples, 1)
                };
                Self::Reinforce { sampled: one_hot(index, actions) }
            }
            ActorGradient::Gumbel { samples, relaxation } => {
                let noise = (0..size * samples * actions).map(|_| gumbel(&mut rng)).collect();
                Self::Gumbel { noise: tensor(noise, samples, actions), relaxation }
            }
        }
    }

    /// Mean loss over the batch, `[1]`; `alpha` is `[1, 1, 1]`, `q` is `Qagg(o, ·)`, `[1, B, A]`, both
    /// outside autodiff.
    pub fn loss(self, alpha: Tensor<3>, policy: Categorical, q: Tensor<3>) -> Tensor<1> {
        let Categorical { log_policy, entropies } = policy;
        let [_, size, actions] = q.dims();
        let by_sample = [size, 1, actions];
        let value = match self {
            // mean_b Σ_a p(a) (alpha log p(a) − Q(o, a)) (Christodoulou 2019, equation 12)
            Self::Expected => {
                return (log_policy.clone().exp() * (log_policy * alpha - q)).sum_dim(2).mean();
            }
            // mean_b alpha Σ_a t(a) (log t(a) − log p(a)), t = softmax(Q(o, ·) / alpha) (Chan et al. 2022, section 3)
            Self::ForwardKl => {
                let log_target = log_softmax(q / alpha.clone(), 2);
                return (log_target.clone().exp() * (log_target - log_policy) * alpha).sum_dim(2).mean();
            }
            // mean_k log p(a_k) Q(o, a_k), without a baseline (Williams 1992)
            Self::Reinforce { sampled } => {
                (sampled.mean_dim(1) * (log_policy * q).reshape(by_sample)).sum_dim(2)
            }
            // mean_k Q(o, a*_k) for a* = argmax_a y_a, with the gradient of Σ_a y_a Q(o, a),
            // y = softmax((log p + g) / relaxation) (Jang et al. 2017)
            Self::Gumbel { noise, relaxation } => {
                let relaxed = softmax((log_policy.reshape(by_sample) + noise) / relaxation, 2);
                let constant = relaxed.clone().inner();
                let chosen = one_hot(constant.clone().argmax(2).float(), actions);
                let straight_through = relaxed + (chosen - constant);
                (straight_through * q.reshape(by_sample)).sum_dim(2).mean_dim(1)
            }
        };
        // −mean_b value − alpha mean_b H_b
        -(value.reshape([1, size, 1]) + entropies * alpha).mean()
    }
}

/// `−weight mean_b d_b log p(a_b)`, `[1]`; `demonstrated` is `d`, `[1, B, 1]`, `taken` is 1 at `a`, `[1, B, A]`
/// (Nair et al. 2018, equation 2).
pub(super) fn behavior_cloning(
    weight: f32,
    demonstrated: Tensor<3>,
    taken: Tensor<3>,
    log_policy: Tensor<3>,
) -> Tensor<1> {
    -((log_policy * taken).sum_dim(2) * demonstrated).mean() * weight
}

/// `(beta / 2) mean_b (H_old − H_b)²`, `[1]`; `behavior` is `H_old`, `[1, B, 1]` (SD-SAC, Zhou et al. 2022).
pub(super) fn entropy_penalty(beta: f32, behavior: Tensor<3>, entropies: Tensor<3>) -> Tensor<1> {
    let difference = behavior - entropies;
    (difference.clone() * difference).mean() * (0.5 * beta)
}

/// For every number in `uniform`, `[B, K, 1]` from [0, 1), the smallest action whose cumulative
/// probability exceeds it, `[B, K, 1]`: found on the device, so that the policy need not be read back.
fn draw_by(probabilities: Tensor<3>, uniform: Tensor<3>) -> Tensor<3> {
    let last = probabilities.dims()[2] - 1;
    let passed = probabilities.cumsum(2).lower_equal(uniform).float().sum_dim(2);
    // Rounding may leave the sum just below one.
    passed.clamp_max(last as f32)
}

/// 1 at the action of every `index`, `[B, K, 1]` → `[B, K, actions]`.
fn one_hot(index: Tensor<3>, actions: usize) -> Tensor<3> {
    let all = Tensor::<1, Int>::arange(0..actions as i64, &index.device()).float();
    index.equal(all.reshape([1, 1, actions])).float()
}
