//! Screenshots: saves what the window shows after a while, still or moving, and closes it; on the way it strikes keys as
//! somebody would who sat before it. For documents and tests.

use std::path::PathBuf;

use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured, save_to_disk};

use super::{bindings, record};

/// What to save, and when.
#[derive(Resource, Debug, Clone)]
pub struct ScreenshotRequest {
    /// A .png file, or a .gif file for moving pictures of the watched arena.
    pub path: PathBuf,
    /// Seconds after the first frame.
    pub after: f32,
    /// Keys struck before that.
    pub keys: Vec<Stroke>,
    /// Seconds a moving picture lasts.
    pub seconds: f32,
}

/// A key, and when it is struck.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stroke {
    /// The key.
    pub key: KeyCode,
    /// Seconds after the first frame.
    pub after: f32,
}

impl std::str::FromStr for Stroke {
    type Err = String;

    /// `KEY@SECONDS`, such as `V@20` or `Enter@1.5`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text}: give a key and seconds, such as V@20 or Enter@1.5");
        let (key, after) = text.split_once('@').ok_or_else(wrong)?;
        let after =
            after.parse().ok().filter(|after: &f32| (0.0..=3600.0).contains(after)).ok_or_else(wrong)?;
        let key = bindings::named(key).ok_or_else(|| format!("{text}: there is no such key"))?;
        Ok(Self { key, after })
    }
}

/// Takes one screenshot of the window and ends the program.
pub fn plugin(app: &mut App, request: ScreenshotRequest) {
    app.insert_resource(request)
        .init_resource::<ButtonInput<KeyCode>>()
        .add_systems(PreUpdate, strike.after(bevy::input::InputSystems))
        .add_systems(Update, (take, leave))
        .add_systems(Update, shut.run_if(resource_exists::<Moving>.and_then(record::idle)));
}

/// Presses what is due, and lets go of it a frame later.
fn strike(
    mut request: ResMut<ScreenshotRequest>,
    mut keyboard: ResMut<ButtonInput<KeyCode>>,
    time: Res<Time<Real>>,
    mut held: Local<Vec<KeyCode>>,
) {
    held.drain(..).for_each(|key| keyboard.release(key));
    let now = time.elapsed_secs();
    request.keys.retain(|stroke| {
        if stroke.after <= now {
            keyboard.press(stroke.key);
            held.push(stroke.key);
        }
        stroke.after > now
    });
}

fn take(
    mut commands: Commands,
    request: Res<ScreenshotRequest>,
    time: Res<Time<Real>>,
    mut taken: Local<bool>,
) {
    if *taken || time.elapsed_secs() < request.after {
        return;
    }
    *taken = true;
    if request.path.extension().is_some_and(|extension| extension == "gif") {
        let (path, seconds) = (request.path.clone(), request.seconds);
        commands.queue(move |world: &mut World| record::begin(world, path, seconds));
        commands.insert_resource(Moving);
        return;
    }
    commands
        .spawn(Screenshot::primary_window())
        .observe(save_to_disk(request.path.clone()))
        .observe(|_: On<ScreenshotCaptured>, mut commands: Commands| commands.insert_resource(Captured));
}

/// The picture has been taken; the file is there when its observer has run.
#[derive(Resource)]
struct Captured;

/// A moving picture has been begun.
#[derive(Resource)]
struct Moving;

fn leave(captured: Option<Res<Captured>>, mut exit: MessageWriter<AppExit>) {
    if captured.is_some() {
        exit.write(AppExit::Success);
    }
}

fn shut(mut exit: MessageWriter<AppExit>) {
    exit.write(AppExit::Success);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strokes_are_read_and_wrong_ones_explained() {
        assert_eq!("V@20".parse(), Ok(Stroke { key: KeyCode::KeyV, after: 20.0 }));
        assert_eq!("Escape@1.5".parse(), Ok(Stroke { key: KeyCode::Escape, after: 1.5 }));
        assert_eq!("Down@0".parse(), Ok(Stroke { key: KeyCode::ArrowDown, after: 0.0 }));
        for wrong in ["V", "V@soon", "Hyper@3", "V@-1"] {
            let error = wrong.parse::<Stroke>().unwrap_err();
            assert!(error.starts_with(wrong) && error.lines().count() == 1, "{error}");
        }
    }
}
