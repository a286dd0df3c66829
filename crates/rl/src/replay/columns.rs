//! The columns of a replay buffer: the data of its entries, as typed arrays.
//!
//! Columns do not depend on segments or streams; they write, move and read entries. The buffer uses only
//! these few methods, so that a store on another device could replace this one.

use super::index::SEGMENT_ENTRIES;
use super::states::States;
use crate::mdp::{
    ActionBatch, ActionRow, ActionSpace, EnvironmentSpec, Fault, ObservationSpace, StateBatch, push_features,
};

/// Widths of an entry's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplaySpace {
    /// Observation space.
    pub observation: ObservationSpace,
    /// Dimensions of a continuous action; 0 for discrete ones.
    pub action_dims: usize,
    /// Floats of a policy state; 0 if states are not stored. They are where sequences can begin, not at every step.
    pub state_width: usize,
}

impl From<ObservationSpace> for ReplaySpace {
    /// Discrete actions and no states.
    fn from(observation: ObservationSpace) -> Self {
        Self { observation, action_dims: 0, state_width: 0 }
    }
}

impl From<&ObservationSpace> for ReplaySpace {
    /// Discrete actions and no states.
    fn from(observation: &ObservationSpace) -> Self {
        observation.clone().into()
    }
}

impl From<&EnvironmentSpec> for ReplaySpace {
    /// Without states.
    fn from(spec: &EnvironmentSpec) -> Self {
        let action_dims = match &spec.action {
            ActionSpace::Discrete(_) => 0,
            ActionSpace::Continuous(bounds) => bounds.len(),
        };
        Self { observation: spec.observation.clone(), action_dims, state_width: 0 }
    }
}

impl ReplaySpace {
    /// Bytes of an entry: an observation, action, reward, entropy and flags. States come on top.
    pub(super) fn bytes(&self) -> usize {
        let action = if self.action_dims == 0 { size_of::<u16>() } else { 4 * self.action_dims };
        self.observation.bytes() + action + 2 * size_of::<f32>() + size_of::<u8>()
    }
}

/// One step without its observation.
pub(super) struct StepRow<'a> {
    pub(super) action: ActionRow<'a>,
    pub(super) reward: f32,
    pub(super) entropy: f32,
}

/// Columns in host memory, by entry.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Columns {
    pub(super) space: ReplaySpace,
    /// `[entries, vector_len]`.
    pub(super) vectors: Vec<f32>,
    /// `[entries, grid_len]`.
    pub(super) grids: Vec<u8>,
    /// `[entries]`; empty for continuous actions.
    pub(super) choices: Vec<u16>,
    /// `[entries, action_dims]`.
    pub(super) continuous: Vec<f32>,
    pub(super) rewards: Vec<f32>,
    pub(super) entropies: Vec<f32>,
    pub(super) states: States,
}

impl Columns {
    /// Memory is reserved now and committed when used.
    pub(super) fn new(space: ReplaySpace, entries: usize) -> Self {
        Self {
            vectors: vec![0.0; entries * space.observation.vector_len()],
            grids: vec![0; entries * space.observation.grid_len()],
            choices: vec![0; if space.action_dims == 0 { entries } else { 0 }],
            continuous: vec![0.0; entries * space.action_dims],
            rewards: vec![0.0; entries],
            entropies: vec![0.0; entries],
            states: States::new(space.state_width, entries / SEGMENT_ENTRIES),
            space,
        }
    }

    pub(super) fn write_observation(&mut self, entry: usize, vector: &[f32], grid: &[u8]) {
        self.vectors[entry * vector.len()..(entry + 1) * vector.len()].copy_from_slice(vector);
        self.grids[entry * grid.len()..(entry + 1) * grid.len()].copy_from_slice(grid);
    }

    /// An action of another space is stored as zeros.
    pub(super) fn write_step(&mut self, entry: usize, step: &StepRow<'_>) {
        match step.action {
            ActionRow::Discrete(index) => {
                if let Some(own) = self.choices.get_mut(entry) {
                    *own = index;
                }
            }
            ActionRow::Continuous(vector) => {
                write_row(&mut self.continuous, entry, self.space.action_dims, vector)
            }
        }
        self.rewards[entry] = step.reward;
        self.entropies[entry] = step.entropy;
    }

    /// Copies segment `from` of `other` to segment `to`.
    pub(super) fn copy_segment(&mut self, to: usize, other: &Self, from: usize) {
        fn copy<T: Copy>(to: &mut [T], at: usize, other: &[T], from: usize, each: usize) {
            let length = SEGMENT_ENTRIES * each;
            to[at * length..][..length].copy_from_slice(&other[from * length..][..length]);
        }
        let space = &self.space;
        copy(&mut self.vectors, to, &other.vectors, from, space.observation.vector_len());
        copy(&mut self.grids, to, &other.grids, from, space.observation.grid_len());
        copy(&mut self.choices, to, &other.choices, from, usize::from(space.action_dims == 0));
        copy(&mut self.continuous, to, &other.continuous, from, space.action_dims);
        copy(&mut self.rewards, to, &other.rewards, from, 1);
        copy(&mut self.entropies, to, &other.entropies, from, 1);
        self.states.copy_segment(to, &other.states, from);
    }

    /// Appends the network inputs of the observation at `entry`.
    pub(super) fn push_features(&self, entry: usize, features: &mut Vec<f32>) {
        let (v, g) = (self.space.observation.vector_len(), self.space.observation.grid_len());
        push_features(
            &self.vectors[entry * v..(entry + 1) * v],
            &self.grids[entry * g..(entry + 1) * g],
            features,
        );
    }

    /// Appends the action at `entry`.
    pub(super) fn push_action(&self, entry: usize, actions: &mut ActionBatch) {
        actions.rows += 1;
        match self.space.action_dims {
            0 => actions.discrete.push(self.choices[entry]),
            dims => actions.continuous.extend_from_slice(row(&self.continuous, entry, dims)),
        }
    }

    /// Appends an action of zeros.
    pub(super) fn push_no_action(&self, actions: &mut ActionBatch) {
        actions.rows += 1;
        match self.space.action_dims {
            0 => actions.discrete.push(0),
            dims => actions.continuous.resize(actions.continuous.len() + dims, 0.0),
        }
    }

    /// Appends the state before the step at `entry`; zeros if there is none.
    pub(super) fn push_state(&self, entry: Option<usize>, states: &mut StateBatch) {
        let width = self.space.state_width;
        match entry.and_then(|entry| self.states.get(entry)) {
            Some(state) => states.values.extend_from_slice(state),
            None => states.values.resize(states.values.len() + width, 0.0),
        }
    }

    /// Whether a step has no faults, including the `observations` from `entry` on.
    pub(super) fn is_sound(&self, entry: usize, observations: usize) -> bool {
        let v = self.space.observation.vector_len();
        let seen = &self.vectors[entry * v..(entry + observations) * v];
        let paid = [self.rewards[entry], self.entropies[entry]];
        let done = row(&self.continuous, entry, self.space.action_dims);
        let remembered = self.states.get(entry).unwrap_or_default();
        let mut values = seen.iter().chain(&paid).chain(done).chain(remembered);
        values.all(|value| Fault::is_none_in(*value))
    }
}

fn row(values: &[f32], entry: usize, width: usize) -> &[f32] {
    &values[entry * width..(entry + 1) * width]
}

fn write_row(values: &mut [f32], entry: usize, width: usize, given: &[f32]) {
    let own = &mut values[entry * width..(entry + 1) * width];
    if given.len() == width {
        own.copy_from_slice(given);
    } else {
        own.fill(0.0);
    }
}
