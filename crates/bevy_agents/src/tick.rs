//! The tick: the schedule that advances the simulation, its order, and the clock of an agent step.

use bevy::ecs::schedule::{
    InternedScheduleLabel, LogLevel, ScheduleBuildSettings, ScheduleLabel, SingleThreadedExecutor,
};
use bevy::prelude::*;

use super::AgentSlots;
use crate::mdp::EnvironmentSpec;

/// The schedule that advances every arena by one physics tick, unless [`TickPlugin`] uses another one.
///
/// The order of its systems is fixed: two systems that access the same data, at least one of them mutably,
/// without an order between them are an error when it first runs. A tick then has the same result on every
/// machine.
#[derive(ScheduleLabel, Debug, Clone, PartialEq, Eq, Hash)]
pub struct SimTick;

/// Minimum number of agent steps for which a message, or a recorded step, is kept.
pub const KEPT_STEPS: u32 = 4096;

/// Spec of the running environment.
#[derive(Resource, Debug, Clone, Deref)]
pub struct Spec(pub EnvironmentSpec);

/// The system set that assigns controllers to slots, within [`SimSystems::First`] and after the last step was
/// cleared.
#[derive(SystemSet, Debug, Clone, PartialEq, Eq, Hash)]
pub struct AssignSystems;

/// The system set in which environments write requested scripted actions, within [`SimSystems::Decide`].
#[derive(SystemSet, Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScriptSystems;

/// One tick, in order. An agent step lasts `ticks_per_step` ticks: [`SimSystems::Decide`] runs on
/// its first, [`SimSystems::Observe`], [`SimSystems::Record`] and [`SimSystems::Reset`] on its last.
///
/// If nothing is drawn in between, one run of the schedule makes all ticks of a step at once
/// ([`run_agent_step`]): arenas do not depend on each other, so each may run through its ticks while it is in
/// the processor's cache, on any thread.
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SimSystems {
    /// Clears the last step and assigns controllers to slots; for your own systems before anything moves.
    First,
    /// Controllers read observations and write actions.
    Decide,
    /// Everything moves by [`TickClock::stride`] ticks. Arena by arena, independently: the environment turns
    /// actions into velocities and forces, rapier steps the arena's context by one `dt`, the environment adds
    /// rewards and ends episodes; on the step's last tick it writes the next observations, or an ended
    /// episode's final ones.
    Play,
    /// For observations written by your own systems.
    Observe,
    /// Transitions and finished episodes are recorded.
    Record,
    /// Ended arenas return to a start and write their first observation.
    Reset,
    /// Sends recorded steps, writes transforms; for your own systems after everything has settled.
    Last,
}

/// Position of the simulation within an agent step.
#[derive(Resource, Reflect, Debug, Clone, Copy, PartialEq, Eq)]
#[reflect(Resource)]
pub struct TickClock {
    /// Physics ticks since the start.
    pub ticks: u64,
    /// Physics ticks an agent step lasts.
    pub ticks_per_step: u32,
    /// The current one of them, from 0.
    pub phase: u32,
    /// Ticks that this run of the schedule makes: 1, or the rest of the step.
    pub stride: u32,
}

impl TickClock {
    /// A clock at the start of a step.
    pub fn new(ticks_per_step: u32) -> Self {
        Self { ticks: 0, ticks_per_step: ticks_per_step.max(1), phase: 0, stride: 1 }
    }

    /// Ticks left of the open step, including this one.
    pub fn left(&self) -> u32 {
        self.ticks_per_step - self.phase
    }

    /// Whether this run of the schedule includes the step's last tick.
    pub fn ends_step(&self) -> bool {
        self.phase + self.stride >= self.ticks_per_step
    }
}

/// The schedule of the tick, if it is not [`SimTick`].
#[derive(Resource, Debug, Clone, Copy)]
pub struct TickSchedule(pub InternedScheduleLabel);

impl TickSchedule {
    /// The schedule of the tick in `world`.
    pub fn of(world: &World) -> InternedScheduleLabel {
        world.get_resource::<Self>().map_or_else(|| SimTick.intern(), |schedule| schedule.0)
    }
}

/// Adds the tick's sets and its clock to a schedule. [`AgentPlugin`](crate::AgentPlugin) adds it with
/// [`SimTick`] if it is missing.
#[derive(Debug, Clone, Copy)]
pub struct TickPlugin {
    schedule: InternedScheduleLabel,
}

impl TickPlugin {
    /// The tick in a schedule of your own, for instance [`FixedUpdate`]: every run of it makes one tick.
    /// Bevy's and your own schedules keep their settings; only [`SimTick`] refuses systems with ambiguous
    /// order.
    pub fn new(schedule: impl ScheduleLabel) -> Self {
        Self { schedule: schedule.intern() }
    }
}

impl Default for TickPlugin {
    fn default() -> Self {
        Self::new(SimTick)
    }
}

impl Plugin for TickPlugin {
    fn build(&self, app: &mut App) {
        build(app, self.schedule);
    }
}

fn build(app: &mut App, schedule: InternedScheduleLabel) {
    let begins = |clock: Res<TickClock>| clock.phase == 0;
    let ends = |clock: Res<TickClock>| clock.ends_step();
    // A plugin that knows the number of ticks per step may have inserted it already.
    if !app.world().contains_resource::<TickClock>() {
        app.insert_resource(TickClock::new(1));
    }
    if schedule == SimTick.intern() {
        app.init_schedule(SimTick).edit_schedule(SimTick, |schedule| {
            // A tick of small worlds is short: using other threads costs more than it saves.
            schedule.set_executor(SingleThreadedExecutor::new());
            schedule.set_build_settings(ScheduleBuildSettings {
                ambiguity_detection: LogLevel::Error,
                ..default()
            });
        });
    }
    // The runners use the stored schedule if it is not SimTick.
    if schedule != SimTick.intern() {
        app.insert_resource(TickSchedule(schedule));
    }
    app.configure_sets(
        schedule,
        (
            SimSystems::First,
            SimSystems::Decide.run_if(begins),
            SimSystems::Play,
            SimSystems::Observe.run_if(ends),
            SimSystems::Record.run_if(ends),
            SimSystems::Reset.run_if(ends),
            SimSystems::Last,
        )
            .chain(),
    )
    .add_systems(schedule, begin_step.in_set(SimSystems::First).before(AssignSystems).run_if(begins))
    .add_systems(schedule, advance_clock.after(SimSystems::Last));
}

fn begin_step(mut slots: Query<&mut AgentSlots>) {
    slots.iter_mut().for_each(|mut slots| slots.begin_step());
}

fn advance_clock(mut clock: ResMut<TickClock>) {
    clock.ticks += u64::from(clock.stride);
    clock.phase = (clock.phase + clock.stride) % clock.ticks_per_step;
    clock.stride = 1;
}

/// Runs the schedule of the tick once.
pub fn run_tick(world: &mut World) {
    let schedule = TickSchedule::of(world);
    world.run_schedule(schedule);
}

/// Runs all ticks of one agent step, or the rest of the open one, in one run of the schedule.
pub fn run_agent_step(world: &mut World) {
    let mut clock = world.resource_mut::<TickClock>();
    clock.stride = clock.left();
    run_tick(world);
}
