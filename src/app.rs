//! The whole composition, in one place: which plugins make the arcade, a headless run, an evaluation.
//!
//! It decides nothing itself; every part is explained where it lives.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bevy::prelude::*;

use crate::agent::{AgentPlugin, Casting, Controller, FrozenPolicies, LearningPolicy};
use crate::config::RunConfig;
use crate::learner::{DeviceChoice, LearnerConfig, LearnerError, LearnerSetup, untrained};
use crate::mdp::{ActionSpace, EnvironmentSpec, ObservationSpace, Policy, Stream, WorldOptions};
#[cfg(feature = "arcade")]
use crate::panel::title;
use crate::run::check::{self, CheckReport, Violation};
use crate::run::scores;
use crate::run::sweep::{self, Sweep};
use crate::run::{EvalSummary, HeadlessSetup, RunError, Summary, bench, eval, headless, ticks};
use crate::sac::SacConfig;
#[cfg(feature = "arcade")]
use crate::sim::worlds;
use crate::sim::worlds::ball_box::{BallBox, Balls};
use crate::sim::worlds::{WorldChoice, WorldError};
use crate::sim::{self, SimConfig, SimPool};
#[cfg(feature = "arcade")]
pub use crate::view::screenshot::{ScreenshotRequest, Stroke};

/// Arenas of an evaluation.
const EVAL_ARENAS: usize = 20;

/// Adds what simulates and acts, the same with and without a window.
pub fn simulation(
    app: &mut App,
    world: &WorldChoice,
    sim: SimConfig,
    casting: Casting,
    policy: LearningPolicy,
    threads: usize,
) {
    app.add_plugins(sim::plugin);
    app.insert_resource(match threads {
        0 => SimPool::default(),
        threads => SimPool::new(threads),
    });
    let seed = sim.seed;
    world.add_to(app, sim);
    app.add_plugins(AgentPlugin { spec: world.spec(), seed, casting, policy });
}

/// An app without a window, ready for [`sim::run_agent_step`].
pub fn headless_app(
    world: &WorldChoice,
    sim: SimConfig,
    casting: Casting,
    policy: LearningPolicy,
    threads: usize,
) -> App {
    let mut app = App::new();
    simulation(&mut app, world, sim, casting, policy, threads);
    app.finish();
    app.cleanup();
    app
}

/// The world that `config` names.
///
/// # Errors
/// [`WorldError`] when there is none such.
pub fn world(config: &RunConfig) -> Result<WorldChoice, WorldError> {
    WorldChoice::varied(&config.env, config.level.as_deref(), &config.world)
}

/// Who plays while a run learns.
fn casting(config: &RunConfig, spec: &EnvironmentSpec) -> Casting {
    if config.run.self_play {
        Casting::all(vec![Controller::Learning; spec.slots()])
    } else {
        Casting::learn_against_script(spec)
    }
}

/// What a run's learner is made from.
fn learner_setup(
    config: &RunConfig,
    world: &WorldChoice,
    checkpoints: Option<PathBuf>,
    resume: Option<PathBuf>,
) -> LearnerSetup {
    LearnerSetup {
        spec: world.spec(),
        // The panel can ask for more arenas while a person watches.
        streams: config.arenas.max(256) * world.spec().slots(),
        level: config.level.clone(),
        world: config.world,
        config: config.learner(),
        device: config.device,
        seed: config.seed,
        checkpoints,
        resume,
    }
}

/// Trains without a window.
///
/// # Errors
/// See [`headless::train`].
pub fn train(
    config: RunConfig,
    world: &WorldChoice,
    out: Option<PathBuf>,
    resume: Option<PathBuf>,
    stop: Arc<AtomicBool>,
    silent: bool,
) -> Result<Summary, RunError> {
    let spec = world.spec();
    let sim = SimConfig { arenas: config.arenas, seed: config.seed, stream: Stream::Environment };
    let policy = LearningPolicy(untrained(spec.action.len()));
    let mut app = headless_app(world, sim, casting(&config, &spec), policy, config.run.sim_threads);
    // Checkpoints of a headless run hold its simulation too, so the run writes them, not the learner.
    let learner = learner_setup(&config, world, None, resume);
    let (episodes, seed, world) = (config.run.eval_episodes, config.seed, world.clone());
    let on = |world: WorldChoice| -> headless::Evaluate {
        Box::new(move |policy| evaluate(&world, policy, episodes, seed))
    };
    let (evaluate, evaluate_training) = (on(world.clone()), world.as_trained().map(on));
    let setup = HeadlessSetup { config, learner, out, stop, silent, evaluate, evaluate_training };
    headless::train(&mut app, setup)
}

/// Makes all runs of a sweep that are not there yet, `at_once` at a time, and returns its table.
///
/// # Errors
/// One line for the first run that cannot begin or fails; others that had begun are finished.
pub fn sweep(
    sweep: &Sweep,
    out: &Path,
    at_once: usize,
    stop: &Arc<AtomicBool>,
) -> Result<String, Box<dyn std::error::Error>> {
    let mut jobs = sweep.jobs(out)?;
    let make = |job: &sweep::Job| {
        let made = || -> Result<Summary, Box<dyn std::error::Error>> {
            let world = world(&job.config)?;
            let resume = job.resume.then(|| job.out.clone());
            if resume.is_none() {
                job.begin_anew();
            }
            Ok(train(job.config.clone(), &world, Some(job.out.clone()), resume, stop.clone(), true)?)
        };
        made().map_err(|error| error.to_string())
    };
    let progress = |job: &sweep::Job, summary: &Summary| {
        let name = job.out.strip_prefix(out).unwrap_or(&job.out);
        let score = summary.eval.map_or(f64::NAN, |eval| eval.episode_return.mean);
        let (steps, seconds) = (summary.env_steps, summary.seconds);
        eprintln!("{}: return {score:.2} after {steps} env steps, {seconds:.1} s", name.display());
    };
    sweep::run(&mut jobs, at_once, stop, make, progress)?;
    // What Ctrl-C cut short goes on next time.
    jobs.iter_mut().for_each(|job| job.finished = job.finished.take().filter(|made| !made.interrupted));
    sweep.write(out, &jobs)?;
    Ok(sweep.table(&jobs))
}

/// All variants of `sweep` in one table: random and scripted players, `episodes` episodes each, what the runs in `out`
/// have learned, and the best person on this machine.
///
/// # Errors
/// One line for a sweep or a world that cannot be.
pub fn scores(sweep: &Sweep, out: &Path, episodes: usize) -> Result<String, Box<dyn std::error::Error>> {
    let jobs = sweep.jobs(out)?;
    let mut beside = Vec::new();
    for index in 0..sweep.variant.len() {
        let Some(job) = jobs.iter().find(|job| job.variant == index) else { continue };
        let world = world(&job.config)?;
        let [random, scripted] = [Controller::Random, Controller::Scripted].map(|player| {
            sweep.measure.of(Some(&evaluate_player(&world, player, episodes, 1))).unwrap_or_default()
        });
        let human = scores::best_person(&job.config.env, sweep.measure);
        beside.push(scores::Beside { random, scripted, human });
    }
    Ok(scores::table(sweep, &jobs, &beside))
}

/// Plays greedy episodes with `policy` on slot 0's side against scripted players.
pub fn evaluate(world: &WorldChoice, policy: Arc<dyn Policy>, episodes: usize, seed: u64) -> EvalSummary {
    let (mut app, arenas) = evaluation(world, Controller::Frozen("evaluated".into()), episodes, seed);
    app.world_mut().resource_mut::<FrozenPolicies>().0.insert("evaluated".into(), policy);
    eval::evaluate(&mut app, episodes, arenas)
}

/// As [`evaluate`], of whoever needs no policy: what trained agents are compared with.
pub fn evaluate_player(world: &WorldChoice, player: Controller, episodes: usize, seed: u64) -> EvalSummary {
    let (mut app, arenas) = evaluation(world, player, episodes, seed);
    eval::evaluate(&mut app, episodes, arenas)
}

/// Arenas on seeds of evaluation, with `player` on slot 0's side and scripts on the others.
fn evaluation(world: &WorldChoice, player: Controller, episodes: usize, seed: u64) -> (App, usize) {
    let spec = world.spec();
    let arenas = episodes.clamp(1, EVAL_ARENAS);
    let sim = SimConfig { arenas, seed, stream: Stream::Evaluation };
    let casting = Casting::against_script(&spec, &player);
    (headless_app(world, sim, casting, LearningPolicy(untrained(spec.action.len())), 0), arenas)
}

/// Arenas of `world` in which everybody acts at random.
pub fn random_app(world: &WorldChoice, arenas: usize, seed: u64, threads: usize) -> App {
    let spec = world.spec();
    let sim = SimConfig { arenas, seed, stream: Stream::Environment };
    let casting = Casting::all(vec![Controller::Random; spec.slots()]);
    headless_app(world, sim, casting, LearningPolicy(untrained(spec.action.len())), threads)
}

/// Holds `world` to the contract every environment keeps.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_world(world: &WorldChoice) -> Result<CheckReport, Violation> {
    check::check(&world.spec(), &|arenas, seed, threads| random_app(world, arenas, seed, threads))
}

/// One number for how `world` plays, see [`check::fingerprint`].
pub fn fingerprint(world: &WorldChoice) -> u64 {
    check::fingerprint(&|arenas, seed, threads| random_app(world, arenas, seed, threads))
}

/// Measures a world's speed.
pub fn bench_env(
    world: &WorldChoice,
    arenas: usize,
    runs: usize,
    seconds: f64,
    threads: usize,
) -> [bench::Line; 3] {
    let mut app = random_app(world, arenas, 1, threads);
    bench::environment(&mut app, arenas, runs, seconds)
}

/// Measures what a tick of `arenas` arenas of `world` costs with one saving undone at a time.
pub fn bench_tick(world: &WorldChoice, arenas: usize, runs: usize, seconds: f64) -> Vec<bench::Line> {
    let name = format!("{}, {arenas} arenas", world.spec().name);
    ticks::savings(&|| random_app(world, arenas, 1, 0), runs, seconds, &name)
}

/// Measures what a tick of 64 arenas costs by the number of bodies in each.
pub fn bench_bodies(runs: usize, seconds: f64) -> Vec<bench::Line> {
    let make = |balls| random_app(&WorldChoice::of::<BallBox>(Balls(balls)), 64, 1, 0);
    ticks::bodies(&make, runs, seconds)
}

/// Measures gradient steps, in turn with `peers`, at the two sizes that those are measured at:
/// observation 8, actions 4.
pub fn bench_learner(
    device: DeviceChoice,
    peers: &[String],
    runs: usize,
    seconds: f64,
    threads: usize,
) -> impl Iterator<Item = Result<Vec<bench::Line>, Box<dyn std::error::Error>>> {
    let spec = random_spec();
    [(256, 256), (64, 64)].into_iter().map(move |(batch_size, width)| {
        let sac = SacConfig { hidden: vec![width, width], ..SacConfig::default() };
        let config = LearnerConfig { batch_size, threads, sac, ..LearnerConfig::default() };
        let setup = LearnerSetup {
            spec: spec.clone(),
            streams: 1,
            level: None,
            world: WorldOptions::default(),
            config,
            device,
            seed: 1,
            checkpoints: None,
            resume: None,
        };
        bench::learner(setup, peers, runs, seconds)
    })
}

/// Measures replay with `items` transitions of 8 floats.
pub fn bench_replay(items: usize, runs: usize, seconds: f64) -> [bench::Line; 3] {
    bench::replay(&random_spec(), items, runs, seconds)
}

/// Measures how long a policy takes to act for 1, 64 and 1024 arenas at three network sizes.
pub fn bench_act(runs: usize, seconds: f64) -> impl Iterator<Item = Result<bench::Line, LearnerError>> {
    let sizes = [64, 128, 256].into_iter().flat_map(|width| [1, 64, 1024].map(|rows| (width, rows)));
    sizes.map(move |(width, rows)| bench::act(&random_spec(), &[width, width], rows, runs, seconds))
}

/// What no world declares: observation 8, actions 4.
fn random_spec() -> EnvironmentSpec {
    EnvironmentSpec {
        name: "random experience".into(),
        summary: String::new(),
        observation: ObservationSpace { vector: vec![String::new(); 8], grid: None },
        action: ActionSpace::discrete(&["a", "b", "c", "d"]),
        ticks_per_step: 1,
        tick_seconds: 1.0,
        episode_limit: 100,
        teams: vec![0],
        rewards: Vec::new(),
    }
}

/// Opens the title screen; what was chosen there, if anything was.
///
/// # Errors
/// One line when nothing can be drawn on.
#[cfg(feature = "arcade")]
pub fn title() -> Result<Option<title::Chosen>, Box<dyn std::error::Error>> {
    let choice = title::Choice::default();
    let mut app = title_app(choice.clone())?;
    match app.run() {
        AppExit::Success => Ok(choice.0.lock().map_or(None, |mut chosen| chosen.take())),
        AppExit::Error(code) => Err(format!("the window closed with code {code}").into()),
    }
}

/// The title screen's app, for [`title()`] and for tests that drive it themselves.
///
/// # Errors
/// As [`title()`].
#[cfg(feature = "arcade")]
pub fn title_app(choice: title::Choice) -> Result<App, Box<dyn std::error::Error>> {
    crate::view::display::check()?;
    let cards = worlds::names().map(|name| {
        let kept = crate::run::live::sessions(name).into_iter().rev();
        let session = kept.into_iter().find(|session| session.join("checkpoint/latest").is_file());
        let picture = crate::view::pictures::of(name);
        let levels = crate::sim::level::shipped_levels(name);
        Ok(title::Card { spec: WorldChoice::new(name, None)?.spec(), levels, picture, session })
    });
    let cards = cards.collect::<Result<_, WorldError>>()?;
    let mut app = App::new();
    app.add_plugins(crate::view::window_plugins("worlds"));
    title::plugin(&mut app, cards, choice);
    Ok(app)
}

/// How a visit to the arcade ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The window was closed.
    Closed,
    /// Somebody wants to see the other worlds.
    Home,
}

/// Opens the arcade: a window in which an agent learns while people watch and play.
///
/// # Errors
/// One line when the run's folder cannot be made or nothing can be drawn on.
#[cfg(feature = "arcade")]
pub fn arcade(
    config: RunConfig,
    world: &WorldChoice,
    out: Option<PathBuf>,
    resume: Option<PathBuf>,
) -> Result<Left, Box<dyn std::error::Error>> {
    // Without a folder of its own a session is kept in the user's data folder.
    let out = out.or_else(|| crate::run::live::session_folder(&config.env));
    // Bevy's own handler gives way to signals that whoever started the program had ignored, as shells do for
    // what runs in the background; a session is saved however it is ended.
    ctrlc::set_handler(bevy::app::TerminalCtrlCHandlerPlugin::gracefully_exit)?;
    let mut app = arcade_app(&config, world, out, resume)?;
    match app.run() {
        AppExit::Success => Ok(Left::Closed),
        AppExit::Error(code) if code.get() == crate::view::input::HOME => Ok(Left::Home),
        // Ctrl-C: asked for, and everything has been saved.
        AppExit::Error(code) if code.get() == 130 => Ok(Left::Closed),
        AppExit::Error(code) => Err(format!("the window closed with code {code}").into()),
    }
}

/// Opens the arcade, measures its frames with training on and off, prints JSON lines and closes it.
///
/// # Errors
/// As [`arcade`].
#[cfg(feature = "arcade")]
pub fn bench_frames(
    config: RunConfig,
    world: &WorldChoice,
    rounds: usize,
    stretch: f32,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut app = arcade_app(&config, world, None, None)?;
    let work = format!("{}, {} arenas, window", config.env, config.arenas);
    crate::run::frames::plugin(
        &mut app,
        crate::run::frames::FrameBench { work, warm_up: 15.0, stretch, rounds },
    );
    app.run();
    Ok(())
}

/// Opens the arcade, saves what it shows after a while as a .png file and closes it.
///
/// # Errors
/// As [`arcade`], and when the file was not written.
#[cfg(feature = "arcade")]
pub fn screenshot(
    config: RunConfig,
    world: &WorldChoice,
    resume: Option<PathBuf>,
    request: ScreenshotRequest,
) -> Result<(), Box<dyn std::error::Error>> {
    shoot(arcade_app(&config, world, None, resume)?, request)
}

/// Opens the title screen, saves what it shows after a while as a .png file and closes it.
///
/// # Errors
/// As [`screenshot`].
#[cfg(feature = "arcade")]
pub fn title_screenshot(request: ScreenshotRequest) -> Result<(), Box<dyn std::error::Error>> {
    shoot(title_app(title::Choice::default())?, request)
}

#[cfg(feature = "arcade")]
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
#[cfg(feature = "arcade")]
pub fn arcade_app(
    config: &RunConfig,
    world: &WorldChoice,
    out: Option<PathBuf>,
    resume: Option<PathBuf>,
) -> Result<App, Box<dyn std::error::Error>> {
    use crate::agent::Replay;
    use crate::agent::{LiveLearner, LivePlugin};
    use crate::learner::checkpoint::Checkpoint;
    use crate::run::RunFolder;
    use crate::run::live::{self, LiveRun};
    use crate::{panel, view};
    use bevy::ecs::schedule::{ScheduleLabel as _, SingleThreadedExecutor};

    view::display::check()?;
    let spec = world.spec();
    let folder = match &out {
        Some(out) if resume.as_ref() == Some(out) => Some(RunFolder::resume(out, &config.to_toml(), None)?),
        Some(out) => Some(RunFolder::create(out, &config.to_toml())?),
        None => None,
    };
    let checkpoints = out.map(|out| out.join("checkpoint"));
    // Read here as well, so that a bad checkpoint is an error at the start and not a failed learner.
    let resumed = resume.as_deref().map(Checkpoint::open).transpose()?;
    if let Some(checkpoint) = &resumed {
        checkpoint.check_spec(&spec)?;
    }
    let (window_is_up, go) = crossbeam_channel::bounded::<()>(1);
    let mut setup = learner_setup(config, world, checkpoints, resume);
    setup.config.gradient_steps_per_env_step = config.learner.live_gradient_steps_per_env_step;
    let learner = LiveLearner::start_after(setup, go);
    let mut app = App::new();
    app.add_plugins(view::window_plugins(&spec.name));
    let sim = SimConfig { arenas: config.arenas, seed: config.seed, stream: Stream::Environment };
    // A watched simulation is a small part of a frame: the other cores are for the learner and the renderer.
    let threads = config.run.sim_threads.max(1);
    simulation(&mut app, world, sim, casting(config, &spec), learner.policy(), threads);
    app.insert_resource(learner)
        .init_resource::<sim::pace::Pace>()
        .add_plugins(LivePlugin)
        .add_systems(Startup, move || _ = window_is_up.try_send(()))
        .add_systems(Update, sim::pace::drive)
        .add_plugins((view::plugin, panel::plugin));
    if let Some(checkpoint) = resumed {
        app.world_mut().resource_mut::<Replay>().env_steps = checkpoint.manifest.counters.env_steps;
    }
    // A level that is a file of its own can be edited while it is played.
    if let Some(path) = config.level.as_ref().filter(|path| path.is_file()) {
        sim::worlds::rooms::reload::plugin(&mut app, path.clone());
    }
    if let Some(folder) = folder {
        live::plugin(&mut app, LiveRun::new(folder, &config.env, config.seed));
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

/// Says that this build has no window.
///
/// # Errors
/// Always: one line naming the way out.
#[cfg(not(feature = "arcade"))]
pub fn arcade(
    _config: RunConfig,
    _world: &WorldChoice,
    _out: Option<PathBuf>,
    _resume: Option<PathBuf>,
) -> Result<Left, Box<dyn std::error::Error>> {
    Err("this build has no window; add --no-render to train, or build with the feature `arcade`".into())
}
