//! History: the last episodes of the watched arena, each as its start, its actions and the agent's outputs.

use std::collections::VecDeque;

use bevy::prelude::*;

use super::Playback;
use crate::agent::{PolicyMemory, Watched, WatchedDecision, WatchedDecisions};
use crate::insight::past::{Past, Rows, one};
use crate::insight::shown::{ValueEstimate, ValueEstimates, WatchedMemory};
use crate::mdp::{ObservationBatch, Policy, PolicyOutput, StateBatch};
use crate::sim::{AgentSlots, Arena, ArenaSnapshot};
use crate::worlds::rooms::Rooms;

/// Number of episodes that are kept.
const CAPACITY: usize = 20;
/// Largest policy state that is kept of every step, in floats. Larger ones are made anew from the episode's observations.
const LARGEST_STATE: usize = 4096;

/// One finished episode.
#[derive(Debug, Clone)]
pub struct PastEpisode {
    /// Sum of rewards of the first slot.
    pub episode_return: f32,
    /// Whether it succeeded for the first slot.
    pub success: bool,
    /// `[steps]`: the decisions of every step.
    pub(super) decisions: Vec<StepDecisions>,
    pub(super) snapshot: ArenaSnapshot,
}

impl PastEpisode {
    /// Length in agent steps.
    pub fn steps(&self) -> usize {
        self.decisions.len()
    }

    /// Memory of `slot` before `step`. A state that was too large to keep is made anew by `policy`, from what was seen.
    pub(super) fn memory(&self, step: usize, slot: usize, policy: Option<&dyn Policy>) -> PolicyMemory {
        let memory = |step: &StepDecisions| step.decisions.get(slot)?.memory.clone();
        let Some(memory) = self.decisions.get(step).and_then(memory) else { return PolicyMemory::default() };
        match policy {
            Some(policy) if memory.state_width() == 0 && policy.state_width() > 0 => {
                memory.with_state(self.replay(step, slot, policy))
            }
            _ => memory,
        }
    }

    /// The state of `policy` before `step`.
    fn replay(&self, step: usize, slot: usize, policy: &dyn Policy) -> Vec<f32> {
        let mut states = StateBatch::zeros(policy.state_width(), 1);
        policy.initial_state(&mut states.values);
        let begins =
            |step: &StepDecisions| step.decisions.get(slot).is_some_and(|decision| decision.is_first);
        let first = self.decisions[..=step].iter().rposition(begins).unwrap_or(step);
        let reach = policy.reach().unwrap_or(usize::MAX);
        for step in &self.decisions[first.max((step + 1).saturating_sub(reach))..step] {
            let Some(decision) = step.decisions.get(slot).filter(|_| slot < step.observations.count) else {
                break;
            };
            let past = Past::of(decision);
            let mut rows = Rows::new(past.previous(), past.is_first(), one(step.observations.row(slot)));
            rows.states = states;
            policy.act(rows.act(), &mut PolicyOutput::default());
            states = rows.states;
        }
        states.values
    }
}

/// The decisions of one step, and what was shown of them.
#[derive(Debug, Clone, Default)]
pub struct StepDecisions {
    /// `[slots]`.
    pub decisions: Vec<WatchedDecision>,
    /// `[slots]`: what was seen; empty without a policy that has memory.
    pub observations: ObservationBatch,
    /// `[slots]`: value estimates; empty if they were not shown.
    pub(super) estimates: Vec<Option<ValueEstimate>>,
    /// What the memory overlay showed; empty if it was off.
    pub(super) memory: WatchedMemory,
}

/// The last episodes of the watched arena.
#[derive(Resource, Debug, Clone, Default)]
pub struct EpisodeHistory {
    /// Latest last.
    pub episodes: VecDeque<PastEpisode>,
    /// The arena of the open episode.
    arena: Option<Entity>,
    open: Vec<StepDecisions>,
    open_return: f32,
    /// Observations of the step that is not over yet.
    seen: ObservationBatch,
}

impl EpisodeHistory {
    /// The steps of the episode that is shown up to the present one: of the running episode those that are over, in
    /// playback those up to the one that is shown.
    pub fn shown(&self, playback: Option<&Playback>) -> &[StepDecisions] {
        let Some(playback) = playback else { return &self.open };
        let Some(episode) = self.episodes.get(playback.episode) else { return &[] };
        &episode.decisions[..(playback.step + 1).min(episode.steps())]
    }

    /// The steps of the running episode of `arena`; `None` if it was not watched from its beginning.
    pub fn open(&self, entity: Entity, arena: &Arena) -> Option<&[StepDecisions]> {
        let steps = arena.steps() as usize;
        if steps == 0 {
            return Some(&[]);
        }
        (self.arena == Some(entity) && self.open.len() == steps).then_some(&self.open[..])
    }
}

/// Keeps what is decided on, if a policy with memory does.
pub(super) fn see(
    watched: Query<&AgentSlots, With<Watched>>,
    decisions: Res<WatchedDecisions>,
    mut history: ResMut<EpisodeHistory>,
) {
    let remembers = decisions.iter().any(|decision| decision.memory.is_some());
    match watched.single() {
        Ok(slots) if remembers => history.seen.clone_from(&slots.observations),
        _ if history.seen.count > 0 => history.seen.clear(),
        _ => {}
    }
}

pub(super) fn record(
    arenas: Query<(Entity, &Arena, &AgentSlots), With<Watched>>,
    decisions: Res<WatchedDecisions>,
    estimates: Option<Res<ValueEstimates>>,
    memory: Option<Res<WatchedMemory>>,
    rooms: Option<Res<Rooms>>,
    mut history: ResMut<EpisodeHistory>,
) {
    if rooms.is_some_and(|rooms| rooms.is_changed()) {
        // Episodes of another level cannot be replayed.
        *history = EpisodeHistory::default();
    }
    let Ok((entity, arena, slots)) = arenas.single() else { return };
    // Nothing happens in an arena that waits for others or is on hold.
    if arena.waits() || slots.on_hold {
        return;
    }
    let history = &mut *history;
    if history.arena.replace(entity) != Some(entity) || arena.steps() <= 1 {
        history.open.clear();
        history.open_return = 0.0;
    }
    history.open.push(StepDecisions {
        decisions: decisions.iter().map(kept).collect(),
        observations: history.seen.clone(),
        estimates: estimates.map_or(Vec::new(), |estimates| estimates.slots.clone()),
        memory: memory.map_or_else(default, |memory| (*memory).clone()),
    });
    history.open_return += slots.rewards.first().copied().unwrap_or(0.0);
    // An episode that was watched only from the middle on is incomplete.
    if slots.end.is_some() && history.open.len() == arena.steps() as usize {
        history.episodes.push_back(PastEpisode {
            episode_return: history.open_return,
            success: slots.outcomes.first().is_some_and(|outcome| outcome.success),
            decisions: std::mem::take(&mut history.open),
            snapshot: arena.snapshot(),
        });
        let surplus = history.episodes.len().saturating_sub(CAPACITY);
        history.episodes.drain(..surplus);
    }
}

/// `decision` without a state that is too large to keep.
fn kept(decision: &WatchedDecision) -> WatchedDecision {
    let large = |memory: &&PolicyMemory| memory.state_width() > LARGEST_STATE;
    match decision.memory.as_ref().filter(large) {
        None => decision.clone(),
        Some(memory) => {
            let (probabilities, features) = (decision.probabilities.clone(), decision.features.clone());
            let memory = Some(memory.without_state());
            WatchedDecision { probabilities, features, memory, ..*decision }
        }
    }
}
