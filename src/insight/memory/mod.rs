//! Memory: what an agent with memory carries from step to step, and what it attends to. Hidden states are part of every
//! decision; attention is computed only while this overlay is shown, and without side effects on play.

#[cfg(feature = "arcade")]
mod draw;
mod goals;
mod probe;
#[cfg(feature = "arcade")]
mod window;

use bevy::prelude::*;

use super::overlay::{Overlay, OverlaySettings, shows};
use super::past::{Past, one, policy_of};
use super::playback::{self, EpisodeHistory, Playback, StepDecisions};
pub use super::shown::{GoalBelief, WatchedMemory};
use crate::agent::{
    Controller, Controllers, FrozenPolicies, LearningPolicy, Watched, WatchedDecisions, decide,
};
use crate::sim::{AgentSlots, SimSystems, SimTick};

/// Steps that the strip of features shows at most.
pub const STEPS: usize = 64;

/// Identifier of this overlay.
pub const ID: &str = "memory";

/// Hidden states and attention, in the panel and on the map.
pub const OVERLAY: Overlay = Overlay {
    id: ID,
    label: "memory",
    help: "Adds what an agent with memory carries along: its hidden state over the last steps, and of a transformer which \
           moments and which cells it attends to.",
    choices: &[],
    needs: |_| true,
    needs_critics: false,
    plugin,
    #[cfg(feature = "arcade")]
    window: window::WINDOW,
};

/// Why there is nothing to show of an agent without memory.
pub const NO_MEMORY: &str = "This agent has no memory: it decides on what it sees now, and nothing else. A new agent gets \
                             one with sac.memory.kind = lstm, gru or transformer.";

/// Keeps [`WatchedMemory`] up to date while it is shown.
fn plugin(app: &mut App) {
    app.init_resource::<WatchedMemory>()
        .init_resource::<goals::GoalProbe>()
        .add_systems(
            SimTick,
            (attend, goals::read.run_if(goals::has_cue))
                .chain()
                .in_set(SimSystems::Decide)
                .after(decide)
                .run_if(shows(ID)),
        )
        .add_systems(Update, switch.run_if(resource_changed::<OverlaySettings>));
    #[cfg(feature = "arcade")]
    draw::plugin(app);
}

/// Clears everything once the overlay is hidden; shown again in playback, it has what was recorded.
fn switch(world: &mut World) {
    let shown = world.resource::<OverlaySettings>().shows(ID);
    let mut memory = world.resource_mut::<WatchedMemory>();
    if !shown && !memory.attention.is_empty() {
        *memory = WatchedMemory { version: memory.version + 1, ..default() };
        *world.resource_mut::<goals::GoalProbe>() = default();
    }
    if let (true, Some(&Playback { episode, step, .. })) = (shown, world.get_resource::<Playback>()) {
        playback::seek(world, episode, step);
    }
}

/// Reads what every slot's policy has attended to in its decision.
fn attend(
    learning: Res<LearningPolicy>,
    frozen: Res<FrozenPolicies>,
    decisions: Res<WatchedDecisions>,
    arenas: Query<(&AgentSlots, &Controllers), With<Watched>>,
    mut shown: ResMut<WatchedMemory>,
) {
    let Some((slots, controllers)) = arenas.iter().find(|(slots, _)| !slots.on_hold) else { return };
    let attention = |(slot, controller): (usize, &Controller)| {
        let decision = decisions.get(slot).filter(|decision| decision.memory.is_some())?;
        let policy = policy_of(controller, &learning, &frozen)?;
        let mut rows = Past::of(decision).rows(&*policy, one(slots.observations.row(slot)));
        policy.attention(rows.act())
    };
    shown.attention = controllers.iter().enumerate().map(attention).collect();
    shown.version += 1;
}

/// `[steps][F]`: features of `slot` in the latest steps of the episode that is shown, at most [`STEPS`], the newest last.
/// They begin where its memory did.
pub fn strip<'a>(history: &'a EpisodeHistory, playback: Option<&Playback>, slot: usize) -> Vec<&'a [f32]> {
    let mut rows: Vec<&[f32]> = Vec::new();
    for StepDecisions { decisions, .. } in history.shown(playback).iter().rev().take(STEPS) {
        let Some(decision) = decisions.get(slot).filter(|decision| !decision.features.is_empty()) else {
            break;
        };
        // Another policy may have another number of features.
        if rows.first().is_some_and(|row| row.len() != decision.features.len()) {
            break;
        }
        rows.push(&decision.features);
        if decision.is_first {
            break;
        }
    }
    rows.reverse();
    rows
}
