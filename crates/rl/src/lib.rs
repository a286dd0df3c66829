//! Reinforcement learning without a game engine: everything a trainer needs, on any machine.
//!
//! | module | what it is |
//! |---|---|
//! | [`files`] | reading of text files: size limits, plain error messages |
//! | [`mdp`] | the vocabulary: spaces, steps, transitions, policies, seeds |
//! | [`nn`] | networks for any algorithm |
//! | [`metrics`](mod@metrics) | metrics: keys, units, records, sinks |
//! | [`replay`], [`algo`] | the replay buffer; the algorithms and their gradient steps |
//! | [`learner`] | replay buffer and algorithm together: devices, checkpoints |
//! | [`link`] | between actors and a learner: steps go in, policies come out, commands are answered |
//!
//! Each module depends only on those above it. Nothing here depends on Bevy; the plugin that runs agents in a
//! Bevy app is another crate.
// Here and not in Cargo.toml, where it would bind the tests as well.
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

pub mod algo;
pub mod files;
pub mod learner;
pub mod link;
pub mod mdp;
pub mod metrics;
pub mod nn;
mod protobuf;
pub mod replay;
