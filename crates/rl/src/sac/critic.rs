//! Trained critics read from outside: batched observations in, action values out.
//! Learning is left to the updates; this only holds a copy of the critics' parameters.

use super::architecture::Architecture;
use super::network::{Activations, Network};
use super::{Backup, Inputs, SacConfig, SacError, TensorMap};
use crate::mdp::{ActionValues, ObservationBatch};

/// The online critics of one agent.
#[derive(Debug, Clone)]
pub struct Critic {
    critics: Vec<Network>,
    backup: Backup,
}

impl Critic {
    /// The critics of `config` for `inputs` and `actions` with the tensors called `critic1.…` and, unless
    /// the backup is single, `critic2.…`; others are ignored.
    ///
    /// # Errors
    /// As [`super::CategoricalPolicy::from_tensors`].
    pub fn from_tensors(
        config: &SacConfig,
        inputs: impl Into<Inputs>,
        actions: usize,
        tensors: &TensorMap,
    ) -> Result<Self, SacError> {
        config.validate()?;
        let architecture = Architecture::of_critics(config, inputs.into())?;
        let names: &[&str] =
            if config.backup == Backup::Single { &["critic1"] } else { &["critic1", "critic2"] };
        let critic = |name: &&str| {
            let mut critic = Network::zeros(&architecture, actions, config.critic_head);
            critic.parameters = critic.flat(tensors, |own| format!("{name}.{own}"))?;
            Ok(critic)
        };
        Ok(Self { critics: names.iter().map(critic).collect::<Result<_, _>>()?, backup: config.backup })
    }

    /// `[B, A]`: what the actor learns from, `Qagg(o, a)` of the specification's section 4: the critic
    /// itself, the smaller of two with the clipped backup, their mean with the others.
    pub fn values(&self, observations: &ObservationBatch) -> Vec<f32> {
        let mut values = Vec::new();
        self.action_values(observations, &mut values);
        if self.critics.len() > 1 {
            let others = values.split_off(values.len() / 2);
            for (value, other) in values.iter_mut().zip(others) {
                *value =
                    if self.backup == Backup::Clipped { value.min(other) } else { 0.5 * (*value + other) };
            }
        }
        values
    }
}

impl ActionValues for Critic {
    fn critics(&self) -> usize {
        self.critics.len()
    }

    fn action_values(&self, observations: &ObservationBatch, values: &mut Vec<f32>) {
        let mut features = Vec::new();
        observations.features(&mut features);
        values.clear();
        for critic in &self.critics {
            let mut activations = Activations::default();
            critic.forward(&features, &mut activations);
            activations.rows().for_each(|row| values.extend_from_slice(&row[..critic.outputs()]));
        }
    }
}
