//! Value estimates: the critics' values in the watched arena, and the returns that followed. Computed only while they are
//! shown, without side effects: no random number is drawn.

mod memory;
#[cfg(feature = "arcade")]
mod window;

use bevy::prelude::*;

use super::overlay::{Overlay, OverlaySettings, shows};
use super::past::one;
use super::playback::{EpisodeHistory, KeepSystems, SeeSystems};
pub use super::shown::{PredictedVsActual, ValueEstimate, ValueEstimates};
use crate::agent::{
    Controller, Controllers, LearningPolicy, LiveLearner, Watched, WatchedDecision, WatchedDecisions, decide,
};
use crate::mdp::{ActionBatch, EpisodeEnd};
use crate::sim::arena::Spec;
use crate::sim::{AgentSlots, Arena, SimSystems, SimTick};
use memory::{CriticMemory, PresentMoment};

/// What estimates carry from step to step.
#[derive(Resource, Default)]
struct Estimator {
    /// `[slots]`.
    open: Vec<OpenEpisode>,
    /// `[slots]`.
    memories: Vec<CriticMemory>,
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
    help: "Adds both critics' values of every action, or of the one taken where actions are continuous, and the return that \
           followed.",
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
        .init_resource::<Estimator>()
        .add_systems(
            SimTick,
            (
                estimate.in_set(SimSystems::Decide).after(decide).after(SeeSystems),
                follow.in_set(SimSystems::Record).before(KeepSystems),
            )
                .run_if(shows(ID)),
        )
        .add_systems(Update, clear.run_if(resource_changed::<OverlaySettings>));
}

/// Clears the estimates once the overlay is hidden.
fn clear(
    settings: Res<OverlaySettings>,
    mut estimates: ResMut<ValueEstimates>,
    mut estimator: ResMut<Estimator>,
) {
    if !settings.shows(ID) {
        (*estimates, *estimator) = default();
    }
}

/// Evaluates the critics on the observations of the watched arena.
fn estimate(
    (spec, policy): (Res<Spec>, Res<LearningPolicy>),
    decisions: Res<WatchedDecisions>,
    history: Option<Res<EpisodeHistory>>,
    arenas: Query<(Entity, &AgentSlots, &Controllers, Option<&Arena>), With<Watched>>,
    mut estimates: ResMut<ValueEstimates>,
    mut estimator: ResMut<Estimator>,
) {
    let snapshot = policy.0.load();
    let Some(critics) = &snapshot.critics else { return };
    let watched = arenas.iter().find(|(_, slots, ..)| !slots.on_hold);
    let Some((entity, slots, controllers, arena)) = watched else { return };
    let past = arena.and_then(|arena| history.as_ref()?.open(entity, arena));
    let (estimates, estimator) = (&mut *estimates, &mut *estimator);
    estimates.slots.clear();
    estimates.unknown_past = false;
    estimator.open.resize(controllers.len(), OpenEpisode::default());
    estimates.completed.resize(controllers.len(), PredictedVsActual::default());
    estimator.memories.resize(controllers.len(), CriticMemory::default());
    let mut values = Vec::new();
    for (slot, controller) in controllers.iter().enumerate() {
        let applies = matches!(controller, Controller::Learning | Controller::Human);
        let listed =
            |decision: &&WatchedDecision| spec.action.is_continuous() || !decision.probabilities.is_empty();
        let decision = decisions.get(slot).filter(|decision| applies && listed(decision));
        let estimate = decision.and_then(|decision| {
            let observation = one(slots.observations.row(slot));
            if spec.action.is_continuous() {
                let mut taken = ActionBatch::default();
                taken.push(slots.actions.row(slot));
                critics.values_of(&observation, &taken, &mut values);
                return Some(ValueEstimate::new(&values, critics.critics(), &[1.0]));
            }
            if critics.state_width() == 0 {
                critics.action_values(&observation, &mut values);
            } else {
                let moment = PresentMoment { entity, slot, decision, observation };
                let memory = &mut estimator.memories[slot];
                let known = memory.values(&**critics, moment, past, &mut values);
                estimates.unknown_past |= !known;
                known.then_some(())?;
            }
            Some(ValueEstimate::new(&values, critics.critics(), &decision.probabilities))
        });
        estimates.slots.push(estimate);
        let open = &mut estimator.open[slot];
        match estimates.slots.last() {
            Some(Some(estimate)) => open.predicted.push(estimate.value),
            _ => *open = OpenEpisode::default(),
        }
    }
}

/// Records rewards, and completes the episode at its end.
fn follow(
    learner: Res<LiveLearner>,
    arenas: Query<(Entity, &AgentSlots), With<Watched>>,
    mut estimates: ResMut<ValueEstimates>,
    mut estimator: ResMut<Estimator>,
    mut before: Local<Option<Entity>>,
) {
    let Some((entity, slots)) = arenas.iter().find(|(_, slots)| !slots.on_hold) else { return };
    // Estimates of another arena do not belong to this episode.
    if before.replace(entity).is_some_and(|before| before != entity) {
        estimator.open.clear();
        return;
    }
    let episodes = estimator.open.iter_mut().zip(&mut estimates.completed);
    for ((open, completed), reward) in episodes.zip(&slots.rewards) {
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
