//! Shows what a gradient step on sequences computes, by the names of the specification: `[B, L, …]`, and 0
//! where the mask is.

use super::inputs::{Sequences, Transition};
use super::losses::delta;
use super::networks::{Critic, Trained};
use super::pass::{CriticPass, Pass};
use crate::algo::sac::Backup;
use crate::algo::sac::fused::losses::Aggregate;
use crate::algo::sac::fused::trace::Trace;
use crate::nn::adam::{clip_scale, global_norm};
use crate::nn::gaussian::Squash;
use crate::nn::memory::Unrolled;

/// What is shown of transition `index` of a micro-batch.
struct Place<'a> {
    pass: &'a Pass,
    index: usize,
    transition: &'a Transition,
}

impl<'a> Place<'a> {
    fn critic(&self, critic: usize) -> &'a CriticPass {
        &self.pass.critics[critic]
    }
}

/// `[B, L, each]`, 0 where the mask is.
struct Shown {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Shown {
    /// Every transition shows `row`, `[each]`; 0 stands for one number.
    fn new(
        sequences: &Sequences,
        passes: &[Pass],
        each: usize,
        row: impl Fn(&Place<'_>) -> Vec<f32>,
    ) -> Self {
        let Sequences { batch, length, .. } = *sequences;
        let width = each.max(1);
        let mut values = vec![0.0; batch * length * width];
        for pass in passes {
            for (index, transition) in pass.input.transitions.iter().enumerate() {
                let (t, b) = (transition.at / batch, transition.at % batch);
                let row = row(&Place { pass, index, transition });
                values[(b * length + t) * width..][..width].copy_from_slice(&row);
            }
        }
        let shape = [batch, length, each].into_iter().take(if each == 0 { 2 } else { 3 }).collect();
        Self { shape, values }
    }
}

/// Row `index` of a network's output.
fn output(unrolled: &Unrolled, index: usize, actions: usize) -> Vec<f32> {
    unrolled.rows().nth(index).map_or(Vec::new(), |row| row[..actions].to_vec())
}

fn row(values: &[f32], index: usize, actions: usize) -> Vec<f32> {
    values[index * actions..(index + 1) * actions].to_vec()
}

impl Trace<'_, '_> {
    fn show(&mut self, name: &str, shown: Shown) {
        if let Some(record) = &mut self.0 {
            record(name, &shown.shape, &shown.values);
        }
    }

    /// Returns, policy and target critics at the moment bootstrapped from, regression targets.
    pub(super) fn sequence_targets(&mut self, s: &Sequences, passes: &[Pass], actions: usize) {
        if self.0.is_none() {
            return;
        }
        let number = |of: &dyn Fn(&Place<'_>) -> f32| Shown::new(s, passes, 0, |place| vec![of(place)]);
        self.show("n_step_return", number(&|place| place.transition.n_step_return));
        self.show("discount", number(&|place| place.transition.discount));
        self.show("steps", number(&|place| place.transition.steps as f32));
        let later = |of: &dyn Fn(&Pass) -> &Vec<f32>| {
            Shown::new(s, passes, actions, |place| row(of(place.pass), place.transition.bootstrap, actions))
        };
        self.show("next_policy", later(&|pass| &pass.policies.policy));
        self.show("next_log_policy", later(&|pass| &pass.policies.log_policy));
        for critic in 0..passes.first().map_or(0, |pass| pass.critics.len()) {
            let name = |what: &str| format!("{what}.critic{}", critic + 1);
            self.show(&name("next_target_q"), later(&|pass| &pass.critics[critic].target_q));
            self.show(&name("next_value"), number(&|place| place.critic(critic).values[place.index]));
            self.show(&name("y"), number(&|place| place.critic(critic).targets[place.index]));
        }
    }

    /// The same as [`Trace::sequence_targets`] for continuous actions of `dims` dimensions.
    pub(super) fn sampled_sequence_targets(&mut self, s: &Sequences, passes: &[Pass], dims: usize) {
        if self.0.is_none() {
            return;
        }
        let number = |of: &dyn Fn(&Place<'_>) -> f32| Shown::new(s, passes, 0, |place| vec![of(place)]);
        self.show("n_step_return", number(&|place| place.transition.n_step_return));
        self.show("discount", number(&|place| place.transition.discount));
        self.show("steps", number(&|place| place.transition.steps as f32));
        let action =
            |place: &Place<'_>| row(&place.pass.sampled.next.actions, place.transition.bootstrap, dims);
        self.show("next_action", Shown::new(s, passes, dims, action));
        let log_prob = |place: &Place<'_>| place.pass.sampled.next.log_probs[place.transition.bootstrap];
        self.show("next_log_prob", number(&log_prob));
        for critic in 0..passes.first().map_or(0, |pass| pass.critics.len()) {
            let name = |what: &str| format!("{what}.critic{}", critic + 1);
            let target = |place: &Place<'_>| place.critic(critic).target_q[place.transition.bootstrap];
            self.show(&name("next_target_q"), number(&target));
            self.show(&name("next_value"), number(&|place| place.critic(critic).values[place.index]));
            self.show(&name("y"), number(&|place| place.critic(critic).targets[place.index]));
        }
    }

    /// The same as [`Trace::sequence_actor`] for continuous actions.
    pub(super) fn sampled_sequence_actor(
        &mut self,
        s: &Sequences,
        passes: &[Pass],
        backup: Backup,
        squash: &Squash,
    ) {
        if self.0.is_none() {
            return;
        }
        let dims = squash.dims();
        let rows = |of: &dyn Fn(&Place<'_>) -> Vec<f32>| Shown::new(s, passes, dims, of);
        let numbers = |of: &dyn Fn(&Place<'_>) -> f32| Shown::new(s, passes, 0, |place| vec![of(place)]);
        let outputs = |place: &Place<'_>| output(&place.pass.actor, place.transition.row, 2 * dims);
        self.show("mean", rows(&|place| outputs(place)[..dims].to_vec()));
        let log_std =
            |place: &Place<'_>| outputs(place)[dims..].iter().map(|s| squash.log_std(*s)).collect::<Vec<_>>();
        self.show("log_std", rows(&log_std));
        let action = |place: &Place<'_>| row(&place.pass.sampled.here.actions, place.transition.row, dims);
        self.show("policy_action", rows(&action));
        self.show("log_prob", numbers(&|place| place.pass.sampled.here.log_probs[place.transition.row]));
        let aggregate = |place: &Place<'_>| {
            let critics = &place.pass.critics;
            let own = place.index..place.index + 1;
            let (first, last) = (&critics[0].restored, &critics[critics.len() - 1].restored);
            Aggregate { first: &first[own.clone()], last: &last[own], backup }.q(0)
        };
        self.show("q_agg", numbers(&aggregate));
    }

    /// Losses, priorities and gradients of the critics, and their values after the step.
    pub(super) fn sequence_critics(
        &mut self,
        s: &Sequences,
        critics: &[Critic],
        passes: &[Pass],
        priorities: &[f32],
        actions: usize,
        clip: Option<f32>,
    ) {
        if self.0.is_none() {
            return;
        }
        let number = |of: &dyn Fn(&Place<'_>) -> f32| Shown::new(s, passes, 0, |place| vec![of(place)]);
        for (index, critic) in critics.iter().enumerate() {
            let name = |what: &str| format!("{what}.critic{}", index + 1);
            self.show(&name("q_taken"), number(&|place| place.critic(index).q_taken[place.index]));
            if passes.iter().any(|pass| !pass.critics[index].q_clipped.is_empty()) {
                self.show(&name("q_clipped"), number(&|place| place.critic(index).q_clipped[place.index]));
            }
            self.show(&name("td"), number(&|place| place.critic(index).td_errors[place.index]));
            self.scalar(&name("loss"), critic.loss);
            let updated = |place: &Place<'_>| row(&place.critic(index).updated, place.index, actions);
            self.show(&name("q_updated"), Shown::new(s, passes, actions, updated));
            self.memory_network(&format!("critic{}", index + 1), &critic.online, clip);
        }
        self.scalar("loss.critic", critics.iter().map(|critic| critic.loss).sum());
        self.show("step_priority", number(&|place| delta(&place.pass.critics, place.index)));
        if let Some(record) = &mut self.0 {
            record("priority", &[priorities.len()], priorities);
        }
    }

    /// The policy at every moment and the aggregated critics it learns from.
    pub(super) fn sequence_actor(&mut self, s: &Sequences, passes: &[Pass], backup: Backup, actions: usize) {
        if self.0.is_none() {
            return;
        }
        let rows = |of: &dyn Fn(&Place<'_>) -> Vec<f32>| Shown::new(s, passes, actions, of);
        self.show("logits", rows(&|place| output(&place.pass.actor, place.transition.row, actions)));
        let policies = |place: &Place<'_>, of: &[f32]| row(of, place.transition.row, actions);
        self.show("policy", rows(&|place| policies(place, &place.pass.policies.policy)));
        self.show("log_policy", rows(&|place| policies(place, &place.pass.policies.log_policy)));
        let entropy = |place: &Place<'_>| vec![place.pass.policies.entropies[place.transition.row]];
        self.show("entropy", Shown::new(s, passes, 0, entropy));
        let aggregate = |place: &Place<'_>| {
            let own = place.index * actions..(place.index + 1) * actions;
            let critics = &place.pass.critics;
            let (first, last) = (&critics[0].restored, &critics[critics.len() - 1].restored);
            let row = Aggregate { first: &first[own.clone()], last: &last[own], backup };
            (0..actions).map(|a| row.q(a)).collect()
        };
        self.show("q_agg", rows(&aggregate));
    }

    /// A network's gradient, its norm, and what clipping leaves of it.
    pub(super) fn memory_network(&mut self, network: &str, trained: &Trained, clip: Option<f32>) {
        let Some(record) = &mut self.0 else { return };
        let norm = global_norm(&trained.gradient);
        record(&format!("grad_norm.{network}"), &[1], &[norm]);
        trained.network.tensors(&trained.gradient, |name, mut tensor| {
            record(&format!("grad.{network}.{name}"), &tensor.shape, &tensor.data);
            if let Some(limit) = clip {
                let scale = clip_scale(norm, limit);
                tensor.data.iter_mut().for_each(|value| *value *= scale);
                record(&format!("grad_clipped.{network}.{name}"), &tensor.shape, &tensor.data);
            }
        });
    }
}
