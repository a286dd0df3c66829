//! Actor states: what the agent layer stores for every slot between steps.

use bevy::prelude::*;
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::mdp::{
    ActionBatch, ActionRow, ActionSpace, EnvironmentSpec, Fault, ObservationBatch, PolicyOutput, Rng,
    StateBatch, StepBatch, Stream, later_seed, rng,
};
use crate::memory::PolicyMemory;
use crate::{AgentSlots, Controller, Controllers};

/// Maximum number of slots per arena; stream numbers are `arena · MOST_SLOTS + slot`.
pub const MOST_SLOTS: usize = 8;

/// State of one slot.
#[derive(Debug, Clone)]
pub(super) struct SlotState {
    pub(super) rng: Rng,
    pub(super) memory: PolicyMemory,
    /// Whether the previous step was recorded and its episode continues.
    pub(super) open: bool,
    pub(super) episode_return: f32,
    pub(super) episode_length: u32,
    /// Who has played the episode so far; `mixed` if the controller changed.
    pub(super) played: &'static str,
    /// Chosen actions that are not yet executed, under a reaction delay.
    pub(super) late: ActionBatch,
    /// Whether all values of its observation are finite, so that policies can use it.
    pub(super) sees: bool,
    /// Row of the pending step, if this step is recorded.
    pub(super) row: Option<usize>,
}

impl SlotState {
    /// Whether to act at random, which happens with this `probability`.
    pub(super) fn explores(&mut self, probability: f32) -> bool {
        self.rng.random::<f32>() < probability
    }

    /// Replaces action `slot` by a random one of `space`.
    pub(super) fn act_at_random(&mut self, space: &ActionSpace, actions: &mut ActionBatch, slot: usize) {
        match space {
            ActionSpace::Discrete(names) => {
                actions.set(slot, ActionRow::Discrete(self.rng.random_range(0..names.len() as u16)));
            }
            ActionSpace::Continuous(dimensions) => {
                for (value, dimension) in actions.vector_mut(slot).iter_mut().zip(dimensions) {
                    *value = dimension.at(self.rng.random());
                }
            }
        }
    }
}

/// A value of a slot's step that is not finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SlotFault {
    pub(super) stream: usize,
    pub(super) fault: Fault,
    /// Whether the step would have been recorded.
    pub(super) recorded: bool,
}

/// Observations that one policy decides on in one batch.
#[derive(Debug, Clone, Default)]
pub(super) struct PolicyBatch {
    pub(super) observations: ObservationBatch,
    pub(super) states: StateBatch,
    /// States before the step, if they are recorded.
    pub(super) before: StateBatch,
    /// What every slot did last, and the rewards for it.
    pub(super) previous_actions: ActionBatch,
    pub(super) previous_rewards: Vec<f32>,
    pub(super) is_first: Vec<bool>,
    pub(super) rngs: Vec<Rng>,
    pub(super) decisions: PolicyOutput,
}

impl PolicyBatch {
    /// Adds the observation of slot `own` and returns its row; `neutral` stands in for an action before that was none
    /// of this space.
    pub(super) fn push(
        &mut self,
        vector: &[f32],
        grid: &[u8],
        own: &SlotState,
        is_first: bool,
        neutral: ActionRow<'_>,
    ) -> usize {
        self.observations.push(vector, grid);
        self.states.push(&own.memory.state);
        let (action, reward) = own.memory.previous();
        self.previous_actions.push(match (action, neutral) {
            (ActionRow::Continuous(own), ActionRow::Continuous(other)) if own.len() == other.len() => action,
            (ActionRow::Discrete(_), ActionRow::Discrete(_)) => action,
            _ => neutral,
        });
        self.previous_rewards.push(reward);
        self.is_first.push(is_first);
        self.rngs.push(own.rng.clone());
        self.observations.count - 1
    }

    /// `[A]`: probability of every action in `row`; empty for continuous actions.
    pub(super) fn probabilities(&self, row: usize) -> &[f32] {
        let actions = self.decisions.probabilities.len() / self.observations.count.max(1);
        &self.decisions.probabilities[row * actions..(row + 1) * actions]
    }

    /// `[F]`: what the policy's memory made of `row`; empty for a policy without memory.
    pub(super) fn features(&self, row: usize) -> &[f32] {
        let features = self.decisions.features.len() / self.observations.count.max(1);
        &self.decisions.features[row * features..(row + 1) * features]
    }

    pub(super) fn clear(&mut self) {
        self.observations.clear();
        self.states.clear();
        self.before.clear();
        self.previous_actions.clear();
        self.previous_rewards.clear();
        self.is_first.clear();
        self.rngs.clear();
        self.decisions.clear();
    }
}

/// The state of every slot, and buffers reused between steps.
#[derive(Resource, Debug, Clone)]
pub struct ActorStates {
    pub(super) seed: u64,
    pub(super) actions: ActionSpace,
    /// The neutral action of that space.
    pub(super) neutral: ActionBatch,
    pub(super) seats: Vec<SlotState>,
    /// The learning policy's batch.
    pub(super) learning: PolicyBatch,
    /// Frozen policies' batches by name.
    pub(super) frozen: std::collections::BTreeMap<String, PolicyBatch>,
    /// Steps that are started but not yet complete.
    pub(super) pending: StepBatch,
    /// Faults found in this step.
    pub(super) faults: Vec<SlotFault>,
    /// Names of an observation's floats.
    pub(super) entries: Vec<String>,
    /// Number of faults so far.
    pub(super) found: u64,
    /// Whether a warning about duplicate arena numbers was given.
    pub(super) warned: bool,
    /// Number of arena 0 where these arenas are part of a larger number.
    first_arena: usize,
}

impl ActorStates {
    /// Empty states for slots of `spec`.
    pub fn new(seed: u64, spec: &EnvironmentSpec) -> Self {
        Self {
            seed,
            actions: spec.action.clone(),
            neutral: ActionBatch::neutral(&spec.action, 1),
            seats: Vec::new(),
            learning: PolicyBatch::default(),
            frozen: std::collections::BTreeMap::new(),
            pending: StepBatch::default(),
            faults: Vec::new(),
            entries: spec.observation.vector.clone(),
            found: 0,
            warned: false,
            first_arena: 0,
        }
    }

    /// Says that these arenas are part of a larger number, in which arena 0 has number `first`: random numbers of slots that
    /// have made no step are those of the whole.
    pub fn set_first_arena(&mut self, first: usize) {
        self.first_arena = first;
    }

    /// Interrupts all streams: the next steps do not follow the recorded ones.
    pub(super) fn cut_streams(&mut self) {
        self.seats.iter_mut().for_each(|slot| slot.open = false);
    }

    /// The state of a slot, created on first use.
    pub(super) fn seat(&mut self, stream: usize) -> &mut SlotState {
        while self.seats.len() <= stream {
            let number = self.first_arena * MOST_SLOTS + self.seats.len();
            let rng = rng(self.seed, Stream::Exploration, number as u64);
            self.seats.push(SlotState {
                rng,
                memory: PolicyMemory::default(),
                open: false,
                episode_return: 0.0,
                episode_length: 0,
                played: "",
                late: ActionBatch::default(),
                sees: true,
                row: None,
            });
        }
        &mut self.seats[stream]
    }

    /// What must be saved between two agent steps to continue exactly.
    pub fn snapshot(&self) -> ActorStatesSnapshot {
        ActorStatesSnapshot {
            seats: self
                .seats
                .iter()
                .map(|slot| (slot.rng.clone(), slot.open, slot.episode_return, slot.episode_length))
                .collect(),
            // Policies without memory have nothing to save.
            memories: match self.seats.iter().any(|slot| !slot.memory.state.is_empty()) {
                true => self.seats.iter().map(|slot| slot.memory.clone()).collect(),
                false => Vec::new(),
            },
        }
    }

    /// Creates the states of `slots` slots of each of `arenas` arenas, as their first step would.
    pub fn begin(&mut self, arenas: usize, slots: usize) {
        if let (Some(last), Some(slot)) = (arenas.checked_sub(1), slots.checked_sub(1)) {
            self.seat(last * MOST_SLOTS + slot);
        }
    }

    /// Clears all slots. Random numbers from here on do not repeat earlier ones of a run that has made
    /// `lived` environment steps.
    pub fn begin_later(&mut self, lived: u64) {
        self.seed = later_seed(self.seed, lived);
        self.seats.clear();
    }

    /// Restarts the random numbers of the slots of `arena` as those of the first arena under `seed`.
    pub fn reseed(&mut self, arena: usize, seed: u64) {
        for slot in 0..MOST_SLOTS {
            self.seat(arena * MOST_SLOTS + slot).rng = rng(seed, Stream::Exploration, slot as u64);
        }
    }

    /// Restores a snapshot.
    pub fn restore(&mut self, snapshot: &ActorStatesSnapshot) {
        self.seats.clear();
        for (stream, (rng, open, episode_return, episode_length)) in snapshot.seats.iter().enumerate() {
            let slot = self.seat(stream);
            (slot.rng, slot.open) = (rng.clone(), *open);
            (slot.episode_return, slot.episode_length) = (*episode_return, *episode_length);
        }
        for (slot, memory) in self.seats.iter_mut().zip(&snapshot.memories) {
            slot.memory.clone_from(memory);
        }
    }

    /// Policy states of the slots of `arena`, to be restored with [`ActorStates::remember`].
    pub fn memories(&self, arena: usize) -> Vec<PolicyMemory> {
        let slots = self.seats.iter().skip(arena * MOST_SLOTS).take(MOST_SLOTS);
        slots.map(|slot| slot.memory.clone()).collect()
    }

    /// Restores policy states of the slots of `arena`, because the arena was moved to the state they belong
    /// to.
    pub fn remember(&mut self, arena: usize, memories: &[PolicyMemory]) {
        let slots = self.seats.iter_mut().skip(arena * MOST_SLOTS).take(MOST_SLOTS);
        slots.zip(memories).for_each(|(slot, memory)| slot.memory.clone_from(memory));
    }

    /// `[F]`: what the memory of the policy in `slot` of `slots` made of the observation it decided on in this step;
    /// `None` for a slot that no policy with memory plays, and for an arena on hold.
    pub fn features(&self, slots: &AgentSlots, controllers: &Controllers, slot: usize) -> Option<&[f32]> {
        let row = slots.rows.get(slot).copied().flatten().filter(|_| !slots.on_hold)?;
        let batch = match controllers.get(slot)? {
            Controller::Frozen(name) => self.frozen.get(name)?,
            _ => &self.learning,
        };
        Some(batch.features(row)).filter(|features| !features.is_empty())
    }

    /// Interrupts the streams of `arena`, whatever the states of its policies.
    pub fn cut(&mut self, arena: usize) {
        let slots = self.seats.iter_mut().skip(arena * MOST_SLOTS).take(MOST_SLOTS);
        slots.for_each(|slot| slot.open = false);
    }
}

/// Actor states on disk: for each stream its generator, whether it is open, return and length so far, and
/// policy states.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ActorStatesSnapshot {
    seats: Vec<(Rng, bool, f32, u32)>,
    /// By stream; empty if no policy has memory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    memories: Vec<PolicyMemory>,
}

impl ActorStatesSnapshot {
    /// Those of `arenas` arenas from number `first` on, as the first ones of a simulation of their own.
    #[must_use]
    pub fn of_arenas(&self, first: usize, arenas: usize) -> Self {
        let own = |length: usize| {
            let (from, to) = (first * MOST_SLOTS, (first + arenas) * MOST_SLOTS);
            from.min(length)..to.min(length)
        };
        Self {
            seats: self.seats[own(self.seats.len())].to_vec(),
            memories: self.memories[own(self.memories.len())].to_vec(),
        }
    }

    /// Whether it has no more states than so many `arenas` can have.
    pub fn fits(&self, arenas: usize) -> bool {
        self.seats.len() <= arenas * MOST_SLOTS && self.memories.len() <= self.seats.len()
    }

    /// The inverse: `parts` of so many arenas each, one after the other.
    pub fn joined(parts: &[Self]) -> Self {
        let memory = parts.iter().any(|part| !part.memories.is_empty());
        let memories = |part: &Self| {
            let mut own = part.memories.clone();
            own.resize(if memory { part.seats.len() } else { 0 }, PolicyMemory::default());
            own
        };
        Self {
            seats: parts.iter().flat_map(|part| part.seats.clone()).collect(),
            memories: parts.iter().flat_map(memories).collect(),
        }
    }
}

/// A policy's decision on one slot's last observation.
#[derive(Reflect, Debug, Clone, Default, PartialEq)]
pub struct WatchedDecision {
    /// Probability of every action; empty without a policy.
    pub probabilities: Vec<f32>,
    /// Policy entropy in nats.
    pub entropy: f32,
    /// Index of the chosen action.
    pub action: usize,
    /// The policy state before the decision; `None` for a policy without memory.
    #[reflect(ignore)]
    pub memory: Option<PolicyMemory>,
    /// Whether the policy started from its initial state.
    pub is_first: bool,
    /// `[F]`: what its memory made of the observation, see [`PolicyOutput::features`]; empty without memory.
    pub features: Vec<f32>,
}

/// Decisions on the observations of the [`Watched`](crate::Watched) arena, by slot: what overlays and the panel
/// show of a policy's choice.
#[derive(Resource, Reflect, Debug, Clone, Default, Deref, DerefMut)]
#[reflect(Resource)]
pub struct WatchedDecisions(pub Vec<WatchedDecision>);
