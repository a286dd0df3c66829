//! Playback: the last episodes of the watched arena, step by step, with the agent's decisions at the time.
//!
//! An episode is stored as its start and its actions, and replayed up to the requested step. The simulation is paused
//! meanwhile and continues from where it was.

#[cfg(feature = "arcade")]
pub mod window;

use std::collections::VecDeque;

use bevy::prelude::*;

use super::values::{ValueEstimate, ValueEstimates, follow};
use crate::agent::{ActorStates, PolicyMemory, Watched, WatchedDecision, WatchedDecisions};
use crate::sim::arena::{EnvironmentHooks, show_bodies};
use crate::sim::pace::Pace;
use crate::sim::{AgentSlots, Arena, ArenaSnapshot, SimSystems, SimTick, TickClock};
use crate::worlds::rooms::Rooms;

/// Number of episodes that are kept.
const CAPACITY: usize = 20;

/// One finished episode.
#[derive(Debug, Clone)]
pub struct PastEpisode {
    /// Sum of rewards of the first slot.
    pub episode_return: f32,
    /// Whether it succeeded for the first slot.
    pub success: bool,
    /// `[steps]`: the decisions of every step.
    decisions: Vec<StepDecisions>,
    snapshot: ArenaSnapshot,
}

impl PastEpisode {
    /// Length in agent steps.
    pub fn steps(&self) -> usize {
        self.decisions.len()
    }
}

/// The decisions of one step.
#[derive(Debug, Clone, Default)]
struct StepDecisions {
    /// `[slots]`
    decisions: Vec<WatchedDecision>,
    /// `[slots]`: value estimates; empty if they were not shown.
    estimates: Vec<Option<ValueEstimate>>,
}

/// The last episodes of the watched arena.
#[derive(Resource, Debug, Clone, Default)]
pub struct EpisodeHistory {
    /// Latest last.
    pub episodes: VecDeque<PastEpisode>,
    /// The arena of the open episode.
    arena: Option<Entity>,
    open: Vec<StepDecisions>,
    open_return: f32,
}

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

/// Records episodes. Add with a [`LiveLearner`](crate::agent::LiveLearner).
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<EpisodeHistory>()
        .add_systems(SimTick, record.in_set(SimSystems::Record).after(follow))
        .add_systems(Update, play.run_if(resource_exists::<Playback>));
    #[cfg(feature = "arcade")]
    window::plugin(app);
}

fn record(
    arenas: Query<(Entity, &Arena, &AgentSlots), With<Watched>>,
    decisions: Res<WatchedDecisions>,
    estimates: Option<Res<ValueEstimates>>,
    rooms: Option<Res<Rooms>>,
    mut history: ResMut<EpisodeHistory>,
) {
    if rooms.is_some_and(|rooms| rooms.is_changed()) {
        // Episodes of another level cannot be replayed.
        *history = EpisodeHistory::default();
    }
    let Ok((entity, arena, slots)) = arenas.single() else { return };
    // Nothing happens in an arena that waits for others or is on hold.
    if arena.waits() || slots.on_hold {
        return;
    }
    let history = &mut *history;
    if history.arena.replace(entity) != Some(entity) || arena.steps() <= 1 {
        history.open.clear();
        history.open_return = 0.0;
    }
    let estimates = estimates.map_or(Vec::new(), |estimates| estimates.slots.clone());
    history.open.push(StepDecisions { decisions: decisions.0.clone(), estimates });
    history.open_return += slots.rewards.first().copied().unwrap_or(0.0);
    // An episode that was watched only from the middle on is incomplete.
    if slots.end.is_some() && history.open.len() == arena.steps() as usize {
        history.episodes.push_back(PastEpisode {
            episode_return: history.open_return,
            success: slots.outcomes.first().is_some_and(|outcome| outcome.success),
            decisions: std::mem::take(&mut history.open),
            snapshot: arena.snapshot(),
        });
        let surplus = history.episodes.len().saturating_sub(CAPACITY);
        history.episodes.drain(..surplus);
    }
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
    let history = world.resource::<EpisodeHistory>();
    let shown = &history.episodes[episode];
    let (start, decided) = (shown.snapshot.until(step, slots), shown.decisions.get(step).cloned());
    let restore = world.resource::<EnvironmentHooks>().restore;
    restore(world, arena, &[start]);
    show_bodies(world);
    if let Some(StepDecisions { decisions, estimates }) = decided {
        if let Some(mut states) = world.get_resource_mut::<ActorStates>() {
            let memories = decisions.iter().map(|decision| decision.memory.clone().unwrap_or_default());
            states.remember(arena, &memories.collect::<Vec<_>>());
        }
        world.resource_mut::<WatchedDecisions>().0 = decisions;
        if let Some(mut current) = world.get_resource_mut::<ValueEstimates>() {
            current.slots = estimates;
        }
    }
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
mod tests {
    use super::*;
    use crate::agent::{AgentPlugin, Controller, ControllerAssignment, LearningPolicy};
    use crate::learner::untrained;
    use crate::mdp::Stream;
    use crate::sim::{SimConfig, run_agent_step};
    use crate::worlds::WorldChoice;

    #[test]
    fn an_episode_is_replayed_exactly_and_live_play_is_unaffected() {
        for world in ["lava-room", "paddle-duel"] {
            let make = || {
                let world = WorldChoice::new(world, None).unwrap();
                let spec = world.spec();
                let sim = SimConfig { arenas: 2, seed: 3, stream: Stream::Environment };
                let assignment = ControllerAssignment::all(vec![Controller::Random; spec.slots()]);
                let policy = LearningPolicy(untrained(spec.action.len()));
                let mut app = App::new();
                app.add_plugins(crate::sim::plugin).init_resource::<Pace>().init_resource::<Time>();
                world.add_to(&mut app, sim);
                app.add_plugins(AgentPlugin::new(spec, assignment, policy).with_seed(1));
                plugin(&mut app);
                app
            };
            let observed = |app: &mut App| {
                let mut watched = app.world_mut().query_filtered::<&AgentSlots, With<Watched>>();
                watched.single(app.world()).unwrap().observations.clone()
            };
            let (mut app, mut twin) = (make(), make());
            // Observations before every step of the open episode, and of the last one that ended.
            let (mut open, mut last) = (Vec::new(), Vec::new());
            for _ in 0..400 {
                let before = observed(&mut app);
                open.push(before);
                run_agent_step(app.world_mut());
                run_agent_step(twin.world_mut());
                let mut watched = app.world_mut().query_filtered::<&Arena, With<Watched>>();
                if watched.single(app.world()).unwrap().steps() == 0 {
                    last = std::mem::take(&mut open);
                }
            }
            let episode = app.world().resource::<EpisodeHistory>().episodes.len() - 1;
            assert_eq!(
                app.world().resource::<EpisodeHistory>().episodes[episode].steps(),
                last.len(),
                "{world}"
            );
            for step in [0, last.len() / 2, last.len() - 1, 1] {
                seek(app.world_mut(), episode, step);
                assert_eq!(observed(&mut app), last[step], "{world}, step {step}");
                assert!(app.world().resource::<Pace>().paused);
            }
            toggle(app.world_mut());
            assert!(!app.world().resource::<Pace>().paused);
            for _ in 0..50 {
                assert_eq!(observed(&mut app), observed(&mut twin), "{world}");
                run_agent_step(app.world_mut());
                run_agent_step(twin.world_mut());
            }
        }
    }
}
