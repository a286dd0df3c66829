//! Replay: recorded experience, kept to be sampled for learning.
//!
//! It stores steps and samples transitions or sequences, uniformly or by priority; the learner decides when.

mod buffer;
mod columns;
mod error;
mod index;
mod intake;
mod integrity;
mod layout;
mod numbers;
mod packed;
mod people;
mod places;
mod priorities;
mod resize;
mod sampling;
mod sequences;
mod states;
mod stats;
mod storage;
mod sum_tree;

pub use buffer::{ReplayBuffer, ReplayConfig};
pub use columns::ReplaySpace;
pub use error::ReplayError;
pub use priorities::{Priorities, PriorityConfig, effective_sample_size};
pub use sequences::SequenceConfig;
pub use stats::ReplayStats;
pub use sum_tree::SumTree;
