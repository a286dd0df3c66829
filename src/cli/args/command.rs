//! The subcommands, with their arguments and help.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use crate::app::MemorySize;
use crate::learner::DeviceChoice;
use crate::mdp::ActionKind;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// List the worlds with their observation and action spaces.
    Envs {
        /// As JSON, one world per line.
        #[arg(long)]
        json: bool,
    },
    /// Play greedy episodes with a trained policy or a baseline player, and print one JSON line.
    Eval {
        /// Run or checkpoint folder, .agent file, or the name of a shipped agent.
        #[arg(long, value_name = "DIR", required_unless_present = "player")]
        checkpoint: Option<PathBuf>,
        /// Baseline player instead of a trained policy.
        #[arg(long, conflicts_with = "checkpoint", requires = "env")]
        player: Option<SimplePlayer>,
        /// World of that player.
        #[arg(long, value_name = "NAME", conflicts_with = "checkpoint")]
        env: Option<String>,
        /// Episodes to play.
        #[arg(long, default_value_t = 100)]
        episodes: usize,
        /// Seed of the episodes, which are never those of training.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Level, if it is not the one trained on.
        #[arg(long, value_name = "FILE")]
        level: Option<PathBuf>,
        /// Play the training levels of random:… instead of the held-out ones.
        #[arg(long)]
        training_levels: bool,
        /// Compare what the critics of a run or checkpoint folder predict for sampled actions with the soft returns that
        /// follow.
        #[arg(long, requires = "checkpoint", conflicts_with = "player")]
        values: bool,
        /// Option of that player's world, e.g. world.actions=continuous; a checkpoint has its own.
        #[arg(long, value_name = "KEY=VALUE", requires = "player", conflicts_with = "checkpoint")]
        set: Vec<String>,
    },
    /// Record episodes of a player as a Minari dataset, to learn from with --demos, and print one JSON line.
    Record {
        /// Run or checkpoint folder, .agent file, or the name of a shipped agent.
        #[arg(long, value_name = "DIR", required_unless_present = "player")]
        checkpoint: Option<PathBuf>,
        /// A player without a policy instead of a trained one.
        #[arg(long, conflicts_with = "checkpoint", requires = "env")]
        player: Option<SimplePlayer>,
        /// World of that player.
        #[arg(long, value_name = "NAME", conflicts_with = "checkpoint")]
        env: Option<String>,
        /// Level, if it is not the one trained on.
        #[arg(long, value_name = "FILE")]
        level: Option<PathBuf>,
        /// Option of that player's world, e.g. world.actions=continuous; a checkpoint has its own.
        #[arg(long, value_name = "KEY=VALUE", requires = "player", conflicts_with = "checkpoint")]
        set: Vec<String>,
        /// Episodes to record.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        episodes: u32,
        /// Seed of the episodes, which are those of training.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Folder for the dataset; named …/NAME/KIND-v0, Minari finds it.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Make a Python environment with Gymnasium and its friends, which `--env gym:ID` then uses, or bring it up to date.
    Python,
    /// Check worlds against the environment contract, and print a JSON line for each.
    Check {
        /// One world only.
        #[arg(long, value_name = "NAME")]
        env: Option<String>,
        /// Level of the world: a number, a shipped file's name, or a path.
        #[arg(long, value_name = "FILE", requires = "env")]
        level: Option<PathBuf>,
        /// Option of the world, e.g. world.actions=continuous.
        #[arg(long, value_name = "KEY=VALUE", requires = "env")]
        set: Vec<String>,
    },
    /// Manage trained agents.
    Agents {
        /// Action.
        #[command(subcommand)]
        what: Agents,
    },
    /// Manage level files.
    Levels {
        /// Action.
        #[command(subcommand)]
        what: Levels,
    },
    /// Compare variants of an experiment over several seeds and print a Markdown table.
    Sweep {
        /// The sweep, e.g. assets/sweeps/calibration.toml.
        file: PathBuf,
        /// Folder for its runs and results; finished runs are not repeated.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Number of concurrent runs. More finish sooner overall, but each takes longer.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
        jobs: u32,
    },
    /// Print one table of scores: random, scripted, trained in a sweep, and the best person on this machine.
    Scores {
        /// The sweep, e.g. assets/sweeps/arcade.toml.
        file: PathBuf,
        /// Folder of its runs; missing runs leave their cells empty.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Episodes of random and scripted players.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        episodes: u32,
    },
    /// Draw learning curves, results and comparisons of runs and sweeps as SVG, with the numbers as CSV, and print a
    /// Markdown table.
    Plot {
        /// Folders of runs and of sweeps (VARIANT/seed-N), as given to --out.
        #[arg(value_name = "DIR", required = true)]
        runs: Vec<PathBuf>,
        /// Folder for the figures; those of the same names are replaced.
        #[arg(long, value_name = "DIR", default_value = "figures")]
        out: PathBuf,
        /// Key of the metric, see docs/metrics.md; by default the return of greedy episodes if all runs evaluate on the
        /// way, else that of training episodes.
        #[arg(long, value_name = "KEY")]
        metric: Option<String>,
    },
    /// Retake the pictures of the README; opens one window after the other.
    #[cfg(feature = "arcade")]
    Pictures {
        /// Folder for them.
        #[arg(long, value_name = "DIR", default_value = "assets/screenshots")]
        out: PathBuf,
        /// Take the animated thumbnails of the title screen instead, into the folders of the worlds.
        #[arg(long, conflicts_with = "only")]
        thumbnails: bool,
        /// One of them only, e.g. mind.png.
        #[arg(long, value_name = "FILE")]
        only: Option<String>,
    },
    /// Measure speed and print JSON lines.
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Bench {
    /// Arena ticks, arena steps and agent steps (one per slot) per second, for every world.
    Env {
        /// One world only.
        #[arg(long)]
        env: Option<String>,
        /// Numbers of arenas.
        #[arg(long, value_delimiter = ',', default_value = "1,64,256,1024")]
        arenas: Vec<usize>,
        /// Another program, measured in turn; may be given many times.
        #[arg(long, value_name = "COMMAND", requires = "env")]
        peer: Vec<String>,
        /// Number of measured runs.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=1000))]
        runs: u32,
        /// Seconds per run.
        #[arg(long, default_value_t = 2.0, value_parser = seconds)]
        seconds: f64,
        /// Threads that step arenas, 0 for one per core.
        #[arg(long, default_value_t = 0, value_parser = threads)]
        threads: usize,
    },
    /// Cost of an arena's tick: as shipped, with one optimization disabled at a time, and with growing
    /// numbers of bodies.
    Tick {
        /// Worlds.
        #[arg(long, value_delimiter = ',', default_value = "lava-room,brick-breaker,lander")]
        env: Vec<String>,
        /// Number of arenas.
        #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=4096))]
        arenas: u32,
        /// Number of measured runs.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(3..=1000))]
        runs: u32,
        /// Seconds per run.
        #[arg(long, default_value_t = 0.5, value_parser = seconds)]
        seconds: f64,
    },
    /// CPU time of a drawn frame on its thread, with training on and off; opens a window.
    #[cfg(feature = "arcade")]
    Frames {
        /// World.
        #[arg(long, default_value = "lava-room")]
        env: String,
        /// Number of intervals with training off, and as many with training on.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
        rounds: u32,
        /// Seconds per interval.
        #[arg(long, default_value_t = 10.0, value_parser = seconds)]
        seconds: f64,
        /// With all overlays on.
        #[arg(long)]
        overlays: bool,
        /// Frame rate limit, like that of a display; unlimited when absent.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
        fps: Option<u32>,
    },
    /// Time until a window shows a world, and what its agent learns in the first minute; opens a window.
    #[cfg(feature = "arcade")]
    Minute {
        /// World.
        #[arg(long, default_value = "lava-room")]
        env: String,
        /// Seed of everything random.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Seconds after the first frame.
        #[arg(long, default_value_t = 60.0, value_parser = seconds)]
        seconds: f64,
    },
    /// Time a policy takes to act for 1, 64 and 1024 observations, with and without memory.
    Act {
        /// Number of measured runs.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=1000))]
        runs: u32,
        /// Seconds per run.
        #[arg(long, default_value_t = 0.5, value_parser = seconds)]
        seconds: f64,
    },
    /// Time of sampling from the replay buffer, uniformly and by priority.
    Replay {
        /// Transitions in the buffer.
        #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..=50_000_000))]
        items: u32,
        /// Number of measured runs.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=1000))]
        runs: u32,
        /// Seconds per run.
        #[arg(long, default_value_t = 1.0, value_parser = seconds)]
        seconds: f64,
    },
    /// Gradient steps per second of agents with memory: 32 sequences of 80 transitions, 20 of them burn-in.
    Sequences {
        /// Memories: lstm, gru or transformer, each with its width.
        #[arg(long, value_delimiter = ',', default_value = "lstm-64,lstm-128,gru-64,transformer-64")]
        memory: Vec<MemorySize>,
        /// Command of another library that does the same work, measured alternately with this one; may be
        /// given many times. See benches/peers.
        #[arg(long, value_name = "COMMAND")]
        peer: Vec<String>,
        /// Device.
        #[arg(long, value_enum, default_value = "cpu")]
        device: DeviceChoice,
        /// Number of measured runs.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=1000))]
        runs: u32,
        /// Seconds per run.
        #[arg(long, default_value_t = 3.0, value_parser = seconds)]
        seconds: f64,
        /// Threads of a CPU update, 0 for one per core.
        #[arg(long, default_value_t = 0, value_parser = threads)]
        threads: usize,
    },
    /// Matrix products of a gradient step on one thread: the share that each reaches of what the processor can multiply, and
    /// the gradient steps per second that this would allow.
    Products {
        /// Transitions of a batch.
        #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65_536))]
        batch: u32,
        /// Width of both hidden layers.
        #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=4096))]
        hidden: u32,
        /// Number of measured runs.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=1000))]
        runs: u32,
        /// Seconds per run and product.
        #[arg(long, default_value_t = 0.5, value_parser = seconds)]
        seconds: f64,
    },
    /// Gradient steps per second by size of batch and networks; on a GPU also what a step asks of the card.
    Learner {
        /// Kind of actions: 4 discrete ones with 8 observations, or the shapes of HalfCheetah, 17 observations and an action
        /// of 6 dimensions.
        #[arg(long, value_enum, default_value = "discrete")]
        actions: ActionChoice,
        /// Batch sizes, each with the width that --hidden has in the same place; where one of the two has a single value, it
        /// goes with all of the other.
        #[arg(long, value_delimiter = ',', default_value = "256,64", value_parser = clap::value_parser!(u32).range(1..=65_536))]
        batch: Vec<u32>,
        /// Widths of both hidden layers.
        #[arg(long, value_delimiter = ',', default_value = "256,64", value_parser = clap::value_parser!(u32).range(1..=4096))]
        hidden: Vec<u32>,
        /// Prioritized replay in place of uniform.
        #[arg(long)]
        prioritized: bool,
        /// Command of another library that does the same work, measured alternately with this one; may be
        /// given many times. See benches/peers.
        #[arg(long, value_name = "COMMAND")]
        peer: Vec<String>,
        /// Device.
        #[arg(long, value_enum, default_value = "cpu")]
        device: DeviceChoice,
        /// Number of measured runs.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=1000))]
        runs: u32,
        /// Seconds per run.
        #[arg(long, default_value_t = 3.0, value_parser = seconds)]
        seconds: f64,
        /// Threads of a CPU update, 0 for one per core.
        #[arg(long, default_value_t = 0, value_parser = threads)]
        threads: usize,
    },
}

/// A kind of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ActionChoice {
    /// One of several.
    Discrete,
    /// A vector within a box.
    Continuous,
}

impl From<ActionChoice> for ActionKind {
    fn from(choice: ActionChoice) -> Self {
        match choice {
            ActionChoice::Discrete => Self::Discrete,
            ActionChoice::Continuous => Self::Continuous,
        }
    }
}

/// Parses the duration of a measurement in seconds.
fn seconds(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.05..=3600.0).contains(&value) { Ok(value) } else { Err("allowed: 0.05 to 3600".to_owned()) }
}

/// A number of threads.
fn threads(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|threads| *threads <= 256).ok_or_else(|| "allowed: 0 to 256".to_owned())
}

/// Actions on trained agents.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Agents {
    /// List the shipped agents, with their training records.
    List,
    /// Write the policy of a run or session, with its level and training record, to one small file: an .agent file, or an
    /// ONNX model for other programs.
    Export {
        /// Run folder: finished, stopped, or a session of the window; or an .agent file, or the name of a shipped one.
        run: PathBuf,
        /// File, ending in .agent or .onnx.
        file: PathBuf,
        /// Evaluate over this many greedy episodes; by default over 100 if the run has no evaluation.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        episodes: Option<u32>,
        /// Replace an existing file.
        #[arg(long)]
        force: bool,
    },
}

/// Actions on levels.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Levels {
    /// Check that every file is a level with reachable goals, or print what is wrong and where.
    Check {
        /// Level files, or numbers of shipped levels.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Print generated levels, or write them to files: number N is the Nth training level of
    /// random:DIFFICULTY.
    Make {
        /// lava-room, crate-yard or key-door.
        world: String,
        /// 1 to 5.
        #[arg(value_parser = clap::value_parser!(u8).range(1..=5))]
        difficulty: u8,
        /// Number of the first level.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Number of levels from there.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        count: u32,
        /// Folder to write one file per level to.
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
    },
}

/// A player without learning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum SimplePlayer {
    /// Uniformly random actions.
    Random,
    /// The world's hand-written player; always the first action in a world without one.
    Scripted,
}
