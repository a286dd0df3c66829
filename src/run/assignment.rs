//! Saves the controller assignment of a watched session in its `seats.json`, once it has been changed.

use std::path::{Path, PathBuf};

use bevy::prelude::*;

use crate::agent::ControllerAssignment;
use crate::agent::live::Unsaved;
use crate::files::{self, ReadError};
use crate::insight::compare::Comparison;
use crate::insight::takeover::{Takeovers, saved};
use crate::learner::checkpoint::replace_file;
use crate::sim::arena::Spec;

/// Its file.
pub(super) const FILE: &str = "seats.json";

/// Controller assignment of the running session, and its file.
#[derive(Resource)]
pub struct SavedAssignment {
    path: PathBuf,
    /// The default assignment from the run's settings.
    usual: ControllerAssignment,
    /// The content of the file; an unchanged assignment is not written.
    written: String,
    /// Whether writing the last change failed.
    waits: bool,
}

/// Assigns controllers as in the session in `from`, if there is one, and saves them in `folder`.
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
            Ok(text) => saved::restore(world, &text, &spec),
        };
        unread = said.is_err();
        if let Some(said) =
            said.unwrap_or_else(|problem| Some(format!("{problem}; using the default controllers")))
        {
            files::to_stderr(&files::in_one_line(&format!("note: {}: {said}", path.display())));
        }
    }
    let path = folder.join(FILE);
    // An unreadable file is not replaced until the assignment changes.
    let written = files::read_text(&path, files::LARGEST_TEXT).ok().filter(|_| !unread);
    let written = written.or_else(|| saved::to_text(&usual, &usual, &Takeovers::default()).ok());
    app.init_resource::<Takeovers>()
        .insert_resource(SavedAssignment { path, usual, written: written.unwrap_or_default(), waits: true })
        .add_systems(PostUpdate, keep.run_if(not(resource_exists::<Comparison>)));
}

/// Keeps the file up to date. Slots of a comparison are not saved.
fn keep(
    saved: Option<ResMut<SavedAssignment>>,
    unsaved: Res<Unsaved>,
    assignment: Res<ControllerAssignment>,
    seating: Res<Takeovers>,
) {
    let Some(mut saved) =
        saved.filter(|saved| saved.waits || assignment.is_changed() || seating.is_changed())
    else {
        return;
    };
    let Ok(text) = saved::to_text(&saved.usual, &assignment, &seating) else { return };
    let kept = if text == saved.written { Ok(()) } else { replace_file(&saved.path, text.as_bytes()) };
    saved.waits = kept.is_err();
    match kept {
        Ok(()) => saved.written = text,
        Err(error) => {
            let problem = format!("{}: {error}; check the folder", saved.path.display());
            unsaved.set(0, Some(problem));
        }
    }
}
