//! Value estimates: the critics' values in the watched arena, and the returns that followed. Computed only while they are
//! shown, without side effects: no random number is drawn.

mod memory;
#[cfg(feature = "arcade")]
mod window;

use bevy::prelude::*;

use super::overlay::{Overlay, OverlaySettings, shows};
use super::past::one;
use super::playback::{EpisodeHistory, SeeSystems};
use crate::agent::{Controller, Controllers, LearningPolicy, LiveLearner, Watched, WatchedDecisions, decide};
use crate::mdp::EpisodeEnd;
use crate::sim::{AgentSlots, Arena, SimSystems, SimTick};
use memory::{CriticMemory, PresentMoment};

/// Value estimates in the watched arena. Empty until [`OVERLAY`] is shown.
#[derive(Resource, Default)]
pub struct ValueEstimates {
    /// `[slots]`: the current estimate; `None` for a slot without critics.
    pub slots: Vec<Option<ValueEstimate>>,
    /// `[slots]`: predictions and returns of the last completed episode, from when it was first followed.
    pub completed: Vec<PredictedVsActual>,
    /// Whether critics with memory do not know what came before in this episode.
    pub unknown_past: bool,
    open: Vec<OpenEpisode>,
    /// `[slots]`.
    memories: Vec<CriticMemory>,
}

/// The critics' estimates for one observation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ValueEstimate {
    /// `[critics][actions]`: soft action values.
    pub values: Vec<Vec<f32>>,
    /// Value under the policy: Σ π(a) Q(a), mean over critics.
    pub value: f32,
}

impl ValueEstimate {
    fn new(values: &[f32], critics: usize, policy: &[f32]) -> Self {
        let values: Vec<Vec<f32>> =
            values.chunks(policy.len().max(1)).take(critics).map(<[f32]>::to_vec).collect();
        let mean =
            |values: &Vec<f32>| values.iter().zip(policy).map(|(value, share)| value * share).sum::<f32>();
        let value = values.iter().map(mean).sum::<f32>() / values.len().max(1) as f32;
        Self { values, value }
    }
}

/// Value estimates of an episode step by step, and the discounted return that followed each step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PredictedVsActual {
    /// `[steps]`: the value estimated at each step.
    pub predicted: Vec<f32>,
    /// `[steps]`: the discounted return that followed.
    pub actual: Vec<f32>,
}

#[derive(Debug, Clone, Default)]
struct OpenEpisode {
    predicted: Vec<f32>,
    rewards: Vec<f32>,
}

impl OpenEpisode {
    /// Discounted returns, computed back from the end; a truncated episode is bootstrapped from its last estimate.
    fn complete(self, end: EpisodeEnd, gamma: f32) -> PredictedVsActual {
        let mut following = match end {
            EpisodeEnd::Terminated => 0.0,
            EpisodeEnd::Truncated => self.predicted.last().copied().unwrap_or(0.0),
        };
        let mut actual: Vec<f32> = self
            .rewards
            .iter()
            .rev()
            .map(|reward| {
                following = reward + gamma * following;
                following
            })
            .collect();
        actual.reverse();
        PredictedVsActual { predicted: self.predicted, actual }
    }
}

/// Identifier of this overlay.
pub const ID: &str = "values";

/// Action values, in the panel.
pub const OVERLAY: Overlay = Overlay {
    id: ID,
    label: "values",
    help: "Adds both critics' values of every action, and the return that followed.",
    choices: &[],
    needs: |_| true,
    needs_critics: true,
    plugin,
    #[cfg(feature = "arcade")]
    window: window::WINDOW,
};

/// Keeps [`ValueEstimates`] up to date while they are shown. Add with a [`LiveLearner`].
fn plugin(app: &mut App) {
    app.init_resource::<ValueEstimates>()
        .add_systems(
            SimTick,
            (
                estimate.in_set(SimSystems::Decide).after(decide).after(SeeSystems),
                follow.in_set(SimSystems::Record),
            )
                .run_if(shows(ID)),
        )
        .add_systems(Update, clear.run_if(resource_changed::<OverlaySettings>));
}

/// Clears the estimates once the overlay is hidden.
fn clear(settings: Res<OverlaySettings>, mut estimates: ResMut<ValueEstimates>) {
    if !settings.shows(ID) {
        *estimates = ValueEstimates::default();
    }
}

/// Evaluates the critics on the observations of the watched arena.
fn estimate(
    policy: Res<LearningPolicy>,
    decisions: Res<WatchedDecisions>,
    history: Option<Res<EpisodeHistory>>,
    arenas: Query<(Entity, &AgentSlots, &Controllers, Option<&Arena>), With<Watched>>,
    mut estimates: ResMut<ValueEstimates>,
) {
    let snapshot = policy.0.load();
    let Some(critics) = &snapshot.critics else { return };
    let watched = arenas.iter().find(|(_, slots, ..)| !slots.on_hold);
    let Some((entity, slots, controllers, arena)) = watched else { return };
    let past = arena.and_then(|arena| history.as_ref()?.open(entity, arena));
    let estimates = &mut *estimates;
    estimates.slots.clear();
    estimates.unknown_past = false;
    estimates.open.resize(controllers.len(), OpenEpisode::default());
    estimates.completed.resize(controllers.len(), PredictedVsActual::default());
    estimates.memories.resize(controllers.len(), CriticMemory::default());
    let mut values = Vec::new();
    for (slot, controller) in controllers.iter().enumerate() {
        let applies = matches!(controller, Controller::Learning | Controller::Human);
        let decision = decisions.get(slot).filter(|decision| applies && !decision.probabilities.is_empty());
        let estimate = decision.and_then(|decision| {
            let observation = one(slots.observations.row(slot));
            if critics.state_width() == 0 {
                critics.action_values(&observation, &mut values);
            } else {
                let moment = PresentMoment { entity, slot, decision, observation };
                let memory = &mut estimates.memories[slot];
                let known = memory.values(&**critics, moment, past, &mut values);
                estimates.unknown_past |= !known;
                known.then_some(())?;
            }
            Some(ValueEstimate::new(&values, critics.critics(), &decision.probabilities))
        });
        estimates.slots.push(estimate);
        let open = &mut estimates.open[slot];
        match estimates.slots.last() {
            Some(Some(estimate)) => open.predicted.push(estimate.value),
            _ => *open = OpenEpisode::default(),
        }
    }
}

/// Records rewards, and completes the episode at its end.
pub(super) fn follow(
    learner: Res<LiveLearner>,
    arenas: Query<(Entity, &AgentSlots), With<Watched>>,
    mut estimates: ResMut<ValueEstimates>,
    mut before: Local<Option<Entity>>,
) {
    let Some((entity, slots)) = arenas.iter().find(|(_, slots)| !slots.on_hold) else { return };
    // Estimates of another arena do not belong to this episode.
    if before.replace(entity).is_some_and(|before| before != entity) {
        estimates.open.clear();
        return;
    }
    let estimates = &mut *estimates;
    for ((open, completed), reward) in
        estimates.open.iter_mut().zip(&mut estimates.completed).zip(&slots.rewards)
    {
        if open.predicted.len() != open.rewards.len() + 1 {
            *open = OpenEpisode::default();
            continue;
        }
        open.rewards.push(*reward);
        if let Some(end) = slots.end {
            *completed = std::mem::take(open).complete(end, learner.config().algorithm.gamma());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_are_discounted_and_bootstrapped_on_truncation() {
        let open = OpenEpisode { predicted: vec![1.0, 2.0], rewards: vec![1.0, 3.0] };
        assert_eq!(open.clone().complete(EpisodeEnd::Terminated, 0.5).actual, [2.5, 3.0]);
        assert_eq!(open.complete(EpisodeEnd::Truncated, 0.5).actual, [3.0, 4.0]);
    }
}
