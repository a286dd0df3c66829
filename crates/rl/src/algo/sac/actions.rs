//! What an agent chooses from, and what that makes of its networks and of the settings that depend on it.

use super::{ActorGradient, SacConfig};
use crate::algo::TrainError;
use crate::mdp::{ActionBatch, ActionDimension, ActionSpace};
use crate::nn::{Head, Inputs};

/// Most dimensions of a continuous action.
const MOST_DIMENSIONS: usize = 1024;

/// The actions of an agent. Of discrete ones only the number matters.
#[derive(Debug, Clone, PartialEq)]
pub enum Actions {
    /// One of so many.
    Discrete(usize),
    /// A point of a box: a squashed Gaussian, critics that read the action (Haarnoja et al. 2018b).
    Continuous(Vec<ActionDimension>),
}

impl From<usize> for Actions {
    fn from(actions: usize) -> Self {
        Self::Discrete(actions)
    }
}

impl From<&ActionSpace> for Actions {
    fn from(space: &ActionSpace) -> Self {
        match space {
            ActionSpace::Discrete(names) => Self::Discrete(names.len()),
            ActionSpace::Continuous(dimensions) => Self::Continuous(dimensions.clone()),
        }
    }
}

impl Actions {
    /// Number of discrete actions, or of dimensions: `A`.
    pub fn count(&self) -> usize {
        match self {
            Self::Discrete(actions) => *actions,
            Self::Continuous(dimensions) => dimensions.len(),
        }
    }

    /// Whether an action is a point of a box.
    pub fn is_continuous(&self) -> bool {
        matches!(self, Self::Continuous(_))
    }

    /// Checks their number and bounds.
    ///
    /// # Errors
    /// [`TrainError::Config`].
    pub(super) fn check(&self) -> Result<(), TrainError> {
        let refuse = |value: String, allowed| Err(TrainError::Config { key: "actions", value, allowed });
        match self {
            Self::Discrete(actions) if *actions == 0 || *actions > usize::from(u16::MAX) => {
                refuse(actions.to_string(), "1 to 65535")
            }
            Self::Discrete(_) => Ok(()),
            Self::Continuous(dimensions) if !(1..=MOST_DIMENSIONS).contains(&dimensions.len()) => {
                refuse(format!("{} dimensions", dimensions.len()), "1 to 1024")
            }
            Self::Continuous(dimensions) => match dimensions.iter().find(|own| !own.is_valid()) {
                Some(own) => refuse(own.to_string(), "finite bounds, the lower one first"),
                None => Ok(()),
            },
        }
    }

    /// Number of outputs and head of the actor.
    pub(super) fn actor(&self, config: &SacConfig) -> (usize, Head) {
        match self {
            Self::Discrete(actions) => (*actions, Head::Linear),
            Self::Continuous(dimensions) if config.shared_std => (2 * dimensions.len(), Head::SharedStd),
            Self::Continuous(dimensions) => (2 * dimensions.len(), Head::Gaussian),
        }
    }

    /// Number of outputs and head of a critic.
    pub(super) fn critic(&self, config: &SacConfig) -> (usize, Head) {
        match self {
            Self::Discrete(actions) => (*actions, config.critic_head),
            Self::Continuous(_) => (1, Head::Linear),
        }
    }

    /// Entries of an action that critics read beside the observation.
    pub(super) fn read_by_critics(&self) -> usize {
        match self {
            Self::Discrete(_) => 0,
            Self::Continuous(dimensions) => dimensions.len(),
        }
    }

    /// Whether `batch` is `rows` of them; of discrete ones those that are `used` must be known.
    pub(super) fn problem_of(
        &self,
        batch: &ActionBatch,
        rows: usize,
        used: impl Fn(usize) -> bool,
    ) -> Option<String> {
        let (discrete, continuous) = (batch.discrete.len(), batch.continuous.len());
        let expected = match self {
            Self::Discrete(_) => (rows, 0),
            Self::Continuous(dimensions) => (0, rows.saturating_mul(dimensions.len())),
        };
        if (discrete, continuous) != expected {
            return Some("has columns of different length".to_owned());
        }
        let Self::Discrete(actions) = self else { return None };
        let mut unknown = batch.discrete.iter().enumerate();
        let (_, action) = unknown.find(|(row, action)| usize::from(**action) >= *actions && used(*row))?;
        Some(format!("holds action {action}, there are {actions}"))
    }
}

/// Where the action stands in the row that a critic of continuous actions reads, `[o, a]`: behind the observation, or,
/// where the grid goes through convolutions, behind its vector.
pub(super) fn action_entry(inputs: Inputs, convolutions: bool) -> usize {
    if convolutions { inputs.vector } else { inputs.features() }
}

/// What such a critic reads where the actor reads `inputs`.
pub(super) fn joined(inputs: Inputs, convolutions: bool, dims: usize) -> Inputs {
    match (dims, convolutions) {
        (0, _) => inputs,
        (_, true) => Inputs { vector: inputs.vector.saturating_add(dims), grid: inputs.grid },
        (_, false) => inputs.features().saturating_add(dims).into(),
    }
}

impl SacConfig {
    /// Checks that the choices go with the kind of `actions`, and these themselves.
    ///
    /// # Errors
    /// [`TrainError::Config`] names the first choice that does not, its value and what is allowed.
    pub(super) fn goes_with(&self, actions: &Actions) -> Result<(), TrainError> {
        actions.check()?;
        let refused = |key, value: String, allowed| Err(TrainError::Config { key, value, allowed });
        if !actions.is_continuous() {
            let [low, high] = self.log_std_bounds;
            if self.shared_std {
                let allowed = "false for discrete actions, which have no standard deviation";
                return refused("sac.shared_std", "true".to_owned(), allowed);
            }
            return match self.log_std_bounds == SacConfig::default().log_std_bounds {
                true => Ok(()),
                false => refused(
                    "sac.log_std_bounds",
                    format!("[{low}, {high}]"),
                    "no value for discrete actions, leave it out",
                ),
            };
        }
        match self.actor_gradient {
            ActorGradient::Expected => {}
            ActorGradient::Reinforce { .. } if self.memory.is_none() => {}
            ActorGradient::Reinforce { .. } => {
                let allowed = "expected for continuous actions with sac.memory";
                return refused("sac.actor_gradient.mode", "reinforce".to_owned(), allowed);
            }
            ActorGradient::ForwardKl | ActorGradient::Gumbel { .. } => {
                let kl = self.actor_gradient == ActorGradient::ForwardKl;
                let value = if kl { "forward_kl" } else { "gumbel" };
                let allowed = "expected or reinforce for continuous actions";
                return refused("sac.actor_gradient.mode", value.to_owned(), allowed);
            }
        }
        if self.critic_head == Head::Dueling {
            let allowed = "linear for continuous actions, which critics read instead of listing them";
            return refused("sac.critic_head", "dueling".to_owned(), allowed);
        }
        if self.behavior_cloning.is_some() {
            return refused("sac.behavior_cloning", "on".to_owned(), "none for continuous actions");
        }
        if let Some(q_clip) = self.q_clip {
            return refused("sac.q_clip", q_clip.to_string(), "none for continuous actions");
        }
        if let Some(beta) = self.entropy_penalty {
            let allowed = "none for continuous actions, whose entropy is only estimated";
            return refused("sac.entropy_penalty", beta.to_string(), allowed);
        }
        Ok(())
    }

    /// Whether a gradient step draws random numbers.
    pub(super) fn draws(&self, actions: &Actions) -> bool {
        actions.is_continuous() || self.actor_gradient.is_sampled()
    }

    /// Factor of rewards where returns are formed.
    pub(super) fn total_reward_scale(&self) -> f32 {
        self.reward_scale * self.sequence.reward_scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn torque(low: f32, high: f32) -> Actions {
        Actions::from(&ActionSpace::continuous(&[("torque", [low, high])]))
    }

    #[test]
    fn impossible_actions_and_choices_name_key_value_and_remedy() {
        let plain = SacConfig::default;
        let memory = serde_json::from_str(r#"{"kind": "lstm"}"#).unwrap();
        let reinforce = ActorGradient::Reinforce { samples: 2 };
        for (start, config, actions) in [
            ("actions = torque: 2 to -2", plain(), torque(2.0, -2.0)),
            ("actions = torque: 1 to 1", plain(), torque(1.0, 1.0)),
            ("actions = torque: -inf to 1", plain(), torque(f32::NEG_INFINITY, 1.0)),
            ("actions = torque: NaN to 1", plain(), torque(f32::NAN, 1.0)),
            ("actions = 0 dimensions", plain(), Actions::Continuous(Vec::new())),
            (
                "sac.actor_gradient.mode = forward_kl",
                SacConfig { actor_gradient: ActorGradient::ForwardKl, ..plain() },
                torque(-1.0, 1.0),
            ),
            (
                "sac.actor_gradient.mode = gumbel",
                SacConfig {
                    actor_gradient: ActorGradient::Gumbel { samples: 1, relaxation: 1.0 },
                    ..plain()
                },
                torque(-1.0, 1.0),
            ),
            (
                "sac.actor_gradient.mode = reinforce",
                SacConfig { actor_gradient: reinforce, memory, ..plain() },
                torque(-1.0, 1.0),
            ),
            (
                "sac.critic_head = dueling",
                SacConfig { critic_head: Head::Dueling, ..plain() },
                torque(-1.0, 1.0),
            ),
            ("sac.log_std_bounds = [-5, 2]", SacConfig { log_std_bounds: [-5.0, 2.0], ..plain() }, 3.into()),
            ("sac.shared_std = true", SacConfig { shared_std: true, ..plain() }, 3.into()),
            ("sac.q_clip = 0.5", SacConfig { q_clip: Some(0.5), ..plain() }, torque(-1.0, 1.0)),
            (
                "sac.entropy_penalty = 0.5",
                SacConfig { entropy_penalty: Some(0.5), ..plain() },
                torque(-1.0, 1.0),
            ),
        ] {
            let error = config.goes_with(&actions).unwrap_err().to_string();
            assert!(
                error.starts_with(start) && error.contains("allowed:") && !error.contains('\n'),
                "{error}"
            );
        }
        SacConfig { actor_gradient: reinforce, ..plain() }.goes_with(&torque(0.5, 4.5)).unwrap();
        let discrete = SacConfig { q_clip: Some(0.5), actor_gradient: ActorGradient::ForwardKl, ..plain() };
        discrete.goes_with(&3.into()).unwrap();
    }
}
