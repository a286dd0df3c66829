//! Whether critics are right: what they predict for sampled actions, against the soft return that then came.

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::Serialize;

use super::RunError;
use super::eval::{Spread, evaluation, still_there};
use crate::agent::{Controller, LearningPolicy, MOST_SLOTS, Replay};
pub use crate::algo::SoftValues;
use crate::mdp::{ActionBatch, EpisodeEnd, ObservationBatch, Policy, PolicySnapshot, StepBatch};
use crate::sim::run_agent_step;
use crate::worlds::WorldChoice;

/// Largest weight that what came after the end of a cut-off episode may have in the return of a step that counts.
const UNKNOWN: f32 = 0.05;

/// Predicted and actual soft returns over the steps of episodes with sampled actions.
///
/// The soft return of a step is `r_t + Σ_{k>t} gamma^(k−t) (r_k + temperature · H_k)` with the entropy H of the policy
/// (Haarnoja et al. 2018, equation 3), of continuous actions `−ln π(a_k)`. A cut-off episode is bootstrapped from the last
/// prediction, and only those of its steps count in which that has a weight of at most 5 %.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ValueErrors {
    /// Episodes played.
    pub episodes: usize,
    /// Steps that count.
    pub steps: usize,
    /// Mean over steps and critics of `Q(o, a)`, in units of reward.
    pub predicted: f64,
    /// Mean over steps of the soft return.
    pub actual: f64,
    /// The difference step by step: positive where critics promise too much.
    pub error: Spread,
}

/// Steps of an episode so far.
#[derive(Debug, Clone, Default)]
struct Episode {
    observations: ObservationBatch,
    actions: ActionBatch,
    rewards: Vec<f32>,
    entropies: Vec<f32>,
}

impl Episode {
    fn push(&mut self, steps: &StepBatch, row: usize) {
        let (vector, grid) = steps.observations.row(row);
        self.observations.push(vector, grid);
        self.actions.push(steps.actions.row(row));
        self.rewards.push(steps.rewards[row]);
        self.entropies.push(steps.behaviour_entropies[row]);
    }

    /// `[steps]`: predictions, mean over critics.
    fn predictions(&self, values: &SoftValues) -> Vec<f32> {
        let (mut all, count) = (Vec::new(), self.rewards.len());
        values.critics.values_of(&self.observations, &self.actions, &mut all);
        let critics = values.critics.critics() as f32;
        (0..count).map(|step| all[step..].iter().step_by(count).sum::<f32>() / critics).collect()
    }

    /// Pairs of a prediction and the soft return that followed, of the steps that count.
    fn pairs(&self, end: EpisodeEnd, values: &SoftValues) -> Vec<[f32; 2]> {
        let (predicted, SoftValues { gamma, temperature, .. }) = (self.predictions(values), values);
        let mut pairs = Vec::new();
        // The value of the moment after, with its entropy, and what of it is unknown.
        let (mut after, mut unknown) = (0.0, 0.0);
        for (step, predicted) in predicted.into_iter().enumerate().rev() {
            let cut = step + 1 == self.rewards.len() && end == EpisodeEnd::Truncated;
            let actual = if cut { predicted } else { self.rewards[step] + gamma * after };
            unknown = if cut { 1.0 } else { gamma * unknown };
            if unknown <= UNKNOWN {
                pairs.push([predicted, actual]);
            }
            after = actual + temperature * self.entropies[step];
        }
        pairs
    }
}

/// Plays `episodes` with sampled actions of `policy` on slot 0's side against scripted players, and compares.
///
/// # Errors
/// As [`evaluate`](super::evaluate).
pub fn value_errors(
    world: &WorldChoice,
    policy: Arc<dyn Policy>,
    values: &SoftValues,
    episodes: usize,
    seed: u64,
) -> Result<ValueErrors, RunError> {
    let (mut app, arenas) = evaluation(world, Controller::Learning, episodes, seed);
    let snapshot = PolicySnapshot { version: 0, gradient_steps: 0, policy, critics: None };
    app.insert_resource(LearningPolicy(Arc::new(ArcSwap::from_pointee(snapshot))));
    let quota = |arena: usize| episodes / arenas + usize::from(arena < episodes % arenas);
    let mut open = vec![Episode::default(); arenas];
    let mut taken = vec![0; arenas];
    let mut pairs = Vec::new();
    while (0..arenas).any(|arena| taken[arena] < quota(arena)) {
        run_agent_step(app.world_mut());
        still_there(app.world())?;
        let steps = std::mem::take(&mut app.world_mut().resource_mut::<Replay>().staged);
        for (row, end) in steps.ends.iter().enumerate() {
            let stream = steps.streams[row] as usize;
            let (arena, slot) = (stream / MOST_SLOTS, stream % MOST_SLOTS);
            if slot != 0 || taken[arena] == quota(arena) {
                continue;
            }
            open[arena].push(&steps, row);
            if let Some(end) = end {
                taken[arena] += 1;
                pairs.extend(std::mem::take(&mut open[arena]).pairs(*end, values));
            }
        }
    }
    let mean = |which: usize| {
        pairs.iter().map(|pair| f64::from(pair[which])).sum::<f64>() / pairs.len().max(1) as f64
    };
    Ok(ValueErrors {
        episodes: taken.iter().sum(),
        steps: pairs.len(),
        predicted: mean(0),
        actual: mean(1),
        error: Spread::of(pairs.iter().map(|[predicted, actual]| f64::from(predicted - actual)).collect()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learner::{Learner, LearnerConfig, LearnerSetup};
    use crate::mdp::ActionValues;

    /// Two critics: the observation, and three more.
    struct Known;

    impl ActionValues for Known {
        fn critics(&self) -> usize {
            2
        }

        fn action_values(&self, _: &ObservationBatch, _: &mut Vec<f32>) {}

        fn values_of(&self, observations: &ObservationBatch, _: &ActionBatch, values: &mut Vec<f32>) {
            values.clear();
            values.extend(&observations.vector);
            values.extend(observations.vector.iter().map(|value| value + 3.0));
        }
    }

    fn episode(predicted: &[f32]) -> Episode {
        let mut episode = Episode::default();
        for (step, predicted) in predicted.iter().enumerate() {
            episode.observations.push(&[predicted - 1.5], &[]);
            episode.actions.push(crate::mdp::Action::Discrete(0));
            episode.rewards.push(1.0 + step as f32);
            episode.entropies.push(10.0);
        }
        episode
    }

    /// Untrained critics of worlds with either kind of actions, and with a player on either side.
    #[test]
    fn every_world_has_errors_of_its_critics() {
        for (name, episodes) in [("pendulum", 3), ("lava-room", 22), ("paddle-duel", 2), ("hopper", 5)] {
            let world = WorldChoice::new(name, None).unwrap();
            let setup = LearnerSetup::new(world.spec(), LearnerConfig::default());
            let snapshot = Learner::new(setup).unwrap().publish(true).unwrap();
            let (policy, critics) = (snapshot.policy, snapshot.critics.unwrap());
            let values = SoftValues { critics, temperature: 0.2, gamma: 0.9 };
            let found = value_errors(&world, policy.clone(), &values, episodes, 1).unwrap();
            assert_eq!(found.episodes, episodes, "{name}");
            assert!(found.steps > 0 && found.error.std > 0.0, "{name}: {found:?}");
            assert!((found.predicted - found.actual - found.error.mean).abs() < 1e-3, "{name}: {found:?}");
            assert_eq!(value_errors(&world, policy, &values, episodes, 1).unwrap(), found, "{name}");
        }
    }

    #[test]
    fn soft_returns_have_the_entropies_of_later_steps() {
        let values = SoftValues { critics: Arc::new(Known), temperature: 0.1, gamma: 0.5 };
        let pairs = episode(&[7.0, 8.0, 9.0]).pairs(EpisodeEnd::Terminated, &values);
        // 3, 2 + ½ (3 + 1), 1 + ½ (4 + 1).
        assert_eq!(pairs, [[9.0, 3.0], [8.0, 4.0], [7.0, 3.5]]);
    }

    #[test]
    fn a_cut_off_episode_counts_as_far_as_its_return_is_known() {
        let values = SoftValues { critics: Arc::new(Known), temperature: 0.0, gamma: 0.5 };
        let pairs = episode(&[0.0; 7]).pairs(EpisodeEnd::Truncated, &values);
        // The last prediction, 0, has a weight of 1/32 in the second step.
        let second = 2.0 + 3.0 / 2.0 + 4.0 / 4.0 + 5.0 / 8.0 + 6.0 / 16.0;
        assert_eq!(pairs, [[0.0, second], [0.0, 1.0 + second / 2.0]]);
    }
}
