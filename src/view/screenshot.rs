//! Screenshots: saves what the window shows after a while and closes it. For documents and tests.

use std::path::PathBuf;

use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured, save_to_disk};

/// What to save, and when.
#[derive(Resource, Debug, Clone)]
pub struct ScreenshotRequest {
    /// A .png file.
    pub path: PathBuf,
    /// Seconds after the first frame.
    pub after: f32,
}

/// Takes one screenshot of the window and ends the program.
pub fn plugin(app: &mut App, request: ScreenshotRequest) {
    app.insert_resource(request).add_systems(Update, (take, leave));
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
    commands
        .spawn(Screenshot::primary_window())
        .observe(save_to_disk(request.path.clone()))
        .observe(|_: On<ScreenshotCaptured>, mut commands: Commands| commands.insert_resource(Captured));
}

/// The picture has been taken; the file is there when its observer has run.
#[derive(Resource)]
struct Captured;

fn leave(captured: Option<Res<Captured>>, mut exit: MessageWriter<AppExit>) {
    if captured.is_some() {
        exit.write(AppExit::Success);
    }
}
