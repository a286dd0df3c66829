//! A network in training on the host, with its optimizer.

use super::adam::{Adam, AdamStep, clip_scale, global_norm};
use super::buffer::Buffer;
use super::network::{Activations, Backward, Network};

/// A network in training: parameters, moments, gradient, and the memory of its last pass.
#[derive(Debug, Clone)]
pub(crate) struct Trained {
    pub(crate) network: Network,
    pub(crate) adam: Adam,
    pub(crate) gradient: Buffer,
    pub(crate) activations: Activations,
    pub(crate) backward: Backward,
}

impl Trained {
    /// Without any steps.
    pub(crate) fn new(network: Network) -> Self {
        let len = network.parameters.len();
        Self {
            network,
            adam: Adam::zeros(len),
            gradient: Buffer::zeros(len),
            activations: Activations::default(),
            backward: Backward::default(),
        }
    }

    /// Gradient from the output gradient already in `backward`.
    pub(crate) fn differentiate(&mut self, inputs: &[f32]) {
        let Self { network, gradient, activations, backward, .. } = self;
        network.backward(inputs, activations, backward, gradient);
    }

    /// One Adam step along the gradient, clipped by its own global norm (`g ← g · min(1, c / (‖g‖ + 1e-6))`).
    pub(crate) fn descend(&mut self, step: AdamStep, clip: Option<f32>) {
        let Self { network, adam, gradient, .. } = self;
        let scale = clip.map_or(1.0, |limit| clip_scale(global_norm(gradient), limit));
        adam.step(step, &mut network.parameters, gradient, scale);
    }
}
