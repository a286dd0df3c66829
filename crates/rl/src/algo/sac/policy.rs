//! A trained actor as a policy: batched observations in, sampled or most probable actions out.
//! Learning is left to the updates; this only holds a copy of the actor's parameters.

use std::cell::RefCell;

use rand::RngExt as _;

use super::SacConfig;
use super::draws::{export_line, import_line};
use super::fused::fresh;
use super::moment_rows::{Before, MomentRows};
use crate::algo::TrainError;
use crate::mdp::{ActInput, ActionRow, Attention, Policy, PolicyId, PolicyOutput, StateBatch};
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
    rows: MomentRows,
    unrolled: Unrolled,
    /// `[rows, A]`: outputs of an actor with memory.
    logits: Vec<f32>,
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
    /// One moment of all slots; their states are replaced by those after it. `made` takes what each block of slots makes.
    fn act(
        &self,
        input: &mut ActInput<'_>,
        rows: &mut MomentRows,
        unrolled: &mut Unrolled,
        mut made: impl FnMut(&Unrolled),
    ) {
        let (count, width) = (input.observations.count, self.network.state_width());
        if input.states.values.len() != count * width {
            *input.states = StateBatch::zeros(width, count);
        }
        let all = rows.read(&self.layout, input.observations, before(input));
        let (wide, cells) = (all.inputs.len() / count, all.grids.len() / count);
        for first in (0..count).step_by(BLOCK) {
            let batch = BLOCK.min(count - first);
            let moments = Moments {
                batch,
                count: 1,
                inputs: &all.inputs[first * wide..][..batch * wide],
                grids: &all.grids[first * cells..][..batch * cells],
                starts: &all.starts[first..first + batch],
            };
            let states = &mut input.states.values[first * width..][..batch * width];
            self.network.act(&moments, states, unrolled);
            made(unrolled);
        }
    }
}

fn before<'a>(input: &'a ActInput<'_>) -> Before<'a> {
    Before { actions: input.previous_actions, rewards: input.previous_rewards, is_first: input.is_first }
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
            let Scratch { features, activations, rows, unrolled, logits, log_policy } = scratch;
            let actions = self.actions();
            let rows = match &self.actor {
                Actor::Reactive(actor) => {
                    features.clear();
                    observations.features(features);
                    debug_assert_eq!(features.len(), observations.count * self.features());
                    actor.forward(features, activations);
                    activations.rows()
                }
                Actor::Remembering(actor) => {
                    logits.clear();
                    actor.act(&mut input, rows, unrolled, |unrolled| {
                        unrolled.rows().for_each(|row| logits.extend_from_slice(&row[..actions]));
                        let features = actor.network.features(unrolled);
                        features.for_each(|row| decisions.features.extend_from_slice(row));
                    });
                    logits.chunks_exact(actions)
                }
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

    fn attention(&self, mut input: ActInput<'_>) -> Option<Attention> {
        let Actor::Remembering(actor) = &self.actor else { return None };
        if input.observations.count == 0 {
            return None;
        }
        let width = actor.network.state_width();
        let known = input.states.values.get(..width).filter(|_| input.states.width == width);
        let state = known.map_or_else(|| vec![0.0; width], <[f32]>::to_vec);
        SCRATCH.with_borrow_mut(|Scratch { rows, unrolled, .. }| {
            actor.act(&mut input, rows, unrolled, |_| ());
            actor.network.attention(&actor.layout, &state, before(&input).starts(0), unrolled)
        })
    }

    fn reach(&self) -> Option<usize> {
        match &self.actor {
            Actor::Reactive(_) => Some(1),
            Actor::Remembering(actor) => actor.network.reach(),
        }
    }
}

#[cfg(test)]
mod tests;
