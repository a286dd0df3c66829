//! Bindings: which key does what, as people have chosen it. What is done about a key is left to `input`.

use std::collections::BTreeMap;

use bevy::prelude::*;

/// What keys do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Command {
    /// Moving: the left hand's keys are those of a first person at the keyboard.
    LeftUp,
    /// See [`Command::LeftUp`].
    LeftLeft,
    /// See [`Command::LeftUp`].
    LeftDown,
    /// See [`Command::LeftUp`].
    LeftRight,
    /// See [`Command::LeftUp`].
    LeftFire,
    /// The right hand's keys are those of a second person.
    RightUp,
    /// See [`Command::RightUp`].
    RightLeft,
    /// See [`Command::RightUp`].
    RightDown,
    /// See [`Command::RightUp`].
    RightRight,
    /// See [`Command::RightUp`].
    RightFire,
    /// A person takes the first seat, or gives it back.
    TakeFirst,
    /// The same of the second seat.
    TakeSecond,
    /// Time stands still, or goes on.
    Pause,
    /// One agent step.
    Step,
    /// Time at twice the speed.
    Faster,
    /// Time at half the speed.
    Slower,
    /// Time as fast as the machine can.
    Max,
    /// The watched episode begins again.
    Restart,
    /// While held, the watched agent is praised.
    Praise,
    /// While held, the watched agent is blamed.
    Blame,
    /// Earlier ages of the agent beside the present.
    Compare,
    /// The last episode of the watched arena, step by step.
    LookBack,
    /// Action values.
    Values,
    /// Values painted on the map.
    Map,
    /// The map can be drawn on.
    Edit,
    /// One arena or many.
    Zoom,
    /// A picture of the window.
    Picture,
    /// Frames of the watched arena, until struck again.
    Record,
    /// The panel opens and closes.
    Panel,
}

/// Every command: its name in files, what it does, and its key at first.
pub const COMMANDS: [(Command, &str, &str, KeyCode); 29] = [
    (Command::LeftUp, "left_up", "left hand, up", KeyCode::KeyW),
    (Command::LeftLeft, "left_left", "left hand, left", KeyCode::KeyA),
    (Command::LeftDown, "left_down", "left hand, down", KeyCode::KeyS),
    (Command::LeftRight, "left_right", "left hand, right", KeyCode::KeyD),
    (Command::LeftFire, "left_fire", "left hand, fire", KeyCode::KeyF),
    (Command::RightUp, "right_up", "right hand, up", KeyCode::ArrowUp),
    (Command::RightLeft, "right_left", "right hand, left", KeyCode::ArrowLeft),
    (Command::RightDown, "right_down", "right hand, down", KeyCode::ArrowDown),
    (Command::RightRight, "right_right", "right hand, right", KeyCode::ArrowRight),
    (Command::RightFire, "right_fire", "right hand, fire", KeyCode::Enter),
    (Command::TakeFirst, "take_first", "take over the first seat", KeyCode::KeyT),
    (Command::TakeSecond, "take_second", "take over the second seat", KeyCode::KeyY),
    (Command::Pause, "pause", "pause", KeyCode::Space),
    (Command::Step, "step", "single step", KeyCode::Period),
    (Command::Faster, "faster", "faster", KeyCode::Equal),
    (Command::Slower, "slower", "slower", KeyCode::Minus),
    (Command::Max, "max", "maximum speed", KeyCode::KeyM),
    (Command::Restart, "restart", "restart the episode", KeyCode::KeyR),
    (Command::Praise, "praise", "praise, while held", KeyCode::KeyP),
    (Command::Blame, "blame", "blame, while held", KeyCode::KeyB),
    (Command::Compare, "compare", "then and now", KeyCode::KeyN),
    (Command::LookBack, "look_back", "look back", KeyCode::KeyL),
    (Command::Values, "values", "action values", KeyCode::KeyQ),
    (Command::Map, "map", "values on the map", KeyCode::KeyV),
    (Command::Edit, "edit", "edit the map", KeyCode::KeyE),
    (Command::Zoom, "zoom", "one arena or many", KeyCode::KeyZ),
    (Command::Picture, "picture", "save a picture", KeyCode::F12),
    (Command::Record, "record", "record the arena", KeyCode::F11),
    (Command::Panel, "panel", "open or close the panel", KeyCode::Tab),
];

/// Keys that commands may have, and what is printed on them. `Esc` leads back, always.
const KEYS: [(KeyCode, &str); 71] = [
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

/// The digits from 1 on, which choose among what a screen offers and cannot be bound anew there.
pub const DIGITS: [KeyCode; 9] = [
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

/// What is printed on a key.
pub fn label(key: KeyCode) -> &'static str {
    KEYS.iter().find(|(known, _)| *known == key).map_or("?", |(_, label)| label)
}

/// The key that is called `name`: what is printed on it, or in words.
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

/// Whether a command may have `key`.
pub fn is_allowed(key: KeyCode) -> bool {
    KEYS.iter().any(|(known, _)| *known == key)
}

/// The key of every command.
#[derive(Resource, Debug, Clone, PartialEq, Eq)]
pub struct Bindings(BTreeMap<Command, KeyCode>);

impl Default for Bindings {
    fn default() -> Self {
        Self(COMMANDS.iter().map(|(command, _, _, key)| (*command, *key)).collect())
    }
}

impl Bindings {
    /// The key of `command`.
    pub fn key(&self, command: Command) -> KeyCode {
        self.0.get(&command).copied().unwrap_or(KeyCode::F35)
    }

    /// What is printed on the key of `command`.
    pub fn label(&self, command: Command) -> &'static str {
        label(self.key(command))
    }

    /// Gives `command` another key. Whatever had that key gets this command's old one, so that no key does two things.
    pub fn bind(&mut self, command: Command, key: KeyCode) {
        let old = self.key(command);
        if let Some((other, _)) = self.0.iter().find(|(_, known)| **known == key).map(|(a, b)| (*a, *b)) {
            self.0.insert(other, old);
        }
        self.0.insert(command, key);
    }

    /// Those that differ from what they were at first, as names for a file.
    pub fn changed(&self) -> BTreeMap<String, String> {
        let other = COMMANDS.iter().filter(|(command, _, _, key)| self.key(*command) != *key);
        other.map(|(command, name, ..)| (name.to_string(), self.label(*command).to_owned())).collect()
    }

    /// Those that were at first, with `changed` ones in their place.
    ///
    /// # Errors
    /// One line for a command or key that there is not, or a key that does two things.
    pub fn with(changed: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut all = Self::default();
        for (name, label) in changed {
            let command = COMMANDS.iter().find(|(_, known, ..)| known == name);
            let command = command.ok_or_else(|| format!("keys.{name}: no such command; leave it out"))?.0;
            let key = KEYS.iter().find(|(_, known)| known == label);
            let key = key.ok_or_else(|| format!("keys.{name} = {label:?}: no such key; choose another"))?.0;
            all.0.insert(command, key);
        }
        let mut keys: Vec<&KeyCode> = all.0.values().collect();
        keys.sort_unstable();
        match keys.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => {
                Err(format!("keys: {:?} does two things; give one of them another key", label(*pair[0])))
            }
            None => Ok(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_key_of_its_own_that_can_be_written_down() {
        let bindings = Bindings::with(&BTreeMap::new()).unwrap();
        assert_eq!(bindings, Bindings::default());
        assert!(COMMANDS.iter().all(|(command, ..)| is_allowed(bindings.key(*command))));
        assert!(bindings.changed().is_empty());
    }

    #[test]
    fn a_key_that_is_taken_is_swapped_and_comes_back_from_a_file() {
        let mut bindings = Bindings::default();
        bindings.bind(Command::Pause, KeyCode::KeyM);
        assert_eq!(bindings.key(Command::Max), KeyCode::Space);
        bindings.bind(Command::Map, KeyCode::F5);
        let changed = bindings.changed();
        assert_eq!(changed.len(), 3);
        assert_eq!(Bindings::with(&changed), Ok(bindings));
        for (name, key) in [("dance", "A"), ("pause", "Hyper"), ("pause", "W")] {
            let error = Bindings::with(&BTreeMap::from([(name.into(), key.into())])).unwrap_err();
            assert!(error.starts_with("keys") && error.lines().count() == 1, "{error}");
        }
    }
}
