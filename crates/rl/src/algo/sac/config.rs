//! Every choice of Soft Actor-Critic in one place. What is done with it stands in the updates.

use serde::{Deserialize, Serialize};

use super::SequenceTraining;
use super::actions::{Actions, joined};
use super::choices::{
    ActorGradient, Backup, BehaviorCloning, CriticLoss, TargetUpdate, Temperature, ValueNetwork,
};
use crate::algo::TrainError;
use crate::nn::memory::Memory;
use crate::nn::{Architecture, Encoder, Head, Init, Inputs, NetworkError};

/// Configuration of Soft Actor-Critic (Haarnoja et al. 2018b; Christodoulou 2019 for discrete actions). The
/// environment's actions choose its form: discrete ones a softmax policy, a box a squashed Gaussian.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SacConfig {
    /// Widths of the hidden layers of actor and critics, each 1–4096; `[]` makes them linear. Wider learns
    /// harder tasks, slower.
    pub hidden: Vec<usize>,
    /// Those of the critics and the value network where they are not the actor's: a small actor beside wide
    /// critics acts faster and often as well (Mysore et al. 2021); as `hidden` when absent.
    pub critic_hidden: Option<Vec<usize>>,
    /// What stands between an observation and the hidden layers of actor and critics.
    pub encoder: Encoder,
    /// What stands between the moments of an episode and the hidden layers of actor and critics, each its own: an agent
    /// with memory learns on sequences, as `sequence` says.
    #[serde(skip_serializing_if = "Memory::is_none")]
    pub memory: Memory,
    /// How an agent with memory learns.
    #[serde(skip_serializing_if = "SequenceTraining::is_default")]
    pub sequence: SequenceTraining,
    /// Whether every hidden layer is normalized before its ReLU (Ba et al. 2016): steadier, slower.
    pub layer_norm: bool,
    /// How weights begin.
    pub init: Init,
    /// Discount factor of future rewards, [0, 1).
    pub gamma: f32,
    /// Which target critics are bootstrapped from.
    pub backup: Backup,
    /// Whether the critic target keeps its entropy term.
    pub entropy_in_target: bool,
    /// Output layer of the critics; dueling tells states apart before actions (Wang et al. 2016).
    pub critic_head: Head,
    /// State-value network to bootstrap from in place of target critics (Haarnoja et al. 2018a); off when absent.
    pub value_network: Option<ValueNetwork>,
    /// Loss of the TD error.
    pub critic_loss: CriticLoss,
    /// Range around the target critic's `Q(o, a)` beyond which a critic gains nothing, > 0; smaller
    /// is steadier and slower (SD-SAC, Zhou et al. 2022); off when absent.
    pub q_clip: Option<f32>,
    /// How the actor's gradient is estimated.
    pub actor_gradient: ActorGradient,
    /// Weight `beta` > 0 of `½ (H_old − H)²` in the actor loss: larger keeps the policy's entropy
    /// nearer that of the behavior it learns from (SD-SAC, Zhou et al. 2022); off when absent.
    pub entropy_penalty: Option<f32>,
    /// Imitation of what people and demonstrations did, at first; off when absent. For discrete actions without memory.
    pub behavior_cloning: Option<BehaviorCloning>,
    /// How target critics follow.
    pub target_update: TargetUpdate,
    /// How the temperature is set.
    pub temperature: Temperature,
    /// Temperature at the start, > 0; with a fixed one, the temperature itself, which may change while learning.
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
    /// Factor of rewards where returns are formed, > 0: beside a fixed temperature, the reward scale of the first Soft
    /// Actor-Critic (Haarnoja et al. 2018a).
    #[serde(skip_serializing_if = "is_one")]
    pub reward_scale: f32,
    /// Smallest and largest logarithm of the standard deviation of a continuous action before it is squashed into its
    /// bounds, −30 to 10.
    #[serde(skip_serializing_if = "is_usual")]
    pub log_std_bounds: [f32; 2],
    /// Whether the standard deviation of a continuous action is one learned parameter per dimension, independent of the
    /// observation, as in TRPO (Schulman et al. 2015).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shared_std: bool,
}

/// The usual range of `log_std` (Haarnoja et al. 2018b, published code).
const LOG_STD_BOUNDS: [f32; 2] = [-20.0, 2.0];

fn is_one(scale: &f32) -> bool {
    *scale == 1.0
}

fn is_usual(bounds: &[f32; 2]) -> bool {
    *bounds == LOG_STD_BOUNDS
}

impl Default for SacConfig {
    fn default() -> Self {
        Self {
            hidden: vec![128, 128],
            critic_hidden: None,
            encoder: Encoder::Auto,
            memory: Memory::None,
            sequence: SequenceTraining::default(),
            layer_norm: false,
            init: Init::Uniform,
            gamma: 0.99,
            backup: Backup::Clipped,
            entropy_in_target: true,
            critic_head: Head::Linear,
            value_network: None,
            critic_loss: CriticLoss::Mse,
            q_clip: None,
            actor_gradient: ActorGradient::Expected,
            entropy_penalty: None,
            behavior_cloning: None,
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
            reward_scale: 1.0,
            log_std_bounds: LOG_STD_BOUNDS,
            shared_std: false,
        }
    }
}

impl SacConfig {
    /// Widths of the hidden layers of critics and value network.
    pub(super) fn widths_of_critics(&self) -> &[usize] {
        self.critic_hidden.as_ref().unwrap_or(&self.hidden)
    }

    /// What the actor is made of, where it reads `inputs`.
    ///
    /// # Errors
    /// [`TrainError::Network`] for convolutions that `inputs` have no grid or not enough room for,
    /// [`TrainError::Config`] for a memory, which these do not include.
    pub(super) fn actor(&self, inputs: Inputs) -> Result<Architecture, TrainError> {
        self.networks(inputs, &self.hidden)
    }

    /// What the value network is made of.
    ///
    /// # Errors
    /// As [`SacConfig::actor`].
    pub(super) fn value(&self, inputs: Inputs) -> Result<Architecture, TrainError> {
        self.networks(inputs, self.widths_of_critics())
    }

    /// What critics of `actions` are made of.
    ///
    /// # Errors
    /// As [`SacConfig::actor`].
    pub(super) fn critics(&self, inputs: Inputs, actions: &Actions) -> Result<Architecture, TrainError> {
        let convolved = !self.encoder.convolutions(inputs.grid).map_err(within)?.is_empty();
        self.value(joined(inputs, convolved, actions.read_by_critics()))
    }

    fn networks(&self, inputs: Inputs, hidden: &[usize]) -> Result<Architecture, TrainError> {
        self.reactive()?;
        Ok(Architecture::new(inputs, &self.encoder, hidden, self.layer_norm, self.init).map_err(within)?)
    }

    /// The temperature itself, where it is fixed.
    pub fn fixed_temperature(&self) -> Option<f32> {
        (self.temperature == Temperature::Fixed).then_some(self.initial_temperature)
    }

    /// Checks every field's range and that the choices go together.
    ///
    /// # Errors
    /// [`TrainError::Config`] names the first field that fails, its value and what is allowed.
    pub fn validate(&self) -> Result<(), TrainError> {
        let check = |ok: bool, key: &'static str, value: String, allowed: &'static str| {
            if ok { Ok(()) } else { Err(TrainError::Config { key, value, allowed }) }
        };
        for (key, widths) in
            [("sac.hidden", &self.hidden[..]), ("sac.critic_hidden", self.widths_of_critics())]
        {
            let ok = widths.len() <= 8 && widths.iter().all(|width| (1..=4096).contains(width));
            check(ok, key, format!("{widths:?}"), "at most 8 widths of 1 to 4096")?;
        }
        self.encoder.validate().map_err(within)?;
        self.validate_memory()?;
        check((0.0..1.0).contains(&self.gamma), "sac.gamma", self.gamma.to_string(), "0 ≤ gamma < 1")?;
        match self.target_update {
            TargetUpdate::Soft { tau } => {
                check(tau > 0.0 && tau <= 1.0, "sac.target_update.tau", tau.to_string(), "0 < tau ≤ 1")?
            }
            TargetUpdate::Hard { interval } => {
                check(interval >= 1, "sac.target_update.interval", interval.to_string(), "1 or more")?
            }
        }
        let fraction =
            |key, value: f32| check((0.0..=1.0).contains(&value), key, value.to_string(), "0 to 1");
        match self.temperature {
            Temperature::Learned { target_entropy_fraction } => {
                fraction("sac.temperature.target_entropy_fraction", target_entropy_fraction)?
            }
            Temperature::Annealed { upper_fraction, lower_fraction, steps } => {
                fraction("sac.temperature.upper_fraction", upper_fraction)?;
                let (key, allowed) = ("sac.temperature.lower_fraction", "0 to upper_fraction");
                let ordered = (0.0..=upper_fraction).contains(&lower_fraction);
                check(ordered, key, lower_fraction.to_string(), allowed)?;
                check(steps >= 1, "sac.temperature.steps", steps.to_string(), "1 or more")?
            }
            Temperature::Fixed => {}
        }
        let drawn = |samples: usize| {
            let key = "sac.actor_gradient.samples";
            check((1..=1024).contains(&samples), key, samples.to_string(), "1 to 1024")
        };
        match self.actor_gradient {
            ActorGradient::Expected | ActorGradient::ForwardKl => {}
            ActorGradient::Reinforce { samples } => drawn(samples)?,
            ActorGradient::Gumbel { samples, relaxation } => {
                drawn(samples)?;
                let key = "sac.actor_gradient.relaxation";
                let ok = (0.01..=100.0).contains(&relaxation);
                check(ok, key, relaxation.to_string(), "0.01 to 100")?
            }
        }
        if let (Some(q_clip), Some(_)) = (self.q_clip, self.value_network) {
            let allowed = "absence beside sac.value_network, which leaves no target critics to clip around";
            check(false, "sac.q_clip", q_clip.to_string(), allowed)?;
        }
        if let Some(BehaviorCloning { steps, .. }) = self.behavior_cloning {
            check(steps >= 1, "sac.behavior_cloning.steps", steps.to_string(), "1 or more")?;
        }
        for (key, value) in [
            ("sac.behavior_cloning.weight", self.behavior_cloning.map_or(1.0, |own| own.weight)),
            ("sac.initial_temperature", self.initial_temperature),
            ("sac.actor_learning_rate", self.actor_learning_rate),
            ("sac.critic_learning_rate", self.critic_learning_rate),
            ("sac.temperature_learning_rate", self.temperature_learning_rate),
            ("sac.adam_epsilon", self.adam_epsilon),
            ("sac.grad_clip", self.grad_clip.unwrap_or(1.0)),
            ("sac.reward_scale", self.reward_scale),
            ("sac.q_clip", self.q_clip.unwrap_or(1.0)),
            ("sac.entropy_penalty", self.entropy_penalty.unwrap_or(1.0)),
            ("sac.value_network.learning_rate", self.value_network.unwrap_or_default().learning_rate),
        ] {
            check(value.is_finite() && value > 0.0, key, value.to_string(), "a finite number above 0")?;
        }
        let [low, high] = self.log_std_bounds;
        let ok = (-30.0..=10.0).contains(&low) && high <= 10.0 && low < high;
        check(ok, "sac.log_std_bounds", format!("[{low}, {high}]"), "[low, high] with -30 ≤ low < high ≤ 10")
    }
}

/// An error of the networks' settings, which stand in this table.
pub(super) fn within(error: NetworkError) -> NetworkError {
    error.within("sac")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_todays_behavior() {
        let config: SacConfig = serde_json::from_str("{}").unwrap();
        assert_eq!(config, SacConfig::default());
        assert_eq!(
            (config.critic_head, config.value_network, config.q_clip, config.entropy_penalty),
            (Head::Linear, None, None, None)
        );
        assert_eq!(config.actor_gradient, ActorGradient::Expected);
        let text = r#"{"actor_gradient": {"mode": "gumbel", "samples": 2, "relaxation": 0.5}, "value_network": {},
            "temperature": {"mode": "annealed", "upper_fraction": 0.9, "lower_fraction": 0.2, "steps": 1000}}"#;
        let config: SacConfig = serde_json::from_str(text).unwrap();
        config.validate().unwrap();
        assert_eq!(config.actor_gradient, ActorGradient::Gumbel { samples: 2, relaxation: 0.5 });
        assert_eq!(config.value_network, Some(ValueNetwork::default()));
        assert_eq!(config.temperature.target_entropy_fraction(1), Some(0.9));
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<SacConfig>(&text).unwrap(), config);
    }

    #[test]
    fn impossible_choices_name_key_value_and_remedy() {
        let plain = SacConfig::default;
        let annealed = |upper_fraction, lower_fraction, steps| SacConfig {
            temperature: Temperature::Annealed { upper_fraction, lower_fraction, steps },
            ..plain()
        };
        let gumbel = |samples, relaxation| SacConfig {
            actor_gradient: ActorGradient::Gumbel { samples, relaxation },
            ..plain()
        };
        let value_network = |learning_rate| Some(ValueNetwork { learning_rate });
        for (start, config) in [
            (
                "sac.q_clip = 0.5",
                SacConfig { q_clip: Some(0.5), value_network: value_network(1e-3), ..plain() },
            ),
            ("sac.q_clip = 0:", SacConfig { q_clip: Some(0.0), ..plain() }),
            (
                "sac.behavior_cloning.weight = 0",
                SacConfig { behavior_cloning: Some(BehaviorCloning { weight: 0.0, steps: 9 }), ..plain() },
            ),
            (
                "sac.behavior_cloning.steps = 0",
                SacConfig { behavior_cloning: Some(BehaviorCloning { weight: 1.0, steps: 0 }), ..plain() },
            ),
            ("sac.entropy_penalty = -1", SacConfig { entropy_penalty: Some(-1.0), ..plain() }),
            (
                "sac.value_network.learning_rate = NaN",
                SacConfig { value_network: value_network(f32::NAN), ..plain() },
            ),
            (
                "sac.actor_gradient.samples = 0",
                SacConfig { actor_gradient: ActorGradient::Reinforce { samples: 0 }, ..plain() },
            ),
            ("sac.actor_gradient.samples = 2000", gumbel(2000, 1.0)),
            ("sac.actor_gradient.relaxation = 0", gumbel(1, 0.0)),
            ("sac.temperature.upper_fraction = 1.5", annealed(1.5, 0.2, 10)),
            ("sac.temperature.lower_fraction = 0.6", annealed(0.5, 0.6, 10)),
            ("sac.temperature.steps = 0", annealed(0.5, 0.2, 0)),
            ("sac.reward_scale = 0", SacConfig { reward_scale: 0.0, ..plain() }),
            ("sac.log_std_bounds = [2, -20]", SacConfig { log_std_bounds: [2.0, -20.0], ..plain() }),
            ("sac.log_std_bounds = [NaN, 2]", SacConfig { log_std_bounds: [f32::NAN, 2.0], ..plain() }),
        ] {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.starts_with(start) && error.contains("allowed:"), "{error}");
        }
        plain().validate().unwrap();
        annealed(0.5, 0.5, 1).validate().unwrap();
    }
}
