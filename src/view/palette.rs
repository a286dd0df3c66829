//! Palette: all colors of the arcade.

use std::sync::atomic::{AtomicBool, Ordering};

use bevy::prelude::*;

use crate::agent::Controller;

/// One color of the palette, as sRGB bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tone(pub u8, pub u8, pub u8);

impl Tone {
    /// As a linear vertex color with the given opacity.
    pub fn alpha(self, alpha: f32) -> LinearRgba {
        let Tone(red, green, blue) = self.seen();
        LinearRgba::from(Srgba::rgb_u8(red, green, blue)).with_alpha(alpha)
    }

    /// The tone that is displayed: a replacement in color-blind mode.
    pub fn seen(self) -> Self {
        if !COLOR_BLIND.load(Ordering::Relaxed) {
            return self;
        }
        SAFE.iter().find(|(tone, _)| *tone == self).map_or(self, |(_, safe)| *safe)
    }

    /// As an opaque vertex color.
    pub fn solid(self) -> LinearRgba {
        self.alpha(1.0)
    }

    /// Interpolates to `other`: a share of 0 is this tone, 1 the other.
    pub fn mix(self, other: Self, share: f32) -> Self {
        let blend = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * share).round() as u8;
        Self(blend(self.0, other.0), blend(self.1, other.1), blend(self.2, other.2))
    }
}

/// Whether color-blind mode is on.
static COLOR_BLIND: AtomicBool = AtomicBool::new(false);

/// Switches color-blind mode. Painted meshes keep their colors.
pub fn set_color_blind(on: bool) {
    COLOR_BLIND.store(on, Ordering::Relaxed);
}

/// Tones with a meaning and their replacements in color-blind mode, from Okabe and Ito (2008), "Color Universal Design".
const SAFE: &[(Tone, Tone)] = &[
    (MINT, Tone(0x00, 0xb4, 0x83)),
    (SKY, Tone(0x56, 0xb4, 0xe9)),
    (VIOLET, Tone(0xcc, 0x79, 0xa7)),
    (ROSE, Tone(0xe6, 0x9f, 0x00)),
    (AMBER, Tone(0xf0, 0xe4, 0x42)),
    (EMBER, Tone(0xd5, 0x5e, 0x00)),
    (EMBER_DEEP, Tone(0x7a, 0x33, 0x00)),
    (CRIMSON, Tone(0xff, 0xff, 0xff)),
    (LIME, Tone(0x00, 0x9e, 0x73)),
    (RUBY, Tone(0xd5, 0x5e, 0x00)),
    (CITRINE, Tone(0xf0, 0xe4, 0x42)),
    (COBALT, Tone(0x00, 0x72, 0xb2)),
];

/// Shadows.
pub const BLACK: Tone = Tone(0, 0, 0);
/// Behind everything.
pub const NIGHT: Tone = Tone(0x0f, 0x12, 0x1a);
/// Panel and cards.
pub const SLATE: Tone = Tone(0x17, 0x1b, 0x27);
/// Floors and courts.
pub const FLOOR: Tone = Tone(0x20, 0x27, 0x38);
/// Every other tile of a floor.
pub const FLOOR_ALT: Tone = Tone(0x23, 0x2b, 0x3e);
/// Sides of walls, in their own shadow.
pub const WALL_SIDE: Tone = Tone(0x2c, 0x35, 0x4c);
/// Tops of walls.
pub const WALL: Tone = Tone(0x46, 0x53, 0x73);
/// Primary text.
pub const INK: Tone = Tone(0xe8, 0xeb, 0xf4);
/// Secondary text.
pub const MUTED: Tone = Tone(0x93, 0x9c, 0xb5);
/// The learning agent.
pub const MINT: Tone = Tone(0x5f, 0xdc, 0xc0);
/// A human player.
pub const SKY: Tone = Tone(0x74, 0xa7, 0xff);
/// A frozen policy.
pub const VIOLET: Tone = Tone(0xb3, 0x93, 0xff);
/// The script; also errors.
pub const ROSE: Tone = Tone(0xf3, 0x7d, 0x98);
/// Goals and points.
pub const AMBER: Tone = Tone(0xff, 0xc8, 0x6b);
/// Hot lava.
pub const EMBER: Tone = Tone(0xff, 0x7a, 0x45);
/// Deep lava.
pub const EMBER_DEEP: Tone = Tone(0xb0, 0x35, 0x2f);
/// Crates.
pub const WOOD: Tone = Tone(0xc4, 0x97, 0x69);
/// Edges of crates.
pub const WOOD_DARK: Tone = Tone(0x8b, 0x66, 0x47);

/// Lit ice.
pub const ICE: Tone = Tone(0xbd, 0xe6, 0xf6);
/// Deep ice.
pub const ICE_DEEP: Tone = Tone(0x3f, 0x76, 0x98);
/// Hazards.
pub const CRIMSON: Tone = Tone(0xff, 0x3d, 0x5e);
/// Plates and gates.
pub const LIME: Tone = Tone(0xc2, 0xe6, 0x6c);
/// Red keys and doors.
pub const RUBY: Tone = Tone(0xf0, 0x56, 0x4f);
/// Yellow keys and doors.
pub const CITRINE: Tone = Tone(0xf6, 0xd8, 0x4e);
/// Blue keys and doors.
pub const COBALT: Tone = Tone(0x4f, 0x86, 0xf7);

/// The color of a controller.
pub fn of(controller: &Controller) -> Tone {
    match controller {
        Controller::Human => SKY,
        Controller::Learning => MINT,
        Controller::Frozen(_) => VIOLET,
        Controller::Scripted => ROSE,
        Controller::Random | Controller::External => MUTED,
    }
}

/// All colors of [`of`], for meshes made once.
pub const PLAYERS: [Tone; 5] = [SKY, MINT, VIOLET, ROSE, MUTED];

/// Index of the controller's color in [`PLAYERS`].
pub fn player(controller: &Controller) -> usize {
    PLAYERS.iter().position(|tone| *tone == of(controller)).unwrap_or(0)
}
