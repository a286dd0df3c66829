//! Learning: replay buffer and algorithm together, with checkpoints.
//!
//! Recorded steps go in, policies come out. This module does not depend on Bevy, worlds or threads; actors
//! reach a learner through [`link`](crate::link).

pub mod checkpoint;
mod config;
mod core;
pub mod device;
mod exploration;
mod memory;
pub mod metrics;
pub mod owner;
pub mod replicas;
mod setup;
pub mod snapshots;
mod status;
pub mod trained;

/// How fast this machine multiplies.
pub use crate::nn::speed;
pub use crate::replay::ReplayStats;
pub use checkpoint::CheckpointError;
pub(crate) use config::whole;
pub use config::{LearnerConfig, PrioritizedConfig};
pub use core::{Learner, check_networks};
pub use device::DeviceChoice;
pub use exploration::ExplorationConfig;
pub use memory::{check_memory, check_sequences};
pub use setup::{Counters, LearnerSetup};
pub use snapshots::{AgentSnapshot, SnapshotHistory, SnapshotInfo};
pub use status::{Health, LearnerStatus};

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::algo::{AlgorithmConfig, TrainedPolicy};
use crate::mdp::{
    ActInput, ActionRow, ActionSpace, EnvironmentSpec, Policy, PolicyId, PolicyOutput, PolicySnapshot,
};
use crate::nn::{TensorMap, weights};

/// Why training cannot start or continue.
#[derive(Debug, thiserror::Error)]
pub enum LearnerError {
    /// The algorithm.
    #[error(transparent)]
    Algorithm(#[from] crate::algo::TrainError),
    /// Networks.
    #[error(transparent)]
    Network(#[from] crate::nn::NetworkError),
    /// The device.
    #[error(transparent)]
    Device(#[from] device::LearnerDeviceError),
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A value out of range.
    #[error("{key} = {value}: allowed: {allowed}")]
    Config {
        /// Dotted key.
        key: &'static str,
        /// The offending value.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The replay buffer is larger than memory.
    #[error(
        "learner.replay_capacity = {capacity}: takes {:.1} GB when full, of {:.1} GB of memory here; choose a smaller one",
        *needed as f64 / 1e9,
        *memory as f64 / 1e9
    )]
    Memory {
        /// Requested transitions.
        capacity: usize,
        /// Their size in bytes.
        needed: u64,
        /// Memory of the machine in bytes.
        memory: u64,
    },
    /// It failed and cannot continue; the reply to the command that caused it has the error itself.
    #[error("{0}")]
    Failed(String),
    /// The learner has stopped.
    #[error("the learner stopped: {0}")]
    Stopped(String),
    /// A checkpoint was requested without a folder to write it to.
    #[error("nothing saved: this run has no folder, start it with --out")]
    NoFolder,
    /// The requested snapshot is no longer kept.
    #[error("snapshot {0} is no longer kept; choose another age")]
    NoSnapshot(u64),
}

/// `actor` as the bytes of a safetensors file, which [`checkpoint::Checkpoint::actor`] reads.
///
/// # Errors
/// [`LearnerError::Stopped`] before the first policy.
pub fn policy_bytes(actor: Option<&dyn TrainedPolicy>) -> Result<Vec<u8>, LearnerError> {
    let actor = actor.ok_or_else(|| LearnerError::Stopped("before its first policy".into()))?;
    Ok(weights::to_bytes(&actor.tensors(), &Default::default())?)
}

/// The policy in `bytes` as written by [`policy_bytes`], of an agent that learns with `algorithm` in `spec`.
///
/// # Errors
/// [`LearnerError::Network`] or [`LearnerError::Algorithm`] if they hold none of that kind.
pub fn policy_from_bytes(
    bytes: &[u8],
    algorithm: &AlgorithmConfig,
    spec: &EnvironmentSpec,
) -> Result<Arc<dyn TrainedPolicy>, LearnerError> {
    let (tensors, _) = weights::from_bytes(bytes)?;
    Ok(algorithm.policy(spec, &tensors)?)
}

/// A policy slot with the untrained policy for `actions`: a space, or a number of discrete ones.
pub fn untrained(actions: impl Into<ActionSpace>) -> Arc<ArcSwap<PolicySnapshot>> {
    Arc::new(ArcSwap::from_pointee(PolicySnapshot {
        version: 0,
        gradient_steps: 0,
        policy: Arc::new(UniformPolicy { actions: actions.into() }),
        critics: None,
    }))
}

/// Uniformly random actions: acts before the learner has published its first policy.
#[derive(Debug, Clone)]
pub struct UniformPolicy {
    /// What it chooses from.
    pub actions: ActionSpace,
}

impl TrainedPolicy for UniformPolicy {
    fn tensors(&self) -> TensorMap {
        TensorMap::new()
    }
}

impl Policy for UniformPolicy {
    fn id(&self) -> PolicyId {
        PolicyId::of(&["uniform"])
    }

    fn act(&self, input: ActInput<'_>, output: &mut PolicyOutput) {
        use rand::RngExt as _;
        output.clear();
        let count = input.observations.count;
        match &self.actions {
            ActionSpace::Discrete(names) => {
                let actions = names.len();
                for row in 0..count {
                    // Without generators the caller only inspects the policy; any action will do.
                    let rng = input.rngs.get_mut(row);
                    let action = rng.map_or(0, |rng| rng.random_range(0..actions as u16));
                    output.actions.push(ActionRow::Discrete(action));
                    output.entropies.push((actions as f32).ln());
                }
                output.probabilities.resize(count * actions, 1.0 / actions as f32);
            }
            ActionSpace::Continuous(dimensions) => {
                let entropy = dimensions.iter().map(|own| (own.high - own.low).ln()).sum();
                let mut action = Vec::new();
                for row in 0..count {
                    let mut rng = input.rngs.get_mut(row);
                    action.clear();
                    action.extend(
                        dimensions
                            .iter()
                            .map(|own| rng.as_mut().map_or(own.middle(), |rng| own.at(rng.random()))),
                    );
                    output.actions.push(ActionRow::Continuous(&action));
                    output.entropies.push(entropy);
                }
            }
        }
    }
}
