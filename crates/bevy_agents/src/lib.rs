//! Agents in any Bevy app: controllers in the seats of a simulation, and what they live through to a learner.
//!
//! Add [`tick::plugin`] and [`AgentPlugin`], spawn entities with [`AgentSlots`], and write observations, rewards and ends in the
//! sets of [`SimSystems`]. The plugin fills the seats, batches every policy's observations into one
//! forward pass and records transitions; [`LivePlugin`] hands them to a learner in the background. Nothing here knows a
//! physics engine, a window or the arcade.
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

mod actor_states;
pub mod controllers;
mod decide;
pub mod feedback;
pub mod history;
pub mod live;
pub mod pace;
pub mod reaction;
mod record;
mod slots;
#[cfg(test)]
mod testing;
pub mod tick;

use bevy::prelude::*;

pub use actor_states::{ActorStates, ActorStatesSnapshot, MOST_SLOTS, WatchedDecision, WatchedDecisions};
pub use controllers::{Controller, ControllerAssignment, Controllers, FrozenPolicies, HumanInput};
pub use decide::decide;
pub use live::{LiveLearner, LivePlugin};
pub use record::{Episodes, Replay};
pub use slots::{AgentSlots, Outcome};

use entropy_rl::{learner, mdp};

use crate::mdp::{EnvironmentSpec, PolicySnapshot};
use crate::tick::{SimSystems, SimTick, Spec, TickClock};

/// The policy that acts in learning seats. Replaced whole; every step reads the latest.
#[derive(Resource, Clone)]
pub struct LearningPolicy(pub std::sync::Arc<arc_swap::ArcSwap<PolicySnapshot>>);

impl LearningPolicy {
    /// One that does any of so many actions at random, until another takes its place.
    pub fn untrained(actions: usize) -> Self {
        Self(crate::learner::untrained(actions))
    }
}

/// Whether learning and frozen seats take the most probable action instead of sampling.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Greedy(pub bool);

/// Whether what is played is experience.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recording {
    /// While it is, nothing is recorded: what is played is not the present, but for instance an earlier episode that is
    /// looked at again.
    pub suspended: bool,
}

/// Fills seats and records what happens in them. Declares `spec` as that of the simulation, with its ticks.
pub struct AgentPlugin {
    /// Spaces and slots of the seats.
    pub spec: EnvironmentSpec,
    /// Seed of exploration and of random controllers.
    pub seed: u64,
    /// Who sits where unless told otherwise.
    pub assignment: ControllerAssignment,
    /// The policy of learning seats.
    pub policy: LearningPolicy,
}

impl Plugin for AgentPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(ActorStates::new(self.seed, &self.spec))
            .insert_resource(Spec(self.spec.clone()))
            .insert_resource(TickClock::new(self.spec.ticks_per_step))
            .insert_resource(self.assignment.clone())
            .insert_resource(self.policy.clone())
            .insert_resource(HumanInput::new(self.spec.slots()))
            .init_resource::<Greedy>()
            .init_resource::<FrozenPolicies>()
            .init_resource::<Replay>()
            .init_resource::<Episodes>()
            .init_resource::<feedback::HumanFeedback>()
            .init_resource::<WatchedDecisions>()
            .init_resource::<reaction::ReactionDelay>()
            .init_resource::<Recording>()
            .add_systems(
                SimTick,
                (
                    controllers::assign.in_set(SimSystems::First),
                    controllers::ask_for_scripts.in_set(SimSystems::First).after(controllers::assign),
                    decide::decide.in_set(SimSystems::Decide).after(tick::ScriptSystems),
                    record::record.in_set(SimSystems::Record),
                ),
            );
    }
}
