//! Link: the interface between actors and a learner. Steps go in, policies and status come out, commands are
//! answered.
//!
//! Actors only use [`LearnerLink`]. [`ThreadLink`] runs a learner on a thread of this process; a link to
//! another process or machine would implement the same trait. Everything that passes through except networks
//! is plain data that can be serialized: [`StepBatch`], [`Command`], [`LearnerStatus`], [`Handshake`].
//!
//! # Backpressure
//!
//! [`LearnerLink::send`] never blocks. At most as many steps may wait as the replay buffer holds; it could
//! not keep more. Beyond that whole batches are dropped with [`LinkError::Full`]; their steps are counted in
//! [`LearnerStatus::dropped`], and the actor must mark the next step of each of its streams as a start,
//! because its predecessor is missing. A learner gets that far behind only while it opens a device or writes
//! a checkpoint.
//!
//! Headless training never reaches the limit: [`LockStep`] sends one period of steps and waits for the reply
//! before sending the next.

mod backlog;
mod command;
mod handshake;
mod lockstep;
#[cfg(test)]
mod tests;
mod thread;
mod ticket;
mod worker;

use std::sync::Arc;

use arc_swap::ArcSwap;

pub use command::{Command, PeriodReport, Reply, Save};
pub use handshake::{Handshake, PROTOCOL};
pub use lockstep::LockStep;
pub use thread::ThreadLink;
pub use ticket::Ticket;

use crate::algo::TrainedPolicy;
use crate::learner::replicas::Replicas;
use crate::learner::{AgentSnapshot, LearnerSetup, LearnerStatus, SnapshotHistory};
use crate::mdp::{PolicySnapshot, StepBatch};

/// Where a link publishes the latest policy: actors load it once per step, without a lock.
pub type PolicySlot = Arc<ArcSwap<PolicySnapshot>>;

/// A published policy in the form that is written to files and sent to other processes.
#[derive(Clone)]
pub struct Published {
    /// As [`PolicySnapshot::version`].
    pub version: u64,
    /// As [`PolicySnapshot::gradient_steps`].
    pub gradient_steps: u64,
    /// The policy.
    pub policy: Arc<dyn TrainedPolicy>,
}

/// Why a learner does not accept what it is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// More steps are waiting than the replay buffer holds; these were dropped.
    #[error("the learner is {waiting} steps behind; steps are dropped until it has caught up")]
    Full {
        /// Waiting steps.
        waiting: usize,
    },
    /// The learner has stopped.
    #[error("the learner stopped: {0}")]
    Stopped(String),
    /// The actor speaks another version of the protocol.
    #[error("protocol {theirs} of the actor: the learner has protocol {ours}; run the same version of both")]
    Protocol {
        /// The learner's.
        ours: u32,
        /// The actor's.
        theirs: u32,
    },
    /// The actor plays another environment.
    #[error("environment `{theirs}` of the actor is not the learner's `{ours}`; {remedy}")]
    Environment {
        /// Name of the learner's.
        ours: String,
        /// Name of the actor's.
        theirs: String,
        /// The remedy.
        remedy: &'static str,
    },
}

/// Arguments of a link.
#[derive(Clone)]
pub struct Launch {
    /// Arguments of the learner.
    pub setup: LearnerSetup,
    /// Where policies are published.
    pub policy: PolicySlot,
    /// Whether actors have played on since the checkpoint to resume was written, so that its streams are
    /// interrupted.
    pub cut_streams: bool,
    /// A snapshot to restore at once.
    pub snapshot: Option<Arc<AgentSnapshot>>,
    /// Whether actors wait for the learner where [`LearnerConfig::actors_wait`] asks for it, so that none of its gradient
    /// steps are left out.
    ///
    /// [`LearnerConfig::actors_wait`]: crate::learner::LearnerConfig::actors_wait
    pub paced: bool,
    /// The other replicas of this learner, if there may be any.
    pub replicas: Option<Arc<dyn Replicas>>,
}

impl Launch {
    /// A learner from `setup`, with its own policy slot, which holds an untrained policy at first.
    pub fn new(setup: LearnerSetup) -> Self {
        let policy = crate::learner::untrained(&setup.spec.action);
        Self { setup, policy, cut_streams: false, snapshot: None, paced: false, replicas: None }
    }
}

/// A learner as seen by actors. No method waits for the learner.
pub trait LearnerLink: Send + Sync {
    /// Checks that an actor and this learner are compatible, before the actor sends its first step.
    ///
    /// # Errors
    /// [`LinkError::Protocol`] or [`LinkError::Environment`] names the difference.
    fn connect(&self, actor: &Handshake) -> Result<(), LinkError>;

    /// Sends recorded steps.
    ///
    /// # Errors
    /// [`LinkError::Full`] or [`LinkError::Stopped`]: none of these steps was taken, and the next step of
    /// each stream must be marked as a start.
    fn send(&self, steps: StepBatch) -> Result<(), LinkError>;

    /// The last published policy. Links also store it in the [`PolicySlot`] they were started with.
    fn policy(&self) -> Arc<PolicySnapshot>;

    /// The last published policy as it is sent on; `None` before the first, and on links that only receive it.
    fn published(&self) -> Option<Arc<Published>> {
        None
    }

    /// Gradient steps that the steps sent so far allow and that are not made yet; 0 where that is not known.
    fn behind(&self) -> u64 {
        0
    }

    /// Status of the learner.
    fn status(&self) -> Arc<LearnerStatus>;

    /// Snapshots of the agent with their networks; [`LearnerStatus::snapshots`] describes the same ones.
    fn snapshots(&self) -> Arc<SnapshotHistory>;

    /// Sends a command. Commands are carried out in order, after the steps sent before them. The ticket may
    /// be dropped: the result also appears in [`LearnerStatus::message`].
    fn command(&self, command: Command) -> Ticket;
}

/// A link that others hold as well.
impl<L: LearnerLink + ?Sized> LearnerLink for Arc<L> {
    fn connect(&self, actor: &Handshake) -> Result<(), LinkError> {
        (**self).connect(actor)
    }

    fn send(&self, steps: StepBatch) -> Result<(), LinkError> {
        (**self).send(steps)
    }

    fn policy(&self) -> Arc<PolicySnapshot> {
        (**self).policy()
    }

    fn published(&self) -> Option<Arc<Published>> {
        (**self).published()
    }

    fn behind(&self) -> u64 {
        (**self).behind()
    }

    fn status(&self) -> Arc<LearnerStatus> {
        (**self).status()
    }

    fn snapshots(&self) -> Arc<SnapshotHistory> {
        (**self).snapshots()
    }

    fn command(&self, command: Command) -> Ticket {
        (**self).command(command)
    }
}
