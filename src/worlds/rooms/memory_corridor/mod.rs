//! memory-corridor: a cue at the start tells which goal at the end is right. The engine is in `rooms`.
#![doc = include_str!("README.md")]

use std::path::Path;

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
    level_experiment: Some(settings),
    agents: &[
        ("memory-corridor-1.agent", include_bytes!("memory-corridor-1.agent")),
        ("memory-corridor-2.agent", include_bytes!("memory-corridor-2.agent")),
        ("memory-corridor-3.agent", include_bytes!("memory-corridor-3.agent")),
    ],
    rooms: Some(&RULES),
    #[cfg(feature = "arcade")]
    art: Some(WorldArt {
        plugin: super::art::plugin,
        thumbnail: include_bytes!("thumbnail.png"),
        film: include_bytes!("thumbnail.gif"),
    }),
    ..WorldEntry::new(RULES.name, module_path!(), |asked| asked.room(&RULES))
};

/// Settings of the farther goals of levels 2 and 3, which are rarely found by chance: more of it comes first.
fn settings(level: &str) -> Option<String> {
    let stem = Path::new(level).file_stem()?.to_str()?;
    let settings = match stem.strip_prefix("memory-corridor-").unwrap_or(stem) {
        "2" => "steps = 80000\n[learner]\nlearning_starts = 12000\ngradient_steps_per_env_step = 0.15\n",
        // A temperature that tries both goals is too high for choosing between them: it falls.
        "3" => {
            "steps = 250000\n[learner]\nlearning_starts = 20000\ngradient_steps_per_env_step = 0.1\n\
             [sac.memory]\nkind = \"lstm\"\nhidden = 32\nembed = 32\nskip = true\ntimescale = 60\n\
             [sac.temperature]\nmode = \"annealed\"\nupper_fraction = 0.9\nlower_fraction = 0.1\nsteps = 15000\n"
        }
        _ => return None,
    };
    Some(settings.into())
}

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
