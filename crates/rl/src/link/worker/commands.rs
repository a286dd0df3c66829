//! How each [`Command`] is carried out: an arm of `carry_out`, which calls the learner's method.

use super::Worker;
use crate::link::command::{Command, Problem, Reply};

impl Worker {
    /// Carries out one command. An error returned with `?` means that nothing has changed.
    pub(super) fn carry_out(&mut self, command: Command) -> Result<Reply, Problem> {
        match command {
            Command::Train(on) => self.training = on,
            Command::PublishCritics(on) => {
                if std::mem::replace(&mut self.critics, on) != on {
                    self.publish()?;
                }
            }
            Command::Survey(on) => (self.surveys, self.surveyed) = (on, None),
            Command::Configure(config) => {
                self.learner.set_config(*config)?;
                return Ok(Reply::Message(String::new()));
            }
            Command::SetLevel(level) => self.learner.set_level(level),
            Command::Save(save) => return Ok(Reply::Saved(self.save(save)?)),
            Command::SaveOnCommand => self.saves = false,
            Command::Load(folder) => {
                self.learner.load(&folder)?;
                // The simulation is not the one of the checkpoint.
                self.learner.cut_streams();
                self.start_agent();
                self.publish()?;
                return Ok(Reply::Message(format!("loaded {}", folder.display())));
            }
            Command::Rewind(id) => return Ok(Reply::Message(self.rewind(id)?)),
            Command::SetDevice(choice) => {
                self.learner.set_device(choice)?;
                return Ok(Reply::Message(format!("learning on {}", self.learner.device().0)));
            }
            Command::Reset(config) => {
                self.learner.reset(*config)?;
                self.start_agent();
                self.mark_saved();
                self.publish()?;
                let stays = self.kept_agent().map(|stays| format!("; {stays}")).unwrap_or_default();
                return Ok(Reply::Message(format!("fresh networks{stays}")));
            }
            Command::Open => {
                self.in_periods = true;
                return self.barrier(None);
            }
            Command::Period(steps) => {
                self.in_periods = true;
                return self.period(&steps);
            }
        }
        Ok(Reply::Done)
    }
}
