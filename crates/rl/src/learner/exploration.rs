//! A mixture of explorations: arenas act at random with different probabilities (Horgan et al. 2018, Ape-X, section 4.1).

use serde::{Deserialize, Serialize};

use super::LearnerError;

/// How often the arenas of a process act at random instead of by the policy, the table `[learner.exploration]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExplorationConfig {
    /// Probability of a random action in the last arena, 0 to 1.
    pub epsilon: f32,
    /// How much less the others explore, 0 to 100: the first one with probability `epsilon^(1 + exponent)`.
    pub exponent: f32,
}

impl Default for ExplorationConfig {
    fn default() -> Self {
        Self { epsilon: 0.4, exponent: 7.0 }
    }
}

impl ExplorationConfig {
    /// Probability of a random action in arena `index` of `arenas`: `epsilon^(1 + exponent · (1 − index / (arenas − 1)))`.
    pub fn probability(&self, index: usize, arenas: usize) -> f32 {
        let last = arenas.saturating_sub(1);
        let share = if last == 0 { 0.0 } else { index.min(last) as f32 / last as f32 };
        self.epsilon.powf(1.0 + self.exponent * (1.0 - share))
    }

    pub(super) fn validate(&self) -> Result<(), LearnerError> {
        for (ok, key, value, allowed) in [
            ((0.0..=1.0).contains(&self.epsilon), "learner.exploration.epsilon", self.epsilon, "0 to 1"),
            (
                (0.0..=100.0).contains(&self.exponent),
                "learner.exploration.exponent",
                self.exponent,
                "0 to 100",
            ),
        ] {
            if !ok {
                return Err(LearnerError::Config { key, value: value.to_string(), allowed });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_arena_explores_most() {
        let mixture = ExplorationConfig::default();
        let all: Vec<f32> = (0..8).map(|arena| mixture.probability(arena, 8)).collect();
        assert!(all.is_sorted() && (all[7] - 0.4).abs() < 1e-6, "{all:?}");
        assert!((all[0] - 0.4_f32.powi(8)).abs() < 1e-6 && all[0] == mixture.probability(0, 1), "{all:?}");
        // Without a difference all explore alike, and without a probability nobody does.
        let alike = ExplorationConfig { exponent: 0.0, ..mixture };
        assert!((0..8).all(|arena| alike.probability(arena, 8) == 0.4));
        assert_eq!(ExplorationConfig { epsilon: 0.0, ..mixture }.probability(7, 8), 0.0);
    }
}
