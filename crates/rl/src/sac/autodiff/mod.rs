//! Discrete Soft Actor-Critic on burn tensors, for any device burn reaches.
//!
//! `step` is the gradient step, to be read beside the paper; the equations that a variant chooses stand
//! in `losses` and `actor`. `networks` holds parameters, `layers` the passes over them, `optimizer`
//! Adam; `state` saves and loads, `report` brings figures to the host; here is construction. Which device
//! is worth using is the learner's choice; `fused` is the same step by hand for the CPU.
//!
//! Every tensor is made on the device given at construction, never on burn's default one, and all
//! random numbers come from the caller's generator: nothing depends on burn's global state.

mod actor;
#[cfg(test)]
mod agreement;
mod layers;
mod losses;
mod networks;
mod optimizer;
mod report;
mod state;
mod step;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use burn::tensor::{Device, Tensor};

use self::layers::Form;
use self::networks::{Ensemble, upload};
use self::optimizer::{Adam, Trained};
use self::report::TdErrors;
use super::architecture::{Architecture, Inputs};
use super::fresh::Fresh;
use super::network::Network;
use super::{Head, SacConfig, SacError};
use crate::mdp::Rng;

/// Discrete Soft Actor-Critic, differentiated by burn.
///
/// # Panics
/// burn has no fallible tensor operations: a device that is lost during a step makes burn panic in
/// the thread that steps. Whoever runs the learner catches that; only failures of reading back
/// arrive as [`SacError::Device`].
#[derive(Clone)]
pub struct AutodiffSac {
    config: SacConfig,
    inputs: Inputs,
    actions: usize,
    device: Device,
    actor: Trained,
    critics: Trained,
    bootstrap: Bootstrap,
    /// `[1]`.
    log_temperature: Tensor<1>,
    temperature_optimizer: Adam,
    gradient_steps: u64,
    /// Names the random streams of the actor's samples, one for each gradient step.
    seed: u64,
    td_errors: TdErrors,
}

/// What the critics bootstrap from.
#[derive(Clone)]
enum Bootstrap {
    /// Target networks of their own.
    Critics(Ensemble),
    /// The target network of a state-value network (SAC v1).
    Value { online: Box<Trained>, target: Ensemble },
}

impl AutodiffSac {
    /// Fresh networks for `inputs` and `actions` outputs on `device`; target networks start as copies.
    ///
    /// # Errors
    /// [`SacError::Config`] for a value out of range, and for convolutions that do not fit `inputs`.
    pub fn new(
        config: SacConfig,
        inputs: impl Into<Inputs>,
        actions: usize,
        rng: &mut Rng,
        device: Device,
    ) -> Result<Self, SacError> {
        let (inputs, device) = (inputs.into(), device.inner());
        let Fresh { architectures, actor, critics, value, seed } =
            Fresh::draw(&config, inputs, actions, rng)?;
        let [ours, theirs] = architectures;
        let ensemble = |names: &[&str], architecture: &Architecture, head, networks: &[Network]| {
            let form = Arc::new(Form { architecture: architecture.clone(), head });
            Ensemble::new(names, networks, form, &device)
        };
        let names = &["critic1", "critic2"][..critics.len()];
        let critics = ensemble(names, &theirs, config.critic_head, &critics)?;
        let bootstrap = match value {
            None => Bootstrap::Critics(critics.to_target()),
            Some(value) => {
                let online = ensemble(&["value"], &theirs, Head::Linear, &[value])?;
                let target = online.to_target();
                Bootstrap::Value { online: Box::new(Trained::new(online)), target }
            }
        };
        Ok(Self {
            actor: Trained::new(ensemble(&["actor"], &ours, Head::Linear, &[actor])?),
            critics: Trained::new(critics),
            bootstrap,
            log_temperature: upload(vec![config.initial_temperature.ln()], &device),
            temperature_optimizer: Adam::zeros(&Tensor::zeros([1], &device)),
            config,
            inputs,
            actions,
            device,
            gradient_steps: 0,
            seed,
            td_errors: TdErrors::Host(Vec::new()),
        })
    }
}
