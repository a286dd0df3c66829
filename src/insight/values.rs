//! Value estimates: what the watched agent expects, for whoever shows it. Worked out only while somebody looks, and nothing here
//! acts: observations are read and networks asked, no random number is drawn.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy::prelude::*;

use super::terrain;
use crate::agent::{Controller, Controllers, LearningPolicy, LiveLearner, WatchedDecisions, decide};
use crate::mdp::{ActionValues, EpisodeEnd, ObservationBatch, PolicyOutput, PolicySnapshot};
use crate::sim::arena::{EnvironmentHooks, ProbeObservation};
use crate::sim::{AgentSlots, SimSystems, SimTick};

/// Time between two maps.
const MAP_EVERY: Duration = Duration::from_millis(100);

/// What somebody wants to see of the watched agent.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OverlaySettings {
    /// Action values, and what came of them.
    pub values: bool,
    /// What is painted on the map, if anything is.
    pub map: Option<MapLayer>,
    /// What it sees, and what of that matters.
    pub sight: bool,
    /// Where bodies would go if everybody went on as they think best.
    pub ways: bool,
}

/// What a map can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MapLayer {
    /// What the agent expects of every place, and what it would do there.
    #[default]
    Expected,
    /// How often players stood there lately, over all arenas, and what the agent would do there.
    Visits,
    /// What the exact solution says of it, where a world is small enough to have one.
    Exact,
}

impl MapLayer {
    /// All of them, in the order in which one key goes through them.
    pub const ALL: [Self; 3] = [Self::Expected, Self::Visits, Self::Exact];

    /// What comes after `shown`: the first layer after none, none after the last.
    pub fn after(shown: Option<Self>) -> Option<Self> {
        match shown {
            None => Some(Self::Expected),
            Some(Self::Expected) => Some(Self::Visits),
            Some(Self::Visits) => Some(Self::Exact),
            Some(Self::Exact) => None,
        }
    }

    /// What it shows, in a few words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Expected => "what the agent expects of every place, brighter is more",
            Self::Visits => "where players have been lately, brighter is more often",
            Self::Exact => "what the exact solution says of every place",
        }
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expected => "expected",
            Self::Visits => "visits",
            Self::Exact => "exact",
        }
    }
}

impl OverlaySettings {
    /// All there is.
    pub fn all() -> Self {
        Self { values: true, map: Some(MapLayer::Expected), sight: true, ways: true }
    }
}

/// What the watched agent expects. Everything is empty until asked for by [`OverlaySettings`].
#[derive(Resource, Default)]
pub struct ValueEstimates {
    /// By slot; `None` for a seat that asks no critic.
    pub seats: Vec<Option<Expectation>>,
    /// By slot: the last episode that was followed from where to its end.
    pub told: Vec<Told>,
    /// What it expects of every place, where a world has places.
    pub landscape: ValueMap,
    following: Vec<Following>,
}

/// What the critics say of one observation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expectation {
    /// `[C][A]`: every critic's soft action values.
    pub values: Vec<Vec<f32>>,
    /// What the policy expects: Σ π(a) Q(a), mean over critics.
    pub value: f32,
}

impl Expectation {
    fn new(values: &[f32], critics: usize, policy: &[f32]) -> Self {
        let values: Vec<Vec<f32>> =
            values.chunks(policy.len().max(1)).take(critics).map(<[f32]>::to_vec).collect();
        let expected =
            |values: &Vec<f32>| values.iter().zip(policy).map(|(value, share)| value * share).sum::<f32>();
        let value = values.iter().map(expected).sum::<f32>() / values.len().max(1) as f32;
        Self { values, value }
    }
}

/// What was expected step by step, and the discounted return that followed each step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Told {
    /// Expected at every step.
    pub expected: Vec<f32>,
    /// What came.
    pub happened: Vec<f32>,
}

#[derive(Debug, Clone, Default)]
struct Following {
    expected: Vec<f32>,
    rewards: Vec<f32>,
}

impl Following {
    /// Looks back from the end. What a time limit cut off is taken to be worth what was expected last.
    fn told(self, end: EpisodeEnd, gamma: f32) -> Told {
        let mut ahead = match end {
            EpisodeEnd::Terminated => 0.0,
            EpisodeEnd::Truncated => self.expected.last().copied().unwrap_or(0.0),
        };
        let mut happened: Vec<f32> = self
            .rewards
            .iter()
            .rev()
            .map(|reward| {
                ahead = reward + gamma * ahead;
                ahead
            })
            .collect();
        happened.reverse();
        Told { expected: self.expected, happened }
    }
}

/// What the agent expects of every place at which it might stand.
#[derive(Debug, Clone, Default)]
pub struct ValueMap {
    /// `[n]`: the places, in the arena's coordinates.
    pub places: Vec<Vec2>,
    /// What `values` tell.
    pub layer: MapLayer,
    /// `[n]`: Σ π(a) Q(a) there, mean over critics; or what another layer shows in its place.
    pub values: Vec<f32>,
    /// `[n, A]`: the policy there.
    pub policy: Vec<f32>,
    /// Where the watched player would go from where it is on.
    pub path: Vec<Vec2>,
    /// Of the exact layer: mean absolute difference to what was learned.
    pub error: Option<f32>,
    /// Counts maps, so that nothing is drawn twice.
    pub version: u64,
}

/// Keeps the [`ValueEstimates`] that [`OverlaySettings`] asks for. Add with a [`LiveLearner`].
pub(super) fn plugin(app: &mut App) {
    terrain::plugin(app);
    app.init_resource::<OverlaySettings>()
        .init_resource::<ValueEstimates>()
        .add_systems(
            SimTick,
            (expect.in_set(SimSystems::Decide).after(decide), follow.in_set(SimSystems::Record))
                .run_if(|insight: Res<OverlaySettings>| insight.values),
        )
        .add_systems(
            Update,
            (ask, map.run_if(|insight: Res<OverlaySettings>| insight.map.is_some())).chain(),
        );
}

/// Has the learner publish critics while somebody wants them, and forgets what nobody looks at.
fn ask(insight: Res<OverlaySettings>, mut learner: ResMut<LiveLearner>, mut mind: ResMut<ValueEstimates>) {
    if !insight.is_changed() {
        return;
    }
    learner.set_reveal(insight.values || insight.map.is_some());
    if !insight.values {
        (mind.seats, mind.told, mind.following) = default();
    }
    if insight.map.is_none() {
        mind.landscape = ValueMap { version: mind.landscape.version + 1, ..default() };
    }
}

/// What the critics say of what the watched seats see.
fn expect(
    policy: Res<LearningPolicy>,
    thoughts: Res<WatchedDecisions>,
    arenas: Query<(&AgentSlots, &Controllers)>,
    mut mind: ResMut<ValueEstimates>,
) {
    let snapshot = policy.0.load();
    let Some(critics) = &snapshot.critics else { return };
    let watched = arenas.iter().find(|(seats, _)| seats.arena == 0 && !seats.rests);
    let Some((seats, controllers)) = watched else { return };
    let mind = &mut *mind;
    mind.seats.clear();
    mind.following.resize(controllers.len(), Following::default());
    mind.told.resize(controllers.len(), Told::default());
    let mut values = Vec::new();
    for (slot, controller) in controllers.iter().enumerate() {
        let asks = matches!(controller, Controller::Learning | Controller::Human);
        let thought = thoughts.get(slot).filter(|thought| asks && !thought.probabilities.is_empty());
        mind.seats.push(thought.map(|thought| {
            let mut seen = ObservationBatch::default();
            let (vector, grid) = seats.observations.row(slot);
            seen.push(vector, grid);
            critics.action_values(&seen, &mut values);
            Expectation::new(&values, critics.critics(), &thought.probabilities)
        }));
        let following = &mut mind.following[slot];
        match mind.seats.last() {
            Some(Some(expectation)) => following.expected.push(expectation.value),
            _ => *following = Following::default(),
        }
    }
}

/// What came of what was expected.
fn follow(learner: Res<LiveLearner>, arenas: Query<&AgentSlots>, mut mind: ResMut<ValueEstimates>) {
    let Some(seats) = arenas.iter().find(|seats| seats.arena == 0 && !seats.rests) else { return };
    let mind = &mut *mind;
    for ((following, told), reward) in mind.following.iter_mut().zip(&mut mind.told).zip(&seats.rewards) {
        if following.expected.len() != following.rewards.len() + 1 {
            *following = Following::default();
            continue;
        }
        following.rewards.push(*reward);
        if let Some(end) = seats.end {
            *told = std::mem::take(following).told(end, learner.config().sac.gamma);
        }
    }
}

/// What the policy does and expects everywhere, a few times a second.
fn map(world: &mut World, mut at: Local<Option<Instant>>, mut imagined: Local<ProbeObservation>) {
    let Some(hooks) = world.get_resource::<EnvironmentHooks>().copied() else { return };
    if at.is_some_and(|at| at.elapsed() < MAP_EVERY) {
        return;
    }
    *at = Some(Instant::now());
    (hooks.probe)(world, 0, &mut imagined);
    let snapshot = world.resource::<LearningPolicy>().0.load_full();
    let Some(mut landscape) = survey(&snapshot, &imagined) else { return };
    let layer = world.resource::<OverlaySettings>().map.unwrap_or_default();
    terrain::turn(world, &imagined, layer, &mut landscape);
    let mut mind = world.resource_mut::<ValueEstimates>();
    mind.landscape = ValueMap { version: mind.landscape.version + 1, ..landscape };
}

/// `None` without critics or places, and for a policy that would need to remember how it got there.
fn survey(snapshot: &PolicySnapshot, imagined: &ProbeObservation) -> Option<ValueMap> {
    let critics: &Arc<dyn ActionValues> = snapshot.critics.as_ref()?;
    let count = imagined.places.len();
    if count == 0 || snapshot.policy.state_len() > 0 {
        return None;
    }
    let (mut decisions, mut values) = (PolicyOutput::default(), Vec::new());
    snapshot.policy.act(&imagined.observations, &mut [], &mut [], true, &mut decisions);
    critics.action_values(&imagined.observations, &mut values);
    let actions = decisions.probabilities.len() / count;
    let mut expected = vec![0.0; count];
    for critic in values.chunks_exact(count * actions) {
        for (place, value) in expected.iter_mut().enumerate() {
            let row = place * actions..(place + 1) * actions;
            let sum: f32 = critic[row.clone()]
                .iter()
                .zip(&decisions.probabilities[row])
                .map(|(q, share)| q * share)
                .sum();
            *value += sum / critics.critics() as f32;
        }
    }
    let PolicyOutput { probabilities: policy, .. } = decisions;
    Some(ValueMap { places: imagined.places.clone(), values: expected, policy, ..default() })
}

/// Which way an action leads, by its name, for arrows; `None` for one that leads nowhere.
pub fn way(action: &str) -> Option<Vec2> {
    let mut way = Vec2::ZERO;
    for part in action.split('+') {
        way += match part {
            "up" => Vec2::Y,
            "down" => Vec2::NEG_Y,
            "left" => Vec2::NEG_X,
            "right" => Vec2::X,
            _ => return None,
        };
    }
    way.try_normalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdp::{Action, Policy, PolicyState, Rng};

    /// Two critics that know the second action to be worth the observation, one of them a half more.
    struct Known;

    impl ActionValues for Known {
        fn critics(&self) -> usize {
            2
        }

        fn action_values(&self, observations: &ObservationBatch, values: &mut Vec<f32>) {
            values.clear();
            for more in [0.0, 0.5] {
                observations.vector.iter().for_each(|seen| values.extend([0.0, seen + more]));
            }
        }
    }

    impl Policy for Known {
        fn act(
            &self,
            observations: &ObservationBatch,
            _states: &mut [PolicyState],
            _rngs: &mut [Rng],
            _greedy: bool,
            decisions: &mut PolicyOutput,
        ) {
            decisions.clear();
            for _ in 0..observations.count {
                decisions.actions.push(Action::Discrete(1));
                decisions.probabilities.extend([0.25, 0.75]);
                decisions.entropies.push(0.5);
            }
        }
    }

    #[test]
    fn places_are_worth_what_the_policy_expects_there() {
        let critics: Option<Arc<dyn ActionValues>> = Some(Arc::new(Known));
        let snapshot = PolicySnapshot { version: 1, gradient_steps: 1, policy: Arc::new(Known), critics };
        let mut imagined = ProbeObservation { places: vec![Vec2::ZERO, Vec2::X], ..default() };
        [2.0, -4.0].iter().for_each(|seen| imagined.observations.push(&[*seen], &[]));
        let landscape = survey(&snapshot, &imagined).unwrap();
        assert_eq!(landscape.values, [0.75 * 2.25, 0.75 * -3.75]);
        assert_eq!(landscape.policy, [0.25, 0.75, 0.25, 0.75]);
        assert!(survey(&PolicySnapshot { critics: None, ..snapshot }, &imagined).is_none());
    }

    #[test]
    fn what_happened_is_discounted_and_a_cut_end_is_valued() {
        let following = Following { expected: vec![1.0, 2.0], rewards: vec![1.0, 3.0] };
        assert_eq!(following.clone().told(EpisodeEnd::Terminated, 0.5).happened, [2.5, 3.0]);
        assert_eq!(following.told(EpisodeEnd::Truncated, 0.5).happened, [3.0, 4.0]);
    }

    #[test]
    fn names_of_actions_tell_where_they_lead() {
        assert_eq!(way("left"), Some(Vec2::NEG_X));
        assert!((way("up+right").unwrap() - Vec2::ONE.normalize()).length() < 1e-6);
        assert_eq!((way("wait"), way("up+fire")), (None, None));
    }
}
