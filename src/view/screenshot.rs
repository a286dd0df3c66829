//! Screenshots: saves what the window shows after a while, still or moving, and closes it; on the way it strikes keys as
//! somebody would who sat before it. For documents and tests.

use std::path::PathBuf;

use bevy::input::ButtonState;
use bevy::input::mouse::MouseButtonInput;
use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured, save_to_disk};
use bevy::window::{CursorMoved, PrimaryWindow, WindowEvent};

use super::{keys, record, taps};

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
    /// Pixels it is wide at most.
    pub widest: u32,
}

/// What somebody does with keyboard or mouse, and when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stroke {
    /// What.
    pub what: Touch,
    /// Seconds after the first frame.
    pub after: f32,
    /// Seconds after the first frame at which a key is let go; at once where it is no later.
    pub until: f32,
}

/// A key, or a click.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Touch {
    /// A key is pressed.
    Key(KeyCode),
    /// The left button is clicked at this place, in logical pixels from the top left.
    Click(Vec2),
}

impl std::str::FromStr for Stroke {
    type Err = String;

    /// `KEY@SECONDS`, `KEY@FROM-TO` or `X:Y@SECONDS`, such as `V@20`, `P@3-5` or `640:400@2`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text}: give a key or a place, and seconds, such as V@20, P@3-5 or 640:400@2");
        let seconds = |text: &str| text.parse().ok().filter(|after: &f32| (0.0..=3600.0).contains(after));
        let (what, times) = text.rsplit_once('@').ok_or_else(wrong)?;
        let (after, until) = times.split_once('-').unwrap_or((times, times));
        let (after, until) = (seconds(after).ok_or_else(wrong)?, seconds(until).ok_or_else(wrong)?);
        let what = match what.split_once(':').filter(|(x, _)| !x.is_empty()) {
            Some((x, y)) => {
                let [x, y] = [x, y].map(|side| side.parse().ok().filter(|side: &f32| side.is_finite()));
                Touch::Click(Vec2::new(x.ok_or_else(wrong)?, y.ok_or_else(wrong)?))
            }
            None => Touch::Key(keys::named(what).ok_or_else(|| format!("{text}: there is no such key"))?),
        };
        Ok(Self { what, after, until })
    }
}

/// Takes one screenshot of the window and ends the program.
pub fn plugin(app: &mut App, request: ScreenshotRequest) {
    app.insert_resource(request)
        .init_resource::<ButtonInput<KeyCode>>()
        .add_systems(First, click)
        .add_systems(PreUpdate, strike.after(bevy::input::InputSystems).before(taps::keep_taps))
        .add_systems(Update, (take, leave))
        .add_systems(Update, shut.run_if(resource_exists::<Moving>.and_then(record::idle)));
}

/// Presses keys that are due, and lets go of them when that is due, a frame later at the earliest.
fn strike(
    mut request: ResMut<ScreenshotRequest>,
    mut keyboard: ResMut<ButtonInput<KeyCode>>,
    time: Res<Time<Real>>,
    mut held: Local<Vec<(KeyCode, f32)>>,
) {
    let now = time.elapsed_secs();
    held.retain(|(key, until)| {
        if *until <= now {
            keyboard.release(*key);
        }
        *until > now
    });
    request.keys.retain(|stroke| {
        let Touch::Key(key) = stroke.what else { return true };
        if stroke.after <= now {
            keyboard.press(key);
            held.push((key, stroke.until));
        }
        stroke.after > now
    });
}

/// Moves the pointer to where a click is due, presses with the next frame and lets go with the one after.
fn click(
    mut request: ResMut<ScreenshotRequest>,
    time: Res<Time<Real>>,
    windows: Query<Entity, With<PrimaryWindow>>,
    mut pressed: MessageWriter<MouseButtonInput>,
    mut events: MessageWriter<WindowEvent>,
    mut window_of: Query<&mut Window>,
    mut under_way: Local<Option<(Vec2, u8)>>,
) {
    let Ok(window) = windows.single() else { return };
    // Worlds listen to buttons, the panel to what happens to its window.
    let mut press = |events: &mut MessageWriter<WindowEvent>, state| {
        let button = MouseButtonInput { button: MouseButton::Left, state, window };
        pressed.write(button);
        events.write(WindowEvent::MouseButtonInput(button));
    };
    let moved = |position| WindowEvent::CursorMoved(CursorMoved { window, position, delta: None });
    if let Some((position, frames)) = &mut *under_way {
        // Several frames each: what is drawn now is answered by what was drawn before.
        match *frames {
            0 => _ = events.write(moved(*position)),
            3 => press(&mut events, ButtonState::Pressed),
            6 => press(&mut events, ButtonState::Released),
            _ => {}
        }
        *frames += 1;
        if *frames > 9 {
            *under_way = None;
        }
        return;
    }
    let now = time.elapsed_secs();
    let due = |stroke: &Stroke| stroke.after <= now && matches!(stroke.what, Touch::Click(_));
    let Some(index) = request.keys.iter().position(due) else { return };
    let Touch::Click(position) = request.keys.remove(index).what else { return };
    if let Ok(mut window) = window_of.get_mut(window) {
        window.set_cursor_position(Some(position));
    }
    *under_way = Some((position, 0));
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
        let (path, seconds, widest) = (request.path.clone(), request.seconds, request.widest);
        commands.queue(move |world: &mut World| record::begin(world, path, seconds, widest));
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
        let key = |key, after, until| Ok(Stroke { what: Touch::Key(key), after, until });
        assert_eq!("V@20".parse(), key(KeyCode::KeyV, 20.0, 20.0));
        assert_eq!("Escape@1.5-3".parse(), key(KeyCode::Escape, 1.5, 3.0));
        let click = Touch::Click(Vec2::new(640.0, 400.5));
        assert_eq!("640:400.5@2".parse(), Ok(Stroke { what: click, after: 2.0, until: 2.0 }));
        for wrong in ["V", "V@soon", "Hyper@3", "V@-1", "6:x@1", "V@1-x", ":@1"] {
            let error = wrong.parse::<Stroke>().unwrap_err();
            assert!(error.starts_with(wrong) && error.lines().count() == 1, "{error}");
        }
    }
}
