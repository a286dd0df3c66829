//! The world that counts, and what its transitions must be.

use entropy_rl::mdp::{
    Action, ActionSpace, EnvironmentSpec, EpisodeEnd, ObservationSpace, Origin, Rng, StepBatch,
    TransitionBatch,
};
use rand::RngExt as _;

use super::STREAMS;

/// Observations: process, stream, episode, step.
pub(super) fn spec() -> EnvironmentSpec {
    EnvironmentSpec {
        name: "counting".into(),
        summary: String::new(),
        observation: ObservationSpace::floats(&["process", "stream", "episode", "step"]),
        action: ActionSpace::discrete(&["a", "b"]),
        ticks_per_step: 1,
        tick_seconds: 1.0,
        episode_limit: 50,
        teams: vec![0],
        rewards: Vec::new(),
    }
}

/// A process that plays the world in all its streams.
pub(super) struct Player {
    client: u64,
    /// Episode and step of each stream.
    at: [(u32, u32); STREAMS as usize],
    /// Agent steps for which each stream rests, so that batches lack some.
    rests: [u32; STREAMS as usize],
}

impl Player {
    pub(super) fn new(client: u64) -> Self {
        Self { client, at: [(0, 0); STREAMS as usize], rests: [0; STREAMS as usize] }
    }

    /// An agent step of some of its streams.
    pub(super) fn play(&mut self, rng: &mut Rng) -> StepBatch {
        let mut steps = StepBatch::default();
        for (stream, (at, rests)) in self.at.iter_mut().zip(&mut self.rests).enumerate() {
            if *rests == 0 && rng.random_bool(0.02) {
                *rests = rng.random_range(1..60);
            }
            if *rests > 0 {
                *rests -= 1;
                continue;
            }
            let observe = |(episode, step): (u32, u32)| {
                [self.client as f32, stream as f32, episode as f32, step as f32]
            };
            steps.streams.push(stream as u32);
            steps.starts.push(at.1 == 0);
            steps.observations.push(&observe(*at), &[]);
            steps.actions.push(Action::Discrete(rng.random_range(0..2)));
            steps.rewards.push(1.0);
            steps.behaviour_entropies.push(0.5);
            steps.policy_gradient_steps.push(u64::from(at.0 / 3));
            steps.origins.push(if rng.random_bool(0.1) { Origin::Human } else { Origin::Policy });
            at.1 += 1;
            let ends = rng.random_bool(0.05);
            let end = if rng.random_bool(0.5) { EpisodeEnd::Terminated } else { EpisodeEnd::Truncated };
            steps.ends.push(ends.then_some(end));
            if ends {
                steps.final_observations.push(&observe(*at), &[]);
                *at = (at.0 + 1, 0);
            }
        }
        steps
    }
}

/// Every transition leads to what its process saw as many steps later as rewards were summed.
pub(super) fn check(batch: &TransitionBatch) -> Result<(), String> {
    for row in 0..batch.batch {
        let own = row * batch.features..(row + 1) * batch.features;
        let (from, to) = (&batch.observations[own.clone()], &batch.next_observations[own]);
        let steps = batch.n_step_returns[row];
        let follows = from[..3] == to[..3] && to[3] == from[3] + steps && (1.0..=3.0).contains(&steps);
        if !follows {
            return Err(format!("a transition from {from:?} to {to:?} after {steps} steps never happened"));
        }
    }
    Ok(())
}
