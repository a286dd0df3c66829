//! Snapshots: an open episode as its start, its actions and what people did to bodies.

use serde::{Deserialize, Serialize};

use super::Arena;
use crate::mdp::{ActionBatch, EnvironmentSpec, Rng};
use crate::sim::conditions::Conditions;
use crate::sim::poke::Poke;

impl Arena {
    /// The open episode: its start, its actions and what people did to bodies.
    pub fn snapshot(&self) -> ArenaSnapshot {
        ArenaSnapshot {
            episode_rng: self.episode_rng.clone(),
            log: self.log.clone(),
            pokes: self.pokes.clone(),
            conditions: self.conditions.changes.clone(),
        }
    }
}

/// A snapshot of an arena between two agent steps: the random state at the start of its open episode, and all
/// actions since, by step and slot, with what people did to bodies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArenaSnapshot {
    pub(super) episode_rng: Rng,
    pub(super) log: ActionBatch,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) pokes: Vec<Poke>,
    /// Agent steps before each change of conditions, and what they were changed to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) conditions: Vec<(u32, Conditions)>,
}

impl ArenaSnapshot {
    /// The same episode after its first `steps` agent steps of `slots` actions each.
    pub fn until(&self, steps: usize, slots: usize) -> Self {
        let mut log = self.log.clone();
        log.truncate(steps * slots);
        let before = self.pokes.partition_point(|poke| (poke.step as usize) < steps);
        let changes = self.conditions.iter().filter(|(at, _)| (*at as usize) < steps);
        Self {
            episode_rng: self.episode_rng.clone(),
            log,
            pokes: self.pokes[..before].into(),
            conditions: changes.copied().collect(),
        }
    }

    /// Whether its actions are valid, whole steps for `spec`, fewer than an episode has.
    pub fn fits(&self, spec: &EnvironmentSpec) -> bool {
        let slots = spec.slots().max(1);
        let steps = self.log.rows / slots;
        let within = |step: u32| (step as usize) < steps;
        self.log.rows.is_multiple_of(slots)
            && self.log.rows / slots < spec.episode_limit as usize
            && self.log.fits(self.log.rows, &spec.action)
            && self.pokes.iter().all(|poke| poke.is_valid() && within(poke.step))
            && self.pokes.is_sorted_by(|a, b| a.time() < b.time())
            && self.conditions.iter().all(|(at, then)| then.is_valid() && within(*at))
            && self.conditions.is_sorted_by_key(|(at, _)| *at)
    }
}
