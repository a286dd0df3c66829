//! A copy of a trained actor's network, with or without memory: observations in, rows of outputs out. What the rows
//! mean is left to the policies.

use crate::algo::TrainError;
use crate::algo::sac::draws::{export_line, import_line};
use crate::algo::sac::fused::fresh;
use crate::algo::sac::moment_rows::{Before, MomentRows};
use crate::algo::sac::{Actions, SacConfig};
use crate::mdp::{ActInput, Attention, PolicyId, StateBatch};
use crate::nn::memory::{MemoryNetwork, MomentInputs, Moments, Unrolled};
use crate::nn::{Activations, Inputs, Network, TensorMap};

/// Slots that pass through an actor with memory at once: few enough that what a pass computes stays in the cache.
const BLOCK: usize = 64;

/// The actor's network.
#[derive(Debug, Clone)]
pub(super) enum Actor {
    Reactive(Network),
    Remembering(Box<Remembering>),
}

/// An actor with memory, and what it reads at a moment.
#[derive(Debug, Clone)]
pub(super) struct Remembering {
    network: MemoryNetwork,
    layout: MomentInputs,
    /// The line of training, which says what the numbers of a state mean.
    line: u64,
}

/// Memory of one evaluation.
#[derive(Default)]
pub(super) struct Scratch {
    features: Vec<f32>,
    activations: Activations,
    rows: MomentRows,
    unrolled: Unrolled,
    /// `[rows, outputs]`: outputs of an actor with memory.
    outputs: Vec<f32>,
}

impl Actor {
    /// The actor of `config` for `inputs` and `actions` with the tensors called `actor.…`, and its policy's id, which
    /// begins with `kind`.
    ///
    /// # Errors
    /// [`TrainError::Config`] when the configuration makes no such networks, [`TrainError::Network`] names the
    /// first tensor that is missing, of another shape or not finite.
    pub(super) fn from_tensors(
        kind: &str,
        config: &SacConfig,
        inputs: Inputs,
        actions: &Actions,
        tensors: &TensorMap,
    ) -> Result<(Self, PolicyId), TrainError> {
        config.validate()?;
        let named = |name: &str| format!("actor.{name}");
        let count = actions.count().to_string();
        if config.memory.is_some() {
            let layout = config.moment(inputs, actions.count())?;
            let (mut network, architecture) = fresh::actor(config, &layout, actions)?;
            *network.parameters_mut().0 = network.flat(tensors, named)?;
            let line = import_line(tensors)?;
            let shape = format!("{architecture:?} {:?}", config.memory);
            let id = PolicyId::of(&[kind, &shape, &count, &line.to_string()]);
            return Ok((Self::Remembering(Box::new(Remembering { network, layout, line })), id));
        }
        let architecture = config.actor(inputs)?;
        let (outputs, head) = actions.actor(config);
        let mut actor = Network::outline(&architecture, outputs, head);
        actor.parameters = actor.flat(tensors, named)?;
        let id = PolicyId::of(&[kind, &format!("{architecture:?}"), &count]);
        Ok((Self::Reactive(actor), id))
    }

    /// Its tensors `actor.…`, and the line of training if it has a memory, for [`Actor::from_tensors`].
    pub(super) fn tensors(&self) -> TensorMap {
        let mut tensors = TensorMap::new();
        let put = |name, tensor| _ = tensors.insert(format!("actor.{name}"), tensor);
        match self {
            Self::Reactive(actor) => actor.tensors(&actor.parameters, put),
            Self::Remembering(actor) => {
                actor.network.tensors(actor.network.parameters().0, put);
                if actor.line != 0 {
                    export_line(actor.line, &mut tensors);
                }
            }
        }
        tensors
    }

    /// Number of entries of a row of outputs.
    pub(super) fn outputs(&self) -> usize {
        match self {
            Self::Reactive(actor) => actor.outputs(),
            Self::Remembering(actor) => actor.network.outputs(),
        }
    }

    pub(super) fn state_width(&self) -> usize {
        match self {
            Self::Reactive(_) => 0,
            Self::Remembering(actor) => actor.network.state_width(),
        }
    }

    pub(super) fn reach(&self) -> Option<usize> {
        match self {
            Self::Reactive(_) => Some(1),
            Self::Remembering(actor) => actor.network.reach(),
        }
    }

    /// Rows of outputs of all slots, at least as long as [`Actor::outputs`]; their states are replaced by those after
    /// this moment, and `features` gets what a memory made of it.
    pub(super) fn rows<'a>(
        &self,
        input: &mut ActInput<'_>,
        scratch: &'a mut Scratch,
        made: &mut Vec<f32>,
    ) -> std::slice::ChunksExact<'a, f32> {
        let Scratch { features, activations, rows, unrolled, outputs } = scratch;
        match self {
            Self::Reactive(actor) => {
                features.clear();
                input.observations.features(features);
                debug_assert_eq!(features.len(), input.observations.count * actor.inputs());
                actor.forward(features, activations);
                activations.rows()
            }
            Self::Remembering(actor) => {
                let width = actor.network.outputs();
                outputs.clear();
                actor.act(input, rows, unrolled, |unrolled| {
                    unrolled.rows().for_each(|row| outputs.extend_from_slice(&row[..width]));
                    actor.network.features(unrolled).for_each(|row| made.extend_from_slice(row));
                });
                outputs.chunks_exact(width)
            }
        }
    }

    /// As [`crate::mdp::Policy::attention`].
    pub(super) fn attention(&self, mut input: ActInput<'_>, scratch: &mut Scratch) -> Option<Attention> {
        let Self::Remembering(actor) = self else { return None };
        if input.observations.count == 0 {
            return None;
        }
        let width = actor.network.state_width();
        let known = input.states.values.get(..width).filter(|_| input.states.width == width);
        let state = known.map_or_else(|| vec![0.0; width], <[f32]>::to_vec);
        let Scratch { rows, unrolled, .. } = scratch;
        actor.act(&mut input, rows, unrolled, |_| ());
        actor.network.attention(&actor.layout, &state, before(&input).starts(0), unrolled)
    }
}

impl Remembering {
    /// One moment of all slots; their states are replaced by those after it. `made` takes what each block of slots
    /// makes.
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
