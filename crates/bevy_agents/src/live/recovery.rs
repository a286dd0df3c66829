//! Recovery: states from which training can continue after a learner has failed, which its status reports.

use std::sync::Arc;
use std::time::Duration;

use super::LiveLearner;
use crate::learner::checkpoint::Checkpoint;
use crate::learner::{AgentSnapshot, LearnerSetup};
use crate::link::{Command, Launch};

/// A state to continue from after a failure.
#[derive(Debug, Clone)]
pub enum RecoveryPoint {
    /// The last checkpoint, written this many seconds ago.
    Checkpoint(u64),
    /// A snapshot of the agent at a certain age. The replay buffer is lost.
    Mark(Arc<AgentSnapshot>),
    /// Fresh networks.
    Fresh,
}

impl LiveLearner {
    /// The states to continue from after a failure, newest first.
    pub fn rescues(&self) -> Vec<RecoveryPoint> {
        let mut all: Vec<(Duration, RecoveryPoint)> = Vec::new();
        let latest = self.setup.checkpoints.as_ref().map(|folder| folder.join("latest"));
        let written = latest.and_then(|latest| std::fs::metadata(latest).ok()?.modified().ok());
        if let Some(written) = written {
            // A clock that was set back does not make a checkpoint older.
            let age = written.elapsed().unwrap_or_default();
            all.push((age, RecoveryPoint::Checkpoint(age.as_secs())));
        }
        let snapshots = self.snapshots();
        let known = self.earlier.all().iter().chain(snapshots.all());
        for snapshot in known.filter(|snapshot| snapshot.gradient_steps > 0) {
            all.push((snapshot.born.elapsed(), RecoveryPoint::Mark(snapshot.clone())));
        }
        all.sort_by_key(|(age, _)| *age);
        all.into_iter().map(|(_, rescue)| rescue).chain([RecoveryPoint::Fresh]).collect()
    }

    /// After a failure: starts another learner, which continues from `rescue`.
    pub fn rescue(&mut self, rescue: &RecoveryPoint) {
        // If that fails as well, the others remain.
        let snapshots = self.snapshots();
        if !snapshots.all().is_empty() {
            self.earlier = snapshots;
        }
        let checkpoints = self.setup.checkpoints.clone();
        let resume = checkpoints.filter(|_| matches!(rescue, RecoveryPoint::Checkpoint(_)));
        // A checkpoint from before a reset with other networks is resumed as it is.
        if let Some(Ok(checkpoint)) = resume.as_deref().map(|folder| Checkpoint::open_only(folder, |_| false))
        {
            let algorithm = &mut self.setup.config.algorithm;
            *algorithm = algorithm.with_networks_of(&checkpoint.manifest.algorithm);
        }
        let snapshot = match rescue {
            RecoveryPoint::Mark(snapshot) => Some(snapshot.clone()),
            _ => None,
        };
        self.relaunch(LearnerSetup { resume, ..self.setup.clone() }, snapshot);
    }

    /// Starts another learner from `setup` in place of this one, with the same switches.
    fn relaunch(&mut self, setup: LearnerSetup, snapshot: Option<Arc<AgentSnapshot>>) {
        // The same policy slot, so that controllers keep it. The simulation has played on since the
        // checkpoint.
        let launch =
            Launch { cut_streams: true, snapshot, policy: self.policy.clone(), ..Launch::new(setup) };
        self.link = (self.launcher)(launch);
        self.unsettled.clear();
        if self.recorded {
            self.command(Command::SaveOnCommand);
        }
        self.command(Command::Train(self.training));
        self.command(Command::PublishCritics(self.reveals));
        self.command(Command::Survey(self.surveys));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learner::{DeviceChoice, Health, LearnerConfig, LearnerError, LearnerStatus};
    use crate::link::ThreadLink;
    use crate::mdp::{Action, Origin, StepBatch};
    use crate::testing::pole;

    /// Valid steps of cartpole.
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
    fn a_failed_learner_continues_from_every_valid_state() {
        let folder = tempfile::tempdir().unwrap();
        let spec = pole();
        let config = LearnerConfig { learning_starts: 100, batch_size: 8, ..LearnerConfig::default() };
        let mut setup = LearnerSetup::new(spec, config);
        (setup.device, setup.checkpoints) = (DeviceChoice::Cpu, Some(folder.path().into()));
        let mut live = LiveLearner::start(setup.clone());
        live.link.send(steps(300)).unwrap();
        wait(&live, |status| status.gradient_steps > 20);
        live.set_training(false);
        live.save_and_wait(folder.path().into()).unwrap();
        let first = live.snapshots().all()[0].clone();
        live.rewind(&first);
        // Restoring has kept a snapshot of the state before.
        wait(&live, |status| status.snapshots.len() > 1);
        let known = live.snapshots();
        let trained = known.all().last().unwrap().gradient_steps;
        let good = known.all().iter().filter(|snapshot| snapshot.gradient_steps > 0).count();
        let fail = |live: &mut LiveLearner| {
            let broken = |_| Err(LearnerError::Failed("broken".into()));
            let launch = Launch { policy: live.policy.clone(), ..Launch::new(setup.clone()) };
            live.link = Box::new(ThreadLink::launch_with(launch, broken));
            wait(
                live,
                |status| matches!(&status.health, Health::Failed(reason) if reason.contains("broken")),
            );
        };
        live.earlier = known;
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
        // The newest snapshot comes first.
        live.rescue(of(|rescue| matches!(rescue, RecoveryPoint::Mark(_))));
        let status = wait(&live, |status| status.gradient_steps > 0);
        assert_eq!((status.gradient_steps, status.replay_len), (trained, 0), "{status:?}");
    }
}
