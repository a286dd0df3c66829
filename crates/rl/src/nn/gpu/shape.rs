//! Where the layers of a network stand in its flat parameters, for passes on a card.

use crate::nn::network::Network;
use crate::nn::network::conv::Conv;
use crate::nn::network::linear::Linear;

/// Weights `[inputs, width]`, then the bias `[width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layer {
    pub(super) inputs: u32,
    pub(super) outputs: u32,
    /// Outputs with padding.
    pub(super) width: u32,
    /// First weight.
    pub(super) weight: u32,
}

impl Layer {
    /// Floats of weights and bias.
    pub(super) fn size(&self) -> u32 {
        (self.inputs + 1) * self.width
    }
}

impl From<&Linear> for Layer {
    fn from(linear: &Linear) -> Self {
        let [inputs, outputs, width, weight] =
            [linear.inputs, linear.outputs, linear.width, linear.weight].map(|own| own as u32);
        Self { inputs, outputs, width, weight }
    }
}

/// A convolution, whose layer reads patches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Convolution {
    pub(super) layer: Layer,
    /// Floats of a cell of the map it reads.
    pub(super) depth: u32,
    /// Height and width of the map that it reads, and of the one it makes.
    pub(super) from: [u32; 2],
    pub(super) to: [u32; 2],
    pub(super) kernel: u32,
    pub(super) stride: u32,
    pub(super) border: u32,
}

impl Convolution {
    /// Cells of the map it makes.
    pub(super) fn positions(&self) -> u32 {
        self.to[0] * self.to[1]
    }
}

/// The layers of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Floats of an observation, and those before its grid.
    pub(super) features: u32,
    pub(super) vector: u32,
    pub(super) convolutions: Vec<Convolution>,
    pub(super) layers: Vec<Layer>,
    /// First weight of the normalization behind every hidden layer; none without.
    pub(super) norms: Vec<u32>,
}

impl Shape {
    /// Of a network that reads observations of `features` floats, and maybe something behind them.
    pub(crate) fn new(network: &Network, features: usize) -> Self {
        let convolutions: Vec<_> = network.convolutions().map(Convolution::from).collect();
        let vector = network.vector().unwrap_or(features) as u32;
        let layers = network.dense_layers().iter().map(Layer::from).collect();
        let norms = network.norms().iter().map(|norm| norm.weight as u32).collect();
        Self { features: features as u32, vector, convolutions, layers, norms }
    }

    /// Entries of the first dense layer's input.
    pub(crate) fn inputs(&self) -> u32 {
        self.layers.first().map_or(0, |layer| layer.inputs)
    }

    /// Floats of an output row.
    pub(crate) fn output_width(&self) -> u32 {
        self.layers.last().map_or(0, |layer| layer.width)
    }
}

impl From<&Conv> for Convolution {
    fn from(conv: &Conv) -> Self {
        let patches = &conv.patches;
        let pair = |[height, width]: [usize; 2]| [height as u32, width as u32];
        Self {
            layer: Layer::from(&conv.linear),
            depth: patches.depth as u32,
            from: pair(patches.from),
            to: pair(patches.to),
            kernel: patches.kernel as u32,
            stride: patches.stride as u32,
            border: patches.border as u32,
        }
    }
}
