//! Everything a game with agents needs: `use entropy_agents::prelude::*;`.

pub use crate::controllers::{Controller, ControllerAssignment, Controllers, FrozenPolicies, HumanInput};
pub use crate::episode::EpisodeFinished;
pub use crate::feedback::FeedbackGiven;
pub use crate::history::History;
pub use crate::learner::{DeviceChoice, Health, LearnerConfig, LearnerSetup};
pub use crate::live::{LiveLearner, LivePlugin};
pub use crate::mdp::{
    Action, ActionSpace, EnvironmentSpec, EpisodeEnd, GridShape, ObservationSpace, Policy, RewardTerm,
};
pub use crate::pace::Pace;
pub use crate::record::Replay;
pub use crate::slots::{AgentSlots, Outcome, Watched};
pub use crate::tick::{SimSystems, SimTick, TickClock, TickPlugin, run_agent_step};
pub use crate::{AgentPlugin, Greedy, LearningPolicy};
