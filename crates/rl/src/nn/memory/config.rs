//! The memory of a network: what turns the moments of an episode into features for the hidden layers.

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::mdp::Rng;
use crate::nn::{ConvLayer, NetworkError};

/// Which memory a network has. Actor and critics have the same kind, each with its own parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Memory {
    /// None: the hidden layers read the observation.
    #[default]
    None,
    /// Long short-term memory (Hochreiter & Schmidhuber 1997), one layer, gates in PyTorch's order.
    Lstm(Recurrent),
    /// Gated recurrent unit (Cho et al. 2014), one layer, as PyTorch's `nn.GRU`.
    Gru(Recurrent),
    /// Attention over the moments of the episode so far, pre-norm (Vaswani et al. 2017; Bertasius et al. 2021 for
    /// time and space apart).
    Transformer(Transformer),
}

/// Sizes of a recurrent memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recurrent {
    /// Units of the hidden state, 1 to 1024.
    #[serde(default = "Recurrent::standard_hidden")]
    pub hidden: usize,
    /// Width of the ReLU layer before the cell, 1 to 1024; absent: the cell reads the input itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embed: Option<usize>,
    /// Whether the hidden layers also read what the cell reads.
    #[serde(default)]
    pub skip: bool,
    /// Moments over which a new cell remembers, 3 to 100 000: the biases of its forget gates (the update gates of a GRU)
    /// begin as ln u with u uniform in [1, `timescale` − 1], those of an LSTM's input gates as −ln u (Tallec & Ollivier
    /// 2018, "Can recurrent neural networks warp time?", section 2). Absent: as all others, which forgets half in every
    /// moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timescale: Option<usize>,
}

/// Sizes of a state transformer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transformer {
    /// Numbers in a token, 1 to 512; a multiple of `heads`.
    #[serde(default = "Transformer::standard_width")]
    pub width: usize,
    /// Attention heads, 1 to 64.
    #[serde(default = "Transformer::standard_heads")]
    pub heads: usize,
    /// Blocks, 1 to 8.
    #[serde(default = "Transformer::standard_blocks")]
    pub blocks: usize,
    /// Width of the layer between the two maps of a block, 1 to 2048.
    #[serde(default = "Transformer::standard_mlp")]
    pub mlp: usize,
    /// Moments that attention over time reaches, the present one included, 1 to 4096.
    #[serde(default = "Transformer::standard_window")]
    pub window: usize,
    /// One token for every cell of the encoded grid instead of one for each moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spatial: Option<Spatial>,
}

/// How a grid becomes the cells of a spatial memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spatial {
    /// Convolutions, each followed by a ReLU, 0 to 8. None: the grid's own cells.
    #[serde(default)]
    pub layers: Vec<ConvLayer>,
}

impl Recurrent {
    /// ln u for u uniform in [1, `timescale` − 1]: the bias of a gate that remembers for about u moments.
    pub(in crate::nn) fn keeping_bias(timescale: usize, rng: &mut Rng) -> f32 {
        (1.0 + rng.random::<f32>() * (timescale as f32 - 2.0)).ln()
    }

    fn standard_hidden() -> usize {
        64
    }
}

impl Transformer {
    fn standard_width() -> usize {
        64
    }

    fn standard_heads() -> usize {
        4
    }

    fn standard_blocks() -> usize {
        1
    }

    fn standard_mlp() -> usize {
        128
    }

    fn standard_window() -> usize {
        32
    }
}

impl Memory {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Whether there is one.
    pub fn is_some(&self) -> bool {
        !self.is_none()
    }

    /// Name of the kind, as in a configuration file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lstm(_) => "lstm",
            Self::Gru(_) => "gru",
            Self::Transformer(_) => "transformer",
        }
    }

    /// How a grid becomes cells, only if the memory is spatial.
    pub fn spatial(&self) -> Option<&Spatial> {
        match self {
            Self::Transformer(sizes) => sizes.spatial.as_ref(),
            _ => None,
        }
    }

    /// Number of features `f_t` that the hidden layers read, for an input `x_t` of `width`.
    pub fn features(&self, width: usize) -> usize {
        match self {
            Self::None => width,
            Self::Lstm(sizes) | Self::Gru(sizes) => {
                sizes.hidden + if sizes.skip { sizes.embed.unwrap_or(width) } else { 0 }
            }
            Self::Transformer(sizes) => sizes.width,
        }
    }

    /// Floats of the state that sequences start from: `[h, c]` for an LSTM, `h` for a GRU, none for a transformer,
    /// whose window is rebuilt from the sequence's own moments.
    pub fn state_width(&self) -> usize {
        match self {
            Self::Lstm(sizes) => 2 * sizes.hidden,
            Self::Gru(sizes) => sizes.hidden,
            Self::None | Self::Transformer(_) => 0,
        }
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`NetworkError::Config`] names the first value out of range.
    pub fn validate(&self) -> Result<(), NetworkError> {
        match self {
            Self::None => Ok(()),
            Self::Lstm(sizes) | Self::Gru(sizes) => ranges(&[
                ("memory.hidden", sizes.hidden, 1024, "1 to 1024"),
                ("memory.embed", sizes.embed.unwrap_or(1), 1024, "1 to 1024, or leave it out"),
            ])
            .and_then(|()| match sizes.timescale {
                Some(moments) if !(3..=100_000).contains(&moments) => Err(NetworkError::Config {
                    key: "memory.timescale".to_owned(),
                    value: moments.to_string(),
                    allowed: "3 to 100000, or leave it out",
                }),
                _ => Ok(()),
            }),
            Self::Transformer(sizes) => {
                ranges(&[
                    ("memory.width", sizes.width, 512, "1 to 512"),
                    ("memory.heads", sizes.heads, 64, "1 to 64"),
                    ("memory.blocks", sizes.blocks, 8, "1 to 8"),
                    ("memory.mlp", sizes.mlp, 2048, "1 to 2048"),
                    ("memory.window", sizes.window, 4096, "1 to 4096"),
                ])?;
                if sizes.width % sizes.heads != 0 {
                    let value = format!("{} with width {}", sizes.heads, sizes.width);
                    let allowed = "a divisor of the width";
                    return Err(NetworkError::Config { key: "memory.heads".to_owned(), value, allowed });
                }
                let layers = sizes.spatial.as_ref().map_or(&[][..], |spatial| &spatial.layers);
                if layers.len() > 8 {
                    let (key, value) =
                        ("memory.spatial.layers".to_owned(), format!("{} of them", layers.len()));
                    return Err(NetworkError::Config { key, value, allowed: "at most 8 layers" });
                }
                layers.iter().try_for_each(|layer| layer.validate("memory.spatial.layers"))
            }
        }
    }
}

/// Names the first of `(key, value, most, allowed)` that is not from 1 to `most`.
fn ranges(values: &[(&str, usize, usize, &'static str)]) -> Result<(), NetworkError> {
    match values.iter().find(|(_, value, most, _)| !(1..=*most).contains(value)) {
        Some(&(key, value, _, allowed)) => {
            Err(NetworkError::Config { key: key.to_owned(), value: value.to_string(), allowed })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_out_of_range_name_key_value_and_remedy() {
        let read = |text: &str| serde_json::from_str::<Memory>(text).unwrap().validate();
        assert_eq!(read(r#"{"kind": "none"}"#), Ok(()));
        assert_eq!(read(r#"{"kind": "lstm", "hidden": 64, "embed": 32, "skip": true}"#), Ok(()));
        for (text, said) in [
            (r#"{"kind": "lstm", "hidden": 0}"#, "memory.hidden = 0: allowed: 1 to 1024"),
            (r#"{"kind": "gru", "embed": 0}"#, "memory.embed = 0: allowed: 1 to 1024, or leave it out"),
            (r#"{"kind": "transformer", "window": 5000}"#, "memory.window = 5000: allowed: 1 to 4096"),
            (
                r#"{"kind": "lstm", "timescale": 2}"#,
                "memory.timescale = 2: allowed: 3 to 100000, or leave it out",
            ),
            (
                r#"{"kind": "transformer", "heads": 3}"#,
                "memory.heads = 3 with width 64: allowed: a divisor of the width",
            ),
            (
                r#"{"kind": "transformer", "spatial": {"layers": [{"channels": 0, "kernel": 3}]}}"#,
                "memory.spatial.layers.channels = 0: allowed: 1 to 512",
            ),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), said);
        }
    }

    #[test]
    fn features_and_states_follow_the_sizes() {
        let read = |text: &str| serde_json::from_str::<Memory>(text).unwrap();
        for (text, features, state) in [
            (r#"{"kind": "none"}"#, 7, 0),
            (r#"{"kind": "lstm", "hidden": 4}"#, 4, 8),
            (r#"{"kind": "lstm", "hidden": 4, "skip": true}"#, 11, 8),
            (r#"{"kind": "gru", "hidden": 4, "embed": 5, "skip": true}"#, 9, 4),
            (r#"{"kind": "transformer", "width": 6, "heads": 2}"#, 6, 0),
        ] {
            assert_eq!((read(text).features(7), read(text).state_width()), (features, state), "{text}");
        }
    }
}
