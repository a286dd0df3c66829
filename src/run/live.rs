//! What a watched run leaves on disk: the same files as a headless one, lines by the clock.
//!
//! Closing the window writes a last checkpoint and the summary; checkpoints in between are the
//! learner's own.

use std::path::{Path, PathBuf};
use std::time::Instant;

use bevy::prelude::*;

use super::folder::RunFolder;
use super::headless::Summary;
use super::metrics::Window;
use crate::agent::live::{History, remember};
use crate::agent::{Controller, LiveLearner, Replay};

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

fn write(mut run: ResMut<LiveRun>, learner: Res<LiveLearner>, history: Res<History>, replay: Res<Replay>) {
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
        if run.line_at.elapsed().as_secs_f32() < LINE_SECONDS {
            return Ok(());
        }
        run.line_at = Instant::now();
        let report = (status.gradient_steps > 0).then_some(status.report);
        run.window.measured(report, status.effective_sample_size);
        let mut line = run.window.line(replay.env_steps, status.gradient_steps, status.replay_len);
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
    replay: Res<Replay>,
) {
    if exits.read().count() == 0 {
        return;
    }
    let status = learner.status();
    let summary = Summary {
        env: run.env.clone(),
        seed: run.seed,
        env_steps: replay.env_steps,
        gradient_steps: status.gradient_steps,
        episode_return: run.window.mean(|episode| episode.episode_return),
        success: run.window.mean(|episode| f32::from(u8::from(episode.success))),
        score: run.window.mean(|episode| episode.score),
        interrupted: false,
        device: status.device_reason.clone(),
        seconds: run.began.elapsed().as_secs_f64(),
        eval: None,
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

/// Where a session without `--out` is kept until the next one of the same world but one:
/// `<user data>/entropy-arcade/autosave/<env>`. `None` where the system names no such place.
pub fn autosave(env: &str) -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let data = variable("XDG_DATA_HOME")
        .or_else(|| variable("APPDATA"))
        .or_else(|| variable("HOME").map(|home| home.join(".local/share")))?;
    let folder = data.join("entropy-arcade/autosave").join(env);
    // The last session's agent stays loadable for one more session.
    let previous = folder.with_file_name(format!("{env}-previous"));
    if folder.exists() {
        _ = std::fs::remove_dir_all(&previous);
        std::fs::rename(&folder, &previous).ok()?;
    }
    is_writable(&folder).then_some(folder)
}

fn is_writable(folder: &Path) -> bool {
    std::fs::create_dir_all(folder).is_ok()
}
