//! lava-room: reach the goal, push what is in the way, never step into lava. The engine is in `rooms`.
#![doc = include_str!("README.md")]

mod cells;

use super::{Plane, Room, Rooms, Rules, Win, way};
use crate::mdp::Action;
use crate::sim::Bodies;
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::rooms::level::{Cell, Kind, generate};
use crate::worlds::{Screenshot, WorldEntry};

pub use cells::{CellModel, CellModelError};

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    agents: &[
        ("lava-room-1.agent", include_bytes!("lava-room-1.agent")),
        ("lava-room-2.agent", include_bytes!("lava-room-2.agent")),
        ("lava-room-3.agent", include_bytes!("lava-room-3.agent")),
        ("lava-room-4.agent", include_bytes!("lava-room-4.agent")),
        ("lava-room-5.agent", include_bytes!("lava-room-5.agent")),
        ("lava-room-6.agent", include_bytes!("lava-room-6.agent")),
        ("lava-room-7.agent", include_bytes!("lava-room-7.agent")),
        ("lava-room-8.agent", include_bytes!("lava-room-8.agent")),
    ],
    rooms: Some(&RULES),
    pictured_level: 8,
    screenshots: &[
        Screenshot { file: "mind.png", arguments: "--seed 1 --press V@26,Q@26 --after 34" },
        Screenshot { file: "editor.png", arguments: "--level 8 --seed 1 --press E@10,V@10 --after 13" },
    ],
    #[cfg(feature = "arcade")]
    art: Some(WorldArt {
        plugin: super::art::plugin,
        thumbnail: include_bytes!("thumbnail.png"),
        film: include_bytes!("thumbnail.gif"),
    }),
    ..WorldEntry::new(RULES.name, module_path!(), |asked| asked.room(&RULES))
};

/// Its rules.
pub const RULES: Rules = Rules {
    name: "lava-room",
    summary: "Reach the goal, push what is in the way, never step into lava.",
    kind: Kind { symbols: "g~o*<>^v-|_=", needs: &[('a', 1, "start"), ('g', 1, "goal")] },
    levels: &[
        ("lava-room-1.ron", include_str!("../../../../levels/lava-room-1.ron")),
        ("lava-room-2.ron", include_str!("../../../../levels/lava-room-2.ron")),
        ("lava-room-3.ron", include_str!("../../../../levels/lava-room-3.ron")),
        ("lava-room-4.ron", include_str!("../../../../levels/lava-room-4.ron")),
        ("lava-room-5.ron", include_str!("../../../../levels/lava-room-5.ron")),
        ("lava-room-6.ron", include_str!("../../../../levels/lava-room-6.ron")),
        ("lava-room-7.ron", include_str!("../../../../levels/lava-room-7.ron")),
        ("lava-room-8.ron", include_str!("../../../../levels/lava-room-8.ron")),
    ],
    generator: Some(&generate::LAVA),
    teams: &[0],
    win: Win::Goal,
    planes: &[Plane::Solid, Plane::Lava, Plane::Goal, Plane::Crate, Plane::Own],
    goal: 1.0,
    loss: -1.0,
    mark: 0.0,
    key: 0.0,
    step: -0.01,
    crate_damping: 5.0,
    table: Some(CellModel::new),
    scripted_action,
};

/// Walks the shortest path without lava, with crates as walls. If there is none, pushes crates into lava or
/// up to a wall; if that does not help, waits.
fn scripted_action(room: &Room, rooms: &Rooms, bodies: &Bodies, slot: usize) -> Action {
    let goals = room.level(rooms).places(|cell| cell == Cell::Goal);
    way::towards(room, rooms, bodies, slot, goals)
        .or_else(|| way::pushing(room, rooms, bodies, slot))
        .unwrap_or(Action::Discrete(0))
}
