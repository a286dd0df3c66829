//! Live learning: feeds a learner in the background from the running simulation; `history` keeps the
//! measurements.
//!
//! [`LiveLearner`] only uses the [`LearnerLink`]; no system here waits for the learner.

mod recovery;
mod saving;
mod settings;
#[cfg(test)]
mod tests;
mod unsaved;

use std::path::PathBuf;
use std::sync::Arc;

use bevy::prelude::*;

use super::actor_states::ActorStates;
use super::controllers::FrozenPolicies;
use super::history::{History, remember};
use super::record::Replay;
use super::{Exploration, LearningPolicy, Recording};
use crate::learner::{
    AgentSnapshot, Health, Learner, LearnerConfig, LearnerSetup, LearnerStatus, SnapshotHistory,
};
use crate::link::{Command, Launch, LearnerLink, PolicySlot, ThreadLink, Ticket};
use crate::mdp::Policy;

pub use crate::learner::ReplayStats;
pub use recovery::RecoveryPoint;
pub use saving::save_request;
pub use settings::Change;
pub use unsaved::Unsaved;

/// Starts a learner: the first one, and another after a failure.
type Launcher = Box<dyn Fn(Launch) -> Box<dyn LearnerLink> + Send + Sync>;

/// The learner that trains while the simulation runs.
#[derive(Resource)]
pub struct LiveLearner {
    link: Box<dyn LearnerLink>,
    launcher: Launcher,
    policy: PolicySlot,
    setup: LearnerSetup,
    training: bool,
    reveals: bool,
    surveys: bool,
    changes: Vec<Change>,
    /// Changes of settings without a reply so far.
    unsettled: Vec<Ticket>,
    accepted: bool,
    /// Snapshots of the previous learner, if it failed.
    earlier: Arc<SnapshotHistory>,
    /// Whether a run is recorded, with checkpoints on request only.
    recorded: bool,
    /// Whether such a checkpoint is requested now.
    wanted: bool,
    /// The configuration of a fresh agent that starts once this one is saved.
    next: Option<LearnerConfig>,
    remote: bool,
}

impl LiveLearner {
    /// Starts a learner on its own thread.
    pub fn start(setup: LearnerSetup) -> Self {
        Self::start_over(setup, |launch| Box::new(ThreadLink::launch(launch)))
    }

    /// Starts a learner that opens its device only after `go` gets a message or is closed: initializing
    /// graphics twice at the same time upsets some Vulkan loaders, so the window comes first.
    pub fn start_after(setup: LearnerSetup, go: crossbeam_channel::Receiver<()>) -> Self {
        Self::start_over(setup, move |launch| {
            let go = go.clone();
            Box::new(ThreadLink::launch_with(launch, move |setup| {
                _ = go.recv();
                Learner::new(setup)
            }))
        })
    }

    /// Starts a learner over any link. `launcher` starts it, and is called again to recover from a failure.
    pub fn start_over(
        setup: LearnerSetup,
        launcher: impl Fn(Launch) -> Box<dyn LearnerLink> + Send + Sync + 'static,
    ) -> Self {
        let launch = Launch::new(setup.clone());
        let policy = launch.policy.clone();
        let link = launcher(launch);
        Self::with(setup, link, Box::new(launcher), policy)
    }

    /// Attaches a learner that runs elsewhere, behind a `link` that was launched with this `setup` and `policy`.
    pub fn attach(setup: LearnerSetup, link: Arc<dyn LearnerLink>, policy: PolicySlot) -> Self {
        let again = link.clone();
        let launcher: Launcher = Box::new(move |_| Box::new(again.clone()));
        Self { remote: true, ..Self::with(setup, Box::new(link), launcher, policy) }
    }

    /// Whether it runs elsewhere: its settings and files are not this process's.
    pub fn is_remote(&self) -> bool {
        self.remote
    }

    fn with(setup: LearnerSetup, link: Box<dyn LearnerLink>, launcher: Launcher, policy: PolicySlot) -> Self {
        Self {
            link,
            launcher,
            policy,
            setup,
            training: true,
            reveals: false,
            surveys: false,
            changes: Vec::new(),
            unsettled: Vec::new(),
            accepted: false,
            earlier: Arc::default(),
            recorded: false,
            wanted: false,
            next: None,
            remote: false,
        }
    }

    /// Its published policy, for learning slots.
    pub fn policy(&self) -> LearningPolicy {
        LearningPolicy(self.policy.clone())
    }

    /// Its status.
    pub fn status(&self) -> Arc<LearnerStatus> {
        self.link.status()
    }

    /// Gradient steps that the steps sent so far allow and that are not made yet.
    pub fn behind(&self) -> u64 {
        self.link.behind()
    }

    /// Snapshots of the agent, oldest first; [`LearnerStatus::snapshots`] describes the same ones.
    pub fn snapshots(&self) -> Arc<SnapshotHistory> {
        self.link.snapshots()
    }

    /// Sends a command that this type does not keep track of; the others have methods of their own.
    pub fn command(&self, command: Command) -> Ticket {
        self.link.command(command)
    }

    /// Whether gradient steps are switched on; of a learner elsewhere, whether they are there.
    pub fn training(&self) -> bool {
        if self.remote { self.status().health != Health::Paused } else { self.training }
    }

    /// Switches gradient steps on or off.
    pub fn set_training(&mut self, on: bool) {
        self.training = on;
        self.command(Command::Train(on));
    }

    /// Publishes critics with policies, for overlays that show them.
    pub fn set_reveal(&mut self, on: bool) {
        self.reveals = on;
        self.command(Command::PublishCritics(on));
    }

    /// Requests surveys of the replay buffer, for plots of its contents.
    pub fn set_survey(&mut self, on: bool) {
        if self.surveys != on {
            self.surveys = on;
            self.command(Command::Survey(on));
        }
    }

    /// Restores `snapshot`.
    pub fn rewind(&mut self, snapshot: &AgentSnapshot) {
        self.note(format!("back at {}", snapshot.name()), None);
        self.command(Command::Rewind(snapshot.id));
    }

    /// Restores the checkpoint or run in `folder`.
    pub fn load(&self, folder: PathBuf) {
        self.command(Command::Load(folder));
    }
}

/// Keeps displayed and recorded state in sync with the learner.
fn settle(mut learner: ResMut<LiveLearner>) {
    learner.settle();
}

/// Feeds a [`LiveLearner`], which must be present, and keeps its [`History`]. Requires only
/// [`AgentPlugin`](super::AgentPlugin), added before or after it.
pub struct LivePlugin;

impl Plugin for LivePlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<History>()
            // Episodes that ended in a frame's ticks are processed within that frame.
            .add_systems(Update, (settle, remember.after(crate::pace::drive), keep_snapshots));
    }
}

/// Sends recorded steps; part of [`AgentPlugin`](super::AgentPlugin). If the learner does not take them,
/// streams are interrupted.
pub(super) fn feed(
    learner: Res<LiveLearner>,
    mut replay: ResMut<Replay>,
    mut actor_states: ResMut<ActorStates>,
    mut recording: ResMut<Recording>,
    mut exploration: ResMut<Exploration>,
) {
    exploration.set_if_neq(Exploration(learner.config().exploration));
    let states = learner.config().wants_states();
    recording.set_if_neq(Recording { states, ..*recording });
    let steps = std::mem::take(&mut replay.staged);
    if (!steps.is_empty() || steps.refused > 0) && learner.link.send(steps).is_err() {
        actor_states.cut_streams();
    }
}

/// Offers snapshots of the agent as players, named by their age.
fn keep_snapshots(learner: Res<LiveLearner>, frozen: Option<ResMut<FrozenPolicies>>) {
    let Some(mut frozen) = frozen else { return };
    for snapshot in learner.snapshots().all() {
        let there = |policy: &Arc<dyn Policy>| Arc::ptr_eq(policy, &snapshot.policy);
        if !frozen.0.get(&snapshot.name()).is_some_and(there) {
            frozen.0.insert(snapshot.name(), snapshot.policy.clone());
        }
    }
}
