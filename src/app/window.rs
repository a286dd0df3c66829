//! Everything with a window: the arcade, its pictures and its benchmarks. One app shows all screens.

use bevy::ecs::schedule::{ScheduleLabel as _, SingleThreadedExecutor};
use bevy::prelude::*;

use super::scope;
pub use super::screens::Doors;
use super::screens::{self, Running};
use super::session::{Session, SessionRequest};
use crate::experiment::Experiment;
use crate::insight;
use crate::insight::overlay::{OverlaySettings, Overlays};
use crate::run::frames::{self, FrameBench};
use crate::run::minute::{self, MinuteBench};
use crate::view::preferences::{self, Preferences};
use crate::view::screenshot::{self, ScreenshotRequest};
use crate::{panel, view};

/// Exit code of an app closed by [`leave`].
const STOPPED: u8 = 130;

/// An error that ends the window, as one line.
type Failure = Box<dyn std::error::Error>;

/// Closes the open window, as Ctrl-C does.
pub fn leave() {
    bevy::app::TerminalCtrlCHandlerPlugin::gracefully_exit();
}

/// Opens the arcade: a window in which an agent learns while people watch and play. The first screen is the
/// requested world, or the title screen.
///
/// # Errors
/// One line if the first session cannot be opened, there is no display, or something of the last session
/// could not be saved.
pub fn arcade(first: Option<SessionRequest>, doors: Doors) -> Result<(), Failure> {
    view::display::check()?;
    let session = first.map(|request| Session::open(request.kept())).transpose()?;
    let mut app = window(session, doors)?;
    // A session's folder is released only after the app has stopped writing to it.
    let running = app.world().resource::<Running>().clone();
    let left = app.run();
    if let Some(problem) = running.take() {
        return Err(problem.into());
    }
    match left {
        AppExit::Success => Ok(()),
        // Requested, and everything has been saved.
        AppExit::Error(code) if code.get() == STOPPED => Ok(()),
        AppExit::Error(code) => Err(format!("the window closed with code {code}").into()),
    }
}

/// Opens a world, measures its frames with training on and off, prints JSON lines and closes it.
///
/// # Errors
/// As [`arcade`].
pub fn bench_frames(
    experiment: Experiment,
    rounds: usize,
    stretch: f32,
    overlays: bool,
    apart: f32,
) -> Result<(), Failure> {
    let shown = if overlays { "all overlays" } else { "no overlays" };
    let pace = if apart > 0.0 { format!(", {:.0} frames/s", 1.0 / apart) } else { String::new() };
    let config = &experiment.config;
    let work = format!("{}, {} arenas, window, {shown}{pace}", config.env, config.arenas);
    let bench = FrameBench { work, warm_up: 15.0, stretch, rounds, apart };
    watch(experiment, move |app| {
        if overlays {
            let all = OverlaySettings::every(app.world().resource::<Overlays>());
            app.insert_resource(all);
        }
        frames::plugin(app, bench);
    })
}

/// Opens a world, observes its agent for `seconds`, prints a JSON line and closes the window.
///
/// # Errors
/// As [`arcade`].
pub fn bench_minute(experiment: Experiment, seconds: f32) -> Result<(), Failure> {
    let config = &experiment.config;
    let bench = MinuteBench { env: config.env.clone(), seed: config.seed, seconds };
    watch(experiment, move |app| minute::plugin(app, bench))
}

/// Opens a session with an additional plugin.
fn watch(
    experiment: Experiment,
    beside: impl FnOnce(&mut App) + Send + Sync + 'static,
) -> Result<(), Failure> {
    window(Some(Session::open(SessionRequest::of(experiment))?.with(beside)), Doors::closed())?.run();
    Ok(())
}

/// Opens the requested session or the title screen, saves a picture after a while and closes the window.
///
/// # Errors
/// As [`arcade`], and if the file was not written.
pub fn screenshot(
    session: Option<SessionRequest>,
    doors: Doors,
    request: ScreenshotRequest,
) -> Result<(), Failure> {
    let path = request.path.clone();
    let mut app = window(session.map(Session::open).transpose()?, doors)?;
    screenshot::plugin(&mut app, request);
    app.run();
    if std::fs::metadata(&path).is_ok_and(|file| file.len() > 0) {
        Ok(())
    } else {
        Err(format!("{}: not written; check the folder", path.display()).into())
    }
}

/// The app with all screens. The first one is the world of `session` or the title screen.
fn window(session: Option<Session>, doors: Doors) -> Result<App, Failure> {
    view::display::check()?;
    view::display::explain_refusals();
    let mut app = App::new();
    let place = session.as_ref().map_or_else(|| "worlds".to_owned(), |session| session.place().0);
    app.add_plugins(view::window_plugins(&place));
    add(&mut app, session, doors);
    Ok(app)
}

/// Adds all screens to an `app` with Bevy's plugins, starting with the title screen.
pub fn screens(app: &mut App, doors: Doors) {
    add(app, None, doors);
}

fn add(app: &mut App, session: Option<Session>, doors: Doors) {
    preferences::plugin(app, Preferences::load_or_default());
    app.add_plugins((view::screen, panel::screen, scope::plugin));
    // Registered before a world is opened: the preferences list all keys.
    insight::add_keys(app);
    screens::plugin(app, session, doors);
    // On few cores, running a frame's small systems on other threads costs more than it saves.
    for schedule in [First.intern(), PreUpdate.intern(), Update.intern(), PostUpdate.intern(), Last.intern()]
    {
        app.edit_schedule(schedule, |schedule| {
            schedule.set_executor(SingleThreadedExecutor::new());
        });
    }
}
