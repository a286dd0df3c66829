//! Passes over stacked networks: memory or convolutions over a grid, dense layers, the head; and their gradients.
//! Defined at [`crate::nn::Encoder`] and [`Head`]; the caller computes losses.

use std::sync::Arc;

use burn::tensor::activation::relu;
use burn::tensor::{Gradients, Tensor};

use super::functions::{convolved, normalized};
use super::memory::{MemoryForm, MemoryLayers, Moments};
use crate::nn::{Architecture, Head, Inputs};

/// The layers formed from a parameter vector.
#[derive(Debug)]
pub(crate) struct Form {
    /// What turns moments into the features that the layers of `architecture` read, if there is one.
    pub memory: Option<MemoryForm>,
    pub architecture: Architecture,
    pub head: Head,
}

impl Form {
    /// Number of leading tensors that are the memory's.
    fn memory_tensors(&self) -> usize {
        self.memory.as_ref().map_or(0, MemoryForm::tensors)
    }
}

/// Parameters of stacked networks in turn, `[members, rows, columns]` each: those of the memory, then weights and biases
/// of convolutions, hidden layers, the output layer (of a dueling head value, then advantages; of a Gaussian one mean,
/// then logarithm of the standard deviation), norms.
#[derive(Clone)]
pub(crate) struct Layers {
    form: Arc<Form>,
    blocks: Vec<Tensor<3>>,
}

impl Layers {
    pub fn new(form: Arc<Form>, blocks: Vec<Tensor<3>>) -> Self {
        Self { form, blocks }
    }

    /// The same parameters as leaves of a new autodiff graph.
    pub fn tracked(&self) -> Self {
        let leaf = |block: &Tensor<3>| block.clone().autodiff().require_grad();
        Self { form: self.form.clone(), blocks: self.blocks.iter().map(leaf).collect() }
    }

    /// Every member's features of all moments after the burn-in, `[members, (M − burn_in)·B, F]`, for
    /// [`Layers::forward`]. `state` is that of a recurrent memory before the first moment, `[members, B, state_width]`,
    /// absent for zeros. Without a memory there are none.
    pub fn unroll(&self, moments: &Moments, state: Option<Tensor<3>>) -> Option<Tensor<3>> {
        let memory = self.form.memory.as_ref()?;
        Some(MemoryLayers::new(memory, &self.blocks).unroll(moments, state))
    }

    /// Every member's outputs: `[1, B, inputs]`, or `[members, B, F]` behind a memory → `[members, B, outputs]`.
    pub fn forward(&self, inputs: Tensor<3>) -> Tensor<3> {
        let Form { architecture: Architecture { convolutions, hidden, layer_norm, .. }, head, .. } =
            &*self.form;
        let first = convolutions.len();
        let output = first + hidden.len();
        let norms = output + if *head == Head::Linear { 1 } else { 2 };
        let mut x = self.encoded(inputs);
        for index in 0..hidden.len() {
            x = self.linear(first + index, x);
            if *layer_norm {
                let (weight, bias) = self.pair(norms + index);
                x = normalized(x, weight, bias);
            }
            x = relu(x);
        }
        match head {
            Head::Linear => self.linear(output, x),
            // Q = V + Adv − mean_a Adv
            Head::Dueling => {
                let advantages = self.linear(output + 1, x.clone());
                self.linear(output, x) + advantages.clone() - advantages.mean_dim(2)
            }
            // mean, log_std
            Head::Gaussian => {
                Tensor::cat(vec![self.linear(output, x.clone()), self.linear(output + 1, x)], 2)
            }
            Head::SharedStd => {
                let mean = self.linear(output, x);
                let log_std = self.pair(output + 1).1.expand(mean.dims());
                Tensor::cat(vec![mean, log_std], 2)
            }
        }
    }

    /// Weight and bias of layer `index`.
    fn pair(&self, index: usize) -> (Tensor<3>, Tensor<3>) {
        let first = self.form.memory_tensors() + 2 * index;
        (self.blocks[first].clone(), self.blocks[first + 1].clone())
    }

    /// `x W + b`.
    fn linear(&self, index: usize, x: Tensor<3>) -> Tensor<3> {
        let (weight, bias) = self.pair(index);
        x.matmul(weight) + bias
    }

    /// The input of the hidden layers: with convolutions, the vector followed by the last map's features,
    /// channel by channel, `[members, B, features]`.
    fn encoded(&self, inputs: Tensor<3>) -> Tensor<3> {
        let Architecture { inputs: Inputs { vector, grid }, convolutions, .. } = &self.form.architecture;
        let (Some(grid), false) = (grid, convolutions.is_empty()) else { return inputs };
        let ([_, size, features], [members, ..]) = (inputs.dims(), self.blocks[0].dims());
        let observed = inputs.clone().slice_dim(2, *vector..features);
        let map = observed.reshape([size, grid.channels, grid.height, grid.width]);
        let map = convolved(map, convolutions, members, |index| self.pair(index));
        let [_, made, height, width] = map.dims();
        let map = map.reshape([size, members, made / members * height * width]).swap_dims(0, 1);
        match vector {
            0 => map,
            _ => Tensor::cat(vec![inputs.slice_dim(2, 0..*vector).repeat_dim(0, members), map], 2),
        }
    }

    /// Euclidean norm of every member's parameters, `[members, 1, 1]`.
    pub fn norms(&self) -> Tensor<3> {
        norms(&self.blocks)
    }

    /// `∂loss/∂parameters`.
    pub fn gradient(&self, loss: &Tensor<1>) -> Gradient {
        let mut gradients: Gradients = loss.backward();
        let of = |leaf: &Tensor<3>| {
            leaf.grad_remove(&mut gradients).unwrap_or_else(|| leaf.clone().inner().zeros_like())
        };
        Gradient(self.blocks.iter().map(of).collect())
    }
}

/// A gradient, block by block in the order of the parameter vector, `[members, rows, columns]` each.
pub(crate) struct Gradient(Vec<Tensor<3>>);

impl Gradient {
    /// Global norm `‖g‖` of every member over all its parameters, `[members, 1, 1]`.
    pub fn norms(&self) -> Tensor<3> {
        norms(&self.0)
    }

    /// As a vector `[P]`, each member clipped to the global norm `limit`:
    /// `g ← g · min(1, c / (‖g‖ + 1e-6))`.
    pub fn clipped(self, limit: Option<f32>) -> Tensor<1> {
        let scale = limit.map(|limit| ((self.norms() + 1e-6).recip() * limit).clamp_max(1.0));
        let blocks = self.0.into_iter().map(|block| match &scale {
            Some(scale) => block * scale.clone(),
            None => block,
        });
        Tensor::cat(blocks.map(|block| block.flatten(0, 2)).collect(), 0)
    }
}

/// Euclidean norm of every member over all `blocks`, `[members, rows, columns]` each: `[members, 1, 1]`.
fn norms(blocks: &[Tensor<3>]) -> Tensor<3> {
    let squares = blocks.iter().map(|block| (block.clone() * block.clone()).sum_dim(2).sum_dim(1));
    Tensor::cat(squares.collect(), 1).sum_dim(1).sqrt()
}
