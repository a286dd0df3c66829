//! Human feedback: what a person says of what the watched agent does, as reward that its learner gets beside the world's own.
//!
//! What episodes return stays the world's word alone. Reading keys is left to `view`.

use bevy::prelude::*;
use serde::Serialize;

use super::Controller;

/// Rewards of hints that may be chosen.
pub const HINT_RANGE: std::ops::RangeInclusive<f32> = 0.01..=2.0;

/// What is being said, and what has been.
#[derive(Resource, Debug, Clone, PartialEq)]
pub struct HumanFeedback {
    /// Praise or blame that is held now; `None` while nothing is said.
    pub held: Option<Feedback>,
    /// Reward of one step of praise; of blame, as much less.
    pub size: f32,
    /// Given and not yet taken by whoever keeps a record.
    pub given: Vec<GivenHint>,
    /// Steps praised and steps blamed so far.
    pub counts: [u64; 2],
}

impl Default for HumanFeedback {
    fn default() -> Self {
        Self { held: None, size: 0.1, given: Vec::new(), counts: [0; 2] }
    }
}

/// One of two things to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feedback {
    /// More of this.
    Praise,
    /// Less of this.
    Blame,
}

/// A hint as it is kept in a run's files.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GivenHint {
    /// Recorded environment steps by then.
    pub env_steps: u64,
    /// The slot it was said to.
    pub slot: usize,
    /// What was added to the step's reward.
    pub reward: f32,
}

impl HumanFeedback {
    /// What is added to the reward of a step of `controller` in `slot` of `arena`.
    pub(super) fn give(
        &mut self,
        arena: usize,
        slot: usize,
        controller: Option<&Controller>,
        env_steps: u64,
    ) -> f32 {
        let Some(hint) = self.held.filter(|_| arena == 0 && controller == Some(&Controller::Learning)) else {
            return 0.0;
        };
        let reward = if hint == Feedback::Praise { self.size } else { -self.size };
        self.counts[usize::from(hint == Feedback::Blame)] += 1;
        self.given.push(GivenHint { env_steps, slot, reward });
        reward
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_watched_learner_is_praised_and_blamed() {
        let mut hints = HumanFeedback::default();
        let learner = Some(&Controller::Learning);
        assert_eq!(hints.give(0, 0, learner, 7), 0.0);
        hints.held = Some(Feedback::Blame);
        assert_eq!(hints.give(0, 0, learner, 8), -0.1);
        assert_eq!(hints.give(1, 0, learner, 8), 0.0);
        assert_eq!(hints.give(0, 1, Some(&Controller::Human), 8), 0.0);
        hints.held = Some(Feedback::Praise);
        assert_eq!(hints.give(0, 1, learner, 9), 0.1);
        assert_eq!(hints.counts, [1, 1]);
        assert_eq!(hints.given[1], GivenHint { env_steps: 9, slot: 1, reward: 0.1 });
    }
}
