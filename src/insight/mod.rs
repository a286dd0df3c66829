//! Insight: what the arcade shows of its agents and lets people do with them, beside what learning needs.

pub mod compare;
pub mod gallery;
pub mod lookahead;
pub mod playback;
pub mod rounds;
pub mod saliency;
pub mod seating;
mod terrain;
pub mod values;
pub mod waiting;

use bevy::prelude::*;

use crate::agent::Recording;
use crate::sim::{SimSystems, SimTick};

/// What the arcade shows of its agents beside what learning needs: what they expect, see and would do, their ages side
/// by side, earlier episodes, rounds. Add with a [`LiveLearner`](crate::agent::LiveLearner) to arenas of an
/// [`EnvironmentPlugin`](crate::sim::EnvironmentPlugin).
pub struct InsightPlugin;

impl Plugin for InsightPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<seating::Seating>().add_systems(SimTick, suspend.in_set(SimSystems::First));
        app.add_plugins((
            values::plugin,
            lookahead::plugin,
            saliency::plugin,
            compare::plugin,
            playback::plugin,
            rounds::plugin,
            waiting::plugin,
        ));
    }
}

/// What is played while ages of the agent are compared, or an earlier episode is looked at, is no experience.
fn suspend(
    comparison: Option<Res<compare::Comparison>>,
    looking: Option<Res<playback::Playback>>,
    mut recording: ResMut<Recording>,
) {
    recording.set_if_neq(Recording { suspended: comparison.is_some() || looking.is_some() });
}
