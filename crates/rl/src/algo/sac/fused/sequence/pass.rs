//! A micro-batch of sequences with what a gradient step computes from it, and what all of a step's share.

use std::sync::{Mutex, PoisonError};

use super::inputs::MicroBatch;
use crate::algo::sac::SacConfig;
use crate::algo::sac::fused::actor::Relaxed;
use crate::algo::sac::fused::policies::{Sampled, Softmax};
use crate::nn::gaussian::Squash;
use crate::nn::memory::{MemoryNetwork, Unrolled};
use crate::nn::{Activations, Buffer};

/// A micro-batch and what is computed from it.
#[derive(Debug, Clone, Default)]
pub(super) struct Pass {
    pub(super) input: MicroBatch,
    pub(super) actor: Unrolled,
    pub(super) actor_gradient: Buffer,
    /// Of all output rows: of discrete actions, and of continuous ones.
    pub(super) policies: Softmax,
    pub(super) sampled: SampledActions,
    pub(super) critics: Vec<CriticPass>,
    /// Shares of the batch's means.
    pub(super) actor_loss: f32,
    pub(super) penalty: f32,
    pub(super) entropy: f32,
    pub(super) relaxed: Relaxed,
}

/// The same for one critic: one entry for every transition where nothing else is said.
#[derive(Debug, Clone, Default)]
pub(super) struct CriticPass {
    pub(super) gradient: Buffer,
    /// `[rows, A]`: outputs of the target network.
    pub(super) target_q: Vec<f32>,
    /// Soft value `v'` of the moment bootstrapped from, in units of reward.
    pub(super) values: Vec<f32>,
    /// Regression targets `y`, in the critic's units.
    pub(super) targets: Vec<f32>,
    /// `Q(o, a)` before the step.
    pub(super) q_taken: Vec<f32>,
    /// The same, clipped around the target network's; empty without `q_clip`.
    pub(super) q_clipped: Vec<f32>,
    /// Signed, `Q(o, a) − y`.
    pub(super) td_errors: Vec<f32>,
    /// `[transitions, A]`: outputs after the step, and the same in units of reward.
    pub(super) updated: Vec<f32>,
    pub(super) restored: Vec<f32>,
    /// `[rows, A]`: `dQ/da` at the policy's continuous action, in the critic's units.
    pub(super) slopes: Vec<f32>,
    /// Share of the batch's loss.
    pub(super) loss: f32,
}

/// What is the same for all micro-batches of a step.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    pub(super) config: &'a SacConfig,
    pub(super) temperature: f32,
    pub(super) actor: &'a MemoryNetwork,
    /// Outputs of a critic.
    pub(super) actions: usize,
    /// The policy over continuous actions, if they are.
    pub(super) squash: Option<&'a Squash>,
    /// Unmasked transitions of the batch, at least 1.
    pub(super) count: f32,
    /// First differentiated moment.
    pub(super) first: usize,
    pub(super) parallel: bool,
    pub(super) scratch: &'a Scratch,
}

/// Activations of passes that nothing reads later, used again by whichever thread comes next: what was written last is
/// still in its cache.
#[derive(Debug, Default)]
pub(super) struct Scratch(Mutex<Vec<Unrolled>>);

impl Clone for Scratch {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Scratch {
    /// Calls `work` with activations of unspecified content.
    pub(super) fn lend(&self, work: impl FnOnce(&mut Unrolled)) {
        // A panic between the two locks cannot leave the list half-changed.
        let list = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut unrolled = list().pop().unwrap_or_default();
        work(&mut unrolled);
        list().push(unrolled);
    }
}

/// Actions of all output rows of a micro-batch: of its moments in the actor's loss, and bootstrapped from.
#[derive(Debug, Clone, Default)]
pub(super) struct SampledActions {
    pub(super) here: Sampled,
    pub(super) next: Sampled,
}

impl SampledActions {
    /// Samples the policies of `outputs` with the micro-batch's noise.
    pub(super) fn sample(&mut self, squash: &Squash, outputs: &Activations, input: &MicroBatch) {
        self.here.sample(squash, outputs, &input.noise[0], 1);
        self.next.sample(squash, outputs, &input.noise[1], 1);
    }
}
