//! What a gradient step computes from one micro-batch, in two parts: everything up to the critics' gradients, and, once
//! the critics have made their step, the actor's.

use std::sync::{Mutex, PoisonError};

use super::continuous::{Actions, sampled_actor_loss, sampled_targets, slopes};
use super::inputs::MicroBatch;
use super::losses::{actor_loss, critic_loss, restore, soft_targets};
use super::networks::{Critic, each};
use crate::algo::sac::SacConfig;
use crate::algo::sac::fused::actor::{Draws, Relaxed};
use crate::algo::sac::fused::losses::Softmax;
use crate::algo::sac::fused::networks::both;
use crate::nn::Buffer;
use crate::nn::gaussian::Squash;
use crate::nn::memory::{MemoryNetwork, Unroll, Unrolled};

/// A micro-batch and what is computed from it.
#[derive(Debug, Clone, Default)]
pub(super) struct Pass {
    pub(super) input: MicroBatch,
    pub(super) actor: Unrolled,
    pub(super) actor_gradient: Buffer,
    /// Of all output rows: of discrete actions, and of continuous ones.
    pub(super) policies: Softmax,
    pub(super) sampled: Actions,
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
    fn lend(&self, work: impl FnOnce(&mut Unrolled)) {
        // A panic between the two locks cannot leave the list half-changed.
        let list = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut unrolled = list().pop().unwrap_or_default();
        work(&mut unrolled);
        list().push(unrolled);
    }
}

impl Pass {
    /// Policies, targets, losses and gradients of the critics.
    pub(super) fn descend_critics(&mut self, shared: Shared<'_>, critics: &[Critic]) {
        let Shared { actor, actions, parallel, scratch, .. } = shared;
        self.critics.resize_with(critics.len(), CriticPass::default);
        if self.input.rows() == 0 {
            return self.descend_nothing(critics);
        }
        let Self { input, actor: unrolled, policies, sampled, critics: passes, .. } = self;
        let of_targets = |beside: &[f32], index: usize, pass: &mut CriticPass| {
            pass.target_q.clear();
            scratch.lend(|unrolled| {
                let unroll = Unroll { beside, ..input.unroll(index + 1, false) };
                critics[index].target.forward(&unroll, unrolled);
                unrolled.rows().for_each(|row| pass.target_q.extend_from_slice(&row[..actions]));
            });
        };
        let mut own = || actor.forward(&input.unroll(0, true), unrolled);
        match shared.squash {
            None => {
                both(parallel, own, || each(passes, parallel, |index, pass| of_targets(&[], index, pass)));
                policies.compute(unrolled.outputs(), actions);
                soft_targets(shared, &input.transitions, policies, passes);
            }
            Some(squash) => {
                own();
                sampled.sample(squash, unrolled.outputs(), input);
                let next = &sampled.next;
                each(passes, parallel, |index, pass| of_targets(&next.actions, index, pass));
                sampled_targets(shared, &input.transitions, next, passes);
            }
        }
        each(passes, parallel, |index, pass| {
            let unroll = Unroll { beside: &input.taken, ..input.unroll(index + 1, true) };
            let network = &critics[index].online.network;
            pass.gradient.resize(network.parameters().0.len());
            scratch.lend(|unrolled| {
                network.forward(&unroll, unrolled);
                critic_loss(shared, input, network, unrolled, pass);
                network.backward(&unroll, shared.first, unrolled, &mut pass.gradient);
            });
        });
    }

    /// The same where no transition enters the losses.
    fn descend_nothing(&mut self, critics: &[Critic]) {
        (self.policies, self.sampled) = (Softmax::default(), Actions::default());
        for (pass, critic) in self.critics.iter_mut().zip(critics) {
            let mut gradient = std::mem::take(&mut pass.gradient);
            gradient.resize(critic.online.gradient.len());
            gradient.fill(0.0);
            *pass = CriticPass { gradient, ..CriticPass::default() };
        }
    }

    /// Loss and gradient of the actor, which learns from the critics after their step, memories included.
    pub(super) fn descend_actor(&mut self, shared: Shared<'_>, critics: &[Critic], draws: &Draws) {
        let (actor, input) = (shared.actor, &self.input);
        self.actor_gradient.resize(actor.parameters().0.len());
        (self.actor_loss, self.penalty, self.entropy) = (0.0, 0.0, 0.0);
        if input.rows() == 0 {
            return self.actor_gradient.fill(0.0);
        }
        let here = &self.sampled.here.actions[..];
        let beside = if shared.squash.is_some() { here } else { &[] };
        each(&mut self.critics, shared.parallel, |index, pass| {
            shared.scratch.lend(|unrolled| {
                let network = &critics[index].online.network;
                network.forward(&Unroll { beside, ..input.unroll(index + 1, false) }, unrolled);
                restore(shared, &input.transitions, unrolled, pass);
                if shared.squash.is_some() {
                    slopes(network, input.rows(), unrolled, pass);
                }
            });
        });
        match shared.squash {
            None => actor_loss(shared, draws, self),
            Some(squash) => sampled_actor_loss(shared, squash, self),
        }
        let unroll = self.input.unroll(0, true);
        actor.backward(&unroll, shared.first, &mut self.actor, &mut self.actor_gradient);
    }
}
