//! Record: completes the pending steps with what came of them, and tells of finished episodes.

use bevy::prelude::*;

use super::controllers::Controllers;
use super::hints::Hints;
use super::roster::{MOST_SLOTS, Roster};
use crate::mdp::{EpisodeSummary, StepBatch};
use crate::sim::Seats;

/// Recorded steps on their way to a learner. Whoever feeds the learner takes them out.
#[derive(Resource, Debug, Clone, Default)]
pub struct Replay {
    /// Steps recorded and not yet taken.
    pub staged: StepBatch,
    /// Steps recorded since the start.
    pub env_steps: u64,
}

/// Episodes finished and not yet taken, of every seat.
#[derive(Resource, Debug, Clone, Default)]
pub struct Episodes(pub Vec<EpisodeSummary>);

pub(super) fn record(
    all: Query<(&Seats, &Controllers)>,
    mut roster: ResMut<Roster>,
    mut replay: ResMut<Replay>,
    mut episodes: ResMut<Episodes>,
    mut hints: ResMut<Hints>,
) {
    let roster = &mut *roster;
    let rows = roster.pending.len();
    roster.pending.rewards.resize(rows, 0.0);
    roster.pending.ends.resize(rows, None);
    // Rows in the order of selection may find their seats in another order by now.
    let mut finals: Vec<(usize, &Seats, usize)> = Vec::new();
    let mut found = 0;
    for (seats, controllers) in &all {
        for slot in 0..seats.slots() {
            let stream = seats.arena * MOST_SLOTS + slot;
            let memory = roster.seat(stream);
            let name = controllers.get(slot).map_or("", |controller| controller.name());
            if memory.episode_length == 0 || memory.played.is_empty() {
                memory.played = name;
            } else if memory.played != name {
                memory.played = "mixed";
            }
            memory.episode_return += seats.rewards[slot];
            memory.episode_length += 1;
            let row = memory.row.take();
            if let Some(end) = seats.end {
                memory.open = false;
                episodes.0.push(EpisodeSummary {
                    arena: seats.arena,
                    slot,
                    controller: memory.played.to_owned(),
                    episode_return: memory.episode_return,
                    episode_length: memory.episode_length,
                    end,
                    success: seats.outcomes[slot].success,
                    score: seats.outcomes[slot].score,
                });
            }
            if let Some(row) = row {
                found += 1;
                let said = hints.give(seats.arena, slot, controllers.get(slot), replay.env_steps);
                roster.pending.rewards[row] = seats.rewards[slot] + said;
                roster.pending.ends[row] = seats.end;
                if seats.end.is_some() {
                    finals.push((row, seats, slot));
                }
            }
        }
    }
    if found < rows {
        // Seats vanished in the middle of a step: what they were doing has no outcome. The others'
        // step is dropped with theirs, so their next one follows nothing that was recorded.
        roster.pending.clear();
        roster.seats.iter_mut().for_each(|memory| memory.open = false);
        return;
    }
    finals.sort_by_key(|(row, ..)| *row);
    for (_, seats, slot) in finals {
        let (vector, grid) = seats.observations.row(slot);
        roster.pending.final_observations.push(vector, grid);
    }
    replay.env_steps += rows as u64;
    replay.staged.append(&roster.pending);
    roster.pending.clear();
}
