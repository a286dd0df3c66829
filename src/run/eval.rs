//! Evaluation: greedy episodes of a frozen policy, with separate seeds. In a world with finitely many starts,
//! each is played once before any repeats.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bevy::prelude::*;
use serde::{Deserialize, Serialize};

use super::RunError;
use super::compose::headless_app;
use crate::agent::{
    Controller, ControllerAssignment, EpisodeFinished, FrozenPolicies, Greedy, LearningPolicy,
};
use crate::learner::untrained;
use crate::mdp::{ObservationBatch, Policy, Stream};
use crate::sim::{AgentSlots, Failure, SimConfig, run_agent_step};
use crate::worlds::WorldChoice;

/// Number of arenas of an evaluation.
const EVAL_ARENAS: usize = 20;

/// Mean, median, standard deviation and range of a value over episodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Arithmetic mean.
    pub mean: f64,
    /// Median.
    pub median: f64,
    /// Population standard deviation.
    pub std: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
}

impl Spread {
    /// The statistics of `values`; all zero if there are none.
    pub fn of(mut values: Vec<f64>) -> Self {
        if values.is_empty() {
            return Self::default();
        }
        values.sort_by(f64::total_cmp);
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count as f64;
        Self {
            mean,
            median: (values[(count - 1) / 2] + values[count / 2]) / 2.0,
            std: variance.sqrt(),
            min: values[0],
            max: values[count - 1],
        }
    }
}

/// Results of greedy episodes of slot 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EvalSummary {
    /// Episodes played.
    pub episodes: usize,
    /// Number of different starts, distinguished by their first observations; 0 in files of older versions.
    #[serde(default)]
    pub starts: usize,
    /// Undiscounted episode return.
    pub episode_return: Spread,
    /// Agent steps.
    pub episode_length: Spread,
    /// Score difference, or 1 for a goal.
    pub score: Spread,
    /// Fraction of successful episodes.
    pub success: f64,
}

/// Plays greedy episodes with `policy` on slot 0's side against scripted players.
///
/// # Errors
/// [`RunError::Environment`] if the environment fails, which those of the arcade do not.
pub fn evaluate(
    world: &WorldChoice,
    policy: Arc<dyn Policy>,
    episodes: usize,
    seed: u64,
) -> Result<EvalSummary, RunError> {
    evaluate_until(&AtomicBool::new(false), world, policy, episodes, seed)
}

/// Like [`evaluate`], but ends once `stop` is set.
pub(super) fn evaluate_until(
    stop: &AtomicBool,
    world: &WorldChoice,
    policy: Arc<dyn Policy>,
    episodes: usize,
    seed: u64,
) -> Result<EvalSummary, RunError> {
    let (mut app, arenas) = evaluation(world, Controller::Frozen("evaluated".into()), episodes, seed);
    app.world_mut().resource_mut::<FrozenPolicies>().0.insert("evaluated".into(), policy);
    play(&mut app, episodes, arenas, stop)
}

/// Like [`evaluate`], for a baseline controller without a policy.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_player(
    world: &WorldChoice,
    player: Controller,
    episodes: usize,
    seed: u64,
) -> Result<EvalSummary, RunError> {
    let (mut app, arenas) = evaluation(world, player, episodes, seed);
    play(&mut app, episodes, arenas, &AtomicBool::new(false))
}

/// Arenas with evaluation seeds, `player` on slot 0's side and scripts on the others.
pub(super) fn evaluation(
    world: &WorldChoice,
    player: Controller,
    episodes: usize,
    seed: u64,
) -> (App, usize) {
    let spec = world.spec();
    let arenas = episodes.clamp(1, EVAL_ARENAS);
    let sim = SimConfig { arenas, seed, stream: Stream::Evaluation };
    let assignment = ControllerAssignment::against_script(&spec, &player);
    (headless_app(world, sim, assignment, LearningPolicy(untrained(&spec.action)), 0), arenas)
}

/// Plays `episodes` greedy episodes in the arenas of `app`, in which slot 0 plays a frozen policy.
///
/// Every arena contributes the same number of first episodes, so short ones are not favored. Once `stop` is
/// set, the summary covers those played so far.
fn play(app: &mut App, episodes: usize, arenas: usize, stop: &AtomicBool) -> Result<EvalSummary, RunError> {
    app.insert_resource(Greedy(true));
    let quota = |arena: usize| episodes / arenas + usize::from(arena < episodes % arenas);
    let mut taken = vec![0; arenas];
    let (mut begun, mut starts) = (first_seen(app.world_mut(), arenas), HashSet::new());
    let (mut returns, mut lengths, mut scores, mut successes) = (vec![], vec![], vec![], 0);
    let mut finished = app.world().resource::<Messages<EpisodeFinished>>().get_cursor_current();
    while returns.len() < episodes && !stop.load(Ordering::Relaxed) {
        run_agent_step(app.world_mut());
        still_there(app.world())?;
        let messages = app.world().resource::<Messages<EpisodeFinished>>();
        for episode in finished.read(messages).flat_map(EpisodeFinished::summaries) {
            if episode.slot == 0 && taken[episode.arena] < quota(episode.arena) {
                taken[episode.arena] += 1;
                returns.push(f64::from(episode.episode_return));
                lengths.push(f64::from(episode.episode_length));
                scores.push(f64::from(episode.score));
                successes += usize::from(episode.success);
                starts.insert(begun[episode.arena]);
            }
        }
        let now = first_seen(app.world_mut(), arenas);
        // Later observations of an episode differ from its first.
        begun.iter_mut().zip(now).filter(|(_, now)| *now != 0).for_each(|(begun, now)| *begun = now);
    }
    let episodes = returns.len();
    Ok(EvalSummary {
        episodes,
        starts: starts.len(),
        episode_return: Spread::of(returns),
        episode_length: Spread::of(lengths),
        score: Spread::of(scores),
        success: successes as f64 / episodes.max(1) as f64,
    })
}

/// Refuses to go on in an environment that has failed.
pub(super) fn still_there(world: &World) -> Result<(), RunError> {
    Failure::of(world).map_or(Ok(()), |reason| Err(RunError::Environment(reason.to_owned())))
}

/// By arena, a hash of all its observations if the next step is the first of an episode; else 0.
fn first_seen(world: &mut World, arenas: usize) -> Vec<u64> {
    let mut seen = vec![0; arenas];
    for slots in world.query::<&AgentSlots>().iter(world) {
        let begins = slots.begins || slots.end.is_some();
        if let Some(seen) = seen.get_mut(slots.arena).filter(|_| begins) {
            let ObservationBatch { vector, grid, .. } = &slots.observations;
            let mut hasher = DefaultHasher::new();
            (grid, vector.iter().map(|value| value.to_bits()).collect::<Vec<_>>()).hash(&mut hasher);
            *seen = hasher.finish().max(1);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_of_known_values() {
        let spread = Spread::of(vec![4.0, 1.0, 3.0, 2.0]);
        assert_eq!((spread.mean, spread.median, spread.min, spread.max), (2.5, 2.5, 1.0, 4.0));
        assert!((spread.std - 1.25f64.sqrt()).abs() < 1e-12);
    }
}
