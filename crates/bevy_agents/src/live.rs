//! Live learning: feeds a background learner from the running simulation. What is measured meanwhile is kept by `history`.
//!
//! No system here ever waits for the learner.

mod recovery;
mod unsaved;

use std::path::PathBuf;
use std::sync::Arc;

use bevy::prelude::*;

use super::LearningPolicy;
use super::actor_states::ActorStates;
use super::controllers::FrozenPolicies;
use super::history::{History, remember};
use super::record::Replay;
use crate::learner::{
    AgentSnapshot, DeviceChoice, Health, Learner, LearnerConfig, LearnerError, LearnerHandle, LearnerSetup,
    LearnerStatus, SnapshotHistory, untrained,
};
use crate::mdp::{LevelRecord, Policy};
use crate::tick::{SimSystems, SimTick};

pub use crate::learner::ReplayStats;
pub use recovery::RecoveryPoint;
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
    accepted: bool,
    /// SnapshotHistory of the learner before, where that one failed.
    earlier: SnapshotHistory,
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
        Self::of(LearnerHandle::start(setup.clone()), setup)
    }

    /// Starts a learner that opens its device only when `go` is closed or speaks: two graphics
    /// set-ups at once upset some Vulkan loaders, so the window comes first.
    pub fn start_after(setup: LearnerSetup, go: crossbeam_channel::Receiver<()>) -> Self {
        let make = move |setup| {
            _ = go.recv();
            Learner::new(setup)
        };
        let policy = untrained(setup.spec.action.len());
        Self::of(LearnerHandle::start_with(setup.clone(), policy, make), setup)
    }

    fn of(handle: LearnerHandle, setup: LearnerSetup) -> Self {
        Self {
            handle,
            setup,
            training: true,
            reveals: false,
            surveys: false,
            changes: Vec::new(),
            accepted: false,
            earlier: SnapshotHistory::default(),
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

    /// The configuration that was last accepted.
    pub fn config(&self) -> &LearnerConfig {
        &self.setup.config
    }

    /// Changes the configuration.
    ///
    /// # Errors
    /// As [`LearnerConfig::follows`], which the learner asks as well; nothing has changed then.
    pub fn set_config(&mut self, config: LearnerConfig) -> Result<(), LearnerError> {
        let config = config.settled();
        config.follows(&self.setup.config)?;
        let what = differences(&self.setup.config, &config);
        if !what.is_empty() {
            let before = std::mem::replace(&mut self.setup.config, config.clone());
            self.note(what, Some(before));
            self.handle.set_config(config);
        }
        Ok(())
    }

    /// The level it learns on, where its world has levels.
    pub fn level(&self) -> Option<&LevelRecord> {
        self.setup.level.as_ref()
    }

    /// Says that what is played from now on has the map in `text`: checkpoints keep the map last learned on.
    pub fn set_level_text(&mut self, text: String) {
        let Some(level) = &mut self.setup.level else { return };
        level.text = Some(text);
        self.handle.set_level(level.clone());
    }

    fn note(&mut self, what: String, before: Option<LearnerConfig>) {
        self.changes.push(Change { env_steps: self.status().env_steps, what, before });
        let surplus = self.changes.len().saturating_sub(MOST_CHANGES);
        self.changes.drain(..surplus);
    }

    /// Goes back to how the agent was at `mark`.
    pub fn rewind(&mut self, mark: &Arc<AgentSnapshot>) {
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

    /// Where it was last asked to learn, until the learner says that it cannot.
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
        self.earlier = SnapshotHistory::default();
        let config = self.setup.config.clone();
        if self.recorded && !matches!(self.status().health, Health::Failed(_)) {
            (self.wanted, self.next) = (true, Some(config));
        } else {
            self.handle.reset(config);
        }
    }

    /// Begins again with fresh networks and another configuration.
    ///
    /// # Errors
    /// As [`LearnerConfig::validate`]; nothing has changed then.
    pub fn begin_anew(&mut self, config: LearnerConfig) -> Result<(), LearnerError> {
        config.validate()?;
        self.setup.config = config.settled();
        self.reset();
        Ok(())
    }

    /// Takes over what the learner has answered to every change asked for, a device that cannot be opened for one.
    fn settle(&mut self) {
        let status = self.status();
        let works = !matches!(status.health, Health::Failed(_) | Health::Starting);
        // A fresh agent that waits for this one to be saved has its configuration already.
        if works && self.next.is_none() && status.answered == self.handle.asked() {
            self.setup.device = status.device_choice;
            if self.setup.config != *status.config {
                self.setup.config = (*status.config).clone();
            }
        }
    }

    /// Whether the learner has ever been ready: from then on its configuration is that of the run.
    pub fn is_accepted(&self) -> bool {
        self.accepted
    }
}

/// Keeps what is shown and written of the learner true to it.
fn settle(mut learner: ResMut<LiveLearner>) {
    learner.settle();
    learner.accepted |= !matches!(learner.status().health, Health::Failed(_) | Health::Starting);
}

/// Keys of `after` that differ from `before`, with both values.
fn differences(before: &LearnerConfig, after: &LearnerConfig) -> String {
    fn leaves(value: &serde_json::Value, path: &str, all: &mut Vec<(String, String)>) {
        match value {
            serde_json::Value::Object(fields) => fields.iter().for_each(|(key, value)| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                leaves(value, &path, all);
            }),
            // Said once, under the name that is changed while somebody watches.
            _ if path.starts_with("live_") => {}
            serde_json::Value::Null => all.push((path.to_owned(), "none".to_owned())),
            value => all.push((path.to_owned(), value.to_string())),
        }
    }
    let of = |config: &LearnerConfig| {
        let mut all = Vec::new();
        // By way of text, which has a number's shortest digits.
        let shortest = |text: serde_json::Result<String>| {
            text.and_then(|text| serde_json::from_str(&text)).unwrap_or_default()
        };
        leaves(&shortest(serde_json::to_string(config)), "", &mut all);
        leaves(&shortest(serde_json::to_string(&config.sac)), "sac", &mut all);
        all
    };
    let old: std::collections::BTreeMap<_, _> = of(before).into_iter().collect();
    let new: std::collections::BTreeMap<_, _> = of(after).into_iter().collect();
    let keys: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let changed = keys.into_iter().filter_map(|key| {
        let [old, new] = [&old, &new].map(|values| values.get(key).map_or("none", String::as_str));
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
            .add_systems(Update, (settle, remember.after(crate::pace::drive), keep_marks));
    }
}

/// Hands recorded steps over. A learner that is behind by all that replay can hold takes no more of them.
fn feed(learner: Res<LiveLearner>, mut replay: ResMut<Replay>, mut actor_states: ResMut<ActorStates>) {
    let steps = std::mem::take(&mut replay.staged);
    if (!steps.is_empty() || steps.refused > 0) && !learner.handle.send(steps) {
        actor_states.cut_streams();
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

    #[test]
    fn a_refused_setting_is_taken_nowhere_and_later_ones_take_effect() {
        let spec = crate::testing::pole();
        let setup = LearnerSetup::new(spec, LearnerConfig::default());
        let mut live = LiveLearner::start(LearnerSetup { device: DeviceChoice::Cpu, ..setup });
        let answered = |live: &LiveLearner| {
            let start = std::time::Instant::now();
            while live.status().answered != live.handle.asked() || live.status().device.is_empty() {
                assert!(start.elapsed().as_secs() < 60, "{:?}", live.status());
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            live.status()
        };
        let begun = live.config().clone();
        let mut wider = begun.clone();
        wider.sac.hidden = vec![48];
        wider.sac.gamma = 0.5;
        let error = live.set_config(wider.clone()).unwrap_err().to_string();
        assert!(error.contains("sac.hidden = [48]: it was [128, 128]"), "{error}");
        assert_eq!((live.config(), live.changes().len()), (&begun, 0));
        let mut tuned = begun.clone();
        (tuned.sac.gamma, tuned.replay_capacity) = (0.5, 5000);
        tuned.sac.temperature = serde_json::from_value(serde_json::json!({ "mode": "fixed" })).unwrap();
        live.set_config(tuned.clone()).unwrap();
        let status = answered(&live);
        assert_eq!((&*status.config, live.config()), (&tuned.clone().settled(), &tuned.settled()));
        assert_eq!(status.replay_capacity, 16_384, "four segments for each of 64 streams");
        live.undo();
        assert_eq!((&*answered(&live).config, live.config()), (&begun, &begun));
        // Other networks are taken where a new start is asked for.
        live.begin_anew(wider.clone()).unwrap();
        assert_eq!((&*answered(&live).config, live.config()), (&wider.clone().settled(), &wider.settled()));
        assert!(live.begin_anew(LearnerConfig { batch_size: 0, ..begun }).is_err());
    }

    #[test]
    fn a_device_that_cannot_be_opened_is_not_kept() {
        let spec = crate::testing::pole();
        let setup = LearnerSetup::new(spec, LearnerConfig::default());
        let mut live = LiveLearner::start(LearnerSetup { device: DeviceChoice::Cpu, ..setup });
        live.set_device(DeviceChoice::Gpu);
        let start = std::time::Instant::now();
        while live.status().answered == 0 {
            assert!(start.elapsed().as_secs() < 60, "{:?}", live.status());
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        live.settle();
        assert_eq!(live.device(), live.status().device_choice);
        let refused = live.status().message.contains("no GPU to learn on");
        assert_eq!(live.device(), if refused { DeviceChoice::Cpu } else { DeviceChoice::Gpu });
    }
}
