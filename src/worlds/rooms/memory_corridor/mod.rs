//! memory-corridor: a cue at the start tells which goal at the end is right. The engine is in `rooms`.
#![doc = include_str!("README.md")]

use super::{Plane, Room, Rooms, Rules, Win, way};
use crate::mdp::Action;
use crate::sim::Bodies;
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::WorldEntry;
use crate::worlds::rooms::level::{Cell, Kind};

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    level_experiment: Some(|level| {
        // By number or by name.
        Some(match level.rsplit('-').next()? {
            "2" => "steps = 120000".into(),
            // So far from the goal, returns of another discount are below the temperature.
            "3" => "steps = 200000\n[sac]\ngamma = 0.97\ninitial_temperature = 0.005".into(),
            _ => return None,
        })
    }),
    rooms: Some(&RULES),
    #[cfg(feature = "arcade")]
    art: Some(WorldArt { plugin: super::art::plugin, thumbnail: include_bytes!("thumbnail.png"), film: &[] }),
    ..WorldEntry::new(RULES.name, module_path!(), |asked| asked.room(&RULES))
};

/// Its rules.
pub const RULES: Rules = Rules {
    name: "memory-corridor",
    summary: "Remember which goal was named at the start, and walk to it at the far end.",
    kind: Kind { symbols: "g", needs: &[('a', 1, "start"), ('g', 2, "goals")] },
    levels: &[
        ("memory-corridor-1.ron", include_str!("../../../../levels/memory-corridor-1.ron")),
        ("memory-corridor-2.ron", include_str!("../../../../levels/memory-corridor-2.ron")),
        ("memory-corridor-3.ron", include_str!("../../../../levels/memory-corridor-3.ron")),
    ],
    generator: None,
    teams: &[0],
    win: Win::Cue,
    planes: &[Plane::Solid, Plane::Goal, Plane::Own],
    goal: 1.0,
    // Smaller than the goal's reward, so that guessing is better than standing still.
    loss: -0.5,
    mark: 0.0,
    key: 0.0,
    step: -0.01,
    crate_damping: 0.0,
    table: None,
    scripted_action,
};

/// Walks the shortest path to the named goal.
fn scripted_action(room: &Room, rooms: &Rooms, bodies: &Bodies, slot: usize) -> Action {
    let level = room.level(rooms);
    let open = |place, direction| room.admits(rooms, place, direction);
    let named = level.places(|cell| cell == Cell::Goal).nth(room.named());
    let here = level.locate(bodies.position(slot));
    way::closer(level, &way::distances(level, named, open), here, open).unwrap_or(Action::Discrete(0))
}
