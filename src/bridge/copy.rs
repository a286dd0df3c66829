//! A copy of an outside environment: what it showed last, and where its episode is.

use bevy::prelude::*;

use super::wire::{Frame, Layout};
use crate::mdp::{EpisodeEnd, later_seed};
use crate::sim::{AgentSlots, Moment, ObservationWrapper, Outcome, OwnObservation};

/// A copy of the environment.
#[derive(Component)]
pub(super) struct OutsideCopy {
    own: OwnObservation,
    /// The first observation of its next episode.
    next: OwnObservation,
    /// Steps in its episode.
    steps: u32,
    /// Episodes begun.
    episodes: u64,
    episode_return: f64,
    flicker_seed: u64,
}

impl OutsideCopy {
    /// A copy before its first observation; `seed` decides what flickers in its episodes.
    pub fn new(wrapper: &ObservationWrapper, seed: u64) -> Self {
        let own = OwnObservation::of(wrapper.own());
        Self { next: own.clone(), own, steps: 0, episodes: 0, episode_return: 0.0, flicker_seed: seed }
    }

    /// Takes its observation out of a frame, and the one after it where an episode has ended.
    pub fn read(&mut self, frame: &Frame, layout: Layout, row: usize) {
        frame.observation(layout, row, &mut self.own.vector, &mut self.own.grid);
        frame.next(layout, row, &mut self.next.vector, &mut self.next.grid);
    }

    /// Shows its observation to the agent.
    pub fn write(&self, seats: &mut AgentSlots, wrapper: &ObservationWrapper) {
        let (vector, grid) = seats.observations.row_mut(0);
        if wrapper.is_plain() {
            vector.copy_from_slice(&self.own.vector);
            grid.copy_from_slice(&self.own.grid);
            return;
        }
        let moment = Moment { episode: self.flicker_seed, step: self.steps, slot: 0 };
        wrapper.wrap(&self.own, moment, vector, grid);
    }

    /// Begins an episode with its `next` observation.
    pub fn begin(&mut self) {
        std::mem::swap(&mut self.own, &mut self.next);
        (self.steps, self.episode_return) = (0, 0.0);
        self.episodes += 1;
        self.flicker_seed = later_seed(self.flicker_seed, self.episodes);
    }

    /// Takes what its step in `row` of a frame has led to, and shows it to the agent.
    pub fn settle(
        &mut self,
        seats: &mut AgentSlots,
        frame: &Frame,
        layout: Layout,
        row: usize,
        wrapper: &ObservationWrapper,
    ) {
        let outcome = frame.outcome(layout, row);
        seats.rewards[0] = outcome.reward as f32;
        self.steps += 1;
        self.episode_return += outcome.reward;
        self.read(frame, layout, row);
        self.write(seats, wrapper);
        seats.end = match (outcome.terminated, outcome.truncated) {
            (true, _) => Some(EpisodeEnd::Terminated),
            (false, true) => Some(EpisodeEnd::Truncated),
            (false, false) => None,
        };
        if seats.end.is_some() {
            seats.outcomes[0] = Outcome { success: outcome.success, score: self.episode_return as f32 };
        }
    }

    /// Loses its step: what that would have led to is not known. Its next episode begins with what it shows now, unless
    /// [`OutsideCopy::expect`] says otherwise.
    pub fn lose(&mut self, seats: &mut AgentSlots) {
        (seats.disturbed, seats.end) = (true, Some(EpisodeEnd::Truncated));
        self.next = self.own.clone();
    }

    /// Its next episode begins with the observation in `row`.
    pub fn expect(&mut self, frame: &Frame, layout: Layout, row: usize) {
        frame.observation(layout, row, &mut self.next.vector, &mut self.next.grid);
    }
}
