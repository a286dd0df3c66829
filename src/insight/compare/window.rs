//! Comparison window: its key.

use bevy::prelude::*;

use super::{Comparison, toggle};
use crate::sim::arena::EnvironmentHooks;
use crate::view::ScreenLayout;
use crate::view::commands::{AddKeys as _, KeyGroup, KeyHint, KeySpec, Trigger};
use crate::view::modes::{self, Mode};

/// The key of comparisons.
pub const KEYS: &[KeySpec] = &[KeySpec {
    hint: KeyHint::Now(|world| match world.contains_resource::<Comparison>() {
        true => "back to one arena",
        false => "then and now",
    }),
    act: Some(switch),
    also: &[Trigger::Button(GamepadButton::East)],
    toggles: Some(Mode::Compare),
    not_while: &[(Mode::Edit, "the level is being edited")],
    needs: Some(EnvironmentHooks::restore_in),
    ..KeySpec::new("compare", "then and now", KeyCode::KeyN, KeyGroup::Agent)
}];

pub(super) fn plugin(app: &mut App) {
    app.add_keys(KEYS);
    modes::register::<Comparison>(app, Mode::Compare, |world| {
        if world.contains_resource::<Comparison>() {
            switch(world);
        }
    });
}

/// Starts or ends a comparison; its arenas are shown side by side.
pub fn switch(world: &mut World) {
    let starts = !world.contains_resource::<Comparison>();
    world.get_resource_or_init::<ScreenLayout>().zoomed_out = starts;
    toggle(world);
}
