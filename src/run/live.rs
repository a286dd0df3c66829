//! What a watched run leaves on disk: the same files as a headless one, lines by the clock.
//!
//! Closing the window writes a last checkpoint and the summary; checkpoints in between are the
//! learner's own.

use std::path::PathBuf;
use std::time::Instant;

use bevy::prelude::*;

use super::RunError;
use super::folder::RunFolder;
use super::headless::{Solved, Summary};
use super::metrics::Window;
use crate::agent::hints::Hints;
use crate::agent::history::{History, remember};
use crate::agent::{Controller, LiveLearner};
use crate::config::RunConfig;
use crate::sim::SimConfig;

/// Seconds between two lines in `metrics.jsonl`.
const LINE_SECONDS: f32 = 5.0;
/// Seconds between two replacements of `config.toml` at least: a value that is dragged changes in every frame.
const CONFIG_SECONDS: f32 = 0.3;

/// The files of the running session.
#[derive(Resource)]
pub struct LiveRun {
    folder: RunFolder,
    /// As `config.toml` was when the session began.
    begun: RunConfig,
    /// As it is now, and since when; `None` before the learner is ready for the first time.
    written: Option<(Instant, RunConfig)>,
    /// What the run was before, where this is not its beginning.
    solved: Option<Solved>,
    began: Instant,
    line_at: Instant,
    window: Window,
    failed: bool,
}

impl LiveRun {
    /// Writes into an open run folder. Its `config.toml` becomes `begun`, and then what is changed, as soon as the learner
    /// has accepted that. `solved` is what an earlier part of the run came to.
    pub fn new(folder: RunFolder, begun: RunConfig, solved: Option<Solved>) -> Self {
        let now = Instant::now();
        let window = Window::default();
        Self { folder, begun, written: None, solved, began: now, line_at: now, window, failed: false }
    }

    /// Writes the configuration in force into `config.toml`, if it is another.
    fn keep(&mut self, learner: &LiveLearner, arenas: usize) -> Result<(), RunError> {
        let now = RunConfig { arenas, device: learner.device(), ..self.begun.recorded(learner.config()) };
        if self.written.as_ref().is_some_and(|(_, written)| *written == now) {
            return Ok(());
        }
        self.folder.config(&now.to_toml())?;
        self.written = Some((Instant::now(), now));
        Ok(())
    }
}

/// Keeps the files of `run`.
pub fn plugin(app: &mut App, run: LiveRun) {
    app.insert_resource(run).add_systems(Update, (keep, write.after(remember))).add_systems(Last, close);
}

/// Keeps `config.toml` what the learner uses.
fn keep(mut run: ResMut<LiveRun>, learner: Res<LiveLearner>, sim: Res<SimConfig>) {
    let due = run.written.as_ref().is_none_or(|(at, _)| at.elapsed().as_secs_f32() >= CONFIG_SECONDS);
    if !due || run.failed || !learner.is_accepted() {
        return;
    }
    if let Err(error) = run.keep(&learner, sim.arenas) {
        tracing::error!("{error}");
        run.failed = true;
    }
}

fn write(
    mut run: ResMut<LiveRun>,
    learner: Res<LiveLearner>,
    history: Res<History>,
    mut hints: ResMut<Hints>,
) {
    let run = &mut *run;
    if run.failed {
        return;
    }
    let status = learner.status();
    let mut lines = || {
        for episode in &history.latest {
            run.folder.episode(episode)?;
            if episode.controller == Controller::Learning.name() {
                run.window.add(episode.clone());
            }
        }
        for hint in &std::mem::take(&mut hints.given) {
            run.folder.hint(hint)?;
        }
        if run.line_at.elapsed().as_secs_f32() < LINE_SECONDS {
            return Ok(());
        }
        run.line_at = Instant::now();
        run.window.measured(status.measured(), status.effective_sample_size, status.policy_lag);
        let mut line =
            run.window.line(history.env_steps, status.gradient_steps, status.replay_len, status.refused);
        line.insert("time/env_steps_per_second".into(), history.env_step_rate.into());
        line.insert("time/gradient_steps_per_second".into(), status.gradient_steps_per_second.into());
        run.folder.metric(&line)
    };
    if let Err(error) = lines() {
        // A full disk must not end the game; say it once and go on without files.
        tracing::error!("{error}");
        run.failed = true;
    }
}

fn close(
    mut exits: MessageReader<AppExit>,
    mut run: ResMut<LiveRun>,
    learner: Res<LiveLearner>,
    sim: Res<SimConfig>,
) {
    if exits.read().count() == 0 {
        return;
    }
    let status = learner.status();
    let summary = Summary {
        env: run.begun.env.clone(),
        seed: run.begun.seed,
        env_steps: status.env_steps,
        gradient_steps: status.gradient_steps,
        episode_return: run.window.mean(|episode| episode.episode_return),
        success: run.window.mean(|episode| f32::from(u8::from(episode.success))),
        score: run.window.mean(|episode| episode.score),
        interrupted: false,
        device: status.device_reason.clone(),
        seconds: run.began.elapsed().as_secs_f64(),
        eval: None,
        eval_training: None,
        solved: run.solved,
    };
    let checkpoints = run.folder.checkpoints();
    let kept = if learner.is_accepted() { run.keep(&learner, sim.arenas) } else { Ok(()) };
    for result in [
        kept.map_err(|error| error.to_string()),
        run.folder.summary(&summary).map_err(|error| error.to_string()),
        learner.save_and_wait(checkpoints).map_err(|error| error.to_string()),
    ] {
        if let Err(error) = result {
            eprintln!("error: {error}");
        }
    }
}

/// What is kept of sessions and maps: `<user data>/entropy-arcade`. `None` where the system names no place for user data.
fn data() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let data = variable("XDG_DATA_HOME")
        .or_else(|| variable("APPDATA"))
        .or_else(|| variable("HOME").map(|home| home.join(".local/share")))?;
    Some(data.join("entropy-arcade"))
}

/// Where sessions without `--out` are kept.
fn kept() -> Option<PathBuf> {
    data().map(|data| data.join("sessions"))
}

/// Where maps are kept that people draw in the world `env`.
pub fn maps(env: &str) -> Option<PathBuf> {
    data().map(|data| data.join("levels").join(env))
}

/// Folders of all sessions of `env` that are kept, oldest first.
pub fn sessions(env: &str) -> Vec<PathBuf> {
    let all = kept().and_then(|folder| std::fs::read_dir(folder).ok());
    // puck-2v2 is no session of puck's.
    let own = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let number = name.strip_prefix(env).and_then(|rest| rest.strip_prefix('-'));
        number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut old: Vec<PathBuf> =
        all.into_iter().flatten().flatten().map(|entry| entry.path()).filter(own).collect();
    old.sort();
    old
}

/// A new folder for a session without `--out`: `<env>-<seconds>` where sessions are kept. Old ones stay until somebody
/// deletes them. `None` where the system names no place for user data.
pub fn session_folder(env: &str) -> Option<PathBuf> {
    let kept = kept()?;
    std::fs::create_dir_all(&kept).ok()?;
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
    // Two windows opened within a second must not share a folder either.
    (0..10)
        .map(|again| kept.join(format!("{env}-{seconds}{again}")))
        .find(|folder| std::fs::create_dir(folder).is_ok())
}
