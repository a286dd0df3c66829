//! Live learning: feeds a background learner from the running simulation. What is measured meanwhile is kept by `history`.
//!
//! No system here ever waits for the learner.

mod rescue;
mod unsaved;

use std::path::PathBuf;
use std::sync::Arc;

use bevy::prelude::*;

use super::LearningPolicy;
use super::controllers::FrozenPolicies;
use super::history::{History, remember};
use super::record::Replay;
use super::roster::Roster;
use crate::learner::{
    DeviceChoice, Health, Learner, LearnerConfig, LearnerError, LearnerHandle, LearnerSetup, LearnerStatus,
    Mark, Marks, untrained,
};
use crate::mdp::Policy;
use crate::sim::{SimSystems, SimTick};

pub use crate::learner::Survey;
pub use rescue::Rescue;
pub use unsaved::Unsaved;

/// The learner that trains while the simulation runs.
#[derive(Resource)]
pub struct LiveLearner {
    handle: LearnerHandle,
    setup: LearnerSetup,
    training: bool,
    reveals: bool,
    surveys: bool,
    changes: Vec<Change>,
    /// Marks of the learner before, where that one failed.
    earlier: Marks,
    /// Whether somebody keeps a record of the run and has checkpoints written with it.
    recorded: bool,
    /// Whether such a checkpoint is wished for now.
    wanted: bool,
    /// The configuration of a fresh agent that begins once this one is saved.
    next: Option<LearnerConfig>,
}

/// A checkpoint on its way to the disk.
pub type SaveReceiver = crossbeam_channel::Receiver<Result<PathBuf, LearnerError>>;

/// A change of the settings while it learned.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Environment steps made by then.
    pub env_steps: u64,
    /// Keys with their old and new values, or what else was done to it.
    pub what: String,
    /// The configuration before, where that was changed.
    before: Option<LearnerConfig>,
}

/// Changes that can be undone.
const MOST_CHANGES: usize = 64;

impl LiveLearner {
    /// Starts a learner.
    pub fn start(setup: LearnerSetup) -> Self {
        Self {
            handle: LearnerHandle::start(setup.clone()),
            setup,
            training: true,
            reveals: false,
            surveys: false,
            changes: Vec::new(),
            earlier: Marks::default(),
            recorded: false,
            wanted: false,
            next: None,
        }
    }

    /// Starts a learner that opens its device only when `go` is closed or speaks: two graphics
    /// set-ups at once upset some Vulkan loaders, so the window comes first.
    pub fn start_after(setup: LearnerSetup, go: crossbeam_channel::Receiver<()>) -> Self {
        let make = move |setup| {
            _ = go.recv();
            Learner::new(setup)
        };
        let policy = untrained(setup.spec.action.len());
        Self {
            handle: LearnerHandle::start_with(setup.clone(), policy, make),
            setup,
            training: true,
            reveals: false,
            surveys: false,
            changes: Vec::new(),
            earlier: Marks::default(),
            recorded: false,
            wanted: false,
            next: None,
        }
    }

    /// The policy it publishes, for learning seats.
    pub fn policy(&self) -> LearningPolicy {
        LearningPolicy(self.handle.policy())
    }

    /// How it is doing.
    pub fn status(&self) -> Arc<LearnerStatus> {
        self.handle.status()
    }

    /// The configuration last asked for.
    pub fn config(&self) -> &LearnerConfig {
        &self.setup.config
    }

    /// Changes the configuration; one out of range is refused with a status message.
    pub fn set_config(&mut self, config: LearnerConfig) {
        let what = differences(&self.setup.config, &config);
        if config.validate().is_ok() && !what.is_empty() {
            let before = std::mem::replace(&mut self.setup.config, config.clone());
            self.note(what, Some(before));
        }
        self.handle.set_config(config);
    }

    fn note(&mut self, what: String, before: Option<LearnerConfig>) {
        self.changes.push(Change { env_steps: self.status().env_steps, what, before });
        let surplus = self.changes.len().saturating_sub(MOST_CHANGES);
        self.changes.drain(..surplus);
    }

    /// Goes back to how the agent was at `mark`.
    pub fn rewind(&mut self, mark: &Arc<Mark>) {
        self.note(format!("back at {}", mark.name()), None);
        self.handle.rewind(mark.clone());
    }

    /// What was changed since the agent began, oldest first.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// What [`LiveLearner::undo`] would take back.
    pub fn undoable(&self) -> Option<&Change> {
        self.changes.iter().rfind(|change| change.before.is_some())
    }

    /// Takes the last change of the configuration back.
    pub fn undo(&mut self) {
        let Some(last) = self.changes.iter().rposition(|change| change.before.is_some()) else { return };
        if let Some(before) = self.changes.remove(last).before {
            self.setup.config = before.clone();
            self.handle.set_config(before);
        }
    }

    /// Whether gradient steps are switched on.
    pub fn training(&self) -> bool {
        self.training
    }

    /// Switches gradient steps on or off.
    pub fn set_training(&mut self, on: bool) {
        self.training = on;
        self.handle.set_training(on);
    }

    /// Has critics published beside policies, for whoever shows them.
    pub fn set_reveal(&mut self, on: bool) {
        self.reveals = on;
        self.handle.set_reveal(on);
    }

    /// Has replay looked at, for whoever shows what it holds.
    pub fn set_survey(&mut self, on: bool) {
        if self.surveys != on {
            self.surveys = on;
            self.handle.set_survey(on);
        }
    }

    /// Leaves it to the caller when checkpoints are written, and what of the run goes with them. Call before the first
    /// step.
    pub fn record(&mut self) {
        self.recorded = true;
        self.handle.leave_saving();
    }

    /// Writes a checkpoint into the run's folder.
    pub fn save(&mut self) {
        if self.recorded {
            self.wanted = true;
        } else {
            self.handle.save();
        }
    }

    /// Whether a checkpoint was asked for since the last time somebody looked.
    pub fn take_wish(&mut self) -> bool {
        std::mem::take(&mut self.wanted)
    }

    /// Asks for a checkpoint of all that was handed over until now, see [`LearnerHandle::begin_save`].
    pub fn begin_save(
        &mut self,
        folder: PathBuf,
        extra: Vec<(String, Vec<u8>)>,
        files: Vec<std::fs::File>,
    ) -> SaveReceiver {
        let saving = self.handle.begin_save(folder, extra, files);
        if let Some(config) = self.next.take() {
            self.handle.reset(config);
        }
        saving
    }

    /// Writes a checkpoint into `folder` and waits for it; a learner that has failed keeps its last one.
    ///
    /// # Errors
    /// What went wrong, in one line.
    pub fn save_and_wait(&self, folder: PathBuf) -> Result<(), LearnerError> {
        if matches!(self.status().health, Health::Failed(_) | Health::Starting) {
            return Ok(());
        }
        self.finish_save(&self.handle.begin_save(folder, Vec::new(), Vec::new()))
    }

    /// Waits for a checkpoint that was begun; a learner that has failed keeps its last one.
    ///
    /// # Errors
    /// What went wrong, in one line.
    pub fn finish_save(&self, saving: &SaveReceiver) -> Result<(), LearnerError> {
        match self.handle.finish_save(saving) {
            Err(LearnerError::Stopped(_)) => Ok(()),
            result => result.map(|_| ()),
        }
    }

    /// Goes on from the checkpoint or run in `folder`.
    pub fn load(&self, folder: PathBuf) {
        self.handle.load(folder);
    }

    /// The device last asked for.
    pub fn device(&self) -> DeviceChoice {
        self.setup.device
    }

    /// Goes on with the same networks on another device; the status tells how it went.
    pub fn set_device(&mut self, choice: DeviceChoice) {
        self.setup.device = choice;
        self.handle.set_device(choice);
    }

    /// Begins again with fresh networks. What was learned until now is saved before, and stays.
    pub fn reset(&mut self) {
        self.changes.clear();
        self.begin_fresh(self.setup.config.clone());
    }

    /// Begins again with fresh networks and another configuration; one out of range is refused with a
    /// status message.
    pub fn begin_anew(&mut self, config: LearnerConfig) {
        if config.validate().is_ok() {
            self.setup.config = config.clone();
            self.changes.clear();
            self.begin_fresh(config);
        } else {
            self.handle.reset(config);
        }
    }

    fn begin_fresh(&mut self, config: LearnerConfig) {
        if self.recorded && !matches!(self.status().health, Health::Failed(_)) {
            (self.wanted, self.next) = (true, Some(config));
        } else {
            self.handle.reset(config);
        }
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
            value => all.push((path.to_owned(), value.to_string())),
        }
    }
    let of = |config: &LearnerConfig| {
        let mut all = Vec::new();
        leaves(&serde_json::to_value(config).unwrap_or_default(), "", &mut all);
        leaves(&serde_json::to_value(&config.sac).unwrap_or_default(), "sac", &mut all);
        all
    };
    let old: std::collections::BTreeMap<_, _> = of(before).into_iter().collect();
    let changed = of(after).into_iter().filter_map(|(key, new)| {
        let old = old.get(&key).map_or("none", String::as_str);
        (old != new).then(|| format!("{key} {old} → {new}"))
    });
    changed.collect::<Vec<_>>().join(", ")
}

/// Feeds a [`LiveLearner`], which must be there, and keeps its [`History`]. Needs nothing but [`AgentPlugin`](super::AgentPlugin), before
/// it or after it.
pub struct LivePlugin;

impl Plugin for LivePlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<History>()
            .add_systems(SimTick, feed.in_set(SimSystems::Last))
            // What finished in a frame's ticks is taken in within that frame.
            .add_systems(Update, (remember.after(crate::sim::pace::drive), keep_marks));
    }
}

/// Hands recorded steps over. A learner that is behind by all that replay can hold takes no more of them.
fn feed(learner: Res<LiveLearner>, mut replay: ResMut<Replay>, mut roster: ResMut<Roster>) {
    let steps = std::mem::take(&mut replay.staged);
    if (!steps.is_empty() || steps.refused > 0) && !learner.handle.send(steps) {
        roster.cut_streams();
    }
}

/// Lets earlier states of the agent be chosen as players, by their age.
fn keep_marks(learner: Res<LiveLearner>, frozen: Option<ResMut<FrozenPolicies>>) {
    let Some(mut frozen) = frozen else { return };
    let status = learner.status();
    for mark in status.marks.all() {
        let there = |policy: &Arc<dyn Policy>| Arc::ptr_eq(policy, &mark.policy);
        if !frozen.0.get(&mark.name()).is_some_and(there) {
            frozen.0.insert(mark.name(), mark.policy.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_named_by_their_keys() {
        let before = LearnerConfig::default();
        let mut after = before.clone();
        after.sac.gamma = 0.5;
        after.batch_size = 7;
        let named = differences(&before, &after);
        assert!(
            named.contains("batch_size 128 → 7") && named.contains("sac.gamma") && named.contains("→ 0.5"),
            "{named}"
        );
        assert_eq!(differences(&before, &before), "");
    }
}
