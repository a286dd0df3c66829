//! Simulation: worlds, arenas and the tick that moves them, the same windowed and headless.
//!
//! One [`SimTick`] is one physics tick of every arena, in the order of [`SimSystems`]. This layer
//! fills and empties [`AgentSlots`]; controllers, learning and drawing belong to other layers.

pub mod arena;
pub mod environment;
pub mod level;
pub mod physics;
mod resume;
pub mod turn;
pub mod worlds;

use bevy::prelude::*;

pub use crate::agent::pace;
pub use crate::agent::tick::{SimSystems, SimTick, TickClock, run_agent_step};
pub use crate::agent::{AgentSlots, Outcome};
pub use arena::{Arena, ArenaSnapshot, EnvironmentPlugin, Shown, SimConfig};
pub use environment::{Bodies, BodyKind, BodySpec, Environment, within};
pub use physics::SimPool;
pub use resume::{begin_later, resume};

/// Adds the tick and the threads that arenas are simulated on. The first thing any simulation needs.
pub fn plugin(app: &mut App) {
    app.add_plugins(crate::agent::tick::plugin).init_resource::<SimPool>();
}
