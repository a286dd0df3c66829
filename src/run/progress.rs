//! Progress of a headless run: a bar on a terminal, plain lines anywhere else.

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value};

/// Tells people how far a run is.
pub(super) enum Progress {
    Bar(ProgressBar),
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
        let template = "{bar:30} {human_pos}/{human_len} env steps  {msg}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
        }
        Self::Bar(bar)
    }

    /// Shows one line of metrics.
    pub(super) fn show(&self, line: &Map<String, Value>) {
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
            Self::Bar(bar) => {
                bar.set_position(steps);
                bar.set_message(text);
            }
            // A closed pipe is the reader's choice, not this run's failure.
            Self::Lines => _ = writeln!(std::io::stdout(), "env_steps {steps}  {text}"),
            Self::Silent => {}
        }
    }

    /// Ends the display.
    pub(super) fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.abandon();
        }
    }
}
