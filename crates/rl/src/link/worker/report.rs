//! A worker's reports: its status, and snapshots as the agent grows older.

use std::sync::Arc;
use std::time::Instant;

use super::{REPORT_EVERY, SURVEY_EVERY, Worker};
use crate::learner::{AgentSnapshot, Health, LearnerError, LearnerStatus};
use crate::metrics::Metrics;

impl Worker {
    /// Does what is due: a snapshot, a survey of the replay buffer, a status with `report`.
    pub(super) fn look(&mut self, report: Option<Metrics>) -> Result<(), LearnerError> {
        let age = self.born.elapsed().as_secs();
        if !self.in_periods && age >= self.snapshots.due() {
            let snapshot = self.learner.mark(self.snapshots.due())?;
            self.keep(snapshot);
        }
        let fresh = self.surveyed.as_ref().is_some_and(|(at, _)| at.elapsed() < SURVEY_EVERY);
        if self.surveys && !fresh {
            self.surveyed = Some((Instant::now(), self.learner.replay().survey()));
        }
        self.update_status(report, None);
        Ok(())
    }

    /// Takes a snapshot.
    pub(super) fn keep(&mut self, snapshot: AgentSnapshot) {
        self.snapshots.push(snapshot);
        self.shared.snapshots.store(Arc::new(self.snapshots.clone()));
    }

    /// Clears the snapshots for a new agent.
    pub(in crate::link) fn start_agent(&mut self) {
        self.born = Instant::now();
        self.snapshots.clear();
        self.shared.snapshots.store(Arc::new(self.snapshots.clone()));
    }

    /// Updates the status; without a report or a message the last ones stay.
    pub(super) fn update_status(&mut self, report: Option<Metrics>, message: Option<String>) {
        let counters = self.learner.counters();
        let seconds = self.reported.0.elapsed().as_secs_f32();
        let last = self.shared.status.load_full();
        let made = counters.gradient_steps.saturating_sub(self.reported.1);
        let rate = if seconds >= REPORT_EVERY.as_secs_f32() {
            self.reported = (Instant::now(), counters.gradient_steps);
            made as f32 / seconds
        } else {
            last.gradient_steps_per_second
        };
        let (device, device_reason) = self.learner.device();
        let replay = self.learner.replay();
        self.shared.status.store(Arc::new(LearnerStatus {
            health: self.health(),
            device,
            device_reason,
            gradient_steps: counters.gradient_steps,
            env_steps: counters.env_steps,
            refused: counters.refused,
            dropped: self.shared.backlog.dropped(),
            replay_len: replay.len(),
            replay_capacity: replay.capacity(),
            replay_bytes: replay.bytes(),
            human_share: replay.human_share(),
            policy_version: counters.policy_version,
            report: report.unwrap_or_else(|| last.report.clone()),
            effective_sample_size: self.learner.effective_sample_size(),
            policy_lag: self.learner.policy_lag(),
            gradient_steps_per_second: rate,
            config: self.learner.config().clone(),
            device_choice: self.learner.device_choice(),
            snapshots: self.snapshots.infos(),
            survey: self.surveyed.as_ref().map(|(_, survey)| survey.clone()),
            message: message.unwrap_or_else(|| last.message.clone()),
        }));
    }

    fn health(&self) -> Health {
        if !self.training {
            Health::Paused
        } else if self.learner.counters().env_steps <= self.learner.config().learning_starts {
            Health::Collecting
        } else {
            Health::Training
        }
    }
}
