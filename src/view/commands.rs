//! Key commands: what keys, buttons and sticks do. A feature registers each of its commands with one [`KeySpec`]; bindings,
//! preferences, the key bar and refusals are derived from it.

use bevy::prelude::*;

use super::mode::Mode;

/// The identifier of a command, as written in the preferences file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyCommand(pub &'static str);

/// The topic of a command. Preferences and key bar list commands in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyGroup {
    /// Moving a player.
    Movement,
    /// Taking over a slot.
    Takeover,
    /// Pace and episodes.
    Time,
    /// Praise and blame.
    Feedback,
    /// Views of the agent.
    Agent,
    /// Everything else on the screen.
    Screen,
    /// Keys of other screens.
    OtherScreens,
}

/// A key or button that always triggers a command.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trigger {
    /// A key without modifiers.
    Key(KeyCode),
    /// A key with Ctrl.
    Ctrl(KeyCode),
    /// A mouse button.
    Mouse(MouseButton),
    /// A gamepad button.
    Button(GamepadButton),
    /// One end of a stick's axis: `true` for the positive one.
    Stick(GamepadAxis, bool),
}

/// Text of a command in the key bar.
#[derive(Debug, Clone, Copy)]
pub enum KeyHint {
    /// Not shown.
    None,
    /// A fixed text.
    Always(&'static str),
    /// A text that depends on the state.
    Now(fn(&World) -> &'static str),
}

/// A command, as a feature registers it with [`AddKeys::add_keys`].
#[derive(Debug, Clone, Copy)]
pub struct KeySpec {
    /// Its identifier.
    pub command: KeyCommand,
    /// What it does, for the preferences.
    pub meaning: &'static str,
    /// Its default key; `None` if it cannot be rebound.
    pub key: Option<KeyCode>,
    /// Keys and buttons that always trigger it as well.
    pub also: &'static [Trigger],
    /// Where it is listed.
    pub group: KeyGroup,
    /// The gamepad that triggers it: 0 for the left hand's, 1 for the right hand's, `None` for both.
    pub hand: Option<usize>,
    /// Whether it applies to this world; otherwise its key does nothing and is not shown.
    pub needs: Option<fn(&World) -> bool>,
    /// Its text in the key bar.
    pub hint: KeyHint,
    /// The command whose entry in the key bar it shares.
    pub beside: Option<KeyCommand>,
    /// Its effect when pressed; `None` if a system reads [`Controls`](super::controls::Controls) instead.
    pub act: Option<fn(&mut World)>,
    /// Modes in which it is refused, and why.
    pub not_while: &'static [(Mode, &'static str)],
    /// The mode that it starts and ends.
    pub toggles: Option<Mode>,
    /// Set if its effect is visible on the large arena only: pressing it leaves the grid of arenas. If the function
    /// returns true, its effect is already on and only becomes visible.
    pub one_arena: Option<fn(&World) -> bool>,
}

impl KeySpec {
    /// A command with a key that can be rebound.
    pub const fn new(id: &'static str, meaning: &'static str, key: KeyCode, group: KeyGroup) -> Self {
        Self { key: Some(key), group, ..Self::fixed(id, meaning, &[]) }
    }

    /// A command whose keys cannot be rebound.
    pub const fn fixed(id: &'static str, meaning: &'static str, also: &'static [Trigger]) -> Self {
        Self {
            command: KeyCommand(id),
            meaning,
            key: None,
            also,
            group: KeyGroup::OtherScreens,
            hand: None,
            needs: None,
            hint: KeyHint::None,
            beside: None,
            act: None,
            not_while: &[],
            toggles: None,
            one_arena: None,
        }
    }

    /// Its current text in the key bar, if any.
    pub fn hint(&self, world: &World) -> Option<&'static str> {
        match self.hint {
            _ if !self.applies(world) => None,
            KeyHint::None => None,
            KeyHint::Always(text) => Some(text),
            KeyHint::Now(text) => Some(text(world)),
        }
    }

    /// What triggers it in place of a key, if the mouse does.
    pub fn mouse(&self) -> Option<&'static str> {
        self.also.iter().find_map(|trigger| match trigger {
            Trigger::Mouse(_) => Some("mouse"),
            _ => None,
        })
    }

    /// Whether it applies to this world.
    pub fn applies(&self, world: &World) -> bool {
        self.needs.is_none_or(|needs| needs(world))
    }
}

/// All registered commands, by group.
#[derive(Resource, Debug, Clone, Default)]
pub struct KeyRegistry(Vec<KeySpec>);

impl KeyRegistry {
    /// Adds `specs` at the end of their groups, skipping registered ones.
    pub fn add(&mut self, specs: &[KeySpec]) {
        for spec in specs {
            if self.get(spec.command).is_none() {
                self.0.push(*spec);
            }
        }
        self.0.sort_by_key(|spec| spec.group);
    }

    /// All commands.
    pub fn all(&self) -> &[KeySpec] {
        &self.0
    }

    /// The commands that can be rebound, with their default keys.
    pub fn rebindable(&self) -> impl Iterator<Item = (&KeySpec, KeyCode)> {
        self.0.iter().filter_map(|spec| Some((spec, spec.key?)))
    }

    /// The spec of `command`.
    pub fn get(&self, command: KeyCommand) -> Option<&KeySpec> {
        self.0.iter().find(|spec| spec.command == command)
    }

    /// The command that starts and ends `mode`.
    pub fn toggle_of(&self, mode: Mode) -> Option<KeyCommand> {
        self.0.iter().find(|spec| spec.toggles == Some(mode)).map(|spec| spec.command)
    }
}

/// Registers key commands.
pub trait AddKeys {
    /// Adds commands to the app's [`KeyRegistry`].
    fn add_keys(&mut self, specs: &[KeySpec]) -> &mut Self;
}

impl AddKeys for App {
    fn add_keys(&mut self, specs: &[KeySpec]) -> &mut Self {
        let world = self.world_mut();
        world.init_resource::<KeyRegistry>();
        // Do not mark the registry as changed for known keys: a change rebinds the keyboard.
        let known = world.resource::<KeyRegistry>();
        if specs.iter().any(|spec| known.get(spec.command).is_none()) {
            world.resource_mut::<KeyRegistry>().add(specs);
        }
        self
    }
}
