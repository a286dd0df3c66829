//! What an agent with memory begins with: the same from the same generator.

use rand::Rng as _;

use crate::algo::TrainError;
use crate::algo::sac::fresh::{ACTOR_GAIN, VALUE_GAIN};
use crate::algo::sac::{Actions, Backup, SacConfig};
use crate::mdp::Rng;
use crate::nn::memory::{MemoryNetwork, MomentInputs};
use crate::nn::{Architecture, Inputs};

/// Freshly drawn networks.
pub(super) struct Fresh {
    pub(super) layout: MomentInputs,
    pub(super) actor: MemoryNetwork,
    /// One or two, as the backup asks for.
    pub(super) critics: Vec<MemoryNetwork>,
    /// Names the random streams of the actor's samples.
    pub(super) seed: u64,
}

/// The layers of a network with memory over moments of `layout`.
fn architecture(config: &SacConfig, layout: &MomentInputs, hidden: &[usize]) -> Architecture {
    Architecture {
        inputs: Inputs { vector: layout.width(), grid: layout.grid },
        convolutions: layout.convolutions.clone(),
        hidden: hidden.to_vec(),
        layer_norm: config.layer_norm,
        init: config.init,
    }
}

/// The error for a configuration without memory.
fn no_memory() -> TrainError {
    let allowed = "lstm, gru or transformer where an agent learns on sequences";
    TrainError::Config { key: "sac.memory.kind", value: "none".to_owned(), allowed }
}

/// The actor of `config` over moments of `layout`, without allocated parameters, and its architecture.
///
/// # Errors
/// [`TrainError::Config`] for a configuration without memory.
pub(in crate::algo::sac) fn actor(
    config: &SacConfig,
    layout: &MomentInputs,
    actions: &Actions,
) -> Result<(MemoryNetwork, Architecture), TrainError> {
    let own = architecture(config, layout, &config.hidden);
    let (outputs, head) = actions.actor(config);
    let network = MemoryNetwork::outline(&config.memory, &own, 0, outputs, head).ok_or_else(no_memory)?;
    Ok((network, own))
}

/// The critics of `config` over moments of `layout`, without allocated parameters: one or two, as the backup asks for;
/// and their architecture.
///
/// # Errors
/// [`TrainError::Config`] for a configuration without memory.
pub(in crate::algo::sac) fn critics(
    config: &SacConfig,
    layout: &MomentInputs,
    actions: &Actions,
) -> Result<(Vec<MemoryNetwork>, Architecture), TrainError> {
    let own = architecture(config, layout, config.widths_of_critics());
    let (beside, (outputs, head)) = (actions.read_by_critics(), actions.critic(config));
    let network = MemoryNetwork::outline(&config.memory, &own, beside, outputs, head);
    let network = network.ok_or_else(no_memory)?;
    let count = if config.backup == Backup::Single { 1 } else { 2 };
    Ok((vec![network; count], own))
}

impl Fresh {
    /// Networks for `inputs` and `actions` with parameters drawn from `rng`.
    ///
    /// # Errors
    /// [`TrainError::Config`] for a value out of range, [`TrainError::Network`] for a memory that does not fit `inputs`.
    pub(super) fn draw(
        config: &SacConfig,
        inputs: Inputs,
        actions: &Actions,
        rng: &mut Rng,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        config.goes_with(actions)?;
        let layout = config.moment(inputs, actions.count())?;
        let (mut actor, own) = actor(config, &layout, actions)?;
        actor.draw(&own, ACTOR_GAIN, rng);
        let (mut critics, theirs) = critics(config, &layout, actions)?;
        critics.iter_mut().for_each(|critic| critic.draw(&theirs, VALUE_GAIN, rng));
        Ok(Self { layout, actor, critics, seed: rng.next_u64() })
    }
}
