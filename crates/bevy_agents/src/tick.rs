//! The tick: the schedule that moves everything, its order, and the clock of an agent step.

use bevy::ecs::schedule::{ScheduleLabel, SingleThreadedExecutor};
use bevy::prelude::*;

use super::AgentSlots;
use crate::mdp::EnvironmentSpec;

/// The schedule that advances every arena by one physics tick.
#[derive(ScheduleLabel, Debug, Clone, PartialEq, Eq, Hash)]
pub struct SimTick;

/// What the running environment declares.
#[derive(Resource, Debug, Clone, Deref)]
pub struct Spec(pub EnvironmentSpec);

/// Where environments write the scripted actions that were asked for, within [`SimSystems::Decide`].
#[derive(SystemSet, Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScriptSystems;

/// One tick, in order. An agent step lasts `ticks_per_step` ticks: [`SimSystems::Decide`] runs on
/// its first, [`SimSystems::Observe`], [`SimSystems::Record`] and [`SimSystems::Reset`] on its last.
///
/// Where nothing is drawn in between, one run of the schedule makes all ticks of a step at once
/// ([`run_agent_step`]): arenas do not depend on each other, so each may go through its ticks while it
/// is in the processor's cache, on a thread of its own.
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SimSystems {
    /// Clears the last step and gives seats their controllers; for your own systems before anything moves.
    First,
    /// Controllers read observations and write actions.
    Decide,
    /// Everything moves by [`TickClock::stride`] ticks. Arena by arena, each on its own: the environment
    /// turns actions into velocities and forces, rapier steps the arena's context by one `dt`, the
    /// environment pays rewards and ends episodes; with the step's last tick it writes what every slot
    /// sees now, which is an ended episode's final observation.
    Play,
    /// For observations written by systems of your own.
    Observe,
    /// Agents record transitions and finished episodes.
    Record,
    /// Ended arenas return to a start and write their first observation.
    Reset,
    /// Hands over what was recorded, writes transforms; for your own systems after everything has settled.
    Last,
}

/// Where the simulation stands within an agent step.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Eq)]
pub struct TickClock {
    /// Physics ticks since the start.
    pub ticks: u64,
    /// Physics ticks an agent step lasts.
    pub ticks_per_step: u32,
    /// Which of them runs now, from 0.
    pub phase: u32,
    /// Ticks that this run of the schedule makes: 1, or those that are left of the step.
    pub stride: u32,
}

impl TickClock {
    /// A clock at the beginning of a step.
    pub fn new(ticks_per_step: u32) -> Self {
        Self { ticks: 0, ticks_per_step: ticks_per_step.max(1), phase: 0, stride: 1 }
    }

    /// Ticks left of the open step, this one included.
    pub fn left(&self) -> u32 {
        self.ticks_per_step - self.phase
    }

    /// Whether this run of the schedule makes the step's last tick.
    pub fn ends_step(&self) -> bool {
        self.phase + self.stride >= self.ticks_per_step
    }
}

/// Adds [`SimTick`], its sets and its clock. The first thing any simulation needs.
pub fn plugin(app: &mut App) {
    let begins = |clock: Res<TickClock>| clock.phase == 0;
    let ends = |clock: Res<TickClock>| clock.ends_step();
    // A plugin that knows how many ticks a step has may have inserted it already.
    if !app.world().contains_resource::<TickClock>() {
        app.insert_resource(TickClock::new(1));
    }
    app.init_schedule(SimTick)
        .edit_schedule(SimTick, |schedule| {
            // A tick of small worlds is short: handing systems to other threads costs more than it brings.
            schedule.set_executor(SingleThreadedExecutor::new());
        })
        .configure_sets(
            SimTick,
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
        .add_systems(SimTick, begin_step.in_set(SimSystems::First).run_if(begins))
        .add_systems(SimTick, advance_clock.after(SimSystems::Last));
}

fn begin_step(mut seats: Query<&mut AgentSlots>) {
    seats.iter_mut().for_each(|mut seats| seats.begin_step());
}

fn advance_clock(mut clock: ResMut<TickClock>) {
    clock.ticks += u64::from(clock.stride);
    clock.phase = (clock.phase + clock.stride) % clock.ticks_per_step;
    clock.stride = 1;
}

/// Makes all ticks of one agent step, or those that are left of it, in one run of the schedule.
pub fn run_agent_step(world: &mut World) {
    let mut clock = world.resource_mut::<TickClock>();
    clock.stride = clock.left();
    world.run_schedule(SimTick);
}
