//! The handle that everybody else holds of the learner's thread: it starts the thread, talks to it,
//! and tells how it is doing. What the thread does is left to `worker`.
//!
//! A failure ends the thread, never the program.

use std::any::Any;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use super::core::{Counters, Learner, LearnerSetup};
use super::snapshots::{AgentSnapshot, SnapshotHistory};
use super::worker::{Command, Save, Worker};
use super::{DeviceChoice, LearnerConfig, LearnerError, untrained};
use crate::mdp::{LevelRecord, PolicySnapshot, StepBatch};
use crate::replay::ReplayStats;
use crate::sac::{CategoricalPolicy, TrainMetrics};

/// How a learner is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Opening its device.
    Starting,
    /// Waiting for enough experience.
    Collecting,
    /// Making gradient steps.
    Training,
    /// Switched off.
    Paused,
    /// Stopped for the stated reason. The policy it last published goes on acting.
    Failed(String),
}

/// A snapshot of the learner for people to look at.
#[derive(Debug, Clone)]
pub struct LearnerStatus {
    /// How it is doing.
    pub health: Health,
    /// Device in use.
    pub device: String,
    /// Why that one.
    pub device_reason: String,
    /// Gradient steps made.
    pub gradient_steps: u64,
    /// Environment steps received.
    pub env_steps: u64,
    /// Of those, the ones that replay does not take because a value of theirs is not finite.
    pub refused: u64,
    /// Transitions in replay.
    pub replay_len: usize,
    /// Transitions replay can hold.
    pub replay_capacity: usize,
    /// Bytes that replay takes once it is full.
    pub replay_bytes: usize,
    /// Share of replay that a person played, [0, 1].
    pub human_share: f32,
    /// Number of the latest policy.
    pub policy_version: u64,
    /// The latest measured gradient step.
    pub report: TrainMetrics,
    /// Equally weighted transitions the last prioritized batch was worth; `None` for uniform replay.
    pub effective_sample_size: Option<f32>,
    /// Policy lag of the latest steps received, [`Learner::policy_lag`].
    pub policy_lag: Option<f32>,
    /// Gradient steps per second, lately.
    pub gradient_steps_per_second: f32,
    /// The configuration in force.
    pub config: Arc<LearnerConfig>,
    /// Where it was asked to learn.
    pub device_choice: DeviceChoice,
    /// How many of the changes asked for ([`LearnerHandle::asked`]) have been made or refused.
    pub answered: u64,
    /// How it was at certain ages; only while somebody watches.
    pub marks: SnapshotHistory,
    /// What replay holds, while somebody looks.
    pub survey: Option<Arc<ReplayStats>>,
    /// The last thing worth telling; may be empty.
    pub message: String,
}

impl LearnerStatus {
    /// The latest measured gradient step, `None` before the first.
    pub fn measured(&self) -> Option<TrainMetrics> {
        (self.report != TrainMetrics::default()).then(|| self.report.clone())
    }
}

/// What one period brought.
#[derive(Clone)]
pub struct PeriodReport {
    /// The policy that acts in the next period.
    pub policy: PolicySnapshot,
    /// That policy, to be written into a file.
    pub actor: Option<Arc<CategoricalPolicy>>,
    /// Whether all gradient steps of the period were made; those left by a stop are made in the next one.
    pub finished: bool,
    /// The last gradient step, if there was one.
    pub report: Option<TrainMetrics>,
    /// Equally weighted transitions its prioritized batch was worth; `None` for uniform replay.
    pub effective_sample_size: Option<f32>,
    /// Policy lag of the period's steps, [`Learner::policy_lag`].
    pub policy_lag: Option<f32>,
    /// Counters after the period.
    pub counters: Counters,
    /// Transitions in replay.
    pub replay_len: usize,
}

/// The one seam between actors and the learner: steps go in, policies come out. Nothing here waits,
/// except where it says so.
pub struct LearnerHandle {
    commands: Sender<Command>,
    policy: Arc<ArcSwap<PolicySnapshot>>,
    status: Arc<ArcSwap<LearnerStatus>>,
    period: Option<Receiver<Result<PeriodReport, LearnerError>>>,
    asked: u64,
    thread: Option<std::thread::JoinHandle<()>>,
    /// Steps sent and not yet taken into replay, and the most that may be.
    waiting: Arc<AtomicUsize>,
    most_waiting: usize,
    /// Whether there were more.
    full: AtomicBool,
}

impl LearnerHandle {
    /// Starts a learner. It opens its device on its own thread; until its first policy is out,
    /// actions are uniformly random.
    pub fn start(setup: LearnerSetup) -> Self {
        let policy = untrained(setup.spec.action.len());
        Self::start_with(setup, policy, Learner::new)
    }

    /// Starts a learner that trains in periods alone, the open one of which ends early once `stop` is set.
    pub fn start_in_periods(setup: LearnerSetup, stop: Arc<AtomicBool>) -> Self {
        let policy = untrained(setup.spec.action.len());
        Self::spawn(setup, policy, Learner::new, Some(stop))
    }

    /// Starts a learner that publishes into `policy` and is made by `make`.
    pub fn start_with(
        setup: LearnerSetup,
        policy: Arc<ArcSwap<PolicySnapshot>>,
        make: impl FnOnce(LearnerSetup) -> Result<Learner, LearnerError> + Send + 'static,
    ) -> Self {
        Self::spawn(setup, policy, make, None)
    }

    fn spawn(
        setup: LearnerSetup,
        policy: Arc<ArcSwap<PolicySnapshot>>,
        make: impl FnOnce(LearnerSetup) -> Result<Learner, LearnerError> + Send + 'static,
        periods: Option<Arc<AtomicBool>>,
    ) -> Self {
        let (commands, inbox) = unbounded();
        let status = Arc::new(ArcSwap::from_pointee(LearnerStatus {
            health: Health::Starting,
            device: String::new(),
            device_reason: String::new(),
            gradient_steps: 0,
            env_steps: 0,
            refused: 0,
            replay_len: 0,
            replay_capacity: setup.config.replay_capacity,
            replay_bytes: 0,
            human_share: 0.0,
            policy_version: 0,
            report: TrainMetrics::default(),
            effective_sample_size: None,
            policy_lag: None,
            gradient_steps_per_second: 0.0,
            config: Arc::new(setup.config.clone()),
            device_choice: setup.device,
            answered: 0,
            marks: SnapshotHistory::default(),
            survey: None,
            message: String::new(),
        }));
        let shared = (policy.clone(), status.clone());
        let (waiting, most_waiting) = (Arc::new(AtomicUsize::new(0)), setup.config.replay_capacity);
        let taken = waiting.clone();
        let work = move || {
            let (policy, status) = shared;
            let checkpoints = setup.checkpoints.clone();
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let learner = make(setup)?;
                Worker::new(learner, checkpoints, policy, status.clone(), taken, periods).run(&inbox)
            }));
            let failure = match outcome {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.to_string(),
                Err(panic) => format!("it panicked: {}", panic_text(&*panic)),
            };
            let last = status.load();
            status.store(Arc::new(LearnerStatus {
                health: Health::Failed(failure),
                gradient_steps_per_second: 0.0,
                ..(**last).clone()
            }));
        };
        let thread = std::thread::Builder::new().name("learner".into()).spawn(work);
        if let Err(error) = &thread {
            let last = status.load_full();
            let health = Health::Failed(format!("no thread to run on: {error}"));
            status.store(Arc::new(LearnerStatus { health, ..(*last).clone() }));
        }
        let (thread, full) = (thread.ok(), AtomicBool::new(false));
        Self { commands, policy, status, period: None, asked: 0, thread, waiting, most_waiting, full }
    }

    /// Where published policies appear.
    pub fn policy(&self) -> Arc<ArcSwap<PolicySnapshot>> {
        self.policy.clone()
    }

    /// How the learner is doing.
    pub fn status(&self) -> Arc<LearnerStatus> {
        self.status.load_full()
    }

    /// Hands over recorded steps. As many may wait as replay holds, which could not keep more of them: a learner that saves
    /// or opens its device for so long is sent no others, and `false` says that these were dropped.
    pub fn send(&self, steps: StepBatch) -> bool {
        let most = self.most_waiting;
        if self.waiting.load(Ordering::Relaxed) + steps.len() > most {
            if !self.full.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    "the learner is behind by {most} steps; it gets no more until it has caught up"
                );
            }
            return false;
        }
        self.full.store(false, Ordering::Relaxed);
        self.waiting.fetch_add(steps.len(), Ordering::Relaxed);
        let count = steps.len();
        if !self.tell(Command::Steps(steps)) {
            self.waiting.fetch_sub(count, Ordering::Relaxed);
        }
        true
    }

    /// Switches gradient steps on or off. Steps are taken into replay all the same.
    pub fn set_training(&self, on: bool) {
        self.tell(Command::Train(on));
    }

    /// Publishes critics beside policies from now on, or no longer.
    pub fn set_reveal(&self, on: bool) {
        self.tell(Command::Reveal(on));
    }

    /// Looks at all of replay now and then, from now on or no longer.
    pub fn set_survey(&self, on: bool) {
        self.tell(Command::Survey(on));
    }

    /// Changes of configuration, device and networks asked for so far; as many are answered in the end, see
    /// [`LearnerStatus::answered`].
    pub fn asked(&self) -> u64 {
        self.asked
    }

    /// Changes the configuration; one that cannot follow is reported in the status message.
    pub fn set_config(&mut self, config: LearnerConfig) {
        self.asked += 1;
        self.tell(Command::Configure(Box::new(config)));
    }

    /// Says that steps sent from now on are of `level`.
    pub fn set_level(&self, level: LevelRecord) {
        self.tell(Command::Level(level));
    }

    /// Asks for a checkpoint now, into the folder of the set-up.
    pub fn save(&self) {
        self.tell(Command::Save(Save::default()));
    }

    /// Asks to go on from a checkpoint; the status message tells how it went.
    pub fn load(&self, folder: PathBuf) {
        self.tell(Command::Load(folder));
    }

    /// Asks to go back to a mark; a mark of now is set first, so that there is a way back.
    pub fn rewind(&self, mark: Arc<AgentSnapshot>) {
        self.tell(Command::Rewind(mark));
    }

    /// Asks to go on with the same networks on another device.
    pub fn set_device(&mut self, choice: DeviceChoice) {
        self.asked += 1;
        self.tell(Command::Device(choice));
    }

    /// Asks for fresh networks, made and trained as `config` says.
    pub fn reset(&mut self, config: LearnerConfig) {
        self.asked += 1;
        self.tell(Command::Reset(Box::new(config)));
    }

    /// Waits until the device is open and the learner has its first policy; `None` once `stop` is set. A GPU takes
    /// seconds to open.
    ///
    /// # Errors
    /// What stopped the learner.
    pub fn open(&mut self, stop: &AtomicBool) -> Result<Option<PeriodReport>, LearnerError> {
        let (reply, receiver) = crossbeam_channel::bounded(1);
        self.tell(Command::Open(reply));
        while !stop.load(Ordering::Relaxed) {
            match receiver.recv_timeout(Duration::from_millis(50)) {
                Ok(report) => {
                    let report = report?;
                    self.policy.store(Arc::new(report.policy.clone()));
                    return Ok(Some(report));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(self.stopped()),
            }
        }
        Ok(None)
    }

    /// Lets actors play with `policy` until the next period ends.
    pub fn act_with(&self, policy: PolicySnapshot) {
        self.policy.store(Arc::new(policy));
    }

    /// Begins a period: the learner takes `steps` and makes the gradient steps they allow.
    pub fn begin_period(&mut self, steps: StepBatch) {
        let (reply, receiver) = crossbeam_channel::bounded(1);
        self.tell(Command::Period(steps, reply));
        self.period = Some(receiver);
    }

    /// Waits for the end of the period that was begun and publishes its policy.
    ///
    /// # Errors
    /// What stopped the learner.
    pub fn finish_period(&mut self) -> Result<PeriodReport, LearnerError> {
        let Some(receiver) = self.period.take() else {
            return Err(LearnerError::Stopped("no period was begun".into()));
        };
        let report = receiver.recv().map_err(|_| self.stopped())??;
        self.policy.store(Arc::new(report.policy.clone()));
        Ok(report)
    }

    /// Asks for a checkpoint with `extra` files in `folder`, of all that was handed over until now; `files` are brought
    /// to the disk before. How it went comes through the channel, which closes when the learner stops.
    pub fn begin_save(
        &self,
        folder: PathBuf,
        extra: Vec<(String, Vec<u8>)>,
        files: Vec<File>,
    ) -> Receiver<Result<PathBuf, LearnerError>> {
        let (reply, receiver) = crossbeam_channel::bounded(1);
        self.tell(Command::Save(Save { folder: Some(folder), extra, files, reply: Some(reply) }));
        receiver
    }

    /// Writes a checkpoint with `extra` files into `folder` and waits for it.
    ///
    /// # Errors
    /// What went wrong, in one line.
    pub fn save_with(&self, folder: PathBuf, extra: Vec<(String, Vec<u8>)>) -> Result<PathBuf, LearnerError> {
        self.finish_save(&self.begin_save(folder, extra, Vec::new()))
    }

    /// Waits for a checkpoint that was begun.
    ///
    /// # Errors
    /// What went wrong, in one line.
    pub fn finish_save(
        &self,
        saving: &Receiver<Result<PathBuf, LearnerError>>,
    ) -> Result<PathBuf, LearnerError> {
        saving.recv().map_err(|_| self.stopped())?
    }

    /// Has checkpoints written only when they are asked for from now on, not by the clock.
    pub fn leave_saving(&self) {
        self.tell(Command::LeaveSaving);
    }

    /// Whether there is somebody to tell. A learner that has stopped says so in its status.
    fn tell(&self, command: Command) -> bool {
        self.commands.send(command).is_ok()
    }

    fn stopped(&self) -> LearnerError {
        // The thread sets its status as the last thing it does.
        for _ in 0..200 {
            if let Health::Failed(reason) = &self.status.load().health {
                return LearnerError::Stopped(reason.clone());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        LearnerError::Stopped("for an unknown reason".into())
    }
}

impl Drop for LearnerHandle {
    fn drop(&mut self) {
        // Closing the channel lets the thread finish its gradient step and go.
        self.commands = unbounded().0;
        // One that is still opening its device has nothing to finish, and drivers take their time.
        let opening = self.status.load().health == Health::Starting;
        if let Some(thread) = self.thread.take().filter(|_| !opening) {
            _ = thread.join();
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a word")
}
