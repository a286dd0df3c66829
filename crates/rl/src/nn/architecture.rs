//! Architecture of a network: inputs, encoder, output layer, initialization. The networks themselves are in
//! `network`.

use serde::{Deserialize, Serialize};

use super::NetworkError;
use crate::mdp::{GridShape, ObservationSpace};

/// Maximum number of input features, and of features of an encoded grid.
pub(super) const MOST_FEATURES: usize = 65_535;

/// The layout of an input row: the vector's floats, then the grid's bytes over 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inputs {
    /// Floats.
    pub vector: usize,
    /// The grid, if there is one.
    pub grid: Option<GridShape>,
}

impl Inputs {
    /// Number of entries of a row.
    pub fn features(&self) -> usize {
        self.vector.saturating_add(self.grid.map_or(0, |grid| grid.len()))
    }
}

impl From<usize> for Inputs {
    /// A vector alone.
    fn from(vector: usize) -> Self {
        Self { vector, grid: None }
    }
}

impl From<&ObservationSpace> for Inputs {
    fn from(space: &ObservationSpace) -> Self {
        Self { vector: space.vector_len(), grid: space.grid.filter(|grid| !grid.is_empty()) }
    }
}

/// The encoder between an observation and the hidden layers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case", deny_unknown_fields)]
pub enum Encoder {
    /// Depends on the observation: [`ConvLayer::STANDARD`] for a grid, none for a vector alone.
    #[default]
    Auto,
    /// None: the hidden layers read vector and grid as one row.
    Flat,
    /// The grid goes through convolutions with a ReLU after each; their features follow the vector
    /// into the hidden layers.
    Conv {
        /// The layers, from the grid on; 1 to 8.
        layers: Vec<ConvLayer>,
    },
}

/// One convolution (LeCun et al. 1998), as PyTorch's `nn.Conv2d` computes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvLayer {
    /// Feature maps it computes, 1 to 512; multiples of 16 need no padding.
    pub channels: usize,
    /// Kernel height and width, 1 to 15.
    pub kernel: usize,
    /// Stride in cells, 1 to 8; a larger one gives fewer features and is faster.
    #[serde(default = "ConvLayer::unit_stride")]
    pub stride: usize,
    /// Padding of the map.
    #[serde(default)]
    pub padding: Padding,
}

/// Padding of a map before a convolution: `"same"`, `"none"` or a number of zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", expecting = "expected `same`, `none` or a number of zeros")]
pub enum Padding {
    /// `kernel / 2` rounded down zeros on every side, so that with a stride of 1 the map keeps its size;
    /// for odd kernels.
    #[default]
    Same,
    /// None: patches stay within the map.
    None,
    /// This many zeros on every side, 0 to 15.
    #[serde(untagged)]
    Zeros(usize),
}

impl ConvLayer {
    /// The convolutions that [`Encoder::Auto`] uses for a grid.
    pub const STANDARD: [Self; 1] = [Self { channels: 16, kernel: 3, stride: 1, padding: Padding::Same }];

    fn unit_stride() -> usize {
        1
    }

    /// Checks every range; `key` names the list of layers.
    ///
    /// # Errors
    /// [`NetworkError::Config`] names the first value out of range.
    pub(crate) fn validate(&self, key: &str) -> Result<(), NetworkError> {
        let error = |field: &str, value: usize, allowed| {
            Err(NetworkError::Config { key: format!("{key}.{field}"), value: value.to_string(), allowed })
        };
        for (field, value, range, allowed) in [
            ("channels", self.channels, 1..=512, "1 to 512"),
            ("kernel", self.kernel, 1..=15, "1 to 15"),
            ("stride", self.stride, 1..=8, "1 to 8"),
            ("padding", self.border(), 0..=15, "0 to 15, \"same\" or \"none\""),
        ] {
            if !range.contains(&value) {
                return error(field, value, allowed);
            }
        }
        if self.padding == Padding::Same && self.kernel.is_multiple_of(2) {
            return error("kernel", self.kernel, "an odd kernel, or padding = \"none\"");
        }
        Ok(())
    }

    /// Each of `layers` with the height and width of the map it makes, from the first one, which reads `grid`; `key`
    /// names their list.
    ///
    /// # Errors
    /// [`NetworkError::Config`] for a kernel that does not fit into its map, and for too many features.
    pub(crate) fn maps(
        layers: &[Self],
        grid: GridShape,
        key: &str,
    ) -> Result<Vec<(Self, [usize; 2])>, NetworkError> {
        let mut map = [grid.height, grid.width];
        let mut convolutions = Vec::new();
        for layer in layers {
            let [height, width] = map;
            let made = map.map(|extent| layer.extent(extent));
            let [Some(rows), Some(columns)] = made else {
                let value = format!("{} on a map of {height} × {width}", layer.kernel);
                let allowed =
                    "what fits into the map; a smaller stride or padding = \"same\" leaves larger maps";
                return Err(NetworkError::Config { key: format!("{key}.kernel"), value, allowed });
            };
            map = [rows, columns];
            let made = layer.channels.saturating_mul(rows).saturating_mul(columns);
            if !(1..=MOST_FEATURES).contains(&made) {
                let value = format!("{made} features");
                return Err(NetworkError::Config { key: key.to_owned(), value, allowed: "1 to 65535" });
            }
            convolutions.push((*layer, map));
        }
        Ok(convolutions)
    }

    /// Zeros on every side of the map.
    pub(crate) fn border(&self) -> usize {
        match self.padding {
            Padding::Same => self.kernel / 2,
            Padding::None => 0,
            Padding::Zeros(border) => border,
        }
    }

    /// Output height or width for a map of height or width `extent`; `None` if no patch fits.
    fn extent(&self, extent: usize) -> Option<usize> {
        Some(extent.checked_add(2 * self.border())?.checked_sub(self.kernel)? / self.stride + 1)
    }
}

/// Initialization of weights. Biases start at 0, except with [`Init::Uniform`]. Gain is √2 before a ReLU,
/// else 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// Weights and biases uniform in ±1/√inputs, as PyTorch's `nn.Linear` and `nn.Conv2d`.
    #[default]
    Uniform,
    /// Orthonormal rows or columns times the gain (Saxe et al. 2014); the actor's output layer times 0.01, so
    /// that it starts near the uniform policy (Andrychowicz et al. 2021, section 3.2).
    Orthogonal,
    /// Uniform in ±√(6 / (inputs + outputs)), without the gain (Glorot & Bengio 2010, equation 16).
    Xavier,
    /// Uniform in ±gain·√(3 / inputs) (He et al. 2015, section 2.2).
    Kaiming,
}

impl Encoder {
    /// The convolutions for `grid`; empty if the hidden layers read the input directly.
    ///
    /// # Errors
    /// [`NetworkError::Config`] for convolutions without a grid.
    pub(crate) fn convolutions(&self, grid: Option<GridShape>) -> Result<&[ConvLayer], NetworkError> {
        match (self, grid) {
            (Self::Conv { .. }, None) => Err(NetworkError::Config {
                key: "encoder.mode".to_owned(),
                value: "conv".to_owned(),
                allowed: "`auto` or `flat` for observations without a grid",
            }),
            (Self::Conv { layers }, Some(_)) => Ok(layers),
            (Self::Auto, Some(_)) => Ok(&ConvLayer::STANDARD),
            (Self::Auto, None) | (Self::Flat, _) => Ok(&[]),
        }
    }

    /// Checks every layer's range.
    ///
    /// # Errors
    /// [`NetworkError::Config`] names the first value out of range.
    pub(crate) fn validate(&self) -> Result<(), NetworkError> {
        let Self::Conv { layers } = self else { return Ok(()) };
        let error =
            |key: &str, value, allowed| Err(NetworkError::Config { key: key.to_owned(), value, allowed });
        if !(1..=8).contains(&layers.len()) {
            return error("encoder.layers", format!("{} of them", layers.len()), "1 to 8 layers");
        }
        layers.iter().try_for_each(|layer| layer.validate("encoder.layers"))
    }
}

/// Output layer of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// One output for each action.
    Linear,
    /// State value and advantages, `Q = V + Adv − mean_a Adv` (Wang et al. 2016).
    Dueling,
    /// `mean` and `log_std` of a Gaussian over continuous actions: the first and the second half of the outputs. Of
    /// actors, and no setting.
    #[serde(skip)]
    Gaussian,
    /// The same with a `log_std` that does not depend on the observation: the weights of its half are zero and stay so,
    /// only its biases learn.
    #[serde(skip)]
    SharedStd,
}

/// The shared architecture of a configuration's networks: everything but their output layers.
#[derive(Debug, Clone)]
pub(crate) struct Architecture {
    pub(crate) inputs: Inputs,
    /// From the grid on, each with the height and width of the map it makes.
    pub(crate) convolutions: Vec<(ConvLayer, [usize; 2])>,
    pub(crate) hidden: Vec<usize>,
    pub(crate) layer_norm: bool,
    pub(crate) init: Init,
}

impl Architecture {
    /// Networks that encode `inputs` with `encoder` and feed `hidden` layers of the given widths.
    ///
    /// # Errors
    /// [`NetworkError::Features`] for observations too small or too large, [`NetworkError::Config`] for convolutions that
    /// `inputs` have no grid or not enough room for.
    pub(crate) fn new(
        inputs: Inputs,
        encoder: &Encoder,
        hidden: &[usize],
        layer_norm: bool,
        init: Init,
    ) -> Result<Self, NetworkError> {
        if !(1..=MOST_FEATURES).contains(&inputs.features()) {
            return Err(NetworkError::Features(inputs.features()));
        }
        let layers = encoder.convolutions(inputs.grid)?;
        let convolutions = match inputs.grid {
            Some(grid) => ConvLayer::maps(layers, grid, "encoder.layers")?,
            None => Vec::new(),
        };
        Ok(Self { inputs, convolutions, hidden: hidden.to_vec(), layer_norm, init })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(channels: usize, kernel: usize, stride: usize, padding: Padding) -> ConvLayer {
        ConvLayer { channels, kernel, stride, padding }
    }

    fn built(encoder: Encoder, inputs: Inputs) -> Result<Vec<[usize; 2]>, String> {
        encoder.validate().map_err(|error| error.to_string())?;
        let architecture = Architecture::new(inputs, &encoder, &[], false, Init::Uniform);
        let architecture = architecture.map_err(|error| error.to_string())?;
        Ok(architecture.convolutions.into_iter().map(|(_, map)| map).collect())
    }

    #[test]
    fn the_observation_chooses_the_network() {
        let grid = Inputs { vector: 4, grid: Some(GridShape { channels: 5, height: 7, width: 9 }) };
        assert_eq!(built(Encoder::Auto, grid), Ok(vec![[7, 9]; ConvLayer::STANDARD.len()]));
        assert_eq!(built(Encoder::Auto, 4.into()), Ok(Vec::new()));
        assert_eq!(built(Encoder::Flat, grid), Ok(Vec::new()));
        let layers = vec![layer(8, 3, 2, Padding::Same), layer(8, 2, 1, Padding::None)];
        assert_eq!(built(Encoder::Conv { layers }, grid), Ok(vec![[4, 5], [3, 4]]));
        let (shape, name) = (GridShape { channels: 0, height: 7, width: 9 }, "x".to_owned());
        let space = ObservationSpace { vector: vec![name], grid: Some(shape) };
        assert_eq!(Inputs::from(&space), 1.into());
    }

    #[test]
    fn padding_is_a_word_or_a_number() {
        let read = |text: &str| serde_json::from_str::<Padding>(text);
        for (text, padding) in
            [(r#""same""#, Padding::Same), (r#""none""#, Padding::None), ("2", Padding::Zeros(2))]
        {
            assert_eq!(read(text).unwrap(), padding);
            assert_eq!(serde_json::to_string(&padding).unwrap(), text);
        }
        let error = read(r#""sam""#).unwrap_err().to_string();
        assert_eq!(error, "expected `same`, `none` or a number of zeros");
        let grid = Inputs { vector: 0, grid: Some(GridShape { channels: 1, height: 4, width: 5 }) };
        let layers = vec![layer(2, 3, 1, Padding::Zeros(2))];
        assert_eq!(built(Encoder::Conv { layers }, grid), Ok(vec![[6, 7]]));
    }

    #[test]
    fn impossible_encoders_name_key_value_and_remedy() {
        let grid = Inputs { vector: 4, grid: Some(GridShape { channels: 5, height: 7, width: 9 }) };
        let one = |layer| Encoder::Conv { layers: vec![layer] };
        let plain = layer(16, 3, 1, Padding::Same);
        let huge = Inputs { vector: 0, grid: Some(GridShape { channels: 1, height: 200, width: 200 }) };
        for (start, encoder, inputs) in [
            ("encoder.mode = conv", one(plain), 4.into()),
            ("encoder.layers = 0 of them", Encoder::Conv { layers: Vec::new() }, grid),
            ("encoder.layers = 9 of them", Encoder::Conv { layers: vec![plain; 9] }, grid),
            ("encoder.layers.channels = 0", one(layer(0, 3, 1, Padding::Same)), grid),
            ("encoder.layers.kernel = 17", one(layer(1, 17, 1, Padding::Same)), grid),
            ("encoder.layers.kernel = 4", one(layer(1, 4, 1, Padding::Same)), grid),
            ("encoder.layers.kernel = 8 on a map of 7 × 9", one(layer(1, 8, 1, Padding::None)), grid),
            ("encoder.layers.padding = 16", one(layer(1, 3, 1, Padding::Zeros(16))), grid),
            ("encoder.layers.stride = 0", one(layer(1, 3, 0, Padding::Same)), grid),
            ("encoder.layers = 640000 features", one(plain), huge),
        ] {
            let error = built(encoder, inputs).unwrap_err();
            assert!(error.starts_with(start) && error.contains("allowed:"), "{error}");
        }
        assert!(serde_json::from_str::<Encoder>(r#"{"mode": "conv"}"#).is_err());
        let text = r#"{"mode": "conv", "layers": [{"channels": 8, "kernel": 3, "size": 2}]}"#;
        assert!(serde_json::from_str::<Encoder>(text).is_err());
    }
}
