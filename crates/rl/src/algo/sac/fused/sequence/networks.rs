//! Networks with memory in training, and the passes over them, each on its own thread where that pays.

use super::MemoryState;
use crate::nn::Buffer;
use crate::nn::adam::{Adam, AdamStep, clip_scale, global_norm};
use crate::nn::memory::{MemoryNetwork, Moments, Unroll, Unrolled};

/// A network in training: moments, gradient, and the memory of its last pass.
#[derive(Debug, Clone)]
pub(super) struct Trained {
    pub(super) network: MemoryNetwork,
    pub(super) adam: Adam,
    pub(super) gradient: Buffer,
    pub(super) unrolled: Unrolled,
    /// `[B, state_width]`: the state before the first moment; empty for zeros.
    pub(super) states: Vec<f32>,
}

/// The step sizes of one update of a network.
#[derive(Debug, Clone, Copy)]
pub(super) struct Descent {
    /// Of the memory, and of what is behind it.
    pub(super) steps: [AdamStep; 2],
    pub(super) clip: Option<f32>,
    /// First differentiated moment.
    pub(super) first: usize,
}

impl Trained {
    /// Without any steps.
    pub(super) fn new(network: MemoryNetwork) -> Self {
        let len = network.parameters().0.len();
        let (adam, gradient) = (Adam::zeros(len), Buffer::zeros(len));
        Self { network, adam, gradient, unrolled: Unrolled::default(), states: Vec::new() }
    }

    /// Computes the outputs of all moments from `from` on.
    pub(super) fn unroll(&mut self, moments: Moments<'_>, from: usize) {
        let unroll = Unroll { moments, states: &self.states, from };
        self.network.forward(&unroll, &mut self.unrolled);
    }

    /// Gradient from the output gradient already set, clipped by its own global norm, memory included, and one Adam
    /// step.
    pub(super) fn descend(&mut self, moments: Moments<'_>, from: usize, descent: Descent) {
        let Self { network, adam, gradient, unrolled, states } = self;
        let Descent { steps, clip, first } = descent;
        network.backward(&Unroll { moments, states, from }, first, unrolled, gradient);
        let scale = clip.map_or(1.0, |limit| clip_scale(global_norm(gradient), limit));
        let (parameters, remembered) = network.parameters_mut();
        adam.step_in_parts(steps, remembered, parameters, gradient, scale);
    }
}

/// One critic with its target network and what a step computes for it. Rows are `[moments, B]` behind the burn-in,
/// transitions the same without the last moment.
#[derive(Debug, Clone)]
pub(super) struct Critic {
    pub(super) online: Trained,
    pub(super) target: MemoryNetwork,
    pub(super) target_unrolled: Unrolled,
    /// Soft value `v'` of every row, in units of reward.
    pub(super) values: Vec<f32>,
    /// Regression targets `y` of every transition, in the critic's units.
    pub(super) targets: Vec<f32>,
    /// `Q(o, a)` before the step.
    pub(super) q_taken: Vec<f32>,
    /// The same, clipped around the target network's; empty without `q_clip`.
    pub(super) q_clipped: Vec<f32>,
    /// Signed, `Q(o, a) − y`.
    pub(super) td_errors: Vec<f32>,
    /// `[rows, A]`: action values after the step, in units of reward.
    pub(super) restored: Vec<f32>,
    pub(super) loss: f32,
}

impl Critic {
    /// The target network starts as a copy.
    pub(super) fn new(network: MemoryNetwork) -> Self {
        Self {
            target: network.clone(),
            online: Trained::new(network),
            target_unrolled: Unrolled::default(),
            values: Vec::new(),
            targets: Vec::new(),
            q_taken: Vec::new(),
            q_clipped: Vec::new(),
            td_errors: Vec::new(),
            restored: Vec::new(),
            loss: 0.0,
        }
    }

    /// Unrolls the critic and its target network, from the same state.
    pub(super) fn unroll(&mut self, moments: Moments<'_>, from: usize) {
        let unroll = Unroll { moments, states: &self.online.states, from };
        self.target.forward(&unroll, &mut self.target_unrolled);
        self.online.unroll(moments, from);
    }
}

/// Takes the networks' states out of the rows of a batch: `[B, networks · state_width]` of actor and critics in order;
/// those that are not there begin from zeros.
pub(super) fn distribute(state: &MemoryState<'_>, actor: &mut Trained, critics: &mut [Critic]) {
    let networks = std::iter::once(actor).chain(critics.iter_mut().map(|critic| &mut critic.online));
    for (index, trained) in networks.enumerate() {
        let each = trained.network.sequence_state_width();
        trained.states.clear();
        let slice = index * each..(index + 1) * each;
        if each > 0 && slice.end <= state.width {
            state
                .rows
                .chunks_exact(state.width)
                .for_each(|row| trained.states.extend_from_slice(&row[slice.clone()]));
        }
    }
}

/// Runs `work` on every critic, on two threads if `parallel`. They share nothing, so the result is the same either way.
pub(super) fn each(critics: &mut [Critic], parallel: bool, work: impl Fn(&mut Critic) + Sync) {
    match critics {
        [first, second] if parallel => {
            rayon::join(|| work(first), || work(second));
        }
        _ => critics.iter_mut().for_each(work),
    }
}
