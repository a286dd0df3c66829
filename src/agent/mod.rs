//! Agents: who sits in the seats of a simulation, and what of their lives goes to a learner.
//!
//! Add [`AgentPlugin`] to any Bevy app that has [`sim::plugin`](crate::sim::plugin), spawn entities
//! with [`Seats`](crate::sim::Seats), write observations, rewards and ends in the documented sets:
//! the plugin fills the seats, batches every policy's observations into one forward pass and records
//! transitions. How the worlds work is left to `sim`, how learning works to `learner`.

pub mod compare;
pub mod controllers;
pub mod foresight;
pub mod gallery;
pub mod hints;
pub mod history;
pub mod live;
pub mod lookback;
pub mod mind;
mod record;
mod roster;
pub mod rounds;
mod select;
pub mod sight;
mod terrain;

use bevy::prelude::*;

pub use controllers::{Casting, Controller, Controllers, FrozenPolicies, HumanInput};
pub use live::{LiveLearner, LivePlugin};
pub use record::{Episodes, Replay};
pub use roster::{MOST_SLOTS, Roster, RosterSnapshot, Thought, Thoughts};

use crate::mdp::{EnvironmentSpec, PolicySnapshot};
use crate::sim::{SimSystems, SimTick};

/// The policy that acts in learning seats. Replaced whole; every step reads the latest.
#[derive(Resource, Clone)]
pub struct LearningPolicy(pub std::sync::Arc<arc_swap::ArcSwap<PolicySnapshot>>);

/// Whether learning and frozen seats take the most probable action instead of sampling.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Greedy(pub bool);

/// Fills seats and records what happens in them.
pub struct AgentPlugin {
    /// Spaces and slots of the seats.
    pub spec: EnvironmentSpec,
    /// Seed of exploration and of random controllers.
    pub seed: u64,
    /// Who sits where unless told otherwise.
    pub casting: Casting,
    /// The policy of learning seats.
    pub policy: LearningPolicy,
}

impl Plugin for AgentPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(Roster::new(self.seed, &self.spec))
            .insert_resource(self.casting.clone())
            .insert_resource(self.policy.clone())
            .insert_resource(HumanInput::new(self.spec.slots()))
            .init_resource::<Greedy>()
            .init_resource::<FrozenPolicies>()
            .init_resource::<Replay>()
            .init_resource::<Episodes>()
            .init_resource::<hints::Hints>()
            .init_resource::<Thoughts>()
            .init_resource::<rounds::Reaction>()
            .add_systems(
                SimTick,
                (
                    controllers::cast.in_set(SimSystems::First),
                    controllers::ask_for_scripts.in_set(SimSystems::First).after(controllers::cast),
                    select::select_actions.in_set(SimSystems::Select).after(crate::sim::arena::ScriptSystems),
                    record::record.in_set(SimSystems::Record),
                ),
            );
    }
}
