//! What has a window: the title screen, the arcade, its pictures and its frame benchmark.

use std::path::PathBuf;
use std::sync::Arc;

use bevy::prelude::*;

use super::{Left, assignment, learner_setup, simulation};
use crate::agent::live::Unsaved;
use crate::agent::reaction::ReactionDelay;
use crate::agent::{Controller, ControllerAssignment, FrozenPolicies, LiveLearner};
use crate::config::RunConfig;
use crate::insight::gallery;
use crate::insight::values::OverlaySettings;
use crate::learner::check_memory;
use crate::mdp::{Policy, Stream, later_seed};
use crate::panel::{maps, title};
use crate::run::live::{self, LiveRun};
use crate::run::record::Record;
use crate::run::{Claim, RunError, minute};
use crate::sim::worlds::{self, WorldChoice, WorldError};
use crate::sim::{self, SimConfig};
pub use crate::view::pictures::level_of as pictured_level;
use crate::view::preferences::{self, Preferences};
use crate::view::screenshot::ScreenshotRequest;

/// Code of an app that was closed by [`leave`].
const STOPPED: u8 = 130;

/// Closes the open window, as Ctrl-C does.
pub fn leave() {
    bevy::app::TerminalCtrlCHandlerPlugin::gracefully_exit();
}

/// Opens the title screen; what was chosen there, if anything was. Whoever comes `from` a world, and a level of it, finds
/// that card lit.
///
/// # Errors
/// One line when nothing can be drawn on.
pub fn title(
    from: Option<(String, Option<String>)>,
) -> Result<Option<title::Chosen>, Box<dyn std::error::Error>> {
    let choice = title::Choice::default();
    let mut app = title_app(choice.clone())?;
    if let Some((world, level)) = from {
        title::light(&mut app, &world, level.as_deref());
    }
    match app.run() {
        AppExit::Success => Ok(choice.0.lock().map_or(None, |mut chosen| chosen.take())),
        AppExit::Error(code) if code.get() == STOPPED => Ok(None),
        AppExit::Error(code) => Err(format!("the window closed with code {code}").into()),
    }
}

/// The title screen's app, for [`title()`] and for tests that drive it themselves.
///
/// # Errors
/// As [`title()`].
pub fn title_app(choice: title::Choice) -> Result<App, Box<dyn std::error::Error>> {
    crate::view::display::check()?;
    let cards = worlds::names().map(|name| {
        let kept = crate::run::live::sessions(name).into_iter().rev();
        let session = kept.into_iter().find(|session| title::goes_on(session));
        let (picture, moving) = (crate::view::pictures::of(name), crate::view::pictures::moving(name));
        let levels = crate::sim::level::shipped_levels(name);
        let trained = match levels {
            0 => vec![gallery::record(name, None)],
            levels => (1..=levels).map(|level| gallery::record(name, Some(level))).collect(),
        };
        Ok(title::Card {
            spec: WorldChoice::new(name, None)?.spec(),
            levels,
            picture,
            moving,
            session,
            trained,
            own: crate::run::live::maps(name).map_or_else(Vec::new, |folder| maps::list(&folder)),
        })
    });
    let cards = cards.collect::<Result<_, WorldError>>()?;
    let mut app = App::new();
    app.add_plugins(crate::view::window_plugins("worlds"));
    preferences::plugin(&mut app, Preferences::kept());
    title::plugin(&mut app, cards, choice);
    let sessions = |name: &'static str| (name.to_owned(), crate::run::live::sessions(name));
    app.insert_resource(title::Kept::new(worlds::names().map(sessions)));
    Ok(app)
}

/// Opens the arcade: a window in which an agent learns while people watch and play.
///
/// # Errors
/// One line when the run's folder cannot be made or nothing can be drawn on.
pub fn arcade(
    config: RunConfig,
    world: &WorldChoice,
    out: Option<PathBuf>,
    resume: Option<PathBuf>,
    player: Option<Arc<dyn Policy>>,
) -> Result<Left, Box<dyn std::error::Error>> {
    // Without a folder of its own a session is kept in the user's data folder, where anything is learned.
    let out =
        out.or_else(|| player.is_none().then(|| crate::run::live::session_folder(&config.env)).flatten());
    let mut app = arcade_app(&config, world, out, resume)?;
    player.into_iter().for_each(|player| let_play(&mut app, player));
    let next = crate::panel::editor::NextLevel::default();
    app.insert_resource(next.clone());
    // The folder is let go of only when nothing of the app writes into it any more.
    let run = app.world().get_resource::<LiveRun>().map(LiveRun::owner);
    let unsaved = app.world().get_resource::<Unsaved>().cloned();
    let broken = app.world().get_resource::<LiveRun>().map(LiveRun::broken);
    let left = app.run();
    drop(run);
    if let Some(reason) = unsaved.and_then(|unsaved| unsaved.reason()) {
        return Err(RunError::Unsaved(reason).into());
    }
    if let Some(reason) = broken.as_ref().and_then(|broken| broken.get()) {
        return Err(RunError::NotWhole(reason.clone()).into());
    }
    match left {
        AppExit::Success => Ok(Left::Closed),
        AppExit::Error(code) if code.get() == crate::view::input::HOME => Ok(Left::Home),
        AppExit::Error(code) if code.get() == crate::view::input::LEVEL => {
            Ok(next.0.lock().map_or(None, |mut next| next.take()).map_or(Left::Closed, Left::Level))
        }
        // Asked for, and everything has been saved.
        AppExit::Error(code) if code.get() == STOPPED => Ok(Left::Closed),
        AppExit::Error(code) => Err(format!("the window closed with code {code}").into()),
    }
}

/// Opens the arcade, measures its frames with training on and off, prints JSON lines and closes it.
///
/// # Errors
/// As [`arcade`].
pub fn bench_frames(
    config: RunConfig,
    world: &WorldChoice,
    rounds: usize,
    stretch: f32,
    overlays: bool,
    apart: f32,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut app = arcade_app(&config, world, None, None)?;
    let shown = if overlays { "all overlays" } else { "no overlays" };
    let pace = if apart > 0.0 { format!(", {:.0} frames/s", 1.0 / apart) } else { String::new() };
    let work = format!("{}, {} arenas, window, {shown}{pace}", config.env, config.arenas);
    if overlays {
        app.insert_resource(OverlaySettings::all());
    }
    crate::run::frames::plugin(
        &mut app,
        crate::run::frames::FrameBench { work, warm_up: 15.0, stretch, rounds, apart },
    );
    app.run();
    Ok(())
}

/// Opens the arcade, watches an agent for `seconds`, prints what was seen as a JSON line and closes it.
///
/// # Errors
/// As [`arcade`].
pub fn bench_minute(
    config: RunConfig,
    world: &WorldChoice,
    seconds: f32,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut app = arcade_app(&config, world, None, None)?;
    let bench = minute::MinuteBench { env: config.env.clone(), seed: config.seed, seconds };
    minute::plugin(&mut app, bench);
    app.run();
    Ok(())
}

/// Opens the arcade, saves what it shows after a while as a .png file and closes it.
///
/// # Errors
/// As [`arcade`], and when the file was not written.
pub fn screenshot(
    config: RunConfig,
    world: &WorldChoice,
    out: Option<PathBuf>,
    resume: Option<PathBuf>,
    player: Option<Arc<dyn Policy>>,
    request: ScreenshotRequest,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut app = arcade_app(&config, world, out, resume)?;
    player.into_iter().for_each(|player| let_play(&mut app, player));
    shoot(app, request)
}

/// Name of a trained agent among the players.
const TRAINED: &str = "trained";

/// Lets `player` play wherever the learner would, and nothing be learned.
fn let_play(app: &mut App, player: Arc<dyn Policy>) {
    let world = app.world_mut();
    world.resource_mut::<FrozenPolicies>().0.insert(TRAINED.into(), player);
    // AgentSlots that this start alone asks for are not kept.
    live::forget_seats(world);
    let mut assignment = world.resource_mut::<ControllerAssignment>();
    let ControllerAssignment { watched, others, .. } = &mut *assignment;
    for seat in watched.iter_mut().chain(others).filter(|seat| **seat == Controller::Learning) {
        *seat = Controller::Frozen(TRAINED.into());
    }
    world.resource_mut::<LiveLearner>().set_training(false);
}

/// Opens the title screen, saves what it shows after a while as a .png file and closes it.
///
/// # Errors
/// As [`screenshot`].
pub fn title_screenshot(request: ScreenshotRequest) -> Result<(), Box<dyn std::error::Error>> {
    shoot(title_app(title::Choice::default())?, request)
}

fn shoot(mut app: App, request: ScreenshotRequest) -> Result<(), Box<dyn std::error::Error>> {
    let path = request.path.clone();
    crate::view::screenshot::plugin(&mut app, request);
    app.run();
    if std::fs::metadata(&path).is_ok_and(|file| file.len() > 0) {
        Ok(())
    } else {
        Err(format!("{}: not written; check the folder", path.display()).into())
    }
}

/// The arcade's app, for [`arcade`] and for tests that drive it themselves.
///
/// # Errors
/// As [`arcade`].
pub fn arcade_app(
    config: &RunConfig,
    world: &WorldChoice,
    out: Option<PathBuf>,
    mut resume: Option<PathBuf>,
) -> Result<App, Box<dyn std::error::Error>> {
    use crate::agent::{LivePlugin, Replay};
    use crate::insight::InsightPlugin;
    use crate::learner::checkpoint::{self, Checkpoint};
    use crate::run::resume::{self, Earlier};
    use crate::{panel, view};
    use bevy::ecs::schedule::{ScheduleLabel as _, SingleThreadedExecutor};

    let spec = world.spec();
    // Everything is looked at before anything of the run is touched.
    let config = &match &resume {
        Some(folder) if checkpoint::exists(folder) => resume::configuration(config.clone(), folder, &spec)?,
        _ => config.clone(),
    };
    // The panel can ask for more arenas, and people take any seat.
    let streams = config.arenas.max(256) * spec.slots();
    check_memory(&spec.observation, &config.learner().watched(), streams)?;
    let claim = Claim::for_run(out.as_deref(), &mut resume, &config.to_toml(), "entropy-arcade")?;
    // Read here as well, so that a bad checkpoint is an error at the start and not a failed learner.
    let resumed = resume.as_deref().map(Checkpoint::open).transpose()?;
    view::display::check()?;
    let earlier = resume.as_deref().map(Earlier::read).transpose()?.flatten();
    let solved = earlier.and_then(|earlier| earlier.summary).and_then(|summary| summary.solved);
    let record = resumed.as_ref().map(Record::of).transpose()?;
    let lengths = record.as_ref().and_then(|record| record.lengths);
    // What the run has set is written once the learner has accepted it.
    let text = if resume.is_some() { None } else { Some(config.to_toml()) };
    let folder = claim.map(|claim| claim.open(text.as_deref(), lengths)).transpose()?;
    if let (Some(folder), Some(text)) = (&folder, world.level().and_then(|level| level.text.as_deref())) {
        folder.keep_level(text, resume.is_none())?;
    }
    let (session, from) = (out.clone(), resume.clone());
    let pictures = out.as_ref().map(|out| out.join("pictures"));
    let checkpoints = out.map(|out| out.join("checkpoint"));
    let (window_is_up, go) = crossbeam_channel::bounded::<()>(1);
    let mut setup = learner_setup(config, world, streams, checkpoints, resume);
    setup.config = setup.config.watched();
    let learner = LiveLearner::start_after(setup, go);
    let mut app = App::new();
    app.add_plugins(view::window_plugins(&spec.name));
    preferences::plugin(&mut app, Preferences::kept());
    // The simulation does not go on from where it stood, and must not live through the same starts again.
    let lived = record.as_ref().map_or(0, |record| record.env_steps);
    let seed = later_seed(config.seed, lived);
    let sim = SimConfig { arenas: config.arenas, seed, stream: Stream::Environment };
    // A watched simulation is a small part of a frame: the other cores are for the learner and the renderer.
    let threads = config.run.sim_threads.max(1);
    simulation(&mut app, world, sim, assignment(config, &spec), learner.policy(), threads);
    app.insert_resource(ReactionDelay::fair(&spec));
    app.insert_resource(learner)
        .init_resource::<sim::pace::Pace>()
        .add_plugins((LivePlugin, InsightPlugin))
        .add_systems(Startup, move || _ = window_is_up.try_send(()))
        .add_systems(Update, sim::pace::drive)
        .add_plugins((view::plugin, panel::plugin));
    let own = session.as_deref();
    let earlier = live::sessions(&config.env).into_iter().filter(|session| Some(session.as_path()) != own);
    app.insert_resource(panel::plots::EarlierRuns(earlier.collect()));
    if let Some(folder) = pictures {
        app.insert_resource(view::record::Pictures(folder));
    }
    app.world_mut().resource_mut::<Replay>().env_steps = lived;
    // A trained agent to play against or with, where one comes with the arcade.
    let level = world.level().map(|level| level.name.as_str());
    if let Some(policy) = gallery::fitting(&spec, level).and_then(|agent| agent.policy().ok()) {
        app.world_mut().resource_mut::<FrozenPolicies>().0.insert(TRAINED.into(), policy);
    }
    sim::worlds::rooms::winnable::plugin(&mut app);
    app.insert_resource(maps::MyMaps(live::maps(&config.env)));
    // A level that is a file of its own can be edited while it is played.
    if let Some(path) = world.level_file() {
        sim::worlds::rooms::reload::plugin(&mut app, path.to_owned());
    }
    if let Some(folder) = folder {
        live::plugin(&mut app, LiveRun::new(folder, config.clone(), record, solved).seated_as_in(from));
    }
    // On few cores, handing a frame's small systems to other threads costs more than they do.
    for schedule in [First.intern(), PreUpdate.intern(), Update.intern(), PostUpdate.intern(), Last.intern()]
    {
        app.edit_schedule(schedule, |schedule| {
            schedule.set_executor(SingleThreadedExecutor::new());
        });
    }
    Ok(app)
}
