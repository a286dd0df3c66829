//! Pictures of the watched copy, as it draws itself.

use std::time::{Duration, Instant};

use bevy::prelude::*;

use super::copy::OutsideCopy;
use super::group::Bridge;
use crate::agent::Watched;
use crate::sim::AgentSlots;

/// The latest picture of the watched copy. Asked for if inserted before the environment, by whoever draws it.
#[derive(Resource, Debug, Clone, Default)]
pub struct Picture {
    /// Width and height in pixels; zero until there is one.
    pub size: UVec2,
    /// RGB bytes, row by row from the top.
    pub pixels: Vec<u8>,
    /// When it was last asked for.
    asked: Option<Instant>,
}

/// Time between two pictures.
const PICTURE: Duration = Duration::from_millis(33);

/// Takes the latest picture of the watched copy, and asks for the next: it is drawn while the frame goes on.
pub(super) fn look(
    mut bridge: ResMut<Bridge>,
    mut picture: ResMut<Picture>,
    watched: Query<&AgentSlots, (With<OutsideCopy>, With<Watched>)>,
) {
    let Ok(arena) = watched.single().map(|seats| seats.arena) else { return };
    let Some(group) = bridge.groups.iter_mut().find(|group| group.arenas.contains(&arena)) else { return };
    let due = picture.asked.is_none_or(|asked| asked.elapsed() >= PICTURE);
    if due {
        picture.bypass_change_detection().asked = Some(Instant::now());
    }
    if let Some(drawn) = group.picture(arena, due) {
        (picture.size, picture.pixels) = (UVec2::new(drawn.width, drawn.height), drawn.pixels);
    }
}
