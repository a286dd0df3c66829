//! Parameters of networks on burn tensors: memory layout, saving and loading by name. The passes are in
//! `layers`.
//!
//! Networks of equal shape are stacked: both critics are one [`Ensemble`] of two members whose
//! tensors carry the member as their first dimension, so that two critics launch as many kernels as
//! one. All parameters of an ensemble live in one vector `[P]`, which is what the optimizer and the
//! target update work on; layers are views into it.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};

use super::layers::{Form, Layers};
use super::memory::MemoryForm;
use crate::nn::{HostTensor, Network, NetworkError, TensorMap, tensor};

/// The tensors of one network in the order in which they are stored: those of the memory, if there is one, come first.
pub(crate) type NamedTensors = Vec<(String, HostTensor)>;

/// The tensors of `network`.
pub(crate) fn named(network: &Network) -> NamedTensors {
    let mut tensors = NamedTensors::new();
    network.tensors(&network.parameters, |name, tensor| tensors.push((name, tensor)));
    tensors
}

/// Names of stacked networks, and the position of each parameter in the vector.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    members: Vec<String>,
    blocks: Vec<Block>,
}

/// One parameter of all members, consecutively.
#[derive(Debug, Clone)]
struct Block {
    /// As saved, e.g. `layers.0.weight`.
    name: String,
    /// Of one member as saved: `[out, in]`, `[out]`, `[out, in, kernel, kernel]`.
    shape: Vec<usize>,
    /// First element in the vector.
    start: usize,
}

impl Block {
    /// Elements of one member.
    fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Rows and columns of one member in the vector: `[in, out]` for a matrix, the layout products use, `[1,
    /// out]` for a vector, `[out, in · kernel · kernel]` for a convolution.
    fn extent(&self) -> [usize; 2] {
        match self.shape[..] {
            [outputs, inputs] => [inputs, outputs],
            [outputs] => [1, outputs],
            _ => [self.shape[0], self.len() / self.shape[0]],
        }
    }

    /// Position in the vector of every element of a member, in saved order.
    fn places(&self, member: usize) -> impl Iterator<Item = usize> + use<> {
        let start = self.start + member * self.len();
        let (outputs, inputs) = match self.shape[..] {
            [outputs, inputs] => (outputs, inputs),
            _ => (self.len(), 1),
        };
        (0..outputs).flat_map(move |row| (0..inputs).map(move |column| start + column * outputs + row))
    }
}

impl Layout {
    /// Networks called `members` with tensors like those of `network`.
    fn new(members: &[&str], network: &NamedTensors) -> Self {
        let (mut blocks, mut start) = (Vec::new(), 0);
        for (name, HostTensor { shape, data }) in network {
            blocks.push(Block { name: name.clone(), shape: shape.clone(), start });
            start += members.len() * data.len();
        }
        Self { members: members.iter().map(ToString::to_string).collect(), blocks }
    }

    /// The same shapes under names that start with `target_`.
    fn target(&self) -> Self {
        let members = self.members.iter().map(|name| format!("target_{name}")).collect();
        Self { members, blocks: self.blocks.clone() }
    }

    /// Number of parameters `P` of all members.
    fn len(&self) -> usize {
        self.members.len() * self.blocks.iter().map(Block::len).sum::<usize>()
    }

    /// Every parameter of every member.
    fn slots(&self) -> impl Iterator<Item = (usize, &String, &Block)> {
        let members = self.members.iter().enumerate();
        members.flat_map(|(index, member)| self.blocks.iter().map(move |block| (index, member, block)))
    }

    /// The vector `[P]` of the tensors called `<prefix><member>.<parameter><suffix>`.
    ///
    /// # Errors
    /// [`NetworkError::Tensor`] for the first one that is missing, of another shape or not finite.
    pub fn pack(&self, tensors: &TensorMap, prefix: &str, suffix: &str) -> Result<Vec<f32>, NetworkError> {
        let mut flat = vec![0.0; self.len()];
        for (index, member, block) in self.slots() {
            let data = tensor(tensors, format!("{prefix}{member}.{}{suffix}", block.name), &block.shape)?;
            for (place, value) in block.places(index).zip(data) {
                flat[place] = *value;
            }
        }
        Ok(flat)
    }

    /// The reverse of [`Layout::pack`]: adds the named tensors of the vector `flat` to `tensors`.
    pub fn unpack(&self, flat: &[f32], prefix: &str, suffix: &str, tensors: &mut TensorMap) {
        for (index, member, block) in self.slots() {
            let data = block.places(index).map(|place| flat[place]).collect();
            let tensor = HostTensor { shape: block.shape.clone(), data };
            tensors.insert(format!("{prefix}{member}.{}{suffix}", block.name), tensor);
        }
    }

    /// Every parameter of all members inside the vector, `[members, rows, columns]` each.
    fn views(&self, parameters: &Tensor<1>) -> Vec<Tensor<3>> {
        let count = self.members.len();
        let view = |block: &Block| {
            let [rows, columns] = block.extent();
            let range = block.start..block.start + count * block.len();
            parameters.clone().slice_dim(0, range).reshape([count, rows, columns])
        };
        self.blocks.iter().map(view).collect()
    }
}

/// Stacked networks and their parameters on a device, outside autodiff.
#[derive(Clone)]
pub(crate) struct Ensemble {
    pub layout: Layout,
    form: Arc<Form>,
    /// `[P]`.
    parameters: Tensor<1>,
    layers: Layers,
}

impl Ensemble {
    /// Uploads `networks`, which are all of `form`, under the names of `members`.
    ///
    /// # Errors
    /// [`NetworkError::Tensor`] for parameters that are not finite.
    pub fn new(
        members: &[&str],
        networks: Vec<NamedTensors>,
        form: Arc<Form>,
        device: &Device,
    ) -> Result<Self, NetworkError> {
        let layout = Layout::new(members, &networks[0]);
        let mut tensors = TensorMap::new();
        for (member, network) in members.iter().zip(networks) {
            tensors.extend(network.into_iter().map(|(name, tensor)| (format!("{member}.{name}"), tensor)));
        }
        let parameters = upload(layout.pack(&tensors, "", "")?, device);
        Ok(Self::from_tensor(layout, form, parameters))
    }

    /// The same parameters under target names.
    pub fn to_target(&self) -> Self {
        Self::from_tensor(self.layout.target(), self.form.clone(), self.parameters.clone())
    }

    fn from_tensor(layout: Layout, form: Arc<Form>, parameters: Tensor<1>) -> Self {
        let layers = Layers::new(form.clone(), layout.views(&parameters));
        Self { layout, form, parameters, layers }
    }

    /// `[P]`.
    pub fn parameters(&self) -> Tensor<1> {
        self.parameters.clone()
    }

    /// How many parameters, from the first on, are those of the members' memories.
    pub fn memory_parameters(&self) -> usize {
        let members = self.layout.members.len();
        self.form.memory.as_ref().map_or(0, |memory: &MemoryForm| members * memory.len())
    }

    /// Replaces all parameters, `[P]`.
    pub fn set_parameters(&mut self, parameters: Tensor<1>) {
        debug_assert_eq!(parameters.dims(), self.parameters.dims());
        self.layers = Layers::new(self.form.clone(), self.layout.views(&parameters));
        self.parameters = parameters;
    }

    /// Replaces all parameters by the named ones.
    ///
    /// # Errors
    /// As [`Layout::pack`]; nothing has changed then.
    pub fn load(&mut self, tensors: &TensorMap) -> Result<(), NetworkError> {
        let flat = self.layout.pack(tensors, "", "")?;
        self.set_parameters(upload(flat, &self.parameters.device()));
        Ok(())
    }

    /// Euclidean norm of every member's parameters, `[members, 1, 1]`.
    pub fn norms(&self) -> Tensor<3> {
        self.layers.norms()
    }

    /// Every member's outputs without gradients: `[1, B, inputs]` → `[members, B, outputs]`.
    pub fn forward(&self, inputs: Tensor<3>) -> Tensor<3> {
        self.layers.forward(inputs)
    }

    /// The layers outside autodiff.
    pub fn layers(&self) -> &Layers {
        &self.layers
    }

    /// The same layers as leaves of a new autodiff graph.
    pub fn tracked(&self) -> Layers {
        self.layers.tracked()
    }
}

/// A vector on `device`.
pub(crate) fn upload(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), device)
}
