//! History: measurements of a live learner over time, for plots and for the files of a run.

use std::collections::VecDeque;

use bevy::prelude::*;

use super::episode::EpisodeFinished;
use super::record::Replay;
use super::{Controller, LiveLearner};
use crate::learner::Health;
use crate::learner::metrics::{EFFECTIVE_SAMPLE_SIZE, catalogue, find};
use crate::metrics::Metric;
use crate::metrics::run::{
    ENV_STEPS_PER_SECOND, EPISODE_LENGTH, EPISODE_RETURN, GRADIENT_STEPS_PER_SECOND, POLICY_LAG, SCORE,
    SUCCESS,
};

/// Maximum number of points of a [`Series`]; a full one is thinned to half.
const MOST_POINTS: usize = 2000;

/// `[x, y]` points over time, thinned as they grow.
#[derive(Reflect, Debug, Clone, Default)]
pub struct Series(pub VecDeque<[f64; 2]>);

impl Series {
    fn push(&mut self, x: u64, y: f64) {
        if y.is_finite() {
            self.0.push_back([x as f64, y]);
        }
        if self.0.len() > MOST_POINTS {
            let mut keep = false;
            self.0.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }
}

/// A curve without points.
static EMPTY: Series = Series(VecDeque::new());

/// Measurements so far, for plots. `x` is `env_steps`.
#[derive(Resource, Reflect, Debug, Clone, Default)]
#[reflect(Resource)]
pub struct History {
    /// By metric key, in the order of first measurement.
    curves: Vec<(String, Series)>,
    /// Recent environment steps per second.
    pub env_step_rate: f32,
    /// Environment steps received by the learner; decreases when it is reset or loads a checkpoint.
    pub env_steps: u64,
    /// Gradient steps made by the learner; decreases as well.
    pub gradient_steps: u64,
    /// Whether the learner has failed.
    pub failed: bool,
}

impl History {
    /// The curve of `metric`, empty before the first measurement. Curves of episodes have a point per
    /// learning slot, and 1 or 0 for success.
    pub fn curve(&self, metric: Metric) -> &Series {
        self.find(metric.key).unwrap_or(&EMPTY)
    }

    /// All curves by their keys in `metrics.jsonl`: of every metric in the catalogue that has a curve,
    /// measured or not, and of any other measured metric.
    pub fn curves(&self) -> impl Iterator<Item = (&str, &Series)> {
        let known = catalogue().filter(|metric| metric.unit.is_curve());
        let known = known.map(|metric| (metric.key, self.curve(*metric)));
        let others = self.curves.iter().filter(|(key, _)| find(key).is_none());
        known.chain(others.map(|(key, series)| (&**key, series)))
    }

    /// The same with `series` as the curve of `metric`.
    #[must_use]
    pub fn with(mut self, metric: Metric, series: Series) -> Self {
        *self.entry(metric.key) = series;
        self
    }

    /// Adds a point to the curve of `key`.
    pub fn push(&mut self, key: &str, x: u64, y: f64) {
        self.entry(key).push(x, y);
    }

    fn find(&self, key: &str) -> Option<&Series> {
        self.curves.iter().find(|(known, _)| known == key).map(|(_, series)| series)
    }

    fn entry(&mut self, key: &str) -> &mut Series {
        let index = self.curves.iter().position(|(known, _)| known == key).unwrap_or_else(|| {
            self.curves.push((key.to_owned(), Series::default()));
            self.curves.len() - 1
        });
        &mut self.curves[index].1
    }
}

/// Adds finished episodes and measurements to [`History`], once per frame.
pub fn remember(
    learner: Res<LiveLearner>,
    replay: Res<Replay>,
    mut episodes: MessageReader<EpisodeFinished>,
    mut history: ResMut<History>,
    mut last: Local<Option<(std::time::Instant, u64, u64)>>,
) {
    let status = learner.status();
    if status.env_steps < history.env_steps {
        // A new agent starts: its curves are its own.
        *history = History::default();
    }
    if let (Health::Failed(reason), false) = (&status.health, history.failed) {
        tracing::error!("{reason}");
    }
    history.failed = matches!(status.health, Health::Failed(_));
    (history.env_steps, history.gradient_steps) = (status.env_steps, status.gradient_steps);
    let x = status.env_steps;
    let learning = |name: &&str| *name == Controller::Learning.name();
    for episode in episodes.read() {
        for (slot, _) in episode.controllers.iter().enumerate().filter(|(_, name)| learning(name)) {
            history.push(EPISODE_RETURN.key, x, episode.returns[slot].into());
            history.push(SUCCESS.key, x, f64::from(u8::from(episode.outcomes[slot].success)));
            history.push(EPISODE_LENGTH.key, x, episode.lengths[slot].into());
            history.push(SCORE.key, x, episode.outcomes[slot].score.into());
        }
    }
    let now = std::time::Instant::now();
    let (at, env_steps, gradient_steps) = *last.get_or_insert((now, replay.env_steps, status.gradient_steps));
    let seconds = now.duration_since(at).as_secs_f32();
    if seconds < 0.5 {
        return;
    }
    *last = Some((now, replay.env_steps, status.gradient_steps));
    history.env_step_rate = (replay.env_steps - env_steps) as f32 / seconds;
    let rate = history.env_step_rate;
    history.push(ENV_STEPS_PER_SECOND.key, x, rate.into());
    history.push(GRADIENT_STEPS_PER_SECOND.key, x, status.gradient_steps_per_second.into());
    if let (Some(report), true) = (status.measured(), status.gradient_steps > gradient_steps) {
        report.numbers().for_each(|(key, value)| history.push(key, x, value));
        let beside = [(POLICY_LAG, status.policy_lag), (EFFECTIVE_SAMPLE_SIZE, status.effective_sample_size)];
        for (metric, value) in beside {
            value.into_iter().for_each(|value| history.push(metric.key, x, value.into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Unit;

    #[test]
    fn every_plottable_metric_has_a_curve_and_others_join_once_measured() {
        const OWN: Metric = Metric { key: "own/figure", label: "", unit: Unit::Plain, help: "" };
        let mut history = History::default();
        let keys = |history: &History| history.curves().map(|(key, _)| key.to_owned()).collect::<Vec<_>>();
        let known = keys(&history);
        for metric in catalogue() {
            assert_eq!(known.iter().any(|key| key == metric.key), metric.unit.is_curve(), "{}", metric.key);
        }
        assert!(history.curve(EPISODE_RETURN).0.is_empty() && history.curve(OWN).0.is_empty());
        history.push(OWN.key, 3, 0.5);
        history.push(OWN.key, 4, f64::NAN);
        history.push(EPISODE_RETURN.key, 3, 1.5);
        assert_eq!(history.curve(OWN).0, [[3.0, 0.5]]);
        assert_eq!(history.curve(EPISODE_RETURN).0, [[3.0, 1.5]]);
        assert_eq!(keys(&history), [&known[..], &["own/figure".to_owned()]].concat());
    }
}
