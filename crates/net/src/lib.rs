//! Actors, replay memory and learner in several processes.
//!
//! | module | what it is |
//! |---|---|
//! | [`protocol`] | versions, greetings, acknowledgements, limits |
//! | [`steps`], [`policy`] | recorded steps and policies as bytes, and what is checked before they are read |
//! | [`outbox`], [`intake`] | both ends of the way of a step: a queue that resends, and a door that takes each batch once |
//! | [`engine`] | the six verbs of a network; [`local`] is one within a process, `zenoh` the real one |
//! | [`hub`], [`actor`] | the learner's end of a session, and a [`LearnerLink`](entropy_rl::link::LearnerLink) to it |
//! | [`replicas`] | several learners that train one agent, and average what they learn |
//! | [`work`] | periods of an exact run: whoever is there plays them, with the same result |
//! | [`simulator`] | seeded faults between outboxes and an intake, with an oracle |
//!
//! Outbox and intake have neither threads nor clocks: a driver tells them what came and what time it is, so that the
//! simulator drives the very code that runs between machines.

#![cfg_attr(not(test), deny(clippy::unwrap_used))]

pub mod actor;
pub mod engine;
pub mod hub;
pub mod intake;
#[cfg(feature = "zenoh")]
pub mod keys;
pub mod local;
pub mod outbox;
pub mod policy;
pub mod protocol;
pub mod replicas;
pub mod simulator;
pub mod steps;
pub mod work;
#[cfg(feature = "zenoh")]
pub mod zenoh;

/// Why something cannot be sent, read or reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// A message that is not what it should be.
    #[error("{what}: {problem}")]
    Malformed {
        /// The message.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The other side refused, in its words.
    #[error("{0}")]
    Refused(String),
    /// Nobody answered.
    #[error(
        "{place}: nobody answers there; start the learner with --listen first, and check address and firewall"
    )]
    Nobody {
        /// The address.
        place: String,
    },
    /// Nobody answered, or whoever did does not trust this side's certificate, or this side theirs.
    #[error(
        "{place}: nobody answers there, or one side does not accept the other's certificate; start the learner with --listen \
         first, check address and firewall, and take all certificates from one run of `keys new`"
    )]
    NobodyOrRefused {
        /// The address.
        place: String,
    },
    /// An address that is none, or is not allowed.
    #[error("{address}: {problem}")]
    Address {
        /// As given.
        address: String,
        /// What is wrong, and the remedy.
        problem: String,
    },
    /// A certificate or key.
    #[error("{path}: {problem}")]
    Keys {
        /// The file or folder.
        path: String,
        /// What is wrong, and the remedy.
        problem: String,
    },
    /// The network library.
    #[error("network: {0}")]
    Engine(String),
}

/// A malformed message of the kind `what`.
fn malformed(what: &'static str, problem: impl Into<String>) -> NetError {
    NetError::Malformed { what, problem: problem.into() }
}
