//! Saliency: how much each part of the watched agent's observation influences its policy. Computed only while it is
//! shown.

use std::time::Duration;

use bevy::prelude::*;
use bevy::time::common_conditions::on_real_timer;

use super::overlay::{Overlay, OverlaySettings, shows};
use super::past::Past;
use super::playback::Playback;
use crate::agent::{ActorStates, Controller, Controllers, LearningPolicy, Watched};
use crate::mdp::{
    ActionDimension, ActionRow, ActionSpace, Fault, GridShape, ObservationBatch, Policy, PolicyOutput,
};
use crate::sim::AgentSlots;
use crate::sim::arena::Spec;

/// Time between two updates.
const INTERVAL: Duration = Duration::from_millis(150);

/// Saliency of one slot's observation: how far the policy moves if a part is set to 0. Of discrete actions the total
/// variation distance of their probabilities; of continuous ones the mean, over dimensions, of how far the greedy action
/// moves, as a share of its range.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Saliency {
    /// `[n]`: the observation vector.
    pub vector: Vec<f32>,
    /// `[channels, height, width]`: the observation grid.
    pub grid: Vec<u8>,
    /// `[n]`: how far the policy moves if this entry is set to 0, 0 to 1.
    pub vector_saliency: Vec<f32>,
    /// `[height, width]`: the same if this cell is set to 0 on every plane.
    pub cell_saliency: Vec<f32>,
}

/// `[slots]` of the watched arena; `None` for a slot without the learning policy. Empty until [`OVERLAY`] is shown.
#[derive(Resource, Debug, Clone, Default, Deref)]
pub struct WatchedSaliency(pub Vec<Option<Saliency>>);

/// Identifier of this overlay.
pub const ID: &str = "sight";

/// The observation and its saliency, in the panel.
pub const OVERLAY: Overlay = Overlay {
    id: ID,
    label: "saliency",
    help: "Adds the agent's observation, entry by entry and plane by plane, and how much each part influences its \
           choice; what an agent with memory remembers stays as it is.",
    choices: &[],
    needs: |_| true,
    needs_critics: false,
    plugin,
    #[cfg(feature = "arcade")]
    window: super::overlay::window::OverlayWindow::PLAIN,
};

/// Keeps [`WatchedSaliency`] up to date while it is shown.
fn plugin(app: &mut App) {
    app.init_resource::<WatchedSaliency>().add_systems(
        Update,
        (
            clear.run_if(resource_changed::<OverlaySettings>),
            update.run_if(shows(ID).and_then(resource_exists::<Spec>).and_then(on_real_timer(INTERVAL))),
        )
            .chain(),
    );
}

/// Clears the saliency once the overlay is hidden.
fn clear(settings: Res<OverlaySettings>, mut saliency: ResMut<WatchedSaliency>) {
    if !settings.shows(ID) && !saliency.0.is_empty() {
        saliency.0.clear();
    }
}

fn update(
    spec: Res<Spec>,
    policy: Res<LearningPolicy>,
    states: Option<Res<ActorStates>>,
    playback: Option<Res<Playback>>,
    arenas: Query<(&AgentSlots, &Controllers), With<Watched>>,
    mut saliency: ResMut<WatchedSaliency>,
) {
    let Ok((slots, controllers)) = arenas.single() else { return };
    let snapshot = policy.0.load();
    let memories = states.map(|states| states.memories(slots.arena)).unwrap_or_default();
    saliency.0 = controllers
        .iter()
        .enumerate()
        .map(|(slot, controller)| {
            let applies = matches!(controller, Controller::Learning | Controller::Human);
            let (vector, grid) = slots.observations.row(slot);
            let past = Past::now(memories.get(slot), slots, playback.is_some());
            (applies && Fault::in_observation(vector).is_none()).then(|| {
                perturb(&*snapshot.policy, past, (vector, grid), spec.observation.grid, &spec.action)
            })
        })
        .collect();
}

/// Sets parts of an observation to 0 one by one and measures how far `policy` moves; what it remembers stays the same.
fn perturb(
    policy: &dyn Policy,
    past: Past<'_>,
    (vector, grid): (&[f32], &[u8]),
    shape: Option<GridShape>,
    actions: &ActionSpace,
) -> Saliency {
    let mut all = ObservationBatch::default();
    all.push(vector, grid);
    for entry in 0..vector.len() {
        let mut without = vector.to_vec();
        without[entry] = 0.0;
        all.push(&without, grid);
    }
    let cells = shape.map_or(0, |shape| shape.height * shape.width);
    for cell in 0..cells {
        let mut without = grid.to_vec();
        without.iter_mut().skip(cell).step_by(cells).for_each(|byte| *byte = 0);
        all.push(vector, &without);
    }
    let mut decisions = PolicyOutput::default();
    let count = all.count;
    policy.act(past.rows(policy, all).act(), &mut decisions);
    let dimensions = actions.dimensions();
    let distances = if dimensions.is_empty() {
        probability_moved(&decisions.probabilities, count)
    } else {
        (1..count).map(|row| action_moved(&decisions, row, dimensions)).collect()
    };
    let (vector_saliency, cell_saliency) = distances.split_at(vector.len().min(distances.len()));
    Saliency {
        vector: vector.to_vec(),
        grid: grid.to_vec(),
        vector_saliency: vector_saliency.to_vec(),
        cell_saliency: cell_saliency.to_vec(),
    }
}

/// Total variation distance of every row of `probabilities`, `[rows, actions]`, but the first one from that.
fn probability_moved(probabilities: &[f32], rows: usize) -> Vec<f32> {
    let mut rows = probabilities.chunks_exact((probabilities.len() / rows).max(1));
    let whole = rows.next().unwrap_or_default();
    rows.map(|row| 0.5 * row.iter().zip(whole).map(|(a, b)| (a - b).abs()).sum::<f32>()).collect()
}

/// How far action `row` is from the first one: mean over its dimensions, as a share of their range.
fn action_moved(decisions: &PolicyOutput, row: usize, dimensions: &[ActionDimension]) -> f32 {
    let (ActionRow::Continuous(whole), ActionRow::Continuous(own)) =
        (decisions.actions.row(0), decisions.actions.row(row))
    else {
        return 0.0;
    };
    let share = |((a, b), dimension): ((&f32, &f32), &ActionDimension)| {
        (a - b).abs() / (dimension.high - dimension.low)
    };
    own.iter().zip(whole).zip(dimensions).map(share).sum::<f32>() / dimensions.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdp::{ActInput, PolicyId};

    /// The probability of its first action depends on the second float and the third cell of the second plane.
    struct Narrow;

    impl Policy for Narrow {
        fn id(&self) -> PolicyId {
            PolicyId::of(&["narrow"])
        }

        fn act(&self, ActInput { observations, .. }: ActInput<'_>, decisions: &mut PolicyOutput) {
            decisions.clear();
            for row in 0..observations.count {
                let (vector, grid) = observations.row(row);
                let first = 0.5 * vector[1] + 0.5 * f32::from(grid[6]) / 255.0;
                decisions.actions.push(ActionRow::Discrete(0));
                decisions.probabilities.extend([first, 1.0 - first]);
                decisions.entropies.push(0.0);
            }
        }
    }

    #[test]
    fn only_inputs_that_the_policy_reads_are_salient() {
        let shape = GridShape { channels: 2, height: 2, width: 2 };
        let grid = [9, 9, 9, 9, 0, 0, 255, 0];
        let saliency = perturb(&Narrow, Past::default(), (&[0.3, 0.8, -1.0], &grid), Some(shape), &2.into());
        assert_eq!((saliency.vector_saliency.len(), saliency.cell_saliency.len()), (3, 4));
        assert!(
            (saliency.vector_saliency[1] - 0.4).abs() < 1e-6
                && saliency.vector_saliency[0] == 0.0
                && saliency.vector_saliency[2] == 0.0
        );
        assert!(
            (saliency.cell_saliency[2] - 0.5).abs() < 1e-6
                && saliency.cell_saliency[0] + saliency.cell_saliency[1] + saliency.cell_saliency[3] == 0.0
        );
    }

    /// Its first dimension is the first float, within bounds that exclude zero; the second never moves.
    struct Turning;

    impl Policy for Turning {
        fn id(&self) -> PolicyId {
            PolicyId::of(&["turning"])
        }

        fn act(&self, ActInput { observations, .. }: ActInput<'_>, decisions: &mut PolicyOutput) {
            decisions.clear();
            for row in 0..observations.count {
                let (vector, _) = observations.row(row);
                decisions.actions.push(ActionRow::Continuous(&[5.0 + vector[0], 0.5]));
                decisions.entropies.push(0.0);
            }
        }
    }

    #[test]
    fn what_moves_a_continuous_action_is_salient() {
        let actions = ActionSpace::continuous(&[("turn", [4.0, 8.0]), ("push", [0.0, 1.0])]);
        let saliency = perturb(&Turning, Past::default(), (&[2.0, 7.0], &[]), None, &actions);
        // By 2 of a range of 4, in one of two dimensions.
        assert_eq!(saliency.vector_saliency, [0.25, 0.0]);
    }
}
