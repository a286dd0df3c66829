//! Commands to a running learner. Any holder of a [`LearnerLink`](super::LearnerLink) can send one;
//! `worker::commands` says how each is carried out.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::algo::TrainedPolicy;
use crate::learner::{Counters, DeviceChoice, LearnerConfig, LearnerError, whole};
use crate::mdp::{LevelRecord, PolicySnapshot, StepBatch};
use crate::metrics::Metrics;

/// A command to a learner. Each is answered with a [`Reply`] or with the reason for a refusal.
#[derive(Debug, Serialize, Deserialize)]
pub enum Command {
    /// Switches gradient steps on or off. Steps are stored in the replay buffer either way.
    Train(bool),
    /// Switches publishing of critics with policies on or off.
    PublishCritics(bool),
    /// Keeps [`LearnerStatus::survey`](crate::learner::LearnerStatus::survey) up to date, or empties it.
    Survey(bool),
    /// Continues with the same networks and this configuration; refused as [`LearnerConfig::follows`] says.
    Configure(#[serde(with = "boxed")] Box<LearnerConfig>),
    /// Sets the level of the steps sent from now on.
    SetLevel(LevelRecord),
    /// Writes a checkpoint of everything sent before.
    Save(Save),
    /// Writes checkpoints only on request from now on, not periodically.
    SaveOnCommand,
    /// Restores the checkpoint or run in this folder.
    Load(PathBuf),
    /// Restores the snapshot with this number. The state before is kept as a snapshot too, so that this can
    /// be undone.
    Rewind(u64),
    /// Continues with the same networks on another device.
    SetDevice(DeviceChoice),
    /// Starts over with fresh networks under this configuration.
    Reset(#[serde(with = "boxed")] Box<LearnerConfig>),
    /// Trains in periods from now on: gradient steps are only made within [`Command::Period`].
    Open,
    /// Takes these steps and makes the gradient steps they allow.
    Period(Box<StepBatch>),
}

/// Arguments of a requested checkpoint.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Save {
    /// The folder; that of the setup when absent.
    pub folder: Option<PathBuf>,
    /// Additional files, by name.
    pub extra: Vec<(String, Vec<u8>)>,
    /// Open files to be synced first. They belong to this process and are not serialized.
    #[serde(skip)]
    pub files: Vec<File>,
}

/// The result of a command.
pub enum Reply {
    /// Done.
    Done,
    /// Done, with a message, which may be empty.
    Message(String),
    /// The folder of the checkpoint that was written.
    Saved(PathBuf),
    /// The result of a period, or the state of the learner before the first one.
    Period(Box<PeriodReport>),
}

impl Reply {
    /// The status message from now on; `None` keeps the last one.
    pub(super) fn message(&self) -> Option<String> {
        match self {
            Self::Done | Self::Period(_) => None,
            Self::Message(message) => Some(message.clone()),
            Self::Saved(place) => Some(format!("saved {}", place.display())),
        }
    }
}

/// The result of a period.
#[derive(Clone)]
pub struct PeriodReport {
    /// The policy that acts in the next period.
    pub policy: PolicySnapshot,
    /// That policy in the form written to files.
    pub actor: Option<Arc<dyn TrainedPolicy>>,
    /// Whether all gradient steps of the period were made; those left by a stop are made in the next one.
    pub finished: bool,
    /// The last gradient step, if any.
    pub report: Option<Metrics>,
    /// Effective sample size of its prioritized batch; `None` for uniform replay.
    pub effective_sample_size: Option<f32>,
    /// Policy lag of the period's steps, [`Learner::policy_lag`](crate::learner::Learner::policy_lag).
    pub policy_lag: Option<f32>,
    /// Counters after the period.
    pub counters: Counters,
    /// Transitions in the replay buffer.
    pub replay_len: usize,
}

/// Why a command failed.
pub(super) enum Problem {
    /// Refused: nothing has changed, and the learner continues.
    Refused(LearnerError),
    /// The learner cannot continue.
    Fatal(LearnerError),
}

impl From<LearnerError> for Problem {
    fn from(error: LearnerError) -> Self {
        Self::Refused(error)
    }
}

/// A boxed configuration including that of its algorithm.
mod boxed {
    use serde::{Deserializer, Serializer};

    use super::{LearnerConfig, whole};

    pub fn serialize<S: Serializer>(config: &LearnerConfig, out: S) -> Result<S::Ok, S::Error> {
        whole::serialize(config, out)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Box<LearnerConfig>, D::Error> {
        whole::deserialize(from).map(Box::new)
    }
}
