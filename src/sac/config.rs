//! Every choice of Soft Actor-Critic in one place. What is done with it stands in the updates.

use serde::{Deserialize, Serialize};

use super::SacError;

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
    /// Learned so that policy entropy meets `target_entropy_fraction · ln A`.
    Learned {
        /// Fraction of the largest possible entropy, [0, 1].
        target_entropy_fraction: f32,
    },
    /// Stays at its initial value.
    Fixed,
}

/// Configuration of discrete Soft Actor-Critic (Haarnoja et al. 2018b; Christodoulou 2019).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SacConfig {
    /// Widths of the hidden layers of actor and critics; each 1–4096. Wider learns harder tasks, slower.
    pub hidden: Vec<usize>,
    /// Discount factor of future rewards, [0, 1).
    pub gamma: f32,
    /// Which target critics are bootstrapped from.
    pub backup: Backup,
    /// Whether the critic target keeps its entropy term.
    pub entropy_in_target: bool,
    /// Loss of the TD error.
    pub critic_loss: CriticLoss,
    /// How target critics follow.
    pub target_update: TargetUpdate,
    /// How the temperature is set.
    pub temperature: Temperature,
    /// Temperature at the start, > 0.
    pub initial_temperature: f32,
    /// Adam step size of the actor, > 0.
    pub actor_learning_rate: f32,
    /// Adam step size of the critics, > 0.
    pub critic_learning_rate: f32,
    /// Adam step size of the logarithm of the temperature, > 0.
    pub temperature_learning_rate: f32,
    /// Adam's ε, added outside the square root, > 0 (Kingma & Ba 2015).
    pub adam_epsilon: f32,
    /// Largest global gradient norm of each network; off when absent.
    pub grad_clip: Option<f32>,
}

impl Default for SacConfig {
    fn default() -> Self {
        Self {
            hidden: vec![128, 128],
            gamma: 0.99,
            backup: Backup::Clipped,
            entropy_in_target: true,
            critic_loss: CriticLoss::Mse,
            target_update: TargetUpdate::Soft { tau: 0.005 },
            // 0.98 keeps a two- or three-action policy nearly uniform and drives the temperature
            // up without bound; half of ln A leaves room for a clear preference.
            temperature: Temperature::Learned { target_entropy_fraction: 0.5 },
            initial_temperature: 0.2,
            actor_learning_rate: 3e-4,
            critic_learning_rate: 1e-3,
            temperature_learning_rate: 3e-4,
            adam_epsilon: 1e-8,
            grad_clip: None,
        }
    }
}

impl SacConfig {
    /// Checks every field's range.
    ///
    /// # Errors
    /// [`SacError::Config`] names the first field out of range, its value and what is allowed.
    pub fn validate(&self) -> Result<(), SacError> {
        let check = |ok: bool, key: &'static str, value: String, allowed: &'static str| {
            if ok { Ok(()) } else { Err(SacError::Config { key, value, allowed }) }
        };
        check(
            self.hidden.len() <= 8 && self.hidden.iter().all(|width| (1..=4096).contains(width)),
            "sac.hidden",
            format!("{:?}", self.hidden),
            "at most 8 widths of 1 to 4096",
        )?;
        check((0.0..1.0).contains(&self.gamma), "sac.gamma", self.gamma.to_string(), "0 ≤ gamma < 1")?;
        match self.target_update {
            TargetUpdate::Soft { tau } => {
                check(tau > 0.0 && tau <= 1.0, "sac.target_update.tau", tau.to_string(), "0 < tau ≤ 1")?
            }
            TargetUpdate::Hard { interval } => {
                check(interval >= 1, "sac.target_update.interval", interval.to_string(), "1 or more")?
            }
        }
        if let Temperature::Learned { target_entropy_fraction: fraction } = self.temperature {
            check(
                (0.0..=1.0).contains(&fraction),
                "sac.temperature.target_entropy_fraction",
                fraction.to_string(),
                "0 to 1",
            )?;
        }
        for (key, value) in [
            ("sac.initial_temperature", self.initial_temperature),
            ("sac.actor_learning_rate", self.actor_learning_rate),
            ("sac.critic_learning_rate", self.critic_learning_rate),
            ("sac.temperature_learning_rate", self.temperature_learning_rate),
            ("sac.adam_epsilon", self.adam_epsilon),
            ("sac.grad_clip", self.grad_clip.unwrap_or(1.0)),
        ] {
            check(value.is_finite() && value > 0.0, key, value.to_string(), "a finite number above 0")?;
        }
        Ok(())
    }
}
