//! The actor's pass at the moments of a step, whatever the kind of actions: the values it makes of critics, and its
//! entropies. What its losses are is in `actor` and `gaussian`.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor};

use super::actor::Categorical;
use super::gaussian::{ActionBox, Gaussian};
use super::losses::soft_values;
use crate::algo::sac::{Actions, SacConfig};

/// What the actor's outputs mean.
#[derive(Clone)]
pub(super) enum Kind {
    /// Logits of so many actions.
    Discrete(usize),
    /// Means and logarithms of standard deviations.
    Continuous(Box<ActionBox>),
}

impl Kind {
    pub fn new(actions: &Actions, device: &Device) -> Self {
        match actions {
            Actions::Discrete(actions) => Self::Discrete(*actions),
            Actions::Continuous(dimensions) => Self::Continuous(Box::new(ActionBox::new(dimensions, device))),
        }
    }

    /// The policy of `outputs`, `[1, N, …]`; continuous actions are sampled with standard normal `noise`, `[1, N, A]`.
    pub fn policy(&self, config: &SacConfig, outputs: Tensor<3>, noise: Option<&Tensor<3>>) -> Policy {
        match (self, noise) {
            (Self::Continuous(bounds), Some(noise)) => {
                let policy = Gaussian::new(outputs, config.log_std_bounds, bounds, noise.clone());
                Policy::Gaussian(Box::new(policy))
            }
            _ => Policy::Categorical(Box::new(Categorical::new(log_softmax(outputs, 2)))),
        }
    }

    /// Target entropy in nats: `fraction · ln A`, or `Σ_j (ln half_j − 2 (1 − fraction))`.
    pub fn target_entropy(&self, fraction: f32) -> f32 {
        match self {
            Self::Discrete(actions) => fraction * (*actions as f32).ln(),
            Self::Continuous(bounds) => bounds.target_entropy(fraction),
        }
    }
}

/// The policy at `N` moments.
#[derive(Clone)]
pub(super) enum Policy {
    Categorical(Box<Categorical>),
    Gaussian(Box<Gaussian>),
}

impl Policy {
    /// Without gradients.
    pub fn inner(&self) -> Self {
        match self {
            Self::Categorical(policy) => Self::Categorical(Box::new(policy.inner())),
            Self::Gaussian(policy) => Self::Gaussian(Box::new(policy.inner())),
        }
    }

    /// In nats, `[1, N, 1]`: exact, or estimated by `−ln π` of the sampled actions.
    pub fn entropies(&self) -> Tensor<3> {
        match self {
            Self::Categorical(policy) => policy.entropies.clone(),
            Self::Gaussian(policy) => -policy.log_prob.clone(),
        }
    }

    /// `Σ_a p(a) (q(a) − alpha ln p(a))`, or `q(a) − alpha ln π(a)` of the sampled actions; without the second term
    /// where `alpha` is absent. `q` are values, `[C, N, A]`, or those of the actions that it is given, `[C, N, 1]`.
    pub fn soft_values(
        &self,
        alpha: Option<Tensor<3>>,
        q: impl FnOnce(Option<Tensor<3>>) -> Tensor<3>,
    ) -> Tensor<3> {
        match self {
            Self::Categorical(policy) => soft_values(policy.log_policy.clone(), q(None), alpha),
            Self::Gaussian(policy) => {
                let q = q(Some(policy.action.clone()));
                match alpha {
                    Some(alpha) => q - policy.log_prob.clone() * alpha,
                    None => q,
                }
            }
        }
    }
}
