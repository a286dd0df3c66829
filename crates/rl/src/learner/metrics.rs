//! Metrics of the learner, and the catalogue of all metrics of this crate.

use crate::algo;
use crate::metrics::{Metric, run};

crate::metrics! {
    /// Metrics of the learner besides its gradient steps.
    METRICS:
    REPLAY = {
        key: "train/replay", label: "replay", unit: Count,
        help: "transitions in the replay buffer",
    }
    EFFECTIVE_SAMPLE_SIZE = {
        key: "train/effective_sample_size", label: "effective sample size", unit: Transitions,
        help: "equally weighted transitions, or sequences with a memory, the last batch was worth; only with prioritized \
               replay",
    }
}

/// All metrics, grouped by module.
pub fn catalogue() -> impl Iterator<Item = &'static Metric> {
    [run::METRICS, METRICS, algo::report::METRICS].into_iter().flatten()
}

/// The metric called `key`.
pub fn find(key: &str) -> Option<&'static Metric> {
    catalogue().find(|metric| metric.key == key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_metric_has_a_key_and_words_of_its_own() {
        let keys: BTreeSet<_> = catalogue().map(|metric| metric.key).collect();
        assert_eq!(keys.len(), catalogue().count());
        for Metric { key, label, help, .. } in catalogue() {
            assert!(key.chars().all(|c| c.is_ascii_lowercase() || "_/".contains(c)), "{key}");
            assert!(!label.is_empty() && !help.is_empty() && !help.ends_with('.'), "{key}: {help:?}");
            assert_eq!(find(key).map(|metric| metric.key), Some(*key));
        }
    }
}
