//! The same step on a graphics card: networks and optimizer by `nn::gpu`, losses by `losses.wgsl`.
//!
//! `plan` lays out a program for a size of batch and lists its kernels in the order of the step on the CPU; `step` runs
//! it, `state` moves parameters between card and host, where a [`FusedSac`] holds configuration, names and shapes.
//! What it does not know, [`GpuSac::knows`] says, is left to autodiff.

mod continuous;
mod discrete;
mod plan;
mod state;
mod step;
#[cfg(test)]
mod tests;

use std::cell::RefCell;

use self::plan::Plan;
use super::FusedSac;
use crate::algo::TrainError;
use crate::algo::sac::{Actions, ActorGradient, SacConfig};
use crate::mdp::Rng;
use crate::nn::gpu::Card;
use crate::nn::{ConvLayer, Inputs};

/// Soft Actor-Critic in compute shaders.
///
/// Steps are handed to the card several at a time; reports, TD errors and everything exported wait for them.
pub struct GpuSac {
    config: SacConfig,
    card: Card,
    /// Layout of networks; parameters too, before the first step.
    host: RefCell<FusedSac>,
    /// Made for the first batch, and again for one of another size.
    plan: RefCell<Option<Plan>>,
    gradient_steps: u64,
}

impl GpuSac {
    /// Whether it knows the step that `config` describes: all without memory but convolutions of other than multiples of 16
    /// channels and, with continuous actions, convolutions, value networks, score functions and a standard deviation that
    /// observations share.
    pub fn knows(config: &SacConfig, inputs: Inputs, actions: &Actions) -> bool {
        // Maps whose cells have no padding are rows of the dense layers as they stand; critics read actions behind rows
        // that stand together.
        let continuous = actions.is_continuous();
        let fits = |own: &[ConvLayer]| {
            own.iter().all(|own| own.channels.is_multiple_of(16)) && (own.is_empty() || !continuous)
        };
        let fits = config.encoder.convolutions(inputs.grid).is_ok_and(fits);
        let draws = matches!(config.actor_gradient, ActorGradient::Reinforce { .. });
        let variant = config.value_network.is_some() || config.shared_std || draws;
        fits && config.memory.is_none() && !(continuous && variant)
    }

    /// Networks as [`FusedSac::new`] draws them, on `card`.
    ///
    /// # Errors
    /// As [`FusedSac::new`].
    ///
    /// # Panics
    /// For what it does not [know](Self::knows).
    pub fn new(
        config: SacConfig,
        inputs: impl Into<Inputs>,
        actions: impl Into<Actions>,
        rng: &mut Rng,
        card: Card,
    ) -> Result<Self, TrainError> {
        let (inputs, actions) = (inputs.into(), actions.into());
        assert!(Self::knows(&config, inputs, &actions), "a step that compute shaders do not know");
        let host = RefCell::new(FusedSac::new(config.clone(), inputs, actions, rng)?);
        Ok(Self { config, card, host, plan: RefCell::default(), gradient_steps: 0 })
    }
}
