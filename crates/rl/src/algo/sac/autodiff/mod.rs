//! Soft Actor-Critic on burn tensors, for any device burn reaches.
//!
//! `step` is the gradient step, to be read beside the paper; the equations that a variant chooses stand in `losses`,
//! and in `actor` and `gaussian`, the two kinds of `policy`. It reads `rows`, which are transitions or, in `sequences`,
//! moments of sequences. Parameters, passes over them and Adam are in `nn::device`; `networks` makes them, `state`
//! saves and loads, `report` brings figures to the host. Which device is worth using is the learner's choice; `fused`
//! is the same step by hand for the CPU.
//!
//! Every tensor is made on the device given at construction, never on burn's default one, and all
//! random numbers come from the caller's generator: nothing depends on burn's global state.

mod actor;
#[cfg(test)]
pub(super) mod agreement;
mod gaussian;
mod losses;
mod networks;
mod policy;
mod report;
mod returns;
mod rows;
#[cfg(test)]
mod sequence_tests;
mod sequences;
mod state;
mod step;
#[cfg(test)]
mod tests;

use burn::tensor::{Device, Tensor};

use self::networks::Networks;
use self::policy::Kind;
use self::report::{Owners, TdErrors};
use super::{Actions, SacConfig};
use crate::algo::TrainError;
use crate::mdp::Rng;
use crate::nn::Inputs;
use crate::nn::device::{Adam, Ensemble, Trained, upload};
use crate::nn::memory::MomentInputs;

/// Soft Actor-Critic, differentiated by burn.
///
/// # Panics
/// burn has no fallible tensor operations: a device that is lost during a step makes burn panic in
/// the thread that steps. Whoever runs the learner catches that; only failures of reading back
/// arrive as [`crate::nn::NetworkError::Device`].
#[derive(Clone)]
pub struct AutodiffSac {
    config: SacConfig,
    inputs: Inputs,
    /// What networks with memory read of a moment.
    moment: Option<MomentInputs>,
    actions: Actions,
    kind: Kind,
    /// Where critics find a continuous action in their row; behind the features without.
    entry: Option<usize>,
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
    /// The sequences that they belong to.
    owners: Option<Owners>,
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
    /// Fresh networks for `inputs` and `actions` on `device`; target networks start as copies.
    ///
    /// # Errors
    /// [`TrainError::Config`] for a value out of range, and for convolutions that do not fit `inputs`.
    pub fn new(
        config: SacConfig,
        inputs: impl Into<Inputs>,
        actions: impl Into<Actions>,
        rng: &mut Rng,
        device: Device,
    ) -> Result<Self, TrainError> {
        let (inputs, actions, device) = (inputs.into(), actions.into(), device.inner());
        let Networks { actor, critics, value, moment, seed, entry } =
            Networks::draw(&config, inputs, &actions, rng, &device)?;
        let bootstrap = match value {
            None => Bootstrap::Critics(critics.to_target()),
            Some(online) => {
                let target = online.to_target();
                Bootstrap::Value { online: Box::new(Trained::new(online)), target }
            }
        };
        Ok(Self {
            actor: Trained::new(actor),
            critics: Trained::new(critics),
            bootstrap,
            log_temperature: upload(vec![config.initial_temperature.ln()], &device),
            temperature_optimizer: Adam::zeros(&Tensor::zeros([1], &device)),
            config,
            inputs,
            moment,
            kind: Kind::new(&actions, &device),
            entry,
            actions,
            device,
            gradient_steps: 0,
            seed,
            td_errors: TdErrors::Host(Vec::new()),
            owners: None,
        })
    }
}
