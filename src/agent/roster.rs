//! The roster: what the agent layer remembers of every seat between steps.

use std::collections::VecDeque;

use bevy::prelude::*;
use serde::{Deserialize, Serialize};

use crate::mdp::{Action, Decisions, EnvironmentSpec, ObservationBatch, PolicyState, Rng, Stream, rng};

/// Slots an arena may have; stream numbers are `arena · MOST_SLOTS + slot`.
pub const MOST_SLOTS: usize = 8;

/// Memory of one seat.
#[derive(Debug, Clone)]
pub(super) struct SeatMemory {
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
    /// Row of the pending step, when this step is recorded.
    pub(super) row: Option<usize>,
}

/// Observations that one policy decides on together.
#[derive(Debug, Clone, Default)]
pub(super) struct PolicyBatch {
    pub(super) observations: ObservationBatch,
    pub(super) streams: Vec<usize>,
    pub(super) states: Vec<PolicyState>,
    pub(super) rngs: Vec<Rng>,
    pub(super) decisions: Decisions,
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
pub struct Roster {
    pub(super) seed: u64,
    pub(super) actions: usize,
    pub(super) seats: Vec<SeatMemory>,
    /// The learning policy's batch.
    pub(super) learning: PolicyBatch,
    /// Frozen policies' batches by name.
    pub(super) frozen: std::collections::BTreeMap<String, PolicyBatch>,
    /// Steps begun and not yet finished.
    pub(super) pending: crate::mdp::StepBatch,
}

impl Roster {
    /// An empty roster for seats of `spec`.
    pub fn new(seed: u64, spec: &EnvironmentSpec) -> Self {
        Self {
            seed,
            actions: spec.action.len(),
            seats: Vec::new(),
            learning: PolicyBatch::default(),
            frozen: std::collections::BTreeMap::new(),
            pending: crate::mdp::StepBatch::default(),
        }
    }

    /// The memory of a seat, made on first use.
    pub(super) fn seat(&mut self, stream: usize) -> &mut SeatMemory {
        while self.seats.len() <= stream {
            let rng = rng(self.seed, Stream::Exploration, self.seats.len() as u64);
            self.seats.push(SeatMemory {
                rng,
                state: PolicyState::default(),
                open: false,
                episode_return: 0.0,
                episode_length: 0,
                played: "",
                late: VecDeque::new(),
                row: None,
            });
        }
        &mut self.seats[stream]
    }

    /// What must be kept to go on exactly, between two agent steps.
    pub fn snapshot(&self) -> RosterSnapshot {
        RosterSnapshot {
            seats: self
                .seats
                .iter()
                .map(|seat| (seat.rng.clone(), seat.open, seat.episode_return, seat.episode_length))
                .collect(),
        }
    }

    /// Goes on from a snapshot.
    pub fn restore(&mut self, snapshot: &RosterSnapshot) {
        self.seats.clear();
        for (stream, (rng, open, episode_return, episode_length)) in snapshot.seats.iter().enumerate() {
            let seat = self.seat(stream);
            (seat.rng, seat.open) = (rng.clone(), *open);
            (seat.episode_return, seat.episode_length) = (*episode_return, *episode_length);
        }
    }
}

/// The roster on disk: by stream, random state, whether open, return and length so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RosterSnapshot {
    seats: Vec<(Rng, bool, f32, u32)>,
}

/// What the policy made of one seat's last observation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Thought {
    /// Probability of every action; empty where no policy looked.
    pub probabilities: Vec<f32>,
    /// Policy entropy in nats.
    pub entropy: f32,
    /// Index of the action taken.
    pub action: usize,
}

/// The thoughts in the watched arena (number 0), by slot.
#[derive(Resource, Debug, Clone, Default, Deref, DerefMut)]
pub struct Thoughts(pub Vec<Thought>);
