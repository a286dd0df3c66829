//! puck-2v2: puck, two against two. Rules and art are those of `puck`.

use super::{Puck, Sides};
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::WorldEntry;

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    continuous_experiment: include_str!("continuous.toml"),
    #[cfg(feature = "arcade")]
    art: Some(WorldArt { plugin: super::art::plugin, thumbnail: include_bytes!("thumbnail.png"), film: &[] }),
    ..WorldEntry::new("puck-2v2", module_path!(), |asked| asked.plain::<Puck>(Sides::of(2, asked)))
};
