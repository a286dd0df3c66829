//! Settings of a live learner: changes during training, undo, and the learner's replies.

use std::collections::{BTreeMap, BTreeSet};

use super::LiveLearner;
use crate::learner::{DeviceChoice, Health, LearnerConfig, LearnerError};
use crate::link::Command;
use crate::mdp::LevelRecord;

/// A change of settings during training.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Environment steps made by then.
    pub env_steps: u64,
    /// Keys with their old and new values, or a description.
    pub what: String,
    /// The configuration before, if it was changed.
    before: Option<LearnerConfig>,
}

/// Changes that can be undone.
const MOST_CHANGES: usize = 64;

impl LiveLearner {
    /// The last accepted configuration.
    pub fn config(&self) -> &LearnerConfig {
        &self.setup.config
    }

    /// Changes the configuration.
    ///
    /// # Errors
    /// As [`LearnerConfig::follows`], which the learner checks as well; nothing has changed then.
    pub fn set_config(&mut self, config: LearnerConfig) -> Result<(), LearnerError> {
        let config = config.settled();
        config.follows(&self.setup.config)?;
        let what = differences(&self.setup.config, &config);
        if !what.is_empty() {
            let before = std::mem::replace(&mut self.setup.config, config.clone());
            self.note(what, Some(before));
            self.change(Command::Configure(Box::new(config)));
        }
        Ok(())
    }

    /// The level, if its world has levels.
    pub fn level(&self) -> Option<&LevelRecord> {
        self.setup.level.as_ref()
    }

    /// Sets the map of the level to `text`: checkpoints store the map last trained on.
    pub fn set_level_text(&mut self, text: String) {
        let Some(level) = &mut self.setup.level else { return };
        level.text = Some(text);
        let level = level.clone();
        self.command(Command::SetLevel(level));
    }

    /// Records something that was done to the learner at this time.
    pub(super) fn note(&mut self, what: String, before: Option<LearnerConfig>) {
        self.changes.push(Change { env_steps: self.status().env_steps, what, before });
        let surplus = self.changes.len().saturating_sub(MOST_CHANGES);
        self.changes.drain(..surplus);
    }

    /// All changes since the agent started, oldest first.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The change that [`LiveLearner::undo`] would revert.
    pub fn undoable(&self) -> Option<&Change> {
        self.changes.iter().rfind(|change| change.before.is_some())
    }

    /// Reverts the last change of the configuration.
    pub fn undo(&mut self) {
        let Some(last) = self.changes.iter().rposition(|change| change.before.is_some()) else { return };
        if let Some(before) = self.changes.remove(last).before {
            self.setup.config = before.clone();
            self.change(Command::Configure(Box::new(before)));
        }
    }

    /// The last requested device, until the learner refuses it.
    pub fn device(&self) -> DeviceChoice {
        self.setup.device
    }

    /// Continues with the same networks on another device; the status reports the result.
    pub fn set_device(&mut self, choice: DeviceChoice) {
        self.setup.device = choice;
        self.change(Command::SetDevice(choice));
    }

    /// Starts over with fresh networks. The agent so far is saved before, and stays.
    pub fn reset(&mut self) {
        self.changes.clear();
        self.earlier = Default::default();
        let config = self.setup.config.clone();
        if self.recorded && !matches!(self.status().health, Health::Failed(_)) {
            (self.wanted, self.next) = (true, Some(config));
        } else {
            self.change(Command::Reset(Box::new(config)));
        }
    }

    /// Starts over with fresh networks and another configuration.
    ///
    /// # Errors
    /// As [`LearnerConfig::validate`]; nothing has changed then.
    pub fn begin_anew(&mut self, config: LearnerConfig) -> Result<(), LearnerError> {
        config.validate()?;
        self.setup.config = config.settled();
        self.reset();
        Ok(())
    }

    /// Requests a change of settings, whose reply decides the settings.
    pub(super) fn change(&mut self, command: Command) {
        let ticket = self.command(command);
        self.unsettled.push(ticket);
    }

    /// Applies the replies to all requested changes, such as a device that cannot be opened.
    pub(super) fn settle(&mut self) {
        // Refusals are reported in the status.
        self.unsettled.retain(|ticket| ticket.poll().is_none());
        // After the replies, which are known by then.
        let status = self.status();
        self.accepted |= status.health.is_up();
        // A fresh agent that waits for this one to be saved already has its configuration.
        if status.health.is_up() && self.next.is_none() && self.unsettled.is_empty() {
            self.setup.device = status.device_choice;
            if self.setup.config != status.config {
                self.setup.config = status.config.clone();
            }
        }
    }

    /// Whether the learner has ever been ready: from then on its configuration is that of the run.
    pub fn is_accepted(&self) -> bool {
        self.accepted
    }
}

/// Keys of `after` that differ from `before`, with both values.
fn differences(before: &LearnerConfig, after: &LearnerConfig) -> String {
    fn leaves(value: &serde_json::Value, path: &str, all: &mut Vec<(String, String)>) {
        match value {
            serde_json::Value::Object(fields) => fields.iter().for_each(|(key, value)| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                leaves(value, &path, all);
            }),
            // Reported once, under the name that is changed in a watched run.
            _ if path.starts_with("live_") => {}
            serde_json::Value::Null => all.push((path.to_owned(), "none".to_owned())),
            value => all.push((path.to_owned(), value.to_string())),
        }
    }
    let of = |config: &LearnerConfig| {
        let mut all = Vec::new();
        // Through text, which has the shortest digits of a number.
        let shortest = |text: serde_json::Result<String>| {
            text.and_then(|text| serde_json::from_str(&text)).unwrap_or_default()
        };
        leaves(&shortest(serde_json::to_string(config)), "", &mut all);
        leaves(&shortest(serde_json::to_string(&config.algorithm)), "", &mut all);
        all
    };
    let old: BTreeMap<_, _> = of(before).into_iter().collect();
    let new: BTreeMap<_, _> = of(after).into_iter().collect();
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let changed = keys.into_iter().filter_map(|key| {
        let [old, new] = [&old, &new].map(|values| values.get(key).map_or("none", String::as_str));
        (old != new).then(|| format!("{key} {old} → {new}"))
    });
    changed.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_named_by_their_keys() {
        let before = LearnerConfig::default();
        let mut after = before.clone();
        after.algorithm.get_mut::<entropy_rl::algo::sac::SacConfig>().unwrap().gamma = 0.5;
        after.batch_size = 7;
        let named = differences(&before, &after);
        assert!(
            named.contains("batch_size 128 → 7") && named.contains("sac.gamma") && named.contains("→ 0.5"),
            "{named}"
        );
        assert_eq!(differences(&before, &before), "");
    }
}
