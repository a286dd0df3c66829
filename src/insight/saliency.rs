//! Saliency: what the watched agent sees, and how much each part of it matters to what it does now. Worked out only while
//! somebody looks.

use std::time::{Duration, Instant};

use bevy::prelude::*;

use super::values::OverlaySettings;
use crate::agent::{Controller, Controllers, LearningPolicy};
use crate::mdp::{Fault, GridShape, ObservationBatch, Policy, PolicyOutput};
use crate::sim::AgentSlots;
use crate::sim::arena::Spec;

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// What one seat sees.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Saliency {
    /// The observation's floats.
    pub vector: Vec<f32>,
    /// Its bytes, `[channels, height, width]`.
    pub grid: Vec<u8>,
    /// By float: share of the policy's probability that moves to other actions when it is taken for 0, [0, 1].
    pub matters: Vec<f32>,
    /// By cell, row by row: the same when nothing is seen there, on any plane.
    pub cells: Vec<f32>,
}

/// By slot of the watched arena; `None` for a seat in which no policy looks. Empty until asked for.
#[derive(Resource, Debug, Clone, Default, Deref)]
pub struct WatchedSaliency(pub Vec<Option<Saliency>>);

/// Keeps [`WatchedSaliency`] while [`OverlaySettings`] asks for them.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<WatchedSaliency>().add_systems(Update, see.run_if(resource_exists::<Spec>));
}

fn see(
    insight: Res<OverlaySettings>,
    spec: Res<Spec>,
    policy: Res<LearningPolicy>,
    arenas: Query<(&AgentSlots, &Controllers)>,
    mut sights: ResMut<WatchedSaliency>,
    mut at: Local<Option<Instant>>,
) {
    if !insight.sight {
        if !sights.0.is_empty() {
            sights.0.clear();
        }
        return;
    }
    if at.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
        return;
    }
    *at = Some(Instant::now());
    let Some((seats, controllers)) = arenas.iter().find(|(seats, _)| seats.arena == 0) else { return };
    let snapshot = policy.0.load();
    sights.0 = controllers
        .iter()
        .enumerate()
        .map(|(slot, controller)| {
            let looks = matches!(controller, Controller::Learning | Controller::Human);
            let (vector, grid) = seats.observations.row(slot);
            (looks && snapshot.policy.state_len() == 0 && Fault::in_observation(vector).is_none())
                .then(|| look(&*snapshot.policy, vector, grid, spec.observation.grid))
        })
        .collect();
}

/// Takes parts of an observation away one by one, and sees what `policy` makes of the rest.
fn look(policy: &dyn Policy, vector: &[f32], grid: &[u8], shape: Option<GridShape>) -> Saliency {
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
    policy.act(&all, &mut [], &mut [], true, &mut decisions);
    let actions = decisions.probabilities.len() / all.count;
    let mut rows = decisions.probabilities.chunks_exact(actions.max(1));
    let whole = rows.next().unwrap_or_default();
    let moved: Vec<f32> =
        rows.map(|row| 0.5 * row.iter().zip(whole).map(|(a, b)| (a - b).abs()).sum::<f32>()).collect();
    let (matters, cells) = moved.split_at(vector.len().min(moved.len()));
    Saliency {
        vector: vector.to_vec(),
        grid: grid.to_vec(),
        matters: matters.to_vec(),
        cells: cells.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdp::{Action, PolicyState, Rng};

    /// Does the first action as surely as the second float and the third cell of the second plane say.
    struct Narrow;

    impl Policy for Narrow {
        fn act(
            &self,
            observations: &ObservationBatch,
            _states: &mut [PolicyState],
            _rngs: &mut [Rng],
            _greedy: bool,
            decisions: &mut PolicyOutput,
        ) {
            decisions.clear();
            for row in 0..observations.count {
                let (vector, grid) = observations.row(row);
                let sure = 0.5 * vector[1] + 0.5 * f32::from(grid[6]) / 255.0;
                decisions.actions.push(Action::Discrete(0));
                decisions.probabilities.extend([sure, 1.0 - sure]);
                decisions.entropies.push(0.0);
            }
        }
    }

    #[test]
    fn only_what_is_looked_at_matters() {
        let shape = GridShape { channels: 2, height: 2, width: 2 };
        let grid = [9, 9, 9, 9, 0, 0, 255, 0];
        let sight = look(&Narrow, &[0.3, 0.8, -1.0], &grid, Some(shape));
        assert_eq!((sight.matters.len(), sight.cells.len()), (3, 4));
        assert!((sight.matters[1] - 0.4).abs() < 1e-6 && sight.matters[0] == 0.0 && sight.matters[2] == 0.0);
        assert!(
            (sight.cells[2] - 0.5).abs() < 1e-6 && sight.cells[0] + sight.cells[1] + sight.cells[3] == 0.0
        );
    }
}
