//! What is recorded of seats that change hands, vanish, act late or are praised.

use std::sync::Arc;

use bevy::prelude::*;
use entropy_arcade::agent::feedback::{Feedback, HumanFeedback};
use entropy_arcade::agent::reaction::ReactionDelay;
use entropy_arcade::agent::{
    AgentPlugin, Controller, ControllerAssignment, Episodes, HumanInput, LearningPolicy, MOST_SLOTS, Replay,
};
use entropy_arcade::learner::untrained;
use entropy_arcade::mdp::{
    Action, EpisodeEnd, ObservationBatch, Origin, Policy, PolicyOutput, PolicySnapshot, PolicyState, Rng,
    Stream,
};
use entropy_arcade::sim::arena::{EnvironmentHooks, snapshots};
use entropy_arcade::sim::worlds::WorldChoice;
use entropy_arcade::sim::{self, AgentSlots, Arena, SimConfig, SimSystems, SimTick, run_agent_step};

use super::{assert_lived, buffer, cartpole, repeated, staged};

fn run(app: &mut App, steps: usize) {
    (0..steps).for_each(|_| run_agent_step(app.world_mut()));
}

fn seat(app: &mut App, controller: Controller) {
    app.world_mut().resource_mut::<ControllerAssignment>().watched = vec![controller];
}

#[test]
fn hands_that_change_leave_no_gap_unmarked() {
    let mut app = cartpole(3, Controller::Learning);
    let stretches = [
        (Controller::Learning, 7),
        (Controller::Human, 5),
        (Controller::Learning, 40),
        (Controller::Scripted, 4),
        (Controller::Human, 60),
        (Controller::Random, 3),
        (Controller::Learning, 90),
    ];
    let mut all = entropy_arcade::mdp::StepBatch::default();
    for (controller, steps) in stretches {
        let recorded = matches!(controller, Controller::Learning | Controller::Human);
        let human = controller == Controller::Human;
        seat(&mut app, controller);
        run(&mut app, steps);
        let part = staged(&mut app);
        let watched: Vec<usize> = (0..part.len()).filter(|&row| part.streams[row] == 0).collect();
        assert_eq!(watched.len(), if recorded { steps } else { 0 });
        assert!(watched.iter().all(|&row| (part.origins[row] == Origin::Human) == human));
        let others = (0..part.len()).filter(|&row| part.streams[row] != 0);
        assert!(others.clone().all(|row| part.origins[row] == Origin::Policy));
        all.append(&part);
    }
    // Every step follows the one before of its stream, ends its episode, or says that it starts.
    let mut before: std::collections::HashMap<u32, bool> = Default::default();
    let mut follows = 0;
    for row in 0..all.len() {
        let open = before.insert(all.streams[row], all.ends[row].is_none()).unwrap_or(false);
        assert!(open || all.starts[row], "row {row} follows nothing");
        follows += usize::from(!all.starts[row]);
    }
    let ended = all.ends.iter().flatten().count();
    let kept = buffer(&all);
    assert_eq!(kept.len(), follows + ended);
    assert_lived(&kept, 300);
    let streams: Vec<u32> = before.keys().copied().collect();
    assert!(streams.iter().all(|stream| (*stream as usize).is_multiple_of(MOST_SLOTS)), "{streams:?}");
}

#[test]
fn episodes_say_who_played_them_and_what_the_world_paid() {
    let mut app = cartpole(1, Controller::Learning);
    // By its controller, one episode cut after so many steps.
    let mut episode = |parts: &[(Controller, usize)]| {
        for (controller, steps) in parts {
            seat(&mut app, controller.clone());
            run(&mut app, *steps);
        }
        let mut arenas = app.world_mut().query::<&mut Arena>();
        arenas.single_mut(app.world_mut()).unwrap().cut_episode();
        run(&mut app, 1);
        let told = std::mem::take(&mut app.world_mut().resource_mut::<Episodes>().0);
        assert_eq!(told.len(), 1);
        let told = told[0].clone();
        assert_eq!(told.end, EpisodeEnd::Truncated);
        assert_eq!(
            (told.episode_return, told.episode_length as usize),
            (told.episode_length as f32, 1 + parts.iter().map(|part| part.1).sum::<usize>())
        );
        told.controller
    };
    let (learning, human, scripted) = (Controller::Learning, Controller::Human, Controller::Scripted);
    assert_eq!(episode(&[(learning.clone(), 4)]), "learning");
    assert_eq!(episode(&[(human.clone(), 3)]), "human");
    assert_eq!(episode(&[(learning.clone(), 2), (human, 2)]), "mixed");
    assert_eq!(episode(&[(scripted.clone(), 2), (learning, 1), (scripted, 1)]), "mixed");
}

#[test]
fn praise_is_paid_to_the_learner_and_counted_in_no_return() {
    let mut app = cartpole(2, Controller::Learning);
    run(&mut app, 3);
    staged(&mut app);
    let held = |app: &mut App, held| app.world_mut().resource_mut::<HumanFeedback>().held = held;
    held(&mut app, Some(Feedback::Praise));
    run(&mut app, 2);
    held(&mut app, Some(Feedback::Blame));
    run(&mut app, 1);
    held(&mut app, None);
    run(&mut app, 300);
    let steps = staged(&mut app);
    let paid = |stream: u32| -> Vec<f32> {
        (0..steps.len()).filter(|&row| steps.streams[row] == stream).map(|row| steps.rewards[row]).collect()
    };
    assert_eq!(paid(0)[..4], [1.1, 1.1, 0.9, 1.0]);
    assert!(paid(MOST_SLOTS as u32).iter().all(|&reward| reward == 1.0));
    let hints = app.world().resource::<HumanFeedback>();
    assert_eq!((hints.counts, hints.given.len()), ([2, 1], 3));
    let episodes = &app.world().resource::<Episodes>().0;
    assert!(!episodes.is_empty());
    assert!(episodes.iter().all(|episode| episode.episode_return == episode.episode_length as f32));
}

#[test]
fn seats_that_vanish_in_a_step_take_their_step_with_them() {
    #[derive(Resource)]
    struct Vanishes(bool);
    let mut app = cartpole(3, Controller::Learning);
    app.insert_resource(Vanishes(false)).add_systems(
        SimTick,
        (|mut commands: Commands, arenas: Query<(Entity, &Arena)>, mut vanishes: ResMut<Vanishes>| {
            let last = arenas.iter().find(|(_, arena)| arena.index == 2).filter(|_| vanishes.0);
            vanishes.0 = false;
            last.into_iter().for_each(|(entity, _)| commands.entity(entity).despawn());
        })
        .after(SimSystems::Decide)
        .before(SimSystems::Record),
    );
    run(&mut app, 20);
    app.world_mut().resource_mut::<Vanishes>().0 = true;
    run(&mut app, 1);
    assert_eq!(app.world().resource::<Replay>().env_steps, 60, "the broken step is not recorded");
    run(&mut app, 20);
    let steps = staged(&mut app);
    assert_eq!((steps.len(), app.world().resource::<Replay>().env_steps), (100, 100));
    let after = (60..62).map(|row| steps.starts[row]);
    assert!(after.into_iter().all(|starts| starts), "nothing follows the broken step");
    assert_lived(&buffer(&steps), 90);
}

/// Always does the same.
struct Constant(u16);

impl Policy for Constant {
    fn act(
        &self,
        observations: &ObservationBatch,
        _states: &mut [PolicyState],
        _rngs: &mut [Rng],
        _greedy: bool,
        decisions: &mut PolicyOutput,
    ) {
        decisions.clear();
        decisions.actions.resize(observations.count, Action::Discrete(self.0));
        decisions.entropies.resize(observations.count, 0.0);
        decisions.probabilities.resize(observations.count * 3, 0.0);
    }
}

#[test]
fn late_decisions_are_forgotten_when_the_person_leaves() {
    let world = WorldChoice::new("paddle-duel", None).unwrap();
    let spec = world.spec();
    let policy = LearningPolicy(untrained(spec.action.len()));
    let snapshot = |action| PolicySnapshot {
        version: 1,
        gradient_steps: 0,
        policy: Arc::new(Constant(action)),
        critics: None,
    };
    policy.0.store(Arc::new(snapshot(1)));
    let against = ControllerAssignment::all(vec![Controller::Human, Controller::Learning]);
    let mut app = App::new();
    app.add_plugins(sim::plugin);
    world.add_to(&mut app, SimConfig { arenas: 1, seed: 3, stream: Stream::Environment });
    app.add_plugins(AgentPlugin { spec, seed: 1, assignment: against.clone(), policy: policy.clone() });
    app.insert_resource(ReactionDelay { steps: 2 });
    app.world_mut().resource_mut::<HumanInput>().idle = vec![Action::Discrete(0)];
    let acts = |app: &mut App, steps: usize| -> Vec<u16> {
        run(app, steps);
        let recorded = staged(app);
        let own = (0..recorded.len()).filter(|&row| recorded.streams[row] == 1);
        own.map(|row| recorded.actions[row].index() as u16).collect()
    };
    // What is recorded is what is done, two steps after it was decided.
    assert_eq!(acts(&mut app, 5), [0, 0, 1, 1, 1]);
    app.insert_resource(ControllerAssignment::all(vec![Controller::Scripted, Controller::Learning]));
    policy.0.store(Arc::new(snapshot(2)));
    assert_eq!(acts(&mut app, 4), [2, 2, 2, 2]);
    app.insert_resource(against);
    assert_eq!(acts(&mut app, 4), [0, 0, 2, 2], "nothing from before comes back");
}

#[test]
fn arenas_brought_back_to_another_time_begin_streams_anew() {
    let mut app = cartpole(8, Controller::Learning);
    let restore = app.world().resource::<EnvironmentHooks>().restore;
    run(&mut app, 30);
    let earlier = snapshots(app.world_mut());
    for _ in 0..6 {
        run(&mut app, 13);
        restore(app.world_mut(), &earlier);
        run(&mut app, 5);
        // One of them alone.
        restore(app.world_mut(), &earlier[..1]);
    }
    run(&mut app, 10);
    assert_lived(&buffer(&staged(&mut app)), 800);
}

#[test]
fn another_number_of_arenas_lives_through_other_starts() {
    let mut app = cartpole(8, Controller::Learning);
    let populate = app.world().resource::<EnvironmentHooks>().populate;
    for arenas in [64, 3, 64, 8, 8] {
        run(&mut app, 40);
        populate(app.world_mut(), arenas);
    }
    run(&mut app, 40);
    let kept = buffer(&staged(&mut app));
    assert_lived(&kept, 3000);
    assert_eq!(repeated(&kept), 0);
}

#[test]
fn seats_of_one_number_are_not_taken_for_one() {
    let mut app = cartpole(4, Controller::Learning);
    let mut seats = app.world_mut().query::<&mut AgentSlots>();
    seats.iter_mut(app.world_mut()).for_each(|mut seats| seats.arena = seats.arena.min(2));
    run(&mut app, 200);
    let steps = staged(&mut app);
    assert_eq!(steps.len(), 3 * 200);
    assert_lived(&buffer(&steps), 560);
}

#[test]
fn what_nobody_takes_does_not_grow_without_end() {
    let mut app = cartpole(4, Controller::Learning);
    let mut most = [0; 2];
    for _ in 0..10_000 {
        run(&mut app, 1);
        let (replay, episodes) = (app.world().resource::<Replay>(), app.world().resource::<Episodes>());
        most = [most[0].max(replay.staged.len()), most[1].max(episodes.0.len())];
    }
    assert!(most[0] <= 4 * 4097 && most[1] <= 4 * 4097, "{most:?}");
    assert_eq!(app.world().resource::<Replay>().env_steps, 40_000);
    // And what is taken is whole.
    run(&mut app, 100);
    assert_lived(&buffer(&staged(&mut app)), 1000);
    let mut seats = app.world_mut().query::<&AgentSlots>();
    assert_eq!(seats.iter(app.world()).count(), 4);
}
