//! A batch of sequences as the networks read it, time-major: inputs of every moment, n-step returns of every
//! transition.

use crate::mdp::SequenceBatch;
use crate::nn::memory::{MomentInputs, Moments};

/// The batch of one gradient step.
#[derive(Debug, Clone, Default)]
pub(super) struct Sequences {
    /// `[M, B, …]`: see [`Moments`].
    inputs: Vec<f32>,
    grids: Vec<f32>,
    starts: Vec<f32>,
    batch: usize,
    moments: usize,
    /// `[L, B]`, as everything below: behind the burn-in.
    pub(super) actions: Vec<usize>,
    /// 1 for transitions that enter the losses, 0 for others.
    pub(super) mask: Vec<f32>,
    pub(super) behaviour_entropies: Vec<f32>,
    /// `Σ_{k<m} gamma^k r_{t+k}`.
    pub(super) returns: Vec<f32>,
    /// `gamma^m`.
    pub(super) discounts: Vec<f32>,
    /// `m`, 0 where the mask is 0.
    pub(super) steps: Vec<usize>,
    /// Whether step `t + m − 1` was terminal.
    pub(super) terminated: Vec<f32>,
    /// `[N, K]` of the unmasked transitions in order, or empty.
    pub(super) sampled_actions: Vec<u16>,
    /// `[B]`.
    pub(super) weights: Vec<f32>,
    /// `max(1, Σ mask)`.
    pub(super) count: f32,
}

impl Sequences {
    /// All moments.
    pub(super) fn moments(&self) -> Moments<'_> {
        Moments {
            batch: self.batch,
            count: self.moments,
            inputs: &self.inputs,
            grids: &self.grids,
            starts: &self.starts,
        }
    }

    /// Row of the moment that transition `index` bootstraps from.
    pub(super) fn bootstrap(&self, index: usize) -> usize {
        index + self.steps[index] * self.batch
    }

    /// Weight of transition `index`.
    pub(super) fn weight(&self, index: usize) -> f32 {
        self.weights[index % self.batch]
    }

    /// Reads `batch`, whose columns must fit.
    pub(super) fn read(&mut self, batch: &SequenceBatch, layout: &MomentInputs, returns: [f32; 2]) {
        (self.batch, self.moments) = (batch.batch, batch.length + 1);
        self.read_moments(batch, layout);
        self.actions.clear();
        for column in [&mut self.mask, &mut self.behaviour_entropies] {
            column.clear();
        }
        for column in [&mut self.returns, &mut self.discounts, &mut self.terminated] {
            column.clear();
        }
        self.steps.clear();
        self.sampled_actions.clear();
        let samples = batch.sampled_actions.len() / (batch.batch * batch.length);
        for t in batch.burn_in..batch.length {
            for b in 0..batch.batch {
                let at = b * batch.length + t;
                let unmasked = batch.mask[at] != 0.0;
                // What masked transitions hold does not matter, and may be no action at all.
                self.actions.push(if unmasked { batch.actions.index(at) } else { 0 });
                self.mask.push(f32::from(u8::from(unmasked)));
                self.behaviour_entropies.push(batch.behaviour_entropies.get(at).copied().unwrap_or_default());
                self.read_return(batch, b, t, returns);
                if unmasked {
                    self.sampled_actions
                        .extend_from_slice(&batch.sampled_actions[at * samples..(at + 1) * samples]);
                }
            }
        }
        self.weights.clear();
        self.weights.extend_from_slice(&batch.weights);
        self.count = self.mask.iter().sum::<f32>().max(1.0);
    }

    /// `x_t = [o_t, a_{t−1}, r_{t−1}]` and the grid, if it is read apart; action and reward are zero at a start.
    fn read_moments(&mut self, batch: &SequenceBatch, layout: &MomentInputs) {
        let (features, actions) = (batch.features, layout.previous_action);
        for buffer in [&mut self.inputs, &mut self.grids, &mut self.starts] {
            buffer.clear();
        }
        for t in 0..=batch.length {
            for b in 0..batch.batch {
                let moment = b * (batch.length + 1) + t;
                let (vector, rest) =
                    batch.observations[moment * features..][..features].split_at(layout.observation);
                self.inputs.extend_from_slice(vector);
                let start = batch.is_first[moment];
                let before = t.checked_sub(1).map(|t| b * batch.length + t);
                let (action, reward) = match before {
                    Some(at) => (batch.actions.index(at), batch.rewards[at]),
                    None => (batch.previous_actions.index(b), batch.previous_rewards[b]),
                };
                if actions > 0 {
                    let row = self.inputs.len();
                    self.inputs.resize(row + actions, 0.0);
                    if let Some(value) = self.inputs[row..].get_mut(action).filter(|_| start == 0.0) {
                        *value = 1.0;
                    }
                }
                if layout.previous_reward > 0 {
                    self.inputs.push(if start > 0.0 { 0.0 } else { reward });
                }
                self.grids.extend_from_slice(rest);
                self.starts.push(start);
            }
        }
    }

    /// The n-step return of transition `t` of sequence `b`: up to the end of its episode, the last transition before a
    /// masked one, the end of the sequence.
    fn read_return(&mut self, batch: &SequenceBatch, b: usize, t: usize, [gamma, scale]: [f32; 2]) {
        let (mut sum, mut discount, mut steps, mut terminated) = (0.0, 1.0, 0, 0.0);
        let row = b * batch.length;
        for at in t..batch.length.min(t + batch.n_step.max(1)) {
            if batch.mask[row + at] == 0.0 {
                break;
            }
            sum += scale * discount * batch.rewards[row + at];
            (discount, steps) = (discount * gamma, steps + 1);
            terminated = batch.terminated[row + at];
            if terminated > 0.0 || batch.truncated[row + at] > 0.0 {
                break;
            }
        }
        self.returns.push(sum);
        self.discounts.push(discount);
        self.steps.push(steps);
        self.terminated.push(terminated);
    }
}
