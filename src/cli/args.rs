//! Arguments of the command line and their help; `cli` executes them.

mod bench;
mod command;

use std::path::{Path, PathBuf};

pub(super) use bench::Bench;
use clap::{Args, Parser};
pub(super) use command::{Agents, Command, Levels, SimplePlayer};
#[cfg(feature = "distributed")]
pub(super) use command::{Keys, PlayingArgs, SessionAction, Switch};

#[cfg(feature = "arcade")]
use crate::app::{ScreenshotRequest, TimedInput};
#[cfg(feature = "distributed")]
use crate::distributed::Address;
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

#[derive(Debug, Clone, Args)]
pub(super) struct RunArgs {
    /// World to play, see `entropy-arcade envs`.
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// Level of the world: a number or a shipped file's name, a path (with a separator or ending in .ron), or
    /// random:DIFFICULTY[:COUNT] for COUNT generated levels of difficulty 1 to 5.
    #[arg(long, value_name = "FILE")]
    pub level: Option<PathBuf>,
    /// Train without a window, as fast as possible.
    #[arg(long)]
    pub no_render: bool,
    /// Environment steps of a headless run.
    #[arg(long, value_name = "N")]
    pub steps: Option<u64>,
    /// Seed of everything random.
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Number of parallel arenas.
    #[arg(long, value_name = "N")]
    pub arenas: Option<usize>,
    /// Device to learn on.
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
    /// Dataset of demonstrations to learn from, see `record`; half of every batch is drawn from it, or
    /// learner.demonstration_share.
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub demos: Option<PathBuf>,
    /// Record the episodes that you play as a Minari dataset.
    #[cfg(feature = "arcade")]
    #[arg(long, value_name = "DIR", conflicts_with = "no_render", requires = "env")]
    pub record: Option<PathBuf>,
    /// Save the window's content to a .png file, or the watched arena to a .gif file, and exit.
    #[cfg(feature = "arcade")]
    #[arg(long, value_name = "FILE", conflicts_with = "no_render")]
    pub screenshot: Option<PathBuf>,
    /// Seconds before the screenshot is taken.
    #[cfg(feature = "arcade")]
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, requires = "screenshot")]
    pub after: f32,
    /// Duration of a .gif file in seconds.
    #[cfg(feature = "arcade")]
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 6.0, requires = "screenshot")]
    pub lasts: f32,
    /// Maximum width of a .gif file in pixels.
    #[cfg(feature = "arcade")]
    #[arg(long, value_name = "PIXELS", default_value_t = 400, requires = "screenshot", value_parser = clap::value_parser!(u32).range(32..=2000))]
    pub width: u32,
    /// Keyboard and mouse input before that: V@20 presses V after 20 seconds, P@3-5 holds P from 3 to 5
    /// seconds, 640:400@2 clicks at that position.
    #[cfg(feature = "arcade")]
    #[arg(long, value_name = "STROKE", value_delimiter = ',', requires = "screenshot")]
    pub press: Vec<TimedInput>,
    /// Let a trained agent play, without learning: `shipped` for the shipped agent, an .agent file, or a run
    /// folder.
    #[cfg(feature = "arcade")]
    #[arg(long, value_name = "AGENT", conflicts_with_all = ["no_render", "resume"])]
    pub agent: Option<PathBuf>,
    /// Run folder to resume.
    #[arg(long, value_name = "DIR")]
    pub resume: Option<PathBuf>,
    #[cfg(feature = "distributed")]
    #[command(flatten)]
    pub session: SessionArgs,
}

/// Arguments of a session of several processes.
#[cfg(feature = "distributed")]
#[derive(Debug, Clone, Args)]
pub(super) struct SessionArgs {
    /// Let other processes join, which play and send their steps: tls/HOST:PORT with --keys, or tcp/127.0.0.1:PORT.
    #[arg(long, value_name = "ADDRESS", requires = "no_render", conflicts_with = "join")]
    pub listen: Option<Address>,
    /// Watch the session of a learner that listens there, and play in it.
    #[cfg(feature = "arcade")]
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["no_render", "resume", "out", "config", "level"])]
    pub join: Option<Address>,
    /// Folder with certificates, see `keys new`.
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
    /// The most actors of other processes; the replay buffer has streams for all of them.
    #[arg(long, value_name = "N", default_value_t = 16, requires = "listen", value_parser = clap::value_parser!(u32).range(1..=1023))]
    pub most_actors: u32,
    /// Write the bytes of the same run in one process: its arenas are played in PARTS by all who join, and nobody else.
    #[arg(long, value_name = "PARTS", requires = "listen", conflicts_with = "no_actors", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub exact: Option<u32>,
    /// Only learn: leave playing to the others.
    #[arg(long, requires = "listen")]
    pub no_actors: bool,
}

#[cfg(feature = "distributed")]
impl SessionArgs {
    /// Refuses certificates that nobody would ask for.
    pub fn check(&self) -> Result<(), String> {
        #[cfg(feature = "arcade")]
        let joins = self.join.is_some();
        #[cfg(not(feature = "arcade"))]
        let joins = false;
        match &self.keys {
            Some(folder) if self.listen.is_none() && !joins => {
                Err(format!("--keys {}: goes with --listen or --join", folder.display()))
            }
            _ => Ok(()),
        }
    }
}

impl RunArgs {
    /// Refuses options that are fixed for a resumed run.
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
                "resumes with its own config.toml; leave --config out, and change single values with --set",
            ),
            (_, Some(folder)) => refused(
                "--out",
                folder,
                "continues in its own folder; leave --out out, or copy that folder and resume the copy",
            ),
            _ => Ok(()),
        }
    }
}

#[cfg(feature = "arcade")]
impl RunArgs {
    /// Whether no option names a world, so that the title screen opens.
    pub fn opens_title_screen(&self) -> bool {
        let said =
            self.env.is_some() || self.level.is_some() || self.config.is_some() || self.resume.is_some();
        #[cfg(feature = "distributed")]
        let said = said || self.session.join.is_some();
        !said && !self.no_render
    }

    /// The requested picture.
    pub fn picture(&self) -> Result<Option<ScreenshotRequest>, String> {
        let Some(path) = self.screenshot.clone() else { return Ok(None) };
        if path.extension().is_none_or(|extension| extension != "png" && extension != "gif") {
            return Err(format!("--screenshot {}: give a file that ends in .png or .gif", path.display()));
        }
        if !is_picture(&path) {
            return Err(format!(
                "--screenshot {}: exists and is not a picture; choose another name",
                path.display()
            ));
        }
        if !(0.5..=30.0).contains(&self.lasts) {
            return Err(format!("--for {}: allowed: 0.5 to 30 seconds", self.lasts));
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

/// Whether a picture may be written to `path`: there is nothing, an empty file or another picture.
#[cfg(feature = "arcade")]
fn is_picture(path: &Path) -> bool {
    use crate::files;
    match files::begins(path, 6) {
        Ok(begins) => begins.is_empty() || begins.starts_with(b"\x89PNG\r\n") || begins.starts_with(b"GIF8"),
        Err(error) => error == files::ReadError::Missing,
    }
}
