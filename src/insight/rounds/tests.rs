//! Tests of rounds, of the rests between them, and of what goes on meanwhile.

use std::time::Duration;

use super::*;
use crate::agent::reaction::ReactionDelay;
use crate::agent::{AgentPlugin, LearningPolicy, Replay};
use crate::learner::untrained;
use crate::mdp::{Action, Stream};
use crate::sim::worlds::WorldChoice;
use crate::sim::{SimConfig, run_agent_step};

/// `arenas` of `world` in which a person does nothing on the left, against the script.
fn app(world: &str, arenas: usize) -> App {
    let world = WorldChoice::new(world, None).unwrap();
    let spec = world.spec();
    let sim = SimConfig { arenas, seed: 3, stream: Stream::Environment };
    let mut assignment = ControllerAssignment::learn_against_script(&spec);
    assignment.watched = vec![Controller::Human, Controller::Scripted];
    let policy = LearningPolicy(untrained(spec.action.len()));
    let mut app = App::new();
    app.add_plugins(crate::sim::plugin).init_resource::<Pace>().init_resource::<Time<Real>>();
    world.add_to(&mut app, sim);
    app.add_plugins(AgentPlugin { spec, seed: 1, assignment, policy });
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

/// Lets `seconds` pass.
fn wait(app: &mut App, seconds: f32) {
    app.world_mut().resource_mut::<Time<Real>>().update_with_duration(Duration::from_secs_f32(seconds));
    app.update();
}

/// Plays on, without a rest before any serve, until the round is over.
fn play_out(app: &mut App) {
    while rounds(app).ended.is_none() {
        run_agent_step(app.world_mut());
        wait(app, BREATH);
    }
}

#[test]
fn a_round_is_counted_and_its_result_stays_whatever_people_do_next() {
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
    // The person leaves, and sits down on the other side.
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
    assert!(app.world_mut().resource_mut::<Rounds>().go_on());
    assert_eq!(rounds(&app).ended, None);
    // Other players, another count.
    app.world_mut().resource_mut::<ControllerAssignment>().watched =
        vec![Controller::Human, Controller::Random];
    play_out(&mut app);
    assert!(rounds(&app).wins.iter().sum::<u32>() <= 1);
}

#[test]
fn other_arenas_go_on_while_the_watched_one_rests_and_nothing_is_invented() {
    let mut app = app("paddle-duel", 3);
    play_out(&mut app);
    assert_eq!(steps(&mut app, 0), 0);
    let seen = |app: &mut App| {
        let mut seats = app.world_mut().query::<&AgentSlots>();
        seats.iter(app.world()).find(|seats| seats.arena == 0).unwrap().observations.clone()
    };
    let before = seen(&mut app);
    app.world_mut().resource_mut::<Replay>().staged = default();
    let recorded = app.world().resource::<Replay>().env_steps;
    (0..50).for_each(|_| run_agent_step(app.world_mut()));
    assert_eq!((steps(&mut app, 0), seen(&mut app)), (0, before));
    let replay = app.world().resource::<Replay>();
    assert_eq!(replay.env_steps, recorded + 2 * 50, "both learners in the other arenas");
    assert!(replay.staged.streams.iter().all(|stream| *stream != 0));
    // What is recorded next of the watched arena begins an episode, and no tap of before is played in it.
    app.world_mut().resource_mut::<HumanInput>().tapped[0].push_back(Action::Discrete(1));
    app.world_mut().resource_mut::<Rounds>().go_on();
    wait(&mut app, BREATH);
    run_agent_step(app.world_mut());
    assert!(app.world().resource::<HumanInput>().tapped[0].is_empty());
    let staged = &app.world().resource::<Replay>().staged;
    let own = staged.streams.iter().position(|stream| *stream == 0).unwrap();
    assert!(staged.starts[own] && steps(&mut app, 0) == 1);
}

#[test]
fn against_a_person_every_serve_is_waited_for_and_without_one_none_is() {
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
                assert!([0, before + 1].contains(&steps(&mut app, 0)), "{world}: nobody is waited for");
                continue;
            }
            app.world_mut().resource_mut::<Rounds>().go_on();
            if !scored {
                wait(&mut app, 0.0);
                continue;
            }
            serves += 1;
            let stands = steps(&mut app, 0);
            for _ in 0..9 {
                run_agent_step(app.world_mut());
                assert_eq!(steps(&mut app, 0), stands, "{world}: it is served too soon");
                wait(&mut app, 0.1);
            }
            wait(&mut app, 0.2);
            run_agent_step(app.world_mut());
            assert_eq!(steps(&mut app, 0), stands + 1, "{world}: it is never served");
        }
        assert!(!human || serves >= 3, "{world}: {serves}");
    }
}

#[test]
fn a_fresh_start_has_no_result() {
    let mut app = app("paddle-duel", 1);
    (0..5).for_each(|_| {
        run_agent_step(app.world_mut());
        wait(&mut app, BREATH);
    });
    let mut arenas = app.world_mut().query::<&mut Arena>();
    arenas.single_mut(app.world_mut()).unwrap().cut_episode();
    (0..3).for_each(|_| {
        run_agent_step(app.world_mut());
        wait(&mut app, BREATH);
    });
    assert_eq!((rounds(&app).ended.clone(), rounds(&app).wins), (None, [0, 0]));
}
