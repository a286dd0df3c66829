//! How much goes wrong in a schedule.

use std::time::Duration;

use entropy_rl::mdp::{Stream, rng};
use rand::RngExt as _;

/// Probabilities of faults.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Faults {
    /// That a message is lost.
    pub loss: f64,
    /// That it arrives twice.
    pub duplicate: f64,
    /// Longest delay of a message; shorter ones overtake longer ones.
    pub delay: Duration,
    /// That an actor is cut off, per tick, for up to two seconds.
    pub cut: f64,
    /// That an actor crashes, per tick.
    pub actor_crash: f64,
    /// That the learner crashes, per tick, and goes on from its last checkpoint.
    pub learner_crash: f64,
    /// That the learner takes nothing, per batch.
    pub busy: f64,
}

impl Faults {
    /// Faults of schedule number `seed`: each kind from none to plenty.
    pub fn of(seed: u64) -> Self {
        let mut rng = rng(seed, Stream::Levels, 1);
        let mut some = |most: f64| if rng.random_bool(0.3) { 0.0 } else { rng.random_range(0.0..most) };
        Self {
            loss: some(0.3),
            duplicate: some(0.3),
            delay: Duration::from_secs_f64(some(1.0)),
            cut: some(0.02),
            actor_crash: some(0.01),
            learner_crash: some(0.01),
            busy: some(0.3),
        }
    }
}

/// No faults.
pub const QUIET: Faults = Faults {
    loss: 0.0,
    duplicate: 0.0,
    delay: Duration::ZERO,
    cut: 0.0,
    actor_crash: 0.0,
    learner_crash: 0.0,
    busy: 0.0,
};
