//! Memory: what a policy remembers of one slot between steps, and whose memory that is.

use serde::{Deserialize, Serialize};

use crate::controllers::Controller;
use crate::mdp::{ActionRow, Policy, PolicyId};

/// A policy with what is asked of it for every slot.
#[derive(Clone, Copy)]
pub(super) struct Player<'a> {
    policy: &'a dyn Policy,
    id: PolicyId,
    width: usize,
}

impl<'a> Player<'a> {
    pub(super) fn of(policy: &'a dyn Policy) -> Self {
        Self { policy, id: policy.id(), width: policy.state_width() }
    }
}

/// What a policy remembers of one slot, and whose memory it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PolicyMemory {
    /// The policy that wrote the state; `None` before the first step.
    id: Option<PolicyId>,
    /// Name of the frozen policy that plays the slot; `None` for the one that learns.
    frozen: Option<String>,
    /// The state as bits, so that text keeps every value exactly.
    #[serde(with = "bits")]
    pub(super) state: Vec<f32>,
    /// What the slot did last, and the bits of the reward for it, which a policy may want to know as well.
    #[serde(default)]
    previous: (u16, u32),
    /// What it did last if actions are continuous, as bits.
    #[serde(default, with = "bits", skip_serializing_if = "Vec::is_empty")]
    vector: Vec<f32>,
}

impl PolicyMemory {
    /// The state after the last step; `None` if it was written by another policy than `policy`, of which it means nothing.
    pub fn state(&self, policy: &dyn Policy) -> Option<&[f32]> {
        (self.id == Some(policy.id()) && self.state.len() == policy.state_width()).then_some(&self.state)
    }

    /// Prepares the memory for the next step of `policy`, which plays as `controller`; whether it restarts from the initial
    /// state, as it does where an episode `begins` and where another player or another kind of policy has played so far.
    pub(super) fn prepare(&mut self, player: Player<'_>, controller: &Controller, begins: bool) -> bool {
        let name = match controller {
            Controller::Frozen(name) => Some(name),
            _ => None,
        };
        let goes_on = self.id == Some(player.id) && self.state.len() == player.width;
        let restarts = begins || !goes_on || self.frozen.as_ref() != name;
        if restarts {
            self.id = Some(player.id);
            if self.frozen.as_ref() != name {
                self.frozen = name.cloned();
            }
            self.state.resize(player.width, 0.0);
            player.policy.initial_state(&mut self.state);
        }
        restarts
    }

    /// The slot's last action and the reward for it; of no meaning at the first step of an episode.
    pub fn previous(&self) -> (ActionRow<'_>, f32) {
        let action = match &self.vector[..] {
            [] => ActionRow::Discrete(self.previous.0),
            vector => ActionRow::Continuous(vector),
        };
        (action, f32::from_bits(self.previous.1))
    }

    /// Takes note of what the slot does.
    pub(super) fn acts(&mut self, action: ActionRow<'_>) {
        self.vector.clear();
        match action {
            ActionRow::Discrete(index) => self.previous.0 = index,
            ActionRow::Continuous(vector) => self.vector.extend_from_slice(vector),
        }
    }

    /// Takes note of the reward for it.
    pub(super) fn earns(&mut self, reward: f32) {
        self.previous.1 = reward.to_bits();
    }

    /// The same without the state, which may be large: [`PolicyMemory::previous`] stays, [`PolicyMemory::state`] is lost.
    #[must_use]
    pub fn without_state(&self) -> Self {
        let (frozen, vector) = (self.frozen.clone(), self.vector.clone());
        Self { id: self.id, frozen, state: Vec::new(), previous: self.previous, vector }
    }

    /// The same with `state`, which its policy made.
    #[must_use]
    pub fn with_state(self, state: Vec<f32>) -> Self {
        Self { state, ..self }
    }

    /// Floats of the state.
    pub fn state_width(&self) -> usize {
        self.state.len()
    }

    /// Takes over what the policy remembers now.
    pub(super) fn write(&mut self, state: &[f32]) {
        self.state.copy_from_slice(state);
    }

    /// Forgets everything: no policy plays the slot.
    pub(super) fn forget(&mut self) {
        self.id = None;
    }
}

/// Floats as the integers of their bits.
mod bits {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(values: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(|value| value.to_bits()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
        Ok(Vec::<u32>::deserialize(deserializer)?.into_iter().map(f32::from_bits).collect())
    }
}
