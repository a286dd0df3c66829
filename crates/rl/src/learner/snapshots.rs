//! Snapshot history: states of an agent at certain ages, kept in memory to be played, compared or restored.
//!
//! This module decides when a snapshot is due and which ones are kept; the learner takes and restores them.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::mdp::Policy;
use crate::nn::TensorMap;

/// Maximum number of snapshots.
const MOST: usize = 12;
/// Ages in seconds whose snapshots are never dropped.
const FIRST: [u64; 3] = [0, 60, 300];

/// Description of a snapshot; its networks are in the [`AgentSnapshot`] with the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotInfo {
    /// Its number, unique per learner.
    pub id: u64,
    /// Seconds since the agent started, or since it was loaded from a checkpoint.
    pub seconds: u64,
    /// Environment steps received by then.
    pub env_steps: u64,
    /// Gradient steps made by then.
    pub gradient_steps: u64,
}

/// An earlier state of an agent.
#[derive(Clone)]
pub struct AgentSnapshot {
    /// Its number in its history; 0 outside one.
    pub id: u64,
    /// When it was taken.
    pub born: Instant,
    /// Seconds since the agent started, or since it was loaded from a checkpoint.
    pub seconds: u64,
    /// Environment steps received by then.
    pub env_steps: u64,
    /// Gradient steps made by then.
    pub gradient_steps: u64,
    /// Its policy.
    pub policy: Arc<dyn Policy>,
    /// Networks, targets, optimizers and temperature.
    pub(super) tensors: TensorMap,
}

impl AgentSnapshot {
    /// Its description.
    pub fn info(&self) -> SnapshotInfo {
        let Self { id, seconds, env_steps, gradient_steps, .. } = *self;
        SnapshotInfo { id, seconds, env_steps, gradient_steps }
    }

    /// Its age for display: `minute 5`, or seconds below one minute.
    pub fn name(&self) -> String {
        if self.seconds.is_multiple_of(60) {
            format!("minute {}", self.seconds / 60)
        } else {
            format!("second {}", self.seconds)
        }
    }
}

impl fmt::Debug for AgentSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentSnapshot")
            .field("seconds", &self.seconds)
            .field("gradient_steps", &self.gradient_steps)
            .finish_non_exhaustive()
    }
}

/// All snapshots of one agent, oldest first.
#[derive(Debug, Clone, Default)]
pub struct SnapshotHistory {
    all: Vec<Arc<AgentSnapshot>>,
    /// Number of the next one.
    next: u64,
}

impl SnapshotHistory {
    /// All snapshots, oldest first.
    pub fn all(&self) -> &[Arc<AgentSnapshot>] {
        &self.all
    }

    /// The snapshot with this number, if it is still kept.
    pub fn get(&self, id: u64) -> Option<&Arc<AgentSnapshot>> {
        self.all.iter().find(|snapshot| snapshot.id == id)
    }

    /// Their descriptions, oldest first.
    pub fn infos(&self) -> Vec<SnapshotInfo> {
        self.all.iter().map(|snapshot| snapshot.info()).collect()
    }

    /// The age in seconds at which the next snapshot is due: immediately, after one and five minutes, then
    /// every five.
    pub fn due(&self) -> u64 {
        let Some(last) = self.all.last() else { return 0 };
        let first = FIRST.into_iter().find(|&age| age > last.seconds);
        first.unwrap_or((last.seconds / 300 + 1) * 300)
    }

    /// Numbers and adds the newest. If there are too many, every other one is dropped, except those of the
    /// first minutes.
    pub fn push(&mut self, snapshot: AgentSnapshot) {
        self.all.push(Arc::new(AgentSnapshot { id: self.next, ..snapshot }));
        self.next += 1;
        if self.all.len() > MOST {
            let mut keep = false;
            self.all.retain(|snapshot| {
                keep = !keep;
                keep || FIRST.contains(&snapshot.seconds)
            });
        }
    }

    /// Drops all of them; numbering continues, so that an old number never refers to another snapshot.
    pub fn clear(&mut self) {
        self.all.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learner::UniformPolicy;

    #[test]
    fn the_first_minutes_are_kept_and_later_ones_thinned() {
        let mut history = SnapshotHistory::default();
        for _ in 0..60 {
            let seconds = history.due();
            let policy = Arc::new(UniformPolicy { actions: 2.into() });
            let tensors = TensorMap::new();
            history.push(AgentSnapshot {
                id: 0,
                born: Instant::now(),
                seconds,
                env_steps: seconds,
                gradient_steps: 0,
                policy,
                tensors,
            });
            assert!(history.all().len() <= MOST);
        }
        let names: Vec<String> = history.all().iter().map(|snapshot| snapshot.name()).collect();
        assert_eq!(names[..3], ["minute 0", "minute 1", "minute 5"]);
        assert!(history.all().is_sorted_by_key(|snapshot| snapshot.seconds));
        assert!(history.all().last().unwrap().seconds > 3600 * 4);
        // Dropping snapshots does not renumber the others.
        let last = history.all().last().unwrap().clone();
        assert!(last.id == 59 && Arc::ptr_eq(history.get(59).unwrap(), &last) && history.get(3).is_none());
        history.clear();
        assert!(history.get(59).is_none() && history.due() == 0 && history.next == 60);
    }
}
