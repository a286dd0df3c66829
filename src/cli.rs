//! The command line: parsed by `args`, dispatched to `app` and `run`; every failure becomes one line.

mod agents;
mod args;
mod bench;
mod levels;
#[cfg(feature = "arcade")]
mod pictures;
mod record;
#[cfg(target_os = "linux")]
mod runtime_dir;
#[cfg(feature = "distributed")]
mod session;
mod signals;
#[cfg(feature = "arcade")]
mod window;

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use args::{Agents, Cli, Command, Levels, RunArgs, SimplePlayer};
use clap::Parser as _;

use crate::agent::Controller;
use crate::bridge;
use crate::config::RunConfig;
use crate::experiment::level::world_in;
use crate::experiment::{Mode, Request};
use crate::mdp::{ActionKind, ObservationSpace, WorldOptions};
use crate::run::sweep::{self, Sweep};
use crate::run::{evaluate, evaluate_player, figures, scores, train, value_errors};
use crate::worlds::{WorldChoice, names};

/// Prints a line of results. A closed pipe ends the program quietly.
fn say(line: &str) {
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// An error that ends the program, as one readable line.
type Failure = Box<dyn std::error::Error>;

/// Runs the program. Exit codes: 0 for success, 1 for a failure, 2 for an invalid command line.
pub fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    runtime_dir::ensure();
    crate::run::minute::began();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| "warn,wgpu_hal=off,wgpu_core=error,winit=error,bevy_egui=error,zenoh=off,zenoh_transport=off,zenoh_link_commons=off,zenoh_link_tcp=off,zenoh_link_tls=off".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            crate::files::to_stderr(&format!("error: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    // Commands with nothing to save exit at once; the others install their own handler.
    signals::quit_on_stop()?;
    match cli.command {
        None => play(&cli.run),
        Some(Command::Envs { json }) => envs(json),
        Some(Command::Eval {
            checkpoint,
            player,
            env,
            episodes,
            seed,
            level,
            training_levels,
            values,
            set,
        }) => {
            let level = level.as_deref();
            let choose = |world| if training_levels { as_trained(world) } else { Ok(world) };
            if let (true, Some(checkpoint)) = (values, &checkpoint) {
                return eval_values(checkpoint, episodes, seed, level, choose);
            }
            eval(checkpoint, player.zip(env), episodes, seed, level, &set, choose)
        }
        Some(Command::Python) => {
            say(&bridge::make_python()?.display().to_string());
            Ok(())
        }
        Some(Command::Record { checkpoint, player, env, level, set, episodes, seed, out }) => {
            let level = level.as_deref();
            record::record(checkpoint, player.zip(env), level, &set, episodes as usize, seed, &out)
        }
        Some(Command::Check { env, level, set }) => check_worlds(env.as_deref(), level.as_deref(), &set),
        Some(Command::Agents { what: Agents::List }) => {
            agents::list();
            Ok(())
        }
        Some(Command::Agents { what: Agents::Export { run, file, episodes, force } }) => {
            agents::export(&run, &file, episodes.map(|episodes| episodes as usize), force)
        }
        Some(Command::Levels { what: Levels::Check { files } }) => levels::check_files(&files),
        Some(Command::Levels { what: Levels::Make { world, difficulty, seed, count, out } }) => {
            let seeds = (0..u64::from(count)).map(|number| seed.wrapping_add(number));
            levels::make(&world, difficulty.into(), seeds, out.as_deref())
        }
        Some(Command::Sweep { file, out, jobs }) => {
            let sweep = Sweep::load(&file)?;
            let (table, left) = sweep::make(&sweep, &out, jobs as usize, &stop_flag(signals::SAVES))?;
            say(table.trim_end());
            left.map_or(Ok(()), |left| Err(left.into()))
        }
        Some(Command::Scores { file, out, episodes }) => {
            say(scores::scores(&Sweep::load(&file)?, &out, episodes as usize)?.trim_end());
            Ok(())
        }
        Some(Command::Plot { runs, out, metric }) => {
            let (table, written) = figures::figures(&runs, metric.as_deref(), &out)?;
            say(table.trim_end());
            written.iter().for_each(|path| crate::files::to_stderr(&path.display().to_string()));
            Ok(())
        }
        #[cfg(feature = "arcade")]
        Some(Command::Pictures { thumbnails: true, .. }) => pictures::take_thumbnails(),
        #[cfg(feature = "arcade")]
        Some(Command::Pictures { out, only, .. }) => pictures::take(&out, only.as_deref()),
        #[cfg(feature = "distributed")]
        Some(Command::Actors { join, playing }) => session::actors(&join, &playing),
        #[cfg(feature = "distributed")]
        Some(Command::Learner { join, listen, most_actors, no_actors, playing }) => {
            session::replicate(&join, listen, most_actors, !no_actors, &playing)
        }
        #[cfg(feature = "distributed")]
        Some(Command::Session { join, keys, what }) => session::act(&join, keys.as_deref(), what),
        #[cfg(feature = "distributed")]
        Some(Command::Keys { what: args::Keys::New { folder, host } }) => session::new_keys(&folder, host),
        Some(Command::Bench { what }) => bench::run(what),
    }
}

/// `world` with the levels that its agents train on.
fn as_trained(world: WorldChoice) -> Result<WorldChoice, Failure> {
    let trained = world.as_trained();
    Ok(trained.ok_or("--training-levels: only random:… levels have a training set; leave it out")?)
}

/// The world called `env` with the options that `sets` name.
fn world_with(env: &str, level: Option<&Path>, sets: &[String]) -> Result<WorldChoice, Failure> {
    let of_world = |set: &&String| {
        let key = set.split('=').next().unwrap_or_default().trim();
        ["world", "bridge"].contains(&key.split('.').next().unwrap_or_default())
    };
    if let Some(other) = sets.iter().find(|set| !of_world(set)) {
        let other = crate::files::in_one_line(other);
        return Err(
            format!("--set {other}: only options of the world (world.…, bridge.…) can be set here").into()
        );
    }
    let name = level.map(|level| level.to_string_lossy());
    let config = RunConfig::resolve_on(Some(env), name.as_deref(), None, sets)?;
    Ok(world_in(&RunConfig { level: level.map(Path::to_owned), ..config }, None)?)
}

/// Plays `episodes` by a checkpoint or by a player of a world that has been `chosen`.
fn eval(
    checkpoint: Option<PathBuf>,
    player: Option<(SimplePlayer, String)>,
    episodes: usize,
    seed: u64,
    level: Option<&Path>,
    set: &[String],
    choose: impl Fn(WorldChoice) -> Result<WorldChoice, Failure>,
) -> Result<(), Failure> {
    if episodes == 0 {
        return Err("--episodes 0: play at least one".into());
    }
    // The parser requires one of both, and a world with a player.
    let summary = match (checkpoint, player) {
        (Some(checkpoint), _) => {
            let (world, policy) = agents::evaluated(&checkpoint, level)?;
            evaluate(&choose(world)?, policy, episodes, seed)?
        }
        (None, Some((player, env))) => {
            let world = choose(world_with(&env, level, set)?)?;
            evaluate_player(&world, player.into(), episodes, seed)?
        }
        (None, None) => return Err("eval: name a --checkpoint, or a --player and its --env".into()),
    };
    say(&serde_json::to_string(&summary)?);
    Ok(())
}

/// Compares values of the critics in `checkpoint` with the returns of `episodes`.
fn eval_values(
    checkpoint: &Path,
    episodes: usize,
    seed: u64,
    level: Option<&Path>,
    choose: impl Fn(WorldChoice) -> Result<WorldChoice, Failure>,
) -> Result<(), Failure> {
    if episodes == 0 {
        return Err("--episodes 0: play at least one".into());
    }
    let (world, policy, values) = agents::with_critics(checkpoint, level)?;
    let errors = value_errors(&choose(world)?, policy, &values, episodes, seed)?;
    if errors.steps == 0 {
        let problem = "every episode was cut off before a return was known to 95 %";
        return Err(format!("--values: {problem}; they take ln 0.05 / ln gamma steps").into());
    }
    say(&serde_json::to_string(&errors)?);
    Ok(())
}

/// Checks the world called `env`, or all of them, against the contract.
fn check_worlds(env: Option<&str>, level: Option<&Path>, set: &[String]) -> Result<(), Failure> {
    if let Some(outside) = env.filter(|env| bridge::id(env).is_some()) {
        let outside = crate::files::in_one_line(outside);
        return Err(format!(
            "--env {outside}: the contract is that of the arcade's own worlds; Gymnasium has check_env"
        )
        .into());
    }
    for name in env.map_or_else(|| names().collect(), |name| vec![name]) {
        let report = crate::run::check_world(&world_with(name, level, set)?)?;
        say(&serde_json::to_string(&report)?);
    }
    Ok(())
}

impl From<SimplePlayer> for Controller {
    fn from(player: SimplePlayer) -> Self {
        match player {
            SimplePlayer::Random => Self::Random,
            SimplePlayer::Scripted => Self::Scripted,
        }
    }
}

impl RunArgs {
    fn request(&self) -> Result<Request, Failure> {
        self.check_resume()?;
        Ok(Request {
            env: self.env.clone(),
            preset: self.config.clone(),
            set: self.set.clone(),
            level: self.level.clone(),
            steps: self.steps,
            seed: self.seed,
            arenas: self.arenas,
            device: self.device,
            out: self.out.clone(),
            resume: self.resume.clone(),
            demos: self.demos.clone(),
            mode: if self.no_render { Mode::Headless } else { Mode::Watched },
        })
    }
}

fn play(args: &RunArgs) -> Result<(), Failure> {
    #[cfg(feature = "distributed")]
    args.session.check()?;
    #[cfg(feature = "arcade")]
    if !args.no_render {
        return window::open(args);
    }
    #[cfg(not(feature = "arcade"))]
    if !args.no_render {
        return Err(
            "this build has no window; add --no-render to train, or build with the feature `arcade`".into()
        );
    }
    let experiment = args.request()?.resolve()?;
    #[cfg(feature = "distributed")]
    if let Some(address) = &args.session.listen {
        return session::serve(experiment, address, &args.session);
    }
    let line = if experiment.out.is_some() { signals::SAVES } else { signals::KEEPS_NOTHING };
    let summary = train(experiment, stop_flag(line), false)?;
    say(&serde_json::to_string(&summary)?);
    Ok(())
}

/// A flag that Ctrl-C sets, after `line` is printed.
fn stop_flag(line: &'static str) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    signals::on_stop(line, move || asked.store(true, Ordering::Relaxed));
    stop
}

fn envs(json: bool) -> Result<(), Failure> {
    for name in names() {
        let spec = WorldChoice::new(name, None)?.spec();
        if json {
            say(&serde_json::to_string(&spec)?);
            continue;
        }
        say(&format!("{}  {}", spec.name, spec.summary));
        say(&format!("  observation  vector [{}]", spec.observation.vector.join(", ")));
        if let Some(grid) = spec.observation.grid {
            say(&format!(
                "               grid {} x {} x {} bytes (channels, height, width)",
                grid.channels, grid.height, grid.width
            ));
        }
        let dimensions = spec.action.dimensions().iter().map(ToString::to_string);
        let actions: Vec<String> = spec.action.names().iter().cloned().chain(dimensions).collect();
        say(&format!("  actions      {}", actions.join(", ")));
        let hz = 1.0 / (spec.tick_seconds * spec.ticks_per_step as f32);
        say(&format!(
            "  timing       {} physics ticks a step ({hz:.1} steps/s), episodes up to {} steps, {} player slot(s)",
            spec.ticks_per_step,
            spec.episode_limit,
            spec.slots()
        ));
        for reward in &spec.rewards {
            let weight = reward.weight;
            let weight = if weight.abs() < 0.01 { format!("{weight:+}") } else { format!("{weight:+.2}") };
            say(&format!("  reward       {weight}  {}: {}", reward.name, reward.when));
        }
        let names = &spec.observation.vector;
        if names.iter().any(|name| ObservationSpace::is_velocity(name)) {
            let kept = names.iter().filter(|name| !ObservationSpace::is_velocity(name)).map(String::as_str);
            let vector = kept.collect::<Vec<_>>().join(", ");
            say(&format!("  option       world.velocity_masked = true: vector [{vector}]"));
        }
        let options = WorldOptions { scaled: true, ..WorldOptions::default() };
        if WorldChoice::with_options(name, None, &options).is_ok() {
            say("  option       world.scaled = true: entries divided by their largest usual values");
        }
        let other = if spec.action.is_continuous() { ActionKind::Discrete } else { ActionKind::Continuous };
        let options = WorldOptions { actions: Some(other), ..WorldOptions::default() };
        if let Ok(world) = WorldChoice::with_options(name, None, &options) {
            let spec = world.spec();
            say(&format!(
                "  option       world.actions = {other}: {}, episodes up to {} steps",
                spec.action.describe(),
                spec.episode_limit
            ));
        }
    }
    if json {
        return Ok(());
    }
    say("every world   world.flicker = p: an observation is blank with probability p");
    say("              world.frame_stack = n: an observation holds the latest n, newest first");
    say("gym:ID        any Gymnasium environment, stepped by Python: docs/outside.md");
    Ok(())
}
