//! The kernels of a step for continuous actions, in the order of the step on the CPU.

use super::plan::{ACTOR_RATE, CRITIC_RATE, Draft};
use crate::mdp::ActionDimension;
use crate::nn::gaussian::Squash;
use crate::nn::gpu::{Behind, Kernel, Pass, backward, descend, forward, input_slopes};

const SOURCE: &str = concat!(include_str!("layout.wgsl"), include_str!("gaussian.wgsl"));
const SAMPLE: Kernel = Kernel { source: SOURCE, entry: "sample" };
const CRITIC_LOSSES: Kernel = Kernel { source: SOURCE, entry: "sampled_critic_losses" };
const CRITIC_SHARES: Kernel = Kernel { source: SOURCE, entry: "critic_shares" };
const ACTOR_LOSSES: Kernel = Kernel { source: SOURCE, entry: "sampled_actor_losses" };

impl Draft<'_> {
    /// Returns what stands at `bounds`.
    pub(super) fn continuous(&mut self, dimensions: &[ActionDimension]) -> Vec<f32> {
        let (size, clip, dims) = (self.size, self.config.grad_clip, dimensions.len());
        let squash = Squash::new(dimensions, self.config.log_std_bounds);
        let constants = squash.constants();
        let count = self.critics.networks as usize;
        let [least_log_std, most_log_std] = self.config.log_std_bounds;
        let builder = &mut self.builder;
        let layout = &mut self.layout;
        [layout.actions_here, layout.actions_next] = std::array::from_fn(|_| builder.floats(size * dims));
        [layout.log_probs_here, layout.log_probs_next] = std::array::from_fn(|_| builder.floats(size));
        layout.action_slopes = builder.floats(count * size * dims);
        layout.bounds = builder.floats(constants.len());
        layout.log_volume = squash.log_volume();
        (layout.least_log_std, layout.most_log_std) = (least_log_std, most_log_std);

        // Critics read the action behind the observation: the one taken, or the policy's.
        let row = dims as u32;
        let taken = Behind { at: self.columns.actions as u32, row, in_batch: true };
        let [sampled, next_sampled] =
            [layout.actions_here, layout.actions_next].map(|at| Behind { at, row, in_batch: false });
        let (here, next) = (self.here.clone(), self.next.clone());
        let parameters = self.critics.parameters;
        let online = self.critic_passes(parameters, &here, Some(taken));
        let target = self.critic_passes(self.critics.targets.unwrap_or_default(), &next, Some(next_sampled));
        let after = self.critic_passes(parameters, &here, Some(sampled));
        let own: Vec<&Pass> = online.iter().collect();
        let after_own: Vec<&Pass> = after.iter().collect();

        // Targets, then the critics' step.
        forward(&mut self.builder, &[&self.actor_here, &self.actor_next]);
        self.losses(SAMPLE, 2 * size);
        let all: Vec<&Pass> = online.iter().chain(&target).collect();
        forward(&mut self.builder, &all);
        self.place_critics(&online, &target, &[]);
        self.losses(CRITIC_LOSSES, size);
        backward(&mut self.builder, &self.critics, &own);
        descend(&mut self.builder, &self.critics, CRITIC_RATE, clip);

        // The actor learns through the slope of the critics' value in its action, after their step.
        forward(&mut self.builder, &after_own);
        self.place_critics(&after, &target, &[]);
        self.losses(CRITIC_SHARES, size);
        let entries = (self.critic_inputs() - row, row);
        input_slopes(&mut self.builder, &self.critics, &after_own, entries, self.layout.action_slopes);
        self.losses(ACTOR_LOSSES, size);
        backward(&mut self.builder, &self.actor, &[&self.actor_here]);
        descend(&mut self.builder, &self.actor, ACTOR_RATE, clip);
        constants
    }

    /// Entries of the row that a critic reads.
    fn critic_inputs(&self) -> u32 {
        self.critic_shape.inputs()
    }
}
