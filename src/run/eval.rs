//! Evaluation: greedy episodes of a frozen policy, with luck of their own. Where a world's starts can be counted, each is
//! played once before any is played twice.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use std::sync::atomic::{AtomicBool, Ordering};

use bevy::prelude::*;
use serde::{Deserialize, Serialize};

use crate::agent::{Episodes, Greedy};
use crate::mdp::ObservationBatch;
use crate::sim::{AgentSlots, run_agent_step};

/// Mean, median, standard deviation and range of a figure over episodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Arithmetic mean.
    pub mean: f64,
    /// Middle value, or the mean of the two middle ones.
    pub median: f64,
    /// Population standard deviation.
    pub std: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
}

impl Spread {
    /// The spread of `values`; all zero when there are none.
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

/// What greedy episodes of slot 0 came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EvalSummary {
    /// Episodes played.
    pub episodes: usize,
    /// Different starts among them, told apart by what players see first; 0 in files of older programs.
    #[serde(default)]
    pub starts: usize,
    /// Undiscounted episode return.
    pub episode_return: Spread,
    /// Agent steps.
    pub episode_length: Spread,
    /// Score difference, or 1 for a goal.
    pub score: Spread,
    /// Share of episodes that succeeded.
    pub success: f64,
}

/// Plays `episodes` greedy episodes in the arenas of `app`, in which slot 0 plays a frozen policy.
///
/// Every arena contributes the same number of first episodes, so short ones are not favored. Once `stop` is
/// set, the summary is of those played by then.
pub fn evaluate(app: &mut App, episodes: usize, arenas: usize, stop: &AtomicBool) -> EvalSummary {
    app.insert_resource(Greedy(true));
    let quota = |arena: usize| episodes / arenas + usize::from(arena < episodes % arenas);
    let mut taken = vec![0; arenas];
    let (mut begun, mut starts) = (first_seen(app.world_mut(), arenas), HashSet::new());
    let (mut returns, mut lengths, mut scores, mut successes) = (vec![], vec![], vec![], 0);
    while returns.len() < episodes && !stop.load(Ordering::Relaxed) {
        run_agent_step(app.world_mut());
        for episode in std::mem::take(&mut app.world_mut().resource_mut::<Episodes>().0) {
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
        // Who goes on with an episode sees something else by now than at its start.
        begun.iter_mut().zip(now).filter(|(_, now)| *now != 0).for_each(|(begun, now)| *begun = now);
    }
    let episodes = returns.len();
    EvalSummary {
        episodes,
        starts: starts.len(),
        episode_return: Spread::of(returns),
        episode_length: Spread::of(lengths),
        score: Spread::of(scores),
        success: successes as f64 / episodes.max(1) as f64,
    }
}

/// By arena, a number for what all its players see where their next step is the first of an episode; else 0.
fn first_seen(world: &mut World, arenas: usize) -> Vec<u64> {
    let mut seen = vec![0; arenas];
    for seats in world.query::<&AgentSlots>().iter(world) {
        let begins = seats.begins || seats.end.is_some();
        if let Some(seen) = seen.get_mut(seats.arena).filter(|_| begins) {
            let ObservationBatch { vector, grid, .. } = &seats.observations;
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
