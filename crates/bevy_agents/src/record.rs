//! Record: completes the pending steps with what came of them, and tells of finished episodes.

use bevy::prelude::*;

use super::actor_states::{ActorStates, MOST_SLOTS, SlotFault};
use super::controllers::Controllers;
use super::feedback::HumanFeedback;
use crate::AgentSlots;
use crate::mdp::{EpisodeSummary, Fault, StepBatch};

/// Agent steps for which steps and episodes wait to be taken; what nobody takes in that time is dropped, so that an app
/// that wants neither does not grow. A headless run takes them after 1024 at the latest.
pub(super) const WAITS: u32 = 4096;

/// Recorded steps on their way to a learner. Whoever feeds the learner takes them out, at the latest after 4096 agent
/// steps.
#[derive(Resource, Debug, Clone, Default)]
pub struct Replay {
    /// Steps recorded and not yet taken.
    pub staged: StepBatch,
    /// Steps made in recorded seats since the start.
    pub env_steps: u64,
    /// Agent steps since the first of those that wait.
    waited: u32,
}

/// Episodes finished and not yet taken, of every seat. Whoever wants them takes them out, at the latest after 4096 agent
/// steps.
#[derive(Resource, Debug, Clone, Default)]
pub struct Episodes(pub Vec<EpisodeSummary>, u32);

pub(super) fn record(
    all: Query<(&AgentSlots, &Controllers)>,
    mut actor_states: ResMut<ActorStates>,
    mut replay: ResMut<Replay>,
    mut episodes: ResMut<Episodes>,
    mut hints: ResMut<HumanFeedback>,
) {
    let actor_states = &mut *actor_states;
    if waits_too_long(replay.staged.is_empty(), &mut replay.waited) {
        replay.staged.clear();
        // This step follows none that will ever be taken.
        actor_states.pending.starts.fill(true);
    }
    let Episodes(finished, waited) = &mut *episodes;
    if waits_too_long(finished.is_empty(), waited) {
        finished.clear();
    }
    let rows = actor_states.pending.len();
    actor_states.pending.rewards.resize(rows, 0.0);
    actor_states.pending.ends.resize(rows, None);
    // Rows in the order of selection may find their seats in another order by now.
    let mut finals: Vec<(usize, &AgentSlots, usize)> = Vec::new();
    let mut found = 0;
    let mut faults = std::mem::take(&mut actor_states.faults);
    let env_steps = replay.env_steps + rows as u64;
    for (seats, controllers) in all.iter().filter(|(seats, _)| !seats.rests) {
        for slot in 0..seats.slots() {
            let stream = seats.arena * MOST_SLOTS + slot;
            let memory = actor_states.seat(stream);
            let name = controllers.get(slot).map_or("", |controller| controller.name());
            if memory.episode_length == 0 || memory.played.is_empty() {
                memory.played = name;
            } else if memory.played != name {
                memory.played = "mixed";
            }
            memory.episode_length += 1;
            let row = memory.row.take();
            // What nothing can be learned from is no reward.
            match Fault::in_reward(seats.rewards[slot]) {
                None => memory.episode_return = sum(memory.episode_return, seats.rewards[slot]),
                Some(fault) if row.is_none() => faults.push(SlotFault { stream, fault, recorded: false }),
                Some(_) => {}
            }
            if let Some(end) = seats.end {
                memory.open = false;
                finished.push(EpisodeSummary {
                    env_steps,
                    arena: seats.arena,
                    slot,
                    controller: memory.played.to_owned(),
                    episode_return: memory.episode_return,
                    episode_length: memory.episode_length,
                    end,
                    success: seats.outcomes[slot].success,
                    score: sum(0.0, seats.outcomes[slot].score),
                });
            }
            if let Some(row) = row {
                found += 1;
                let said = hints.give(seats.arena, slot, controllers.get(slot), replay.env_steps);
                actor_states.pending.rewards[row] = seats.rewards[slot] + said;
                actor_states.pending.ends[row] = seats.end;
                if seats.end.is_some() {
                    finals.push((row, seats, slot));
                }
            }
        }
    }
    if found < rows {
        // AgentSlots vanished in the middle of a step: what they were doing has no outcome. The others'
        // step is dropped with theirs, so their next one follows nothing that was recorded.
        actor_states.pending.clear();
        actor_states.cut_streams();
        return;
    }
    finals.sort_by_key(|(row, ..)| *row);
    for (_, seats, slot) in finals {
        let (vector, grid) = seats.observations.row(slot);
        actor_states.pending.final_observations.push(vector, grid);
    }
    actor_states.faults = faults;
    refuse(actor_states);
    replay.env_steps += actor_states.pending.len() as u64 + actor_states.pending.refused;
    replay.staged.append(&actor_states.pending);
    actor_states.pending.clear();
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
    let too_long = *waited > WAITS;
    if too_long {
        *waited = 0;
    }
    too_long
}

/// A sum that stays finite: what is not finite counts as nothing.
fn sum(a: f32, b: f32) -> f32 {
    if b.is_finite() { (a + b).clamp(f32::MIN, f32::MAX) } else { a }
}
