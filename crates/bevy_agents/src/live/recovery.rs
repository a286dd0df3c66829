//! Recovery: what a learner that has failed can go on from. That it has failed is said by its status.

use std::sync::Arc;
use std::time::Duration;

use super::LiveLearner;
use crate::learner::checkpoint::Checkpoint;
use crate::learner::{AgentSnapshot, Learner, LearnerHandle, LearnerSetup};

/// A state that a learner that has failed can go on from.
#[derive(Debug, Clone)]
pub enum RecoveryPoint {
    /// The last checkpoint, written this many seconds ago.
    Checkpoint(u64),
    /// How the agent was at a certain age. What replay held is lost.
    Mark(Arc<AgentSnapshot>),
    /// Fresh networks.
    Fresh,
}

impl LiveLearner {
    /// What can be gone on from after a failure, the youngest first.
    pub fn rescues(&self) -> Vec<RecoveryPoint> {
        let mut all: Vec<(Duration, RecoveryPoint)> = Vec::new();
        let latest = self.setup.checkpoints.as_ref().map(|folder| folder.join("latest"));
        let written = latest.and_then(|latest| std::fs::metadata(latest).ok()?.modified().ok());
        if let Some(written) = written {
            // A clock that was set back makes no checkpoint worse.
            let age = written.elapsed().unwrap_or_default();
            all.push((age, RecoveryPoint::Checkpoint(age.as_secs())));
        }
        let status = self.status();
        for mark in self.earlier.all().iter().chain(status.marks.all()).filter(|mark| mark.gradient_steps > 0)
        {
            all.push((mark.born.elapsed(), RecoveryPoint::Mark(mark.clone())));
        }
        all.sort_by_key(|(age, _)| *age);
        all.into_iter().map(|(_, rescue)| rescue).chain([RecoveryPoint::Fresh]).collect()
    }

    /// After a failure: a new thread, which goes on from `rescue`.
    pub fn rescue(&mut self, rescue: &RecoveryPoint) {
        // Should that fail as well, the others are still there.
        let marks = self.status().marks.clone();
        if !marks.all().is_empty() {
            self.earlier = marks;
        }
        let checkpoints = self.setup.checkpoints.clone();
        let resume = checkpoints.filter(|_| matches!(rescue, RecoveryPoint::Checkpoint(_)));
        // A checkpoint from before a new start with other networks is gone on with as it is.
        if let Some(Ok(checkpoint)) = resume.as_deref().map(|folder| Checkpoint::open_only(folder, |_| false))
        {
            let sac = &mut self.setup.config.sac;
            *sac = sac.with_networks_of(&checkpoint.manifest.sac);
        }
        let setup = LearnerSetup { resume, ..self.setup.clone() };
        // Play goes on from where it is, not from where the checkpoint was written.
        let make = |setup| {
            let mut learner = Learner::new(setup)?;
            learner.cut_streams();
            Ok(learner)
        };
        // The same swap, so that seats need not be told.
        self.handle = LearnerHandle::start_with(setup, self.handle.policy(), make);
        if self.recorded {
            self.handle.leave_saving();
        }
        self.handle.set_training(self.training);
        self.handle.set_reveal(self.reveals);
        self.handle.set_survey(self.surveys);
        if let RecoveryPoint::Mark(mark) = rescue {
            self.handle.rewind(mark.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learner::{DeviceChoice, Health, LearnerConfig, LearnerError, LearnerStatus};
    use crate::mdp::{Action, Origin, StepBatch};
    use crate::testing::pole;

    /// Steps of cartpole that are as good as any.
    fn steps(count: usize) -> StepBatch {
        let mut steps = StepBatch::default();
        for step in 0..count {
            steps.streams.push(0);
            steps.starts.push(step == 0);
            steps.observations.push(&[step as f32 / count as f32, 0.1, -0.1, 0.0], &[]);
            steps.actions.push(Action::Discrete((step % 2) as u16));
            steps.rewards.push(1.0);
            steps.behaviour_entropies.push(0.5);
            steps.origins.push(Origin::Policy);
            steps.ends.push(None);
        }
        steps
    }

    fn wait(live: &LiveLearner, done: impl Fn(&LearnerStatus) -> bool) -> Arc<LearnerStatus> {
        let before = std::time::Instant::now();
        while !done(&live.status()) {
            assert!(before.elapsed().as_secs() < 60, "{:?}", live.status());
            std::thread::sleep(Duration::from_millis(5));
        }
        live.status()
    }

    #[test]
    fn a_learner_that_failed_goes_on_from_every_good_state() {
        let folder = tempfile::tempdir().unwrap();
        let spec = pole();
        let config = LearnerConfig { learning_starts: 100, batch_size: 8, ..LearnerConfig::default() };
        let mut setup = LearnerSetup::new(spec, config);
        (setup.device, setup.checkpoints) = (DeviceChoice::Cpu, Some(folder.path().into()));
        let mut live = LiveLearner::start(setup.clone());
        live.handle.send(steps(300));
        let status = wait(&live, |status| status.gradient_steps > 20);
        live.set_training(false);
        live.handle.save_with(folder.path().into(), Vec::new()).unwrap();
        let first = status.marks.all()[0].clone();
        live.rewind(&first);
        // Going back has set a mark of where it was.
        let known = wait(&live, |status| status.marks.all().len() > 1);
        let trained = known.marks.all().last().unwrap().gradient_steps;
        let good = known.marks.all().iter().filter(|mark| mark.gradient_steps > 0).count();
        let fail = |live: &mut LiveLearner| {
            let broken = |_| Err(LearnerError::Period("broken".into()));
            live.handle = LearnerHandle::start_with(setup.clone(), live.handle.policy(), broken);
            wait(
                live,
                |status| matches!(&status.health, Health::Failed(reason) if reason.contains("broken")),
            );
        };
        live.earlier = known.marks.clone();
        fail(&mut live);
        let rescues = live.rescues();
        let of = |wanted: fn(&RecoveryPoint) -> bool| rescues.iter().find(|rescue| wanted(rescue)).unwrap();
        assert!(
            matches!(rescues.last(), Some(RecoveryPoint::Fresh)) && rescues.len() == good + 2,
            "{rescues:?}"
        );
        live.rescue(of(|rescue| matches!(rescue, RecoveryPoint::Checkpoint(_))));
        let status = wait(&live, |status| status.gradient_steps > 0);
        assert_eq!((status.env_steps, status.replay_len), (300, 299), "{status:?}");
        fail(&mut live);
        // The youngest mark comes first.
        live.rescue(of(|rescue| matches!(rescue, RecoveryPoint::Mark(_))));
        let status = wait(&live, |status| status.gradient_steps > 0);
        assert_eq!((status.gradient_steps, status.replay_len), (trained, 0), "{status:?}");
    }
}
