//! Agents in any Bevy app: controllers play the slots of a simulation, and their experience goes to a
//! learner.
//!
//! Add [`AgentPlugin`], spawn an entity with [`AgentSlots`] for each copy of the game, and write
//! observations, rewards and ends in the sets of [`SimSystems`]. The plugin batches the observations of every
//! policy into one forward pass, lets controllers act and records transitions, which it sends to a
//! [`LiveLearner`] in the background if there is one; [`LivePlugin`] keeps the measurements. This crate
//! depends on no physics engine and no window, and with the feature `gpu`, which is off by default, on burn.
//!
//! ```
//! use bevy::prelude::*;
//! use entropy_agents::prelude::*;
//!
//! /// A walker on a line: +1 at the right end, −1 at the left end.
//! #[derive(Component, Default)]
//! struct Walker(i32);
//!
//! fn walk(mut walkers: Query<(&mut Walker, &mut AgentSlots)>) {
//!     for (mut walker, mut slots) in &mut walkers {
//!         walker.0 += [-1, 1][slots.actions.index(0)];
//!         if walker.0.abs() == 3 {
//!             slots.rewards[0] = walker.0.signum() as f32;
//!             slots.outcomes[0].success = walker.0 > 0;
//!             slots.end = Some(EpisodeEnd::Terminated);
//!         }
//!     }
//! }
//!
//! fn observe(mut walkers: Query<(&Walker, &mut AgentSlots)>) {
//!     for (walker, mut slots) in &mut walkers {
//!         slots.observations.row_mut(0).0[0] = walker.0 as f32 / 3.0;
//!     }
//! }
//!
//! /// Ended episodes restart, and their first observation is written.
//! fn reset(mut walkers: Query<(&mut Walker, &mut AgentSlots)>) {
//!     for (mut walker, mut slots) in walkers.iter_mut().filter(|(_, slots)| slots.end.is_some()) {
//!         walker.0 = 0;
//!         slots.observations.row_mut(0).0[0] = 0.0;
//!     }
//! }
//!
//! let spec = EnvironmentSpec {
//!     name: "line".into(),
//!     summary: "Walk to the right end.".into(),
//!     observation: ObservationSpace::floats(&["position"]),
//!     action: ActionSpace::discrete(&["left", "right"]),
//!     ticks_per_step: 1,
//!     tick_seconds: 0.1,
//!     episode_limit: 100,
//!     teams: vec![0],
//!     rewards: vec![RewardTerm::new("end", 1.0, "the right end is reached, −1 at the left end")],
//! };
//! let config = LearnerConfig { learning_starts: 100, ..LearnerConfig::default() };
//! let setup = LearnerSetup { device: DeviceChoice::Cpu, ..LearnerSetup::new(spec.clone(), config) };
//! let learner = LiveLearner::start(setup);
//! let players = ControllerAssignment::all(vec![Controller::Learning]);
//!
//! let mut app = App::new();
//! app.add_plugins((MinimalPlugins, AgentPlugin::new(spec.clone(), players, learner.policy()), LivePlugin))
//!     .insert_resource(learner)
//!     .add_systems(SimTick, walk.in_set(SimSystems::Play))
//!     .add_systems(SimTick, observe.in_set(SimSystems::Observe))
//!     .add_systems(SimTick, reset.in_set(SimSystems::Reset));
//! for arena in 0..4 {
//!     app.world_mut().spawn((Walker::default(), AgentSlots::new(arena, &spec)));
//! }
//! for _ in 0..50 {
//!     run_agent_step(app.world_mut());
//!     app.update(); // What a frame does; with a window, Bevy calls it.
//! }
//! assert_eq!(app.world().resource::<Replay>().env_steps, 4 * 50);
//! ```
//!
//! # The tick
//!
//! [`run_agent_step`](tick::run_agent_step) runs a whole agent step, [`pace::drive`] the ticks that are due
//! in a frame. Or choose a schedule that Bevy runs: [`AgentPlugin::in_schedule`] puts the tick into
//! [`FixedUpdate`], for instance.
//!
//! # Interfaces for a game
//!
//! - [`EpisodeFinished`] and [`FeedbackGiven`](feedback::FeedbackGiven) are messages for any number of
//!   readers.
//! - [`Controllers`] on an arena lists its players; [`ControllerAssignment`] changes them.
//! - [`Watched`] marks the arena that is shown.
//! - [`history::History`] holds curves of a live learner, [`LiveLearner`] its status and its switches.
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

mod actor_states;
pub mod controllers;
mod decide;
mod episode;
pub mod feedback;
pub mod history;
pub mod live;
mod memory;
pub mod messages;
pub mod pace;
pub mod prelude;
pub mod reaction;
mod record;
mod slots;
#[cfg(test)]
mod testing;
pub mod tick;

use bevy::ecs::schedule::{InternedScheduleLabel, ScheduleLabel};
use bevy::prelude::*;

pub use actor_states::{ActorStates, ActorStatesSnapshot, MOST_SLOTS, WatchedDecision, WatchedDecisions};
pub use controllers::{Controller, ControllerAssignment, Controllers, FrozenPolicies, HumanInput};
pub use decide::decide;
pub use episode::EpisodeFinished;
pub use live::{LiveLearner, LivePlugin};
pub use memory::PolicyMemory;
pub use record::Replay;
pub use slots::{AgentSlots, Outcome, Watched};

use entropy_rl::{learner, link, mdp, metrics};

use crate::learner::ExplorationConfig;
use crate::mdp::{EnvironmentSpec, PolicySnapshot};
use crate::tick::{SimSystems, SimTick, Spec, TickClock, TickPlugin, TickSchedule};

/// The policy that acts in learning slots. Replaced as a whole; every step uses the latest.
#[derive(Resource, Clone)]
pub struct LearningPolicy(pub std::sync::Arc<arc_swap::ArcSwap<PolicySnapshot>>);

impl LearningPolicy {
    /// A policy that chooses uniformly among `actions` actions, until another is published.
    pub fn untrained(actions: impl Into<crate::mdp::ActionSpace>) -> Self {
        Self(crate::learner::untrained(actions))
    }
}

/// Whether learning and frozen policies act greedily instead of sampling.
#[derive(Resource, Reflect, Debug, Clone, Copy, Default, PartialEq, Eq)]
#[reflect(Resource)]
pub struct Greedy(pub bool);

/// Random actions of the learning policy's slots beside those that it draws, unless it acts greedily. A [`LiveLearner`] sets
/// it.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq)]
pub struct Exploration(pub Option<ExplorationConfig>);

/// Whether steps are recorded.
#[derive(Resource, Reflect, Debug, Clone, Copy, Default, PartialEq, Eq)]
#[reflect(Resource)]
pub struct Recording {
    /// While set, nothing is recorded: the simulation shows something other than the present, such as a
    /// replayed episode.
    pub suspended: bool,
    /// Whether steps include the policy state, for an algorithm whose sequences begin with it, see
    /// [`LearnerConfig::wants_states`](crate::learner::LearnerConfig::wants_states). A
    /// [`LiveLearner`] sets it.
    pub states: bool,
}

/// Lets controllers play the slots of a simulation and records their steps.
///
/// ```
/// use bevy::prelude::*;
/// use entropy_agents::prelude::*;
///
/// # let spec = EnvironmentSpec {
/// #     name: "line".into(), summary: String::new(), observation: ObservationSpace::floats(&["position"]),
/// #     action: ActionSpace::discrete(&["left", "right"]), ticks_per_step: 1, tick_seconds: 0.1, episode_limit: 9,
/// #     teams: vec![0], rewards: Vec::new(),
/// # };
/// let players = ControllerAssignment::all(vec![Controller::Random]);
/// let plugin = AgentPlugin::new(spec.clone(), players, LearningPolicy::untrained(2));
/// // The tick in a schedule of the game's own, one tick per run.
/// let mut app = App::new();
/// app.add_plugins((MinimalPlugins, plugin.with_seed(7).in_schedule(FixedUpdate)));
/// app.world_mut().spawn(AgentSlots::new(0, &spec));
/// app.world_mut().run_schedule(FixedUpdate);
/// assert_eq!(app.world().resource::<TickClock>().ticks, 1);
/// ```
pub struct AgentPlugin {
    spec: EnvironmentSpec,
    assignment: ControllerAssignment,
    policy: LearningPolicy,
    seed: u64,
    schedule: InternedScheduleLabel,
}

impl AgentPlugin {
    /// Agents in a simulation of `spec`: the controllers of its slots, and the policy of learning slots. The
    /// tick is in [`SimTick`], and seed 0 is used for exploration and random controllers.
    pub fn new(spec: EnvironmentSpec, assignment: ControllerAssignment, policy: LearningPolicy) -> Self {
        Self { spec, assignment, policy, seed: 0, schedule: SimTick.intern() }
    }

    /// Sets another seed for exploration and random controllers.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Puts the tick into `schedule`, see [`TickPlugin::new`]. Has no effect if a [`TickPlugin`] was added
    /// before.
    #[must_use]
    pub fn in_schedule(self, schedule: impl ScheduleLabel) -> Self {
        Self { schedule: schedule.intern(), ..self }
    }
}

impl Plugin for AgentPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(TickClock::new(self.spec.ticks_per_step));
        if !app.is_plugin_added::<TickPlugin>() {
            app.add_plugins(TickPlugin::new(self.schedule));
        }
        let schedule = TickSchedule::of(app.world());
        messages::add(app, schedule);
        self.insert_resources(app);
        register_types(app);
        app.add_observer(slots::watch_only_one)
            .add_systems(
                schedule,
                (
                    (controllers::assign, controllers::ask_for_scripts)
                        .chain()
                        .in_set(tick::AssignSystems)
                        .in_set(SimSystems::First),
                    decide::decide.in_set(SimSystems::Decide).after(tick::ScriptSystems),
                    record::record.in_set(SimSystems::Record),
                    live::feed.in_set(SimSystems::Last).run_if(resource_exists::<LiveLearner>),
                ),
            )
            // While paused, controllers are still assigned, so that the window shows them.
            .add_systems(PostUpdate, controllers::assign);
    }
}

impl AgentPlugin {
    fn insert_resources(&self, app: &mut App) {
        app.insert_resource(ActorStates::new(self.seed, &self.spec))
            .insert_resource(Spec(self.spec.clone()))
            .insert_resource(self.assignment.clone())
            .insert_resource(self.policy.clone())
            .insert_resource(HumanInput::new(self.spec.slots()))
            .init_resource::<Greedy>()
            .init_resource::<Exploration>()
            .init_resource::<FrozenPolicies>()
            .init_resource::<Replay>()
            .init_resource::<feedback::HumanFeedback>()
            .init_resource::<WatchedDecisions>()
            .init_resource::<reaction::ReactionDelay>()
            .init_resource::<Recording>();
    }
}

/// For inspectors and scenes.
fn register_types(app: &mut App) {
    app.register_type::<AgentSlots>()
        .register_type::<Watched>()
        .register_type::<Controllers>()
        .register_type::<ControllerAssignment>()
        .register_type::<TickClock>()
        .register_type::<Greedy>()
        .register_type::<Recording>()
        .register_type::<WatchedDecisions>()
        .register_type::<feedback::HumanFeedback>()
        .register_type::<reaction::ReactionDelay>()
        .register_type::<pace::Pace>()
        .register_type::<history::History>();
}
