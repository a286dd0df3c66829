//! Input latch: no tap on a key or a button is lost because a frame was longer than it, and none counts as held because one held
//! many steps. What taps mean is left to `controls` and `input`.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};

use bevy::input::ButtonState;
use bevy::input::gamepad::{GamepadAxisChangedEvent, GamepadButtonStateChangedEvent};
use bevy::input::keyboard::KeyboardInput;
use bevy::input::mouse::MouseButtonInput;
use bevy::prelude::*;

use super::bindings::Command;
use super::controls::{ACTUATION, Controls};
use crate::mdp::Action;

/// What frames are shown of buttons: every tap, although frames can be longer than taps.
#[derive(Debug, Clone)]
pub(super) struct InputLatch<T> {
    /// Buttons that are down.
    down: Vec<T>,
    /// Let go in the frame in which they were pressed, and shown as down until the next one.
    kept: Vec<T>,
    /// Pressed while the tap before was still shown: up for a frame, and down with the next.
    delayed: Vec<T>,
}

impl<T> Default for InputLatch<T> {
    fn default() -> Self {
        Self { down: Vec::new(), kept: Vec::new(), delayed: Vec::new() }
    }
}

impl<T: Copy + Eq + std::hash::Hash + Send + Sync + 'static> InputLatch<T> {
    /// Corrects `input` for this frame, in which `events` have come; what was corrected, and whether it is down now.
    fn settle(
        &mut self,
        input: &mut ButtonInput<T>,
        events: impl Iterator<Item = (T, ButtonState)>,
    ) -> Vec<(T, bool)> {
        let mut corrected = Vec::new();
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
            corrected.push((button, false));
            if again.contains(&button) {
                delayed.push(button);
            }
        }
        for button in std::mem::replace(&mut self.delayed, delayed) {
            input.press(button);
            corrected.push((button, true));
            if !self.down.contains(&button) {
                self.kept.push(button);
            }
        }
        let tapped: Vec<T> =
            input.get_just_pressed().filter(|button| !input.pressed(**button)).copied().collect();
        for button in tapped {
            input.press(button);
            corrected.push((button, true));
            self.kept.push(button);
        }
        corrected
    }
}

/// Corrects keys and mouse buttons for this frame.
pub(super) fn keep_taps(
    mut keyboard: ResMut<ButtonInput<KeyCode>>,
    mut mouse: ResMut<ButtonInput<MouseButton>>,
    mut keys: MessageReader<KeyboardInput>,
    mut clicks: MessageReader<MouseButtonInput>,
    mut taps: Local<(InputLatch<KeyCode>, InputLatch<MouseButton>)>,
) {
    let pressed = keys.read().filter(|event| !event.repeat).map(|event| (event.key_code, event.state));
    taps.0.settle(&mut keyboard, pressed);
    taps.1.settle(&mut mouse, clicks.read().map(|event| (event.button, event.state)));
}

/// What frames are shown of gamepads: the same of their buttons, and every flick of a stick.
#[derive(Debug, Default)]
pub(super) struct Pads {
    buttons: HashMap<Entity, InputLatch<GamepadButton>>,
    /// Sticks that were let go in the frame in which they were moved, and where they really are.
    flicked: Vec<(Entity, GamepadAxis, f32)>,
}

/// Corrects gamepads for this frame.
pub(super) fn keep_pad_taps(
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
        let corrected = taps.settle(gamepad.digital_mut(), own.map(|event| (event.button, event.state)));
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

/// Taps that wait for their agent steps at most: whoever hammers must not play on for seconds.
const MOST_TAPS: usize = 4;
/// Seconds after which a key that is down counts as held where time runs faster than fingers.
pub(super) const HOLD: f32 = 0.15;

/// For how long the commands that are given have been so: seconds and frames, the one in which each was struck not counted.
#[derive(Debug, Default)]
pub(super) struct Down(Vec<(Command, f32, u32)>);

impl Down {
    pub(super) fn follow(&mut self, controls: &Controls, seconds: f32) {
        self.0.retain(|(command, ..)| controls.held(*command) && !controls.struck(*command));
        for (_, since, frames) in &mut self.0 {
            *since += seconds;
            *frames += 1;
        }
        for command in controls.all_held() {
            if self.0.iter().all(|(known, ..)| known != command) {
                self.0.push((*command, 0.0, 0));
            }
        }
    }

    /// Whether `command` is held and no tap: it was down before this frame, for `least` seconds.
    pub(super) fn holds(&self, command: Command, least: f32) -> bool {
        self.0.iter().any(|&(known, since, frames)| known == command && frames > 0 && since >= least)
    }
}

/// Adds a tap; keys struck one after the other and held together are one.
pub(super) fn tap(
    taps: &mut VecDeque<Action>,
    action: Action,
    keys: &[usize],
    of: impl Fn(Action) -> Vec<usize>,
) {
    let part = taps.back().is_some_and(|&last| {
        let last = of(last);
        last.len() < keys.len() && last.iter().all(|key| keys.contains(key))
    });
    if part {
        taps.pop_back();
    }
    if taps.len() < MOST_TAPS {
        taps.push_back(action);
    }
}
