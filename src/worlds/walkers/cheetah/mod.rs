//! cheetah: run as fast as two legs on springs allow (HalfCheetah-v5). An episode never terminates.

use bevy::prelude::*;

use super::anatomy::{Anatomy, Joint, Link, Script};
use super::runner::Runner;
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::WorldEntry;

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    published_scale: Some([40.0, 30.0]),
    scales: &[0.5, 3.0, 1.0, 0.8, 0.8, 1.0, 1.2, 0.5, 10.0, 4.0, 6.0, 20.0, 20.0, 20.0, 20.0, 20.0, 20.0],
    agents: &[("cheetah.agent", include_bytes!("cheetah.agent"))],
    #[cfg(feature = "arcade")]
    art: Some(WorldArt { plugin: super::art::plugin, thumbnail: include_bytes!("thumbnail.png"), film: &[] }),
    ..WorldEntry::new("cheetah", module_path!(), |asked| asked.plain::<Runner>(CHEETAH))
};

/// The walker and its rules.
pub const CHEETAH: Anatomy = Anatomy {
    name: "cheetah",
    summary: "Run as fast as two legs on springs allow.",
    links: &LINKS,
    turn: -1.0,
    origin: Vec2::new(0.0, 0.7),
    level: 0.7,
    tick_seconds: 1.0 / 100.0,
    ticks: 5,
    iterations: 1,
    clip: None,
    upright: None,
    effort: 0.1,
    spread: [0.1, 0.1],
    normal: true,
    goal: Some(4800.0),
    script: Script::Gallop(2.0, [0.8, 0.6, 0.4]),
};

const LINKS: [Link; 7] = [
    Link {
        capsules: &[
            [Vec2::new(-0.5, 0.7), Vec2::new(0.5, 0.7)],
            [Vec2::new(0.48535, 0.70328), Vec2::new(0.71465, 0.89672)],
        ],
        mass: 6.250_21,
        center: Vec2::new(0.15239, 0.7254),
        inertia: 0.897_118,
        ..PART
    },
    Link {
        name: "back thigh",
        capsules: &[[Vec2::new(-0.48872, 0.68469), Vec2::new(-0.31128, 0.45531)]],
        mass: 1.543_52,
        center: Vec2::new(-0.4, 0.57),
        inertia: 0.016_844,
        joint: joint(0, [-0.5, 0.7], [-0.52, 1.05], 120.0, [6.0, 240.0]),
        ..PART
    },
    Link {
        name: "back shin",
        capsules: &[[Vec2::new(-0.34554, 0.44649), Vec2::new(-0.61446, 0.31351)]],
        mass: 1.587_45,
        center: Vec2::new(-0.48, 0.38),
        inertia: 0.018_267,
        joint: joint(1, [-0.34, 0.45], [-0.785, 0.785], 90.0, [4.5, 180.0]),
        ..PART
    },
    Link {
        name: "back foot",
        capsules: &[[Vec2::new(-0.61507, 0.30359), Vec2::new(-0.56493, 0.12241)]],
        mass: 1.095_4,
        center: Vec2::new(-0.59, 0.213),
        inertia: 0.006_352,
        foot: true,
        joint: joint(2, [-0.62, 0.31], [-0.4, 0.785], 60.0, [3.0, 120.0]),
        ..PART
    },
    Link {
        name: "front thigh",
        capsules: &[[Vec2::new(0.49609, 0.69542), Vec2::new(0.36391, 0.46458)]],
        mass: 1.438_08,
        center: Vec2::new(0.43, 0.58),
        inertia: 0.013_74,
        joint: joint(0, [0.5, 0.7], [-1.0, 0.7], 120.0, [4.5, 180.0]),
        ..PART
    },
    Link {
        name: "front shin",
        capsules: &[[Vec2::new(0.36515, 0.45749), Vec2::new(0.48485, 0.28251)]],
        mass: 1.200_84,
        center: Vec2::new(0.425, 0.37),
        inertia: 0.008_222,
        joint: joint(4, [0.36, 0.46], [-1.2, 0.87], 60.0, [3.0, 120.0]),
        ..PART
    },
    Link {
        name: "front foot",
        capsules: &[[Vec2::new(0.49548, 0.26777), Vec2::new(0.57452, 0.15223)]],
        mass: 0.884_52,
        center: Vec2::new(0.535, 0.21),
        inertia: 0.003_529,
        foot: true,
        joint: joint(5, [0.49, 0.28], [-0.5, 0.5], 30.0, [1.5, 60.0]),
        ..PART
    },
];

/// What all parts share.
const PART: Link = Link {
    name: "torso",
    capsules: &[],
    radius: 0.046,
    mass: 0.0,
    center: Vec2::ZERO,
    inertia: 0.0,
    friction: 0.4,
    foot: false,
    joint: None,
};

/// A joint on link `parent` with its `damping` and stiffness.
const fn joint(
    parent: usize,
    anchor: [f32; 2],
    limits: [f32; 2],
    gear: f32,
    [damping, stiffness]: [f32; 2],
) -> Option<Joint> {
    let anchor = Vec2::from_array(anchor);
    Some(Joint { parent, anchor, limits, gear, armature: 0.1, damping, stiffness })
}
