//! Screens in one app, without a display: worlds are opened and left without leaks.
#![cfg(feature = "arcade")]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::render::settings::WgpuSettings;
use bevy::winit::WinitPlugin;
use bevy_state::prelude::*;
use common::quick;
use entropy_arcade::agent::{LiveLearner, Replay};
use entropy_arcade::app::{self, Doors, SessionRequest};
use entropy_arcade::experiment::{Experiment, Mode};
use entropy_arcade::learner::checkpoint::Checkpoint;
use entropy_arcade::panel::title::{self, Chosen};
use entropy_arcade::sim::Arena;
use entropy_arcade::view::screens::{AppScreen, Leave};
use entropy_arcade::view::stage::Stage;
use entropy_arcade::worlds::WorldChoice;

/// All screens, without a display. Sessions are saved in `folder`; a world called `broken` cannot be opened.
fn arcade(folder: &Path) -> App {
    let folder = folder.to_owned();
    let resolve = move |chosen: &Chosen| {
        if chosen.env == "broken" {
            return Err("level.ron: line 3 is broken".into());
        }
        let mut config = quick(&chosen.env, 1, 1_000);
        config.learner.checkpoint_seconds = 0.0;
        config.level = chosen.level.clone();
        let world = WorldChoice::new(&chosen.env, chosen.level.as_deref())?;
        let place = chosen.level.as_ref().map_or(chosen.env.clone(), |_| "drawn".into());
        let out = chosen.session.clone().unwrap_or_else(|| folder.join(place));
        let experiment = Experiment::at(config, world, Mode::Watched, Some(out), chosen.session.clone())?;
        Ok(SessionRequest::of(experiment))
    };
    let mut app = App::new();
    let nothing = WgpuSettings { backends: None, ..default() };
    let plugins = entropy_arcade::view::window_plugins("worlds").disable::<WinitPlugin>();
    app.add_plugins(plugins.set(RenderPlugin { render_creation: nothing.into(), ..default() }));
    app::screens(&mut app, Doors { resolve: Arc::new(resolve), shows: Arc::new(|_| {}) });
    app.finish();
    app.cleanup();
    app
}

/// Runs frames until `done`.
fn until(app: &mut App, what: &str, done: impl Fn(&World) -> bool) {
    let begun = Instant::now();
    while !done(app.world()) {
        assert!(begun.elapsed().as_secs() < 120, "{what} does not happen");
        app.update();
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn shows(screen: AppScreen) -> impl Fn(&World) -> bool {
    move |world| world.get_resource::<State<AppScreen>>().is_some_and(|state| *state.get() == screen)
}

fn visit(app: &mut App, env: &str, session: Option<&Path>) {
    until(app, "the title screen", shows(AppScreen::Title));
    app.update();
    let session = session.map(Path::to_owned);
    app.world_mut().write_message(Chosen { env: env.into(), level: None, session, trained: false });
    until(app, "the world", shows(AppScreen::World));
    until(app, "something to be lived through", |world| world.resource::<Replay>().env_steps > 40);
    until(app, "the learner", |world| world.resource::<LiveLearner>().is_accepted());
}

fn go_home(app: &mut App) {
    app.world_mut().write_message(Leave::Home);
    until(app, "the way home", shows(AppScreen::Title));
    (0..3).for_each(|_| app.update());
}

/// Counts of entities, resources, schedules, and this program's threads by purpose.
fn census(app: &mut App) -> (usize, usize, usize, usize, usize) {
    let world = app.world_mut();
    let entities = world.query::<Entity>().iter(world).count();
    let count = |name: &str| {
        let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        tasks
            .filter(|task| {
                std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.starts_with(name))
            })
            .count()
    };
    let (resources, schedules) =
        (world.iter_resources().count(), world.resource::<Schedules>().iter().count());
    (entities, resources, schedules, count("learner"), count("sim-"))
}

#[test]
fn worlds_come_and_go_and_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = arcade(folder.path());
    let mut before = None;
    for round in 0..3 {
        for env in ["lava-room", "paddle-duel", "cartpole"] {
            let session = folder.path().join(env);
            visit(&mut app, env, (round > 0).then_some(session.as_path()));
            let world = app.world_mut();
            assert!(world.query::<&Arena>().iter(world).count() > 1, "{env} has no arenas");
            assert!(world.query::<&Stage>().iter(world).count() > 0, "{env} is not drawn");
            let lived = world.resource::<Replay>().env_steps;
            go_home(&mut app);
            let world = app.world_mut();
            assert_eq!(world.query::<&Arena>().iter(world).count(), 0);
            assert!(!world.contains_resource::<LiveLearner>() && !world.contains_resource::<Replay>());
            let saved = Checkpoint::open(&session).unwrap().manifest.counters.env_steps;
            assert!(saved > 0 && saved >= lived / 2, "{env}: {saved} of {lived}");
            assert!(session.join("summary.json").is_file(), "{env}");
        }
        let now = census(&mut app);
        // One-time allocations exist after the first round.
        if let Some(before) = before.filter(|_| round > 1) {
            assert_eq!(now, before, "entities, resources, schedules, threads");
        }
        assert_eq!((now.3, now.4), (0, 0), "threads of learners and simulations");
        before = Some(now);
    }
}

#[test]
fn errors_of_opening_are_shown_on_the_title_screen() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = arcade(folder.path());
    until(&mut app, "the title screen", shows(AppScreen::Title));
    app.world_mut().write_message(Chosen {
        env: "broken".into(),
        level: None,
        session: None,
        trained: false,
    });
    (0..5).for_each(|_| app.update());
    assert!(shows(AppScreen::Title)(app.world()));
    assert_eq!(title::problem(app.world()), Some("level.ron: line 3 is broken"));
}

#[test]
fn a_drawn_level_starts_a_new_agent_and_saves_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = arcade(folder.path());
    visit(&mut app, "lava-room", None);
    let lived = app.world().resource::<Replay>().env_steps;
    app.world_mut().write_message(Leave::Level("levels/lava-room-3.ron".into()));
    until(&mut app, "the end of the old session", |world| !shows(AppScreen::World)(world));
    assert!(
        Checkpoint::open(&folder.path().join("lava-room")).unwrap().manifest.counters.env_steps >= lived / 2
    );
    until(&mut app, "the new session", shows(AppScreen::World));
    let level = app.world().resource::<LiveLearner>().level().unwrap().name.clone();
    assert!(level.ends_with("lava-room-3.ron"), "{level}");
    assert!(app.world().resource::<Replay>().env_steps < lived);
    go_home(&mut app);
}
