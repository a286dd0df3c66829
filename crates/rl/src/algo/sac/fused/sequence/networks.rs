//! Networks with memory in training: parameters, gradients and the step along them. Passes over batches are in
//! `passes`.

use crate::nn::Buffer;
use crate::nn::adam::{Adam, AdamStep, add, clip_scale, global_norm};
use crate::nn::memory::MemoryNetwork;

/// A network in training.
#[derive(Debug, Clone)]
pub(super) struct Trained {
    pub(super) network: MemoryNetwork,
    pub(super) adam: Adam,
    /// Of the last step, before clipping.
    pub(super) gradient: Buffer,
}

/// The step sizes of one update of a network.
#[derive(Debug, Clone, Copy)]
pub(super) struct Descent {
    /// Of the memory, and of what is behind it.
    pub(super) steps: [AdamStep; 2],
    pub(super) clip: Option<f32>,
}

impl Trained {
    /// Without any steps.
    pub(super) fn new(network: MemoryNetwork) -> Self {
        let len = network.parameters().0.len();
        let (adam, gradient) = (Adam::zeros(len), Buffer::zeros(len));
        Self { network, adam, gradient }
    }

    /// The sum of `gradients`.
    pub(super) fn gather<'a>(&mut self, gradients: impl Iterator<Item = &'a Buffer>) {
        for (index, part) in gradients.enumerate() {
            if index == 0 { self.gradient.copy_from_slice(part) } else { add(&mut self.gradient, part) }
        }
    }

    /// One Adam step along the gradient, clipped by its own global norm, memory included.
    pub(super) fn descend(&mut self, descent: Descent) {
        let Self { network, adam, gradient } = self;
        let Descent { steps, clip } = descent;
        let scale = clip.map_or(1.0, |limit| clip_scale(global_norm(gradient), limit));
        let (parameters, remembered) = network.parameters_mut();
        adam.step_in_parts(steps, remembered, parameters, gradient, scale);
    }
}

/// One critic with its target network.
#[derive(Debug, Clone)]
pub(super) struct Critic {
    pub(super) online: Trained,
    pub(super) target: MemoryNetwork,
    /// Of the last step.
    pub(super) loss: f32,
}

impl Critic {
    /// The target network starts as a copy.
    pub(super) fn new(network: MemoryNetwork) -> Self {
        Self { target: network.clone(), online: Trained::new(network), loss: 0.0 }
    }
}

/// Runs `work` on every critic, or on what belongs to it, with its number; on two threads if `parallel`. They share
/// nothing, so the result is the same either way.
pub(super) fn each<T: Send>(critics: &mut [T], parallel: bool, work: impl Fn(usize, &mut T) + Sync) {
    match critics {
        [first, second] if parallel => {
            rayon::join(|| work(0, first), || work(1, second));
        }
        _ => critics.iter_mut().enumerate().for_each(|(index, critic)| work(index, critic)),
    }
}
