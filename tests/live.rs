//! Files of a watched run, without its window: no training is lost, and the record stays complete.

mod common;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bevy::prelude::*;
use common::{metrics, quick};
use entropy_arcade::agent::live::Unsaved;
use entropy_arcade::agent::{Controller, ControllerAssignment, HumanInput, LiveLearner, LivePlugin, Replay};
use entropy_arcade::experiment::level::{world_in, world_of_run};
use entropy_arcade::insight::takeover::{PlayerRole, Takeovers};
use entropy_arcade::learner::checkpoint::{Checkpoint, find};
use entropy_arcade::learner::{DeviceChoice, Health, LearnerSetup};
use entropy_arcade::mdp::{Action, Stream};
use entropy_arcade::run::live::{self, LiveRun};
use entropy_arcade::run::record::Record;
use entropy_arcade::run::{self, Claim, Summary};
use entropy_arcade::sim::{SimConfig, run_agent_step};
use entropy_arcade::worlds::rooms::level::Level;
use entropy_arcade::worlds::rooms::{Rooms, reload};

/// The arcade's app without drawing.
fn watched(out: &Path, resume: bool) -> App {
    watched_in("cartpole", out, resume)
}

fn watched_in(env: &str, out: &Path, resume: bool) -> App {
    let mut config = quick(env, 1, 1_000);
    config.learner.checkpoint_seconds = 0.3;
    let world = if resume { world_of_run(&config, out).unwrap() } else { world_in(&config, None).unwrap() };
    let mut resume = resume.then(|| out.to_owned());
    let claim = Claim::for_run(Some(out), &mut resume, &config.to_toml(), "entropy-arcade").unwrap().unwrap();
    let record = resume.as_deref().map(|from| Record::of(&Checkpoint::open(from).unwrap()).unwrap());
    let lengths = record.as_ref().and_then(|record| record.lengths);
    let folder = claim.open(Some(&config.to_toml()), lengths).unwrap();
    if let Some(text) = world.level().and_then(|level| level.text.as_deref()) {
        folder.keep_level(text, resume.is_none()).unwrap();
    }
    let mut setup = LearnerSetup::new(world.spec(), config.learner.clone());
    setup.level = world.level().cloned();
    (setup.device, setup.checkpoints, setup.resume) = (DeviceChoice::Cpu, Some(folder.checkpoints()), resume);
    let learner = LiveLearner::start(setup);
    let mut app = App::new();
    let sim = SimConfig { arenas: config.arenas, seed: 1, stream: Stream::Environment };
    let assignment = ControllerAssignment::learn_against_script(&world.spec());
    app.add_plugins(MinimalPlugins);
    run::compose::simulation(&mut app, &world, sim, assignment, learner.policy(), 1);
    app.insert_resource(learner).add_plugins(LivePlugin);
    app.world_mut().resource_mut::<Replay>().env_steps = record.as_ref().map_or(0, |record| record.env_steps);
    live::plugin(&mut app, LiveRun::new(folder, config.clone(), record, None));
    app
}

/// Plays until `done`, in frames of a few steps.
fn play(app: &mut App, what: &str, done: impl Fn(&mut World) -> bool) {
    let begun = Instant::now();
    while !done(app.world_mut()) {
        assert!(begun.elapsed().as_secs() < 60, "{what}: {:?}", status(app.world()).message);
        (0..4).for_each(|_| run_agent_step(app.world_mut()));
        app.update();
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn status(world: &World) -> std::sync::Arc<entropy_arcade::learner::LearnerStatus> {
    world.resource::<LiveLearner>().status()
}

fn close(mut app: App) {
    app.world_mut().write_message(AppExit::Success);
    app.update();
}

/// Gradient steps and recorded environment steps of the checkpoint in `place`.
fn saved(place: &Path) -> Option<(u64, u64)> {
    let checkpoint = Checkpoint::open(place).ok()?;
    let record = Record::of(&checkpoint).unwrap();
    assert!(record.lengths.is_some(), "every checkpoint knows how long the files of lines were");
    Some((checkpoint.manifest.counters.gradient_steps, record.env_steps))
}

#[test]
fn a_fresh_agent_leaves_the_trained_one_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut app = watched(&out, false);
    let at = out.clone();
    play(&mut app, "a first checkpoint at once", move |_| saved(&at).is_some());
    play(&mut app, "training", |world| status(world).gradient_steps > 200);
    app.world_mut().resource_mut::<LiveLearner>().reset();
    play(&mut app, "fresh networks", |world| {
        status(world).message.starts_with("fresh networks; the previous agent")
    });
    let message = status(app.world()).message.clone();
    let place = PathBuf::from(message.split(" is kept in ").nth(1).unwrap());
    let trained = saved(&place).unwrap();
    assert!(trained.0 > 200, "what was learned until the last moment stays: {trained:?}");
    // The new one is trained and saved repeatedly.
    let (at, old) = (out.clone(), place.clone());
    play(&mut app, "the fresh one saved", move |_| {
        find(&at).is_ok_and(|latest| latest != old) && saved(&at).is_some_and(|(made, _)| made > 50)
    });
    close(app);
    assert_eq!(saved(&place).unwrap(), trained);
    let fresh = saved(&out).unwrap();
    assert!(fresh.1 > trained.1, "steps of the run go on: {fresh:?} after {trained:?}");
    // The summary has both counts, like the checkpoint.
    let summary: Summary = serde_json::from_slice(&std::fs::read(out.join("summary.json")).unwrap()).unwrap();
    let made = Checkpoint::open(&out).unwrap().manifest.counters.env_steps;
    assert_eq!((summary.env_steps, summary.agent_env_steps), (fresh.1, Some(made)));
    assert!(made < fresh.1, "{made} of {}", fresh.1);
    assert_eq!(std::fs::read_dir(out.join("checkpoint")).unwrap().count(), 3);
}

/// Like a window that is closed at once, or whose device is refused.
#[test]
fn a_session_that_ends_before_it_starts_leaves_the_run_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    common::train(&quick("cartpole", 1, 1_500), &out, false).unwrap();
    let summary = std::fs::read(out.join("summary.json")).unwrap();
    let mut app = watched(&out, true);
    let (go, waits) = crossbeam_channel::bounded(0);
    let spec = world_in(&quick("cartpole", 1, 1_500), None).unwrap().spec();
    let setup = LearnerSetup::new(spec, quick("cartpole", 1, 1_500).learner);
    app.insert_resource(LiveLearner::start_after(setup, waits));
    app.world_mut().write_message(AppExit::Success);
    app.update();
    drop(go);
    assert_eq!(std::fs::read(out.join("summary.json")).unwrap(), summary);
}

#[test]
fn unsaved_progress_is_shown_until_it_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    for heals in [true, false] {
        let mut app = watched(&out, !heals);
        let at = out.clone();
        play(&mut app, "a first checkpoint", move |world| {
            status(world).health != Health::Starting && saved(&at).is_some()
        });
        let (place, away) = (out.join("checkpoint"), out.join("away"));
        std::fs::rename(&place, &away).unwrap();
        std::fs::write(&place, "in the way").unwrap();
        let reason = |world: &World| world.resource::<Unsaved>().reason();
        play(&mut app, "a reason", move |world| reason(world).is_some());
        let said = reason(app.world()).unwrap();
        assert!(said.starts_with(place.to_str().unwrap()) && said.lines().count() == 1, "{said}");
        if heals {
            std::fs::remove_file(&place).unwrap();
            std::fs::rename(&away, &place).unwrap();
            play(&mut app, "no reason any more", move |world| reason(world).is_none());
        }
        let unsaved = app.world().resource::<Unsaved>().clone();
        close(app);
        assert_eq!(unsaved.reason().is_none(), heals);
    }
}

/// Like `kill -9`: the app ends without cleanup and loses its pending lines.
#[test]
fn the_record_of_a_killed_run_continues_from_its_last_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut app = watched(&out, false);
    let at = out.clone();
    play(&mut app, "some episodes", move |_| saved(&at).is_some_and(|(_, steps)| steps > 3_000));
    drop(app);
    let (_, steps) = saved(&out).unwrap();
    for (name, text) in [
        ("metrics.jsonl", format!("{{\"env_steps\":{}}}\n{{\"env_st", steps + 900)),
        ("episodes.jsonl", format!("{{\"env_steps\":{}}}\n{{\"ar", steps + 900)),
        ("hints.jsonl", "{\"env_".to_owned()),
    ] {
        use std::io::Write as _;
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(out.join(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }
    let mut app = watched(&out, true);
    play(&mut app, "a line", |world| world.resource::<Replay>().env_steps > 6_000);
    close(app);
    let mut tally = common::kill::Tally::default();
    common::kill::inspect(&out, true, &mut tally);
    assert!(tally.problems.is_empty(), "{:?}", tally.problems);
    let episodes = std::fs::read_to_string(out.join("episodes.jsonl")).unwrap();
    assert!(!episodes.contains(&format!("{{\"env_steps\":{}}}", steps + 900)));
    assert!(metrics(&out).iter().all(|line| line.contains("gradient_steps")));
}

#[test]
fn the_assignment_is_kept_and_absent_players_are_not_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let seats = |app: &App| app.world().resource::<ControllerAssignment>().clone();
    let mut app = watched_in("paddle-duel", &out, false);
    app.update();
    assert!(!out.join("seats.json").exists(), "default controllers are not written");
    let begun = seats(&app);
    let spec = world_in(&quick("paddle-duel", 1, 1_000), None).unwrap().spec();
    let world = app.world_mut();
    let mut changed = begun.clone();
    changed.others = vec![Controller::Learning, Controller::Random];
    let mut seating = world.resource::<Takeovers>().clone();
    seating.toggle(PlayerRole::Opponent, &spec, &mut changed);
    world.insert_resource(seating.clone());
    *world.resource_mut::<ControllerAssignment>() = changed.clone();
    let at = out.clone();
    play(&mut app, "a first checkpoint", move |_| saved(&at).is_some_and(|(_, steps)| steps > 500));
    close(app);

    let mut app = watched_in("paddle-duel", &out, true);
    assert_eq!((seats(&app), app.world().resource::<Takeovers>()), (changed.clone(), &seating));
    // The agent plays in eight arenas.
    let people = |app: &mut App| {
        let steps = |app: &App| app.world().resource::<Replay>().env_steps;
        let before = steps(app);
        run_agent_step(app.world_mut());
        steps(app) - before - 8
    };
    app.update();
    assert_eq!((0..20).map(|_| people(&mut app)).sum::<u64>(), 0, "nobody is there yet");
    app.world_mut().resource_mut::<HumanInput>().tapped[1].push_back(Action::Discrete(1));
    assert_eq!((0..20).map(|_| people(&mut app)).sum::<u64>(), 20, "who has struck a key plays");
    close(app);

    // An invalid file leaves the default controllers, and is not replaced until the assignment changes, so
    // that a typo does not lose the rest.
    let slip = "{\"watched\": [\"dragon\"]}";
    std::fs::write(out.join("seats.json"), slip).unwrap();
    let mut app = watched_in("paddle-duel", &out, true);
    app.update();
    assert_eq!(seats(&app), begun);
    close(app);
    let text = || std::fs::read_to_string(out.join("seats.json")).unwrap();
    assert_eq!(text(), slip);
    let mut app = watched_in("paddle-duel", &out, true);
    assert_eq!(seats(&app), begun);
    *app.world_mut().resource_mut::<ControllerAssignment>() = changed;
    app.update();
    close(app);
    assert!(text().contains("random"), "{}", text());
}

/// Like redrawing the map in the editor while the agent plays on it.
#[test]
fn a_redrawn_map_survives_save_and_resume() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let map = |app: &App| app.world().resource::<Rooms>().first().clone();
    let kept = |out: &Path| {
        let text = std::fs::read_to_string(out.join("level.ron")).unwrap();
        Level::parse("level.ron", &text).unwrap()
    };
    let learned_on = |out: &Path| {
        let level = Checkpoint::open_only(out, |_| false).unwrap().manifest.level.unwrap();
        Level::parse(&level.name, &level.text.unwrap()).unwrap()
    };
    let mut app = watched_in("lava-room", &out, false);
    app.update();
    let begun = map(&app);
    assert_eq!(kept(&out), begun);
    let mut drawn = begun.clone();
    for (row, redrawn) in [("#...##~.#", "#..~##~.#"), ("#...~.#.#", "#.#.~.#.#")] {
        drawn = Level::parse("drawn", &drawn.text().replacen(row, redrawn, 1)).unwrap();
        assert!(drawn != begun && reload::exchange(app.world_mut(), drawn.clone()));
        app.update();
        assert_eq!((map(&app), kept(&out)), (drawn.clone(), drawn.clone()), "kept as soon as it is played");
    }
    let at = out.clone();
    play(&mut app, "a checkpoint of it", move |_| saved(&at).is_some_and(|(_, steps)| steps > 300));
    close(app);
    assert_eq!(learned_on(&out), drawn);
    // Resumed on the drawn map, twice, without messages.
    for _ in 0..2 {
        let mut app = watched_in("lava-room", &out, true);
        app.update();
        assert_eq!((map(&app), kept(&out)), (drawn.clone(), drawn.clone()));
        let before = saved(&out).unwrap().1;
        play(&mut app, "more of it", move |world| world.resource::<Replay>().env_steps > before + 200);
        close(app);
        assert_eq!(learned_on(&out), drawn);
    }
}
