//! Snapshot history: how an agent was at certain ages, kept in memory to be played with, shown, or gone back to.
//!
//! When marks are set is said here; setting them and going back is left to the learner and its thread.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::mdp::Policy;
use crate::sac::TensorMap;

/// SnapshotHistory kept at once.
const MOST: usize = 12;
/// Seconds of age that keep their marks for good.
const FIRST: [u64; 3] = [0, 60, 300];

/// An agent as it was.
#[derive(Clone)]
pub struct AgentSnapshot {
    /// When it was set.
    pub born: Instant,
    /// Seconds since it began, or since it was read from a checkpoint.
    pub seconds: u64,
    /// Environment steps the learner had received.
    pub env_steps: u64,
    /// Gradient steps made by then.
    pub gradient_steps: u64,
    /// Its policy.
    pub policy: Arc<dyn Policy>,
    /// Networks, targets, optimizers and temperature.
    pub(super) tensors: TensorMap,
}

impl AgentSnapshot {
    /// Its age in words: `minute 5`, or seconds below one.
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

/// All marks of one agent, oldest first.
#[derive(Debug, Clone, Default)]
pub struct SnapshotHistory(Vec<Arc<AgentSnapshot>>);

impl SnapshotHistory {
    /// All there are, oldest first.
    pub fn all(&self) -> &[Arc<AgentSnapshot>] {
        &self.0
    }

    /// The age in seconds at which the next mark is due: at once, after one and five minutes, then every five.
    pub fn due(&self) -> u64 {
        let Some(last) = self.0.last() else { return 0 };
        let first = FIRST.into_iter().find(|&age| age > last.seconds);
        first.unwrap_or((last.seconds / 300 + 1) * 300)
    }

    /// Adds the youngest. When there are too many, every other one goes, but for those of the first minutes.
    pub fn push(&mut self, mark: AgentSnapshot) {
        self.0.push(Arc::new(mark));
        if self.0.len() > MOST {
            let mut keep = false;
            self.0.retain(|mark| {
                keep = !keep;
                keep || FIRST.contains(&mark.seconds)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learner::UniformPolicy;

    #[test]
    fn the_first_minutes_are_kept_and_later_ones_thinned() {
        let mut marks = SnapshotHistory::default();
        for _ in 0..60 {
            let seconds = marks.due();
            let policy = Arc::new(UniformPolicy { actions: 2 });
            let tensors = TensorMap::new();
            marks.push(AgentSnapshot {
                born: Instant::now(),
                seconds,
                env_steps: seconds,
                gradient_steps: 0,
                policy,
                tensors,
            });
            assert!(marks.all().len() <= MOST);
        }
        let names: Vec<String> = marks.all().iter().map(|mark| mark.name()).collect();
        assert_eq!(names[..3], ["minute 0", "minute 1", "minute 5"]);
        assert!(marks.all().is_sorted_by_key(|mark| mark.seconds));
        assert!(marks.all().last().unwrap().seconds > 3600 * 4);
    }
}
