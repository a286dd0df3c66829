//! Tests: rounds, the pauses between them, and recording meanwhile.

use std::time::Duration;

use super::*;
use crate::agent::reaction::ReactionDelay;
use crate::agent::{AgentPlugin, LearningPolicy, Replay, Watched};
use crate::learner::untrained;
use crate::mdp::{Action, Stream};
use crate::sim::{SimConfig, run_agent_step};
use crate::worlds::WorldChoice;

/// `arenas` of `world`; in the watched one an idle human player on the left plays against the script.
fn app(world: &str, arenas: usize) -> App {
    let world = WorldChoice::new(world, None).unwrap();
    let spec = world.spec();
    let sim = SimConfig { arenas, seed: 3, stream: Stream::Environment };
    let mut assignment = ControllerAssignment::learn_against_script(&spec);
    assignment.watched = vec![Controller::Human, Controller::Scripted];
    let policy = LearningPolicy(untrained(&spec.action));
    let mut app = App::new();
    app.add_plugins(crate::sim::plugin).init_resource::<Pace>().init_resource::<Time<Real>>();
    world.add_to(&mut app, sim);
    app.add_plugins(AgentPlugin::new(spec, assignment, policy).with_seed(1));
    plugin(&mut app);
    app
}

fn rounds(app: &App) -> &Rounds {
    app.world().resource::<Rounds>()
}

fn steps(app: &mut App, arena: usize) -> u32 {
    let mut arenas = app.world_mut().query::<&Arena>();
    arenas.iter(app.world()).find(|other| other.index == arena).unwrap().steps()
}

/// Advances real time by `seconds`.
fn wait(app: &mut App, seconds: f32) {
    app.world_mut().resource_mut::<Time<Real>>().update_with_duration(Duration::from_secs_f32(seconds));
    app.update();
}

/// Plays, skipping the pauses before serves, until the round is over.
fn play_out(app: &mut App) {
    while rounds(app).ended.is_none() {
        run_agent_step(app.world_mut());
        wait(app, SERVE_PAUSE);
    }
}

#[test]
fn a_round_is_counted_and_its_result_does_not_change_afterwards() {
    let spec = WorldChoice::new("paddle-duel", None).unwrap().spec();
    assert!(ReactionDelay::fair(&spec).steps >= 1);
    assert_eq!(ReactionDelay::fair(&WorldChoice::new("two-plates", None).unwrap().spec()).steps, 0);
    let mut app = app("paddle-duel", 1);
    play_out(&mut app);
    let ended = rounds(&app).ended.clone().unwrap();
    assert_eq!((rounds(&app).wins, ended.winner), ([0, 1], Some(1)));
    let [own, other] = ended.points.unwrap();
    assert!(own < 5 && other == 5, "{ended:?}");
    assert_eq!(ended.players, [Controller::Human, Controller::Scripted]);
    // The human player leaves, and takes over the other side.
    for watched in [
        [Controller::Learning, Controller::Scripted],
        [Controller::Learning, Controller::Human],
        [Controller::Human, Controller::Human],
    ] {
        app.world_mut().resource_mut::<ControllerAssignment>().watched = watched.to_vec();
        run_agent_step(app.world_mut());
        wait(&mut app, 10.0);
        assert_eq!(rounds(&app).ended.as_ref(), Some(&ended));
    }
    assert!(app.world_mut().resource_mut::<Rounds>().next_round());
    assert_eq!(rounds(&app).ended, None);
    // A new assignment resets the score.
    app.world_mut().resource_mut::<ControllerAssignment>().watched =
        vec![Controller::Human, Controller::Random];
    play_out(&mut app);
    assert!(rounds(&app).wins.iter().sum::<u32>() <= 1);
}

#[test]
fn other_arenas_continue_while_the_watched_one_is_on_hold() {
    let mut app = app("paddle-duel", 3);
    play_out(&mut app);
    assert_eq!(steps(&mut app, 0), 0);
    let observed = |app: &mut App| {
        let mut watched = app.world_mut().query_filtered::<&AgentSlots, With<Watched>>();
        watched.single(app.world()).unwrap().observations.clone()
    };
    let before = observed(&mut app);
    app.world_mut().resource_mut::<Replay>().staged = default();
    let recorded = app.world().resource::<Replay>().env_steps;
    (0..50).for_each(|_| run_agent_step(app.world_mut()));
    assert_eq!((steps(&mut app, 0), observed(&mut app)), (0, before));
    let replay = app.world().resource::<Replay>();
    assert_eq!(replay.env_steps, recorded + 2 * 50, "both learners in the other arenas");
    assert!(replay.staged.streams.iter().all(|stream| *stream != 0));
    // The next step recorded in the watched arena starts an episode, and earlier taps are dropped.
    app.world_mut().resource_mut::<HumanInput>().tapped[0].push_back(Action::Discrete(1));
    app.world_mut().resource_mut::<Rounds>().next_round();
    wait(&mut app, SERVE_PAUSE);
    run_agent_step(app.world_mut());
    assert!(app.world().resource::<HumanInput>().tapped[0].is_empty());
    let staged = &app.world().resource::<Replay>().staged;
    let own = staged.streams.iter().position(|stream| *stream == 0).unwrap();
    assert!(staged.starts[own] && steps(&mut app, 0) == 1);
}

#[test]
fn serves_pause_only_with_a_human_player() {
    for (world, human) in [("paddle-duel", true), ("volley", true), ("puck", true), ("puck", false)] {
        let mut app = app(world, 1);
        if !human {
            app.world_mut().resource_mut::<ControllerAssignment>().watched[0] = Controller::Random;
        }
        let mut serves = 0;
        for _ in 0..2500 {
            let points = app.world().resource::<Points>().0;
            let before = steps(&mut app, 0);
            run_agent_step(app.world_mut());
            let sum = |points: Option<[u32; 2]>| -> u32 { points.map_or(0, |points| points.iter().sum()) };
            let scored = sum(app.world().resource::<Points>().0) > sum(points);
            if !human {
                assert!(
                    [0, before + 1].contains(&steps(&mut app, 0)),
                    "{world}: no pause without a human player"
                );
                continue;
            }
            app.world_mut().resource_mut::<Rounds>().next_round();
            if !scored {
                wait(&mut app, 0.0);
                continue;
            }
            serves += 1;
            let held = steps(&mut app, 0);
            for _ in 0..9 {
                run_agent_step(app.world_mut());
                assert_eq!(steps(&mut app, 0), held, "{world}: served too early");
                wait(&mut app, 0.1);
            }
            wait(&mut app, 0.2);
            run_agent_step(app.world_mut());
            assert_eq!(steps(&mut app, 0), held + 1, "{world}: never served");
        }
        assert!(!human || serves >= 3, "{world}: {serves}");
    }
}

#[test]
fn a_restarted_episode_has_no_result() {
    let mut app = app("paddle-duel", 1);
    (0..5).for_each(|_| {
        run_agent_step(app.world_mut());
        wait(&mut app, SERVE_PAUSE);
    });
    let mut arenas = app.world_mut().query::<&mut Arena>();
    arenas.single_mut(app.world_mut()).unwrap().cut_episode();
    (0..3).for_each(|_| {
        run_agent_step(app.world_mut());
        wait(&mut app, SERVE_PAUSE);
    });
    assert_eq!((rounds(&app).ended.clone(), rounds(&app).wins), (None, [0, 0]));
}
