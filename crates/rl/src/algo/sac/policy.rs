//! A trained actor as a policy: batched observations in, sampled or most probable actions out. Learning is left to the
//! updates; this only holds a copy of the actor's parameters. Policies over continuous actions are in `gaussian`.

mod actor;
mod gaussian;
pub(super) mod onnx;

use std::cell::RefCell;

use rand::RngExt as _;

use self::actor::{Actor, Scratch};
use super::{Actions, SacConfig};
use crate::algo::TrainError;
use crate::mdp::{ActInput, ActionRow, Attention, Policy, PolicyId, PolicyOutput};
use crate::nn::categorical::{most_probable, sample, softmax};
use crate::nn::{Inputs, TensorMap};
pub use gaussian::GaussianPolicy;

/// Softmax policy over discrete actions.
#[derive(Debug, Clone)]
pub struct CategoricalPolicy {
    actor: Actor,
    /// Features `D` of an observation.
    features: usize,
    id: PolicyId,
}

/// Buffers kept by every thread, so that acting allocates nothing. Taken out while in use: a thread that waits for the other
/// half of a large product may act for somebody else meanwhile.
#[derive(Default)]
struct Buffers {
    scratch: Scratch,
    log_policy: Vec<f32>,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

impl CategoricalPolicy {
    /// The actor of `config` for `inputs` and `actions` with the tensors called `actor.…`; others are
    /// ignored.
    ///
    /// # Errors
    /// [`TrainError::Config`] when the configuration makes no such networks, [`TrainError::Network`] names the
    /// first tensor that is missing, of another shape or not finite.
    pub fn from_tensors(
        config: &SacConfig,
        inputs: impl Into<Inputs>,
        actions: usize,
        tensors: &TensorMap,
    ) -> Result<Self, TrainError> {
        let inputs = inputs.into();
        let actions = Actions::Discrete(actions);
        let (actor, id) = Actor::from_tensors("categorical", config, inputs, &actions, tensors)?;
        Ok(Self { actor, features: inputs.features(), id })
    }

    /// Its tensors `actor.…`, and the line of training if it has a memory, for [`CategoricalPolicy::from_tensors`].
    pub fn tensors(&self) -> TensorMap {
        self.actor.tensors()
    }

    /// Features `D` of an observation.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Number of actions `A`.
    pub fn actions(&self) -> usize {
        self.actor.outputs()
    }
}

impl Policy for CategoricalPolicy {
    fn id(&self) -> PolicyId {
        self.id
    }

    fn state_width(&self) -> usize {
        self.actor.state_width()
    }

    fn act(&self, mut input: ActInput<'_>, decisions: &mut PolicyOutput) {
        let (count, greedy) = (input.observations.count, input.greedy);
        debug_assert!(greedy || input.rngs.len() == count);
        decisions.clear();
        if count == 0 {
            return;
        }
        let mut buffers = BUFFERS.take();
        let Buffers { scratch, log_policy } = &mut buffers;
        let actions = self.actions();
        let rows = self.actor.rows(&mut input, scratch, &mut decisions.features);
        for (index, row) in rows.enumerate() {
            log_policy.clear();
            log_policy.extend_from_slice(&row[..actions]);
            let start = decisions.probabilities.len();
            decisions.probabilities.resize(start + actions, 0.0);
            let policy = &mut decisions.probabilities[start..];
            decisions.entropies.push(softmax(log_policy, policy));
            let action =
                if greedy { most_probable(policy) } else { sample(policy, input.rngs[index].random()) };
            decisions.actions.push(ActionRow::Discrete(action as u16));
        }
        BUFFERS.set(buffers);
    }

    fn attention(&self, input: ActInput<'_>) -> Option<Attention> {
        let mut buffers = BUFFERS.take();
        let attention = self.actor.attention(input, &mut buffers.scratch);
        BUFFERS.set(buffers);
        attention
    }

    fn reach(&self) -> Option<usize> {
        self.actor.reach()
    }
}

#[cfg(test)]
mod tests;
