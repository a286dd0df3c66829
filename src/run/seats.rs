//! Controller assignment: it stays with a watched session, in its `seats.json`, which is there once somebody has changed seats.

use std::path::{Path, PathBuf};

use bevy::prelude::*;

use super::live::LiveRun;
use crate::agent::ControllerAssignment;
use crate::files::{self, ReadError};
use crate::insight::compare::Comparison;
use crate::insight::seating::{Seating, kept};
use crate::learner::checkpoint::replace_file;
use crate::sim::arena::Spec;

/// Its file.
pub(super) const FILE: &str = "seats.json";

/// Seats of the running session, and where they are kept.
#[derive(Resource)]
pub struct KeptSeats {
    path: PathBuf,
    /// Who sits where by the run's settings.
    usual: ControllerAssignment,
    /// As in the file, or as it would be: seats that nobody has changed are not written.
    written: String,
    /// Whether the disk has refused the last change.
    waits: bool,
}

/// Seats everybody as in the session in `from`, if there is one to go on from, and keeps their seats in `folder`.
pub(super) fn plugin(app: &mut App, folder: &Path, from: Option<&Path>) {
    let world = app.world_mut();
    let (Some(usual), Some(spec)) = (
        world.get_resource::<ControllerAssignment>().cloned(),
        world.get_resource::<Spec>().map(|spec| spec.0.clone()),
    ) else {
        return;
    };
    let mut unread = false;
    if let Some(path) = from.map(|from| from.join(FILE)) {
        let said = match files::read_text(&path, files::LARGEST_TEXT) {
            Err(ReadError::Missing) => Ok(None),
            Err(error) => Err(error.to_string()),
            Ok(text) => kept::restore(world, &text, &spec),
        };
        unread = said.is_err();
        if let Some(said) = said.unwrap_or_else(|problem| Some(format!("{problem}; everybody sits as usual")))
        {
            files::to_stderr(&files::in_one_line(&format!("note: {}: {said}", path.display())));
        }
    }
    let path = folder.join(FILE);
    // What cannot be read is somebody's work all the same: it stays until somebody changes seats.
    let written = files::read_text(&path, files::LARGEST_TEXT).ok().filter(|_| !unread);
    let written = written.or_else(|| kept::to_text(&usual, &usual, &Seating::default()).ok());
    app.init_resource::<Seating>()
        .insert_resource(KeptSeats { path, usual, written: written.unwrap_or_default(), waits: true })
        .add_systems(PostUpdate, keep.run_if(not(resource_exists::<Comparison>)));
}

/// Keeps the file true to the seats. Those of a comparison go with it.
fn keep(
    seats: Option<ResMut<KeptSeats>>,
    run: Res<LiveRun>,
    assignment: Res<ControllerAssignment>,
    seating: Res<Seating>,
) {
    let Some(mut seats) =
        seats.filter(|seats| seats.waits || assignment.is_changed() || seating.is_changed())
    else {
        return;
    };
    let Ok(text) = kept::to_text(&seats.usual, &assignment, &seating) else { return };
    let kept = if text == seats.written { Ok(()) } else { replace_file(&seats.path, text.as_bytes()) };
    seats.waits = kept.is_err();
    match kept {
        Ok(()) => seats.written = text,
        Err(error) => run.cannot_write(format!("{}: {error}; check the folder", seats.path.display())),
    }
}
