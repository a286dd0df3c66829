//! Value map: value estimates and policy in every cell of the watched arena, visitation, and the exact solution. Computed
//! only while it is shown.

#[cfg(feature = "arcade")]
mod draw;
mod layers;
#[cfg(feature = "arcade")]
mod window;

use std::sync::Arc;
use std::time::Duration;

use bevy::prelude::*;
use bevy::time::common_conditions::on_real_timer;

use super::overlay::{Choice, Overlay, OverlaySettings, shows};
use crate::agent::LearningPolicy;
use crate::mdp::{ActionValues, PolicyOutput, PolicySnapshot};
use crate::sim::arena::{EnvironmentHooks, ProbeObservation};
use crate::worlds::rooms::Rooms;

/// Time between two updates.
const INTERVAL: Duration = Duration::from_millis(100);

/// Identifier of this overlay.
pub const ID: &str = "map";

/// Values of every cell, in rooms.
pub const OVERLAY: Overlay = Overlay {
    id: ID,
    label: "map",
    help: "Colors every cell by its value, draws the policy there as arrows, and dots the greedy path from the current \
           position.",
    choices: CHOICES,
    needs: |world| world.contains_resource::<Rooms>(),
    needs_critics: true,
    plugin,
    #[cfg(feature = "arcade")]
    window: window::WINDOW,
};

/// What the map shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MapLayer {
    /// The agent's value estimates, and its policy.
    #[default]
    Estimated,
    /// Recent visits over all arenas, and the agent's policy.
    Visits,
    /// The exact soft values and policy, where the world has a tabular model.
    Exact,
}

impl MapLayer {
    /// All of them, in the order of [`OVERLAY`]'s choices.
    pub const ALL: &[Self] = &[Self::Estimated, Self::Visits, Self::Exact];

    /// The layer that is shown.
    pub fn shown(settings: &OverlaySettings) -> Option<Self> {
        settings.choice(ID).and_then(|choice| Self::ALL.get(choice).copied())
    }

    /// What it shows, in a few words.
    pub fn help(self) -> &'static str {
        CHOICES[self as usize].help
    }
}

const CHOICES: &[Choice] = &[
    Choice { name: "estimates", help: "the agent's value estimates; brighter is higher" },
    Choice { name: "visits", help: "where players have been lately; brighter is more often" },
    Choice { name: "exact", help: "the exact solution; brighter is higher" },
];

/// Value and policy of every cell that a player can occupy.
#[derive(Resource, Debug, Clone, Default)]
pub struct ValueMap {
    /// `[n]`: the cells' centers, in the arena's coordinates.
    pub places: Vec<Vec2>,
    /// What `values` are.
    pub layer: MapLayer,
    /// `[n]`: Σ π(a) Q(a), mean over critics; or the values of another layer.
    pub values: Vec<f32>,
    /// `[n, A]`: the policy.
    pub policy: Vec<f32>,
    /// The watched player's greedy path from its current position.
    pub path: Vec<Vec2>,
    /// Of the exact layer: mean absolute error of the estimates.
    pub error: Option<f32>,
    /// Counts updates, so that none is drawn twice.
    pub version: u64,
}

/// Keeps [`ValueMap`] up to date while it is shown.
fn plugin(app: &mut App) {
    layers::plugin(app);
    app.init_resource::<ValueMap>().add_systems(
        Update,
        (
            clear.run_if(resource_changed::<OverlaySettings>),
            update.run_if(
                shows(ID).and_then(resource_exists::<EnvironmentHooks>).and_then(on_real_timer(INTERVAL)),
            ),
        )
            .chain(),
    );
    #[cfg(feature = "arcade")]
    draw::plugin(app);
}

/// Clears the map once the overlay is hidden.
fn clear(settings: Res<OverlaySettings>, mut map: ResMut<ValueMap>) {
    if !settings.shows(ID) && !map.places.is_empty() {
        *map = ValueMap { version: map.version + 1, ..default() };
    }
}

/// Evaluates policy and critics in every cell, a few times a second.
fn update(world: &mut World, mut probe: Local<ProbeObservation>) {
    let Some(write) = world.get_resource::<EnvironmentHooks>().and_then(|hooks| hooks.probe) else { return };
    write(world, 0, &mut probe);
    let snapshot = world.resource::<LearningPolicy>().0.load_full();
    let layer = MapLayer::shown(world.resource::<OverlaySettings>()).unwrap_or_default();
    let Some(mut map) = evaluate(&snapshot, &probe, layer) else { return };
    layers::apply(world, &probe, layer, &mut map);
    let mut shown = world.resource_mut::<ValueMap>();
    *shown = ValueMap { version: shown.version + 1, ..map };
}

/// The value estimates of `probe` for `layer`; `None` without critics or cells. What an agent with memory would remember
/// there is unknown: without values and policy, and of the estimates without cells.
fn evaluate(snapshot: &PolicySnapshot, probe: &ProbeObservation, layer: MapLayer) -> Option<ValueMap> {
    let count = probe.places.len();
    if count == 0 {
        return None;
    }
    if snapshot.policy.state_width() > 0 {
        let places = if layer == MapLayer::Estimated { Vec::new() } else { probe.places.clone() };
        return Some(ValueMap { values: vec![0.0; places.len()], places, ..default() });
    }
    let critics: &Arc<dyn ActionValues> = snapshot.critics.as_ref()?;
    let (mut decisions, mut values) = (PolicyOutput::default(), Vec::new());
    snapshot.policy.consider(&probe.observations, &mut decisions);
    critics.action_values(&probe.observations, &mut values);
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
    Some(ValueMap { places: probe.places.clone(), values: expected, policy, ..default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdp::{ActInput, ActionRow, ObservationBatch, Policy, PolicyId};

    /// Two critics whose value of the second action is the observation, plus 0.5 for the second critic.
    struct Known;

    impl ActionValues for Known {
        fn critics(&self) -> usize {
            2
        }

        fn action_values(&self, observations: &ObservationBatch, values: &mut Vec<f32>) {
            values.clear();
            for offset in [0.0, 0.5] {
                observations.vector.iter().for_each(|entry| values.extend([0.0, entry + offset]));
            }
        }
    }

    impl Policy for Known {
        fn id(&self) -> PolicyId {
            PolicyId::of(&["known"])
        }

        fn act(&self, input: ActInput<'_>, decisions: &mut PolicyOutput) {
            decisions.clear();
            for _ in 0..input.observations.count {
                decisions.actions.push(ActionRow::Discrete(1));
                decisions.probabilities.extend([0.25, 0.75]);
                decisions.entropies.push(0.5);
            }
        }
    }

    #[test]
    fn values_are_expected_under_the_policy_and_averaged_over_critics() {
        let critics: Option<Arc<dyn ActionValues>> = Some(Arc::new(Known));
        let snapshot = PolicySnapshot { version: 1, gradient_steps: 1, policy: Arc::new(Known), critics };
        let mut probe = ProbeObservation { places: vec![Vec2::ZERO, Vec2::X], ..default() };
        [2.0, -4.0].iter().for_each(|entry| probe.observations.push(&[*entry], &[]));
        let map = evaluate(&snapshot, &probe, MapLayer::Estimated).unwrap();
        assert_eq!(map.values, [0.75 * 2.25, 0.75 * -3.75]);
        assert_eq!(map.policy, [0.25, 0.75, 0.25, 0.75]);
        assert!(
            evaluate(&PolicySnapshot { critics: None, ..snapshot }, &probe, MapLayer::Estimated).is_none()
        );
    }
}
