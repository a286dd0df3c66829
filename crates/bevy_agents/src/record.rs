//! Record: completes the pending steps with what came of them, and says which episodes have finished.

use std::collections::BTreeSet;

use bevy::prelude::*;

use super::actor_states::{ActorStates, MOST_SLOTS, SlotFault};
use super::controllers::Controllers;
use super::episode::EpisodeFinished;
use super::feedback::{FeedbackGiven, HumanFeedback};
use super::tick::KEPT_STEPS;
use crate::mdp::{EpisodeEnd, Fault, StepBatch};
use crate::{AgentSlots, Outcome, Watched};

/// Recorded steps on their way to a learner. Whoever feeds the learner takes them out, at the latest after
/// [`KEPT_STEPS`] agent steps: older ones are dropped, so that an app without a learner does not grow.
#[derive(Resource, Debug, Clone, Default)]
pub struct Replay {
    /// Steps recorded and not yet taken.
    pub staged: StepBatch,
    /// Steps made in recorded seats since the start.
    pub env_steps: u64,
    /// Agent steps since the first of those that wait.
    waited: u32,
}

pub(super) fn record(
    all: Query<(Entity, &AgentSlots, &Controllers)>,
    watched: Query<Entity, With<Watched>>,
    mut actor_states: ResMut<ActorStates>,
    mut replay: ResMut<Replay>,
    mut feedback: ResMut<HumanFeedback>,
    mut episodes: MessageWriter<EpisodeFinished>,
    mut given: MessageWriter<FeedbackGiven>,
) {
    let actor_states = &mut *actor_states;
    let watched = watched.single().ok();
    if waits_too_long(replay.staged.is_empty(), &mut replay.waited) {
        replay.staged.clear();
        // This step follows none that will ever be taken.
        actor_states.pending.starts.fill(true);
    }
    let rows = actor_states.pending.len();
    actor_states.pending.rewards.resize(rows, 0.0);
    actor_states.pending.ends.resize(rows, None);
    // Rows in the order of selection may find their seats in another order by now.
    let mut finals: Vec<(usize, &AgentSlots, usize)> = Vec::new();
    let mut found = 0;
    let moved: BTreeSet<usize> = all
        .iter()
        .filter(|(_, seats, _)| seats.disturbed && !seats.on_hold)
        .map(|(_, seats, _)| seats.arena)
        .collect();
    let is_moved = |stream: &u32| moved.contains(&(*stream as usize / MOST_SLOTS));
    let left_out = actor_states.pending.streams.iter().filter(|stream| is_moved(stream)).count();
    let mut faults = std::mem::take(&mut actor_states.faults);
    let env_steps = replay.env_steps + (rows - left_out) as u64;
    for (entity, seats, controllers) in all.iter().filter(|(_, seats, _)| !seats.on_hold) {
        for slot in 0..seats.slots() {
            let stream = seats.arena * MOST_SLOTS + slot;
            let memory = actor_states.seat(stream);
            let name = controllers.get(slot).map_or("", |controller| controller.name());
            let first = memory.episode_length == 0 || memory.played.is_empty();
            memory.played = match first || memory.played == name {
                _ if seats.disturbed => "mixed",
                true => name,
                false => "mixed",
            };
            memory.episode_length += 1;
            let row = memory.row.take();
            // What nothing can be learned from is no reward.
            match Fault::in_reward(seats.rewards[slot]) {
                None => {
                    memory.episode_return = sum(memory.episode_return, seats.rewards[slot]);
                    memory.memory.earns(seats.rewards[slot]);
                }
                Some(fault) if row.is_none() => faults.push(SlotFault { stream, fault, recorded: false }),
                Some(_) => {}
            }
            memory.open &= seats.end.is_none() && !seats.disturbed;
            if let Some(row) = row {
                found += 1;
                let heard = Some(entity) == watched && !seats.disturbed;
                let said = feedback.give(heard, controllers.get(slot));
                if let Some(reward) = said {
                    given.write(FeedbackGiven { entity, slot, env_steps: replay.env_steps, reward });
                }
                let reward = seats.rewards[slot] + said.unwrap_or(0.0);
                actor_states.seat(stream).memory.earns(reward);
                actor_states.pending.rewards[row] = reward;
                actor_states.pending.ends[row] = seats.end;
                if seats.end.is_some() {
                    finals.push((row, seats, slot));
                }
            }
        }
        if let Some(end) = seats.end {
            episodes.write(finished(entity, seats, end, env_steps, actor_states));
        }
    }
    if found < rows {
        // Agent slots were despawned in the middle of a step, so their actions have no outcome. The others' step is
        // dropped with theirs, and their next one follows nothing that was recorded.
        actor_states.pending.clear();
        actor_states.cut_streams();
        return;
    }
    finals.sort_by_key(|(row, ..)| *row);
    for (_, seats, slot) in finals {
        let (vector, grid) = seats.observations.row(slot);
        actor_states.pending.final_observations.push(vector, grid);
    }
    if left_out > 0 {
        actor_states.pending.retain(|steps, row, _| !is_moved(&steps.streams[row]));
    }
    actor_states.faults = faults;
    refuse(actor_states);
    replay.env_steps += actor_states.pending.len() as u64 + actor_states.pending.refused;
    replay.staged.append(&actor_states.pending);
    actor_states.pending.clear();
}

/// What the slots of an arena have come to whose episode has ended.
fn finished(
    entity: Entity,
    seats: &AgentSlots,
    end: EpisodeEnd,
    env_steps: u64,
    actor_states: &mut ActorStates,
) -> EpisodeFinished {
    let arena = seats.arena;
    let mut message = EpisodeFinished {
        entity,
        arena,
        env_steps,
        returns: Vec::with_capacity(seats.slots()),
        lengths: Vec::with_capacity(seats.slots()),
        outcomes: Vec::with_capacity(seats.slots()),
        controllers: Vec::with_capacity(seats.slots()),
        end,
    };
    for (slot, outcome) in seats.outcomes.iter().enumerate() {
        let memory = actor_states.seat(arena * MOST_SLOTS + slot);
        message.returns.push(memory.episode_return);
        message.lengths.push(memory.episode_length);
        message.outcomes.push(Outcome { score: sum(0.0, outcome.score), ..*outcome });
        message.controllers.push(memory.played);
    }
    message
}

/// Takes out what nothing can be learned from, cuts its streams, and says what is wrong with it: the first time, the tenth,
/// the hundredth and so on.
fn refuse(actor_states: &mut ActorStates) {
    let unseen = actor_states.faults.iter().filter(|found| found.recorded).count() as u64;
    for (stream, fault) in actor_states.pending.refuse() {
        let stream = stream as usize;
        actor_states.seats[stream].open = false;
        actor_states.faults.push(SlotFault { stream, fault, recorded: true });
    }
    actor_states.pending.refused += unseen;
    for SlotFault { stream, fault, recorded } in &actor_states.faults {
        actor_states.found += 1;
        let count = actor_states.found;
        if count == 10u64.pow(count.ilog10()) {
            let (arena, slot) = (stream / MOST_SLOTS, stream % MOST_SLOTS);
            let what = fault.describe(&actor_states.entries);
            let left_out = if *recorded { "; the step is not learned from" } else { "" };
            tracing::warn!("arena {arena}, slot {slot}: {what}{left_out} ({count} such values so far)");
        }
    }
}

/// Whether what is there has waited for too long; `waited` counts the agent steps, and begins anew.
fn waits_too_long(is_empty: bool, waited: &mut u32) -> bool {
    *waited = if is_empty { 0 } else { *waited + 1 };
    let too_long = *waited > KEPT_STEPS;
    if too_long {
        *waited = 0;
    }
    too_long
}

/// A sum that stays finite: what is not finite counts as nothing.
fn sum(a: f32, b: f32) -> f32 {
    if b.is_finite() { (a + b).clamp(f32::MIN, f32::MAX) } else { a }
}

#[cfg(test)]
mod tests;
