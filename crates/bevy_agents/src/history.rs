//! History: what has been measured of a live learner so far, for plots and for the files of a run.

use std::collections::VecDeque;

use bevy::prelude::*;

use super::record::{Episodes, Replay};
use super::{Controller, LiveLearner};
use crate::learner::Health;
use crate::mdp::EpisodeSummary;

/// Points a [`Series`] keeps; a full one is thinned to half.
const MOST_POINTS: usize = 2000;

/// `[x, y]` points over time, thinned as they grow.
#[derive(Debug, Clone, Default)]
pub struct Series(pub VecDeque<[f64; 2]>);

impl Series {
    fn push(&mut self, x: u64, y: f32) {
        if y.is_finite() {
            self.0.push_back([x as f64, f64::from(y)]);
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

/// What has been measured so far, for plots. `x` is `env_steps`.
#[derive(Resource, Debug, Clone, Default)]
pub struct History {
    /// Episode returns of learning seats.
    pub episode_return: Series,
    /// Sum of the critics' losses.
    pub critic_loss: Series,
    /// Temperature.
    pub temperature: Series,
    /// Policy entropy, nats.
    pub entropy: Series,
    /// What the temperature aims for, nats.
    pub target_entropy: Series,
    /// Gradient steps per second.
    pub gradient_steps_per_second: Series,
    /// Recorded environment steps per second.
    pub env_steps_per_second: Series,
    /// 1 for an episode that succeeded, else 0.
    pub success: Series,
    /// Agent steps of episodes.
    pub episode_length: Series,
    /// Actor loss.
    pub actor_loss: Series,
    /// Mean action value of the batch.
    pub q: Series,
    /// Standard deviation of action values over the batch.
    pub q_std: Series,
    /// Mean absolute TD error.
    pub td_error: Series,
    /// Mean difference of the critics.
    pub twin_disagreement: Series,
    /// Recorded environment steps per second, lately.
    pub env_step_rate: f32,
    /// Environment steps the learner has received; falls back when it is reset or loads a checkpoint.
    pub env_steps: u64,
    /// Every seat's episodes that finished since the last frame.
    pub latest: Vec<EpisodeSummary>,
    /// The last episode of the watched arena's slots.
    pub watched: Option<EpisodeSummary>,
    /// Gradient steps the learner has made; falls back as well.
    pub gradient_steps: u64,
    /// Whether the learner has failed.
    pub failed: bool,
}

impl History {
    /// All curves under the names that `metrics.jsonl` uses.
    pub fn series(&self) -> [(&'static str, &Series); 14] {
        [
            ("rollout/episode_return", &self.episode_return),
            ("rollout/success", &self.success),
            ("rollout/episode_length", &self.episode_length),
            ("train/critic_loss", &self.critic_loss),
            ("train/actor_loss", &self.actor_loss),
            ("train/temperature", &self.temperature),
            ("train/entropy", &self.entropy),
            ("train/target_entropy", &self.target_entropy),
            ("train/q", &self.q),
            ("train/q_std", &self.q_std),
            ("train/td_error", &self.td_error),
            ("train/twin_disagreement", &self.twin_disagreement),
            ("time/env_steps_per_second", &self.env_steps_per_second),
            ("time/gradient_steps_per_second", &self.gradient_steps_per_second),
        ]
    }
}

/// Takes finished episodes and measurements into [`History`], once a frame.
pub fn remember(
    learner: Res<LiveLearner>,
    replay: Res<Replay>,
    mut episodes: ResMut<Episodes>,
    mut history: ResMut<History>,
    mut last: Local<Option<(std::time::Instant, u64, u64)>>,
) {
    let status = learner.status();
    if status.env_steps < history.env_steps {
        // Another agent from here on: its curves are its own.
        *history = History::default();
    }
    if let (Health::Failed(reason), false) = (&status.health, history.failed) {
        tracing::error!("{reason}");
    }
    history.failed = matches!(status.health, Health::Failed(_));
    (history.env_steps, history.gradient_steps) = (status.env_steps, status.gradient_steps);
    let x = status.env_steps;
    history.latest.clear();
    for episode in episodes.0.drain(..) {
        if episode.controller == Controller::Learning.name() {
            history.episode_return.push(x, episode.episode_return);
            history.success.push(x, f32::from(u8::from(episode.success)));
            history.episode_length.push(x, episode.episode_length as f32);
        }
        if episode.arena == 0 {
            history.watched = Some(episode.clone());
        }
        history.latest.push(episode);
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
    history.env_steps_per_second.push(x, rate);
    history.gradient_steps_per_second.push(x, status.gradient_steps_per_second);
    if let (Some(report), true) = (status.measured(), status.gradient_steps > gradient_steps) {
        history.critic_loss.push(x, report.critic_loss);
        history.temperature.push(x, report.temperature);
        history.entropy.push(x, report.entropy);
        history.target_entropy.push(x, report.target_entropy);
        history.actor_loss.push(x, report.actor_loss);
        history.q.push(x, report.q_mean);
        history.q_std.push(x, report.q_std);
        history.td_error.push(x, report.td_error_abs);
        history.twin_disagreement.push(x, report.twin_disagreement);
    }
}
