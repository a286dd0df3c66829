//! Multi-layer perceptrons on burn tensors: forward pass, gradients, saving by name.
//!
//! Networks of equal shape are stacked: both critics are one [`Ensemble`] of two members whose
//! tensors carry the member as their first dimension, so that two critics launch as many kernels as
//! one. All parameters of an ensemble live in one vector `[P]`, which is what the optimiser and the
//! target update work on; layers are views into it. Losses are the caller's.

use burn::tensor::{Device, Gradients, Tensor, TensorData, activation::relu};
use rand::RngExt as _;

use crate::mdp::Rng;
use crate::sac::network::tensor;
use crate::sac::{HostTensor, SacError, TensorMap};

/// Names and widths of stacked networks, and where each parameter lies in the vector: layer by
/// layer, first the weights `[members, in, out]`, then the biases `[members, 1, out]`.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    names: Vec<String>,
    /// Inputs, hidden widths, outputs.
    widths: Vec<usize>,
}

/// One named parameter of one member.
struct Slot {
    /// As saved, e.g. `critic2.layers.0.weight`.
    name: String,
    /// As saved: `[out, in]` or `[out]`.
    shape: Vec<usize>,
    /// First element in the vector; there a weight lies as `[in, out]`.
    start: usize,
}

impl Layout {
    /// Networks called `names`, each from `widths[0]` inputs to `widths[last]` outputs.
    pub fn new(names: &[&str], widths: Vec<usize>) -> Self {
        Self { names: names.iter().map(ToString::to_string).collect(), widths }
    }

    /// The same shapes under names that start with `target_`.
    pub fn target(&self) -> Self {
        Self { names: self.names.iter().map(|name| format!("target_{name}")).collect(), ..self.clone() }
    }

    /// Number of parameters `P` of all members.
    pub fn len(&self) -> usize {
        self.names.len() * self.widths.windows(2).map(|pair| (pair[0] + 1) * pair[1]).sum::<usize>()
    }

    /// Every parameter: network by network, layer by layer, weight before bias.
    fn slots(&self) -> Vec<Slot> {
        let members = self.names.len();
        let mut slots = Vec::new();
        for (member, network) in self.names.iter().enumerate() {
            let mut offset = 0;
            for (layer, pair) in self.widths.windows(2).enumerate() {
                let (inputs, outputs) = (pair[0], pair[1]);
                let weights = offset + members * inputs * outputs;
                slots.push(Slot {
                    name: format!("{network}.layers.{layer}.weight"),
                    shape: vec![outputs, inputs],
                    start: offset + member * inputs * outputs,
                });
                slots.push(Slot {
                    name: format!("{network}.layers.{layer}.bias"),
                    shape: vec![outputs],
                    start: weights + member * outputs,
                });
                offset = weights + members * outputs;
            }
        }
        slots
    }

    /// Fresh parameters, `[P]`: weights and biases uniform in ±1/√inputs. Drawn network by network
    /// and layer by layer, each weight input by input: the same seed gives `fused` the same networks.
    pub fn initial(&self, rng: &mut Rng) -> Vec<f32> {
        let mut flat = vec![0.0; self.len()];
        let mut bound = 1.0;
        for slot in self.slots() {
            if let [_, inputs] = slot.shape[..] {
                bound = 1.0 / (inputs.max(1) as f32).sqrt();
            }
            let end = slot.start + slot.shape.iter().product::<usize>();
            flat[slot.start..end].fill_with(|| bound * (2.0 * rng.random::<f32>() - 1.0));
        }
        flat
    }

    /// The vector `[P]` of the tensors called `<prefix><parameter><suffix>`.
    ///
    /// # Errors
    /// [`SacError::Tensor`] for the first one that is missing, of another shape or not finite.
    pub fn pack(&self, tensors: &TensorMap, prefix: &str, suffix: &str) -> Result<Vec<f32>, SacError> {
        let mut flat = vec![0.0; self.len()];
        for slot in self.slots() {
            let data = tensor(tensors, format!("{prefix}{}{suffix}", slot.name), &slot.shape)?;
            for (place, value) in slot.places().zip(data) {
                flat[place] = *value;
            }
        }
        Ok(flat)
    }

    /// The reverse of [`Layout::pack`]: adds the named tensors of the vector `flat` to `tensors`.
    pub fn unpack(&self, flat: &[f32], prefix: &str, suffix: &str, tensors: &mut TensorMap) {
        for slot in self.slots() {
            let data = slot.places().map(|place| flat[place]).collect();
            tensors.insert(format!("{prefix}{}{suffix}", slot.name), HostTensor { shape: slot.shape, data });
        }
    }
}

impl Slot {
    /// Place in the vector of every saved element, in saved order.
    fn places(&self) -> impl Iterator<Item = usize> + use<> {
        let start = self.start;
        let (outputs, inputs) = (self.shape[0], self.shape.get(1).copied().unwrap_or(1));
        (0..outputs).flat_map(move |row| (0..inputs).map(move |column| start + column * outputs + row))
    }
}

/// Stacked networks and their parameters on a device, outside autodiff.
pub(super) struct Ensemble {
    pub layout: Layout,
    /// `[P]`.
    parameters: Tensor<1>,
    layers: Layers,
}

impl Ensemble {
    /// Uploads the parameters `flat`, `[P]` in the layout's order.
    pub fn new(layout: Layout, flat: Vec<f32>, device: &Device) -> Self {
        Self::from_tensor(layout, upload(flat, device))
    }

    /// The same parameters under target names.
    pub fn to_target(&self) -> Self {
        Self::from_tensor(self.layout.target(), self.parameters.clone())
    }

    fn from_tensor(layout: Layout, parameters: Tensor<1>) -> Self {
        let layers = Layers::views(&layout, &parameters);
        Self { layout, parameters, layers }
    }

    /// `[P]`.
    pub fn parameters(&self) -> Tensor<1> {
        self.parameters.clone()
    }

    /// Replaces all parameters, `[P]`.
    pub fn set_parameters(&mut self, parameters: Tensor<1>) {
        debug_assert_eq!(parameters.dims(), self.parameters.dims());
        self.layers = Layers::views(&self.layout, &parameters);
        self.parameters = parameters;
    }

    /// Euclidean norm of every member's parameters, `[members, 1, 1]`.
    pub fn norms(&self) -> Tensor<3> {
        member_norms(self.layers.blocks())
    }

    /// Every member's outputs without gradients: `[1, B, inputs]` → `[members, B, outputs]`.
    pub fn forward(&self, inputs: Tensor<3>) -> Tensor<3> {
        self.layers.forward(inputs)
    }

    /// The same layers as leaves of a new autodiff graph.
    pub fn tracked(&self) -> Layers {
        let leaf = |tensor: &Tensor<3>| tensor.clone().autodiff().require_grad();
        Layers(self.layers.0.iter().map(|(weight, bias)| (leaf(weight), leaf(bias))).collect())
    }
}

/// Weights `[members, in, out]` and biases `[members, 1, out]` of every layer.
pub(super) struct Layers(Vec<(Tensor<3>, Tensor<3>)>);

impl Layers {
    /// The layers inside the vector `parameters`, `[P]`.
    fn views(layout: &Layout, parameters: &Tensor<1>) -> Self {
        let members = layout.names.len();
        let mut start = 0;
        let mut take = |rows: usize, columns: usize| {
            let end = start + members * rows * columns;
            let view = parameters.clone().slice_dim(0, start..end).reshape([members, rows, columns]);
            start = end;
            view
        };
        let pairs = layout.widths.windows(2);
        Self(pairs.map(|pair| (take(pair[0], pair[1]), take(1, pair[1]))).collect())
    }

    /// `x W + b` layer by layer, ReLU after every layer but the last:
    /// `[1, B, inputs]` → `[members, B, outputs]`.
    pub fn forward(&self, inputs: Tensor<3>) -> Tensor<3> {
        let last = self.0.len() - 1;
        self.0.iter().enumerate().fold(inputs, |x, (index, (weight, bias))| {
            let y = x.matmul(weight.clone()) + bias.clone();
            if index < last { relu(y) } else { y }
        })
    }

    /// `∂loss/∂parameters`.
    pub fn gradient(&self, loss: &Tensor<1>) -> Gradient {
        let mut gradients: Gradients = loss.backward();
        let of = |leaf: &Tensor<3>| {
            leaf.grad_remove(&mut gradients).unwrap_or_else(|| leaf.clone().inner().zeros_like())
        };
        Gradient(self.blocks().map(of).collect())
    }

    /// Weights and biases in the order of the parameter vector.
    fn blocks(&self) -> impl Iterator<Item = &Tensor<3>> {
        self.0.iter().flat_map(|(weight, bias)| [weight, bias])
    }
}

/// A gradient, block by block in the order of the parameter vector, `[members, rows, columns]` each.
pub(super) struct Gradient(Vec<Tensor<3>>);

impl Gradient {
    /// Global norm `‖g‖` of every member over all its parameters, `[members, 1, 1]`.
    pub fn norms(&self) -> Tensor<3> {
        member_norms(self.0.iter())
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
fn member_norms<'a>(blocks: impl Iterator<Item = &'a Tensor<3>>) -> Tensor<3> {
    let squares = blocks.map(|block| (block.clone() * block.clone()).sum_dim(2).sum_dim(1));
    Tensor::cat(squares.collect(), 1).sum_dim(1).sqrt()
}

/// A vector on `device`.
pub(super) fn upload(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), device)
}
