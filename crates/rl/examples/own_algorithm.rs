//! Your own algorithm instead of Soft Actor-Critic: tabular Q-learning (Watkins and Dayan 1992) on a walk
//! along a line. `cargo run --example own_algorithm`.
//!
//! The learner provides the replay buffer, the ratio of gradient steps to environment steps and the counters;
//! the algorithm defines the gradient step and the policy. To use it in files and on the command line as
//! well, see "Add an algorithm" in CONTRIBUTING.md.

use std::error::Error;
use std::sync::Arc;

use entropy_rl::algo::{Algorithm, Persist, TrainError, TrainedPolicy};
use entropy_rl::learner::{Learner, LearnerConfig, LearnerSetup};
use entropy_rl::mdp::{
    ActInput, Action, ActionSpace, EnvironmentSpec, EpisodeEnd, ObservationBatch, ObservationSpace, Origin,
    Policy, PolicyId, PolicyOutput, RewardTerm, StepBatch, TransitionBatch,
};
use entropy_rl::metrics::Metrics;
use entropy_rl::nn::TensorMap;

/// Cells of the line: the walk starts in the middle, +1 is at the right end, −1 at the left end.
const CELLS: usize = 9;
const LEARNING_RATE: f32 = 0.2;

/// `[CELLS, 2]`: value of going left or right.
#[derive(Clone, Default)]
struct QTable([[f32; 2]; CELLS]);

/// The observation is the cell's number divided by that of the last one.
fn cell(observation: f32) -> usize {
    (observation * (CELLS - 1) as f32).round() as usize
}

impl Persist for QTable {}

impl Algorithm for QTable {
    fn update(&mut self, batch: &TransitionBatch, _report: bool) -> Result<Option<Metrics>, TrainError> {
        for row in 0..batch.batch {
            let (at, next) = (cell(batch.observations[row]), cell(batch.next_observations[row]));
            let best = self.0[next][0].max(self.0[next][1]);
            let target =
                batch.n_step_returns[row] + batch.discounts[row] * (1.0 - batch.terminated[row]) * best;
            let value = &mut self.0[at][batch.actions.index(row)];
            *value += LEARNING_RATE * (target - *value);
        }
        Ok(None)
    }

    fn policy(&self) -> Result<Arc<dyn TrainedPolicy>, TrainError> {
        Ok(Arc::new(self.clone()))
    }
}

impl Policy for QTable {
    fn id(&self) -> PolicyId {
        PolicyId::of(&["q-table"])
    }

    fn act(&self, input: ActInput<'_>, output: &mut PolicyOutput) {
        output.clear();
        for row in 0..input.observations.count {
            let [left, right] = self.0[cell(input.observations.row(row).0[0])];
            let action = u16::from(right >= left);
            output.actions.push(Action::Discrete(action));
            output.probabilities.extend([1.0 - f32::from(action), f32::from(action)]);
            output.entropies.push(0.0);
        }
    }
}

impl TrainedPolicy for QTable {
    fn tensors(&self) -> TensorMap {
        TensorMap::new()
    }
}

fn spec() -> EnvironmentSpec {
    EnvironmentSpec {
        name: "line".into(),
        summary: "Walk to the right end.".into(),
        observation: ObservationSpace::floats(&["position"]),
        action: ActionSpace::discrete(&["left", "right"]),
        ticks_per_step: 1,
        tick_seconds: 0.1,
        episode_limit: 1000,
        teams: vec![0],
        rewards: vec![RewardTerm::new("end", 1.0, "the right end is reached, −1 at the left end")],
    }
}

fn observe(position: usize) -> ObservationBatch {
    let mut observation = ObservationBatch::default();
    observation.push(&[position as f32 / (CELLS - 1) as f32], &[]);
    observation
}

/// One step from `position` by `action`: the next position, the reward, and how the episode ends.
fn step(position: usize, action: u16) -> (usize, f32, Option<EpisodeEnd>) {
    let next = if action == 1 { position + 1 } else { position - 1 };
    match next {
        0 => (next, -1.0, Some(EpisodeEnd::Terminated)),
        _ if next == CELLS - 1 => (next, 1.0, Some(EpisodeEnd::Terminated)),
        _ => (next, 0.0, None),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let config = LearnerConfig { learning_starts: 100, batch_size: 32, ..LearnerConfig::default() };
    let setup = LearnerSetup { streams: 1, ..LearnerSetup::new(spec(), config) };
    let mut learner = Learner::with_algorithm(setup, Box::new(QTable::default()), "for a table".into());

    let (mut position, mut is_first) = (CELLS / 2, true);
    for time in 0..4_000_u64 {
        // A random walk explores; Q-learning is off-policy. The hash replaces a generator.
        let action = ((time.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) & 1) as u16;
        let (next, reward, end) = step(position, action);
        let mut steps = StepBatch {
            streams: vec![0],
            starts: vec![is_first],
            observations: observe(position),
            rewards: vec![reward],
            behaviour_entropies: vec![2.0_f32.ln()],
            origins: vec![Origin::Policy],
            ends: vec![end],
            ..StepBatch::default()
        };
        steps.actions.push(Action::Discrete(action));
        if end.is_some() {
            steps.final_observations = observe(next);
        }
        learner.push(&steps, true);
        learner.train(learner.credit(), false)?;
        (position, is_first) = if end.is_some() { (CELLS / 2, true) } else { (next, false) };
    }

    let policy = learner.publish(false)?.policy;
    let mut output = PolicyOutput::default();
    let right = (1..CELLS - 1).filter(|position| {
        policy.consider(&observe(*position), &mut output);
        output.actions.index(0) == 1
    });
    let (right, steps) = (right.count(), learner.counters().gradient_steps);
    println!("after {steps} gradient steps the policy goes right in {right} of {} cells", CELLS - 2);
    if right < CELLS - 2 {
        return Err("it should go right everywhere".into());
    }
    Ok(())
}
