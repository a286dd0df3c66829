//! Memory window: its key.

use bevy::prelude::*;

use super::ID;
use crate::insight::overlay::window::{NOT_COMPARED, OverlayWindow, remembers, shown, toast};
use crate::view::ScreenLayout;
use crate::view::commands::{KeyGroup, KeyHint, KeySpec};

pub(super) const WINDOW: OverlayWindow = OverlayWindow {
    key: Some(KeySpec {
        hint: KeyHint::Always("memory"),
        not_while: NOT_COMPARED,
        one_arena: Some(|world| shown(world, ID)),
        ..KeySpec::new("memory", "memory of the agent", KeyCode::KeyH, KeyGroup::Agent)
    }),
    on_key: |world, shown| {
        if shown.is_none() {
            return;
        }
        world.get_resource_or_init::<ScreenLayout>().panel = true;
        let text = if remembers(world) {
            "in the panel: what the agent remembers"
        } else {
            "this agent has no memory"
        };
        toast(world, text);
    },
    ..OverlayWindow::PLAIN
};
