//! A matrix with a bias in the flat parameters of a network: dense layers and convolutions alike.
//! Initialization is in `init`, saved names are in `tensors`.

use crate::nn::buffer::padded;

/// Position of the weights `[inputs, width]` and the bias `[width]`; zeros in the padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::nn) struct Linear {
    /// Rows of the weights, including padding of the inputs.
    pub(in crate::nn) inputs: usize,
    pub(in crate::nn) outputs: usize,
    /// Row stride of the weights, the bias and the output.
    pub(in crate::nn) width: usize,
    /// First weight.
    pub(in crate::nn) weight: usize,
    /// First bias.
    pub(in crate::nn) bias: usize,
    /// Row of every input, in saved order.
    pub(in crate::nn) rows: Vec<u32>,
}

impl Linear {
    /// Its parameters start at `end`, the end of the parameters so far.
    pub(in crate::nn) fn new(inputs: usize, outputs: usize, rows: Vec<u32>, end: &mut usize) -> Self {
        let (weight, width) = (*end, padded(outputs));
        let bias = weight + inputs * width;
        *end = bias + width;
        Self { inputs, outputs, width, weight, bias, rows }
    }

    /// The weights among a network's `parameters`.
    pub(in crate::nn) fn weights<'a>(&self, parameters: &'a [f32]) -> &'a [f32] {
        &parameters[self.weight..self.bias]
    }

    /// The bias among a network's `parameters`, with its padding.
    pub(in crate::nn) fn biases<'a>(&self, parameters: &'a [f32]) -> &'a [f32] {
        &parameters[self.bias..self.bias + self.width]
    }

    /// The corresponding part of a network's `gradient`: weights and bias.
    pub(in crate::nn) fn gradients<'a>(&self, gradient: &'a mut [f32]) -> (&'a mut [f32], &'a mut [f32]) {
        gradient[self.weight..self.bias + self.width].split_at_mut(self.bias - self.weight)
    }

    /// Multiply-adds for one row.
    pub(in crate::nn) fn work(&self) -> usize {
        (self.inputs + 1) * self.width
    }
}
