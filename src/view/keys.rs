//! Keys: the keys that can be bound, and their labels.

use bevy::prelude::KeyCode;

/// Keys that can be bound, and their labels. `Esc` always leads back.
pub(super) const KEYS: &[(KeyCode, &str)] = &[
    (KeyCode::KeyA, "A"),
    (KeyCode::KeyB, "B"),
    (KeyCode::KeyC, "C"),
    (KeyCode::KeyD, "D"),
    (KeyCode::KeyE, "E"),
    (KeyCode::KeyF, "F"),
    (KeyCode::KeyG, "G"),
    (KeyCode::KeyH, "H"),
    (KeyCode::KeyI, "I"),
    (KeyCode::KeyJ, "J"),
    (KeyCode::KeyK, "K"),
    (KeyCode::KeyL, "L"),
    (KeyCode::KeyM, "M"),
    (KeyCode::KeyN, "N"),
    (KeyCode::KeyO, "O"),
    (KeyCode::KeyP, "P"),
    (KeyCode::KeyQ, "Q"),
    (KeyCode::KeyR, "R"),
    (KeyCode::KeyS, "S"),
    (KeyCode::KeyT, "T"),
    (KeyCode::KeyU, "U"),
    (KeyCode::KeyV, "V"),
    (KeyCode::KeyW, "W"),
    (KeyCode::KeyX, "X"),
    (KeyCode::KeyY, "Y"),
    (KeyCode::KeyZ, "Z"),
    (KeyCode::Digit0, "0"),
    (KeyCode::Digit1, "1"),
    (KeyCode::Digit2, "2"),
    (KeyCode::Digit3, "3"),
    (KeyCode::Digit4, "4"),
    (KeyCode::Digit5, "5"),
    (KeyCode::Digit6, "6"),
    (KeyCode::Digit7, "7"),
    (KeyCode::Digit8, "8"),
    (KeyCode::Digit9, "9"),
    (KeyCode::ArrowUp, "⬆"),
    (KeyCode::ArrowLeft, "⬅"),
    (KeyCode::ArrowDown, "⬇"),
    (KeyCode::ArrowRight, "➡"),
    (KeyCode::Space, "Space"),
    (KeyCode::Enter, "Enter"),
    (KeyCode::Tab, "Tab"),
    (KeyCode::Backspace, "Backspace"),
    (KeyCode::Period, "."),
    (KeyCode::Comma, ","),
    (KeyCode::Semicolon, ";"),
    (KeyCode::Slash, "/"),
    (KeyCode::Equal, "+"),
    (KeyCode::Minus, "−"),
    (KeyCode::BracketLeft, "["),
    (KeyCode::BracketRight, "]"),
    (KeyCode::ShiftLeft, "left Shift"),
    (KeyCode::ShiftRight, "right Shift"),
    (KeyCode::Home, "Home"),
    (KeyCode::End, "End"),
    (KeyCode::PageUp, "PgUp"),
    (KeyCode::PageDown, "PgDn"),
    (KeyCode::Insert, "Ins"),
    (KeyCode::F1, "F1"),
    (KeyCode::F2, "F2"),
    (KeyCode::F3, "F3"),
    (KeyCode::F4, "F4"),
    (KeyCode::F5, "F5"),
    (KeyCode::F6, "F6"),
    (KeyCode::F7, "F7"),
    (KeyCode::F8, "F8"),
    (KeyCode::F9, "F9"),
    (KeyCode::F10, "F10"),
    (KeyCode::F11, "F11"),
    (KeyCode::F12, "F12"),
];

/// The digits 1 to 9, which select numbered choices.
pub const DIGITS: &[KeyCode] = &[
    KeyCode::Digit1,
    KeyCode::Digit2,
    KeyCode::Digit3,
    KeyCode::Digit4,
    KeyCode::Digit5,
    KeyCode::Digit6,
    KeyCode::Digit7,
    KeyCode::Digit8,
    KeyCode::Digit9,
];

/// The label of a key.
pub fn label(key: KeyCode) -> &'static str {
    KEYS.iter().find(|(known, _)| *known == key).map_or("?", |(_, label)| label)
}

/// The key with the label or name `name`.
pub fn named(name: &str) -> Option<KeyCode> {
    let words = [
        ("Escape", KeyCode::Escape),
        ("Up", KeyCode::ArrowUp),
        ("Left", KeyCode::ArrowLeft),
        ("Down", KeyCode::ArrowDown),
        ("Right", KeyCode::ArrowRight),
    ];
    let printed = KEYS.iter().map(|(key, label)| (*label, *key));
    words.into_iter().chain(printed).find(|(known, _)| *known == name).map(|(_, key)| key)
}

/// Whether `key` can be bound.
pub fn is_allowed(key: KeyCode) -> bool {
    KEYS.iter().any(|(known, _)| *known == key)
}
