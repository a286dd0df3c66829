//! Playback: the last episodes of the watched arena, step by step, with the agent's decisions at the time.
//!
//! An episode is stored as its start and its actions, and replayed up to the requested step. The simulation is paused
//! meanwhile and continues from where it was.

mod history;
#[cfg(feature = "arcade")]
pub mod window;

use std::sync::Arc;

use bevy::prelude::*;

use super::past::policy_of;
use super::shown::{ValueEstimates, WatchedMemory};
use crate::agent::{
    ActorStates, Controllers, FrozenPolicies, LearningPolicy, PolicyMemory, Watched, WatchedDecisions, decide,
};
use crate::mdp::Policy;
use crate::sim::arena::{EnvironmentHooks, show_bodies};
use crate::sim::pace::Pace;
use crate::sim::{AgentSlots, Arena, ArenaSnapshot, SimSystems, SimTick, TickClock};

pub use history::{EpisodeHistory, PastEpisode, StepDecisions};

/// The episode being played back. Exists only during playback.
#[derive(Resource, Debug, Clone)]
pub struct Playback {
    /// Index into [`EpisodeHistory::episodes`].
    pub episode: usize,
    /// Number of its steps that have been replayed.
    pub step: usize,
    /// Whether it advances by itself.
    pub playing: bool,
    /// Seconds since the last step, while it plays.
    since: f32,
    /// Index of the arena that shows it, and its state before playback.
    arena: usize,
    before: ArenaSnapshot,
    /// Policy states of that arena before playback.
    memories: Vec<PolicyMemory>,
    was_paused: bool,
}

/// Keeps what is decided on, before others read the [`EpisodeHistory`] in the same step.
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeeSystems;

/// Keeps what was shown of a step, once overlays have made it.
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeepSystems;

/// Records episodes. Add with a [`LiveLearner`](crate::agent::LiveLearner).
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<EpisodeHistory>()
        .add_systems(
            SimTick,
            (
                history::see.in_set(SimSystems::Decide).in_set(SeeSystems).after(decide),
                history::record.in_set(SimSystems::Record).in_set(KeepSystems),
            ),
        )
        .add_systems(Update, play.run_if(resource_exists::<Playback>));
    #[cfg(feature = "arcade")]
    window::plugin(app);
}

/// Shows `step` of the episode with index `episode`, and pauses the simulation.
pub fn seek(world: &mut World, episode: usize, step: usize) {
    let Some(steps) = world.resource::<EpisodeHistory>().episodes.get(episode).map(PastEpisode::steps) else {
        return;
    };
    if !world.contains_resource::<Playback>() {
        // Finish the current agent step first: snapshots are of whole steps.
        while world.resource::<TickClock>().phase != 0 {
            world.run_schedule(SimTick);
        }
        let mut watched = world.query_filtered::<&Arena, With<Watched>>();
        let Ok((arena, before)) = watched.single(world).map(|arena| (arena.index, arena.snapshot())) else {
            return;
        };
        let memories = world.get_resource::<ActorStates>().map(|states| states.memories(arena));
        let memories = memories.unwrap_or_default();
        let mut pace = world.resource_mut::<Pace>();
        let was_paused = std::mem::replace(&mut pace.paused, true);
        (pace.held, pace.single_steps) = (true, 0);
        let (playing, since) = (false, 0.0);
        world.insert_resource(Playback {
            episode,
            step,
            playing,
            since,
            arena,
            before,
            memories,
            was_paused,
        });
    }
    let step = step.min(steps);
    let slots = world.resource::<crate::sim::arena::Spec>().slots();
    let mut playback = world.resource_mut::<Playback>();
    (playback.episode, playback.step) = (episode, step);
    let arena = playback.arena;
    let policies = policies(world, arena);
    let history = world.resource::<EpisodeHistory>();
    let shown = &history.episodes[episode];
    let (start, decided) = (shown.snapshot.until(step, slots), shown.decisions.get(step).cloned());
    let policy = |slot: usize| policies.get(slot).and_then(Option::as_deref);
    let memories: Vec<PolicyMemory> = (0..slots).map(|slot| shown.memory(step, slot, policy(slot))).collect();
    let restore = world.resource::<EnvironmentHooks>().restore;
    restore(world, arena, &[start]);
    show_bodies(world);
    if let Some(StepDecisions { decisions, estimates, memory, .. }) = decided {
        if let Some(mut states) = world.get_resource_mut::<ActorStates>() {
            states.remember(arena, &memories);
        }
        world.resource_mut::<WatchedDecisions>().0 = decisions;
        if let Some(mut current) = world.get_resource_mut::<ValueEstimates>() {
            current.slots = estimates;
        }
        if let Some(mut current) = world.get_resource_mut::<WatchedMemory>() {
            *current = memory;
        }
    }
}

/// `[slots]`: the policies that play `arena` now.
fn policies(world: &mut World, arena: usize) -> Vec<Option<Arc<dyn Policy>>> {
    let mut all = world.query::<(&Arena, &Controllers)>();
    let controllers = all.iter(world).find(|(own, _)| own.index == arena).map(|(_, own)| own.clone());
    let (learning, frozen) = (world.get_resource::<LearningPolicy>(), world.get_resource::<FrozenPolicies>());
    let (Some(controllers), Some(learning), Some(frozen)) = (controllers, learning, frozen) else {
        return Vec::new();
    };
    controllers.iter().map(|controller| policy_of(controller, learning, frozen)).collect()
}

/// Ends playback and restores the arena; returns whether playback was open.
pub fn end(world: &mut World) -> bool {
    let Some(playback) = world.remove_resource::<Playback>() else { return false };
    let restore = world.resource::<EnvironmentHooks>().restore;
    restore(world, playback.arena, &[playback.before]);
    // Policies continue with their own states; recorded streams are cut here.
    if let Some(mut states) = world.get_resource_mut::<ActorStates>() {
        states.remember(playback.arena, &playback.memories);
        states.cut(playback.arena);
        let mut all = world.query::<&mut AgentSlots>();
        let shown = all.iter_mut(world).find(|slots| slots.arena == playback.arena);
        shown.into_iter().for_each(|mut slots| slots.interrupted = false);
    }
    show_bodies(world);
    let mut pace = world.resource_mut::<Pace>();
    (pace.paused, pace.held, pace.single_steps) = (playback.was_paused, false, 0);
    true
}

/// Starts playback of the last episode, or ends playback.
pub fn toggle(world: &mut World) {
    if end(world) {
        return;
    }
    let Some(last) =
        world.get_resource::<EpisodeHistory>().and_then(|history| history.episodes.len().checked_sub(1))
    else {
        return;
    };
    seek(world, last, 0);
}

/// Advances by the requested single steps, or by itself at normal speed up to the end of the episode. Ends playback when
/// the simulation is unpaused.
fn play(world: &mut World) {
    if !world.resource::<Pace>().paused {
        // The player has unpaused: live play continues.
        end(world);
        world.resource_mut::<Pace>().paused = false;
        return;
    }
    let requested = std::mem::take(&mut world.resource_mut::<Pace>().single_steps) as usize;
    if requested > 0 {
        let mut playback = world.resource_mut::<Playback>();
        playback.playing = false;
        let (episode, step) = (playback.episode, playback.step + requested);
        seek(world, episode, step);
        return;
    }
    let seconds = world.resource::<Time>().delta_secs();
    let step_seconds = world
        .get_resource::<crate::sim::arena::Spec>()
        .map_or(0.1, |spec| spec.tick_seconds * spec.ticks_per_step as f32);
    let mut playback = world.resource_mut::<Playback>();
    if !playback.playing {
        return;
    }
    playback.since += seconds;
    if playback.since < step_seconds {
        return;
    }
    let due = (playback.since / step_seconds) as usize;
    playback.since %= step_seconds;
    let (episode, step) = (playback.episode, playback.step + due);
    let steps = world.resource::<EpisodeHistory>().episodes.get(episode).map_or(0, PastEpisode::steps);
    world.resource_mut::<Playback>().playing = step < steps;
    seek(world, episode, step);
}

#[cfg(test)]
mod tests;
