//! What an agent begins with: the same from the same generator, whichever update trains it.

use rand::Rng as _;

use super::architecture::{Architecture, Inputs};
use super::network::{ACTOR_GAIN, Network, VALUE_GAIN};
use super::{Backup, Head, SacConfig, SacError};
use crate::mdp::Rng;

/// Freshly drawn networks.
pub(super) struct Fresh {
    /// Of the actor, and of critics and value network.
    pub(super) architectures: [Architecture; 2],
    pub(super) actor: Network,
    /// One or two, as the backup asks for.
    pub(super) critics: Vec<Network>,
    /// Only in SAC v1.
    pub(super) value: Option<Network>,
    /// Names the random streams of the actor's samples.
    pub(super) seed: u64,
}

impl Fresh {
    /// Networks for `inputs` and `actions` outputs with parameters drawn from `rng`.
    ///
    /// # Errors
    /// [`SacError::Config`] for a value out of range, and for convolutions that do not fit `inputs`.
    pub(super) fn draw(
        config: &SacConfig,
        inputs: Inputs,
        actions: usize,
        rng: &mut Rng,
    ) -> Result<Self, SacError> {
        config.validate()?;
        let architectures = [Architecture::new(config, inputs)?, Architecture::of_critics(config, inputs)?];
        if actions == 0 || actions > usize::from(u16::MAX) {
            let (value, allowed) = (actions.to_string(), "1 to 65535");
            return Err(SacError::Config { key: "actions", value, allowed });
        }
        let [ours, theirs] = &architectures;
        let actor = Network::new(ours, actions, Head::Linear, ACTOR_GAIN, rng);
        let mut network = |outputs, head| Network::new(theirs, outputs, head, VALUE_GAIN, rng);
        let count = if config.backup == Backup::Single { 1 } else { 2 };
        let critics = (0..count).map(|_| network(actions, config.critic_head)).collect();
        let value = config.value_network.map(|_| network(1, Head::Linear));
        Ok(Self { seed: rng.next_u64(), actor, critics, value, architectures })
    }
}
