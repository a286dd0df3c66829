//! What an agent begins with: the same from the same generator, whichever update trains it.

use rand::Rng as _;

use super::{Actions, Backup, SacConfig};
use crate::algo::TrainError;
use crate::mdp::Rng;
use crate::nn::{Head, Inputs, Network};

/// Gain of the actor's output layer with [`crate::nn::Init::Orthogonal`]: a policy that begins nearly uniform
/// explores evenly, whatever it sees (Andrychowicz et al. 2021, section 3.2).
pub(super) const ACTOR_GAIN: f32 = 0.01;
/// The same of critics and value networks.
pub(super) const VALUE_GAIN: f32 = 1.0;

/// Freshly drawn networks.
pub(super) struct Fresh {
    pub(super) actor: Network,
    /// One or two, as the backup asks for.
    pub(super) critics: Vec<Network>,
    /// Only in SAC v1.
    pub(super) value: Option<Network>,
    /// Names the random streams of the actor's samples.
    pub(super) seed: u64,
}

impl Fresh {
    /// Networks for `inputs` and `actions` with parameters drawn from `rng`.
    ///
    /// # Errors
    /// [`TrainError::Config`] for a value out of range, and for convolutions that do not fit `inputs`.
    pub(super) fn draw(
        config: &SacConfig,
        inputs: Inputs,
        actions: &Actions,
        rng: &mut Rng,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        let [ours, theirs, of_value] =
            [config.actor(inputs)?, config.critics(inputs, actions)?, config.value(inputs)?];
        config.goes_with(actions)?;
        let (outputs, head) = actions.actor(config);
        let actor = Network::new(&ours, outputs, head, ACTOR_GAIN, rng);
        let count = if config.backup == Backup::Single { 1 } else { 2 };
        let (outputs, head) = actions.critic(config);
        let critics = (0..count).map(|_| Network::new(&theirs, outputs, head, VALUE_GAIN, rng)).collect();
        let value = config.value_network.map(|_| Network::new(&of_value, 1, Head::Linear, VALUE_GAIN, rng));
        Ok(Self { seed: rng.next_u64(), actor, critics, value })
    }
}
