//! Actors and learner in lock step: they work in parallel within a period and synchronize at its end, so that
//! results do not depend on timing and a seed gives the same bytes.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{Command, Launch, LearnerLink, PeriodReport, PolicySlot, Reply, Save, ThreadLink, Ticket};
use crate::learner::{LearnerError, LearnerSetup, LearnerStatus};
use crate::mdp::{PolicySnapshot, StepBatch};

/// A learner that trains in periods, over any link.
pub struct LockStep {
    link: Box<dyn LearnerLink>,
    policy: PolicySlot,
    period: Option<Ticket>,
}

impl LockStep {
    /// Starts a learner on its own thread; its open period ends early once `stop` is set.
    pub fn start(setup: LearnerSetup, stop: Arc<AtomicBool>) -> Self {
        let launch = Launch::new(setup);
        let policy = launch.policy.clone();
        Self::over(Box::new(ThreadLink::start_in_periods(launch, stop)), policy)
    }

    /// Drives the learner behind `link`, which publishes into `policy`.
    pub fn over(link: Box<dyn LearnerLink>, policy: PolicySlot) -> Self {
        Self { link, policy, period: None }
    }

    /// Where the policy of the period is published.
    pub fn policy(&self) -> PolicySlot {
        self.policy.clone()
    }

    /// Status of the learner.
    pub fn status(&self) -> Arc<LearnerStatus> {
        self.link.status()
    }

    /// Waits until the device is open and the learner has its first policy; `None` once `stop` is set.
    /// Opening a GPU takes seconds.
    ///
    /// # Errors
    /// The reason if the learner has stopped.
    pub fn open(&mut self, stop: &AtomicBool) -> Result<Option<PeriodReport>, LearnerError> {
        let reply = self.link.command(Command::Open).wait_unless(stop);
        reply.map(|reply| self.meet(reply)).transpose()
    }

    /// Makes actors play with `policy` until the next period ends.
    pub fn act_with(&self, policy: PolicySnapshot) {
        self.policy.store(Arc::new(policy));
    }

    /// Starts a period: the learner takes `steps` and makes the gradient steps they allow.
    pub fn begin_period(&mut self, steps: StepBatch) {
        self.period = Some(self.link.command(Command::Period(Box::new(steps))));
    }

    /// Waits for the end of the open period and publishes its policy.
    ///
    /// # Errors
    /// The reason if the learner has stopped.
    pub fn finish_period(&mut self) -> Result<PeriodReport, LearnerError> {
        let Some(period) = self.period.take() else {
            return Err(LearnerError::Stopped("no period is open".into()));
        };
        self.meet(period.wait())
    }

    /// Writes a checkpoint with `extra` files to `folder` and waits for it; `files` are synced first.
    ///
    /// # Errors
    /// The reason, in one line.
    pub fn save(
        &self,
        folder: PathBuf,
        extra: Vec<(String, Vec<u8>)>,
        files: Vec<File>,
    ) -> Result<(), LearnerError> {
        self.link.command(Command::Save(Save { folder: Some(folder), extra, files })).wait().map(|_| ())
    }

    fn meet(&self, reply: Result<Reply, LearnerError>) -> Result<PeriodReport, LearnerError> {
        match reply? {
            Reply::Period(report) => {
                self.act_with(report.policy.clone());
                Ok(*report)
            }
            _ => Err(LearnerError::Stopped("its link mixed up the replies".into())),
        }
    }
}
