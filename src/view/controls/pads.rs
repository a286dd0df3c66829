//! Gamepads: names of their buttons, and what these do in a world.

use bevy::prelude::*;

use super::of_hand;
use crate::view::commands::{KeyRegistry, Trigger};

/// Names of gamepad buttons.
const BUTTONS: &[(GamepadButton, &str)] = &[
    (GamepadButton::DPadUp, "up, or the left stick"),
    (GamepadButton::DPadLeft, "left"),
    (GamepadButton::DPadDown, "down"),
    (GamepadButton::DPadRight, "right"),
    (GamepadButton::South, "bottom button"),
    (GamepadButton::West, "left button"),
    (GamepadButton::North, "top button"),
    (GamepadButton::East, "right button"),
    (GamepadButton::LeftTrigger, "left bumper"),
    (GamepadButton::RightTrigger, "right bumper"),
    (GamepadButton::LeftTrigger2, "left trigger"),
    (GamepadButton::RightTrigger2, "right trigger"),
    (GamepadButton::Start, "start"),
    (GamepadButton::Select, "select"),
];

/// Names and meanings of the buttons of the left (0) or right (1) hand's gamepad in a world.
pub fn buttons(registry: &KeyRegistry, hand: usize) -> Vec<(&'static str, &'static str)> {
    let meaning = |button: GamepadButton| {
        let specs = of_hand(registry, hand).filter(|spec| !spec.meaning.is_empty());
        let mut specs = specs.filter(|spec| spec.also.contains(&Trigger::Button(button)));
        specs.next().map(|spec| spec.meaning)
    };
    BUTTONS.iter().filter_map(|(button, name)| Some((*name, meaning(*button)?))).collect()
}
