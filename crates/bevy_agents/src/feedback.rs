//! Human feedback: praise and blame for the watched agent, added to its learner's reward.
//!
//! Reported episode returns contain the world's reward only. Reading keys is up to `view`.

use bevy::prelude::*;
use serde::Serialize;

use super::Controller;

/// Selectable rewards of feedback.
pub const HINT_RANGE: std::ops::RangeInclusive<f32> = 0.01..=2.0;

/// Current and past feedback.
#[derive(Resource, Reflect, Debug, Clone, PartialEq)]
#[reflect(Resource)]
pub struct HumanFeedback {
    /// Praise or blame while its key is held.
    pub held: Option<Feedback>,
    /// Reward of one praised step; a blamed step gets its negative.
    pub size: f32,
    /// Number of praised and of blamed steps so far.
    pub counts: [u64; 2],
}

impl Default for HumanFeedback {
    fn default() -> Self {
        Self { held: None, size: 0.1, counts: [0; 2] }
    }
}

/// The two kinds of feedback.
#[derive(Reflect, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feedback {
    /// More of this.
    Praise,
    /// Less of this.
    Blame,
}

/// A step was praised or blamed. Sent in [`SimSystems::Record`](crate::tick::SimSystems::Record); see
/// [`messages`](crate::messages) for how long it can be read. Serialized, it is a line of `hints.jsonl`.
#[derive(Message, Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FeedbackGiven {
    /// The entity of the arena.
    #[serde(skip)]
    pub entity: Entity,
    /// Environment steps recorded so far.
    pub env_steps: u64,
    /// The slot that got the feedback.
    pub slot: usize,
    /// Reward added to the step.
    pub reward: f32,
}

impl HumanFeedback {
    /// The reward to add to a step of `controller`, if there is feedback; counts it.
    pub(super) fn give(&mut self, watched: bool, controller: Option<&Controller>) -> Option<f32> {
        let held = self.held.filter(|_| watched && controller == Some(&Controller::Learning))?;
        self.counts[usize::from(held == Feedback::Blame)] += 1;
        Some(if held == Feedback::Praise { self.size } else { -self.size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_watched_learner_is_praised_and_blamed() {
        let mut hints = HumanFeedback::default();
        let learner = Some(&Controller::Learning);
        assert_eq!(hints.give(true, learner), None);
        hints.held = Some(Feedback::Blame);
        assert_eq!(hints.give(true, learner), Some(-0.1));
        assert_eq!(hints.give(false, learner), None);
        assert_eq!(hints.give(true, Some(&Controller::Human)), None);
        hints.held = Some(Feedback::Praise);
        assert_eq!(hints.give(true, learner), Some(0.1));
        assert_eq!(hints.counts, [1, 1]);
    }

    #[test]
    fn lines_of_files_have_the_keys_they_always_had() {
        let given = FeedbackGiven { entity: Entity::PLACEHOLDER, env_steps: 9, slot: 1, reward: 0.1 };
        assert_eq!(serde_json::to_string(&given).unwrap(), r#"{"env_steps":9,"slot":1,"reward":0.1}"#);
    }
}
