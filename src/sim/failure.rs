//! Failure: why an environment cannot go on.

use bevy::prelude::*;

/// Why the environment cannot go on, in one line; `None` while it can. Nothing is recorded of its steps from then on.
/// Environments of the arcade do not fail; those of other processes may.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure(pub Option<String>);

impl Failure {
    /// The reason in `world`, if its environment has failed.
    pub fn of(world: &World) -> Option<&str> {
        world.get_resource::<Self>()?.0.as_deref()
    }
}
