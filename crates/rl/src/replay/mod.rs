//! Replay: recorded experience, kept to be sampled for learning.
//!
//! It stores and samples, uniformly or by priority; when and why is the learner's business.

mod buffer;
mod people;
mod priorities;
mod resize;
mod stats;
mod storage;
mod sum_tree;

pub use buffer::{ReplayBuffer, ReplayConfig};
pub use priorities::{Priorities, PriorityConfig, effective_sample_size};
pub use stats::ReplayStats;
pub use storage::ReplayError;
pub use sum_tree::SumTree;
