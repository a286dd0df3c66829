//! Collects the episodes that players play, in any app with arenas.

use std::collections::BTreeMap;

use bevy::prelude::*;

use super::Episode;
use crate::agent::tick::{ScriptSystems, Spec};
use crate::agent::{AgentSlots, Controller, Controllers, HumanInput};
use crate::mdp::{ActionBatch, ObservationBatch};
use crate::sim::{SimSystems, SimTick};

/// Collects whole episodes of the slots that `wanted` selects.
#[derive(Resource)]
pub struct EpisodeRecorder {
    /// Whether the episodes of a slot with this controller are collected.
    wanted: fn(usize, &Controller) -> bool,
    open: BTreeMap<(usize, usize), Episode>,
    /// Finished episodes with their arena and slot, in the order in which they ended.
    finished: Vec<(usize, usize, Episode)>,
}

impl EpisodeRecorder {
    /// Of slots, with their controllers, for which `wanted` is true.
    pub fn new(wanted: fn(usize, &Controller) -> bool) -> Self {
        Self { wanted, open: BTreeMap::new(), finished: Vec::new() }
    }

    /// Takes the finished episodes, with arena and slot.
    pub fn take(&mut self) -> Vec<(usize, usize, Episode)> {
        std::mem::take(&mut self.finished)
    }
}

/// Collects episodes from now on.
pub fn plugin(app: &mut App, recorder: EpisodeRecorder) {
    app.insert_resource(recorder).add_systems(
        SimTick,
        (
            begin.in_set(SimSystems::Decide).before(ScriptSystems).before(crate::agent::decide),
            collect.in_set(SimSystems::Observe),
        ),
    );
}

/// An episode begins with the first observation that a wanted player acts on.
fn begin(
    mut recorder: ResMut<EpisodeRecorder>,
    spec: Res<Spec>,
    human: Option<Res<HumanInput>>,
    arenas: Query<(&AgentSlots, &Controllers)>,
) {
    let recorder = &mut *recorder;
    for (seats, controllers) in arenas.iter().filter(|(seats, _)| !seats.on_hold) {
        for (slot, controller) in controllers.iter().enumerate() {
            let place = (seats.arena, slot);
            // Nobody has pressed a key since a session was resumed.
            let away = human.as_ref().is_some_and(|human| human.absent.get(slot) == Some(&true));
            let plays = (recorder.wanted)(slot, controller) && !(away && *controller == Controller::Human);
            if !plays || seats.interrupted {
                recorder.open.remove(&place);
            }
            if plays && seats.begins {
                let mut observations = ObservationBatch::default();
                let (vector, grid) = seats.observations.row(slot);
                observations.push(vector, grid);
                let actions = ActionBatch::neutral(&spec.action, 0);
                let end = crate::mdp::EpisodeEnd::Truncated;
                recorder.open.insert(place, Episode { observations, actions, rewards: Vec::new(), end });
            }
        }
    }
}

/// A step is complete: what was done, what came of it, and what is seen next.
fn collect(mut recorder: ResMut<EpisodeRecorder>, arenas: Query<&AgentSlots>) {
    let EpisodeRecorder { open, finished, .. } = &mut *recorder;
    for seats in arenas.iter().filter(|seats| !seats.on_hold) {
        for slot in 0..seats.rewards.len() {
            let place = (seats.arena, slot);
            if seats.disturbed {
                // Something other than its players moved it: no action led to what is seen next.
                open.remove(&place);
            }
            let Some(episode) = open.get_mut(&place) else { continue };
            let (vector, grid) = seats.observations.row(slot);
            episode.observations.push(vector, grid);
            episode.actions.push(seats.actions.row(slot));
            episode.rewards.push(seats.rewards[slot]);
            if let (Some(end), Some(mut episode)) = (seats.end, seats.end.and_then(|_| open.remove(&place))) {
                episode.end = end;
                finished.push((seats.arena, slot, episode));
            }
        }
    }
}
