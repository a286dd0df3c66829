//! hopper: hop forward on one leg without falling (Hopper-v5).

use bevy::prelude::*;

use super::anatomy::{Anatomy, Joint, Link, Script, Upright};
use super::runner::Runner;
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::WorldEntry;

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    published_scale: Some([10.0, 10.0]),
    published_pace: true,
    scales: &[1.5, 0.2, 2.6, 2.6, 0.8, 4.0, 4.0, 4.0, 10.0, 10.0, 10.0],
    agents: &[("hopper.agent", include_bytes!("hopper.agent"))],
    #[cfg(feature = "arcade")]
    art: Some(WorldArt { plugin: super::art::plugin, thumbnail: include_bytes!("thumbnail.png"), film: &[] }),
    ..WorldEntry::new("hopper", module_path!(), |asked| asked.plain::<Runner>(HOPPER))
};

/// The walker and its rules.
pub const HOPPER: Anatomy = Anatomy {
    name: "hopper",
    summary: "Hop forward on one leg without falling.",
    links: &LINKS,
    turn: 1.0,
    origin: Vec2::new(0.0, 1.25),
    level: 0.0,
    tick_seconds: 1.0 / 125.0,
    ticks: 1,
    iterations: 4,
    clip: Some(10.0),
    upright: Some(Upright { height: [0.7, f32::INFINITY], pitch: 0.2, most: 100.0 }),
    effort: 0.001,
    spread: [0.005, 0.005],
    normal: false,
    goal: None,
    script: Script::Hold([30.0, 3.0]),
};

const LINKS: [Link; 4] = [torso(1.0), thigh("thigh", 0, MOTOR, 1.0), leg("leg", 1, MOTOR, 1.0), FOOT];

/// A torso. The published models of hopper and walker share torso, thigh and leg, except for their friction.
pub(super) const fn torso(friction: f32) -> Link {
    Link {
        name: "torso",
        capsules: TORSO_AXIS,
        radius: 0.05,
        mass: 3.665_19,
        center: Vec2::new(0.0, 1.25),
        inertia: 0.069_246,
        friction,
        foot: false,
        joint: None,
    }
}

const MOTOR: Joint = Joint {
    parent: 0,
    anchor: Vec2::new(0.0, 0.1),
    limits: [-std::f32::consts::FRAC_PI_4, std::f32::consts::FRAC_PI_4],
    gear: 200.0,
    armature: 1.0,
    damping: 1.0,
    stiffness: 0.0,
};

const TORSO_AXIS: &[[Vec2; 2]] = &[[Vec2::new(0.0, 1.05), Vec2::new(0.0, 1.45)]];
const THIGH_AXIS: &[[Vec2; 2]] = &[[Vec2::new(0.0, 0.6), Vec2::new(0.0, 1.05)]];
const LEG_AXIS: &[[Vec2; 2]] = &[[Vec2::new(0.0, 0.1), Vec2::new(0.0, 0.6)]];

/// How far thigh and leg bend, rad: 150°, backwards only.
const BENDS: [f32; 2] = [-2.617_99, 0.0];

/// A thigh that hangs on link `parent` with the motor of `joint`.
pub(super) const fn thigh(name: &'static str, parent: usize, joint: Joint, friction: f32) -> Link {
    Link {
        name,
        capsules: THIGH_AXIS,
        mass: 4.057_89,
        center: Vec2::new(0.0, 0.825),
        inertia: 0.093_299,
        joint: Some(Joint { parent, anchor: Vec2::new(0.0, 1.05), limits: BENDS, ..joint }),
        ..torso(friction)
    }
}

/// A leg below it, likewise.
pub(super) const fn leg(name: &'static str, parent: usize, joint: Joint, friction: f32) -> Link {
    Link {
        name,
        capsules: LEG_AXIS,
        radius: 0.04,
        mass: 2.781_36,
        center: Vec2::new(0.0, 0.35),
        inertia: 0.072_303,
        joint: Some(Joint { parent, anchor: Vec2::new(0.0, 0.6), limits: BENDS, ..joint }),
        ..torso(friction)
    }
}

const FOOT: Link = Link {
    name: "foot",
    capsules: &[[Vec2::new(-0.13, 0.1), Vec2::new(0.26, 0.1)]],
    radius: 0.06,
    mass: 5.315_58,
    center: Vec2::new(0.065, 0.1),
    inertia: 0.103_523,
    friction: 2.0,
    foot: true,
    joint: Some(Joint { parent: 2, ..MOTOR }),
};
