//! The whole composition, in one place: which plugins make the arcade, a headless run, an evaluation.
//!
//! It decides nothing itself; every part is explained where it lives.

mod bench;
#[cfg(feature = "arcade")]
mod window;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bevy::prelude::*;

use crate::agent::{AgentPlugin, Controller, ControllerAssignment, FrozenPolicies, LearningPolicy};
use crate::config::RunConfig;
use crate::files;
use crate::learner::checkpoint::{self, Checkpoint};
use crate::learner::{CheckpointError, LearnerSetup, check_memory, untrained};
use crate::mdp::{EnvironmentSpec, LevelRecord, Policy, Stream, WorldOptions};
use crate::run::check::{self, CheckReport, Violation};
use crate::run::scores;
use crate::run::sweep::{self, Sweep};
use crate::run::{EvalSummary, HeadlessSetup, RunError, Summary, eval, headless, resume};
use crate::sim::level::{self, kept};
use crate::sim::worlds::{WorldChoice, WorldError};
use crate::sim::{self, SimConfig, SimPool};
pub use bench::{bench_act, bench_bodies, bench_env, bench_learner, bench_replay, bench_tick};
#[cfg(feature = "arcade")]
pub use window::{
    arcade, arcade_app, bench_frames, bench_minute, leave, pictured_level, screenshot, title, title_app,
    title_screenshot,
};

#[cfg(feature = "arcade")]
pub use crate::view::screenshot::{ScreenshotRequest, Stroke};

/// Arenas of an evaluation.
const EVAL_ARENAS: usize = 20;

/// Adds what simulates and acts, the same with and without a window.
pub fn simulation(
    app: &mut App,
    world: &WorldChoice,
    sim: SimConfig,
    assignment: ControllerAssignment,
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
    app.add_plugins(AgentPlugin { spec: world.spec(), seed, assignment, policy });
}

/// An app without a window, ready for [`sim::run_agent_step`].
pub fn headless_app(
    world: &WorldChoice,
    sim: SimConfig,
    assignment: ControllerAssignment,
    policy: LearningPolicy,
    threads: usize,
) -> App {
    let mut app = App::new();
    simulation(&mut app, world, sim, assignment, policy, threads);
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

/// The world of a new run in `out`, on the level that `config` names.
///
/// # Errors
/// As [`world`].
pub fn world_in(config: &RunConfig, out: Option<&Path>) -> Result<WorldChoice, WorldError> {
    WorldChoice::in_run(&config.env, config.level.as_deref(), &config.world, out)
}

/// The world of the run in `run`, on the level that it has kept, wherever the file of that is by now.
///
/// # Errors
/// One line when there is no such world, or the run's checkpoint cannot be read.
pub fn world_of_run(config: &RunConfig, run: &Path) -> Result<WorldChoice, Box<dyn std::error::Error>> {
    match level_of_run(config, run)? {
        Some(level) => Ok(kept_world(&config.env, &level, &config.world, Some(run))?),
        None => Ok(world_in(config, Some(run))?),
    }
}

/// Refuses the level `asked` for where the run in `run` has learned another one of that name.
///
/// # Errors
/// One line that says so, or why the run's checkpoint cannot be read.
pub fn check_level(config: &RunConfig, run: &Path, asked: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let Some(own) = level_of_run(config, run)? else { return Ok(()) };
    // What cannot be read, or has another name, is left to whoever compares the names.
    let Ok(found) = kept::find(&config.env, asked, None) else { return Ok(()) };
    let differs = || kept::again(&config.env, &own).is_ok_and(|own| own.level != found.level);
    match found.record.name == own.name && differs() {
        true => Err(format!(
            "--level {0}: not what it was when the run in {1} began; leave --level out to go on with the level \
             kept there, or begin another run with --out",
            asked.display(),
            run.display()
        )
        .into()),
        false => Ok(()),
    }
}

/// The level that the run in `run` has kept; `None` where there is none.
fn level_of_run(config: &RunConfig, run: &Path) -> Result<Option<LevelRecord>, CheckpointError> {
    Ok(match Checkpoint::open_only(run, |_| false) {
        Ok(checkpoint) if checkpoint.manifest.environment.name == config.env => checkpoint.manifest.level,
        // The refusal is left to whoever compares the whole of it.
        Ok(_) => None,
        Err(CheckpointError::Missing(_)) => {
            // Cut off before its first checkpoint.
            let text = files::read_text(&run.join(kept::FILE), level::LARGEST_FILE).ok();
            let name = config.level.as_deref().map_or("1".into(), files::portable);
            text.map(|text| LevelRecord { name, text: Some(text), near: None })
        }
        Err(error) => return Err(error),
    })
}

/// The world `env` on a `level` that was kept; says where the level outside, seen from the folder `from`, is another one
/// by now.
///
/// # Errors
/// As [`world`].
pub fn kept_world(
    env: &str,
    level: &LevelRecord,
    options: &WorldOptions,
    from: Option<&Path>,
) -> Result<WorldChoice, WorldError> {
    let world = WorldChoice::kept(env, Some(level), options)?;
    let outside = kept::outside(level, from);
    let copy = from.map(|run| run.join(kept::FILE)).filter(|copy| copy.is_file());
    let places = [outside.as_deref(), copy.as_deref()];
    if let Some(said) = places.iter().find_map(|place| kept::difference(env, level, *place)) {
        crate::files::to_stderr(&format!("note: {said}"));
    }
    Ok(world.with_level_file(outside))
}

/// Says in one line where the level of `world` is one that nobody can solve. Those that come with the game are left out:
/// they are looked at before they come.
pub fn warn_of_level(world: &WorldChoice) {
    if let Some(problem) = level_problem(world) {
        crate::files::to_stderr(&format!("warning: {problem}; training goes on all the same"));
    }
}

/// What `levels check` would say of the level of `world`, which is not one that comes with the game.
pub fn level_problem(world: &WorldChoice) -> Option<String> {
    let level = world.level().filter(|level| level.name.parse::<usize>().is_err())?;
    level::check::examine(&level.name, level.text.as_deref()?).err().map(|error| error.to_string())
}

/// Who plays while a run learns.
fn assignment(config: &RunConfig, spec: &EnvironmentSpec) -> ControllerAssignment {
    if config.run.self_play {
        ControllerAssignment::all(vec![Controller::Learning; spec.slots()])
    } else {
        ControllerAssignment::learn_against_script(spec)
    }
}

/// What a run's learner is made from, with room in replay for `streams` played at once.
fn learner_setup(
    config: &RunConfig,
    world: &WorldChoice,
    streams: usize,
    checkpoints: Option<PathBuf>,
    resume: Option<PathBuf>,
) -> LearnerSetup {
    LearnerSetup {
        spec: world.spec(),
        streams,
        level: world.level().cloned(),
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
    let config = match &resume {
        Some(folder) if checkpoint::exists(folder) => resume::configuration(config, folder, &spec)?,
        _ => config,
    };
    let assignment = assignment(&config, &spec);
    let streams = config.arenas * assignment.others.iter().filter(|player| player.is_recorded()).count();
    check_memory(&spec.observation, &config.learner(), streams)?;
    let sim = SimConfig { arenas: config.arenas, seed: config.seed, stream: Stream::Environment };
    let policy = LearningPolicy(untrained(spec.action.len()));
    let mut app = headless_app(world, sim, assignment, policy, config.run.sim_threads);
    // Checkpoints of a headless run hold its simulation too, so the run writes them, not the learner.
    let learner = learner_setup(&config, world, streams, None, resume);
    let (episodes, seed, world) = (config.run.eval_episodes, config.seed, world.clone());
    let on = |world: WorldChoice| -> headless::Evaluate {
        let stop = stop.clone();
        Box::new(move |policy| {
            let summary = evaluate_until(&stop, &world, policy, episodes, seed);
            (!stop.load(Ordering::Relaxed)).then_some(summary)
        })
    };
    let (evaluate, evaluate_training) = (on(world.clone()), world.as_trained().map(on));
    let setup = HeadlessSetup { config, learner, out, stop, silent, evaluate, evaluate_training };
    headless::train(&mut app, setup)
}

/// Makes all runs of a sweep that are not there yet, `at_once` at a time, and returns its table, and a line that says how
/// much is left where that was stopped.
///
/// # Errors
/// One line for the first run that cannot begin or fails; others that had begun are finished.
pub fn sweep(
    sweep: &Sweep,
    out: &Path,
    at_once: usize,
    stop: &Arc<AtomicBool>,
) -> Result<(String, Option<String>), Box<dyn std::error::Error>> {
    let _owner = sweep.claim(out)?;
    let mut jobs = sweep.jobs(out)?;
    let make = |job: &sweep::Job| {
        let made = || -> Result<Summary, Box<dyn std::error::Error>> {
            let resume = job.resume.then(|| job.out.clone());
            let world = match &resume {
                Some(run) => world_of_run(&job.config, run)?,
                None => world_in(&job.config, Some(&job.out))?,
            };
            Ok(train(job.config.clone(), &world, Some(job.out.clone()), resume, stop.clone(), true)?)
        };
        made().map_err(|error| error.to_string())
    };
    let progress = |job: &sweep::Job, summary: &Summary| {
        let name = job.out.strip_prefix(out).unwrap_or(&job.out);
        let (steps, seconds) = (summary.env_steps, summary.seconds);
        let went = summary.eval.map(|eval| format!("return {:.2}", eval.episode_return.mean));
        let went =
            went.unwrap_or_else(|| if summary.interrupted { "stopped" } else { "not evaluated" }.into());
        crate::files::to_stderr(&format!(
            "{}: {went} after {steps} env steps, {seconds:.1} s",
            name.display()
        ));
    };
    let failure = sweep::run(&mut jobs, at_once, stop, make, progress);
    // What Ctrl-C cut short goes on next time.
    jobs.iter_mut().for_each(|job| job.finished = job.finished.take().filter(|made| !made.interrupted));
    sweep.write(out, &jobs)?;
    failure?;
    Ok((sweep.table(&jobs), sweep::unfinished(&jobs)))
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
    evaluate_until(&AtomicBool::new(false), world, policy, episodes, seed)
}

/// As [`evaluate`], but plays no further once `stop` is set.
fn evaluate_until(
    stop: &AtomicBool,
    world: &WorldChoice,
    policy: Arc<dyn Policy>,
    episodes: usize,
    seed: u64,
) -> EvalSummary {
    let (mut app, arenas) = evaluation(world, Controller::Frozen("evaluated".into()), episodes, seed);
    app.world_mut().resource_mut::<FrozenPolicies>().0.insert("evaluated".into(), policy);
    eval::evaluate(&mut app, episodes, arenas, stop)
}

/// As [`evaluate`], of whoever needs no policy: what trained agents are compared with.
pub fn evaluate_player(world: &WorldChoice, player: Controller, episodes: usize, seed: u64) -> EvalSummary {
    let (mut app, arenas) = evaluation(world, player, episodes, seed);
    eval::evaluate(&mut app, episodes, arenas, &AtomicBool::new(false))
}

/// Arenas on seeds of evaluation, with `player` on slot 0's side and scripts on the others.
fn evaluation(world: &WorldChoice, player: Controller, episodes: usize, seed: u64) -> (App, usize) {
    let spec = world.spec();
    let arenas = episodes.clamp(1, EVAL_ARENAS);
    let sim = SimConfig { arenas, seed, stream: Stream::Evaluation };
    let assignment = ControllerAssignment::against_script(&spec, &player);
    (headless_app(world, sim, assignment, LearningPolicy(untrained(spec.action.len())), 0), arenas)
}

/// Arenas of `world` in which everybody acts at random.
pub fn random_app(world: &WorldChoice, arenas: usize, seed: u64, threads: usize) -> App {
    let spec = world.spec();
    let sim = SimConfig { arenas, seed, stream: Stream::Environment };
    let assignment = ControllerAssignment::all(vec![Controller::Random; spec.slots()]);
    headless_app(world, sim, assignment, LearningPolicy(untrained(spec.action.len())), threads)
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

/// How a visit to the arcade ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// The window was closed.
    Closed,
    /// Somebody wants to see the other worlds.
    Home,
    /// Somebody has drawn a level of the same world and wants a new agent to learn it.
    Level(PathBuf),
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
    _player: Option<Arc<dyn Policy>>,
) -> Result<Left, Box<dyn std::error::Error>> {
    Err("this build has no window; add --no-render to train, or build with the feature `arcade`".into())
}
