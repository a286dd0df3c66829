//! Replay: what has been lived through, kept to be learned from again.
//!
//! It stores and samples; when and why is the learner's business.

mod buffer;
mod storage;

pub use buffer::{ReplayBuffer, ReplayConfig};
pub use storage::ReplayError;
