//! One moment of several slots as networks with memory read it: for acting, and for critics asked from outside.

use crate::mdp::{ActionBatch, ObservationBatch};
use crate::nn::memory::{MomentInputs, Moments};

/// What came before a moment, `[n]` each, as in [`crate::mdp::ActInput`].
#[derive(Clone, Copy)]
pub(super) struct Before<'a> {
    pub(super) actions: &'a ActionBatch,
    pub(super) rewards: &'a [f32],
    pub(super) is_first: &'a [bool],
}

impl Before<'_> {
    /// Whether slot `index` starts from the initial state.
    pub(super) fn starts(&self, index: usize) -> bool {
        self.is_first.get(index).copied().unwrap_or(true)
    }
}

/// `x = [o, a before, r before]` of every slot, and the grid apart if the memory is spatial.
#[derive(Debug, Clone, Default)]
pub(super) struct MomentRows {
    features: Vec<f32>,
    inputs: Vec<f32>,
    grids: Vec<f32>,
    starts: Vec<f32>,
}

impl MomentRows {
    /// Reads `observations` as `layout` says and returns the moment.
    pub(super) fn read(
        &mut self,
        layout: &MomentInputs,
        observations: &ObservationBatch,
        before: Before<'_>,
    ) -> Moments<'_> {
        let Self { features, inputs, grids, starts } = self;
        [&mut *features, &mut *inputs, &mut *grids, &mut *starts].into_iter().for_each(Vec::clear);
        observations.features(features);
        let count = observations.count;
        for (index, row) in features.chunks_exact(features.len() / count.max(1)).enumerate() {
            let starting = before.starts(index);
            let (vector, grid) = row.split_at(layout.observation);
            inputs.extend_from_slice(vector);
            grids.extend_from_slice(grid);
            starts.push(f32::from(u8::from(starting)));
            let at = inputs.len();
            inputs.resize(at + layout.previous_action + layout.previous_reward, 0.0);
            let previous = &mut inputs[at..];
            if index < before.actions.rows {
                let entries = &mut previous[..layout.previous_action];
                layout.write_action(before.actions.row(index), starting, entries);
            }
            if let (Some(reward), false, 1) = (before.rewards.get(index), starting, layout.previous_reward) {
                previous[layout.previous_action] = *reward;
            }
        }
        Moments { batch: count, count: 1, inputs, grids, starts }
    }
}
