//! Who plays a headless run: the arenas of its own world, or somebody else in their place.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bevy::prelude::*;

use crate::agent::ActorStatesSnapshot;
use crate::algo::TrainedPolicy;
use crate::mdp::PolicySnapshot;
use crate::run::RunError;
use crate::sim::ArenaSnapshot;

/// Plays the arenas of a run in place of its own world, which they leave as it was.
pub trait Players {
    /// Plays `steps` agent steps with `policy`, which `actor` is in the form written to files: adds the recorded steps and
    /// the finished episodes to `world` as if its arenas had played. Returns `steps`, or 0 if `stop` was set meanwhile and
    /// nothing was played.
    ///
    /// # Errors
    /// [`RunError`] if they cannot play on.
    fn play(
        &mut self,
        world: &mut World,
        policy: &PolicySnapshot,
        actor: &Arc<dyn TrainedPolicy>,
        steps: u32,
        stop: &AtomicBool,
    ) -> Result<u32, RunError>;

    /// Where all arenas and the states of their slots stand.
    fn state(&self) -> (Vec<ArenaSnapshot>, ActorStatesSnapshot);
}
