//! A trained actor as a policy: batched observations in, sampled or most probable actions out.
//! Learning is left to the updates; this only holds a copy of the actor's parameters.

use std::cell::RefCell;

use rand::RngExt as _;

use super::SacConfig;
use super::draws::{export_line, import_line};
use super::fused::fresh;
use crate::algo::TrainError;
use crate::mdp::{ActInput, ActionRow, Policy, PolicyId, PolicyOutput, StateBatch};
use crate::nn::categorical::{most_probable, sample, softmax};
use crate::nn::memory::{MemoryNetwork, MomentInputs, Moments, Unrolled};
use crate::nn::{Activations, Head, Inputs, Network, TensorMap};

/// Slots that pass through an actor with memory at once: few enough that what a pass computes stays in the cache.
const BLOCK: usize = 64;

/// Softmax policy over discrete actions.
#[derive(Debug, Clone)]
pub struct CategoricalPolicy {
    actor: Actor,
    /// Features `D` of an observation.
    features: usize,
    id: PolicyId,
}

/// The actor's network.
#[derive(Debug, Clone)]
enum Actor {
    Reactive(Network),
    Remembering(Box<Remembering>),
}

/// An actor with memory, and what it reads at a moment.
#[derive(Debug, Clone)]
struct Remembering {
    network: MemoryNetwork,
    layout: MomentInputs,
    /// The line of training, which says what the numbers of a state mean.
    line: u64,
}

/// Memory of one evaluation, kept by every thread so that acting allocates nothing.
#[derive(Default)]
struct Scratch {
    features: Vec<f32>,
    activations: Activations,
    unrolled: Unrolled,
    /// `[rows, A]`: outputs of an actor with memory.
    logits: Vec<f32>,
    inputs: Vec<f32>,
    grids: Vec<f32>,
    starts: Vec<f32>,
    log_policy: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
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
        config.validate()?;
        let inputs = inputs.into();
        let named = |name: &str| format!("actor.{name}");
        let outputs = actions.to_string();
        if config.memory.is_some() {
            let layout = config.moment(inputs, actions)?;
            let (mut network, architecture) = fresh::actor(config, &layout, actions)?;
            *network.parameters_mut().0 = network.flat(tensors, named)?;
            let line = import_line(tensors)?;
            let shape = format!("{architecture:?} {:?}", config.memory);
            let id = PolicyId::of(&["categorical", &shape, &outputs, &line.to_string()]);
            let actor = Actor::Remembering(Box::new(Remembering { network, layout, line }));
            return Ok(Self { actor, features: inputs.features(), id });
        }
        let architecture = config.actor(inputs)?;
        let mut actor = Network::outline(&architecture, actions, Head::Linear);
        actor.parameters = actor.flat(tensors, named)?;
        let id = PolicyId::of(&["categorical", &format!("{architecture:?}"), &outputs]);
        Ok(Self { actor: Actor::Reactive(actor), features: inputs.features(), id })
    }

    /// Its tensors `actor.…`, and the line of training if it has a memory, for [`CategoricalPolicy::from_tensors`].
    pub fn tensors(&self) -> TensorMap {
        let mut tensors = TensorMap::new();
        let put = |name, tensor| _ = tensors.insert(format!("actor.{name}"), tensor);
        match &self.actor {
            Actor::Reactive(actor) => actor.tensors(&actor.parameters, put),
            Actor::Remembering(actor) => {
                actor.network.tensors(actor.network.parameters().0, put);
                if actor.line != 0 {
                    export_line(actor.line, &mut tensors);
                }
            }
        }
        tensors
    }

    /// Features `D` of an observation.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Number of actions `A`.
    pub fn actions(&self) -> usize {
        match &self.actor {
            Actor::Reactive(actor) => actor.outputs(),
            Actor::Remembering(actor) => actor.network.outputs(),
        }
    }
}

impl Remembering {
    /// One moment of all slots: `x = [o, a before, r before]` of each, the grid apart if the memory is spatial.
    fn act(&self, input: &mut ActInput<'_>, scratch: &mut Scratch) {
        let (count, layout) = (input.observations.count, &self.layout);
        let Scratch { features, inputs, grids, starts, unrolled, logits, .. } = scratch;
        [&mut *inputs, &mut *grids, &mut *starts].into_iter().for_each(Vec::clear);
        for (index, row) in features.chunks_exact(features.len() / count).enumerate() {
            let starting = input.is_first.get(index).copied().unwrap_or(true);
            let (vector, grid) = row.split_at(layout.observation);
            inputs.extend_from_slice(vector);
            grids.extend_from_slice(grid);
            starts.push(f32::from(u8::from(starting)));
            let at = inputs.len();
            inputs.resize(at + layout.previous_action + layout.previous_reward, 0.0);
            let before = &mut inputs[at..];
            let action = input.previous_actions.discrete.get(index).map(|action| usize::from(*action));
            if let Some(action) = action.filter(|action| !starting && *action < layout.previous_action) {
                before[action] = 1.0;
            }
            if let (Some(reward), false, 1) =
                (input.previous_rewards.get(index), starting, layout.previous_reward)
            {
                before[layout.previous_action] = *reward;
            }
        }
        let width = self.network.state_width();
        if input.states.values.len() != count * width {
            *input.states = StateBatch::zeros(width, count);
        }
        let (wide, cells) = (inputs.len() / count, grids.len() / count);
        logits.clear();
        for first in (0..count).step_by(BLOCK) {
            let batch = BLOCK.min(count - first);
            let moments = Moments {
                batch,
                count: 1,
                inputs: &inputs[first * wide..][..batch * wide],
                grids: &grids[first * cells..][..batch * cells],
                starts: &starts[first..first + batch],
            };
            let states = &mut input.states.values[first * width..][..batch * width];
            self.network.act(&moments, states, unrolled);
            unrolled.rows().for_each(|row| logits.extend_from_slice(&row[..self.network.outputs()]));
        }
    }
}

impl Policy for CategoricalPolicy {
    fn id(&self) -> PolicyId {
        self.id
    }

    fn state_width(&self) -> usize {
        match &self.actor {
            Actor::Reactive(_) => 0,
            Actor::Remembering(actor) => actor.network.state_width(),
        }
    }

    fn act(&self, mut input: ActInput<'_>, decisions: &mut PolicyOutput) {
        let (observations, greedy) = (input.observations, input.greedy);
        debug_assert!(greedy || input.rngs.len() == observations.count);
        decisions.clear();
        if observations.count == 0 {
            return;
        }
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.features.clear();
            observations.features(&mut scratch.features);
            debug_assert_eq!(scratch.features.len(), observations.count * self.features());
            match &self.actor {
                Actor::Reactive(actor) => actor.forward(&scratch.features, &mut scratch.activations),
                Actor::Remembering(actor) => actor.act(&mut input, scratch),
            }
            let Scratch { activations, logits, log_policy, .. } = scratch;
            let actions = self.actions();
            let rows = match &self.actor {
                Actor::Reactive(_) => activations.rows(),
                Actor::Remembering(_) => logits.chunks_exact(actions),
            };
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
        });
    }
}

#[cfg(test)]
mod tests;
