//! Replicas of a learner: several processes train one agent, each from its own replay buffer, and average what they learn.
//!
//! One is the chief, whose process others join; it alone saves and publishes. The others are members. With a
//! `sync_every` of more than 1 the chief opens a meeting every so many gradient steps of its own: members bring their
//! parameters, weighted by the steps they have made since the last, and all go on from the mean, so that a slow machine
//! holds nobody up. With 1 members make the steps that the chief begins, and gradients are averaged before the optimizer's
//! step. Who comes new, comes back or was too late gets everything at a meeting first, and brings nothing to it.
//!
//! [`table`] is the chief's side without threads and clocks, [`chief`] and [`member`] drive both sides behind
//! [`Replicas`](entropy_rl::learner::replicas::Replicas).

pub mod chief;
pub mod member;
pub mod table;

#[cfg(test)]
mod tests;

use std::time::Duration;

use entropy_rl::algo::Part;
use serde::{Deserialize, Serialize};

use crate::protocol::End;
use crate::{NetError, malformed};

pub use chief::Chief;
pub use member::{Member, MemberStatus};
pub use table::ReplicaStatus;

/// How long the parameters of a member are waited for.
const SHARE_PATIENCE: Duration = Duration::from_secs(5);
/// How long its gradients are.
const GRADIENT_PATIENCE: Duration = Duration::from_secs(2);

/// A member trains on without a meeting for so many times the usual number of gradient steps: networks that have been
/// apart for long have no useful mean.
const MOST_APART: u64 = 2;

/// What a member asks of the chief, in the head of a message.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// [`Hello::client`](crate::protocol::Hello::client).
    pub client: u64,
    /// Environment steps that it has received since it greeted the chief: earlier ones are in the count that a chief goes on
    /// with after it was started again.
    pub env_steps: u64,
    /// Gradient steps that its networks have been trained for.
    pub gradient_steps: u64,
    /// Whether it has enough steps to learn from, so that its gradients may be waited for.
    pub ready: bool,
    /// What it wants.
    pub what: What,
}

/// What a member wants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// To hear of the next meeting after this one, or of the next gradient step if it is to make that.
    Watch(u64),
    /// To bring its share to meeting `round`; its tensors follow, if it has anything to bring.
    Share {
        /// Number of the meeting.
        round: u64,
        /// The last meeting that it took the mean of.
        after: u64,
        /// Gradient steps made since; where that is not the one before, they count for nothing.
        made: u64,
    },
    /// To have gradients averaged, which follow.
    Gradients {
        /// Number of the gradient step.
        step: u64,
        /// What they belong to.
        part: Part,
        /// Samples that they are a mean over.
        weight: f32,
    },
}

/// What the chief answers, in the head of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// This meeting is open.
    Open(u64),
    /// This gradient step has begun.
    Step(u64),
    /// The mean of a meeting; its tensors follow.
    Mean {
        /// Gradient steps that it has been trained for.
        gradient_steps: u64,
    },
    /// Averaged gradients, which follow.
    Gradients {
        /// Whether the chief makes the next gradient step at once.
        more: bool,
    },
    /// There is nothing to hear of yet: ask again.
    Nothing,
    /// It was too late, or does not fit: wait for the next meeting.
    Late,
    /// The chief does not know the sender: greet again.
    Unknown,
    /// Training is over.
    Stop(End),
}

/// Writes `all`, which were joined from as many `parts`, back to them.
fn spread(all: &[f32], parts: &mut [&mut [f32]]) {
    let mut rest = all;
    for part in parts {
        let Some((own, more)) = rest.split_at_checked(part.len()) else { return };
        part.copy_from_slice(own);
        rest = more;
    }
}

/// Floats as bytes.
fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The floats in `bytes`.
fn from_bytes(bytes: &[u8]) -> Result<Vec<f32>, NetError> {
    let (values, rest) = bytes.as_chunks::<4>();
    match rest.is_empty() {
        true => Ok(values.iter().map(|value| f32::from_le_bytes(*value)).collect()),
        false => Err(malformed("gradients", "cut off")),
    }
}
