//! Functions of burn tensors that layers and memories share: layer normalization and convolutions.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;

use crate::nn::ConvLayer;

/// Added to the variance by layer normalization, as PyTorch's `nn.LayerNorm` does.
const NORM_EPSILON: f32 = 1e-5;

/// `w · (x − mean) / √(variance + 1e-5) + b` over the entries of a row (Ba et al. 2016).
pub(super) fn normalized(x: Tensor<3>, weight: Tensor<3>, bias: Tensor<3>) -> Tensor<3> {
    let centered = x.clone() - x.mean_dim(2);
    let variance = (centered.clone() * centered.clone()).mean_dim(2);
    centered / (variance + NORM_EPSILON).sqrt() * weight + bias
}

/// Convolutions with a ReLU after each, `[rows, channels, height, width]` → `[rows, members · channels, height, width]`;
/// `pair` is weight and bias of a layer.
pub(super) fn convolved(
    mut map: Tensor<4>,
    convolutions: &[(ConvLayer, [usize; 2])],
    members: usize,
    pair: impl Fn(usize) -> (Tensor<3>, Tensor<3>),
) -> Tensor<4> {
    // The first convolution reads the same grid for all members; after that, each has its own channels.
    let (mut channels, mut groups) = (map.dims()[1], 1);
    for (index, (layer, _)) in convolutions.iter().enumerate() {
        let (weight, bias) = pair(index);
        let made = members * layer.channels;
        let weight = weight.reshape([made, channels, layer.kernel, layer.kernel]);
        let (stride, border) = ([layer.stride; 2], [layer.border(); 2]);
        let options = ConvOptions::new(stride, border, [1; 2], groups);
        map = relu(conv2d(map, weight, Some(bias.reshape([made])), options));
        (channels, groups) = (layer.channels, members);
    }
    map
}
