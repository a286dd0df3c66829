//! Trained critics read from outside: batched observations in, action values out.
//! Learning is left to the updates; this only holds a copy of the critics' parameters.

use super::{Backup, SacConfig};
use crate::algo::TrainError;
use crate::mdp::{ActionValues, ObservationBatch};
use crate::nn::{Activations, Inputs, Network, NetworkError, TensorMap};

/// The online critics of one agent.
#[derive(Debug, Clone)]
pub struct Critic {
    critics: Vec<Network>,
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
    ) -> Result<Self, TrainError> {
        config.validate()?;
        let architecture = config.critics(inputs.into())?;
        let names: &[&str] =
            if config.backup == Backup::Single { &["critic1"] } else { &["critic1", "critic2"] };
        let critic = |name: &&str| {
            let mut critic = Network::zeros(&architecture, actions, config.critic_head);
            critic.parameters = critic.flat(tensors, |own| format!("{name}.{own}"))?;
            Ok(critic)
        };
        Ok(Self { critics: names.iter().map(critic).collect::<Result<_, NetworkError>>()? })
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
