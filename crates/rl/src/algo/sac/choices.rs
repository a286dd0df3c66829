//! What can be chosen for each part of Soft Actor-Critic: backups, losses, targets, temperature, estimators of the gradient.

use serde::{Deserialize, Serialize};

/// Which target critics enter the soft value of critic `i` (specification section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backup {
    /// One critic, its own target.
    Single,
    /// Two critics, each bootstraps from the other's target.
    Double,
    /// Elementwise minimum of both targets (Fujimoto et al. 2018).
    Clipped,
    /// Mean of both targets (SD-SAC, Zhou et al. 2022).
    Mean,
}

/// Loss of the signed TD error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CriticLoss {
    /// `d²`.
    Mse,
    /// `½ d²` for `|d| ≤ 1`, else `|d| − ½`.
    Huber,
}

/// How target networks follow the online ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case", deny_unknown_fields)]
pub enum TargetUpdate {
    /// `target ← tau·online + (1 − tau)·target` after every gradient step.
    Soft {
        /// Share of the online network, (0, 1].
        tau: f32,
    },
    /// A copy after every `interval` gradient steps.
    Hard {
        /// Gradient steps between copies, ≥ 1.
        interval: u64,
    },
}

/// How the temperature is set. Its logarithm is kept within ln 1e-6 and ln 1e3, which no run that
/// learns comes near.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case", deny_unknown_fields)]
pub enum Temperature {
    /// Learned so that policy entropy meets `target_entropy_fraction · ln A`. Of continuous actions
    /// `Σ_j (ln half_j − 2 (1 − target_entropy_fraction))`, where `half_j` is half the width of a dimension: at one
    /// half the usual `−A` (Haarnoja et al. 2018b, appendix D), in units in which bounds are ±1.
    Learned {
        /// Fraction of ln A, the largest possible entropy of discrete actions; of continuous ones see above. [0, 1].
        target_entropy_fraction: f32,
    },
    /// Learned towards a target entropy that falls linearly, so that exploration ends on schedule.
    Annealed {
        /// Fraction of `ln A` aimed for at the first gradient step, [0, 1].
        upper_fraction: f32,
        /// Fraction aimed for after `steps` gradient steps and ever after, [0, `upper_fraction`].
        lower_fraction: f32,
        /// Gradient steps from the upper to the lower fraction, ≥ 1.
        steps: u64,
    },
    /// Stays at its initial value.
    Fixed,
}

impl Temperature {
    /// Fraction of `ln A` that gradient step `t`, counted from 1, aims for; `None` when the
    /// temperature is fixed. Annealed: `upper + (lower − upper) · min((t − 1) / steps, 1)`.
    pub fn target_entropy_fraction(&self, t: u64) -> Option<f32> {
        match *self {
            Self::Learned { target_entropy_fraction } => Some(target_entropy_fraction),
            Self::Annealed { upper_fraction, lower_fraction, steps } => {
                // In f64: counts of gradient steps outgrow f32.
                let progress = (t.saturating_sub(1) as f64 / steps as f64).min(1.0) as f32;
                Some(upper_fraction + (lower_fraction - upper_fraction) * progress)
            }
            Self::Fixed => None,
        }
    }
}

/// How the gradient of the actor's objective `Σ_a p(a) · Qagg(a) + temperature · H` is estimated. The
/// entropy of discrete actions is exact in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum ActorGradient {
    /// Sums over all actions: no noise, no bias (Christodoulou 2019, equation 12). Of continuous actions, one sample in
    /// their place, with the gradient through it: reparameterized (Haarnoja et al. 2018b, equation 10).
    Expected,
    /// Exact as well, towards the same optimum from the other side: `temperature · KL(t ‖ p)` to the policy
    /// `t = softmax(Qagg / temperature)`. An action that the policy has all but given up, from which the
    /// others let it return only as fast as it is probable, is won back as soon as its value rises
    /// (Chan et al. 2022, section 3).
    ForwardKl,
    /// Score function `Qagg(a_k) · ∇ ln p(a_k)` of sampled actions without a baseline: unbiased, noisy
    /// (Williams 1992). The entropy of continuous actions keeps its reparameterized gradient.
    Reinforce {
        /// Actions `K` drawn for each state, 1–1024; noise falls with `√K`.
        samples: usize,
    },
    /// Straight-through Gumbel-softmax: the loss values the sampled action, the gradient is that of
    /// its relaxation (Jang et al. 2017). Biased: the relaxed sample's mean is not the policy. The
    /// bias vanishes as `relaxation → 0`, where the noise grows without bound.
    Gumbel {
        /// Actions `K` drawn for each state, 1–1024; noise falls with `√K`.
        samples: usize,
        /// Temperature of the relaxation, 0.01–100: lower is less biased and noisier.
        relaxation: f32,
    },
}

impl ActorGradient {
    /// Whether it draws random numbers.
    pub fn is_sampled(self) -> bool {
        matches!(self, Self::Reinforce { .. } | Self::Gumbel { .. })
    }
}

/// Behavior cloning of demonstrated actions beside the actor's own loss: `weight · (1 − progress) · mean_b d_b · (−ln p(a_b))`
/// with `d_b = 1` where a person or a demonstration played (Nair et al. 2018, equation 2, for discrete actions).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BehaviorCloning {
    /// Weight at the first gradient step, > 0.
    pub weight: f32,
    /// Gradient steps over which it fades to 0, in a straight line, 1 or more.
    pub steps: u64,
}

impl BehaviorCloning {
    /// Its weight in gradient step `t`, counted from 1; `None` once it has faded.
    pub fn weight_at(self, t: u64) -> Option<f32> {
        // In f64: counts of gradient steps outgrow f32.
        let left = 1.0 - t.saturating_sub(1) as f64 / self.steps.max(1) as f64;
        (left > 0.0).then_some(self.weight * left as f32)
    }
}

/// The state-value network of the first Soft Actor-Critic (Haarnoja et al. 2018a), whose target copy
/// replaces the target critics.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ValueNetwork {
    /// Adam step size of the value network, > 0.
    pub learning_rate: f32,
}

impl Default for ValueNetwork {
    fn default() -> Self {
        Self { learning_rate: 1e-3 }
    }
}
