//! Pace: how many ticks a drawn frame simulates. Headless runs do not use it.

use std::time::{Duration, Instant};

use bevy::prelude::*;

use super::tick::{KEPT_STEPS, Spec, TickClock, run_tick};

/// Slowest and fastest multiple of real time.
pub const SPEED_RANGE: [f32; 2] = [0.25, 16.0];

/// Speed of simulated time in a window.
#[derive(Resource, Reflect, Debug, Clone, Copy, PartialEq)]
#[reflect(Resource)]
pub struct Pace {
    /// Whether the simulation is paused.
    pub paused: bool,
    /// Multiple of real time, within [`SPEED_RANGE`].
    pub speed: f32,
    /// Runs as many ticks as fit into the frame's budget, regardless of `speed`.
    pub unlimited: bool,
    /// Agent steps to run while paused.
    pub single_steps: u32,
    /// Whether no tick is run at all, single steps included, because the watched arena shows something other
    /// than the present.
    pub held: bool,
    /// Maximum time per frame spent simulating.
    pub frame_budget: Duration,
    /// Simulated time due but not yet stepped, in seconds.
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
/// Time that did not fit is dropped rather than accumulated: a slow machine shows a slow game, not a frozen
/// one.
pub fn drive(world: &mut World) {
    let Some(tick_seconds) = world.get_resource::<Spec>().map(|spec| spec.tick_seconds) else { return };
    let delta = world.resource::<Time>().delta_secs();
    let mut pace = *world.resource::<Pace>();
    let clock = *world.resource::<TickClock>();
    let mut due = if pace.held {
        // Requested single steps are handled by whatever shows the past.
        pace.backlog = 0.0;
        0
    } else if pace.paused {
        // Finish the open step, then run the requested number of whole steps.
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
    let mut steps = 0;
    // Messages of a frame's ticks are kept until the next frame for this many steps.
    while due > 0 && steps < KEPT_STEPS {
        // Nothing is drawn between two frames: whole steps may run at once.
        let mut clock = world.resource_mut::<TickClock>();
        clock.stride = if due >= clock.left() { clock.left() } else { 1 };
        due -= clock.stride;
        steps += u32::from(clock.ends_step());
        run_tick(world);
        // A requested step runs, however long it takes.
        if !pace.paused && start.elapsed() >= pace.frame_budget {
            break;
        }
    }
    if due > 0 {
        pace.backlog = 0.0;
    }
    // Systems of the tick may have changed the pace; keep their changes, write only our own.
    let mut stored = world.resource_mut::<Pace>();
    stored.backlog = pace.backlog;
    stored.single_steps = pace.single_steps;
}
