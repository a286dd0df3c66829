//! The policy of a batch: probabilities of discrete actions, or samples of a squashed Gaussian (specification sections
//! 3 and 12).

use crate::nn::Activations;
use crate::nn::categorical::softmax;
use crate::nn::gaussian::Squash;

/// Softmax policy of a batch: `[B, A]` each, entropies `[B]` in nats.
#[derive(Debug, Clone, Default)]
pub(super) struct Softmax {
    pub(super) log_policy: Vec<f32>,
    pub(super) policy: Vec<f32>,
    pub(super) entropies: Vec<f32>,
}

impl Softmax {
    pub(super) fn compute(&mut self, logits: &Activations, actions: usize) {
        self.compute_rows(logits.rows(), actions);
    }

    /// The same of `rows` with padding.
    pub(super) fn compute_rows<'a>(&mut self, rows: impl Iterator<Item = &'a [f32]>, actions: usize) {
        self.log_policy.clear();
        self.policy.clear();
        self.entropies.clear();
        for row in rows {
            let start = self.policy.len();
            self.log_policy.extend_from_slice(&row[..actions]);
            self.policy.resize(start + actions, 0.0);
            self.entropies.push(softmax(&mut self.log_policy[start..], &mut self.policy[start..]));
        }
    }
}

/// Actions of a policy: `[rows, A]`, and their log-densities `[rows]`.
#[derive(Debug, Clone, Default)]
pub(super) struct Sampled {
    pub(super) actions: Vec<f32>,
    pub(super) log_probs: Vec<f32>,
}

impl Sampled {
    /// Samples the policies of `outputs` with `noise`, `[rows, repeat, A]`.
    pub(super) fn sample(&mut self, squash: &Squash, outputs: &Activations, noise: &[f32], repeat: usize) {
        let dims = squash.dims();
        self.actions.clear();
        self.actions.resize(noise.len(), 0.0);
        self.log_probs.clear();
        let rows = noise.chunks_exact(dims).zip(self.actions.chunks_exact_mut(dims));
        for (index, (eps, action)) in rows.enumerate() {
            let Some(output) = outputs.row(index / repeat) else { break };
            self.log_probs.push(squash.act(output, eps, action));
        }
    }
}
