//! Scripted screenshots: plays keys and clicks into the window, saves an image or animation after some seconds, and exits.
//! For documentation and tests.

use std::collections::VecDeque;
use std::path::PathBuf;

use bevy::input::ButtonState;
use bevy::input::mouse::MouseButtonInput;
use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured, save_to_disk};
use bevy::window::{CursorMoved, PrimaryWindow, WindowEvent};
use bevy_state::prelude::in_state;

use super::controls::taps;
use super::screens::AppScreen;
use super::{keys, record};

/// What to save, and when.
#[derive(Resource, Debug, Clone)]
pub struct ScreenshotRequest {
    /// A .png file, or a .gif file for an animation of the watched arena.
    pub path: PathBuf,
    /// Seconds after the first frame.
    pub after: f32,
    /// Inputs before that.
    pub keys: Vec<TimedInput>,
    /// Length of an animation in seconds.
    pub seconds: f32,
    /// Maximum width of an animation in pixels.
    pub widest: u32,
}

/// A scripted input and its time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimedInput {
    /// The input.
    pub input: ScriptedInput,
    /// Seconds after the first frame.
    pub after: f32,
    /// Seconds after the first frame at which the key is released; a tap if not after the press.
    pub until: f32,
}

/// A key, or a click.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ScriptedInput {
    /// A key is pressed.
    Key(KeyCode),
    /// The left button is clicked at this position, in logical pixels from the top left.
    Click(Vec2),
}

impl std::str::FromStr for TimedInput {
    type Err = String;

    /// `KEY@SECONDS`, `KEY@FROM-TO` or `X:Y@SECONDS`, such as `V@20`, `P@3-5` or `640:400@2`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text}: expected a key or a position, and seconds, such as V@20, P@3-5 or 640:400@2");
        let seconds = |text: &str| text.parse().ok().filter(|after: &f32| (0.0..=3600.0).contains(after));
        let (input, times) = text.rsplit_once('@').ok_or_else(wrong)?;
        let (after, until) = times.split_once('-').unwrap_or((times, times));
        let (after, until) = (seconds(after).ok_or_else(wrong)?, seconds(until).ok_or_else(wrong)?);
        let input = match input.split_once(':').filter(|(x, _)| !x.is_empty()) {
            Some((x, y)) => {
                let [x, y] = [x, y].map(|side| side.parse().ok().filter(|side: &f32| side.is_finite()));
                ScriptedInput::Click(Vec2::new(x.ok_or_else(wrong)?, y.ok_or_else(wrong)?))
            }
            None => ScriptedInput::Key(
                keys::named(input)
                    .ok_or_else(|| format!("{text}: unknown key; use its label in the preferences"))?,
            ),
        };
        Ok(Self { input, after, until })
    }
}

/// The inputs that are still to be made, in order of time. Each waits for those before it, so that a click, which takes
/// several frames, is over before the next input however slow the frames are.
#[derive(Resource, Debug)]
struct Script {
    rest: VecDeque<TimedInput>,
    /// Position of the click under way, and the frames it has had.
    click: Option<(Vec2, u8)>,
    /// The longest time by which an input came late, s. The picture comes as much later.
    late: f32,
}

impl Script {
    fn new(inputs: &[TimedInput]) -> Self {
        let mut rest = inputs.to_vec();
        rest.sort_by(|a, b| a.after.total_cmp(&b.after));
        Self { rest: rest.into(), click: None, late: 0.0 }
    }

    /// The next input, if it is due `now` and none is under way.
    fn due(&self, now: f32) -> Option<TimedInput> {
        self.rest.front().copied().filter(|input| self.click.is_none() && input.after <= now)
    }

    /// Takes the input that [`Script::due`] returned.
    fn take(&mut self, now: f32) {
        if let Some(input) = self.rest.pop_front() {
            self.late = self.late.max(now - input.after);
        }
    }

    /// Whether a picture planned for `after` is to be taken `now`.
    fn ready(&self, now: f32, after: f32) -> bool {
        self.click.is_none() && self.due(now).is_none() && now >= after + self.late
    }
}

/// Takes one screenshot of the window and ends the program.
pub fn plugin(app: &mut App, request: ScreenshotRequest) {
    // Keys have no effect before the first screen.
    let shown = not(in_state(AppScreen::Opening));
    app.insert_resource(Script::new(&request.keys))
        .insert_resource(request)
        .init_resource::<ButtonInput<KeyCode>>()
        .add_systems(First, click.run_if(shown.clone()))
        .add_systems(
            PreUpdate,
            press_keys.run_if(shown).after(bevy::input::InputSystems).before(taps::keep_taps),
        )
        .add_systems(Update, (take, leave))
        .add_systems(Update, shut.run_if(resource_exists::<Animating>.and_then(record::idle)));
}

/// Presses and releases keys that are due; a release follows at least a frame after the press.
fn press_keys(
    mut script: ResMut<Script>,
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
    while let Some(TimedInput { input: ScriptedInput::Key(key), until, .. }) = script.due(now) {
        script.take(now);
        keyboard.press(key);
        held.push((key, until));
    }
}

/// Clicks that are due: moves the pointer, presses and releases over several frames.
fn click(
    mut script: ResMut<Script>,
    time: Res<Time<Real>>,
    windows: Query<Entity, With<PrimaryWindow>>,
    mut pressed: MessageWriter<MouseButtonInput>,
    mut events: MessageWriter<WindowEvent>,
    mut window_of: Query<&mut Window>,
) {
    let Ok(window) = windows.single() else { return };
    // Worlds read button messages, the panel window events.
    let mut press = |events: &mut MessageWriter<WindowEvent>, state| {
        let button = MouseButtonInput { button: MouseButton::Left, state, window };
        pressed.write(button);
        events.write(WindowEvent::MouseButtonInput(button));
    };
    let moved = |position| WindowEvent::CursorMoved(CursorMoved { window, position, delta: None });
    if let Some((position, frames)) = &mut script.click {
        // Some frames before: egui reacts to what it drew in the previous frame. One frame between: a button that is held
        // for 0.8 s has not been clicked, and frames can be slow.
        match *frames {
            0 => _ = events.write(moved(*position)),
            3 => press(&mut events, ButtonState::Pressed),
            4 => press(&mut events, ButtonState::Released),
            _ => {}
        }
        *frames += 1;
        if *frames > 9 {
            script.click = None;
        }
        return;
    }
    let now = time.elapsed_secs();
    let Some(TimedInput { input: ScriptedInput::Click(position), .. }) = script.due(now) else { return };
    script.take(now);
    if let Ok(mut window) = window_of.get_mut(window) {
        window.set_cursor_position(Some(position));
    }
    script.click = Some((position, 0));
}

fn take(
    mut commands: Commands,
    request: Res<ScreenshotRequest>,
    script: Res<Script>,
    time: Res<Time<Real>>,
    mut taken: Local<bool>,
) {
    if *taken || !script.ready(time.elapsed_secs(), request.after) {
        return;
    }
    *taken = true;
    if request.path.extension().is_some_and(|extension| extension == "gif") {
        let (path, seconds, widest) = (request.path.clone(), request.seconds, request.widest);
        commands.queue(move |world: &mut World| record::begin(world, path, seconds, widest));
        commands.insert_resource(Animating);
        return;
    }
    commands
        .spawn(Screenshot::primary_window())
        .observe(save_to_disk(request.path.clone()))
        .observe(|_: On<ScreenshotCaptured>, mut commands: Commands| commands.insert_resource(Captured));
}

/// The screenshot has been taken; its observer writes the file.
#[derive(Resource)]
struct Captured;

/// An animation is being recorded.
#[derive(Resource)]
struct Animating;

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
    fn inputs_are_parsed_and_errors_explained() {
        let key = |key, after, until| Ok(TimedInput { input: ScriptedInput::Key(key), after, until });
        assert_eq!("V@20".parse(), key(KeyCode::KeyV, 20.0, 20.0));
        assert_eq!("Escape@1.5-3".parse(), key(KeyCode::Escape, 1.5, 3.0));
        let click = ScriptedInput::Click(Vec2::new(640.0, 400.5));
        assert_eq!("640:400.5@2".parse(), Ok(TimedInput { input: click, after: 2.0, until: 2.0 }));
        for wrong in ["V", "V@soon", "Hyper@3", "V@-1", "6:x@1", "V@1-x", ":@1"] {
            let error = wrong.parse::<TimedInput>().unwrap_err();
            assert!(error.starts_with(wrong) && error.lines().count() == 1, "{error}");
        }
    }

    /// On a busy machine a click's frames outlast the time to the next input, which must not overtake it.
    #[test]
    fn inputs_wait_for_those_before_them() {
        let inputs: Vec<TimedInput> =
            ["K@4", "1:2@3", "O@1", "3:4@3.1"].iter().map(|text| text.parse().unwrap()).collect();
        let mut script = Script::new(&inputs);
        assert_eq!(script.due(0.9), None);
        assert!(script.ready(0.9, 0.5));
        assert_eq!(script.due(1.0).map(|input| input.after), Some(1.0));
        script.take(1.0);
        assert_eq!(script.due(3.5).map(|input| input.after), Some(3.0));
        script.take(3.5);
        script.click = Some((Vec2::ZERO, 4));
        assert_eq!(script.due(9.0), None, "a click is under way");
        assert!(!script.ready(9.0, 5.0));
        script.click = None;
        for after in [3.1, 4.0] {
            assert!(!script.ready(9.0, 5.0));
            assert_eq!(script.due(9.0).map(|input| input.after), Some(after));
            script.take(9.0);
        }
        assert!(!script.ready(10.0, 5.0) && script.ready(11.0, 5.0), "the last click came 5.9 s late");
    }
}
