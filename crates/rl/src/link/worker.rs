//! The learner's thread: takes steps, carries out commands, trains, publishes, writes checkpoints.
//!
//! It works in one of two modes: *live*, training as fast as its credit allows, or in *periods*, where the
//! caller sends steps and waits for the policy.

mod commands;
mod report;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::backlog::Backlog;
use super::command::{Command, PeriodReport, Problem, Reply, Save};
use super::ticket::Answer;
use super::{PolicySlot, Published};
use crate::learner::checkpoint::{self, CheckpointError};
use crate::learner::{Learner, LearnerError, LearnerStatus, ReplayStats, SnapshotHistory};
use crate::mdp::{PolicySnapshot, StepBatch};
use crate::metrics::Metrics;

/// Messages through the channel, in order.
pub(super) enum Message {
    Steps(Box<StepBatch>),
    Command(Command, Sender<Answer>),
}

/// State shared between a worker and its link.
#[derive(Clone)]
pub(super) struct Shared {
    pub policy: PolicySlot,
    pub published: Arc<ArcSwapOption<Published>>,
    /// Gradient steps that the learner may make now.
    pub credit: Arc<AtomicU64>,
    pub status: Arc<ArcSwap<LearnerStatus>>,
    pub snapshots: Arc<ArcSwap<SnapshotHistory>>,
    pub backlog: Backlog,
}

/// Maximum credit of a live learner in gradient steps; more is dropped.
const MOST_DEBT: u64 = 2_000;
/// Gradient steps between two checks of the channel.
const STEPS_A_ROUND: u64 = 4;
/// Interval between two reported gradient steps, and between two status updates.
const REPORT_EVERY: Duration = Duration::from_millis(200);
/// Interval at which a learner without work looks whether others wait for it.
const MEET_EVERY: Duration = Duration::from_millis(10);
/// Interval between two surveys of the replay buffer.
const SURVEY_EVERY: Duration = Duration::from_secs(2);

/// The learner with everything it shares with its link.
pub(super) struct Worker {
    learner: Learner,
    checkpoints: Option<PathBuf>,
    shared: Shared,
    training: bool,
    /// Whether actors wait for it where they are asked to.
    paced: bool,
    /// Whether critics are published with policies.
    critics: bool,
    /// Whether it only trains in periods, without snapshots.
    in_periods: bool,
    /// Ends a period early once it is set.
    stop: Arc<AtomicBool>,
    published_at: u64,
    reported: (Instant, u64),
    /// Whether it writes checkpoints periodically.
    saves: bool,
    /// When it was last saved, with its gradient steps and environment steps.
    saved: (Instant, [u64; 2]),
    /// Whether the replay buffer is surveyed, and the last survey with its time.
    surveys: bool,
    surveyed: Option<(Instant, ReplayStats)>,
    /// When the agent started, and its snapshots.
    born: Instant,
    snapshots: SnapshotHistory,
}

impl Worker {
    pub(super) fn new(
        learner: Learner,
        checkpoints: Option<PathBuf>,
        shared: Shared,
        periods: Option<Arc<AtomicBool>>,
        paced: bool,
    ) -> Self {
        let counters = learner.counters();
        let now = Instant::now();
        Self {
            learner,
            checkpoints,
            shared,
            training: true,
            paced,
            critics: false,
            in_periods: periods.is_some(),
            stop: periods.unwrap_or_default(),
            published_at: counters.gradient_steps,
            reported: (now, counters.gradient_steps),
            saves: true,
            saved: (now, [counters.gradient_steps, counters.env_steps]),
            surveys: false,
            surveyed: None,
            born: now,
            snapshots: SnapshotHistory::default(),
        }
    }

    /// Works until the link is closed.
    ///
    /// # Errors
    /// Why the learner cannot continue.
    pub(super) fn run(&mut self, inbox: &Receiver<Message>) -> Result<(), LearnerError> {
        self.publish_now()?;
        // Fresh networks leave the checkpoint of an agent trained before in place.
        let fresh = (self.learner.counters().env_steps, self.learner.counters().gradient_steps) == (0, 0);
        self.update_status(None, fresh.then(|| self.kept_agent()).flatten());
        loop {
            let ready = self.trains_by_itself() && self.learner.may_train();
            // With work to do, only poll; without, sleep until a message comes.
            let idle = if self.learner.has_replicas() { MEET_EVERY } else { REPORT_EVERY };
            let wait = if ready { Duration::ZERO } else { idle };
            match inbox.recv_timeout(wait) {
                Ok(message) => {
                    self.take(message)?;
                    while let Ok(message) = inbox.try_recv() {
                        self.take(message)?;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            self.work()?;
        }
    }

    fn take(&mut self, message: Message) -> Result<(), LearnerError> {
        match message {
            Message::Steps(steps) => {
                self.learner.push(&steps, self.training);
                if !(self.paced && self.learner.config().actors_wait) {
                    self.learner.limit_credit(MOST_DEBT);
                }
                self.shared.credit.store(self.learner.credit(), Ordering::Relaxed);
                self.shared.backlog.leave(&steps);
                Ok(())
            }
            Message::Command(command, reply) => self.answer(command, &reply),
        }
    }

    /// Carries out a command and replies. The status is updated before the reply is sent.
    fn answer(&mut self, command: Command, reply: &Sender<Answer>) -> Result<(), LearnerError> {
        let answer = match self.carry_out(command) {
            Ok(done) => {
                self.update_status(None, done.message());
                Ok(done)
            }
            Err(Problem::Refused(error)) => {
                self.update_status(None, Some(error.to_string()));
                Err(error)
            }
            Err(Problem::Fatal(error)) => {
                let reason = error.to_string();
                // Nobody may be waiting for it.
                _ = reply.send(Err(error));
                return Err(LearnerError::Failed(reason));
            }
        };
        _ = reply.send(answer);
        Ok(())
    }

    /// One round of live training.
    fn work(&mut self) -> Result<(), LearnerError> {
        let due = self.reported.0.elapsed() >= REPORT_EVERY;
        let met = !self.in_periods && self.learner.meet(self.training)?;
        let count = if self.trains_by_itself() { self.learner.allowed(STEPS_A_ROUND) } else { 0 };
        let report = self.learner.train(count, due)?;
        self.shared.credit.store(self.learner.credit(), Ordering::Relaxed);
        if met
            || self.learner.counters().gradient_steps
                >= self.published_at + self.learner.config().publish_every
        {
            self.publish_now()?;
        }
        if due {
            self.look(report)?;
        }
        let every = self.learner.config().checkpoint_seconds;
        let (saved, at) = self.saved;
        if self.saves
            && self.checkpoints.is_some()
            && every > 0.0
            && saved.elapsed().as_secs_f32() >= every
            && self.progress() != at
        {
            let message = match self.save(Save::default()) {
                Ok(place) => Reply::Saved(place).message(),
                Err(error) => Some(error.to_string()),
            };
            self.update_status(None, message);
        }
        Ok(())
    }

    /// In periods, credit is kept for the next period, which makes the gradient steps that a stop left.
    fn trains_by_itself(&self) -> bool {
        self.training && !self.in_periods
    }

    /// Takes `steps` and makes the gradient steps they allow, until a stop is set.
    pub(super) fn period(&mut self, steps: &StepBatch) -> Result<Reply, Problem> {
        self.learner.push(steps, true);
        let report = self.learner.train_until(&self.stop, self.learner.credit(), true);
        self.barrier(report.map_err(Problem::Fatal)?)
    }

    /// The current policy and counters.
    pub(super) fn barrier(&mut self, report: Option<Metrics>) -> Result<Reply, Problem> {
        let policy = self.learner.publish(self.critics).map_err(Problem::Fatal)?;
        // The other end publishes it at the barrier, not this thread at once.
        self.published_at = self.learner.counters().gradient_steps;
        Ok(Reply::Period(Box::new(PeriodReport {
            policy,
            actor: self.learner.published(),
            finished: !self.stop.load(Ordering::Relaxed) || self.learner.credit() == 0,
            report,
            effective_sample_size: self.learner.effective_sample_size(),
            policy_lag: self.learner.policy_lag(),
            counters: self.learner.counters(),
            replay_len: self.learner.replay().len(),
        })))
    }

    fn publish_now(&mut self) -> Result<(), LearnerError> {
        let snapshot = self.learner.publish(self.critics)?;
        let PolicySnapshot { version, gradient_steps, .. } = snapshot;
        let published = self.learner.published().map(|policy| Published { version, gradient_steps, policy });
        self.shared.published.store(published.map(Arc::new));
        self.shared.policy.store(Arc::new(snapshot));
        self.published_at = self.learner.counters().gradient_steps;
        Ok(())
    }

    /// Publishes the policy. A learner whose networks cannot be read cannot continue.
    pub(super) fn publish(&mut self) -> Result<(), Problem> {
        self.publish_now().map_err(Problem::Fatal)
    }

    /// Restores snapshot `id`, and says which one that is.
    pub(super) fn rewind(&mut self, id: u64) -> Result<String, Problem> {
        let snapshot = self.snapshots.get(id).cloned().ok_or(LearnerError::NoSnapshot(id))?;
        let now = self.learner.mark(self.born.elapsed().as_secs())?;
        self.learner.rewind(&snapshot)?;
        self.keep(now);
        self.publish()?;
        Ok(format!("back at {}", snapshot.name()))
    }

    /// Writes a checkpoint.
    pub(super) fn save(&mut self, Save { folder, extra, files }: Save) -> Result<PathBuf, LearnerError> {
        let folder = folder.or_else(|| self.checkpoints.clone()).ok_or(LearnerError::NoFolder)?;
        let flushed = files.iter().try_for_each(File::sync_data).map_err(|error| {
            let (path, reason) = (folder.display().to_string(), error.to_string());
            LearnerError::from(CheckpointError::Io { path, reason })
        });
        let result = flushed.and_then(|()| self.learner.save(&folder, extra));
        self.mark_saved();
        result
    }

    /// Restarts the interval to the next checkpoint.
    pub(super) fn mark_saved(&mut self) {
        self.saved = (Instant::now(), self.progress());
    }

    /// Gradient steps and environment steps, to detect progress since the last checkpoint.
    fn progress(&self) -> [u64; 2] {
        let counters = self.learner.counters();
        [counters.gradient_steps, counters.env_steps]
    }

    /// The folder in which an agent trained before is kept, if there was one.
    pub(super) fn kept_agent(&self) -> Option<String> {
        let place = checkpoint::find(self.checkpoints.as_deref()?).ok()?;
        Some(format!("the previous agent is kept in {}", place.display()))
    }
}
