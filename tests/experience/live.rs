//! A learner beside a running simulation: loading, recovery, rewind, playback, comparisons.

use std::path::Path;
use std::time::{Duration, Instant};

use bevy::prelude::*;
use entropy_arcade::agent::live::RecoveryPoint;
use entropy_arcade::agent::{AgentPlugin, Controller, ControllerAssignment, LiveLearner, LivePlugin, Replay};
use entropy_arcade::insight::InsightPlugin;
use entropy_arcade::insight::compare::{self, Comparison};
use entropy_arcade::insight::playback::{self, Playback};
use entropy_arcade::learner::{DeviceChoice, Health, LearnerConfig, LearnerSetup};
use entropy_arcade::mdp::Stream;
use entropy_arcade::sim::arena::EnvironmentHooks;
use entropy_arcade::sim::pace::{Pace, drive};
use entropy_arcade::sim::{self, Arena, SimConfig, run_agent_step};
use entropy_arcade::worlds::WorldChoice;

use super::common::transitions;
use super::{assert_lived, repeated};

/// A session with `arenas` arenas of cartpole, and checkpoints in `folder`.
fn session(folder: &Path, arenas: usize) -> App {
    let world = WorldChoice::new("cartpole", None).unwrap();
    let spec = world.spec();
    let config = LearnerConfig {
        learning_starts: 200,
        batch_size: 8,
        n_step: 3,
        checkpoint_seconds: 0.0,
        ..LearnerConfig::default()
    };
    let mut setup = LearnerSetup::new(spec.clone(), config);
    (setup.device, setup.checkpoints, setup.streams) = (DeviceChoice::Cpu, Some(folder.into()), 256);
    let learner = LiveLearner::start(setup);
    let mut app = App::new();
    app.add_plugins(sim::plugin).init_resource::<Time>().init_resource::<Pace>();
    world.add_to(&mut app, SimConfig { arenas, seed: 5, stream: Stream::Environment });
    let (assignment, policy) = (ControllerAssignment::all(vec![Controller::Learning]), learner.policy());
    app.add_plugins(AgentPlugin::new(spec, assignment, policy).with_seed(5))
        .insert_resource(learner)
        .add_plugins((LivePlugin, InsightPlugin))
        .add_systems(Update, drive);
    app.finish();
    app.cleanup();
    app
}

fn run(app: &mut App, steps: usize) {
    (0..steps).for_each(|_| run_agent_step(app.world_mut()));
}

fn save(app: &App, folder: &Path) {
    app.world().resource::<LiveLearner>().save_and_wait(folder.into()).unwrap();
}

fn wait(app: &App, until: impl Fn(&LiveLearner) -> bool) {
    let start = Instant::now();
    while !until(app.world().resource::<LiveLearner>()) {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "{:?}",
            app.world().resource::<LiveLearner>().status()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn is_up(app: &App) {
    wait(app, |learner| !matches!(learner.status().health, Health::Starting));
}

#[test]
fn a_checkpoint_loaded_into_a_running_session_is_not_connected_to_the_present() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = session(folder.path(), 64);
    is_up(&app);
    run(&mut app, 30);
    save(&app, folder.path());
    for steps in [1, 17, 40] {
        run(&mut app, steps);
        app.world().resource::<LiveLearner>().load(folder.path().into());
        run(&mut app, 25);
        save(&app, folder.path());
        assert_lived(&transitions::replay(folder.path()).unwrap(), 64 * 40);
    }
}

#[test]
fn a_recovery_is_not_connected_to_the_present() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = session(folder.path(), 64);
    is_up(&app);
    run(&mut app, 30);
    save(&app, folder.path());
    for steps in [1, 17] {
        run(&mut app, steps);
        app.world_mut().resource_mut::<LiveLearner>().rescue(&RecoveryPoint::Checkpoint(0));
        run(&mut app, 25);
        is_up(&app);
        run(&mut app, 10);
        save(&app, folder.path());
        assert_lived(&transitions::replay(folder.path()).unwrap(), 64 * 40);
    }
    app.world_mut().resource_mut::<LiveLearner>().rescue(&RecoveryPoint::Fresh);
    run(&mut app, 25);
    is_up(&app);
    save(&app, folder.path());
    assert_lived(&transitions::replay(folder.path()).unwrap(), 64 * 20);
}

#[test]
fn rewinding_and_resetting_connect_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = session(folder.path(), 16);
    run(&mut app, 60);
    wait(&app, |learner| !learner.snapshots().all().is_empty());
    let mark = app.world().resource::<LiveLearner>().snapshots().all()[0].clone();
    run(&mut app, 13);
    app.world_mut().resource_mut::<LiveLearner>().rewind(&mark);
    run(&mut app, 60);
    save(&app, folder.path());
    // Recorded experience stays, and recording continues.
    assert_lived(&transitions::replay(folder.path()).unwrap(), 16 * 130);
    app.world_mut().resource_mut::<LiveLearner>().reset();
    run(&mut app, 60);
    save(&app, folder.path());
    let kept = transitions::replay(folder.path()).unwrap();
    assert_lived(&kept, 16 * 57);
    assert!(kept.len() <= 16 * 60, "{}", kept.len());
}

#[test]
fn playback_steps_through_the_past_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = session(folder.path(), 4);
    is_up(&app);
    run(&mut app, 200);
    let steps = |app: &App| app.world().resource::<Replay>().env_steps;
    let others = |app: &mut App| -> Vec<u32> {
        let mut arenas = app.world_mut().query::<&Arena>();
        let mut all: Vec<_> = arenas.iter(app.world()).map(|arena| (arena.index, arena.steps())).collect();
        all.sort_unstable();
        all[1..].iter().map(|(_, steps)| *steps).collect()
    };
    for _ in 0..3 {
        let (before, elsewhere) = (steps(&app), others(&mut app));
        playback::toggle(app.world_mut());
        for made in 1..=3 {
            app.world_mut().resource_mut::<Pace>().single_steps += 1;
            app.update();
            assert_eq!(app.world().resource::<Playback>().step, made);
        }
        // After playback, time continues from the present.
        app.world_mut().resource_mut::<Time>().advance_by(Duration::from_secs_f32(0.5));
        app.world_mut().resource_mut::<Pace>().paused = false;
        app.update();
        assert!(!app.world().contains_resource::<Playback>());
        assert_eq!((steps(&app), others(&mut app)), (before, elsewhere), "nothing was recorded");
        run(&mut app, 20);
        playback::toggle(app.world_mut());
        app.world_mut().resource_mut::<Pace>().single_steps += 2;
        app.update();
        playback::toggle(app.world_mut());
        run(&mut app, 20);
    }
    save(&app, folder.path());
    let kept = transitions::replay(folder.path()).unwrap();
    assert_lived(&kept, 1000);
    assert_eq!(repeated(&kept), 0);
}

#[test]
fn comparisons_of_ages_are_not_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = session(folder.path(), 6);
    wait(&app, |learner| !learner.snapshots().all().is_empty());
    app.update();
    run(&mut app, 50);
    let steps = |app: &App| app.world().resource::<Replay>().env_steps;
    let before = steps(&app);
    let hooks = *app.world().resource::<EnvironmentHooks>();
    compare::toggle(app.world_mut());
    assert!(app.world().contains_resource::<Comparison>());
    run(&mut app, 30);
    // Takeovers and new arenas meanwhile are not recorded either.
    app.world_mut().resource_mut::<ControllerAssignment>().watched = vec![Controller::Human];
    (hooks.populate)(app.world_mut(), 9);
    run(&mut app, 100);
    assert_eq!(steps(&app), before);
    compare::toggle(app.world_mut());
    run(&mut app, 50);
    assert_eq!(steps(&app), before + 300);
    save(&app, folder.path());
    let kept = transitions::replay(folder.path()).unwrap();
    assert_lived(&kept, 550);
    assert_eq!(repeated(&kept), 0);
}

#[test]
fn steps_played_while_training_is_off_are_saved() {
    let folder = tempfile::tempdir().unwrap();
    let world = WorldChoice::new("cartpole", None).unwrap();
    let config = LearnerConfig { checkpoint_seconds: 0.05, ..LearnerConfig::default() };
    let mut setup = LearnerSetup::new(world.spec(), config);
    (setup.device, setup.checkpoints) = (DeviceChoice::Cpu, Some(folder.path().into()));
    let mut learner = LiveLearner::start(setup);
    learner.set_training(false);
    let mut app = App::new();
    app.add_plugins(sim::plugin);
    world.add_to(&mut app, SimConfig { arenas: 1, seed: 5, stream: Stream::Environment });
    let (assignment, policy) = (ControllerAssignment::all(vec![Controller::Human]), learner.policy());
    app.add_plugins(AgentPlugin::new(world.spec(), assignment, policy).with_seed(5))
        .insert_resource(learner)
        .add_plugins(LivePlugin);
    run(&mut app, 200);
    wait(&app, |_| transitions::replay(folder.path()).is_ok_and(|kept| kept.len() > 190));
    assert_eq!(app.world().resource::<LiveLearner>().status().gradient_steps, 0);
    let kept = transitions::replay(folder.path()).unwrap();
    assert_lived(&kept, 190);
    assert_eq!(kept.human_share(), 1.0);
}
