//! Learning: replay and algorithm together, on a thread of their own, with checkpoints.
//!
//! Recorded steps go in, policies come out; between the two stands [`LearnerHandle`], the one seam
//! that actors know. Nothing here knows about Bevy or worlds.

pub mod checkpoint;
mod config;
mod core;
pub mod device;
pub mod exact;
mod handle;
mod memory;
pub mod owner;
pub mod snapshots;
pub mod trained;
mod worker;

pub use crate::replay::ReplayStats;
pub use checkpoint::CheckpointError;
pub use config::{LearnerConfig, PrioritizedConfig};
pub use core::{Counters, Learner, LearnerSetup, check_networks};
pub use device::DeviceChoice;
pub use handle::{Health, LearnerHandle, LearnerStatus, PeriodReport};
pub use memory::check_memory;
pub use snapshots::{AgentSnapshot, SnapshotHistory};

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::mdp::{Action, ObservationBatch, Policy, PolicyOutput, PolicySnapshot, PolicyState, Rng};
pub use crate::sac::CategoricalPolicy;
use crate::sac::weights;

/// Why learning cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum LearnerError {
    /// The algorithm.
    #[error(transparent)]
    Sac(#[from] crate::sac::SacError),
    /// The device.
    #[error(transparent)]
    Device(#[from] device::LearnerDeviceError),
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A value out of range.
    #[error("{key} = {value}: allowed is {allowed}")]
    Config {
        /// Dotted key.
        key: &'static str,
        /// The offending value.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// More replay than memory.
    #[error(
        "learner.replay_capacity = {capacity}: takes {:.1} GB when full, of {:.1} GB of memory here; choose a smaller one",
        *needed as f64 / 1e9,
        *memory as f64 / 1e9
    )]
    Memory {
        /// Transitions asked for.
        capacity: usize,
        /// Bytes that they take.
        needed: u64,
        /// Bytes of memory.
        memory: u64,
    },
    /// The environment's actions are of a kind that no algorithm here learns.
    #[error("{0}: its actions are continuous; only discrete actions can be learned")]
    ContinuousActions(String),
    /// A period failed; whoever waits for it has the reason already.
    #[error("{0}")]
    Period(String),
    /// The learner's thread is gone.
    #[error("the learner stopped: {0}")]
    Stopped(String),
}

/// `actor` as the bytes of a safetensors file, which [`checkpoint::Checkpoint::actor`] reads.
///
/// # Errors
/// [`LearnerError::Stopped`] before the first policy.
pub fn policy_bytes(actor: Option<&CategoricalPolicy>) -> Result<Vec<u8>, LearnerError> {
    let actor = actor.ok_or_else(|| LearnerError::Stopped("before its first policy".into()))?;
    Ok(weights::to_bytes(&actor.tensors(), &Default::default())?)
}

/// A place for policies in which the untrained one stands.
pub fn untrained(actions: usize) -> Arc<ArcSwap<PolicySnapshot>> {
    Arc::new(ArcSwap::from_pointee(PolicySnapshot {
        version: 0,
        gradient_steps: 0,
        policy: Arc::new(UniformPolicy { actions }),
        critics: None,
    }))
}

/// Uniformly random actions: what acts before the learner has made its first policy.
#[derive(Debug, Clone, Copy)]
pub struct UniformPolicy {
    /// Number of actions.
    pub actions: usize,
}

impl Policy for UniformPolicy {
    fn act(
        &self,
        observations: &ObservationBatch,
        _states: &mut [PolicyState],
        rngs: &mut [Rng],
        _greedy: bool,
        decisions: &mut PolicyOutput,
    ) {
        use rand::RngExt as _;
        decisions.clear();
        for row in 0..observations.count {
            // Who asks what it would do, and does not act, has no generators: one action is as good as any.
            let action = rngs.get_mut(row).map_or(0, |rng| rng.random_range(0..self.actions as u16));
            decisions.actions.push(Action::Discrete(action));
            decisions.entropies.push((self.actions as f32).ln());
        }
        decisions.probabilities.resize(observations.count * self.actions, 1.0 / self.actions as f32);
    }
}
