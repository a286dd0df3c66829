//! Layout of a saved replay buffer: the header of its safetensors file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ReplayBuffer;
use super::error::{ReplayError, unfit};
use super::index::SEGMENT_ENTRIES;
use super::numbers::Number;

/// A tensor's description in the header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Tensor {
    dtype: String,
    pub(super) shape: Vec<usize>,
    /// Offsets of the first byte and of the end, relative to the end of the header.
    pub(super) data_offsets: [u64; 2],
}

/// What a file may have or not.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Optional {
    pub(super) priorities: bool,
    /// Number of policy states, and floats of each.
    pub(super) states: [usize; 2],
    /// Whether there is one state for every entry, as in older files, instead of their entries in a tensor of its own.
    pub(super) dense: bool,
    /// Positions of segments in their episodes.
    pub(super) positions: bool,
}

impl Optional {
    /// What a file with these tensors has.
    pub(super) fn of(tensors: &Tensors) -> Self {
        let shape = tensors.get("state").map_or(&[][..], |state| &state.shape);
        Self {
            priorities: tensors.contains_key("priority"),
            states: [0, 1].map(|axis| shape.get(axis).copied().unwrap_or(0)),
            dense: !tensors.contains_key("state.entry"),
            positions: tensors.contains_key("position"),
        }
    }
}

/// The tensors of a file, in the order of their bytes.
pub(super) struct Layout(pub(super) Vec<(&'static str, Tensor)>);

impl Layout {
    fn add<T: Number>(&mut self, name: &'static str, shape: Vec<usize>) {
        let begin = self.0.last().map_or(0, |(_, tensor)| tensor.data_offsets[1]);
        let bytes = shape.iter().fold(T::BYTES as u64, |bytes, extent| bytes.saturating_mul(*extent as u64));
        if bytes > 0 {
            let data_offsets = [begin, begin.saturating_add(bytes)];
            self.0.push((name, Tensor { dtype: T::TYPE.into(), shape, data_offsets }));
        }
    }

    /// The layout of a buffer like `like` with the given numbers of segments and streams, and with `optional` tensors.
    pub(super) fn new(like: &ReplayBuffer, segments: usize, streams: usize, optional: Optional) -> Self {
        let (space, entries) = (&like.columns.space, segments * SEGMENT_ENTRIES);
        let mut layout = Self(Vec::new());
        // The widest types first, so that all tensors are aligned.
        if optional.priorities {
            layout.add::<f64>("priority", vec![entries]);
        }
        layout.add::<f32>("observation.vector", vec![entries, space.observation.vector_len()]);
        if space.action_dims > 0 {
            layout.add::<f32>("action", vec![entries, space.action_dims]);
        }
        layout.add::<f32>("reward", vec![entries]);
        layout.add::<f32>("behavior_entropy", vec![entries]);
        let [states, width] = optional.states;
        if !optional.dense {
            layout.add::<u32>("state.entry", vec![if width > 0 { states } else { 0 }]);
        }
        layout.add::<f32>("state", vec![states, width]);
        layout.add::<u32>("segment", vec![segments, 3]);
        if optional.positions {
            layout.add::<u32>("position", vec![segments]);
        }
        layout.add::<u32>("stream", vec![streams, 3]);
        if space.action_dims == 0 {
            layout.add::<u16>("action", vec![entries]);
        }
        layout.add::<u8>("observation.grid", vec![entries, space.observation.grid_len()]);
        layout.add::<u8>("flags", vec![entries]);
        layout
    }

    pub(super) fn header(&self, about: &BTreeMap<&str, String>) -> serde_json::Result<Vec<u8>> {
        let mut header = BTreeMap::from([("__metadata__", serde_json::to_value(about)?)]);
        for (name, tensor) in &self.0 {
            header.insert(name, serde_json::to_value(tensor)?);
        }
        let mut text = serde_json::to_vec(&header)?;
        text.resize(text.len().next_multiple_of(8), b' ');
        Ok(text)
    }

    /// Checks that `found` are exactly these tensors.
    pub(super) fn check(&self, found: &BTreeMap<String, Tensor>) -> Result<(), ReplayError> {
        for (name, own) in &self.0 {
            let Some(theirs) = found.get(*name) else { return Err(unfit(format!("it has no `{name}`"))) };
            if (&theirs.dtype, &theirs.shape) != (&own.dtype, &own.shape) {
                let [theirs, own] =
                    [theirs, own].map(|Tensor { dtype, shape, .. }| format!("{dtype} {shape:?}"));
                return Err(unfit(format!("`{name}` is {theirs}, this run has {own}")));
            }
        }
        if let Some((name, _)) = self.0.iter().find(|(name, own)| found.get(*name) != Some(own)) {
            return Err(unfit(format!("`{name}` is not at its expected offset")));
        }
        match found.keys().find(|name| !self.0.iter().any(|(own, _)| own == name)) {
            Some(other) => Err(unfit(format!("it has a `{other}` that this program does not know"))),
            None => Ok(()),
        }
    }
}

pub(super) type About = BTreeMap<String, String>;
pub(super) type Tensors = BTreeMap<String, Tensor>;

/// Parses a header into metadata and tensors.
pub(super) fn parse(text: &[u8]) -> Result<(About, Tensors), ReplayError> {
    let damaged = |_: serde_json::Error| unfit("its header cannot be read".into());
    let mut header: BTreeMap<String, serde_json::Value> = serde_json::from_slice(text).map_err(damaged)?;
    let about = header.remove("__metadata__").unwrap_or_default();
    let about = serde_json::from_value(about).map_err(damaged)?;
    let tensor = |(name, value)| -> Result<(String, Tensor), ReplayError> {
        Ok((name, serde_json::from_value(value).map_err(damaged)?))
    };
    Ok((about, header.into_iter().map(tensor).collect::<Result<_, _>>()?))
}
