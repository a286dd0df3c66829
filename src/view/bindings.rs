//! Bindings: the key of every command, default or chosen in the preferences. `controls` reads the keys; features register
//! the commands.

use std::collections::BTreeMap;

use bevy::prelude::*;

use super::commands::{KeyCommand, KeyRegistry};
use super::keys::{KEYS, label};

/// The key of every command that can be rebound.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq)]
pub struct Bindings {
    /// Default keys, in the order of the registry.
    defaults: Vec<(KeyCommand, KeyCode)>,
    keys: BTreeMap<KeyCommand, KeyCode>,
}

impl Bindings {
    /// The default keys of `registry`.
    pub fn new(registry: &KeyRegistry) -> Self {
        let defaults: Vec<_> = registry.rebindable().map(|(spec, key)| (spec.command, key)).collect();
        Self { keys: defaults.iter().copied().collect(), defaults }
    }

    /// The key of `command`.
    pub fn key(&self, command: KeyCommand) -> KeyCode {
        self.keys.get(&command).copied().unwrap_or(KeyCode::F35)
    }

    /// The label of the key of `command`.
    pub fn label(&self, command: KeyCommand) -> &'static str {
        label(self.key(command))
    }

    /// Every command and its key, in the order of the registry.
    pub fn all(&self) -> impl Iterator<Item = (KeyCommand, KeyCode)> {
        self.defaults.iter().map(|(command, _)| (*command, self.key(*command)))
    }

    /// Binds `command` to `key`. A command that had this key gets the old one in exchange, so that no key is bound twice.
    pub fn bind(&mut self, command: KeyCommand, key: KeyCode) {
        let old = self.key(command);
        if let Some((other, _)) = self.keys.iter().find(|(_, known)| **known == key).map(|(a, b)| (*a, *b)) {
            self.keys.insert(other, old);
        }
        self.keys.insert(command, key);
    }

    /// Restores the default keys.
    pub fn reset(&mut self) {
        self.keys = self.defaults.iter().copied().collect();
    }

    /// Bindings that differ from the defaults: identifier of the command and label of the key, as in the preferences file.
    pub fn changed(&self) -> BTreeMap<String, String> {
        let changed = self.defaults.iter().filter(|(command, key)| self.key(*command) != *key);
        changed.map(|(command, _)| (command.0.to_owned(), self.label(*command).to_owned())).collect()
    }

    /// The default keys of `registry`, replaced by `changed` bindings.
    ///
    /// # Errors
    /// One line for an unknown command or key, or a key that is bound twice.
    pub fn with(registry: &KeyRegistry, changed: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut all = Self::new(registry);
        for (name, key) in check(changed)? {
            let command = all.defaults.iter().find(|(command, _)| command.0 == name);
            let command = command.ok_or_else(|| format!("keys.{name}: unknown command; remove it"))?.0;
            all.keys.insert(command, key);
        }
        // A chosen key takes precedence over the default of another command.
        for (command, key) in all.defaults.clone() {
            let taken =
                |key: KeyCode, all: &Self| all.keys.iter().any(|(own, at)| *own != command && *at == key);
            if !changed.contains_key(command.0) && taken(key, &all) {
                // Prefer the default key of the command that took this one, if it is free.
                let other = all.defaults.iter().find(|(own, _)| *own != command && all.key(*own) == key);
                let default = other.map(|(_, key)| *key);
                let others = KEYS.iter().map(|(key, _)| *key);
                let free = default.into_iter().chain(others).find(|key| !taken(*key, &all));
                all.keys.insert(command, free.unwrap_or(key));
            }
        }
        let keys = all.keys.values().copied();
        duplicate(keys).map_or(Ok(all), Err)
    }
}

/// Parses `changed` bindings without checking the commands.
///
/// # Errors
/// One line for an unknown key, or one that is bound twice.
pub fn check(changed: &BTreeMap<String, String>) -> Result<Vec<(&str, KeyCode)>, String> {
    let chosen = changed.iter().map(|(name, label)| {
        let key = KEYS.iter().find(|(_, known)| known == label);
        let key = key.ok_or_else(|| format!("keys.{name} = {label:?}: unknown key; choose another"))?.0;
        Ok((name.as_str(), key))
    });
    let chosen: Vec<(&str, KeyCode)> = chosen.collect::<Result<_, String>>()?;
    duplicate(chosen.iter().map(|(_, key)| *key)).map_or(Ok(chosen), Err)
}

/// The error if a key is in `keys` twice.
fn duplicate(keys: impl Iterator<Item = KeyCode>) -> Option<String> {
    let mut keys: Vec<KeyCode> = keys.collect();
    keys.sort_unstable();
    let pair = keys.windows(2).find(|pair| pair[0] == pair[1])?;
    Some(format!("keys: {:?} is bound twice; choose another key for one command", label(pair[0])))
}

#[cfg(test)]
mod tests {
    use super::super::commands::{KeyGroup, KeySpec};
    use super::super::keys::is_allowed;
    use super::*;

    const PAUSE: KeyCommand = KeyCommand("pause");
    const MAX: KeyCommand = KeyCommand("max");
    const MAP: KeyCommand = KeyCommand("map");
    const LOOKAHEAD: KeyCommand = KeyCommand("ways");

    fn registry() -> KeyRegistry {
        let mut registry = KeyRegistry::default();
        let spec = |id, key, group| KeySpec::new(id, id, key, group);
        registry.add(&[
            spec("ways", KeyCode::KeyG, KeyGroup::Agent),
            spec("map", KeyCode::KeyV, KeyGroup::Agent),
            spec("pause", KeyCode::Space, KeyGroup::Time),
            spec("step", KeyCode::Period, KeyGroup::Time),
            spec("max", KeyCode::KeyM, KeyGroup::Time),
        ]);
        registry
    }

    #[test]
    fn commands_are_listed_by_group_with_their_default_keys() {
        let registry = registry();
        let bindings = Bindings::with(&registry, &BTreeMap::new()).unwrap();
        assert_eq!(bindings, Bindings::new(&registry));
        assert!(bindings.all().all(|(_, key)| is_allowed(key)) && bindings.changed().is_empty());
        let names: Vec<_> = bindings.all().map(|(command, _)| command.0).collect();
        assert_eq!(names, ["pause", "step", "max", "ways", "map"]);
    }

    #[test]
    fn a_taken_key_is_swapped_and_bindings_are_restored_from_a_file() {
        let registry = registry();
        let mut bindings = Bindings::new(&registry);
        bindings.bind(PAUSE, KeyCode::KeyM);
        assert_eq!(bindings.key(MAX), KeyCode::Space);
        bindings.bind(MAP, KeyCode::F5);
        let changed = bindings.changed();
        assert_eq!(changed.len(), 3);
        assert_eq!(Bindings::with(&registry, &changed), Ok(bindings));
        for wrong in [&[("dance", "A")][..], &[("pause", "Hyper")], &[("pause", "W"), ("step", "W")]] {
            let chosen = wrong.iter().map(|(name, key)| (name.to_string(), key.to_string())).collect();
            let error = Bindings::with(&registry, &chosen).unwrap_err();
            assert!(error.starts_with("keys") && error.lines().count() == 1, "{error}");
        }
        // The command with this default key gets another.
        let bindings = Bindings::with(&registry, &BTreeMap::from([("pause".into(), "G".into())])).unwrap();
        assert_eq!([PAUSE, LOOKAHEAD].map(|command| bindings.label(command)), ["G", "Space"]);
    }
}
