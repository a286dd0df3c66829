//! A step of all copies: their actions go to the workers at once, what comes back goes to their agents. A worker that fails
//! is replaced, and nothing is recorded across the gap.

use std::time::{Duration, Instant};

use bevy::prelude::*;

use super::copy::OutsideCopy;
use super::error::BridgeError;
use super::group::{Arrived, Bridge};
use crate::agent::pace::Pace;
use crate::agent::tick::Spec;
use crate::files;
use crate::mdp::{ActionSpace, Stream};
use crate::sim::{AgentSlots, Failure, ObservationWrapper, SimConfig};

/// How often workers may be started again, and within what time.
const RESTARTS: usize = 3;
const RESTARTS_WITHIN: Duration = Duration::from_secs(600);

/// How long a frame waits for a step: a world that takes its time makes a slow window, one that hangs must not stop it.
const FRAME: Duration = Duration::from_millis(500);

/// A copy and its agent.
type Pair<'a> = (Mut<'a, OutsideCopy>, Mut<'a, AgentSlots>);

/// Lets every copy that plays make a step: all workers work at once.
pub(super) fn play(
    mut bridge: ResMut<Bridge>,
    wrapper: Res<ObservationWrapper>,
    spec: Res<Spec>,
    config: Res<SimConfig>,
    window: Option<Res<Pace>>,
    mut failure: ResMut<Failure>,
    mut copies: Query<(&mut OutsideCopy, &mut AgentSlots)>,
) {
    if failure.0.is_some() {
        // Nothing follows the actions any more.
        copies.iter_mut().for_each(|(_, mut seats)| seats.disturbed = true);
        return;
    }
    let mut by_arena: Vec<Option<Pair>> = (0..config.arenas).map(|_| None).collect();
    for (copy, seats) in &mut copies {
        let arena = seats.arena;
        if let Some(place) = by_arena.get_mut(arena) {
            *place = Some((copy, seats));
        }
    }
    let deadline = window.is_some().then(|| Instant::now() + FRAME);
    send(&mut bridge, &spec.action, &by_arena);
    for index in 0..bridge.groups.len() {
        let arenas = bridge.groups[index].arenas.clone();
        let received = receive(&mut bridge, index, &config, deadline, &wrapper, &mut by_arena[arenas]);
        if let Err(error) = received {
            failure.0 = Some(error.to_string());
        }
    }
}

/// Sends the actions of all copies whose worker is ready.
fn send(bridge: &mut Bridge, space: &ActionSpace, by_arena: &[Option<Pair>]) {
    let (mut moves, mut actions) = (Vec::new(), Vec::new());
    for group in bridge.groups.iter_mut().filter(|group| group.is_ready()) {
        moves.clear();
        actions.clear();
        for (_, seats) in by_arena[group.arenas.clone()].iter().flatten() {
            moves.push(u8::from(!seats.on_hold));
            write_action(space, seats, &mut actions);
        }
        group.send(&moves, &actions);
    }
}

/// Takes what a worker has to say, at the latest at the `deadline` of a frame, and gives it to its `copies`; without a
/// deadline a worker that fails is replaced until one has first observations.
fn receive(
    bridge: &mut Bridge,
    index: usize,
    config: &SimConfig,
    deadline: Option<Instant>,
    wrapper: &ObservationWrapper,
    copies: &mut [Option<Pair>],
) -> Result<(), BridgeError> {
    loop {
        let group = &mut bridge.groups[index];
        let layout = group.layout(wrapper);
        let error = match group.receive(deadline, layout) {
            Ok(Some(Arrived::Step { frame, late })) => {
                let rows = copies.iter_mut().flatten().enumerate();
                for (row, (copy, seats)) in rows.filter(|(_, (_, seats))| !seats.on_hold) {
                    copy.settle(seats, &frame, layout, row, wrapper);
                    // It followed an earlier action than the one that is recorded now.
                    seats.disturbed |= late;
                }
                return Ok(());
            }
            Ok(Some(Arrived::First(frame))) => {
                for (row, (copy, seats)) in copies.iter_mut().flatten().enumerate() {
                    copy.lose(seats);
                    copy.expect(&frame, layout, row);
                }
                return Ok(());
            }
            // The frame goes on without, and the copies stand still.
            Ok(None) if !group.is_overdue() => {
                copies.iter_mut().flatten().for_each(|(_, seats)| seats.disturbed = true);
                if group.plays() && !std::mem::replace(&mut bridge.warned, true) {
                    let (seconds, env) = (FRAME.as_secs_f32(), &bridge.start.id);
                    tracing::warn!(
                        "env = gym:{env}: a step of all its copies takes more than {seconds} s; such steps are not learned \
                         from in the window; choose fewer --arenas, or more bridge.workers"
                    );
                }
                return Ok(());
            }
            Ok(None) => group.late(),
            Err(error) => error,
        };
        copies.iter_mut().flatten().for_each(|(_, seats)| seats.disturbed = true);
        bridge.restart(index, error, config)?;
        if deadline.is_some() {
            return Ok(());
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
    /// Replaces a worker that has failed by one with new seeds, unless that was done too often.
    fn restart(
        &mut self,
        index: usize,
        mut error: BridgeError,
        config: &SimConfig,
    ) -> Result<(), BridgeError> {
        let last_words = self.groups[index].last_words();
        last_words.iter().for_each(|line| files::to_stderr(&format!("  | {line}")));
        loop {
            // An evaluation with other seeds, or one that goes on after a gap, measures something else.
            if config.stream == Stream::Evaluation {
                return Err(error);
            }
            self.restarts.retain(|at| at.elapsed() < RESTARTS_WITHIN);
            if self.restarts.len() >= RESTARTS {
                return Err(BridgeError::TooOften { last: Box::new(error), restarts: RESTARTS });
            }
            self.restarts.push(Instant::now());
            files::to_stderr(&format!("warning: {error}; it is started again, with new episodes"));
            self.parts += 1;
            match self.groups[index].start_again(&self.start, config, self.parts) {
                Ok(()) => return Ok(()),
                Err(next) => error = next,
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
