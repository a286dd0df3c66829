//! Playback: the last episodes of the watched arena, step by step, with what was thought then.
//!
//! An episode is its start and its actions; it is played again to the step that is wanted. No tick is made meanwhile,
//! and goes on afterwards from where it stood.

use std::collections::VecDeque;

use bevy::prelude::*;

use super::values::{Expectation, ValueEstimates};
use crate::agent::{WatchedDecision, WatchedDecisions};
use crate::sim::arena::{EnvironmentHooks, show_bodies};
use crate::sim::pace::Pace;
use crate::sim::worlds::rooms::Rooms;
use crate::sim::{AgentSlots, Arena, ArenaSnapshot, SimSystems, SimTick, TickClock};

/// Episodes that are kept.
const MOST: usize = 20;

/// One finished episode.
#[derive(Debug, Clone)]
pub struct PastEpisode {
    /// Sum of rewards of the first slot.
    pub episode_return: f32,
    /// Whether it succeeded for the first slot.
    pub success: bool,
    /// What was thought before every step, slot by slot.
    moments: Vec<Moment>,
    whole: ArenaSnapshot,
}

impl PastEpisode {
    /// Agent steps it took.
    pub fn steps(&self) -> usize {
        self.moments.len()
    }
}

/// What was thought before one step.
#[derive(Debug, Clone, Default)]
struct Moment {
    thoughts: Vec<WatchedDecision>,
    expected: Vec<Option<Expectation>>,
}

/// The last episodes of the watched arena.
#[derive(Resource, Debug, Clone, Default)]
pub struct Past {
    /// Latest last.
    pub episodes: VecDeque<PastEpisode>,
    open: Vec<Moment>,
    open_return: f32,
}

/// What is being looked at. Not there otherwise.
#[derive(Resource, Debug, Clone)]
pub struct Playback {
    /// Number of the episode among [`Past::episodes`].
    pub episode: usize,
    /// Steps of it that have been made.
    pub step: usize,
    /// Whether it goes on by itself.
    pub playing: bool,
    /// Seconds since the last step, while it plays.
    since: f32,
    before: ArenaSnapshot,
    was_paused: bool,
}

/// Keeps episodes. Add with a [`LiveLearner`](crate::agent::LiveLearner).
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Past>()
        .add_systems(SimTick, remember.in_set(SimSystems::Record))
        .add_systems(Update, play.run_if(resource_exists::<Playback>));
}

fn remember(
    arenas: Query<(&Arena, &AgentSlots)>,
    thoughts: Res<WatchedDecisions>,
    mind: Option<Res<ValueEstimates>>,
    rooms: Option<Res<Rooms>>,
    mut past: ResMut<Past>,
) {
    if rooms.is_some_and(|rooms| rooms.is_changed()) {
        // Another map: what was done on the old one cannot be played again.
        *past = Past::default();
    }
    let Some((arena, seats)) = arenas.iter().find(|(arena, _)| arena.index == 0) else { return };
    // Nothing happens in an arena that waits for others or rests.
    if arena.waits() || seats.rests {
        return;
    }
    let past = &mut *past;
    if arena.steps() <= 1 {
        past.open.clear();
        past.open_return = 0.0;
    }
    let expected = mind.map_or(Vec::new(), |mind| mind.seats.clone());
    past.open.push(Moment { thoughts: thoughts.0.clone(), expected });
    past.open_return += seats.rewards.first().copied().unwrap_or(0.0);
    // Whoever was looked at in the middle of an episode has no beginning.
    if seats.end.is_some() && past.open.len() == arena.steps() as usize {
        past.episodes.push_back(PastEpisode {
            episode_return: past.open_return,
            success: seats.outcomes.first().is_some_and(|outcome| outcome.success),
            moments: std::mem::take(&mut past.open),
            whole: arena.snapshot(),
        });
        let surplus = past.episodes.len().saturating_sub(MOST);
        past.episodes.drain(..surplus);
    }
}

/// Shows `step` of episode number `episode`; time stands still from now on.
pub fn look(world: &mut World, episode: usize, step: usize) {
    let Some(steps) = world.resource::<Past>().episodes.get(episode).map(PastEpisode::steps) else { return };
    if !world.contains_resource::<Playback>() {
        // A step that was begun is finished first: snapshots are of whole steps.
        while world.resource::<TickClock>().phase != 0 {
            world.run_schedule(SimTick);
        }
        let mut arenas = world.query::<&Arena>();
        let Some(before) = arenas.iter(world).find(|arena| arena.index == 0).map(Arena::snapshot) else {
            return;
        };
        let mut pace = world.resource_mut::<Pace>();
        let was_paused = std::mem::replace(&mut pace.paused, true);
        (pace.held, pace.single_steps) = (true, 0);
        world.insert_resource(Playback { episode, step, playing: false, since: 0.0, before, was_paused });
    }
    let step = step.min(steps);
    let slots = world.resource::<crate::sim::arena::Spec>().slots();
    let mut looking = world.resource_mut::<Playback>();
    (looking.episode, looking.step) = (episode, step);
    let past = world.resource::<Past>();
    let shown = &past.episodes[episode];
    let (start, moment) = (shown.whole.until(step, slots), shown.moments.get(step).cloned());
    let restore = world.resource::<EnvironmentHooks>().restore;
    restore(world, &[start]);
    show_bodies(world);
    if let Some(Moment { thoughts, expected }) = moment {
        world.resource_mut::<WatchedDecisions>().0 = thoughts;
        if let Some(mut mind) = world.get_resource_mut::<ValueEstimates>() {
            mind.seats = expected;
        }
    }
}

/// Goes back to the present; whether anything was being looked at.
pub fn end(world: &mut World) -> bool {
    let Some(looking) = world.remove_resource::<Playback>() else { return false };
    let restore = world.resource::<EnvironmentHooks>().restore;
    restore(world, &[looking.before]);
    show_bodies(world);
    let mut pace = world.resource_mut::<Pace>();
    (pace.paused, pace.held, pace.single_steps) = (looking.was_paused, false, 0);
    true
}

/// Begins with the last episode, or goes back to the present.
pub fn toggle(world: &mut World) {
    if end(world) {
        return;
    }
    let Some(last) = world.get_resource::<Past>().and_then(|past| past.episodes.len().checked_sub(1)) else {
        return;
    };
    look(world, last, 0);
}

/// Makes the single steps that are asked for, and else goes on by itself, at the pace of play, to the end of the episode;
/// ends when time is let go on.
fn play(world: &mut World) {
    if !world.resource::<Pace>().paused {
        // Somebody wants time to go on: from the present, not from the past.
        end(world);
        world.resource_mut::<Pace>().paused = false;
        return;
    }
    let asked = std::mem::take(&mut world.resource_mut::<Pace>().single_steps) as usize;
    if asked > 0 {
        let mut looking = world.resource_mut::<Playback>();
        looking.playing = false;
        let (episode, step) = (looking.episode, looking.step + asked);
        look(world, episode, step);
        return;
    }
    let seconds = world.resource::<Time>().delta_secs();
    let step_seconds = world
        .get_resource::<crate::sim::arena::Spec>()
        .map_or(0.1, |spec| spec.tick_seconds * spec.ticks_per_step as f32);
    let mut looking = world.resource_mut::<Playback>();
    if !looking.playing {
        return;
    }
    looking.since += seconds;
    if looking.since < step_seconds {
        return;
    }
    let made = (looking.since / step_seconds) as usize;
    looking.since %= step_seconds;
    let (episode, step) = (looking.episode, looking.step + made);
    let steps = world.resource::<Past>().episodes.get(episode).map_or(0, PastEpisode::steps);
    world.resource_mut::<Playback>().playing = step < steps;
    look(world, episode, step);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{AgentPlugin, Controller, ControllerAssignment, LearningPolicy};
    use crate::learner::untrained;
    use crate::mdp::Stream;
    use crate::sim::worlds::WorldChoice;
    use crate::sim::{SimConfig, run_agent_step};

    #[test]
    fn an_episode_is_seen_again_as_it_was_and_the_present_goes_on_untouched() {
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
                app.add_plugins(AgentPlugin { spec, seed: 1, assignment, policy });
                plugin(&mut app);
                app
            };
            let seen = |app: &mut App| {
                let mut seats = app.world_mut().query::<&AgentSlots>();
                let watched = seats.iter(app.world()).find(|seats| seats.arena == 0).unwrap();
                watched.observations.clone()
            };
            let (mut app, mut twin) = (make(), make());
            // What was seen before every step of the open episode, and of the last one that ended.
            let (mut open, mut last) = (Vec::new(), Vec::new());
            for _ in 0..400 {
                let before = seen(&mut app);
                open.push(before);
                run_agent_step(app.world_mut());
                run_agent_step(twin.world_mut());
                let mut arenas = app.world_mut().query::<&Arena>();
                if arenas.iter(app.world()).find(|arena| arena.index == 0).unwrap().steps() == 0 {
                    last = std::mem::take(&mut open);
                }
            }
            let episode = app.world().resource::<Past>().episodes.len() - 1;
            assert_eq!(app.world().resource::<Past>().episodes[episode].steps(), last.len(), "{world}");
            for step in [0, last.len() / 2, last.len() - 1, 1] {
                look(app.world_mut(), episode, step);
                assert_eq!(seen(&mut app), last[step], "{world}, step {step}");
                assert!(app.world().resource::<Pace>().paused);
            }
            toggle(app.world_mut());
            assert!(!app.world().resource::<Pace>().paused);
            for _ in 0..50 {
                assert_eq!(seen(&mut app), seen(&mut twin), "{world}");
                run_agent_step(app.world_mut());
                run_agent_step(twin.world_mut());
            }
        }
    }
}
