//! Fresh networks of an agent on a device.

use std::sync::Arc;

use burn::tensor::Device;
use rand::Rng as _;

use crate::algo::TrainError;
use crate::algo::sac::actions::action_entry;
use crate::algo::sac::fresh::{ACTOR_GAIN, Fresh, VALUE_GAIN};
use crate::algo::sac::{Actions, SacConfig};
use crate::mdp::Rng;
use crate::nn::device::{Ensemble, Form, MemoryForm, NamedTensors, named};
use crate::nn::memory::MomentInputs;
use crate::nn::{Architecture, Encoder, Head, Inputs, Network};

/// Networks without their targets.
pub(super) struct Networks {
    pub actor: Ensemble,
    pub critics: Ensemble,
    /// Only in SAC v1.
    pub value: Option<Ensemble>,
    /// What networks with memory read of a moment.
    pub moment: Option<MomentInputs>,
    /// Names the random streams of the actor's samples.
    pub seed: u64,
    /// Where critics find a continuous action in their row, behind the features without.
    pub entry: Option<usize>,
}

impl Networks {
    /// Drawn from `rng`, the same as those of `fused`.
    ///
    /// # Errors
    /// [`TrainError`] for a value out of range, and for what does not fit `inputs`.
    pub fn draw(
        config: &SacConfig,
        inputs: Inputs,
        actions: &Actions,
        rng: &mut Rng,
        device: &Device,
    ) -> Result<Self, TrainError> {
        if config.memory.is_some() {
            return Self::with_memory(config, inputs, actions, rng, device);
        }
        let Fresh { actor, critics, value, seed } = Fresh::draw(config, inputs, actions, rng)?;
        let [ours, theirs, of_value] =
            [config.actor(inputs)?, config.critics(inputs, actions)?, config.value(inputs)?];
        let entry = Some(action_entry(inputs, !theirs.convolutions.is_empty()));
        let ensemble = |names: &[&str], architecture: &Architecture, head, networks: &[Network]| {
            let form = Arc::new(Form { memory: None, architecture: architecture.clone(), head });
            Ensemble::new(names, networks.iter().map(named).collect(), form, device)
        };
        let value = value.map(|value| ensemble(&["value"], &of_value, Head::Linear, &[value])).transpose()?;
        Ok(Self {
            actor: ensemble(&["actor"], &ours, actions.actor(config).1, &[actor])?,
            critics: ensemble(&config.network_names()[1..], &theirs, actions.critic(config).1, &critics)?,
            value,
            moment: None,
            seed,
            entry,
        })
    }

    fn with_memory(
        config: &SacConfig,
        inputs: Inputs,
        actions: &Actions,
        rng: &mut Rng,
        device: &Device,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        config.goes_with(actions)?;
        let moment = config.moment(inputs, actions.count())?;
        let [ours, theirs] =
            heads(config, config.memory.features(moment.width()), actions.read_by_critics())?;
        let mut ensemble = |names: &[&str], architecture: Architecture, (outputs, head), gain| {
            let form = Form { memory: MemoryForm::new(&config.memory, moment.clone()), architecture, head };
            let networks = names.iter().map(|_| fresh(&form, outputs, gain, rng)).collect();
            Ensemble::new(names, networks, Arc::new(form), device)
        };
        let names = config.network_names();
        Ok(Self {
            actor: ensemble(&names[..1], ours, actions.actor(config), ACTOR_GAIN)?,
            critics: ensemble(&names[1..], theirs, actions.critic(config), VALUE_GAIN)?,
            value: None,
            moment: Some(moment),
            seed: rng.next_u64(),
            entry: None,
        })
    }
}

/// Memory and layers of one network.
fn fresh(form: &Form, outputs: usize, gain: f32, rng: &mut Rng) -> NamedTensors {
    let mut tensors = form.memory.as_ref().map_or_else(Vec::new, |memory| memory.draw(rng));
    tensors.extend(named(&Network::new(&form.architecture, outputs, form.head, gain, rng)));
    tensors
}

/// The layers of actor and critics behind memories that make `features` of a moment, which critics read with so many
/// entries `beside` them.
fn heads(config: &SacConfig, features: usize, beside: usize) -> Result<[Architecture; 2], TrainError> {
    let head = |features: usize, hidden| {
        Architecture::new(features.into(), &Encoder::Flat, hidden, config.layer_norm, config.init)
    };
    Ok([head(features, &config.hidden)?, head(features + beside, config.widths_of_critics())?])
}
