//! What a watched run leaves on disk: the same files as a headless one, lines by the clock.
//!
//! Closing the window writes a last checkpoint and the summary; checkpoints in between are the
//! learner's own.

use std::path::PathBuf;
use std::time::Instant;

use bevy::prelude::*;

use super::folder::RunFolder;
use super::headless::Summary;
use super::metrics::Window;
use crate::agent::hints::Hints;
use crate::agent::history::{History, remember};
use crate::agent::{Controller, LiveLearner};

/// Seconds between two lines in `metrics.jsonl`.
const LINE_SECONDS: f32 = 5.0;

/// The files of the running session.
#[derive(Resource)]
pub struct LiveRun {
    folder: RunFolder,
    env: String,
    seed: u64,
    began: Instant,
    line_at: Instant,
    window: Window,
    failed: bool,
}

impl LiveRun {
    /// Writes into an open run folder.
    pub fn new(folder: RunFolder, env: &str, seed: u64) -> Self {
        let now = Instant::now();
        let window = Window::default();
        Self { folder, env: env.to_owned(), seed, began: now, line_at: now, window, failed: false }
    }
}

/// Keeps the files of `run`.
pub fn plugin(app: &mut App, run: LiveRun) {
    app.insert_resource(run).add_systems(Update, write.after(remember)).add_systems(Last, close);
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

fn close(mut exits: MessageReader<AppExit>, mut run: ResMut<LiveRun>, learner: Res<LiveLearner>) {
    if exits.read().count() == 0 {
        return;
    }
    let status = learner.status();
    let summary = Summary {
        env: run.env.clone(),
        seed: run.seed,
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
        solved: None,
    };
    let checkpoints = run.folder.checkpoints();
    for result in [
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
