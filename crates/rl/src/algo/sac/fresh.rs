//! What an agent begins with: the same from the same generator, whichever update trains it.

use rand::Rng as _;

use super::{Backup, SacConfig};
use crate::algo::TrainError;
use crate::mdp::Rng;
use crate::nn::{Architecture, Head, Inputs, Network};

/// Gain of the actor's output layer with [`crate::nn::Init::Orthogonal`]: a policy that begins nearly uniform
/// explores evenly, whatever it sees (Andrychowicz et al. 2021, section 3.2).
pub(super) const ACTOR_GAIN: f32 = 0.01;
/// The same of critics and value networks.
pub(super) const VALUE_GAIN: f32 = 1.0;

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
    /// [`TrainError::Config`] for a value out of range, and for convolutions that do not fit `inputs`.
    pub(super) fn draw(
        config: &SacConfig,
        inputs: Inputs,
        actions: usize,
        rng: &mut Rng,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        let architectures = [config.actor(inputs)?, config.critics(inputs)?];
        check_actions(actions)?;
        let [ours, theirs] = &architectures;
        let actor = Network::new(ours, actions, Head::Linear, ACTOR_GAIN, rng);
        let mut network = |outputs, head| Network::new(theirs, outputs, head, VALUE_GAIN, rng);
        let count = if config.backup == Backup::Single { 1 } else { 2 };
        let critics = (0..count).map(|_| network(actions, config.critic_head)).collect();
        let value = config.value_network.map(|_| network(1, Head::Linear));
        Ok(Self { seed: rng.next_u64(), actor, critics, value, architectures })
    }
}

/// Refuses numbers of actions that cannot be numbered.
///
/// # Errors
/// [`TrainError::Config`].
pub(super) fn check_actions(actions: usize) -> Result<(), TrainError> {
    if actions == 0 || actions > usize::from(u16::MAX) {
        let (value, allowed) = (actions.to_string(), "1 to 65535");
        return Err(TrainError::Config { key: "actions", value, allowed });
    }
    Ok(())
}
