//! Playback window: its key.

use bevy::prelude::*;

use super::{Playback, end, toggle};
use crate::sim::arena::EnvironmentHooks;
use crate::view::commands::{AddKeys as _, KeyGroup, KeyHint, KeySpec};
use crate::view::modes::{self, Mode};

/// The key of playback.
pub const KEYS: &[KeySpec] = &[KeySpec {
    hint: KeyHint::Now(|world| match world.contains_resource::<Playback>() {
        true => "back to now",
        false => "playback",
    }),
    act: Some(toggle),
    toggles: Some(Mode::Playback),
    not_while: &[
        (Mode::Compare, "these episodes are not recorded"),
        (Mode::Edit, "the recorded episodes were played on another level"),
    ],
    one_arena: Some(|_| false),
    needs: Some(EnvironmentHooks::restore_in),
    ..KeySpec::new("look_back", "playback of earlier episodes", KeyCode::KeyL, KeyGroup::Agent)
}];

pub(super) fn plugin(app: &mut App) {
    app.add_keys(KEYS);
    modes::register::<Playback>(app, Mode::Playback, |world| _ = end(world));
}
