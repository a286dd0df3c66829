//! Input latch: no tap is lost because it was shorter than a frame, and none counts as held because a frame had many steps.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};

use bevy::input::ButtonState;
use bevy::input::gamepad::{GamepadAxisChangedEvent, GamepadButtonStateChangedEvent};
use bevy::input::keyboard::KeyboardInput;
use bevy::input::mouse::MouseButtonInput;
use bevy::prelude::*;

use super::{ACTUATION, Controls};
use crate::mdp::Action;
use crate::view::commands::KeyCommand;

/// Latches buttons, so that every tap is visible for one frame, although it can be shorter.
#[derive(Debug, Clone)]
pub(in crate::view) struct InputLatch<T> {
    /// Buttons that are down.
    down: Vec<T>,
    /// Released in the frame in which they were pressed, and shown as down until the next one.
    latched: Vec<T>,
    /// Pressed while the previous tap was still shown: up for a frame, then down.
    delayed: Vec<T>,
}

impl<T> Default for InputLatch<T> {
    fn default() -> Self {
        Self { down: Vec::new(), latched: Vec::new(), delayed: Vec::new() }
    }
}

impl<T: Copy + Eq + std::hash::Hash + Send + Sync + 'static> InputLatch<T> {
    /// Corrects `input` for this frame, given its `events`; returns the corrected buttons and whether they are down.
    fn correct(
        &mut self,
        input: &mut ButtonInput<T>,
        events: impl Iterator<Item = (T, ButtonState)>,
    ) -> Vec<(T, bool)> {
        let mut corrected = Vec::new();
        let mut pressed = Vec::new();
        for (button, state) in events {
            self.down.retain(|down| *down != button);
            if state == ButtonState::Pressed {
                self.down.push(button);
                pressed.push(button);
            }
        }
        let mut delayed = Vec::new();
        for button in self.latched.drain(..) {
            input.release(button);
            corrected.push((button, false));
            if pressed.contains(&button) {
                delayed.push(button);
            }
        }
        for button in std::mem::replace(&mut self.delayed, delayed) {
            input.press(button);
            corrected.push((button, true));
            if !self.down.contains(&button) {
                self.latched.push(button);
            }
        }
        let tapped: Vec<T> =
            input.get_just_pressed().filter(|button| !input.pressed(**button)).copied().collect();
        for button in tapped {
            input.press(button);
            corrected.push((button, true));
            self.latched.push(button);
        }
        corrected
    }
}

/// Corrects keys and mouse buttons for this frame.
pub(in crate::view) fn keep_taps(
    mut keyboard: ResMut<ButtonInput<KeyCode>>,
    mut mouse: ResMut<ButtonInput<MouseButton>>,
    mut keys: MessageReader<KeyboardInput>,
    mut clicks: MessageReader<MouseButtonInput>,
    mut latches: Local<(InputLatch<KeyCode>, InputLatch<MouseButton>)>,
) {
    let pressed = keys.read().filter(|event| !event.repeat).map(|event| (event.key_code, event.state));
    latches.0.correct(&mut keyboard, pressed);
    latches.1.correct(&mut mouse, clicks.read().map(|event| (event.button, event.state)));
}

/// Latches for gamepads: their buttons, and flicks of sticks.
#[derive(Debug, Default)]
pub(in crate::view) struct Pads {
    buttons: HashMap<Entity, InputLatch<GamepadButton>>,
    /// Sticks that were released in the frame in which they were moved, and their true position.
    flicked: Vec<(Entity, GamepadAxis, f32)>,
}

/// Corrects gamepads for this frame.
pub(in crate::view) fn keep_pad_taps(
    mut gamepads: Query<(Entity, &mut Gamepad)>,
    mut pressed: MessageReader<GamepadButtonStateChangedEvent>,
    mut moved: MessageReader<GamepadAxisChangedEvent>,
    mut pads: Local<Pads>,
) {
    let Pads { buttons, flicked } = &mut *pads;
    let pressed: Vec<_> = pressed.read().copied().collect();
    let moved: Vec<_> = moved.read().copied().collect();
    let before = std::mem::take(flicked);
    buttons.retain(|gamepad, _| gamepads.contains(*gamepad));
    for (entity, mut gamepad) in &mut gamepads {
        let gamepad = gamepad.bypass_change_detection();
        let own = pressed.iter().filter(|event| event.entity == entity);
        let taps = buttons.entry(entity).or_default();
        let corrected = taps.correct(gamepad.digital_mut(), own.map(|event| (event.button, event.state)));
        for (button, down) in corrected {
            gamepad.analog_mut().set(button, f32::from(u8::from(down)));
        }
        let own: Vec<_> = moved.iter().filter(|event| event.entity == entity).collect();
        for (_, axis, at) in before.iter().filter(|(of, ..)| *of == entity) {
            if own.iter().all(|event| event.axis != *axis) {
                gamepad.analog_mut().set(*axis, *at);
            }
        }
        for event in own.iter().filter(|event| event.value.abs() >= ACTUATION) {
            let at = gamepad.get(event.axis).unwrap_or_default();
            if at.abs() < ACTUATION {
                gamepad.analog_mut().set(event.axis, event.value);
                flicked.push((entity, event.axis, at));
            }
        }
    }
}

/// Maximum number of queued taps, so that fast tapping does not play on for seconds.
const MAX_TAPS: usize = 4;
/// Seconds after which a key counts as held when play is faster than normal.
pub(in crate::view) const HOLD: f32 = 0.15;

/// How long each command has been down, in seconds and frames after the one in which it was pressed.
#[derive(Debug, Default)]
pub(in crate::view) struct Down(Vec<(KeyCommand, f32, u32)>);

impl Down {
    pub(in crate::view) fn follow(&mut self, controls: &Controls, seconds: f32) {
        self.0.retain(|(command, ..)| controls.pressed(*command) && !controls.just_pressed(*command));
        for (_, since, frames) in &mut self.0 {
            *since += seconds;
            *frames += 1;
        }
        for command in controls.all_pressed() {
            if self.0.iter().all(|(known, ..)| known != command) {
                self.0.push((*command, 0.0, 0));
            }
        }
    }

    /// Whether `command` is held: it was down before this frame, for at least `least` seconds.
    pub(in crate::view) fn holds(&self, command: KeyCommand, least: f32) -> bool {
        self.0.iter().any(|&(known, since, frames)| known == command && frames > 0 && since >= least)
    }
}

/// Queues a tap. A tap that extends the last one, with its buttons held together, replaces it.
pub(in crate::view) fn tap<B: PartialEq>(
    taps: &mut VecDeque<Action>,
    action: Action,
    buttons: &[B],
    of: impl Fn(Action) -> Vec<B>,
) {
    let extends = taps.back().is_some_and(|&last| {
        let last = of(last);
        last.len() < buttons.len() && last.iter().all(|button| buttons.contains(button))
    });
    if extends {
        taps.pop_back();
    }
    if taps.len() < MAX_TAPS {
        taps.push_back(action);
    }
}
