//! The vocabulary every layer shares: spaces, episodes, transitions, policies, seeds.
//!
//! It does not depend on Bevy, burn or a world; it defines the data exchanged between them.

mod action;
mod action_button;
mod attention;
mod episode;
mod fault;
mod level;
mod observation;
mod policy;
mod seed;
mod sequence;
mod space;
mod state;
mod step;
mod tabular;
mod transition;

pub use action::{Action, ActionBatch, ActionRow, ActionVector, AsActionRow};
pub use action_button::ActionButton;
pub use attention::{Attention, CellAttention};
pub use episode::{EpisodeEnd, EpisodeSummary, RewardTerm};
pub use fault::{Fault, Place};
pub use level::LevelRecord;
pub use observation::{ObservationBatch, push_features};
pub(crate) use policy::listed_values_of;
pub use policy::{ActInput, ActionValues, Policy, PolicyId, PolicyOutput, PolicySnapshot, ValueInput};
pub use seed::{Rng, Stream, later_seed, rng};
pub use sequence::SequenceBatch;
pub use space::{
    ActionDimension, ActionKind, ActionSpace, EnvironmentSpec, GridShape, ObservationSpace, WorldOptions,
};
pub use state::StateBatch;
pub use step::{Origin, StepBatch};
pub use tabular::{TabularError, TabularModel, TabularOutcome};
pub use transition::{ActionNoise, TransitionBatch};
