//! Saving a live learner: periodically, on request, or together with the record of a run.

use std::fs::File;
use std::path::PathBuf;

use super::LiveLearner;
use crate::learner::LearnerError;
use crate::link::{Command, Save, Ticket};

/// Asks a learner to write a checkpoint to its own folder.
pub fn save_request() -> Command {
    Command::Save(Save::default())
}

impl LiveLearner {
    /// Lets the caller decide when checkpoints are written, with the run's files. Call before the first step.
    pub fn record(&mut self) {
        self.recorded = true;
        self.command(Command::SaveOnCommand);
    }

    /// Writes a checkpoint to the run's folder.
    pub fn save(&mut self) {
        if self.recorded {
            self.wanted = true;
        } else {
            self.command(Command::Save(Save::default()));
        }
    }

    /// Whether a checkpoint was requested since the last call.
    pub fn take_save_request(&mut self) -> bool {
        std::mem::take(&mut self.wanted)
    }

    /// Requests a checkpoint in `folder` of everything sent so far, with `extra` files besides the learner's
    /// own; `files` are synced first. A fresh agent that waits for this one to be saved starts after it.
    pub fn begin_save(&mut self, folder: PathBuf, extra: Vec<(String, Vec<u8>)>, files: Vec<File>) -> Ticket {
        let saving = self.command(Command::Save(Save { folder: Some(folder), extra, files }));
        if let Some(config) = self.next.take() {
            self.change(Command::Reset(Box::new(config)));
        }
        saving
    }

    /// Writes a checkpoint to `folder` and waits for it; a learner that has failed keeps its last one.
    ///
    /// # Errors
    /// The reason, in one line.
    pub fn save_and_wait(&self, folder: PathBuf) -> Result<(), LearnerError> {
        if !self.status().health.is_up() {
            return Ok(());
        }
        let save = Save { folder: Some(folder), ..Save::default() };
        self.finish_save(&self.command(Command::Save(save)))
    }

    /// Waits for a requested checkpoint; a learner that has failed keeps its last one.
    ///
    /// # Errors
    /// The reason, in one line.
    pub fn finish_save(&self, saving: &Ticket) -> Result<(), LearnerError> {
        match saving.wait() {
            Err(LearnerError::Stopped(_)) => Ok(()),
            result => result.map(|_| ()),
        }
    }
}
