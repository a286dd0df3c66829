//! Progress of a headless run: a bar on a terminal, plain lines anywhere else.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use crate::algo::report::ENTROPY;
use crate::metrics::run::{ENV_STEPS_PER_SECOND, EPISODE_RETURN, GRADIENT_STEPS_PER_SECOND, SCORE, SUCCESS};
use crate::metrics::{Metric, Metrics, Sink};

/// The metrics shown.
const SHOWN: &[Metric] =
    &[EPISODE_RETURN, SUCCESS, SCORE, ENTROPY, ENV_STEPS_PER_SECOND, GRADIENT_STEPS_PER_SECOND];

/// Shows the progress of a run.
#[derive(Debug)]
pub(super) enum Progress {
    /// With the recent environment steps per second of this process.
    Bar(ProgressBar, Option<f64>),
    Lines,
    Silent,
}

impl Progress {
    /// The form that suits the output.
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

    /// Shows a line of metrics, at `steps` environment steps.
    fn show(&mut self, steps: u64, line: &Metrics) {
        let mut text = String::new();
        for metric in SHOWN {
            if let Some(value) = line.get(*metric) {
                if !text.is_empty() {
                    text.push_str("  ");
                }
                let decimals = metric.unit.decimals();
                text.push_str(&format!("{} {value:.decimals$}", metric.label));
            }
        }
        match self {
            Self::Bar(bar, rate) => {
                bar.set_position(steps);
                *rate = smoothed(*rate, line.get(ENV_STEPS_PER_SECOND));
                let left = time_left(bar.length().unwrap_or(0).saturating_sub(steps), *rate);
                bar.set_message(text + &left);
            }
            // A closed pipe is the reader's choice, not this run's failure.
            Self::Lines => _ = writeln!(std::io::stdout(), "env_steps {steps}  {text}"),
            Self::Silent => {}
        }
    }

    /// Prints a warning above the progress display.
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

impl Sink for Progress {
    fn record(&mut self, env_steps: u64, metrics: &Metrics) -> std::io::Result<()> {
        self.show(env_steps, metrics);
        Ok(())
    }
}

/// An exponentially smoothed rate.
fn smoothed(before: Option<f64>, now: Option<f64>) -> Option<f64> {
    match (before, now) {
        (Some(before), Some(now)) => Some(0.7 * before + 0.3 * now),
        (before, now) => now.or(before),
    }
}

/// Duration of `steps` steps at `rate` per second; empty if unknown.
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
        // Steps of an earlier process do not predict the remaining time.
        assert_eq!(time_left(364_000, smoothed(None, Some(14_000.0))), "  26s left");
        let slower = (0..60).try_fold(14_000.0, |rate, _| smoothed(Some(rate), Some(1_000.0)));
        assert_eq!(time_left(60_000, slower), "  60s left");
        assert_eq!([time_left(9, None), time_left(9, Some(0.0))], ["", ""]);
    }
}
