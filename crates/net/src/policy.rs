//! Policies on their way to actors: a head that says which one it is, the settings of its algorithm, and its tensors.

use std::sync::Arc;

use entropy_rl::algo::AlgorithmConfig;
use entropy_rl::learner::{policy_bytes, policy_from_bytes};
use entropy_rl::link::Published;
use entropy_rl::mdp::{EnvironmentSpec, Policy, PolicySnapshot};
use serde::{Deserialize, Serialize};

use crate::protocol::{PolicyHead, from_text, join, split, to_text};
use crate::{NetError, malformed};

const WHAT: &str = "policy";

/// What an actor says when it asks for the latest policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Have {
    /// The one it has, if any.
    pub have: Option<PolicyHead>,
}

impl Have {
    /// Its message.
    ///
    /// # Errors
    /// As [`to_text`].
    pub fn to_bytes(self) -> Result<Vec<u8>, NetError> {
        to_text(&self)
    }

    /// Reads it.
    ///
    /// # Errors
    /// As [`from_text`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NetError> {
        from_text(WHAT, bytes)
    }
}

#[derive(Serialize, Deserialize)]
struct Head {
    head: PolicyHead,
    algorithm: AlgorithmConfig,
}

/// The message with `published`, of an agent that learns with `algorithm`.
///
/// # Errors
/// [`NetError::Malformed`] if its tensors cannot be written.
pub fn encode(session: u64, published: &Published, algorithm: &AlgorithmConfig) -> Result<Vec<u8>, NetError> {
    let Published { version, gradient_steps, policy } = published;
    let head = PolicyHead { session, version: *version, gradient_steps: *gradient_steps };
    let body = policy_bytes(Some(&**policy)).map_err(|error| malformed(WHAT, error.to_string()))?;
    join(&Head { head, algorithm: algorithm.clone() }, &body)
}

/// A policy that has arrived.
#[derive(Clone)]
pub struct Arrived {
    /// Which one it is.
    pub head: PolicyHead,
    /// The algorithm that learned it.
    pub algorithm: AlgorithmConfig,
    /// The policy.
    pub policy: Arc<dyn Policy>,
}

impl Arrived {
    /// As a snapshot to act with.
    pub fn snapshot(&self) -> PolicySnapshot {
        let PolicyHead { version, gradient_steps, .. } = self.head;
        PolicySnapshot { version, gradient_steps, policy: self.policy.clone(), critics: None }
    }
}

/// Reads the output of [`encode`], for `spec`.
///
/// # Errors
/// [`NetError::Malformed`] if it is none, or not one that plays `spec`.
pub fn decode(bytes: &[u8], spec: &EnvironmentSpec) -> Result<Arrived, NetError> {
    let (Head { head, algorithm }, body) = split::<Head>(WHAT, bytes)?;
    let wrong = |problem: String| malformed(WHAT, problem);
    algorithm.validate().map_err(|error| wrong(error.to_string()))?;
    let policy = policy_from_bytes(body, &algorithm, spec).map_err(|error| wrong(error.to_string()))?;
    Ok(Arrived { head, algorithm, policy })
}
