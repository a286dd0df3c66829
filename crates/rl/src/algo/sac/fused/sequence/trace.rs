//! Shows what a gradient step on sequences computes, by the names of the specification: `[B, L, …]`, and 0
//! where the mask is.

use super::inputs::Sequences;
use super::networks::{Critic, Trained};
use crate::algo::sac::Backup;
use crate::algo::sac::fused::losses::{Aggregate, Softmax};
use crate::algo::sac::fused::trace::Trace;
use crate::nn::adam::{clip_scale, global_norm};
use crate::nn::memory::Unrolled;

/// Time-major values of every transition, `[L, B, each]`, as `[B, L, each]`, 0 where the mask is.
struct Shown {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Shown {
    /// Transition `at` shows `row(at)`, `[each]`; 0 stands for one number.
    fn new(sequences: &Sequences, each: usize, row: impl Fn(usize) -> Vec<f32>) -> Self {
        let (batch, count) = (sequences.weights.len(), sequences.mask.len());
        let length = count / batch;
        let mut values = Vec::with_capacity(count * each.max(1));
        for (b, t) in (0..batch).flat_map(|b| (0..length).map(move |t| (b, t))) {
            let at = t * batch + b;
            match sequences.mask[at] > 0.0 {
                true => values.extend(row(at)),
                false => values.resize(values.len() + each.max(1), 0.0),
            }
        }
        let shape = [batch, length, each].into_iter().take(if each == 0 { 2 } else { 3 }).collect();
        Self { shape, values }
    }

    fn numbers(sequences: &Sequences, values: &[f32]) -> Self {
        Self::new(sequences, 0, |at| vec![values[at]])
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
    fn show(&mut self, name: &str, shown: impl FnOnce() -> Shown) {
        if let Some(record) = &mut self.0 {
            let Shown { shape, values } = shown();
            record(name, &shape, &values);
        }
    }

    /// Returns, policy and target critics at the moment bootstrapped from, regression targets.
    pub(super) fn sequence_targets(
        &mut self,
        s: &Sequences,
        next: &Softmax,
        critics: &[Critic],
        actions: usize,
    ) {
        if self.0.is_none() {
            return;
        }
        self.show("n_step_return", || Shown::numbers(s, &s.returns));
        self.show("discount", || Shown::numbers(s, &s.discounts));
        self.show("steps", || Shown::new(s, 0, |at| vec![s.steps[at] as f32]));
        let later = |values: &[f32]| Shown::new(s, actions, |at| row(values, s.bootstrap(at), actions));
        self.show("next_policy", || later(&next.policy));
        self.show("next_log_policy", || later(&next.log_policy));
        for (index, critic) in critics.iter().enumerate() {
            let name = |what: &str| format!("{what}.critic{}", index + 1);
            let target = |at| output(&critic.target_unrolled, s.bootstrap(at), actions);
            self.show(&name("next_target_q"), || Shown::new(s, actions, target));
            let value = |at| vec![critic.values[s.bootstrap(at)]];
            self.show(&name("next_value"), || Shown::new(s, 0, value));
            self.show(&name("y"), || Shown::numbers(s, &critic.targets));
        }
    }

    /// Losses, priorities and gradients of the critics, and their values after the step.
    pub(super) fn sequence_critics(
        &mut self,
        s: &Sequences,
        critics: &[Critic],
        deltas: &[f32],
        priorities: &[f32],
        actions: usize,
        clip: Option<f32>,
    ) {
        if self.0.is_none() {
            return;
        }
        for (index, critic) in critics.iter().enumerate() {
            let name = |what: &str| format!("{what}.critic{}", index + 1);
            self.show(&name("q_taken"), || Shown::numbers(s, &critic.q_taken));
            if !critic.q_clipped.is_empty() {
                self.show(&name("q_clipped"), || Shown::numbers(s, &critic.q_clipped));
            }
            self.show(&name("td"), || Shown::numbers(s, &critic.td_errors));
            self.scalar(&name("loss"), critic.loss);
            let updated = |at| output(&critic.online.unrolled, at, actions);
            self.show(&name("q_updated"), || Shown::new(s, actions, updated));
            self.memory_network(&format!("critic{}", index + 1), &critic.online, clip);
        }
        self.scalar("loss.critic", critics.iter().map(|critic| critic.loss).sum());
        self.show("step_priority", || Shown::numbers(s, deltas));
        if let Some(record) = &mut self.0 {
            record("priority", &[priorities.len()], priorities);
        }
    }

    /// The policy at every moment and the aggregated critics it learns from.
    pub(super) fn sequence_actor(
        &mut self,
        s: &Sequences,
        logits: &Unrolled,
        policies: &Softmax,
        critics: &[Critic],
        backup: Backup,
        actions: usize,
    ) {
        if self.0.is_none() {
            return;
        }
        self.show("logits", || Shown::new(s, actions, |at| output(logits, at, actions)));
        self.show("policy", || Shown::new(s, actions, |at| row(&policies.policy, at, actions)));
        self.show("log_policy", || Shown::new(s, actions, |at| row(&policies.log_policy, at, actions)));
        self.show("entropy", || Shown::numbers(s, &policies.entropies));
        let aggregate = |at: usize| {
            let place = at * actions..(at + 1) * actions;
            let (first, last) = (&critics[0].restored, &critics[critics.len() - 1].restored);
            let row = Aggregate { first: &first[place.clone()], last: &last[place], backup };
            (0..actions).map(|a| row.q(a)).collect()
        };
        self.show("q_agg", || Shown::new(s, actions, aggregate));
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
