//! Metrics: what a line of `metrics.jsonl` says. docs/metrics.md explains every key.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::mdp::EpisodeSummary;
use crate::sac::TrainMetrics;

/// Episodes that rolling means run over.
const WINDOW: usize = 100;

/// The last learning episodes and the last gradient step; what a resumed run must know to log the same.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    episodes: VecDeque<EpisodeSummary>,
    finished: u64,
    report: Option<TrainMetrics>,
    /// Of that step's importance weights; `None` for uniform replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    effective_sample_size: Option<f32>,
    /// Gradient steps the acting policy was behind.
    #[serde(default)]
    policy_lag: Option<f32>,
}

impl Window {
    /// Takes a finished learning episode in.
    pub fn add(&mut self, episode: EpisodeSummary) {
        self.finished += 1;
        self.episodes.push_back(episode);
        if self.episodes.len() > WINDOW {
            self.episodes.pop_front();
        }
    }

    /// Remembers the last gradient step, what its batch was worth with prioritized replay, and the policy lag.
    pub fn measured(
        &mut self,
        report: Option<TrainMetrics>,
        effective_sample_size: Option<f32>,
        policy_lag: Option<f32>,
    ) {
        if report.is_some() {
            self.report = report;
            self.effective_sample_size = effective_sample_size;
            self.policy_lag = policy_lag;
        }
    }

    /// Mean of `value` over the window, `None` while it is empty.
    pub fn mean(&self, value: impl Fn(&EpisodeSummary) -> f32) -> Option<f32> {
        let count = self.episodes.len();
        (count > 0).then(|| self.episodes.iter().map(value).sum::<f32>() / count as f32)
    }

    /// Everything of a line but its `time/` keys: the same for the same seed on the same machine.
    pub fn line(
        &self,
        env_steps: u64,
        gradient_steps: u64,
        replay_len: usize,
        refused: u64,
    ) -> Map<String, Value> {
        let mut line = Map::new();
        let mut put = |key: &str, value: Value| _ = line.insert(key.to_owned(), value);
        put("env_steps", env_steps.into());
        put("gradient_steps", gradient_steps.into());
        put("rollout/episodes", self.finished.into());
        put("rollout/episode_return", self.mean(|episode| episode.episode_return).into());
        put("rollout/episode_length", self.mean(|episode| episode.episode_length as f32).into());
        put("rollout/success", self.mean(|episode| f32::from(u8::from(episode.success))).into());
        put("rollout/score", self.mean(|episode| episode.score).into());
        if let Some(lag) = self.policy_lag {
            put("rollout/policy_lag", lag.into());
        }
        put("train/replay", replay_len.into());
        // Only runs that had any have it.
        if refused > 0 {
            put("rollout/refused_steps", refused.into());
        }
        if let Some(report) = &self.report {
            for (key, value) in [
                ("train/critic_loss", report.critic_loss),
                ("train/actor_loss", report.actor_loss),
                ("train/temperature_loss", report.temperature_loss),
                ("train/temperature", report.temperature),
                ("train/entropy", report.entropy),
                ("train/target_entropy", report.target_entropy),
                ("train/q", report.q_mean),
                ("train/q_std", report.q_std),
                ("train/twin_disagreement", report.twin_disagreement),
                ("train/target", report.target_mean),
                ("train/td_error", report.td_error_abs),
                ("train/actor_gradient_norm", report.actor_gradient_norm),
                ("train/critic_gradient_norm", report.critic_gradient_norm),
                ("train/actor_parameter_norm", report.actor_parameter_norm),
                ("train/critic_parameter_norm", report.critic_parameter_norm),
            ] {
                put(key, value.into());
            }
            put("train/action_probabilities", report.action_probabilities.clone().into());
            // Only runs with a value network have one.
            if report.value_loss != 0.0 {
                put("train/value_loss", report.value_loss.into());
            }
        }
        if let Some(size) = self.effective_sample_size {
            put("train/effective_sample_size", size.into());
        }
        line
    }
}
