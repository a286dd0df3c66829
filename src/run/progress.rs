//! Progress of a headless run: a bar on a terminal, plain lines anywhere else.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use serde_json::{Map, Value};

/// Tells people how far a run is.
pub(super) enum Progress {
    /// With the environment steps a second that this process makes lately.
    Bar(ProgressBar, Option<f64>),
    Lines,
    Silent,
}

impl Progress {
    /// The form that suits where the output goes.
    pub(super) fn new(steps: u64, silent: bool) -> Self {
        if silent {
            return Self::Silent;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines;
        }
        let bar = ProgressBar::new(steps);
        let template = "{bar:30} {human_pos}/{human_len} env steps  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
        }
        Self::Bar(bar, None)
    }

    /// Shows one line of metrics.
    pub(super) fn show(&mut self, line: &Map<String, Value>) {
        let number = |key: &str| line.get(key).and_then(Value::as_f64);
        let steps = number("env_steps").unwrap_or(0.0) as u64;
        let mut text = String::new();
        let mut add = |name: &str, key: &str, digits: usize| {
            if let Some(value) = number(key) {
                if !text.is_empty() {
                    text.push_str("  ");
                }
                text.push_str(&format!("{name} {value:.digits$}"));
            }
        };
        add("return", "rollout/episode_return", 2);
        add("success", "rollout/success", 2);
        add("score", "rollout/score", 2);
        add("entropy", "train/entropy", 2);
        add("env steps/s", "time/env_steps_per_second", 0);
        add("gradient steps/s", "time/gradient_steps_per_second", 0);
        match self {
            Self::Bar(bar, rate) => {
                bar.set_position(steps);
                *rate = smoothed(*rate, number("time/env_steps_per_second"));
                let left = time_left(bar.length().unwrap_or(0).saturating_sub(steps), *rate);
                bar.set_message(text + &left);
            }
            // A closed pipe is the reader's choice, not this run's failure.
            Self::Lines => _ = writeln!(std::io::stdout(), "env_steps {steps}  {text}"),
            Self::Silent => {}
        }
    }

    /// Says a line that people must see, however little else they want to hear.
    pub(super) fn warn(&self, text: &str) {
        let say = || crate::files::to_stderr(&format!("warning: {text}"));
        match self {
            Self::Bar(bar, _) => bar.suspend(say),
            Self::Lines | Self::Silent => say(),
        }
    }

    /// Ends the display.
    pub(super) fn finish(&self) {
        if let Self::Bar(bar, _) = self {
            bar.abandon();
        }
    }
}

/// A rate that follows what was measured last.
fn smoothed(before: Option<f64>, now: Option<f64>) -> Option<f64> {
    match (before, now) {
        (Some(before), Some(now)) => Some(0.7 * before + 0.3 * now),
        (before, now) => now.or(before),
    }
}

/// How long `steps` steps take at `rate` a second; nothing where nobody knows.
fn time_left(steps: u64, rate: Option<f64>) -> String {
    let Some(rate) = rate.filter(|rate| *rate > 0.0) else { return String::new() };
    let seconds = Duration::try_from_secs_f64(steps as f64 / rate).unwrap_or(Duration::MAX);
    format!("  {:#} left", HumanDuration(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_follows_what_this_process_does() {
        // Steps of an earlier process say nothing of how long the rest takes.
        assert_eq!(time_left(364_000, smoothed(None, Some(14_000.0))), "  26s left");
        let slower = (0..60).try_fold(14_000.0, |rate, _| smoothed(Some(rate), Some(1_000.0)));
        assert_eq!(time_left(60_000, slower), "  60s left");
        assert_eq!([time_left(9, None), time_left(9, Some(0.0))], ["", ""]);
    }
}
