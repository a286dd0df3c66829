//! What a gradient step computes from one micro-batch, in two parts: everything up to the critics' gradients, and, once
//! the critics have made their step, the actor's.

use super::continuous::{sampled_actor_loss, sampled_targets, slopes};
use super::losses::{actor_loss, critic_loss, restore, soft_targets};
use super::networks::{Critic, each};
use super::pass::{CriticPass, Pass, SampledActions, Shared};
use crate::algo::sac::fused::actor::Draws;
use crate::algo::sac::fused::networks::both;
use crate::algo::sac::fused::policies::Softmax;
use crate::nn::memory::Unroll;

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
        (self.policies, self.sampled) = (Softmax::default(), SampledActions::default());
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
