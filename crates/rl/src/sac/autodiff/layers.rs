//! Passes over stacked networks: convolutions over a grid, dense layers, the head; and their gradients.
//! What they compute is said at [`crate::sac::Encoder`], `layer_norm` and [`Head`]; losses are the caller's.

use std::sync::Arc;

use burn::tensor::activation::relu;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Gradients, Tensor};

use crate::sac::Head;
use crate::sac::architecture::{Architecture, Inputs};

/// Added to the variance by layer normalization, as PyTorch's `nn.LayerNorm` does.
const NORM_EPSILON: f32 = 1e-5;

/// What a network makes of its parameters.
#[derive(Debug)]
pub(super) struct Form {
    pub architecture: Architecture,
    pub head: Head,
}

/// Weights and biases of stacked networks in turn, `[members, rows, columns]` each: convolutions,
/// hidden layers, the output layer (of a dueling head value, then advantages), norms.
#[derive(Clone)]
pub(super) struct Layers {
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

    /// Every member's outputs: `[1, B, inputs]` → `[members, B, outputs]`.
    pub fn forward(&self, inputs: Tensor<3>) -> Tensor<3> {
        let Form { architecture: Architecture { convolutions, hidden, layer_norm, .. }, head } = &*self.form;
        let first = convolutions.len();
        let output = first + hidden.len();
        let norms = output + if *head == Head::Dueling { 2 } else { 1 };
        let mut x = self.encoded(inputs);
        for index in 0..hidden.len() {
            x = self.linear(first + index, x);
            if *layer_norm {
                x = self.normalized(norms + index, x);
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
        }
    }

    /// Weight and bias of layer `index`.
    fn pair(&self, index: usize) -> (Tensor<3>, Tensor<3>) {
        (self.blocks[2 * index].clone(), self.blocks[2 * index + 1].clone())
    }

    /// `x W + b`.
    fn linear(&self, index: usize, x: Tensor<3>) -> Tensor<3> {
        let (weight, bias) = self.pair(index);
        x.matmul(weight) + bias
    }

    /// `w · (x − mean) / √(variance + 1e-5) + b` over the entries of a row (Ba et al. 2016).
    fn normalized(&self, index: usize, x: Tensor<3>) -> Tensor<3> {
        let (weight, bias) = self.pair(index);
        let centered = x.clone() - x.mean_dim(2);
        let variance = (centered.clone() * centered.clone()).mean_dim(2);
        centered / (variance + NORM_EPSILON).sqrt() * weight + bias
    }

    /// What the hidden layers read: where there are convolutions, the vector and after it the last map's
    /// features, channel by channel, `[members, B, features]`.
    fn encoded(&self, inputs: Tensor<3>) -> Tensor<3> {
        let Architecture { inputs: Inputs { vector, grid }, convolutions, .. } = &self.form.architecture;
        let (Some(grid), false) = (grid, convolutions.is_empty()) else { return inputs };
        let ([_, size, features], [members, ..]) = (inputs.dims(), self.blocks[0].dims());
        let observed = inputs.clone().slice_dim(2, *vector..features);
        let mut map = observed.reshape([size, grid.channels, grid.height, grid.width]);
        // The first convolution shows the same grid to all members; from then on each has channels of its own.
        let (mut channels, mut groups) = (grid.channels, 1);
        for (index, (layer, _)) in convolutions.iter().enumerate() {
            let (weight, bias) = self.pair(index);
            let made = members * layer.channels;
            let weight = weight.reshape([made, channels, layer.kernel, layer.kernel]);
            let (stride, border) = ([layer.stride; 2], [layer.border(); 2]);
            let options = ConvOptions::new(stride, border, [1; 2], groups);
            map = relu(conv2d(map, weight, Some(bias.reshape([made])), options));
            (channels, groups) = (layer.channels, members);
        }
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
pub(super) struct Gradient(Vec<Tensor<3>>);

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
