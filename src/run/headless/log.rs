//! Metrics, evaluations and warnings while a headless run learns.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::{Run, Solved};
use crate::config::RunConfig;
use crate::learner::LearnerStatus;
use crate::link::PeriodReport;
use crate::metrics::run::{
    ENV_STEPS_PER_SECOND, EVAL_LENGTH, EVAL_RETURN, EVAL_SCORE, EVAL_SUCCESS, GRADIENT_STEPS_PER_SECOND,
    SECONDS, UNIX_SECONDS,
};
use crate::metrics::{Metrics, Sink as _};
use crate::run::{RunError, RunFolder};

/// Warnings at the start of a run.
pub(super) fn print_start(config: &RunConfig, status: &LearnerStatus, solved: Option<Solved>) {
    crate::files::to_stderr(&format!("learning on {}", status.device_reason));
    let (capacity, asked) = (status.replay_capacity, config.learner.replay_capacity);
    let megabytes = status.replay_bytes as f64 / 1e6;
    let why = if capacity > asked.next_multiple_of(64) {
        format!(
            " (learner.replay_capacity = {asked} is less than 256 for each of the streams played at once)"
        )
    } else {
        String::new()
    };
    crate::files::to_stderr(&format!(
        "replay keeps {capacity} transitions, {megabytes:.1} MB when full{why}"
    ));
    if let Some(Solved { env_steps, .. }) = solved {
        crate::files::to_stderr(&format!(
            "solved after {env_steps} env steps; continuing to {}",
            config.steps
        ));
    }
    let starts = config.learner.learning_starts;
    if config.steps <= starts {
        crate::files::to_stderr(&format!(
            "nothing will be learned: learner.learning_starts = {starts}, steps = {}",
            config.steps
        ));
    }
}

impl Run {
    /// Reports write errors, and when they are resolved.
    pub(super) fn report_problem(&mut self, what: usize, problem: Option<String>) {
        match (&self.reported[what], &problem) {
            (before, Some(now)) if before.as_ref() != Some(now) => {
                self.progress.warn(&format!("{now}; the run continues and will retry"));
            }
            (Some(_), None) => self.progress.warn("pending lines and checkpoints are written now"),
            _ => {}
        }
        self.reported[what] = problem;
    }

    /// Warns once that lines are permanently lost.
    pub(super) fn report_broken(&mut self) {
        let broken = self.folder.as_ref().and_then(RunFolder::broken);
        if let Some(broken) = broken.filter(|_| !self.reported_broken) {
            self.progress.warn(&format!("{broken}; the run continues"));
            self.reported_broken = true;
        }
    }

    /// Writes a line of metrics and evaluates when due.
    pub(super) fn log(&mut self, period: &PeriodReport) -> Result<(), RunError> {
        let eval_every = self.config.run.eval_every;
        let evaluates = eval_every > 0 && self.evaluation.wanted() && self.env_steps >= self.next_eval;
        if self.env_steps < self.next_log && !evaluates {
            return Ok(());
        }
        let eval = if evaluates { self.evaluation.play(period.policy.policy.clone())? } else { None };
        if evaluates && eval.is_none() {
            // Stopped: the resumed run writes this line.
            return Ok(());
        }
        while self.next_log <= self.env_steps {
            self.next_log += self.config.run.log_every;
        }
        let mut line = self.window.line(
            self.env_steps,
            period.counters.gradient_steps,
            period.replay_len,
            period.counters.refused,
        );
        let (at, env_steps, gradient_steps) = self.rates;
        let seconds = at.elapsed().as_secs_f64().max(1e-9);
        let rate = |now: u64, before: u64| ((now - before) as f64 / seconds).round();
        line.set(ENV_STEPS_PER_SECOND, rate(self.env_steps, env_steps));
        line.set(GRADIENT_STEPS_PER_SECOND, rate(period.counters.gradient_steps, gradient_steps));
        set_times(&mut line, self.seconds());
        if let Some(eval) = eval {
            self.next_eval = (self.env_steps / eval_every + 1) * eval_every;
            line.set(EVAL_RETURN, eval.episode_return.mean);
            line.set(EVAL_LENGTH, eval.episode_length.mean);
            line.set(EVAL_SUCCESS, eval.success);
            line.set(EVAL_SCORE, eval.score.mean);
            self.eval = Some(eval);
            let target = self.config.run.target_return.filter(|_| self.solved.is_none());
            if target.is_some_and(|target| eval.episode_return.mean >= f64::from(target)) {
                let seconds = self.seconds();
                self.solved = Some(Solved { env_steps: self.env_steps, seconds });
            }
        }
        self.rates = (Instant::now(), self.env_steps, period.counters.gradient_steps);
        if let Some(folder) = &mut self.folder {
            let problem = folder.metric(&line).err();
            self.report_problem(0, problem.map(|error| error.to_string()));
            self.report_broken();
        }
        // A failing terminal is harmless.
        _ = self.progress.record(self.env_steps, &line);
        Ok(())
    }
}

/// The `time/` keys of a line of metrics: `seconds` since the run began, and wall-clock time.
pub(in crate::run) fn set_times(line: &mut Metrics, seconds: f64) {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    for (metric, value) in [(SECONDS, seconds), (UNIX_SECONDS, unix)] {
        line.set(metric, (value * 1e3).round() / 1e3);
    }
}
