//! Reinforcement learning without a game engine: what a trainer on any machine needs.
//!
//! | module | what it is |
//! |---|---|
//! | [`files`] | the one reader of texts, bounded and in plain words |
//! | [`mdp`] | the vocabulary: spaces, steps, transitions, policies, seeds |
//! | [`replay`], [`sac`] | the buffer; the algorithm and its gradient step |
//! | [`learner`] | replay and algorithm together: a thread, a device, checkpoints |
//!
//! Each module knows only those above it. Nothing here knows Bevy; the plugin that lets agents of this library act in a
//! Bevy app is another crate.
// Here and not in Cargo.toml, where it would bind the tests as well.
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

pub mod files;
pub mod learner;
pub mod mdp;
pub mod replay;
pub mod sac;
