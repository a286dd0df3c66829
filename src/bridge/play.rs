//! A step of all copies: their actions go to the workers at once, what comes back goes to their agents. A worker that fails
//! is replaced, and nothing is recorded across the gap.

use std::time::{Duration, Instant};

use bevy::prelude::*;

use super::copy::OutsideCopy;
use super::error::BridgeError;
use super::group::{Awaited, Bridge, Group, seeds};
use super::wire::Frame;
use super::worker::Worker;
use crate::agent::pace::Pace;
use crate::agent::tick::Spec;
use crate::files;
use crate::mdp::{ActionSpace, Stream};
use crate::sim::{AgentSlots, Failure, ObservationWrapper, SimConfig};

/// How often workers may be started again, and within what time.
const RESTARTS: usize = 3;
const RESTARTS_WITHIN: Duration = Duration::from_secs(600);

/// How long a frame waits for a step.
const FRAME: Duration = Duration::from_millis(100);

/// Lets every copy that plays make a step: all workers work at once.
pub(super) fn play(
    mut bridge: ResMut<Bridge>,
    wrapper: Res<ObservationWrapper>,
    spec: Res<Spec>,
    config: Res<SimConfig>,
    looks: Option<Res<Pace>>,
    mut failure: ResMut<Failure>,
    mut copies: Query<(&mut OutsideCopy, &mut AgentSlots)>,
) {
    if failure.0.is_some() {
        // Nothing follows the actions any more.
        copies.iter_mut().for_each(|(_, mut seats)| seats.disturbed = true);
        return;
    }
    let watched = looks.is_some();
    let mut of: Vec<Option<(Mut<OutsideCopy>, Mut<AgentSlots>)>> = (0..config.arenas).map(|_| None).collect();
    for (copy, seats) in &mut copies {
        let arena = seats.arena;
        if let Some(place) = of.get_mut(arena) {
            *place = Some((copy, seats));
        }
    }
    let bridge = &mut *bridge;
    let (mut moves, mut actions) = (Vec::new(), Vec::new());
    for group in &mut bridge.workers {
        let copies = &mut of[group.arenas.clone()];
        if group.waits.is_some() {
            // They stand still, and nothing follows what is chosen for them.
            copies.iter_mut().flatten().for_each(|(_, seats)| seats.disturbed = true);
            continue;
        }
        moves.clear();
        actions.clear();
        for (_, seats) in copies.iter().flatten() {
            moves.push(u8::from(!seats.on_hold));
            write_action(&spec.action, seats, &mut actions);
        }
        group.worker.send(&moves, &actions);
    }
    for index in 0..bridge.workers.len() {
        let group = &mut bridge.workers[index];
        if group.waits.is_some() {
            continue;
        }
        let layout = group.layout(&wrapper);
        let time = if watched { FRAME } else { group.worker.patience() };
        let arenas = group.arenas.clone();
        match group.worker.frame_within(time, layout) {
            Ok(Some(frame)) => {
                for (row, (copy, seats)) in of[arenas].iter_mut().flatten().enumerate() {
                    if !seats.on_hold {
                        copy.settle(seats, &frame, layout, row, &wrapper);
                    }
                }
            }
            // The frame goes on without, and the copies wait.
            Ok(None) if watched => {
                group.waits = Some((Instant::now(), Awaited::Step));
                of[arenas].iter_mut().flatten().for_each(|(_, seats)| seats.disturbed = true);
            }
            late => {
                let error = late.err().unwrap_or_else(|| group.worker.late());
                of[arenas].iter_mut().flatten().for_each(|(copy, seats)| copy.lose(seats));
                match bridge.restart(index, error, &config, watched, &wrapper) {
                    Ok(None) => {}
                    Ok(Some(frame)) => {
                        let arenas = bridge.workers[index].arenas.clone();
                        for (row, (copy, _)) in of[arenas].iter_mut().flatten().enumerate() {
                            copy.expect(&frame, layout, row);
                        }
                    }
                    Err(error) => failure.0 = Some(error.to_string()),
                }
            }
        }
    }
}

fn write_action(space: &ActionSpace, seats: &AgentSlots, bytes: &mut Vec<u8>) {
    match space {
        ActionSpace::Discrete(_) => bytes.extend((seats.actions.index(0) as i32).to_le_bytes()),
        ActionSpace::Continuous(dimensions) => {
            let bounded = seats.actions.vector(0).iter().zip(dimensions);
            bounded.for_each(|(value, bounds)| {
                let value = if value.is_finite() { *value } else { bounds.middle() };
                bytes.extend(value.clamp(bounds.low, bounds.high).to_le_bytes());
            });
        }
    }
}

impl Bridge {
    /// Replaces a worker that has ended, with new seeds: in a window it is waited for later, otherwise its first
    /// observations are returned.
    fn restart(
        &mut self,
        index: usize,
        error: BridgeError,
        config: &SimConfig,
        watched: bool,
        wrapper: &ObservationWrapper,
    ) -> Result<Option<Frame>, BridgeError> {
        let last_words = self.workers[index].worker.last_words();
        last_words.iter().for_each(|line| files::to_stderr(&format!("  | {line}")));
        self.restarts.retain(|at| at.elapsed() < RESTARTS_WITHIN);
        // An evaluation with other seeds, or one that goes on after a gap, measures something else.
        if config.stream == Stream::Evaluation {
            return Err(error);
        }
        if self.restarts.len() >= RESTARTS {
            return Err(BridgeError::TooOften { last: Box::new(error), restarts: RESTARTS });
        }
        self.restarts.push(Instant::now());
        files::to_stderr(&format!("warning: {error}; it is started again, with new episodes"));
        self.parts += 1;
        let arenas = self.workers[index].arenas.clone();
        let mut worker = Worker::start(&self.start, &seeds(config, self.parts, arenas.clone()))?;
        if watched {
            let waits = Some((Instant::now(), Awaited::Hello));
            self.workers[index] = Group { worker, arenas, waits };
            return Ok(None);
        }
        worker.hello()?;
        let group = Group { worker, arenas, waits: None };
        let layout = group.layout(wrapper);
        self.workers[index] = group;
        self.workers[index].worker.frame(layout).map(Some)
    }
}

/// Takes what groups have waited for, if it has come, and lets their copies play on.
pub(super) fn collect(
    mut bridge: ResMut<Bridge>,
    wrapper: Res<ObservationWrapper>,
    config: Res<SimConfig>,
    mut failure: ResMut<Failure>,
    mut copies: Query<(&mut OutsideCopy, &mut AgentSlots)>,
) {
    let bridge = &mut *bridge;
    for index in 0..bridge.workers.len() {
        let group = &mut bridge.workers[index];
        let Some((since, awaited)) = group.waits else { continue };
        let layout = group.layout(&wrapper);
        let come = match awaited {
            Awaited::Hello => group.worker.said_hello().map(|said| (said, None)),
            Awaited::Step => group.worker.frame_within(Duration::ZERO, layout).map(|frame| (false, frame)),
        };
        let late = since.elapsed() > group.worker.patience();
        match come {
            Ok((true, _)) => group.waits = Some((since, Awaited::Step)),
            Ok((false, Some(frame))) => {
                group.waits = None;
                let arenas = group.arenas.clone();
                for (mut copy, mut seats) in &mut copies {
                    if !arenas.contains(&seats.arena) {
                        continue;
                    }
                    let row = seats.arena - arenas.start;
                    let ended = frame.outcome(layout, row);
                    copy.read(&frame, layout, row);
                    if ended.terminated || ended.truncated {
                        copy.begin();
                    }
                    copy.write(&mut seats, &wrapper);
                    (seats.begins, seats.interrupted) = (true, true);
                }
            }
            Ok(_) if !late => {}
            come => {
                let error = come.err().unwrap_or_else(|| group.worker.late());
                if let Err(error) = bridge.restart(index, error, &config, true, &wrapper) {
                    failure.0 = Some(error.to_string());
                }
            }
        }
    }
}

/// Begins the episodes of copies whose last one has ended.
pub(super) fn reset(
    wrapper: Res<ObservationWrapper>,
    mut copies: Query<(&mut OutsideCopy, &mut AgentSlots)>,
) {
    for (mut copy, mut seats) in copies.iter_mut().filter(|(_, seats)| seats.end.is_some()) {
        copy.begin();
        copy.write(&mut seats, &wrapper);
    }
}
