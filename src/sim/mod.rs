//! Simulation: arenas, the `Environment` trait, and the tick that steps them, the same windowed and headless.
//!
//! One [`SimTick`] is one physics tick of every arena, in the order of [`SimSystems`]. This layer fills and
//! empties [`AgentSlots`]; controllers, learning and drawing are in other layers.

pub mod arena;
mod articulation;
pub mod bodies;
pub mod capabilities;
mod conditions;
pub mod environment;
mod failure;
pub mod physics;
mod poke;
mod resume;
mod sketch;
pub mod turn;
mod wrapper;

use bevy::prelude::*;

pub use crate::agent::pace;
pub use crate::agent::tick::{SimSystems, SimTick, TickClock, run_agent_step};
pub use crate::agent::{AgentSlots, Outcome};
pub use arena::{Arena, ArenaSnapshot, EnvironmentPlugin, Shown, SimConfig};
pub use articulation::Motion;
pub use bodies::{Bodies, BodyKind, BodySpec, Hinge, clamp_to_reach};
pub use capabilities::{Capabilities, Probe};
pub use conditions::{Conditions, RANGE as CONDITION_RANGE, STEEPEST};
pub use environment::Environment;
pub use failure::Failure;
pub use physics::SimPool;
pub use poke::{Poke, Touch};
pub use resume::{begin_later, resume};
pub use sketch::{Figure, Ink, Sketch};
pub use wrapper::ObservationWrapper;
pub(crate) use wrapper::{Moment, OwnObservation};

/// Adds the tick and the threads that arenas are simulated on. Required by every simulation.
pub fn plugin(app: &mut App) {
    app.add_plugins(crate::agent::tick::TickPlugin::default())
        .init_resource::<SimPool>()
        .init_resource::<Conditions>();
}
