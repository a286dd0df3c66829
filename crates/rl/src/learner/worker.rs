//! What the learner's thread does: obeys its handle, trains, publishes, keeps checkpoints.
//!
//! Two ways to work: *live*, training as fast as its credit allows while frames go on, and in
//! *periods*, where the handle hands over steps and later waits for the policy.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::checkpoint;
use super::core::Learner;
use super::handle::{Health, LearnerStatus, PeriodReport};
use super::snapshots::{AgentSnapshot, SnapshotHistory};
use super::{CheckpointError, DeviceChoice, LearnerConfig, LearnerError};
use crate::mdp::{LevelRecord, PolicySnapshot, StepBatch};
use crate::replay::ReplayStats;
use crate::sac::TrainMetrics;

/// What the handle can ask for.
pub(super) enum Command {
    Steps(StepBatch),
    Open(Sender<Result<PeriodReport, LearnerError>>),
    Period(StepBatch, Sender<Result<PeriodReport, LearnerError>>),
    Train(bool),
    Reveal(bool),
    Survey(bool),
    Configure(Box<LearnerConfig>),
    Level(LevelRecord),
    Save(Save),
    LeaveSaving,
    Load(PathBuf),
    Rewind(Arc<AgentSnapshot>),
    Device(DeviceChoice),
    Reset(Box<LearnerConfig>),
}

/// A checkpoint that is asked for.
#[derive(Default)]
pub(super) struct Save {
    /// Where; the folder of the set-up when absent.
    pub folder: Option<PathBuf>,
    /// Files beside the learner's own.
    pub extra: Vec<(String, Vec<u8>)>,
    /// To be brought to the disk before.
    pub files: Vec<File>,
    /// Who waits for it.
    pub reply: Option<Sender<Result<PathBuf, LearnerError>>>,
}

/// Gradient steps a live learner may owe; what play brings beyond that is not made up for later.
const MOST_DEBT: u64 = 2_000;
/// Gradient steps between two looks at the inbox.
const STEPS_A_ROUND: u64 = 4;
/// Time between two measured gradient steps, and between two status updates.
const REPORT_EVERY: Duration = Duration::from_millis(200);
/// Time between two looks at all of replay.
const SURVEY_EVERY: Duration = Duration::from_secs(2);

/// The learner with everything it shares with its handle.
pub(super) struct Worker {
    learner: Learner,
    checkpoints: Option<PathBuf>,
    policy: Arc<ArcSwap<PolicySnapshot>>,
    status: Arc<ArcSwap<LearnerStatus>>,
    /// Steps that its handle has sent and that are not yet in replay.
    waiting: Arc<AtomicUsize>,
    training: bool,
    reveals: bool,
    /// Whether it trains in periods alone: then nobody watches.
    in_periods: bool,
    /// Ends a period early once it is set.
    stop: Arc<AtomicBool>,
    /// Changes of configuration, device and networks that were asked for and answered.
    answered: u64,
    published_at: u64,
    reported: (Instant, u64),
    /// Whether it writes checkpoints by the clock.
    saves: bool,
    /// When it was last saved, with how many gradient steps and environment steps.
    saved: (Instant, [u64; 2]),
    /// Whether somebody looks at what replay holds, and what was seen when.
    surveys: bool,
    surveyed: Option<(Instant, Arc<ReplayStats>)>,
    /// Since when it has lived, and how it was.
    born: Instant,
    marks: SnapshotHistory,
}

impl Worker {
    pub(super) fn new(
        learner: Learner,
        checkpoints: Option<PathBuf>,
        policy: Arc<ArcSwap<PolicySnapshot>>,
        status: Arc<ArcSwap<LearnerStatus>>,
        waiting: Arc<AtomicUsize>,
        periods: Option<Arc<AtomicBool>>,
    ) -> Self {
        let (steps, lived) = (learner.counters().gradient_steps, learner.counters().env_steps);
        let now = Instant::now();
        Self {
            learner,
            checkpoints,
            policy,
            status,
            waiting,
            training: true,
            reveals: false,
            in_periods: periods.is_some(),
            stop: periods.unwrap_or_default(),
            answered: 0,
            published_at: steps,
            reported: (now, steps),
            saves: true,
            saved: (now, [steps, lived]),
            surveys: false,
            surveyed: None,
            born: now,
            marks: SnapshotHistory::default(),
        }
    }

    /// Obeys and trains until the handle is gone.
    pub(super) fn run(&mut self, inbox: &Receiver<Command>) -> Result<(), LearnerError> {
        self.publish()?;
        // Networks that are as fresh as this leave behind what was trained before.
        let fresh = (self.learner.counters().env_steps, self.learner.counters().gradient_steps) == (0, 0);
        self.tell(None, fresh.then(|| self.what_stays()).flatten());
        loop {
            let ready = self.trains_by_itself() && self.learner.credit() > 0;
            // With work at hand, only look; without, sleep until somebody speaks.
            let wait = if ready { Duration::ZERO } else { REPORT_EVERY };
            match inbox.recv_timeout(wait) {
                Ok(command) => {
                    self.obey(command)?;
                    while let Ok(command) = inbox.try_recv() {
                        self.obey(command)?;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            self.work()?;
        }
    }

    /// One round of live training.
    fn work(&mut self) -> Result<(), LearnerError> {
        let due = self.reported.0.elapsed() >= REPORT_EVERY;
        let count = if self.trains_by_itself() { self.learner.credit().min(STEPS_A_ROUND) } else { 0 };
        let report = self.learner.train(count, due)?;
        if self.learner.counters().gradient_steps >= self.published_at + self.learner.config().publish_every {
            self.publish()?;
        }
        if due {
            let age = self.born.elapsed().as_secs();
            if !self.in_periods && age >= self.marks.due() {
                self.marks.push(self.learner.mark(self.marks.due())?);
            }
            let fresh = self.surveyed.as_ref().is_some_and(|(at, _)| at.elapsed() < SURVEY_EVERY);
            if self.surveys && !fresh {
                self.surveyed = Some((Instant::now(), Arc::new(self.learner.replay().survey())));
            }
            self.tell(report, None);
        }
        let every = self.learner.config().checkpoint_seconds;
        let (saved, at) = self.saved;
        if self.saves
            && self.checkpoints.is_some()
            && every > 0.0
            && saved.elapsed().as_secs_f32() >= every
            && self.stands() != at
        {
            self.save(Save::default());
        }
        Ok(())
    }

    /// Gradient steps and environment steps: what a checkpoint would add to the one before.
    fn stands(&self) -> [u64; 2] {
        let counters = self.learner.counters();
        [counters.gradient_steps, counters.env_steps]
    }

    /// In periods, credit is for the next period: what a period that was stopped has left is made there.
    fn trains_by_itself(&self) -> bool {
        self.training && !self.in_periods
    }

    fn obey(&mut self, command: Command) -> Result<(), LearnerError> {
        match command {
            Command::Steps(steps) => {
                self.learner.push(&steps, self.training);
                self.waiting.fetch_sub(steps.len(), Ordering::Relaxed);
                self.learner.limit_credit(MOST_DEBT);
            }
            Command::Open(reply) => {
                self.in_periods = true;
                _ = reply.send(self.barrier(None));
            }
            Command::Period(steps, reply) => {
                self.in_periods = true;
                self.learner.push(&steps, true);
                let result = self.period();
                let failed = result.as_ref().err().map(ToString::to_string);
                _ = reply.send(result);
                if let Some(failed) = failed {
                    return Err(LearnerError::Period(failed));
                }
            }
            Command::Train(on) => {
                self.training = on;
                self.tell(None, None);
            }
            Command::Reveal(on) => {
                if std::mem::replace(&mut self.reveals, on) != on {
                    self.publish()?;
                }
            }
            Command::Survey(on) => {
                self.surveys = on;
                self.surveyed = None;
            }
            Command::Configure(config) => {
                let result = self.learner.set_config(*config);
                self.answered += 1;
                self.tell(None, Some(result.map_or_else(|error| error.to_string(), |()| String::new())));
            }
            Command::Level(level) => self.learner.set_level(level),
            Command::Save(save) => self.save(save),
            Command::LeaveSaving => self.saves = false,
            Command::Load(folder) => {
                let message = match self.learner.load(&folder) {
                    Ok(()) => {
                        // Play goes on from where it is, not from where the checkpoint was written.
                        self.learner.cut_streams();
                        (self.born, self.marks) = (Instant::now(), SnapshotHistory::default());
                        format!("loaded {}", folder.display())
                    }
                    Err(error) => error.to_string(),
                };
                self.publish()?;
                self.tell(None, Some(message));
            }
            Command::Rewind(mark) => {
                let age = self.born.elapsed().as_secs();
                let message = match self.learner.mark(age).and_then(|now| {
                    self.learner.rewind(&mark)?;
                    self.marks.push(now);
                    Ok(())
                }) {
                    Ok(()) => format!("back at {}", mark.name()),
                    Err(error) => error.to_string(),
                };
                self.publish()?;
                self.tell(None, Some(message));
            }
            Command::Device(choice) => {
                let message = match self.learner.set_device(choice) {
                    Ok(()) => format!("learning on {}", self.learner.device().0),
                    Err(error) => error.to_string(),
                };
                self.answered += 1;
                self.tell(None, Some(message));
            }
            Command::Reset(config) => {
                let result = self.learner.reset(*config);
                self.answered += 1;
                match result {
                    Ok(()) => {
                        self.saved = (Instant::now(), [0, 0]);
                        (self.born, self.marks) = (Instant::now(), SnapshotHistory::default());
                        self.publish()?;
                        let stays = self.what_stays().map(|stays| format!("; {stays}")).unwrap_or_default();
                        self.tell(None, Some(format!("fresh networks{stays}")));
                    }
                    Err(error) => self.tell(None, Some(error.to_string())),
                }
            }
        }
        Ok(())
    }

    fn period(&mut self) -> Result<PeriodReport, LearnerError> {
        let report = self.learner.train_until(&self.stop, self.learner.credit(), true)?;
        self.barrier(report)
    }

    /// The policy as it stands, and where the learner is.
    fn barrier(&mut self, report: Option<TrainMetrics>) -> Result<PeriodReport, LearnerError> {
        let policy = self.learner.publish(self.reveals)?;
        // The caller publishes it at the barrier, not this thread at once.
        self.published_at = self.learner.counters().gradient_steps;
        Ok(PeriodReport {
            policy,
            actor: self.learner.published(),
            finished: !self.stop.load(Ordering::Relaxed) || self.learner.credit() == 0,
            report,
            effective_sample_size: self.learner.effective_sample_size(),
            policy_lag: self.learner.policy_lag(),
            counters: self.learner.counters(),
            replay_len: self.learner.replay().len(),
        })
    }

    fn publish(&mut self) -> Result<(), LearnerError> {
        self.policy.store(Arc::new(self.learner.publish(self.reveals)?));
        self.published_at = self.learner.counters().gradient_steps;
        Ok(())
    }

    fn save(&mut self, Save { folder, extra, files, reply }: Save) {
        let Some(folder) = folder.or_else(|| self.checkpoints.clone()) else {
            self.tell(None, Some("nothing saved: this run has no folder, start it with --out".into()));
            return;
        };
        let flushed = files.iter().try_for_each(File::sync_data).map_err(|error| {
            let (path, reason) = (folder.display().to_string(), error.to_string());
            LearnerError::from(CheckpointError::Io { path, reason })
        });
        let result = flushed.and_then(|()| self.learner.save(&folder, extra));
        let message = match &result {
            Ok(place) => format!("saved {}", place.display()),
            Err(error) => error.to_string(),
        };
        self.saved = (Instant::now(), self.stands());
        if let Some(reply) = reply {
            _ = reply.send(result);
        }
        self.tell(None, Some(message));
    }

    /// Where the agent stays that was trained before, if there was one.
    fn what_stays(&self) -> Option<String> {
        let place = checkpoint::find(self.checkpoints.as_deref()?).ok()?;
        Some(format!("the agent before stays in {}", place.display()))
    }

    /// Updates the status; without a report or a message the last ones stay.
    fn tell(&mut self, report: Option<TrainMetrics>, message: Option<String>) {
        let counters = self.learner.counters();
        let seconds = self.reported.0.elapsed().as_secs_f32();
        let last = self.status.load_full();
        let made = counters.gradient_steps.saturating_sub(self.reported.1);
        let rate = if seconds >= REPORT_EVERY.as_secs_f32() {
            self.reported = (Instant::now(), counters.gradient_steps);
            made as f32 / seconds
        } else {
            last.gradient_steps_per_second
        };
        let health = if !self.training {
            Health::Paused
        } else if counters.env_steps <= self.learner.config().learning_starts {
            Health::Collecting
        } else {
            Health::Training
        };
        let (device, device_reason) = self.learner.device();
        self.status.store(Arc::new(LearnerStatus {
            health,
            device,
            device_reason,
            gradient_steps: counters.gradient_steps,
            env_steps: counters.env_steps,
            refused: counters.refused,
            replay_len: self.learner.replay().len(),
            replay_capacity: self.learner.replay().capacity(),
            replay_bytes: self.learner.replay().bytes(),
            human_share: self.learner.replay().human_share(),
            policy_version: counters.policy_version,
            report: report.unwrap_or_else(|| last.report.clone()),
            effective_sample_size: self.learner.effective_sample_size(),
            policy_lag: self.learner.policy_lag(),
            gradient_steps_per_second: rate,
            config: Arc::new(self.learner.config().clone()),
            device_choice: self.learner.device_choice(),
            answered: self.answered,
            marks: self.marks.clone(),
            survey: self.surveyed.as_ref().map(|(_, survey)| survey.clone()),
            message: message.unwrap_or_else(|| last.message.clone()),
        }));
    }
}
