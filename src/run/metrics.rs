//! The content of a line of `metrics.jsonl`. docs/metrics.md explains every key.

use std::collections::VecDeque;

use serde::{Deserialize, Deserializer, Serialize};

use crate::learner::metrics::{EFFECTIVE_SAMPLE_SIZE, REPLAY};
use crate::mdp::EpisodeSummary;
use crate::metrics::run::{
    ENV_STEPS, EPISODE_LENGTH, EPISODE_RETURN, EPISODES, GRADIENT_STEPS, POLICY_LAG, REFUSED_STEPS, SCORE,
    SUCCESS,
};
use crate::metrics::{Metrics, Value};

/// Number of episodes of rolling means.
const EPISODES_KEPT: usize = 100;

/// Rolling means over the last learning episodes, and the last gradient step: the logging state of a resumed
/// run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RollingMetrics {
    episodes: VecDeque<EpisodeSummary>,
    finished: u64,
    #[serde(default, deserialize_with = "report")]
    report: Option<Metrics>,
    /// Effective sample size of that step's importance weights; `None` for uniform replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    effective_sample_size: Option<f32>,
    /// Policy lag, in gradient steps.
    #[serde(default)]
    policy_lag: Option<f32>,
}

impl RollingMetrics {
    /// Adds a finished learning episode.
    pub fn add(&mut self, episode: EpisodeSummary) {
        self.finished += 1;
        self.episodes.push_back(episode);
        if self.episodes.len() > EPISODES_KEPT {
            self.episodes.pop_front();
        }
    }

    /// Stores the metrics of the last gradient step, its effective sample size with prioritized replay, and
    /// the policy lag. Does nothing without a `report`.
    pub fn measured(
        &mut self,
        report: Option<Metrics>,
        effective_sample_size: Option<f32>,
        policy_lag: Option<f32>,
    ) {
        if report.is_some() {
            self.report = report;
            self.effective_sample_size = effective_sample_size;
            self.policy_lag = policy_lag;
        }
    }

    /// Mean of `value` over the last episodes; `None` without episodes.
    pub fn mean(&self, value: impl Fn(&EpisodeSummary) -> f32) -> Option<f32> {
        let count = self.episodes.len();
        (count > 0).then(|| self.episodes.iter().map(value).sum::<f32>() / count as f32)
    }

    /// A line without its `time/` keys: deterministic for a seed on the same machine.
    pub fn line(&self, env_steps: u64, gradient_steps: u64, replay_len: usize, refused: u64) -> Metrics {
        let mut line = Metrics::default();
        line.set(ENV_STEPS, env_steps);
        line.set(GRADIENT_STEPS, gradient_steps);
        line.set(EPISODES, self.finished);
        line.set(EPISODE_RETURN, self.mean(|episode| episode.episode_return));
        line.set(EPISODE_LENGTH, self.mean(|episode| episode.episode_length as f32));
        line.set(SUCCESS, self.mean(|episode| f32::from(u8::from(episode.success))));
        line.set(SCORE, self.mean(|episode| episode.score));
        if let Some(lag) = self.policy_lag {
            line.set(POLICY_LAG, lag);
        }
        line.set(REPLAY, replay_len as u64);
        // Present only in runs that had any.
        if refused > 0 {
            line.set(REFUSED_STEPS, refused);
        }
        if let Some(report) = &self.report {
            line.extend(report);
        }
        if let Some(size) = self.effective_sample_size {
            line.set(EFFECTIVE_SAMPLE_SIZE, size);
        }
        line
    }
}

/// Reads a report. Files of older versions use other keys.
fn report<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Metrics>, D::Error> {
    let report = Option::<Metrics>::deserialize(deserializer)?;
    Ok(report.map(|report| report.iter().filter_map(|(key, value)| renamed(key, value)).collect()))
}

/// A value of a report under its current key.
fn renamed(key: &str, value: &Value) -> Option<(String, Value)> {
    let name = match key {
        key if key.contains('/') => return Some((key.to_owned(), value.clone())),
        // Older versions also wrote it without a value network.
        "value_loss" if value.number() == Some(0.0) => return None,
        "q_mean" => "q",
        "target_mean" => "target",
        "td_error_abs" => "td_error",
        name => name,
    };
    let value = match value {
        // Written with the few digits that single precision needs.
        Value::Scalar(value) => Value::from(*value as f32),
        value => value.clone(),
    };
    Some((format!("train/{name}"), value))
}

#[cfg(test)]
mod tests;
