//! Groups: the workers of a run, and the copies that each of them steps.

use std::ops::Range;
use std::time::Instant;

use bevy::prelude::*;
use rand::Rng as _;

use super::error::BridgeError;
use super::spec::layout;
use super::wire::{Frame, Layout};
use super::worker::{Start, Worker};
use crate::mdp::{later_seed, rng};
use crate::sim::{ObservationWrapper, SimConfig};

/// The workers of a run.
#[derive(Resource)]
pub(super) struct Bridge {
    pub start: Start,
    pub workers: Vec<Group>,
    /// When workers were started again.
    pub restarts: Vec<Instant>,
    /// How often seeds were drawn.
    pub parts: u64,
}

/// A worker and its copies.
pub(super) struct Group {
    pub worker: Worker,
    /// Numbers of its arenas.
    pub arenas: Range<usize>,
    /// Since when something is waited for that did not come within a frame: a step, or the first observations of a worker
    /// that was started again.
    pub waits: Option<(Instant, Awaited)>,
}

/// What a group waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    Hello,
    Step,
}

impl Group {
    pub fn layout(&self, wrapper: &ObservationWrapper) -> Layout {
        layout(wrapper.own(), self.arenas.len())
    }
}

/// Starts the workers of all arenas together, and waits for their first observations.
pub(super) fn begin(
    start: &Start,
    config: &SimConfig,
    part: u64,
    wrapper: &ObservationWrapper,
) -> Result<Vec<(Group, Frame)>, BridgeError> {
    let workers = start.settings.workers.clamp(1, config.arenas.max(1));
    let share = config.arenas.div_ceil(workers);
    let ranges =
        (0..config.arenas).step_by(share.max(1)).map(|first| first..(first + share).min(config.arenas));
    let started: Result<Vec<_>, BridgeError> = ranges
        .map(|arenas| {
            let worker = Worker::start(start, &seeds(config, part, arenas.clone()))?;
            Ok(Group { worker, arenas, waits: None })
        })
        .collect();
    let mut begun = Vec::new();
    for mut group in started? {
        group.worker.hello()?;
        let layout = group.layout(wrapper);
        let frame = group.worker.frame(layout)?;
        begun.push((group, frame));
    }
    Ok(begun)
}

/// Seeds of the first episodes of `arenas`; later ones follow from them. `part` counts how often they were drawn.
pub(super) fn seeds(config: &SimConfig, part: u64, arenas: Range<usize>) -> Vec<u32> {
    let seed = later_seed(config.seed, part);
    // Some environments read it as a signed number of 32 bits.
    arenas.map(|arena| (rng(seed, config.stream, arena as u64).next_u64() >> 33) as u32).collect()
}
