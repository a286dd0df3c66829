//! What may change once training has begun: settings do, choices that make other networks do not.

use serde::Serialize;

use super::{Backup, SacConfig, SequenceTraining, Temperature};
use crate::algo::TrainError;
use crate::nn::memory::Memory;

impl SacConfig {
    /// Whether training that began under `before` can go on under this one.
    ///
    /// # Errors
    /// [`TrainError::Config`] for a value out of range, [`TrainError::Begun`] names the first choice that only a new start
    /// can change: one that shapes the networks, or where a learned temperature begins.
    pub fn follows(&self, before: &Self) -> Result<(), TrainError> {
        self.validate()?;
        self.keeps_networks(before)?;
        let learned = |config: &Self| config.temperature != Temperature::Fixed;
        if learned(self) && learned(before) {
            let [ours, theirs] = [self, before].map(|config| config.initial_temperature);
            same("sac.initial_temperature", &ours, &theirs)?;
        }
        Ok(())
    }

    /// Whether the networks that training began with, under `begun`, are those this one asks for.
    ///
    /// # Errors
    /// [`TrainError::Begun`] names the first choice that makes other networks.
    pub fn keeps_networks(&self, begun: &Self) -> Result<(), TrainError> {
        same("sac.hidden", &self.hidden, &begun.hidden)?;
        same("sac.critic_hidden", self.widths_of_critics(), begun.widths_of_critics())?;
        same("sac.encoder", &self.encoder, &begun.encoder)?;
        same("sac.memory", &self.memory, &begun.memory)?;
        let [ours, theirs] = [&self.sequence, &begun.sequence];
        same("sac.sequence.previous_action", &ours.previous_action, &theirs.previous_action)?;
        same("sac.sequence.previous_reward", &ours.previous_reward, &theirs.previous_reward)?;
        same("sac.init", &self.init, &begun.init)?;
        same("sac.layer_norm", &self.layer_norm, &begun.layer_norm)?;
        same("sac.shared_std", &self.shared_std, &begun.shared_std)?;
        let single = |config: &Self| config.backup == Backup::Single;
        if single(self) != single(begun) {
            let allowed = if single(begun) { "single" } else { "clipped, double or mean" };
            let (value, before) = (text(&self.backup), text(&begun.backup));
            return Err(TrainError::Begun { key: "sac.backup", value, before, allowed: allowed.to_owned() });
        }
        same("sac.critic_head", &self.critic_head, &begun.critic_head)?;
        if self.value_network.is_some() != begun.value_network.is_some() {
            same("sac.value_network", &self.value_network, &begun.value_network)?;
        }
        Ok(())
    }

    /// This configuration with the networks that training began with, under `begun`.
    #[must_use]
    pub fn with_networks_of(&self, begun: &Self) -> Self {
        let SacConfig { hidden, critic_hidden, encoder, memory, init, layer_norm, critic_head, .. } =
            begun.clone();
        let SequenceTraining { previous_action, previous_reward, .. } = begun.sequence;
        let sequence = match memory {
            Memory::None => SequenceTraining::default(),
            _ => SequenceTraining { previous_action, previous_reward, ..self.sequence },
        };
        let single = |config: &Self| config.backup == Backup::Single;
        let backup = if single(self) == single(begun) { self.backup } else { begun.backup };
        let both = self.value_network.is_some() == begun.value_network.is_some();
        let value_network = if both { self.value_network } else { begun.value_network };
        let networks =
            Self { hidden, critic_hidden, encoder, memory, init, layer_norm, critic_head, ..self.clone() };
        Self { backup, value_network, sequence, shared_std: begun.shared_std, ..networks }
    }
}

/// Refuses a choice that is not what training began with.
fn same<T: Serialize + PartialEq + ?Sized>(
    key: &'static str,
    value: &T,
    before: &T,
) -> Result<(), TrainError> {
    if value == before {
        return Ok(());
    }
    let before = text(before);
    Err(TrainError::Begun { key, value: text(value), allowed: before.clone(), before })
}

/// A value as `--set` takes it, where that is one word or number.
fn text(value: &(impl Serialize + ?Sized)) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    if text == "null" { "none".to_owned() } else { text.trim_matches('"').replace(',', ", ") }
}
