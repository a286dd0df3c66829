//! Saving: when the next checkpoint is due. Failures are retried with growing delays.

use std::time::{Duration, Instant};

/// When checkpoints are due.
#[derive(Debug)]
pub(super) struct Saving {
    /// Seconds between two of them, 0 for only the first and the last.
    every: f32,
    since: Instant,
    /// Failures since the last success.
    failures: u32,
}

impl Saving {
    /// A checkpoint every `seconds` from now on.
    pub fn every(seconds: f32) -> Self {
        Self { every: seconds, since: Instant::now(), failures: 0 }
    }

    /// Changes the interval without restarting it.
    pub fn set_every(&mut self, seconds: f32) {
        self.every = seconds;
    }

    /// Whether one is due now.
    pub fn is_due(&self) -> bool {
        self.every > 0.0 && self.since.elapsed() >= self.wait()
    }

    /// Records the result of the last one.
    pub fn record_result(&mut self, well: bool) {
        self.failures = if well { 0 } else { self.failures.saturating_add(1) };
        self.since = Instant::now();
    }

    /// Delay until the next one: 1, 2, 4 … seconds after failures.
    fn wait(&self) -> Duration {
        let soon = 2_f32.powi(self.failures.min(30) as i32 - 1);
        Duration::from_secs_f32(if self.failures == 0 { self.every } else { soon.min(self.every) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_retried_soon_and_then_less_often() {
        let mut saving = Saving::every(60.0);
        let mut waits = Vec::new();
        for well in [false, false, false, false, false, false, false, false, true] {
            saving.record_result(well);
            waits.push(saving.wait().as_secs());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert!(!Saving::every(0.0).is_due() && Saving::every(1e-9).is_due());
        let mut quick = Saving::every(0.5);
        quick.record_result(false);
        assert_eq!(quick.wait(), Duration::from_millis(500));
        quick.record_result(true);
        quick.set_every(0.25);
        assert_eq!(quick.wait(), Duration::from_millis(250));
    }
}
