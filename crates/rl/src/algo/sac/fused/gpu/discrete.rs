//! The kernels of a step for discrete actions, in the order of the step on the CPU.

use super::plan::{ACTOR_RATE, CRITIC_RATE, Draft};
use crate::nn::gpu::{Kernel, Pass, backward, descend, forward};

const SOURCE: &str = concat!(include_str!("layout.wgsl"), include_str!("losses.wgsl"));
const CRITIC_LOSSES: Kernel = Kernel { source: SOURCE, entry: "critic_losses" };
const ACTOR_LOSSES: Kernel = Kernel { source: SOURCE, entry: "actor_losses" };

impl Draft<'_> {
    pub(super) fn discrete(&mut self) {
        let (here, next) = (self.here.clone(), self.next.clone());
        let targets = self.critics.targets.unwrap_or_default();
        let online = self.critic_passes(self.critics.parameters, &here, None);
        let target = self.critic_passes(targets, &next, None);
        let anchors = match self.config.q_clip {
            Some(_) => self.critic_passes(targets, &here, None),
            None => Vec::new(),
        };
        self.place_critics(&online, &target, &anchors);
        let (size, clip) = (self.size, self.config.grad_clip);
        let own: Vec<&Pass> = online.iter().collect();

        // Targets, then the critics' step.
        here.read(&mut self.builder, &self.actor_shape);
        next.read(&mut self.builder, &self.actor_shape);
        let actors = [&self.actor_here, &self.actor_next];
        let all: Vec<&Pass> = actors.into_iter().chain(&online).chain(&target).chain(&anchors).collect();
        forward(&mut self.builder, &all);
        self.losses(CRITIC_LOSSES, size);
        backward(&mut self.builder, &self.critics, &own);
        descend(&mut self.builder, &self.critics, CRITIC_RATE, clip);

        // The actor learns from the critics after their step.
        forward(&mut self.builder, &own);
        self.losses(ACTOR_LOSSES, size);
        backward(&mut self.builder, &self.actor, &[&self.actor_here]);
        descend(&mut self.builder, &self.actor, ACTOR_RATE, clip);
    }
}
