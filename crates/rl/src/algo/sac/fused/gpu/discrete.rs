//! The kernels of a step for discrete actions, in the order of the step on the CPU.

use super::plan::{ACTOR_RATE, CRITIC_RATE, Draft, VALUE_RATE};
use crate::nn::gpu::{Kernel, Pass, backward, descend, forward};

const SOURCE: &str = concat!(include_str!("layout.wgsl"), include_str!("losses.wgsl"));
const CRITIC_LOSSES: Kernel = Kernel { source: SOURCE, entry: "critic_losses" };
const ACTOR_LOSSES: Kernel = Kernel { source: SOURCE, entry: "actor_losses" };

impl Draft<'_> {
    pub(super) fn discrete(&mut self) {
        let (here, next) = (self.here.clone(), self.next.clone());
        let parameters = self.critics.parameters;
        let online = self.critic_passes(parameters, &here, None);
        // A value network stands for target critics and for the policy at the next observation.
        let value = self.value.clone();
        let value_passes = value.as_ref().map(|(value, shape)| {
            let builder = &mut self.builder;
            let target = value.targets.unwrap_or_default();
            [(value.parameters, &here), (target, &next)]
                .map(|(parameters, seen)| Pass::new(builder, shape, parameters, seen, None))
        });
        let (mut target, mut anchors) = (Vec::new(), Vec::new());
        if let Some(targets) = self.critics.targets {
            target = self.critic_passes(targets, &next, None);
            if self.config.q_clip.is_some() {
                anchors = self.critic_passes(targets, &here, None);
            }
        }
        self.place_critics(&online, &target, &anchors);
        if let (Some((value, shape)), Some([own, ahead])) = (&value, &value_passes) {
            self.layout.value_width = shape.output_width();
            (self.layout.value_here, self.layout.value_next) = (own.output(), ahead.output());
            self.layout.value_slopes = value.output_slopes();
        }
        let (size, clip) = (self.size, self.config.grad_clip);
        let own: Vec<&Pass> = online.iter().collect();

        // Targets, then the critics' step.
        here.read(&mut self.builder, &self.actor_shape);
        next.read(&mut self.builder, &self.actor_shape);
        let actor_next = Some(&self.actor_next).filter(|_| value.is_none());
        let actors = std::iter::once(&self.actor_here).chain(actor_next);
        let critics = online.iter().chain(&target).chain(&anchors);
        let all: Vec<&Pass> = actors.chain(critics).chain(value_passes.iter().flatten()).collect();
        forward(&mut self.builder, &all);
        self.losses(CRITIC_LOSSES, size);
        backward(&mut self.builder, &self.critics, &own);
        descend(&mut self.builder, &self.critics, CRITIC_RATE, clip);
        if let (Some((value, _)), Some([own, _])) = (&value, &value_passes) {
            backward(&mut self.builder, value, &[own]);
            descend(&mut self.builder, value, VALUE_RATE, clip);
        }

        // The actor learns from the critics after their step.
        forward(&mut self.builder, &own);
        self.losses(ACTOR_LOSSES, size);
        backward(&mut self.builder, &self.actor, &[&self.actor_here]);
        descend(&mut self.builder, &self.actor, ACTOR_RATE, clip);
    }
}
