//! Taps: no tap on a key or a button is lost because a frame was longer than it. What taps mean is left to `controls`.

use bevy::input::ButtonState;
use bevy::input::keyboard::KeyboardInput;
use bevy::input::mouse::MouseButtonInput;
use bevy::prelude::*;

/// What frames are shown of buttons: every tap, although frames can be longer than taps.
#[derive(Debug, Clone)]
pub(super) struct Taps<T> {
    /// Buttons that are down.
    down: Vec<T>,
    /// Let go in the frame in which they were pressed, and shown as down until the next one.
    kept: Vec<T>,
    /// Pressed while the tap before was still shown: up for a frame, and down with the next.
    delayed: Vec<T>,
}

impl<T> Default for Taps<T> {
    fn default() -> Self {
        Self { down: Vec::new(), kept: Vec::new(), delayed: Vec::new() }
    }
}

impl<T: Copy + Eq + std::hash::Hash + Send + Sync + 'static> Taps<T> {
    /// Corrects `input` for this frame, in which `events` have come.
    fn settle(&mut self, input: &mut ButtonInput<T>, events: impl Iterator<Item = (T, ButtonState)>) {
        let mut again = Vec::new();
        for (button, state) in events {
            self.down.retain(|down| *down != button);
            if state == ButtonState::Pressed {
                self.down.push(button);
                again.push(button);
            }
        }
        let mut delayed = Vec::new();
        for button in self.kept.drain(..) {
            input.release(button);
            if again.contains(&button) {
                delayed.push(button);
            }
        }
        for button in std::mem::replace(&mut self.delayed, delayed) {
            input.press(button);
            if !self.down.contains(&button) {
                self.kept.push(button);
            }
        }
        let tapped: Vec<T> =
            input.get_just_pressed().filter(|button| !input.pressed(**button)).copied().collect();
        for button in tapped {
            input.press(button);
            self.kept.push(button);
        }
    }
}

/// Corrects keys and mouse buttons for this frame.
pub(super) fn keep_taps(
    mut keyboard: ResMut<ButtonInput<KeyCode>>,
    mut mouse: ResMut<ButtonInput<MouseButton>>,
    mut keys: MessageReader<KeyboardInput>,
    mut clicks: MessageReader<MouseButtonInput>,
    mut taps: Local<(Taps<KeyCode>, Taps<MouseButton>)>,
) {
    let pressed = keys.read().filter(|event| !event.repeat).map(|event| (event.key_code, event.state));
    taps.0.settle(&mut keyboard, pressed);
    taps.1.settle(&mut mouse, clicks.read().map(|event| (event.button, event.state)));
}
