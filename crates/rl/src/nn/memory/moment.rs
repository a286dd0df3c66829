//! What a network with memory reads at one moment of an episode.

use super::Memory;
use crate::mdp::{ActionRow, CellAttention, GridShape};
use crate::nn::architecture::MOST_FEATURES;
use crate::nn::{ConvLayer, Inputs, NetworkError};

/// The layout of `x_t = [o_t, a_{t−1}, r_{t−1}]`: observation, previous action, one-hot if it is discrete and as it was
/// stored if it is continuous, previous reward. Action and reward are zero at the first moment of an episode.
///
/// A spatial memory reads the observation's grid apart from `x_t`; any other one as part of `o_t`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MomentInputs {
    /// Entries of `o_t`.
    pub observation: usize,
    /// Entries of `a_{t−1}`: the number of actions or of their dimensions, or 0 if it is left out.
    pub previous_action: usize,
    /// Entries of `r_{t−1}`: 1, or 0 if it is left out.
    pub previous_reward: usize,
    /// The grid, only for a spatial memory.
    pub grid: Option<GridShape>,
    /// The convolutions of a spatial memory, each with the height and width of the map it makes.
    pub convolutions: Vec<(ConvLayer, [usize; 2])>,
}

impl MomentInputs {
    /// What `memory` reads of an observation of `inputs`, where the action before is one of `actions`, or left out if
    /// that is 0.
    ///
    /// # Errors
    /// [`NetworkError::Config`] for a spatial memory of observations without a grid, or with convolutions that do not
    /// fit into it; [`NetworkError::Features`] for an input that is empty or too large.
    pub fn new(
        memory: &Memory,
        inputs: Inputs,
        actions: usize,
        previous_reward: bool,
    ) -> Result<Self, NetworkError> {
        let (grid, convolutions) = match (memory.spatial(), inputs.grid) {
            (None, _) => (None, Vec::new()),
            (Some(_), None) => {
                let (key, value) = ("memory.spatial".to_owned(), "on".to_owned());
                return Err(NetworkError::Config {
                    key,
                    value,
                    allowed: "none for observations without a grid",
                });
            }
            (Some(spatial), Some(grid)) => {
                (Some(grid), ConvLayer::maps(&spatial.layers, grid, "memory.spatial.layers")?)
            }
        };
        let observation = if grid.is_some() { inputs.vector } else { inputs.features() };
        let previous_reward = usize::from(previous_reward);
        let moment = Self { observation, previous_action: actions, previous_reward, grid, convolutions };
        let features = moment.width().saturating_add(grid.map_or(0, |grid| grid.len()));
        if !(1..=MOST_FEATURES).contains(&features) {
            return Err(NetworkError::Features(features));
        }
        Ok(moment)
    }

    /// Width of `x_t`; 0 is possible for a spatial memory only.
    pub fn width(&self) -> usize {
        self.observation + self.previous_action + self.previous_reward
    }

    /// Writes `action`, the one before, to its `entries`, which must be zero; none if an episode begins.
    pub(crate) fn write_action(&self, action: ActionRow<'_>, starts: bool, entries: &mut [f32]) {
        if starts {
            return;
        }
        match action {
            ActionRow::Discrete(index) => {
                if let Some(entry) = entries.get_mut(usize::from(index)) {
                    *entry = 1.0;
                }
            }
            ActionRow::Continuous(vector) => {
                entries.iter_mut().zip(vector).for_each(|(entry, value)| *entry = *value);
            }
        }
    }

    /// Channels, rows and columns of the feature volume of a spatial memory: the last map, or the grid itself.
    pub fn volume(&self) -> Option<[usize; 3]> {
        let grid = self.grid?;
        Some(match self.convolutions.last() {
            Some((layer, [rows, columns])) => [layer.channels, *rows, *columns],
            None => [grid.channels, grid.height, grid.width],
        })
    }

    /// `weights` of the cells of the feature volume, with where these lie in the observed grid: in the middle of what
    /// each reads. `None` without a grid.
    pub(crate) fn cell_attention(&self, weights: Vec<f32>) -> Option<CellAttention> {
        let [_, rows, columns] = self.volume()?;
        let (mut offset, mut step) = (0.0, 1.0);
        for (layer, _) in &self.convolutions {
            offset += step * (0.5 * (layer.kernel as f32 - 1.0) - layer.border() as f32);
            step *= layer.stride as f32;
        }
        Some(CellAttention { shape: [rows, columns], weights, offset, step })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_width_counts_what_is_read() {
        let memory = |text: &str| serde_json::from_str::<Memory>(text).unwrap();
        let grid = Some(GridShape { channels: 2, height: 3, width: 4 });
        let inputs = Inputs { vector: 3, grid };
        let lstm = memory(r#"{"kind": "lstm"}"#);
        let width =
            |inputs, actions, reward| MomentInputs::new(&lstm, inputs, actions, reward).unwrap().width();
        assert_eq!(width(3.into(), 4, true), 8);
        assert_eq!(width(3.into(), 0, true), 4);
        assert_eq!(width(3.into(), 4, false), 7);
        assert_eq!(width(inputs, 4, true), 3 + 24 + 5);

        let layers = r#"[{"channels": 5, "kernel": 3, "padding": "none"}]"#;
        let spatial = memory(&format!(r#"{{"kind": "transformer", "spatial": {{"layers": {layers}}}}}"#));
        let moment = MomentInputs::new(&spatial, inputs, 4, true).unwrap();
        assert_eq!((moment.width(), moment.grid, moment.volume()), (8, grid, Some([5, 1, 2])));
        // Without a border, the first cell reads three by three cells around the second one.
        let cells = moment.cell_attention(vec![0.5, 0.5]).unwrap();
        assert_eq!((cells.shape, cells.offset, cells.step), ([1, 2], 1.0, 1.0));
        let strided =
            r#"[{"channels": 5, "kernel": 3, "stride": 2}, {"channels": 5, "kernel": 2, "padding": "none"}]"#;
        let strided = memory(&format!(r#"{{"kind": "transformer", "spatial": {{"layers": {strided}}}}}"#));
        let cells = MomentInputs::new(&strided, inputs, 4, true).unwrap().cell_attention(vec![1.0]).unwrap();
        assert_eq!((cells.shape, cells.offset, cells.step), ([1, 1], 1.0, 2.0));
        assert_eq!(MomentInputs::new(&lstm, inputs, 4, true).unwrap().cell_attention(Vec::new()), None);
        let bare = memory(r#"{"kind": "transformer", "spatial": {}}"#);
        let moment = MomentInputs::new(&bare, Inputs { vector: 0, grid }, 0, false).unwrap();
        assert_eq!((moment.width(), moment.volume()), (0, Some([2, 3, 4])));
        let said =
            |memory, inputs: Inputs| MomentInputs::new(memory, inputs, 4, true).unwrap_err().to_string();
        assert_eq!(
            said(&spatial, 3.into()),
            "memory.spatial = on: allowed: none for observations without a grid"
        );
        let small = Inputs { vector: 3, grid: Some(GridShape { channels: 2, height: 2, width: 2 }) };
        assert!(said(&spatial, small).starts_with("memory.spatial.layers.kernel = 3 on a map of 2 × 2"));
        assert!(MomentInputs::new(&lstm, 0.into(), 0, false).is_err());
    }
}
