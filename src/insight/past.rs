//! Past: what a policy or its critics know of a slot when they look at an observation, for passes that change nothing in
//! play.

use std::sync::Arc;

use crate::agent::{AgentSlots, Controller, FrozenPolicies, LearningPolicy, PolicyMemory, WatchedDecision};
use crate::mdp::{
    ActInput, ActionBatch, ActionRow, AsActionRow, ObservationBatch, Policy, StateBatch, ValueInput,
};

/// What came before an observation of one slot.
#[derive(Debug, Clone, Copy, Default)]
pub struct Past<'a> {
    memory: Option<&'a PolicyMemory>,
    is_first: bool,
}

impl<'a> Past<'a> {
    /// Before the observation that `decision` is about.
    pub fn of(decision: &'a WatchedDecision) -> Self {
        Self { memory: decision.memory.as_ref(), is_first: decision.is_first }
    }

    /// Before the present observation of `slots`, on which nothing is decided yet; `memory` is that of the slot.
    pub fn now(memory: Option<&'a PolicyMemory>, slots: &AgentSlots, in_playback: bool) -> Self {
        // Playback puts arena and memory to the same step.
        let interrupted = slots.interrupted && !in_playback;
        Self { memory, is_first: slots.begins || slots.end.is_some() || interrupted }
    }

    /// The action before and the reward for it.
    pub fn previous(&self) -> (ActionRow<'a>, f32) {
        self.memory.map_or((ActionRow::Discrete(0), 0.0), PolicyMemory::previous)
    }

    /// Whether the memory starts from its initial state.
    pub fn is_first(&self) -> bool {
        self.is_first
    }

    /// `observations` of the slot that differ in the present alone, for `policy`.
    pub fn rows(&self, policy: &dyn Policy, observations: ObservationBatch) -> Rows {
        let known = self.memory.and_then(|memory| memory.state(policy)).filter(|_| !self.is_first);
        let mut rows = Rows::new(self.previous(), known.is_none(), observations);
        rows.states = StateBatch::zeros(policy.state_width(), rows.observations.count);
        for row in 0..rows.states.rows() {
            match known {
                Some(state) => rows.states.row_mut(row).copy_from_slice(state),
                None => policy.initial_state(rows.states.row_mut(row)),
            }
        }
        rows
    }
}

/// Inputs of a policy or of critics.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    observations: ObservationBatch,
    /// `[n, state_width]`.
    pub states: StateBatch,
    actions: ActionBatch,
    rewards: Vec<f32>,
    is_first: Vec<bool>,
}

impl Rows {
    /// `observations` after the same action and reward, or at the beginning of an episode, without states.
    pub fn new(
        (action, reward): (ActionRow<'_>, f32),
        is_first: bool,
        observations: ObservationBatch,
    ) -> Self {
        let count = observations.count;
        let mut actions = ActionBatch::default();
        (0..count).for_each(|_| actions.push(action));
        Self {
            observations,
            states: StateBatch::default(),
            actions,
            rewards: vec![reward; count],
            is_first: vec![is_first; count],
        }
    }

    /// For a greedy policy, which draws no random numbers.
    pub fn act(&mut self) -> ActInput<'_> {
        ActInput {
            observations: &self.observations,
            states: &mut self.states,
            previous_actions: &self.actions,
            previous_rewards: &self.rewards,
            is_first: &self.is_first,
            rngs: &mut [],
            greedy: true,
        }
    }

    /// For critics.
    pub fn evaluate(&mut self) -> ValueInput<'_> {
        ValueInput {
            observations: &self.observations,
            states: &mut self.states,
            previous_actions: &self.actions,
            previous_rewards: &self.rewards,
            is_first: &self.is_first,
        }
    }

    /// Replaces the rows by `observation` of one slot, which follows `action` and `reward` for it.
    pub fn follow(&mut self, action: impl AsActionRow, reward: f32, observation: (&[f32], &[u8])) {
        self.actions.clear();
        self.actions.push(action);
        (self.rewards, self.is_first) = (vec![reward], vec![false]);
        self.show(observation);
    }

    /// Replaces the observations by one.
    pub fn show(&mut self, (vector, grid): (&[f32], &[u8])) {
        self.observations.clear();
        self.observations.push(vector, grid);
    }
}

/// The policy of `controller`; that of a human player's slot is what the agent would do there.
pub fn policy_of(
    controller: &Controller,
    learning: &LearningPolicy,
    frozen: &FrozenPolicies,
) -> Option<Arc<dyn Policy>> {
    match controller {
        Controller::Learning | Controller::Human => Some(learning.0.load().policy.clone()),
        Controller::Frozen(name) => frozen.0.get(name).cloned(),
        Controller::Scripted | Controller::Random | Controller::External => None,
    }
}

/// One observation as a batch.
pub fn one((vector, grid): (&[f32], &[u8])) -> ObservationBatch {
    let mut batch = ObservationBatch::default();
    batch.push(vector, grid);
    batch
}
