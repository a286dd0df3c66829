//! What a network is made of: what it reads, how it encodes that, how its weights begin. The networks
//! themselves are left to `network`, everything else that is chosen to `config`.

use serde::{Deserialize, Serialize};

use super::{SacConfig, SacError};
use crate::mdp::{GridShape, ObservationSpace};

/// Features a network reads at most, and makes of a grid.
const MOST_FEATURES: usize = 65_535;

/// What a network reads in a row: the vector's floats, then the grid's bytes over 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inputs {
    /// Floats.
    pub vector: usize,
    /// Bytes, if there are any.
    pub grid: Option<GridShape>,
}

impl Inputs {
    /// Entries of a row.
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

/// What stands between an observation and the hidden layers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case", deny_unknown_fields)]
pub enum Encoder {
    /// By observation: a grid goes through [`ConvLayer::STANDARD`], a vector alone is read as it is.
    #[default]
    Auto,
    /// Nothing: the hidden layers read vector and grid as one row of numbers.
    Flat,
    /// The grid goes through convolutions with a ReLU after each; their features follow the vector
    /// into the hidden layers.
    Conv {
        /// From the grid on, 1 to 8.
        layers: Vec<ConvLayer>,
    },
}

/// One convolution (LeCun et al. 1998), as PyTorch's `nn.Conv2d` computes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvLayer {
    /// Feature maps it computes, 1 to 512; multiples of 16 waste nothing.
    pub channels: usize,
    /// Height and width of the patch each feature sees, 1 to 15.
    pub kernel: usize,
    /// Cells from one patch to the next, 1 to 8; larger leaves fewer features and is faster.
    #[serde(default = "ConvLayer::unit_stride")]
    pub stride: usize,
    /// What the map is surrounded by.
    #[serde(default)]
    pub padding: Padding,
}

/// What surrounds a map before it is convolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// `kernel / 2` rounded down zeros on every side, so that with a stride of 1 the map keeps its size;
    /// for odd kernels.
    #[default]
    Same,
    /// Nothing: patches stay within the map.
    None,
}

impl ConvLayer {
    /// What [`Encoder::Auto`] lays on a grid.
    pub const STANDARD: [Self; 1] = [Self { channels: 16, kernel: 3, stride: 1, padding: Padding::Same }];

    fn unit_stride() -> usize {
        1
    }

    /// Zeros on every side of the map.
    pub(super) fn border(&self) -> usize {
        match self.padding {
            Padding::Same => self.kernel / 2,
            Padding::None => 0,
        }
    }

    /// Height or width of what it makes of a map of height or width `extent`, `None` if no patch fits.
    fn extent(&self, extent: usize) -> Option<usize> {
        Some(extent.checked_add(2 * self.border())?.checked_sub(self.kernel)? / self.stride + 1)
    }
}

/// How weights begin. Biases begin at 0, but for [`Init::Uniform`]. Gain is √2 before a ReLU, else 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// Weights and biases uniform in ±1/√inputs, as PyTorch's `nn.Linear` and `nn.Conv2d`.
    #[default]
    Uniform,
    /// Orthonormal rows or columns times the gain (Saxe et al. 2014); the actor's output layer times 0.01,
    /// so that it begins near the uniform policy (Andrychowicz et al. 2021, section 3.2).
    Orthogonal,
    /// Uniform in ±√(6 / (inputs + outputs)), without the gain (Glorot & Bengio 2010, equation 16).
    Xavier,
    /// Uniform in ±gain·√(3 / inputs) (He et al. 2015, section 2.2).
    Kaiming,
}

impl Encoder {
    /// The convolutions it lays on `grid`, none where the hidden layers read everything as it is.
    ///
    /// # Errors
    /// [`SacError::Config`] for convolutions without a grid.
    pub(super) fn convolutions(&self, grid: Option<GridShape>) -> Result<&[ConvLayer], SacError> {
        match (self, grid) {
            (Self::Conv { .. }, None) => Err(SacError::Config {
                key: "sac.encoder.mode",
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
    /// [`SacError::Config`] names the first value out of range.
    pub(super) fn validate(&self) -> Result<(), SacError> {
        let Self::Conv { layers } = self else { return Ok(()) };
        let error = |key, value, allowed| Err(SacError::Config { key, value, allowed });
        if !(1..=8).contains(&layers.len()) {
            return error("sac.encoder.layers", format!("{} of them", layers.len()), "1 to 8 layers");
        }
        for layer in layers {
            for (key, value, most, allowed) in [
                ("sac.encoder.layers.channels", layer.channels, 512, "1 to 512"),
                ("sac.encoder.layers.kernel", layer.kernel, 15, "1 to 15"),
                ("sac.encoder.layers.stride", layer.stride, 8, "1 to 8"),
            ] {
                if !(1..=most).contains(&value) {
                    return error(key, value.to_string(), allowed);
                }
            }
            if layer.padding == Padding::Same && layer.kernel % 2 == 0 {
                let allowed = "an odd kernel, or padding = \"none\"";
                return error("sac.encoder.layers.kernel", layer.kernel.to_string(), allowed);
            }
        }
        Ok(())
    }
}

/// What networks of a configuration have in common: everything but their output layers.
#[derive(Debug, Clone)]
pub(super) struct Architecture {
    pub(super) inputs: Inputs,
    /// From the grid on, each with the height and width of the map it makes.
    pub(super) convolutions: Vec<(ConvLayer, [usize; 2])>,
    pub(super) hidden: Vec<usize>,
    pub(super) layer_norm: bool,
    pub(super) init: Init,
}

impl Architecture {
    /// The critics and the value network of `config`, as [`Architecture::new`] is its actor.
    ///
    /// # Errors
    /// As [`Architecture::new`].
    pub(super) fn of_critics(config: &SacConfig, inputs: Inputs) -> Result<Self, SacError> {
        Ok(Self { hidden: config.widths_of_critics().to_vec(), ..Self::new(config, inputs)? })
    }

    /// The actor of `config`, which is valid, for `inputs`.
    ///
    /// # Errors
    /// [`SacError::Config`] for convolutions that `inputs` have no grid or not enough room for.
    pub(super) fn new(config: &SacConfig, inputs: Inputs) -> Result<Self, SacError> {
        let features = |key, value: usize| match value {
            1..=MOST_FEATURES => Ok(()),
            _ => Err(SacError::Config { key, value: value.to_string(), allowed: "1 to 65535" }),
        };
        features("features", inputs.features())?;
        let mut map = inputs.grid.map_or([0; 2], |grid| [grid.height, grid.width]);
        let mut convolutions = Vec::new();
        for layer in config.encoder.convolutions(inputs.grid)? {
            let [height, width] = map;
            let made = map.map(|extent| layer.extent(extent));
            let [Some(rows), Some(columns)] = made else {
                let value = format!("{} on a map of {height} × {width}", layer.kernel);
                let allowed =
                    "what fits into the map; a smaller stride or padding = \"same\" leaves larger maps";
                return Err(SacError::Config { key: "sac.encoder.layers.kernel", value, allowed });
            };
            map = [rows, columns];
            let made = layer.channels.saturating_mul(rows).saturating_mul(columns);
            features("features of sac.encoder.layers", made)?;
            convolutions.push((*layer, map));
        }
        Ok(Self {
            inputs,
            convolutions,
            hidden: config.hidden.clone(),
            layer_norm: config.layer_norm,
            init: config.init,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(channels: usize, kernel: usize, stride: usize, padding: Padding) -> ConvLayer {
        ConvLayer { channels, kernel, stride, padding }
    }

    fn built(encoder: Encoder, inputs: Inputs) -> Result<Vec<[usize; 2]>, String> {
        let config = SacConfig { encoder, ..SacConfig::default() };
        config.validate().map_err(|error| error.to_string())?;
        let architecture = Architecture::new(&config, inputs).map_err(|error| error.to_string())?;
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
    fn impossible_encoders_name_key_value_and_remedy() {
        let grid = Inputs { vector: 4, grid: Some(GridShape { channels: 5, height: 7, width: 9 }) };
        let one = |layer| Encoder::Conv { layers: vec![layer] };
        let plain = layer(16, 3, 1, Padding::Same);
        let huge = Inputs { vector: 0, grid: Some(GridShape { channels: 1, height: 200, width: 200 }) };
        for (start, encoder, inputs) in [
            ("sac.encoder.mode = conv", one(plain), 4.into()),
            ("sac.encoder.layers = 0 of them", Encoder::Conv { layers: Vec::new() }, grid),
            ("sac.encoder.layers = 9 of them", Encoder::Conv { layers: vec![plain; 9] }, grid),
            ("sac.encoder.layers.channels = 0", one(layer(0, 3, 1, Padding::Same)), grid),
            ("sac.encoder.layers.kernel = 17", one(layer(1, 17, 1, Padding::Same)), grid),
            ("sac.encoder.layers.kernel = 4", one(layer(1, 4, 1, Padding::Same)), grid),
            ("sac.encoder.layers.kernel = 8 on a map of 7 × 9", one(layer(1, 8, 1, Padding::None)), grid),
            ("sac.encoder.layers.stride = 0", one(layer(1, 3, 0, Padding::Same)), grid),
            ("features of sac.encoder.layers = 640000", one(plain), huge),
        ] {
            let error = built(encoder, inputs).unwrap_err();
            assert!(error.starts_with(start) && error.contains("allowed is"), "{error}");
        }
        assert!(serde_json::from_str::<Encoder>(r#"{"mode": "conv"}"#).is_err());
        let text = r#"{"mode": "conv", "layers": [{"channels": 8, "kernel": 3, "size": 2}]}"#;
        assert!(serde_json::from_str::<Encoder>(text).is_err());
    }
}
