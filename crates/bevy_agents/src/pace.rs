//! Pace: how many ticks a drawn frame simulates. Headless runs do without.

use std::time::{Duration, Instant};

use bevy::prelude::*;

use super::tick::{SimTick, Spec, TickClock};

/// Slowest and fastest multiple of real time.
pub const SPEED_RANGE: [f32; 2] = [0.25, 16.0];

/// How fast simulated time passes while somebody watches.
#[derive(Resource, Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Whether time stands still.
    pub paused: bool,
    /// Multiple of real time, within [`SPEED_RANGE`].
    pub speed: f32,
    /// As many ticks as fit into the frame's budget, whatever `speed` says.
    pub unlimited: bool,
    /// Agent steps to make although paused.
    pub single_steps: u32,
    /// Whether no tick is made at all, single steps included: the watched arena shows something else than the present.
    pub held: bool,
    /// Longest time a frame may spend simulating.
    pub frame_budget: Duration,
    /// Simulated seconds not yet stepped.
    backlog: f32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            paused: false,
            speed: 1.0,
            unlimited: false,
            single_steps: 0,
            held: false,
            frame_budget: Duration::from_millis(10),
            backlog: 0.0,
        }
    }
}

/// Runs the ticks that are due, at most as many as fit into the frame's budget.
///
/// The time that did not fit is dropped rather than owed: a slow machine shows a slow game, not a
/// frozen one.
pub fn drive(world: &mut World) {
    let Some(tick_seconds) = world.get_resource::<Spec>().map(|spec| spec.tick_seconds) else { return };
    let delta = world.resource::<Time>().delta_secs();
    let mut pace = *world.resource::<Pace>();
    let clock = *world.resource::<TickClock>();
    let mut due = if pace.held {
        // Steps that are asked for are made by what holds it, of what that shows.
        pace.backlog = 0.0;
        0
    } else if pace.paused {
        // Finish the step that was begun, then as many whole ones as were asked for.
        let begun = (clock.ticks_per_step - clock.phase) % clock.ticks_per_step;
        let asked = if pace.single_steps > 0 { begun + clock.ticks_per_step * pace.single_steps } else { 0 };
        pace.single_steps = 0;
        pace.backlog = 0.0;
        asked
    } else if pace.unlimited {
        u32::MAX
    } else {
        pace.backlog += delta * pace.speed.clamp(SPEED_RANGE[0], SPEED_RANGE[1]);
        let due = (pace.backlog / tick_seconds).floor();
        pace.backlog -= due * tick_seconds;
        due as u32
    };
    let start = Instant::now();
    while due > 0 {
        // Nobody sees what lies between two frames: whole steps may be made at once.
        let mut clock = world.resource_mut::<TickClock>();
        clock.stride = if due >= clock.left() { clock.left() } else { 1 };
        due -= clock.stride;
        world.run_schedule(SimTick);
        // A step that somebody asked for is made, however long it takes.
        if !pace.paused && start.elapsed() >= pace.frame_budget {
            break;
        }
    }
    if due > 0 {
        pace.backlog = 0.0;
    }
    // Systems of the tick may have changed the pace; keep theirs, store only what is ours.
    let mut stored = world.resource_mut::<Pace>();
    stored.backlog = pace.backlog;
    stored.single_steps = pace.single_steps;
}
