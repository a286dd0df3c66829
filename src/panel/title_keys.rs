//! Keys of the title screen and of its page of preferences.

use bevy::prelude::*;

use crate::view::commands::{KeyCommand, KeySpec, Trigger};
use crate::view::input::PAD;

/// Select the card above, before, below or after.
pub(super) const ABOVE: KeyCommand = KeyCommand("above");
pub(super) const BEFORE: KeyCommand = KeyCommand("before");
pub(super) const BELOW: KeyCommand = KeyCommand("below");
pub(super) const AFTER: KeyCommand = KeyCommand("after");
/// Select the next level, or the next drawn level.
pub(super) const NEXT_LEVEL: KeyCommand = KeyCommand("next_level");
pub(super) const OWN_LEVEL: KeyCommand = KeyCommand("own_level");
/// Start a new agent, continue the last session, or watch the trained agent.
pub(super) const START: KeyCommand = KeyCommand("begin");
pub(super) const CONTINUE: KeyCommand = KeyCommand("go_on");
pub(super) const WATCH: KeyCommand = KeyCommand("watch");
pub(super) const PREFERENCES: KeyCommand = KeyCommand("preferences");
/// Closes the preferences, or quits.
pub(super) const BACK: KeyCommand = KeyCommand("back");

/// Keys of the title screen. Any gamepad can be used.
pub(super) const KEYS: &[KeySpec] = &[
    KeySpec::fixed(ABOVE.0, "", &arrow(0, KeyCode::ArrowUp, KeyCode::KeyW)),
    KeySpec::fixed(BEFORE.0, "", &arrow(1, KeyCode::ArrowLeft, KeyCode::KeyA)),
    KeySpec::fixed(BELOW.0, "", &arrow(2, KeyCode::ArrowDown, KeyCode::KeyS)),
    KeySpec::fixed(AFTER.0, "", &arrow(3, KeyCode::ArrowRight, KeyCode::KeyD)),
    KeySpec::fixed(NEXT_LEVEL.0, "", &[Trigger::Button(GamepadButton::RightTrigger)]),
    KeySpec::fixed(OWN_LEVEL.0, "", &[Trigger::Key(KeyCode::KeyM)]),
    KeySpec::fixed(
        START.0,
        "",
        &[
            Trigger::Key(KeyCode::Enter),
            Trigger::Key(KeyCode::NumpadEnter),
            Trigger::Key(KeyCode::Space),
            Trigger::Button(GamepadButton::South),
            Trigger::Button(GamepadButton::Start),
        ],
    ),
    KeySpec::fixed(CONTINUE.0, "", &[Trigger::Key(KeyCode::KeyG), Trigger::Button(GamepadButton::West)]),
    KeySpec::fixed(WATCH.0, "", &[Trigger::Key(KeyCode::KeyX), Trigger::Button(GamepadButton::North)]),
    KeySpec::fixed(PREFERENCES.0, "", &[Trigger::Key(KeyCode::KeyO)]),
    KeySpec::fixed(BACK.0, "", &[Trigger::Key(KeyCode::Escape), Trigger::Button(GamepadButton::East)]),
];

/// Two keys and entry `index` of [`PAD`].
const fn arrow(index: usize, arrow: KeyCode, letter: KeyCode) -> [Trigger; 4] {
    let [button, stick] = PAD[index];
    [Trigger::Key(arrow), Trigger::Key(letter), button, stick]
}
