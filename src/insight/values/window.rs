//! Values window: the key of value estimates.

use bevy::prelude::*;

use super::ValueEstimates;
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
            toast(world, "in the panel: what both critics expect");
        }
    },
    note: |world| {
        let estimates = world.get_resource::<ValueEstimates>()?;
        let unknown = estimates.unknown_past && estimates.slots.iter().all(Option::is_none);
        unknown.then_some(
            "Values of an agent with memory depend on the whole episode, and this one was not watched from its beginning: \
             they begin with the next.",
        )
    },
    ..OverlayWindow::PLAIN
};
