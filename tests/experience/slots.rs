//! Recording of slots that change controllers, vanish, act with a delay or get feedback.

use std::sync::Arc;

use bevy::prelude::*;
use entropy_arcade::agent::feedback::{Feedback, FeedbackGiven, HumanFeedback};
use entropy_arcade::agent::reaction::ReactionDelay;
use entropy_arcade::agent::{
    AgentPlugin, Controller, ControllerAssignment, EpisodeFinished, HumanInput, LearningPolicy, MOST_SLOTS,
    Replay,
};
use entropy_arcade::learner::untrained;
use entropy_arcade::mdp::{
    ActInput, Action, EpisodeEnd, Origin, Policy, PolicyId, PolicyOutput, PolicySnapshot, Stream,
};
use entropy_arcade::sim::arena::{EnvironmentHooks, snapshots};
use entropy_arcade::sim::{self, AgentSlots, Arena, SimConfig, SimSystems, SimTick, run_agent_step};
use entropy_arcade::worlds::WorldChoice;

use super::{assert_lived, buffer, cartpole, repeated, staged};

fn run(app: &mut App, steps: usize) {
    (0..steps).for_each(|_| run_agent_step(app.world_mut()));
}

fn seat(app: &mut App, controller: Controller) {
    app.world_mut().resource_mut::<ControllerAssignment>().watched = vec![controller];
}

#[test]
fn changes_of_controller_mark_every_gap() {
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
    // Every step follows its stream's previous one, unless it is marked as a start.
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
    // By its controller, one episode interrupted after a number of steps.
    let mut episode = |parts: &[(Controller, usize)]| {
        for (controller, steps) in parts {
            seat(&mut app, controller.clone());
            run(&mut app, *steps);
        }
        let mut arenas = app.world_mut().query::<&mut Arena>();
        arenas.single_mut(app.world_mut()).unwrap().cut_episode();
        run(&mut app, 1);
        let told: Vec<_> = app.world_mut().resource_mut::<Messages<EpisodeFinished>>().drain().collect();
        assert_eq!(told.len(), 1);
        let told = told[0].summaries().next().unwrap();
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
fn praise_reaches_the_learner_but_no_return() {
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
    assert_eq!(app.world().resource::<HumanFeedback>().counts, [2, 1]);
    let given: Vec<f32> =
        app.world_mut().resource_mut::<Messages<FeedbackGiven>>().drain().map(|given| given.reward).collect();
    assert_eq!(given, [0.1, 0.1, -0.1]);
    let episodes = app.world().resource::<Messages<EpisodeFinished>>();
    assert!(!episodes.is_empty());
    assert!(
        episodes.get_cursor().read(episodes).all(|episode| episode.returns[0] == episode.lengths[0] as f32)
    );
}

#[test]
fn slots_despawned_in_a_step_drop_that_step() {
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
        .after(SimSystems::Play)
        .before(SimSystems::Observe),
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

/// Always the same action.
struct Constant(u16);

impl Policy for Constant {
    fn id(&self) -> PolicyId {
        PolicyId::of(&["constant"])
    }

    fn act(&self, input: ActInput<'_>, output: &mut PolicyOutput) {
        let count = input.observations.count;
        output.clear();
        output.actions = vec![self.0; count].into();
        output.entropies.resize(count, 0.0);
        output.probabilities.resize(count * 3, 0.0);
    }
}

#[test]
fn delayed_decisions_are_dropped_when_the_human_leaves() {
    let world = WorldChoice::new("paddle-duel", None).unwrap();
    let spec = world.spec();
    let policy = LearningPolicy(untrained(&spec.action));
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
    app.add_plugins(AgentPlugin::new(spec, against.clone(), policy.clone()).with_seed(1));
    app.insert_resource(ReactionDelay { steps: 2 });
    app.world_mut().resource_mut::<HumanInput>().idle = vec![Action::Discrete(0)];
    let acts = |app: &mut App, steps: usize| -> Vec<u16> {
        run(app, steps);
        let recorded = staged(app);
        let own = (0..recorded.len()).filter(|&row| recorded.streams[row] == 1);
        own.map(|row| recorded.actions.index(row) as u16).collect()
    };
    // The recorded action is the executed one, two steps after the decision.
    assert_eq!(acts(&mut app, 5), [0, 0, 1, 1, 1]);
    app.insert_resource(ControllerAssignment::all(vec![Controller::Scripted, Controller::Learning]));
    policy.0.store(Arc::new(snapshot(2)));
    assert_eq!(acts(&mut app, 4), [2, 2, 2, 2]);
    app.insert_resource(against);
    assert_eq!(acts(&mut app, 4), [0, 0, 2, 2], "nothing from before comes back");
}

#[test]
fn restored_arenas_start_new_streams() {
    let mut app = cartpole(8, Controller::Learning);
    let restore = app.world().resource::<EnvironmentHooks>().restore;
    run(&mut app, 30);
    let earlier = snapshots(app.world_mut());
    for _ in 0..6 {
        run(&mut app, 13);
        restore(app.world_mut(), 0, &earlier);
        run(&mut app, 5);
        // One of them alone.
        restore(app.world_mut(), 0, &earlier[..1]);
    }
    run(&mut app, 10);
    assert_lived(&buffer(&staged(&mut app)), 800);
}

#[test]
fn another_number_of_arenas_has_other_starts() {
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
fn arenas_with_one_number_are_not_confused() {
    let mut app = cartpole(4, Controller::Learning);
    let mut seats = app.world_mut().query::<&mut AgentSlots>();
    seats.iter_mut(app.world_mut()).for_each(|mut seats| seats.arena = seats.arena.min(2));
    run(&mut app, 200);
    let steps = staged(&mut app);
    assert_eq!(steps.len(), 3 * 200);
    assert_lived(&buffer(&steps), 560);
}

#[test]
fn unread_steps_and_episodes_do_not_grow_without_end() {
    let mut app = cartpole(4, Controller::Learning);
    let mut most = [0; 2];
    for _ in 0..10_000 {
        run(&mut app, 1);
        let replay = app.world().resource::<Replay>();
        let episodes = app.world().resource::<Messages<EpisodeFinished>>();
        most = [most[0].max(replay.staged.len()), most[1].max(episodes.len())];
    }
    assert!(most[0] <= 4 * 4097 && most[1] <= 2 * 4 * 4097, "{most:?}");
    assert_eq!(app.world().resource::<Replay>().env_steps, 40_000);
    // And taken steps are complete.
    run(&mut app, 100);
    assert_lived(&buffer(&staged(&mut app)), 1000);
    let mut seats = app.world_mut().query::<&AgentSlots>();
    assert_eq!(seats.iter(app.world()).count(), 4);
}
