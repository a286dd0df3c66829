//! The command line: reads it, calls `app`, and puts every failure into one line.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, Parser, Subcommand};

use crate::agent::Controller;
use crate::app;
use crate::config::RunConfig;
use crate::learner::DeviceChoice;
use crate::learner::checkpoint::Checkpoint;
use crate::mdp::WorldOptions;
use crate::run::sweep::Sweep;
use crate::run::{EvalSummary, bench};
use crate::sim::level_check;
use crate::sim::worlds::{WorldChoice, names};

/// Physics worlds whose agents learn while you play.
#[derive(Debug, Parser)]
#[command(name = "entropy-arcade", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// World to play, see `entropy-arcade envs`.
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// Level of the world: a number, a shipped file's name, or a path.
    #[arg(long, value_name = "FILE")]
    level: Option<PathBuf>,
    /// Train without a window, as fast as the machine can.
    #[arg(long)]
    no_render: bool,
    /// Environment steps a headless run makes.
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// Seed of everything random.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Arenas beside each other.
    #[arg(long, value_name = "N")]
    arenas: Option<usize>,
    /// Where to learn.
    #[arg(long, value_enum)]
    device: Option<DeviceChoice>,
    /// Configuration file.
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Set one value, e.g. sac.gamma=0.98; may be given many times.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Folder for configuration, metrics, episodes, summary and checkpoints.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Save what the window shows into a .png file and close it.
    #[cfg(feature = "arcade")]
    #[arg(long, value_name = "FILE", conflicts_with = "no_render")]
    screenshot: Option<PathBuf>,
    /// Seconds before the screenshot is taken.
    #[cfg(feature = "arcade")]
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, requires = "screenshot")]
    after: f32,
    /// Run folder to go on with.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "out"])]
    resume: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the worlds with their observation and action spaces.
    Envs {
        /// As JSON, one world a line.
        #[arg(long)]
        json: bool,
    },
    /// Play greedy episodes with a trained policy, or with a simple player, and print one JSON line.
    Eval {
        /// Run or checkpoint folder.
        #[arg(long, value_name = "DIR", required_unless_present = "player")]
        checkpoint: Option<PathBuf>,
        /// Who plays in place of a trained policy, to compare with.
        #[arg(long, conflicts_with = "checkpoint", requires = "env")]
        player: Option<SimplePlayer>,
        /// World of that player.
        #[arg(long, value_name = "NAME", conflicts_with = "checkpoint")]
        env: Option<String>,
        /// Episodes to play.
        #[arg(long, default_value_t = 100)]
        episodes: usize,
        /// Seed of the episodes; they are never those of training.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Level, when it is not the one trained on.
        #[arg(long, value_name = "FILE")]
        level: Option<PathBuf>,
    },
    /// Look after level files.
    Levels {
        /// What to do.
        #[command(subcommand)]
        what: Levels,
    },
    /// Compare variants of an experiment over several seeds and print a Markdown table.
    Sweep {
        /// The sweep, e.g. assets/sweeps/calibration.toml.
        file: PathBuf,
        /// Folder for its runs and results; what is there already is not made again.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Runs made at once. More than one finish sooner together, each later.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
        jobs: u32,
    },
    /// Measure speed and print JSON lines.
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Arena ticks and agent steps per second of every world.
    Env {
        /// One world only.
        #[arg(long)]
        env: Option<String>,
        /// Numbers of arenas.
        #[arg(long, value_delimiter = ',', default_value = "1,64,256,1024")]
        arenas: Vec<usize>,
        /// Measured runs.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=1000))]
        runs: u32,
        /// Seconds a run.
        #[arg(long, default_value_t = 2.0, value_parser = seconds)]
        seconds: f64,
        /// Threads that step arenas, 0 for as many as there are cores.
        #[arg(long, default_value_t = 0, value_parser = threads)]
        threads: usize,
    },
    /// What a drawn frame costs its thread, with training on and off; opens a window.
    #[cfg(feature = "arcade")]
    Frames {
        /// World.
        #[arg(long, default_value = "lava-room")]
        env: String,
        /// Stretches with training off, and as many with training on.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
        rounds: u32,
        /// Seconds a stretch.
        #[arg(long, default_value_t = 10.0, value_parser = seconds)]
        seconds: f64,
    },
    /// How long a policy takes to act for 1, 64 and 1024 observations.
    Act {
        /// Measured runs.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=1000))]
        runs: u32,
        /// Seconds a run.
        #[arg(long, default_value_t = 0.5, value_parser = seconds)]
        seconds: f64,
    },
    /// How long sampling from replay takes, uniformly and by priority.
    Replay {
        /// Transitions held.
        #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..=50_000_000))]
        items: u32,
        /// Measured runs.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=1000))]
        runs: u32,
        /// Seconds a run.
        #[arg(long, default_value_t = 1.0, value_parser = seconds)]
        seconds: f64,
    },
    /// Gradient steps per second at two network sizes.
    Learner {
        /// Command of another library that does the same work, measured in turn with this one; may be
        /// given many times. See benches/peers.
        #[arg(long, value_name = "COMMAND")]
        peer: Vec<String>,
        /// Where.
        #[arg(long, value_enum, default_value = "cpu")]
        device: DeviceChoice,
        /// Measured runs.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=1000))]
        runs: u32,
        /// Seconds a run.
        #[arg(long, default_value_t = 3.0, value_parser = seconds)]
        seconds: f64,
        /// Threads of a CPU update, 0 for as many as there are cores.
        #[arg(long, default_value_t = 0, value_parser = threads)]
        threads: usize,
    },
}

/// Seconds of a measurement.
fn seconds(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.05..=3600.0).contains(&value) { Ok(value) } else { Err("allowed is 0.05 to 3600".to_owned()) }
}

/// A number of threads.
fn threads(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|threads| *threads <= 256).ok_or_else(|| "allowed is 0 to 256".to_owned())
}

/// Prints a line of results. A reader that has gone away ends the program quietly.
fn say(line: &str) {
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// Prints one benchmark line.
fn print(line: &bench::Line) -> Result<(), Failure> {
    say(&serde_json::to_string(line)?);
    Ok(())
}

/// What can be done with levels.
#[derive(Debug, Subcommand)]
enum Levels {
    /// Say of every file whether it is a level in which goals can be reached, or what is wrong and where.
    Check {
        /// Level files, or numbers of levels that come with the game.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// A player that has learned nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SimplePlayer {
    /// Any action, all alike.
    Random,
    /// The world's hand-written player; in a world without one, the first action for ever.
    Scripted,
}

/// Anything that ends the program early, as one readable line.
type Failure = Box<dyn std::error::Error>;

/// Runs the program: 0 when all went well, 1 after a failure, 2 for a command line that cannot be read.
pub fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| "warn,wgpu_hal=off,wgpu_core=error".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        None => play(&cli.run),
        Some(Command::Envs { json }) => envs(json),
        Some(Command::Eval { checkpoint, player, env, episodes, seed, level }) => {
            if episodes == 0 {
                return Err("--episodes 0: play at least one".into());
            }
            let level = level.as_deref();
            let summary = match (checkpoint, player, env) {
                (Some(checkpoint), ..) => eval(&checkpoint, episodes, seed, level)?,
                (None, player, env) => {
                    let world = WorldChoice::new(&env.unwrap_or_default(), level)?;
                    let controller = match player {
                        Some(SimplePlayer::Scripted) => Controller::Scripted,
                        _ => Controller::Random,
                    };
                    app::evaluate_player(&world, controller, episodes, seed)
                }
            };
            say(&serde_json::to_string(&summary)?);
            Ok(())
        }
        Some(Command::Levels { what: Levels::Check { files } }) => check_levels(&files),
        Some(Command::Sweep { file, out, jobs }) => {
            let sweep = Sweep::load(&file)?;
            say(app::sweep(&sweep, &out, jobs as usize, &stop_on_interrupt()?)?.trim_end());
            Ok(())
        }
        Some(Command::Bench { what: Bench::Env { env, arenas, runs, seconds, threads } }) => {
            bench_env(env.as_deref(), &arenas, runs as usize, seconds, threads)
        }
        #[cfg(feature = "arcade")]
        Some(Command::Bench { what: Bench::Frames { env, rounds, seconds } }) => {
            let config = RunConfig::resolve(Some(&env), None, &[])?;
            let world = app::world(&config)?;
            app::bench_frames(config, &world, rounds as usize, seconds as f32)
        }
        Some(Command::Bench { what: Bench::Act { runs, seconds } }) => {
            app::bench_act(runs as usize, seconds).try_for_each(|line| print(&line?))
        }
        Some(Command::Bench { what: Bench::Replay { items, runs, seconds } }) => {
            app::bench_replay(items as usize, runs as usize, seconds).iter().try_for_each(print)
        }
        Some(Command::Bench { what: Bench::Learner { peer, device, runs, seconds, threads } }) => {
            app::bench_learner(device, &peer, runs as usize, seconds, threads)
                .try_for_each(|lines| lines?.iter().try_for_each(print))
        }
    }
}

impl RunArgs {
    fn resolve(&self) -> Result<RunConfig, Failure> {
        if let Some(folder) = self.resume.as_ref().filter(|folder| !folder.join("config.toml").is_file()) {
            return Err(format!(
                "--resume {}: no run there; give a folder made with --out",
                folder.display()
            )
            .into());
        }
        let file =
            self.resume.as_ref().map(|folder| folder.join("config.toml")).or_else(|| self.config.clone());
        let mut config = RunConfig::resolve(self.env.as_deref(), file.as_deref(), &self.set)?;
        if let Some(level) = &self.level {
            config.level = Some(level.clone());
        }
        // A run must find its level again from anywhere.
        if let Some(path) = config.level.as_ref().and_then(|level| level.canonicalize().ok()) {
            config.level = Some(path);
        }
        config.steps = self.steps.unwrap_or(config.steps);
        config.seed = self.seed.unwrap_or(config.seed);
        config.arenas = self.arenas.unwrap_or(config.arenas);
        config.device = self.device.unwrap_or(config.device);
        config.validate()?;
        Ok(config)
    }
}

fn play(args: &RunArgs) -> Result<(), Failure> {
    let config = args.resolve()?;
    let world = app::world(&config)?;
    let out = args.resume.clone().or_else(|| args.out.clone());
    #[cfg(feature = "arcade")]
    if let Some(path) = &args.screenshot {
        if path.extension().is_none_or(|extension| extension != "png") {
            return Err(format!("--screenshot {}: give a file that ends in .png", path.display()).into());
        }
        return app::screenshot(config, &world, args.resume.clone(), path.clone(), args.after);
    }
    if !args.no_render {
        return app::arcade(config, &world, out, args.resume.clone());
    }
    let summary = app::train(config, &world, out, args.resume.clone(), stop_on_interrupt()?, false)?;
    say(&serde_json::to_string(&summary)?);
    Ok(())
}

/// A flag that Ctrl-C sets.
fn stop_on_interrupt() -> Result<Arc<AtomicBool>, ctrlc::Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    // A second Ctrl-C finds the default behaviour gone, so it must not find this one waiting either.
    ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })?;
    Ok(stop)
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
        say(&format!("  actions      {}", spec.action.names().join(", ")));
        let hz = 1.0 / (spec.tick_seconds * spec.ticks_per_step as f32);
        say(&format!(
            "  timing       {} physics ticks a step ({hz:.1} steps/s), episodes up to {} steps, {} player slot(s)",
            spec.ticks_per_step, spec.episode_limit, spec.slots
        ));
        for reward in &spec.rewards {
            say(&format!("  reward       {:+.2}  {}: {}", reward.weight, reward.name, reward.when));
        }
        if let Ok(masked) = WorldChoice::varied(name, None, &WorldOptions { velocity_masked: true }) {
            let vector = masked.spec().observation.vector.join(", ");
            say(&format!("  option       world.velocity_masked = true: vector [{vector}]"));
        }
    }
    Ok(())
}

fn eval(folder: &Path, episodes: usize, seed: u64, level: Option<&Path>) -> Result<EvalSummary, Failure> {
    let checkpoint = Checkpoint::open(folder)?;
    let env = checkpoint.manifest.environment.name.clone();
    let trained_on = checkpoint.manifest.level.clone();
    let world = WorldChoice::varied(&env, level.or(trained_on.as_deref()), &checkpoint.manifest.world)?;
    checkpoint.check_spec(&world.spec())?;
    Ok(app::evaluate(&world, checkpoint.policy()?, episodes, seed))
}

/// A line for every file; a failure at the end if any of them is broken.
fn check_levels(files: &[PathBuf]) -> Result<(), Failure> {
    let mut broken = 0;
    for file in files {
        match level_check::check(file) {
            Ok(level) => say(&format!(
                "{}: {:?}, {} × {} cells, {} starts, {} crates, {} steps an episode",
                file.display(),
                level.name,
                level.width,
                level.height,
                level.spawns.len(),
                level.crates.len(),
                level.episode_limit
            )),
            Err(error) => {
                broken += 1;
                say(&error.to_string());
            }
        }
    }
    if broken > 0 { Err(format!("{broken} of {} levels are broken", files.len()).into()) } else { Ok(()) }
}

fn bench_env(
    env: Option<&str>,
    arenas: &[usize],
    runs: usize,
    seconds: f64,
    threads: usize,
) -> Result<(), Failure> {
    for name in env.map_or_else(|| names().collect(), |name| vec![name]) {
        let world = WorldChoice::new(name, None)?;
        for &count in arenas {
            if !(1..=4096).contains(&count) {
                return Err(format!("--arenas {count}: allowed is 1 to 4096").into());
            }
            app::bench_env(&world, count, runs, seconds, threads).iter().try_for_each(print)?;
        }
    }
    Ok(())
}
