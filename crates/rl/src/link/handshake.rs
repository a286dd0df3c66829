//! Handshake: identifies an actor, so that it never sends steps of another environment or format.

use serde::{Deserialize, Serialize};

use super::LinkError;
use crate::mdp::EnvironmentSpec;

/// Version of the protocol. Incremented when the format of steps, commands or replies changes.
pub const PROTOCOL: u32 = 1;

/// Identity of an actor and its environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handshake {
    /// Version of the protocol, [`PROTOCOL`] of the program at the other end.
    pub protocol: u32,
    /// Name of the environment, for messages.
    pub environment: String,
    /// Hash of everything in its [`EnvironmentSpec`] that a step depends on: spaces, timing, teams and rewards.
    pub spec: u64,
}

impl Handshake {
    /// The handshake of an actor that plays `spec`.
    pub fn new(spec: &EnvironmentSpec) -> Self {
        Self { protocol: PROTOCOL, environment: spec.name.clone(), spec: hash(spec) }
    }

    /// Checks that a learner with this handshake can learn from an actor with the handshake `actor`.
    ///
    /// # Errors
    /// [`LinkError::Protocol`] or [`LinkError::Environment`] names the difference.
    pub fn check(&self, actor: &Self) -> Result<(), LinkError> {
        if actor.protocol != self.protocol {
            return Err(LinkError::Protocol { ours: self.protocol, theirs: actor.protocol });
        }
        if actor.spec == self.spec {
            return Ok(());
        }
        let remedy = if actor.environment == self.environment {
            "its spaces, timing or rewards differ: run the same version and options of both"
        } else {
            "start both with the same one"
        };
        let (ours, theirs) = (self.environment.clone(), actor.environment.clone());
        Err(LinkError::Environment { ours, theirs, remedy })
    }
}

/// FNV-1a of the spec as JSON, without its descriptive texts: the same on every machine and in every release.
fn hash(spec: &EnvironmentSpec) -> u64 {
    let spec = EnvironmentSpec { summary: String::new(), ..spec.clone() };
    let text = serde_json::to_vec(&spec).unwrap_or_default();
    text.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
