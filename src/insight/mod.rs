//! Insight: what the arcade shows of its agents beyond training, and how a human player joins in.

pub mod compare;
pub mod gallery;
pub mod lookahead;
pub mod map;
pub mod memory;
pub mod overlay;
pub mod past;
pub mod playback;
pub mod rounds;
pub mod saliency;
mod shown;
pub mod takeover;
#[cfg(all(test, feature = "arcade"))]
mod tests;
pub mod values;
pub mod waiting;

use bevy::prelude::*;

use crate::agent::Recording;
use crate::sim::{SimSystems, SimTick};
use overlay::{AddOverlay as _, Overlay};

/// All overlays, in the order of their switches. A new one needs its module and a line here.
pub const OVERLAYS: &[Overlay] =
    &[values::OVERLAY, map::OVERLAY, lookahead::OVERLAY, memory::OVERLAY, saliency::OVERLAY];

/// Overlays, takeover by human players, comparison of the agent's ages, playback and rounds. Add with a [`LiveLearner`](crate::agent::LiveLearner) to arenas of an
/// [`EnvironmentPlugin`](crate::sim::EnvironmentPlugin).
pub struct InsightPlugin;

impl Plugin for InsightPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(SimTick, suspend.in_set(SimSystems::First)).add_plugins((
            overlay::plugin,
            takeover::plugin,
            compare::plugin,
            playback::plugin,
            rounds::plugin,
            waiting::plugin,
        ));
        for overlay in OVERLAYS {
            app.add_overlay(*overlay);
        }
    }
}

/// Registers every key of a world, for screens that list them without one.
#[cfg(feature = "arcade")]
pub fn add_keys(app: &mut App) {
    use crate::view::commands::AddKeys as _;
    // The editor's key is listed first of its group, in every world.
    app.add_keys(crate::worlds::rooms::editor::KEYS);
    crate::view::add_keys(app);
    app.add_keys(takeover::window::KEYS).add_keys(compare::window::KEYS).add_keys(playback::window::KEYS);
    for overlay in OVERLAYS {
        app.add_keys(overlay::window::key(overlay).as_slice());
    }
}

/// Records no experience during a comparison or playback.
fn suspend(
    comparison: Option<Res<compare::Comparison>>,
    playback: Option<Res<playback::Playback>>,
    mut recording: ResMut<Recording>,
) {
    let suspended = comparison.is_some() || playback.is_some();
    recording.set_if_neq(Recording { suspended, ..*recording });
}
