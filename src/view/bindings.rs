//! Bindings: which key does what, as people have chosen it. Reading keys is left to `controls`, what they lead to to
//! `input`.

use std::collections::BTreeMap;

use bevy::prelude::*;

use super::keys::{KEYS, label};

/// What keys, buttons and sticks do.
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
    /// A person takes a seat against the agent, or beside it, and gives it back.
    TakeFirst,
    /// The same of the agent's own seat, or of a second person.
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
    Playback,
    /// Action values.
    Values,
    /// Values painted on the map.
    Map,
    /// Where bodies would go.
    Ways,
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
    /// Back to the worlds, or out of a screen. This and what follows keeps its keys.
    Leave,
    /// What was drawn last is taken back.
    Undo,
    /// What was taken back is drawn again.
    Redo,
    /// The brush draws where the pointer is.
    Draw,
    /// Floor is drawn where the pointer is.
    Erase,
    /// One of what a screen offers by numbers, from 0.
    Choice(usize),
    /// On the title screen: the card above.
    Above,
    /// The card before.
    Before,
    /// The card below.
    Below,
    /// The card after.
    After,
    /// The next level of the card.
    NextLevel,
    /// The next of the card's levels that people have drawn.
    OwnLevel,
    /// Begins with the card.
    Begin,
    /// Goes on with the card's last session.
    GoOn,
    /// Watches the card's trained agent.
    Watch,
    /// Opens the preferences.
    Preferences,
    /// Out of the title screen, or of its preferences. `Esc` gives this beside [`Command::Leave`].
    Back,
}

/// Every command whose key can be chosen: its name in files, what it does, and its key at first.
pub const COMMANDS: [(Command, &str, &str, KeyCode); 30] = [
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
    (Command::TakeFirst, "take_first", "play against the agent, or with it", KeyCode::KeyT),
    (Command::TakeSecond, "take_second", "play in the agent's seat, or join", KeyCode::KeyY),
    (Command::Pause, "pause", "pause", KeyCode::Space),
    (Command::Step, "step", "single step", KeyCode::Period),
    (Command::Faster, "faster", "faster", KeyCode::Equal),
    (Command::Slower, "slower", "slower", KeyCode::Minus),
    (Command::Max, "max", "maximum speed", KeyCode::KeyM),
    (Command::Restart, "restart", "restart the episode", KeyCode::KeyR),
    (Command::Praise, "praise", "praise, while held", KeyCode::KeyP),
    (Command::Blame, "blame", "blame, while held", KeyCode::KeyB),
    (Command::Compare, "compare", "then and now", KeyCode::KeyN),
    (Command::Playback, "look_back", "look back", KeyCode::KeyL),
    (Command::Values, "values", "action values", KeyCode::KeyQ),
    (Command::Map, "map", "values on the map", KeyCode::KeyV),
    (Command::Ways, "ways", "way ahead", KeyCode::KeyG),
    (Command::Edit, "edit", "edit the map", KeyCode::KeyE),
    (Command::Zoom, "zoom", "one arena or many", KeyCode::KeyZ),
    (Command::Picture, "picture", "save a picture", KeyCode::F12),
    (Command::Record, "record", "record the arena", KeyCode::F11),
    (Command::Panel, "panel", "open or close the panel", KeyCode::Tab),
];

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
        // Who chose a key before something else began with it keeps it.
        for (command, name, _, key) in COMMANDS {
            let taken =
                |key: KeyCode, all: &Self| all.0.iter().any(|(own, at)| *own != command && *at == key);
            if !changed.contains_key(name) && taken(key, &all) {
                // The key that the other one has left, if it is free.
                let left = COMMANDS
                    .iter()
                    .find(|(own, ..)| *own != command && all.key(*own) == key)
                    .map(|(.., key)| *key);
                let others = KEYS.iter().map(|(key, _)| *key);
                let free = left.into_iter().chain(others).find(|key| !taken(*key, &all));
                all.0.insert(command, free.unwrap_or(key));
            }
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
    use super::super::keys::is_allowed;
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
        for wrong in [&[("dance", "A")][..], &[("pause", "Hyper")], &[("pause", "W"), ("step", "W")]] {
            let chosen = wrong.iter().map(|(name, key)| (name.to_string(), key.to_string())).collect();
            let error = Bindings::with(&chosen).unwrap_err();
            assert!(error.starts_with("keys") && error.lines().count() == 1, "{error}");
        }
        // What began with the key later finds another.
        let bindings = Bindings::with(&BTreeMap::from([("pause".into(), "G".into())])).unwrap();
        assert_eq!([Command::Pause, Command::Ways].map(|command| bindings.label(command)), ["G", "Space"]);
    }
}
