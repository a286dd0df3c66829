//! walker: walk forward on two legs without falling (Walker2d-v5).

use bevy::prelude::*;

use super::anatomy::{Anatomy, Joint, Link, Script, Upright};
use super::hopper::{leg, thigh, torso};
use super::runner::Runner;
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::WorldEntry;

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    published_scale: Some([10.0, 10.0]),
    published_pace: true,
    scales: &[1.5, 1.0, 2.6, 2.6, 0.8, 2.6, 2.6, 0.8, 5.0, 4.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0],
    agents: &[("walker.agent", include_bytes!("walker.agent"))],
    #[cfg(feature = "arcade")]
    art: Some(WorldArt { plugin: super::art::plugin, thumbnail: include_bytes!("thumbnail.png"), film: &[] }),
    ..WorldEntry::new("walker", module_path!(), |asked| asked.plain::<Runner>(WALKER))
};

/// The walker and its rules.
pub const WALKER: Anatomy = Anatomy {
    name: "walker",
    summary: "Walk forward on two legs without falling.",
    links: &LINKS,
    turn: 1.0,
    origin: Vec2::new(0.0, 1.25),
    level: 0.0,
    tick_seconds: 1.0 / 125.0,
    ticks: 1,
    iterations: 4,
    clip: Some(10.0),
    upright: Some(Upright { height: [0.8, 2.0], pitch: 1.0, most: f32::INFINITY }),
    effort: 0.001,
    spread: [0.005, 0.005],
    normal: false,
    goal: None,
    script: Script::Hold([400.0, 20.0]),
};

/// The right leg first.
const LINKS: [Link; 7] = [
    torso(0.9),
    thigh("right thigh", 0, MOTOR, 0.9),
    leg("right leg", 1, MOTOR, 0.9),
    foot("right foot", 2),
    thigh("left thigh", 0, MOTOR, 0.9),
    leg("left leg", 4, MOTOR, 0.9),
    foot("left foot", 5),
];

const MOTOR: Joint = Joint {
    parent: 0,
    anchor: Vec2::new(0.0, 0.1),
    limits: [-std::f32::consts::FRAC_PI_4, std::f32::consts::FRAC_PI_4],
    gear: 100.0,
    armature: 0.01,
    damping: 0.1,
    stiffness: 0.0,
};

const FOOT_AXIS: &[[Vec2; 2]] = &[[Vec2::new(0.0, 0.1), Vec2::new(0.2, 0.1)]];

/// A foot that hangs on link `parent`.
const fn foot(name: &'static str, parent: usize) -> Link {
    Link {
        name,
        capsules: FOOT_AXIS,
        radius: 0.06,
        mass: 3.166_73,
        center: Vec2::new(0.1, 0.1),
        inertia: 0.023_998,
        friction: 1.9,
        foot: true,
        joint: Some(Joint { parent, ..MOTOR }),
    }
}
