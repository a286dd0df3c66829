//! Entropy Arcade: physics worlds whose agents learn while you play.
//!
//! Data flows one way: environment → observation → action → step → transition → replay → learner →
//! policy snapshot → action. The layers, each of which knows only those named before it; the first four are the crate
//! `entropy-rl`, which knows no Bevy:
//!
//! | module | what it is |
//! |---|---|
//! | [`files`] | the one reader of texts, for all layers |
//! | [`mdp`] | the vocabulary: spaces, steps, transitions, policies, seeds |
//! | [`replay`], [`sac`] | the buffer; the algorithm and its gradient step |
//! | [`learner`] | replay and algorithm together: a thread, a device, checkpoints |
//! | [`config`] | the settings of a run: defaults, files, `--set` |
//! | [`sim`] | worlds, arenas and the tick, on bevy_rapier2d |
//! | [`agent`] | controllers in the seats of a simulation, transitions to a learner |
//! | [`run`] | training runs without a window: headless loop, evaluation, benchmarks |
//! | `view`, `panel` | drawing and keyboard; the egui panel (feature `arcade`) |
//! | [`app`], [`cli`] | the whole composition, in one place; the command line |
#![deny(missing_docs, unsafe_code)]

pub use entropy_rl::{files, learner, mdp, replay, sac};

pub mod agent;
pub mod app;
pub mod cli;
pub mod config;
#[cfg(feature = "arcade")]
pub mod panel;
pub mod run;
pub mod sim;
#[cfg(feature = "arcade")]
pub mod view;
