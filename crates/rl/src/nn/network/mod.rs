//! A network on the host: flat parameters, batched forward, hand-written backward. Losses and optimizers are
//! in the update.
//!
//! An observation passes through convolutions, if there is a grid for them (`encoder`, `conv`), then dense
//! layers (`linear`), each hidden one optionally normalized (`norm`) and followed by a ReLU; the output is
//! linear. In memory, every layer is stored as `[inputs, padded outputs]` followed by its bias, with zeros in
//! the padding; `tensors` maps it to saved names, `init` initializes it.

mod backward;
pub(in crate::nn) mod conv;
pub(in crate::nn) mod encoder;
mod init;
pub(in crate::nn) mod linear;
pub(in crate::nn) mod norm;
pub(in crate::nn) mod patches;
mod tensors;
#[cfg(test)]
mod tests;

use super::architecture::{Architecture, Head};
use super::buffer::{Buffer, padded};
use super::kernel::{Finish, Left, Product};
use crate::mdp::Rng;
pub(crate) use backward::Backward;
use encoder::{GridEncoder, Maps};
use linear::Linear;
use norm::{Norm, Normalized};
pub(crate) use tensors::tensor;

/// The network. Its gradient and its Adam moments are flat buffers of the same layout.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    /// Number of entries of an input row.
    inputs: usize,
    encoder: Option<GridEncoder>,
    layers: Vec<Linear>,
    /// One per hidden layer, or none.
    norms: Vec<Norm>,
    head: Head,
    /// Number of all weights and biases, of what is before the dense layers too.
    size: usize,
    /// All weights and biases.
    pub(crate) parameters: Buffer,
}

/// Results of a forward pass for one batch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Activations {
    maps: Maps,
    /// The input of layer `i` is at `i`, its output at `i + 1`: `[rows, width]` each. The first is used only
    /// with convolutions.
    outputs: Vec<Buffer>,
    normalized: Vec<Normalized>,
    /// Number of layers of the last network; buffers of a deeper one are kept.
    depth: usize,
    width: usize,
}

impl Activations {
    /// Rows of the network's output with padding; the first `outputs` entries are valid.
    pub(crate) fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.outputs.get(self.depth).map_or(&[][..], |output| output).chunks_exact(self.width.max(1))
    }

    /// One of them.
    pub(crate) fn row(&self, index: usize) -> Option<&[f32]> {
        self.rows().nth(index)
    }
}

impl Network {
    /// A network with zero parameters.
    pub(crate) fn zeros(architecture: &Architecture, outputs: usize, head: Head) -> Self {
        let mut network = Self::outline(architecture, outputs, head);
        network.parameters = Buffer::zeros(network.size);
        network
    }

    /// Its layers without allocated parameters: a file's content is checked before memory is allocated.
    pub(crate) fn outline(architecture: &Architecture, outputs: usize, head: Head) -> Self {
        let mut end = 0;
        let encoder = GridEncoder::new(architecture, &mut end);
        let inputs = architecture.inputs.features();
        let rows: Vec<u32> = encoder.as_ref().map_or((0..inputs as u32).collect(), GridEncoder::rows);
        Self { inputs, encoder, ..Self::dense(architecture, (rows.len(), rows), outputs, head, end) }
    }

    /// The dense layers alone, over rows of `width` floats whose saved entries stand at `rows`; parameters
    /// start at `end`, behind those of what makes the rows.
    pub(in crate::nn) fn dense(
        architecture: &Architecture,
        (width, mut rows): (usize, Vec<u32>),
        outputs: usize,
        head: Head,
        mut end: usize,
    ) -> Self {
        let outputs = outputs + usize::from(head == Head::Dueling);
        let (inputs, mut width) = (width, width);
        let mut layers = Vec::with_capacity(architecture.hidden.len() + 1);
        for &outputs in architecture.hidden.iter().chain([&outputs]) {
            let next = (0..outputs as u32).collect();
            layers.push(Linear::new(width, outputs, std::mem::replace(&mut rows, next), &mut end));
            width = outputs;
        }
        let hidden = architecture.hidden.iter().filter(|_| architecture.layer_norm);
        let norms = hidden.map(|outputs| Norm::new(*outputs, &mut end)).collect();
        Self { inputs, encoder: None, layers, norms, head, size: end, parameters: Buffer::zeros(0) }
    }

    /// Randomly initialized parameters; `output_gain` is for [`super::Init::Orthogonal`].
    pub(crate) fn new(
        architecture: &Architecture,
        outputs: usize,
        head: Head,
        output_gain: f32,
        rng: &mut Rng,
    ) -> Self {
        let mut network = Self::zeros(architecture, outputs, head);
        network.draw(architecture.init, output_gain, rng);
        network
    }

    /// Zeroes in `values`, parameters or a gradient, what would let a shared standard deviation depend on the observation.
    fn keep_shared(&self, values: &mut [f32]) {
        if let (Head::SharedStd, Some(layer)) = (self.head, self.layers.last()) {
            let dims = layer.outputs / 2;
            for row in layer.rows.iter().map(|row| layer.weight + *row as usize * layer.width) {
                values[row + dims..row + 2 * dims].fill(0.0);
            }
        }
    }

    /// Number of entries of an input row.
    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    /// Number of saved entries that the first dense layer reads.
    pub(in crate::nn) fn entries(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.rows.len())
    }

    /// Whether the grid goes through convolutions.
    pub(crate) fn has_encoder(&self) -> bool {
        self.encoder.is_some()
    }

    /// The output layer.
    #[cfg(feature = "gpu")]
    pub(crate) fn head(&self) -> Head {
        self.head
    }

    /// Its dense layers, for a pass elsewhere.
    #[cfg(feature = "gpu")]
    pub(in crate::nn) fn dense_layers(&self) -> &[Linear] {
        &self.layers
    }

    /// Its normalized layers, likewise.
    #[cfg(feature = "gpu")]
    pub(in crate::nn) fn norms(&self) -> &[Norm] {
        &self.norms
    }

    /// Its convolutions, likewise.
    #[cfg(feature = "gpu")]
    pub(in crate::nn) fn convolutions(&self) -> impl Iterator<Item = &conv::Conv> {
        self.encoder.iter().flat_map(|encoder| &encoder.convs)
    }

    /// Entries of an input row before its grid, if that is convolved.
    #[cfg(feature = "gpu")]
    pub(in crate::nn) fn vector(&self) -> Option<usize> {
        self.encoder.as_ref().map(GridEncoder::vector)
    }

    /// Number of all weights and biases with their padding.
    pub(in crate::nn) fn size(&self) -> usize {
        self.size
    }

    /// Number of entries of an output row.
    pub(crate) fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.outputs) - usize::from(self.head == Head::Dueling)
    }

    /// Multiply-adds of a forward pass for one row.
    pub(crate) fn work(&self) -> usize {
        let encoder = self.encoder.as_ref().map_or(0, GridEncoder::work);
        encoder + self.layers.iter().map(Linear::work).sum::<usize>()
    }

    /// Computes all layers for `input`, `[rows, inputs]`. A row's result does not depend on the others.
    pub(crate) fn forward(&self, input: &[f32], activations: &mut Activations) {
        let rows = input.len() / self.inputs;
        debug_assert_eq!(input.len(), rows * self.inputs);
        let Activations { maps, outputs, normalized, depth, width } = activations;
        (*depth, *width) = (self.layers.len(), self.output_width());
        outputs.resize_with(outputs.len().max(self.layers.len() + 1), Buffer::default);
        normalized.resize_with(normalized.len().max(self.norms.len()), Normalized::default);
        if let Some(encoder) = &self.encoder {
            encoder.forward(&self.parameters, input, maps, &mut outputs[0]);
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let (before, rest) = outputs.split_at_mut(index + 1);
            let out = &mut rest[0];
            out.resize(rows * layer.width);
            let (data, stride) = self.layer_input(index, input, before);
            let norm = self.norms.get(index).zip(normalized.get_mut(index));
            let bias = layer.biases(&self.parameters);
            let product = Product {
                left: Left::Rows { data, stride },
                right: layer.weights(&self.parameters),
                rows,
                inner: layer.inputs,
                width: layer.width,
                finish: Finish::Bias(bias),
                out,
            };
            match norm {
                Some((norm, normalized)) => {
                    normalized.values.resize(rows * layer.width);
                    Product { out: &mut normalized.values, ..product }.run();
                    norm.forward(&self.parameters, None, normalized, 0.0, out);
                }
                None if index + 1 < self.layers.len() => {
                    Product { finish: Finish::BiasRelu(bias), ..product }.run()
                }
                None => product.run(),
            }
        }
        if self.head == Head::Dueling {
            // Q = V + Adv − mean_a Adv, in place of the advantages
            let actions = self.outputs();
            for row in outputs[self.layers.len()].chunks_exact_mut(self.output_width()) {
                let mean = row[..actions].iter().sum::<f32>() / actions as f32;
                let shift = row[actions] - mean;
                row[..actions].iter_mut().for_each(|advantage| *advantage += shift);
            }
        }
    }

    /// Row stride of the output.
    fn output_width(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.width)
    }

    /// The input of layer `index`, and its row stride.
    fn layer_input<'a>(&self, index: usize, input: &'a [f32], outputs: &'a [Buffer]) -> (&'a [f32], usize) {
        match (index, &self.encoder) {
            (0, None) => (input, self.inputs),
            _ => (&outputs[index], padded(self.layers[index].inputs)),
        }
    }
}
