//! The actor_states: what the agent layer remembers of every seat between steps.

use std::collections::VecDeque;

use bevy::prelude::*;
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::mdp::{
    Action, EnvironmentSpec, Fault, ObservationBatch, PolicyOutput, PolicyState, Rng, StepBatch, Stream,
    later_seed, rng,
};

/// Slots an arena may have; stream numbers are `arena · MOST_SLOTS + slot`.
pub const MOST_SLOTS: usize = 8;

/// Memory of one seat.
#[derive(Debug, Clone)]
pub(super) struct SlotState {
    pub(super) rng: Rng,
    pub(super) state: PolicyState,
    /// Whether the previous step was recorded and its episode goes on.
    pub(super) open: bool,
    pub(super) episode_return: f32,
    pub(super) episode_length: u32,
    /// Who played the episode so far; `mixed` when seats changed hands.
    pub(super) played: &'static str,
    /// What was decided and is still to be done, where somebody reacts late.
    pub(super) late: VecDeque<Action>,
    /// Whether all of its observation is finite, so that policies may look at it.
    pub(super) sees: bool,
    /// Row of the pending step, when this step is recorded.
    pub(super) row: Option<usize>,
}

impl SlotState {
    /// One of so many actions, uniformly.
    pub(super) fn any_action(&mut self, actions: usize) -> Action {
        Action::Discrete(self.rng.random_range(0..actions as u16))
    }
}

/// Something that is not finite where a seat's step has a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SlotFault {
    pub(super) stream: usize,
    pub(super) fault: Fault,
    /// Whether the step would have been recorded.
    pub(super) recorded: bool,
}

/// Observations that one policy decides on together.
#[derive(Debug, Clone, Default)]
pub(super) struct PolicyBatch {
    pub(super) observations: ObservationBatch,
    pub(super) streams: Vec<usize>,
    pub(super) states: Vec<PolicyState>,
    pub(super) rngs: Vec<Rng>,
    pub(super) decisions: PolicyOutput,
}

impl PolicyBatch {
    pub(super) fn clear(&mut self) {
        self.observations.clear();
        self.streams.clear();
        self.states.clear();
        self.rngs.clear();
        self.decisions.clear();
    }
}

/// Every seat's memory, and scratch that is reused from step to step.
#[derive(Resource, Debug, Clone)]
pub struct ActorStates {
    pub(super) seed: u64,
    pub(super) actions: usize,
    pub(super) seats: Vec<SlotState>,
    /// The learning policy's batch.
    pub(super) learning: PolicyBatch,
    /// Frozen policies' batches by name.
    pub(super) frozen: std::collections::BTreeMap<String, PolicyBatch>,
    /// Steps begun and not yet finished.
    pub(super) pending: StepBatch,
    /// What was found at fault in this step.
    pub(super) faults: Vec<SlotFault>,
    /// Names of an observation's floats.
    pub(super) entries: Vec<String>,
    /// Faults found since the start.
    pub(super) found: u64,
    /// Whether it was said that two seats have one number.
    pub(super) warned: bool,
}

impl ActorStates {
    /// An empty actor_states for seats of `spec`.
    pub fn new(seed: u64, spec: &EnvironmentSpec) -> Self {
        Self {
            seed,
            actions: spec.action.len(),
            seats: Vec::new(),
            learning: PolicyBatch::default(),
            frozen: std::collections::BTreeMap::new(),
            pending: StepBatch::default(),
            faults: Vec::new(),
            entries: spec.observation.vector.clone(),
            found: 0,
            warned: false,
        }
    }

    /// Lets no stream go on: what comes next follows nothing that was recorded.
    pub(super) fn cut_streams(&mut self) {
        self.seats.iter_mut().for_each(|seat| seat.open = false);
    }

    /// The memory of a seat, made on first use.
    pub(super) fn seat(&mut self, stream: usize) -> &mut SlotState {
        while self.seats.len() <= stream {
            let rng = rng(self.seed, Stream::Exploration, self.seats.len() as u64);
            self.seats.push(SlotState {
                rng,
                state: PolicyState::default(),
                open: false,
                episode_return: 0.0,
                episode_length: 0,
                played: "",
                late: VecDeque::new(),
                sees: true,
                row: None,
            });
        }
        &mut self.seats[stream]
    }

    /// What must be kept to go on exactly, between two agent steps.
    pub fn snapshot(&self) -> ActorStatesSnapshot {
        ActorStatesSnapshot {
            seats: self
                .seats
                .iter()
                .map(|seat| (seat.rng.clone(), seat.open, seat.episode_return, seat.episode_length))
                .collect(),
        }
    }

    /// Forgets every seat; what is random from here on does not repeat what came before in a run that has lived through
    /// `lived` environment steps.
    pub fn begin_later(&mut self, lived: u64) {
        self.seed = later_seed(self.seed, lived);
        self.seats.clear();
    }

    /// Goes on from a snapshot.
    pub fn restore(&mut self, snapshot: &ActorStatesSnapshot) {
        self.seats.clear();
        for (stream, (rng, open, episode_return, episode_length)) in snapshot.seats.iter().enumerate() {
            let seat = self.seat(stream);
            (seat.rng, seat.open) = (rng.clone(), *open);
            (seat.episode_return, seat.episode_length) = (*episode_return, *episode_length);
        }
    }
}

/// The actor_states on disk: by stream, random state, whether open, return and length so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ActorStatesSnapshot {
    seats: Vec<(Rng, bool, f32, u32)>,
}

/// What the policy made of one seat's last observation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WatchedDecision {
    /// Probability of every action; empty where no policy looked.
    pub probabilities: Vec<f32>,
    /// Policy entropy in nats.
    pub entropy: f32,
    /// Index of the action taken.
    pub action: usize,
}

/// The thoughts in the watched arena (number 0), by slot.
#[derive(Resource, Debug, Clone, Default, Deref, DerefMut)]
pub struct WatchedDecisions(pub Vec<WatchedDecision>);
