//! A batch of sequences as the networks read it: cut into micro-batches of a few sequences, each of them time-major
//! with the inputs of every moment, and the transitions that enter the losses with their n-step returns.

use crate::mdp::{ActionNoise, SequenceBatch};
use crate::nn::memory::{MomentInputs, Moments, Unroll};

/// Sequences of a micro-batch. As many rows as a register tile has, and few enough that what a pass leaves stays in the
/// second-level cache. Fixed, so that sums over a batch are the same on any number of threads.
const MICRO_BATCH: usize = 8;

/// An unmasked transition.
#[derive(Debug, Clone)]
pub(super) struct Transition {
    /// `t · B + b` in the whole batch, behind the burn-in.
    pub(super) at: usize,
    /// How many unmasked transitions of the whole batch come before it in that order.
    pub(super) place: usize,
    /// Its sequence in the whole batch.
    pub(super) sequence: usize,
    /// Output row of its moment, and of the one that it bootstraps from.
    pub(super) row: usize,
    pub(super) bootstrap: usize,
    /// Its discrete action: the critics' output. They have one where they read the action.
    pub(super) action: usize,
    /// `Σ_{k<m} gamma^k r_{t+k}`.
    pub(super) n_step_return: f32,
    /// `gamma^m`.
    pub(super) discount: f32,
    /// `m`.
    pub(super) steps: usize,
    /// 1 if step `t + m − 1` was terminal.
    pub(super) terminated: f32,
    pub(super) behaviour_entropy: f32,
    /// Importance weight of its sequence.
    pub(super) weight: f32,
}

/// Some sequences of the batch.
#[derive(Debug, Clone, Default)]
pub(super) struct MicroBatch {
    /// `[M, B, …]`: see [`Moments`].
    inputs: Vec<f32>,
    grids: Vec<f32>,
    starts: Vec<f32>,
    batch: usize,
    /// Moments up to the last one with an output that is needed.
    moments: usize,
    /// First moment with an output.
    from: usize,
    /// `[B, state_width]` of actor and critics in order; empty for zeros.
    states: Vec<Vec<f32>>,
    /// Output rows that are needed, `(t − from) · B + b`, in order.
    rows: Vec<u32>,
    /// In order of time, then of sequences.
    pub(super) transitions: Vec<Transition>,
    /// `[rows, A]` of continuous actions: those taken, zeros where nothing is learned from them; and the noise of the
    /// actor's at its moment and where it is bootstrapped from.
    pub(super) taken: Vec<f32>,
    pub(super) noise: [Vec<f32>; 2],
}

/// The batch of one gradient step.
#[derive(Debug, Clone, Default)]
pub(super) struct Sequences {
    pub(super) batch: usize,
    /// Transitions of each behind the burn-in.
    pub(super) length: usize,
    /// `[N, K]` of the unmasked transitions in order, or empty.
    pub(super) sampled_actions: Vec<u16>,
    /// `max(1, Σ mask)`.
    pub(super) count: f32,
    /// `[B, T]`: [`Transition::place`].
    places: Vec<usize>,
}

impl MicroBatch {
    /// The pass of network `index` over it: the actor is 0, critics follow. A backward pass can follow only if `keep`.
    pub(super) fn unroll(&self, index: usize, keep: bool) -> Unroll<'_> {
        let Self { batch, moments: count, from, inputs, grids, starts, .. } = self;
        let all = starts.len() / batch;
        let part = |values: &'_ [f32]| values.len() / all * count;
        let moments = Moments {
            batch: *batch,
            count: *count,
            inputs: &inputs[..part(inputs)],
            grids: &grids[..part(grids)],
            starts: &starts[..part(starts)],
        };
        let rows = (self.rows.len() < (count - from) * batch).then_some(&self.rows[..]);
        Unroll { moments, states: &self.states[index], from: *from, rows, beside: &[], keep }
    }

    /// Number of output rows.
    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Takes the networks' states out of the rows of a batch: `[B, networks · width]` of actor and critics in order; those
    /// that are not there begin from zeros.
    fn distribute(&mut self, batch: &SequenceBatch, first: usize, [networks, width]: [usize; 2]) {
        self.states.resize_with(networks, Vec::new);
        let all = batch.initial_states.width;
        for (index, states) in self.states.iter_mut().enumerate() {
            states.clear();
            let slice = index * width..(index + 1) * width;
            if width > 0 && slice.end <= all {
                let rows = batch.initial_states.values.chunks_exact(all).skip(first).take(self.batch);
                rows.for_each(|row| states.extend_from_slice(&row[slice.clone()]));
            }
        }
    }

    /// `x_t = [o_t, a_{t−1}, r_{t−1}]` and the grid, if it is read apart; action and reward are zero at a start.
    fn read_moments(&mut self, batch: &SequenceBatch, first: usize, layout: &MomentInputs) {
        let (features, actions) = (batch.features, layout.previous_action);
        for buffer in [&mut self.inputs, &mut self.grids, &mut self.starts] {
            buffer.clear();
        }
        for t in 0..=batch.length {
            for b in first..first + self.batch {
                let moment = b * (batch.length + 1) + t;
                let (vector, rest) =
                    batch.observations[moment * features..][..features].split_at(layout.observation);
                self.inputs.extend_from_slice(vector);
                let start = batch.is_first[moment];
                let before = t.checked_sub(1).map(|t| b * batch.length + t);
                let (action, reward) = match before {
                    Some(at) => (batch.actions.row(at), batch.rewards[at]),
                    None => (batch.previous_actions.row(b), batch.previous_rewards[b]),
                };
                if actions > 0 {
                    let row = self.inputs.len();
                    self.inputs.resize(row + actions, 0.0);
                    layout.write_action(action, start != 0.0, &mut self.inputs[row..]);
                }
                if layout.previous_reward > 0 {
                    self.inputs.push(if start > 0.0 { 0.0 } else { reward });
                }
                self.grids.extend_from_slice(rest);
                self.starts.push(start);
            }
        }
    }

    /// The unmasked transitions, and which rows they need.
    fn read_transitions(
        &mut self,
        batch: &SequenceBatch,
        first: usize,
        places: &[usize],
        [gamma, scale]: [f32; 2],
    ) {
        self.transitions.clear();
        let behind = batch.length + 1 - batch.burn_in;
        // First marks of what is needed, then where among the needed rows each one is.
        let mut order = vec![0; behind * self.batch];
        for t in batch.burn_in..batch.length {
            for own in 0..self.batch {
                let b = first + own;
                let at = b * batch.length + t;
                if batch.mask[at] == 0.0 {
                    continue;
                }
                let row = (t - batch.burn_in) * self.batch + own;
                let mut transition = Transition {
                    at: (t - batch.burn_in) * batch.batch + b,
                    place: places[at],
                    sequence: b,
                    row,
                    bootstrap: 0,
                    action: batch.actions.index(at),
                    n_step_return: 0.0,
                    discount: 1.0,
                    steps: 0,
                    terminated: 0.0,
                    behaviour_entropy: batch.behaviour_entropies.get(at).copied().unwrap_or_default(),
                    weight: batch.weights[b],
                };
                transition.read_return(batch, b, t, [gamma, scale]);
                transition.bootstrap = row + transition.steps * self.batch;
                (order[row], order[transition.bootstrap]) = (1, 1);
                self.transitions.push(transition);
            }
        }
        self.rows.clear();
        for (row, place) in order.iter_mut().enumerate().filter(|(_, needed)| **needed > 0) {
            *place = self.rows.len();
            self.rows.push(row as u32);
        }
        for transition in &mut self.transitions {
            transition.row = order[transition.row];
            transition.bootstrap = order[transition.bootstrap];
        }
        self.read_taken(batch);
        self.from = batch.burn_in;
        self.moments = self.rows.last().map_or(0, |last| batch.burn_in + *last as usize / self.batch + 1);
    }
}

impl MicroBatch {
    /// The continuous actions of the transitions, beside the rows of their moments.
    fn read_taken(&mut self, batch: &SequenceBatch) {
        let dims = batch.actions.dims();
        self.taken.clear();
        self.taken.resize(self.rows.len() * dims, 0.0);
        if dims == 0 {
            return;
        }
        for transition in &self.transitions {
            let t = batch.burn_in + transition.at / batch.batch;
            let action = batch.actions.vector(transition.sequence * batch.length + t);
            self.taken[transition.row * dims..][..dims].copy_from_slice(action);
        }
    }

    /// The noise of the output rows, out of that of all moments of sequences, from `first` on, `[B, moments, dims]`.
    pub(super) fn read_noise(&mut self, noise: &ActionNoise, first: usize, moments: usize, dims: usize) {
        for (own, all) in self.noise.iter_mut().zip([&noise.here, &noise.next]) {
            own.clear();
            for row in &self.rows {
                let (t, b) = (self.from + *row as usize / self.batch, first + *row as usize % self.batch);
                own.extend_from_slice(&all[(b * moments + t) * dims..][..dims]);
            }
        }
    }
}

impl Transition {
    /// The n-step return of transition `t` of sequence `b`: up to the end of its episode, the last transition before a
    /// masked one, the end of the sequence.
    fn read_return(&mut self, batch: &SequenceBatch, b: usize, t: usize, [gamma, scale]: [f32; 2]) {
        let row = b * batch.length;
        for at in t..batch.length.min(t + batch.n_step.max(1)) {
            if batch.mask[row + at] == 0.0 {
                break;
            }
            self.n_step_return += scale * self.discount * batch.rewards[row + at];
            (self.discount, self.steps) = (self.discount * gamma, self.steps + 1);
            self.terminated = batch.terminated[row + at];
            if self.terminated > 0.0 || batch.truncated[row + at] > 0.0 {
                break;
            }
        }
    }
}

impl Sequences {
    /// Reads `batch`, whose columns must fit, into `parts`; `states` are the number of networks and the width of a state.
    pub(super) fn read<'a>(
        &mut self,
        batch: &SequenceBatch,
        layout: &MomentInputs,
        returns: [f32; 2],
        states: [usize; 2],
        parts: impl Iterator<Item = &'a mut MicroBatch>,
    ) {
        (self.batch, self.length) = (batch.batch, batch.length - batch.burn_in);
        self.sampled_actions.clear();
        self.places.clear();
        self.places.resize(batch.batch * batch.length, 0);
        let samples = batch.sampled_actions.len() / (batch.batch * batch.length);
        let mut count = 0;
        for t in batch.burn_in..batch.length {
            for at in (0..batch.batch).map(|b| b * batch.length + t) {
                if batch.mask[at] != 0.0 {
                    self.places[at] = count;
                    count += 1;
                    let sampled = &batch.sampled_actions[at * samples..(at + 1) * samples];
                    self.sampled_actions.extend_from_slice(sampled);
                }
            }
        }
        self.count = (count as f32).max(1.0);
        for (part, first) in parts.zip((0..batch.batch).step_by(MICRO_BATCH)) {
            part.batch = MICRO_BATCH.min(batch.batch - first);
            part.distribute(batch, first, states);
            part.read_moments(batch, first, layout);
            part.read_transitions(batch, first, &self.places, returns);
        }
    }

    /// Gives every one of `parts`, which hold the batch of [`Sequences::read`], its noise, `[B, moments, dims]`.
    pub(super) fn read_noise<'a>(
        noise: &ActionNoise,
        moments: usize,
        dims: usize,
        parts: impl Iterator<Item = &'a mut MicroBatch>,
    ) {
        for (index, part) in parts.enumerate() {
            part.read_noise(noise, index * MICRO_BATCH, moments, dims);
        }
    }

    /// Micro-batches that `sequences` are cut into.
    pub(super) fn parts(sequences: usize) -> usize {
        sequences.div_ceil(MICRO_BATCH)
    }
}
