//! Replay: recorded experience, kept to be sampled for learning.
//!
//! It stores and samples, uniformly or by priority; when and why is the learner's business.

mod buffer;
mod people;
mod priorities;
mod resize;
mod storage;
mod sum_tree;
mod survey;

pub use buffer::{ReplayBuffer, ReplayConfig};
pub use priorities::{Priorities, PriorityConfig, effective_sample_size};
pub use storage::ReplayError;
pub use sum_tree::SumTree;
pub use survey::ReplayStats;
