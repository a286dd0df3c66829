//! Status of a learner as plain data that can be serialized.

use serde::{Deserialize, Serialize};

use super::config::whole;
use super::{DeviceChoice, LearnerConfig, LearnerSetup, SnapshotInfo};
use crate::metrics::Metrics;
use crate::replay::ReplayStats;

/// State of a learner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Health {
    /// Opening its device.
    Starting,
    /// Waiting for enough experience.
    Collecting,
    /// Training.
    Training,
    /// Training is switched off.
    Paused,
    /// Stopped, with the reason. Its last published policy keeps acting.
    Failed(String),
}

impl Health {
    /// Whether the learner is running: its device is open and it has not failed.
    pub fn is_up(&self) -> bool {
        !matches!(self, Self::Failed(_) | Self::Starting)
    }
}

/// The status of a learner at one moment, without networks; see [`SnapshotInfo`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LearnerStatus {
    /// State.
    pub health: Health,
    /// Device in use.
    pub device: String,
    /// Why it was chosen.
    pub device_reason: String,
    /// Gradient steps made.
    pub gradient_steps: u64,
    /// Environment steps received.
    pub env_steps: u64,
    /// Environment steps refused by the replay buffer because of a value that is not finite.
    pub refused: u64,
    /// Steps dropped because more were waiting than the replay buffer holds.
    pub dropped: u64,
    /// Transitions in the replay buffer.
    pub replay_len: usize,
    /// Capacity of the replay buffer in transitions.
    pub replay_capacity: usize,
    /// Size of the full replay buffer in bytes.
    pub replay_bytes: usize,
    /// Fraction of the replay buffer that a human player played, [0, 1].
    pub human_share: f32,
    /// Version of the latest policy.
    pub policy_version: u64,
    /// The latest reported gradient step.
    pub report: Metrics,
    /// Effective sample size of the last prioritized batch; `None` for uniform replay.
    pub effective_sample_size: Option<f32>,
    /// Policy lag of the latest steps, [`Learner::policy_lag`](super::Learner::policy_lag).
    pub policy_lag: Option<f32>,
    /// Recent gradient steps per second.
    pub gradient_steps_per_second: f32,
    /// The current configuration.
    #[serde(with = "whole")]
    pub config: LearnerConfig,
    /// The requested device.
    pub device_choice: DeviceChoice,
    /// Snapshots of the agent that can be restored, oldest first; none in a headless run.
    pub snapshots: Vec<SnapshotInfo>,
    /// Statistics of the replay buffer; only while requested.
    pub survey: Option<ReplayStats>,
    /// The latest message; may be empty.
    pub message: String,
}

impl LearnerStatus {
    /// The status before the device of `setup` is open.
    pub fn starting(setup: &LearnerSetup) -> Self {
        Self {
            health: Health::Starting,
            device: String::new(),
            device_reason: String::new(),
            gradient_steps: 0,
            env_steps: 0,
            refused: 0,
            dropped: 0,
            replay_len: 0,
            replay_capacity: setup.config.replay_capacity,
            replay_bytes: 0,
            human_share: 0.0,
            policy_version: 0,
            report: Metrics::default(),
            effective_sample_size: None,
            policy_lag: None,
            gradient_steps_per_second: 0.0,
            config: setup.config.clone(),
            device_choice: setup.device,
            snapshots: Vec::new(),
            survey: None,
            message: String::new(),
        }
    }

    /// The latest reported gradient step, `None` before the first.
    pub fn measured(&self) -> Option<Metrics> {
        (!self.report.is_empty()).then(|| self.report.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdp::{ActionSpace, EnvironmentSpec, ObservationSpace};

    #[test]
    fn a_status_round_trips_through_text() {
        let spec = EnvironmentSpec {
            name: "test".into(),
            summary: String::new(),
            observation: ObservationSpace::floats(&["x"]),
            action: ActionSpace::discrete(&["a", "b"]),
            ticks_per_step: 1,
            tick_seconds: 1.0,
            episode_limit: 10,
            teams: vec![0],
            rewards: Vec::new(),
        };
        let mut config = LearnerConfig { batch_size: 7, ..LearnerConfig::default() };
        config.algorithm.get_mut::<crate::algo::sac::SacConfig>().unwrap().gamma = 0.25;
        let mut report = Metrics::default();
        report.set(crate::algo::report::Q, 0.1_f32);
        report.set(crate::algo::report::ACTION_PROBABILITIES, vec![0.5_f32; 2]);
        let status = LearnerStatus {
            health: Health::Failed("device lost".into()),
            dropped: 3,
            report,
            snapshots: vec![SnapshotInfo { id: 4, seconds: 300, env_steps: 9, gradient_steps: 2 }],
            survey: Some(ReplayStats { ages: vec![1.0], oldest: 5, ..ReplayStats::default() }),
            message: "two\nlines".into(),
            ..LearnerStatus::starting(&LearnerSetup::new(spec, config))
        };
        let text = serde_json::to_string(&status).unwrap();
        assert_eq!(serde_json::from_str::<LearnerStatus>(&text).unwrap(), status);
    }
}
