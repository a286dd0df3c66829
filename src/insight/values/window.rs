//! Values window: the key of value estimates.

use bevy::prelude::*;

use crate::insight::overlay::window::{OverlayWindow, toast};
use crate::view::ScreenLayout;
use crate::view::commands::{KeyGroup, KeyHint, KeySpec};

pub(super) const WINDOW: OverlayWindow = OverlayWindow {
    key: Some(KeySpec {
        hint: KeyHint::Always("values"),
        ..KeySpec::new("values", "action values", KeyCode::KeyQ, KeyGroup::Agent)
    }),
    on_key: |world, shown| {
        if shown.is_some() {
            // They are shown in the panel.
            world.get_resource_or_init::<ScreenLayout>().panel = true;
            toast(world, "in the panel: both critics' values of every action");
        }
    },
    legend: |_| Vec::new(),
};
