//! Groups: the workers of a run, and the copies that each of them steps.

use std::ops::Range;
use std::time::Instant;

use bevy::prelude::*;
use rand::Rng as _;

use super::error::BridgeError;
use super::spec::layout;
use super::wire::{Drawn, Frame, Layout};
use super::worker::{Start, Worker};
use crate::mdp::{later_seed, rng};
use crate::sim::{ObservationWrapper, SimConfig};

/// The workers of a run.
#[derive(Resource)]
pub(super) struct Bridge {
    pub start: Start,
    pub groups: Vec<Group>,
    /// When workers were started again.
    pub restarts: Vec<Instant>,
    /// How often seeds were drawn.
    pub parts: u64,
    /// Whether it was said that steps take too long for a window.
    pub warned: bool,
}

/// A worker and its copies.
pub(super) struct Group {
    worker: Worker,
    /// Numbers of its arenas.
    pub arenas: Range<usize>,
    awaits: Awaited,
    /// Since when.
    since: Instant,
}

/// What a group waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    /// Nothing: it can make a step.
    Nothing,
    /// That its environments are made.
    Hello,
    /// First observations.
    First,
    /// The outcome of a step, of this agent step or of an earlier one.
    Step { late: bool },
}

/// What has come from a worker.
pub(super) enum Arrived {
    /// First observations.
    First(Frame),
    /// The outcome of a step, or of one that was asked for in an earlier agent step.
    Step { frame: Frame, late: bool },
}

impl Group {
    fn new(worker: Worker, arenas: Range<usize>) -> Self {
        Self { worker, arenas, awaits: Awaited::Hello, since: Instant::now() }
    }

    /// Replaces its worker, with seeds number `part`.
    pub fn start_again(&mut self, start: &Start, config: &SimConfig, part: u64) -> Result<(), BridgeError> {
        let arenas = self.arenas.clone();
        *self = Self::new(Worker::start(start, &seeds(config, part, arenas.clone()))?, arenas);
        Ok(())
    }

    /// Sizes of its frames.
    pub fn layout(&self, wrapper: &ObservationWrapper) -> Layout {
        layout(wrapper.own(), self.arenas.len())
    }

    /// Whether it can make a step.
    pub fn is_ready(&self) -> bool {
        self.awaits == Awaited::Nothing
    }

    /// Whether it is in the middle of a step, not of a start.
    pub fn plays(&self) -> bool {
        matches!(self.awaits, Awaited::Step { .. })
    }

    /// Whether it has been waited for for too long.
    pub fn is_overdue(&self) -> bool {
        self.since.elapsed() >= self.worker.patience()
    }

    /// Asks for a step, as [`Worker::send`].
    pub fn send(&mut self, moves: &[u8], actions: &[u8]) {
        self.worker.send(moves, actions);
        (self.awaits, self.since) = (Awaited::Step { late: false }, Instant::now());
    }

    /// What it waits for; `None` if that has not come until `deadline` or, without one, in time.
    pub fn receive(
        &mut self,
        deadline: Option<Instant>,
        layout: Layout,
    ) -> Result<Option<Arrived>, BridgeError> {
        let patience = self.worker.patience();
        let left = |since: Instant| match deadline {
            Some(deadline) => deadline.saturating_duration_since(Instant::now()),
            None => patience.saturating_sub(since.elapsed()),
        };
        if self.awaits == Awaited::Hello {
            if self.worker.hello_within(left(self.since))?.is_none() {
                return Ok(None);
            }
            (self.awaits, self.since) = (Awaited::First, Instant::now());
        }
        let Some(frame) = self.worker.frame_within(left(self.since), layout)? else {
            if self.plays() {
                self.awaits = Awaited::Step { late: true };
            }
            return Ok(None);
        };
        let awaited = std::mem::replace(&mut self.awaits, Awaited::Nothing);
        Ok(Some(match awaited {
            Awaited::Step { late } => Arrived::Step { frame, late },
            _ => Arrived::First(frame),
        }))
    }

    /// It has taken too long.
    pub fn late(&self) -> BridgeError {
        self.worker.late()
    }

    /// As [`Worker::last_words`].
    pub fn last_words(&self) -> Vec<String> {
        self.worker.last_words()
    }

    /// The latest picture that has come; asks for the next one of `arena` if that is `due`.
    pub fn picture(&mut self, arena: usize, due: bool) -> Option<Drawn> {
        if due && self.is_ready() {
            self.worker.ask_picture((arena - self.arenas.start) as u32);
        }
        self.worker.take_picture()
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
        .map(|arenas| Ok(Group::new(Worker::start(start, &seeds(config, part, arenas.clone()))?, arenas)))
        .collect();
    let mut begun = Vec::new();
    for mut group in started? {
        match group.receive(None, group.layout(wrapper))? {
            Some(Arrived::First(frame) | Arrived::Step { frame, .. }) => begun.push((group, frame)),
            None => return Err(group.late()),
        }
    }
    Ok(begun)
}

/// Seeds of the first episodes of `arenas`; later ones follow from them. `part` counts how often they were drawn.
pub(super) fn seeds(config: &SimConfig, part: u64, arenas: Range<usize>) -> Vec<u32> {
    let seed = later_seed(config.seed, part);
    // Some environments read it as a signed number of 32 bits.
    arenas.map(|arena| (rng(seed, config.stream, arena as u64).next_u64() >> 33) as u32).collect()
}
