//! What can be said on the command line, and its help. What is done about it is left to `cli`.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

#[cfg(feature = "arcade")]
use crate::app::{ScreenshotRequest, Stroke};
use crate::learner::DeviceChoice;

/// Physics worlds whose agents learn while you play.
#[derive(Debug, Parser)]
#[command(name = "entropy-arcade", version, args_conflicts_with_subcommands = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub run: RunArgs,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// World to play, see `entropy-arcade envs`.
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// Level of the world: a number or a shipped file's name, a path (with a separator or ending in .ron), or
    /// random:DIFFICULTY[:COUNT] for COUNT generated levels of difficulty 1 to 5.
    #[arg(long, value_name = "FILE")]
    pub level: Option<PathBuf>,
    /// Train without a window, as fast as the machine can.
    #[arg(long)]
    pub no_render: bool,
    /// Environment steps a headless run makes.
    #[arg(long, value_name = "N")]
    pub steps: Option<u64>,
    /// Seed of everything random.
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Arenas beside each other.
    #[arg(long, value_name = "N")]
    pub arenas: Option<usize>,
    /// Where to learn.
    #[arg(long, value_enum)]
    pub device: Option<DeviceChoice>,
    /// Configuration file.
    #[arg(long, value_name = "FILE.toml")]
    pub config: Option<PathBuf>,
    /// Set one value, e.g. sac.gamma=0.98; may be given many times.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Folder for configuration, metrics, episodes, summary and checkpoints.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Save what the window shows into a .png file, or what the watched arena does into a .gif file, and close it.
    #[cfg(feature = "arcade")]
    #[arg(long, value_name = "FILE", conflicts_with = "no_render")]
    pub screenshot: Option<PathBuf>,
    /// Seconds before the screenshot is taken.
    #[cfg(feature = "arcade")]
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, requires = "screenshot")]
    pub after: f32,
    /// Seconds a .gif file lasts.
    #[cfg(feature = "arcade")]
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 6.0, requires = "screenshot")]
    pub lasts: f32,
    /// Pixels a .gif file is wide at most.
    #[cfg(feature = "arcade")]
    #[arg(long, value_name = "PIXELS", default_value_t = 400, requires = "screenshot", value_parser = clap::value_parser!(u32).range(32..=2000))]
    pub width: u32,
    /// What to do with keyboard and mouse before: V@20 strikes V after 20 seconds, P@3-5 holds P from 3 to 5 seconds,
    /// 640:400@2 clicks there.
    #[cfg(feature = "arcade")]
    #[arg(long, value_name = "STROKE", value_delimiter = ',', requires = "screenshot")]
    pub press: Vec<Stroke>,
    /// Let a trained agent play and learn nothing: `shipped` for the one that comes with the arcade, an .agent file, or a
    /// run folder.
    #[cfg(feature = "arcade")]
    #[arg(long, value_name = "AGENT", conflicts_with_all = ["no_render", "resume"])]
    pub agent: Option<PathBuf>,
    /// Run folder to go on with.
    #[arg(long, value_name = "DIR")]
    pub resume: Option<PathBuf>,
}

impl RunArgs {
    /// Refuses what a run that is gone on with has once for all.
    pub fn check_resume(&self) -> Result<(), String> {
        let Some(run) = &self.resume else { return Ok(()) };
        let refused = |option: &str, given: &Path, why: &str| {
            let (given, run) = (given.display(), run.display());
            Err(format!("{option} {given}: --resume {run} {why}"))
        };
        match (&self.config, &self.out) {
            (Some(file), _) => refused(
                "--config",
                file,
                "goes on with its own config.toml; leave --config out, and change single values with --set",
            ),
            (_, Some(folder)) => refused(
                "--out",
                folder,
                "goes on in its own folder; leave --out out, or copy that folder and resume the copy",
            ),
            _ => Ok(()),
        }
    }
}

#[cfg(feature = "arcade")]
impl RunArgs {
    /// Whether nothing says which world is meant, so that somebody has to choose.
    pub fn asks_for_the_title(&self) -> bool {
        let said =
            self.env.is_some() || self.level.is_some() || self.config.is_some() || self.resume.is_some();
        !said && !self.no_render
    }

    /// The picture that is asked for.
    pub fn picture(&self) -> Result<Option<ScreenshotRequest>, String> {
        let Some(path) = self.screenshot.clone() else { return Ok(None) };
        if path.extension().is_none_or(|extension| extension != "png" && extension != "gif") {
            return Err(format!("--screenshot {}: give a file that ends in .png or .gif", path.display()));
        }
        if !is_picture(&path) {
            return Err(format!(
                "--screenshot {}: is there and no picture; choose another name",
                path.display()
            ));
        }
        if !(0.5..=30.0).contains(&self.lasts) {
            return Err(format!("--for {}: allowed is 0.5 to 30 seconds", self.lasts));
        }
        Ok(Some(ScreenshotRequest {
            path,
            after: self.after,
            keys: self.press.clone(),
            seconds: self.lasts,
            widest: self.width,
        }))
    }
}

/// Whether a picture may take the place of what is at `path`: nothing, an empty file or another picture.
#[cfg(feature = "arcade")]
fn is_picture(path: &Path) -> bool {
    use crate::files;
    match files::begins(path, 6) {
        Ok(begins) => begins.is_empty() || begins.starts_with(b"\x89PNG\r\n") || begins.starts_with(b"GIF8"),
        Err(error) => error == files::ReadError::Missing,
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the worlds with their observation and action spaces.
    Envs {
        /// As JSON, one world a line.
        #[arg(long)]
        json: bool,
    },
    /// Play greedy episodes with a trained policy, or with a simple player, and print one JSON line.
    Eval {
        /// Run or checkpoint folder, .agent file, or the name of one that comes with the arcade.
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
        /// Of generated levels, play those trained on instead of those kept for tests.
        #[arg(long)]
        training_levels: bool,
    },
    /// Hold worlds to the contract every environment keeps, and print a JSON line for each.
    Check {
        /// One world only.
        #[arg(long, value_name = "NAME")]
        env: Option<String>,
        /// Level of the world: a number, a shipped file's name, or a path.
        #[arg(long, value_name = "FILE", requires = "env")]
        level: Option<PathBuf>,
    },
    /// Look after trained agents.
    Agents {
        /// What to do.
        #[command(subcommand)]
        what: Agents,
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
    /// Print one table of who plays how well: random, scripted, trained in a sweep, and the best person here.
    Scores {
        /// The sweep, e.g. assets/sweeps/arcade.toml.
        file: PathBuf,
        /// Folder its runs are in; what has not been made is left open.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Episodes of random and scripted players.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        episodes: u32,
    },
    /// Take the pictures that the README shows anew; opens one window after the other.
    #[cfg(feature = "arcade")]
    Pictures {
        /// Folder for them.
        #[arg(long, value_name = "DIR", default_value = "assets/screenshots")]
        out: PathBuf,
        /// The moving pictures of the title screen instead, into assets/thumbnails.
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
pub(super) enum Bench {
    /// Arena ticks, arena steps and agent steps (one for every slot) per second of every world.
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
    /// What an arena's tick costs: as shipped, with one saving undone at a time, and with more and more bodies.
    Tick {
        /// Worlds.
        #[arg(long, value_delimiter = ',', default_value = "lava-room,brick-breaker,lander")]
        env: Vec<String>,
        /// Number of arenas.
        #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=4096))]
        arenas: u32,
        /// Measured runs.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(3..=1000))]
        runs: u32,
        /// Seconds a run.
        #[arg(long, default_value_t = 0.5, value_parser = seconds)]
        seconds: f64,
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
        /// With everything shown that the agent thinks.
        #[arg(long)]
        overlays: bool,
        /// Frames a second at most, as a screen keeps them; as many as come by themselves when absent.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
        fps: Option<u32>,
    },
    /// How soon a window shows a world, and what its agent learns before a person's eyes; opens a window.
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

/// What can be done with trained agents.
#[derive(Debug, Subcommand)]
pub(super) enum Agents {
    /// List those that come with the arcade, with the record of their training.
    List,
    /// Write the policy of a run or session, with its level and its record, into one small file.
    Export {
        /// Run folder: finished, stopped or of a window.
        run: PathBuf,
        /// File, ending in .agent.
        file: PathBuf,
        /// Evaluate with that many greedy episodes; when left out, with 100 where the run has no evaluation.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        episodes: Option<u32>,
        /// Replace the file if it is there already.
        #[arg(long)]
        force: bool,
    },
}

/// What can be done with levels.
#[derive(Debug, Subcommand)]
pub(super) enum Levels {
    /// Say of every file whether it is a level in which goals can be reached, or what is wrong and where.
    Check {
        /// Level files, or numbers of levels that come with the game.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Print generated levels, or write them into files: number N is the Nth that random:DIFFICULTY trains on.
    Make {
        /// lava-room, crate-yard or key-door.
        world: String,
        /// 1 to 5.
        #[arg(value_parser = clap::value_parser!(u8).range(1..=5))]
        difficulty: u8,
        /// Number of the first level.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Levels, numbered on from there.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        count: u32,
        /// Folder for a file each.
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
    },
}

/// A player that has learned nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum SimplePlayer {
    /// Any action, all alike.
    Random,
    /// The world's hand-written player; in a world without one, the first action for ever.
    Scripted,
}
