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
pub mod seating;
mod select;
pub mod sight;
mod terrain;
pub mod waiting;

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;

pub use controllers::{Casting, Controller, Controllers, FrozenPolicies, HumanInput};
pub use live::{LiveLearner, LivePlugin};
pub use record::{Episodes, Replay};
pub use roster::{MOST_SLOTS, Roster, RosterSnapshot, Thought, Thoughts, begin_later, resume};

use crate::mdp::{EnvironmentSpec, PolicySnapshot};
use crate::sim::arena::Spec;
use crate::sim::{SimSystems, SimTick, TickClock};

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

/// Whether what is played is the present, and so experience: not while ages of the agent are compared or an earlier
/// episode is looked at.
#[derive(SystemParam)]
struct Shown<'w> {
    comparison: Option<Res<'w, compare::Comparison>>,
    look_back: Option<Res<'w, lookback::LookBack>>,
}

impl Shown<'_> {
    fn is_present(&self) -> bool {
        self.comparison.is_none() && self.look_back.is_none()
    }
}

/// What the arcade shows of its agents beside what learning needs: what they expect, see and would do, their ages side
/// by side, earlier episodes, rounds. Add with a [`LiveLearner`] to arenas of an
/// [`EnvironmentPlugin`](crate::sim::EnvironmentPlugin).
pub struct InsightPlugin;

impl Plugin for InsightPlugin {
    fn build(&self, app: &mut App) {
        app.add_plugins((
            mind::plugin,
            foresight::plugin,
            sight::plugin,
            compare::plugin,
            lookback::plugin,
            rounds::plugin,
            waiting::plugin,
        ));
    }
}

/// Fills seats and records what happens in them. Declares `spec` as that of the simulation, with its ticks.
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
            .insert_resource(Spec(self.spec.clone()))
            .insert_resource(TickClock::new(self.spec.ticks_per_step))
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
            .init_resource::<seating::Seating>()
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
