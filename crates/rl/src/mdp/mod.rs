//! The vocabulary every layer shares: spaces, episodes, transitions, policies, seeds.
//!
//! Nothing here knows about Bevy, burn or a world; it only names what flows between them.

mod episode;
mod level;
mod policy;
mod seed;
mod space;
mod tabular;
mod transition;

pub use episode::{EpisodeEnd, EpisodeSummary, RewardTerm};
pub use level::LevelRecord;
pub use policy::{ActionValues, Policy, PolicyOutput, PolicySnapshot, PolicyState};
pub use seed::{Rng, Stream, later_seed, rng};
pub use space::{ActionSpace, EnvironmentSpec, GridShape, ObservationSpace, WorldOptions};
pub use tabular::{TabularError, TabularModel, TabularOutcome};
pub use transition::{
    Action, Fault, ObservationBatch, Origin, Place, StepBatch, TransitionBatch, push_features,
};
