//! Lookahead window: its key.

use bevy::prelude::*;

use super::ID;
use crate::insight::overlay::window::{NOT_COMPARED, OverlayWindow, shown, toast};
use crate::view::commands::{KeyGroup, KeyHint, KeySpec};

pub(super) const WINDOW: OverlayWindow = OverlayWindow {
    key: Some(KeySpec {
        hint: KeyHint::Always("lookahead"),
        not_while: NOT_COMPARED,
        one_arena: Some(|world| shown(world, ID)),
        ..KeySpec::new("ways", "lookahead", KeyCode::KeyG, KeyGroup::Agent)
    }),
    on_key: |world, shown| {
        if shown.is_some() {
            toast(world, "lookahead: dots show predicted trajectories if every player follows its policy");
        }
    },
    ..OverlayWindow::PLAIN
};
