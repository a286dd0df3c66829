//! A matrix with a bias in the flat parameters of a network: dense layers and convolutions alike.
//! What is multiplied by it is left to those, its values to `init`, its names outside to `tensors`.

use crate::sac::buffer::padded;

/// Where the weights `[inputs, width]` and the bias `[width]` lie; zeros in the padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Linear {
    /// Rows of the weights, padding of the inputs included.
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Row stride of the weights, of the bias and of what they compute.
    pub(super) width: usize,
    /// First weight.
    pub(super) weight: usize,
    /// First bias.
    pub(super) bias: usize,
    /// Row of every input, in the order inputs have outside.
    pub(super) rows: Vec<u32>,
}

impl Linear {
    /// Takes its place from `end` on, the end of the parameters so far.
    pub(super) fn new(inputs: usize, outputs: usize, rows: Vec<u32>, end: &mut usize) -> Self {
        let (weight, width) = (*end, padded(outputs));
        let bias = weight + inputs * width;
        *end = bias + width;
        Self { inputs, outputs, width, weight, bias, rows }
    }

    /// The weights among a network's `parameters`.
    pub(super) fn weights<'a>(&self, parameters: &'a [f32]) -> &'a [f32] {
        &parameters[self.weight..self.bias]
    }

    /// The bias among a network's `parameters`, with its padding.
    pub(super) fn biases<'a>(&self, parameters: &'a [f32]) -> &'a [f32] {
        &parameters[self.bias..self.bias + self.width]
    }

    /// The same places of a network's `gradient`: weights and bias.
    pub(super) fn gradients<'a>(&self, gradient: &'a mut [f32]) -> (&'a mut [f32], &'a mut [f32]) {
        gradient[self.weight..self.bias + self.width].split_at_mut(self.bias - self.weight)
    }

    /// Multiply-adds for one row.
    pub(super) fn work(&self) -> usize {
        (self.inputs + 1) * self.width
    }
}
