//! The subcommands, with their arguments and help.

use std::path::PathBuf;

#[cfg(feature = "distributed")]
use clap::Args;
use clap::{Subcommand, ValueEnum};

use super::Bench;
#[cfg(feature = "distributed")]
use crate::distributed::{Address, Playing};

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
    /// Play for a learner that listens elsewhere: everything comes from there.
    #[cfg(feature = "distributed")]
    Actors {
        /// The learner's address, as given to its --listen.
        #[arg(long, value_name = "ADDRESS")]
        join: Address,
        /// How it plays.
        #[command(flatten)]
        playing: PlayingArgs,
    },
    /// Learn with a learner that listens elsewhere, from a replay buffer of its own: everything else comes from there.
    #[cfg(feature = "distributed")]
    Learner {
        /// That learner's address, as given to its --listen.
        #[arg(long, value_name = "ADDRESS")]
        join: Address,
        /// Let actors join this one too: tls/HOST:PORT with --keys, or tcp/127.0.0.1:PORT.
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<Address>,
        /// The most actors that may; the replay buffer has streams for all of them.
        #[arg(long, value_name = "N", default_value_t = 16, requires = "listen", value_parser = clap::value_parser!(u32).range(1..=1023))]
        most_actors: u32,
        /// Only learn: leave playing to those who join.
        #[arg(long, requires = "listen")]
        no_actors: bool,
        /// How it plays.
        #[command(flatten)]
        playing: PlayingArgs,
    },
    /// Look at a learner's session, or control it.
    #[cfg(feature = "distributed")]
    Session {
        /// The learner's address, as given to its --listen.
        #[arg(long, value_name = "ADDRESS")]
        join: Address,
        /// Folder with certificates, see `keys new`.
        #[arg(long, value_name = "DIR")]
        keys: Option<PathBuf>,
        /// Action.
        #[command(subcommand)]
        what: SessionAction,
    },
    /// Manage certificates of sessions.
    #[cfg(feature = "distributed")]
    Keys {
        /// Action.
        #[command(subcommand)]
        what: Keys,
    },
    /// Measure speed and print JSON lines.
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
}

/// How a process plays that has joined a session.
#[cfg(feature = "distributed")]
#[derive(Debug, Args)]
pub(in crate::cli) struct PlayingArgs {
    /// Folder with certificates, see `keys new`.
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
    /// Arenas, if fewer than the learner's experiment has.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    arenas: Option<u32>,
    /// Threads of the simulation, 0 for one per core.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=256))]
    threads: Option<u32>,
    /// The Gymnasium environment that may be made here, as it runs code; others need no permission.
    #[arg(long, value_name = "gym:ID")]
    env: Option<String>,
    /// Seconds without a word from the learner after which it gives up, 0 for never.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    patience: u32,
}

#[cfg(feature = "distributed")]
impl PlayingArgs {
    /// The same for the session.
    pub fn playing(&self) -> Playing {
        let [arenas, threads] =
            [self.arenas, self.threads].map(|number| number.map(|number| number as usize));
        Playing { arenas, threads, env: self.env.clone(), patience: self.patience as f32 }
    }
}

/// What can be done with a session from outside.
#[cfg(feature = "distributed")]
#[derive(Debug, Clone, Copy, Subcommand)]
pub(in crate::cli) enum SessionAction {
    /// Print how it stands as a line of JSON: learner, actors, replicas.
    Status,
    /// Switch gradient steps on or off.
    Train {
        /// Whether they are made.
        #[arg(value_enum)]
        on: Switch,
    },
    /// Write a checkpoint.
    Save,
    /// Take no more steps of an actor, which then stops.
    Forbid {
        /// Its number.
        #[arg(value_parser = clap::value_parser!(u32).range(1..))]
        actor: u32,
    },
    /// Save and end the session.
    Stop,
}

/// On or off.
#[cfg(feature = "distributed")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// Actions on certificates.
#[cfg(feature = "distributed")]
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Keys {
    /// Make certificates for learner, actors, watchers and operators; copy to a machine those of its role, and ca.pem.
    New {
        /// Folder for them.
        folder: PathBuf,
        /// Name or address by which others reach the learner, beside this machine's own; may be given many times.
        #[arg(long, value_name = "HOST")]
        host: Vec<String>,
    },
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum SimplePlayer {
    /// Uniformly random actions.
    Random,
    /// The world's hand-written player; always the first action in a world without one.
    Scripted,
}
