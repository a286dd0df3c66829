//! What a watched run leaves on disk: the same files as a headless one, lines by the clock.
//!
//! Checkpoints are written from here, between two frames, so that each knows how long the files of lines were. Closing the
//! window writes a last one and the summary.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bevy::prelude::*;
use crossbeam_channel::TryRecvError;

use super::folder::RunFolder;
use super::headless::{Solved, Summary, insert_times};
use super::metrics::Window;
use super::record::Record;
use super::saving::Saving;
use super::seats;
use crate::agent::feedback::HumanFeedback;
use crate::agent::history::{History, remember};
use crate::agent::live::{SaveReceiver, Unsaved};
use crate::agent::{Controller, Episodes, LiveLearner, Replay};
use crate::config::RunConfig;
use crate::learner::Health;
use crate::learner::checkpoint::Checkpoint;
use crate::learner::owner::Owner;
use crate::sim::SimConfig;
use crate::sim::level::Level;
use crate::sim::worlds::rooms::Rooms;

/// Seconds between two lines in `metrics.jsonl`.
const LINE_SECONDS: f32 = 5.0;
/// Seconds between two replacements of `config.toml` at least: a value that is dragged changes in every frame.
const CONFIG_SECONDS: f32 = 0.3;

/// The files of the running session.
#[derive(Resource)]
pub struct LiveRun {
    folder: RunFolder,
    /// Where the session lies that this one goes on with.
    from: Option<PathBuf>,
    /// As `config.toml` was when the session began.
    begun: RunConfig,
    /// As it is now, and since when; `None` before the learner is ready for the first time.
    written: Option<(Instant, RunConfig)>,
    /// What the run was before, where this is not its beginning.
    solved: Option<Solved>,
    began: Instant,
    /// Seconds that earlier parts of the run took.
    earlier: f64,
    line_at: Instant,
    window: Window,
    saving: Saving,
    /// The checkpoint on its way, with the environment steps it was asked for at.
    under_way: Option<(SaveReceiver, u64)>,
    /// Environment steps of the last checkpoint; `None` before the first.
    saved_at: Option<u64>,
    unsaved: Unsaved,
    /// Why lines of its record are lost for good.
    broken: Arc<OnceLock<String>>,
}

impl LiveRun {
    /// Writes into an open run folder, from the `record` on where it goes on from a checkpoint. Its `config.toml` becomes
    /// `begun`, and then what is changed, as soon as the learner has accepted that. `solved` is what an earlier part of the
    /// run came to.
    pub fn new(folder: RunFolder, begun: RunConfig, record: Option<Record>, solved: Option<Solved>) -> Self {
        let now = Instant::now();
        let saved_at = record.as_ref().map(|record| record.env_steps);
        let record = record.unwrap_or_default();
        Self {
            earlier: record.seconds.max(folder.seconds()),
            from: saved_at.map(|_| folder.path().to_owned()),
            folder,
            written: None,
            solved,
            began: now,
            line_at: now,
            window: record.window,
            saving: Saving::every(begun.learner.checkpoint_seconds),
            begun,
            under_way: None,
            saved_at,
            unsaved: Unsaved::default(),
            broken: Arc::default(),
        }
    }

    /// AgentSlots everybody as in the session in `from`, which may lie elsewhere.
    #[must_use]
    pub fn seated_as_in(mut self, from: Option<PathBuf>) -> Self {
        self.from = from;
        self
    }

    /// Tells of something that cannot be written.
    pub(super) fn cannot_write(&self, problem: String) {
        self.unsaved.set(0, Some(problem));
    }

    /// Keeps other programs away from its folder for as long as it is held.
    pub fn owner(&self) -> Arc<Owner> {
        self.folder.owner()
    }

    /// Why lines of its record are lost for good, once any are.
    pub fn broken(&self) -> Arc<OnceLock<String>> {
        self.broken.clone()
    }

    fn seconds(&self) -> f64 {
        self.earlier + self.began.elapsed().as_secs_f64()
    }

    /// Has a checkpoint written of all that was recorded until now.
    fn begin_save(&mut self, learner: &mut LiveLearner, env_steps: u64) -> Result<SaveReceiver, String> {
        self.tell_lines();
        self.folder.is_there().map_err(|error| error.to_string())?;
        let record = Record {
            lengths: Some(self.folder.lengths()),
            env_steps,
            seconds: self.seconds(),
            window: self.window.clone(),
        };
        let extra = vec![record.to_file().map_err(|error| error.to_string())?];
        Ok(learner.begin_save(self.folder.checkpoints(), extra, self.folder.files()))
    }

    /// Environment steps that the agent of the last checkpoint had taken in.
    fn agent_env_steps(&self) -> Option<u64> {
        let checkpoint = Checkpoint::open_only(&self.folder.checkpoints(), |_| false);
        Some(checkpoint.ok()?.manifest.counters.env_steps)
    }

    /// Writes the lines that wait, and tells whether that could be done.
    fn tell_lines(&mut self) {
        self.unsaved.set(0, self.folder.flush().err().map(|error| error.to_string()));
        if let Some(broken) = self.folder.broken()
            && self.broken.set(broken.to_owned()).is_ok()
        {
            tracing::error!("{broken}; the run goes on");
        }
    }

    /// Writes the configuration in force into `config.toml`, if it is another.
    fn keep(&mut self, learner: &LiveLearner, arenas: usize) {
        let now = RunConfig { arenas, device: learner.device(), ..self.begun.recorded(learner.config()) };
        self.saving.set_every(now.learner.checkpoint_seconds);
        let same = self.written.as_ref().is_some_and(|(_, written)| *written == now);
        let kept = if same { Ok(()) } else { self.folder.config(&now.to_toml()) };
        match kept {
            Ok(()) if !same => self.written = Some((Instant::now(), now)),
            Ok(()) => {}
            // Tried again, as everything that is not written.
            Err(error) => self.unsaved.set(0, Some(error.to_string())),
        }
    }

    fn went(&mut self, env_steps: u64, problem: Option<String>) {
        self.saving.went(problem.is_none());
        if problem.is_none() {
            self.saved_at = Some(env_steps);
        }
        self.unsaved.set(1, problem);
    }
}

/// Keeps the files of `run`, and seats everybody as they sat where it goes on.
pub fn plugin(app: &mut App, run: LiveRun) {
    if let Some(mut learner) = app.world_mut().get_resource_mut::<LiveLearner>() {
        learner.record();
    }
    seats::plugin(app, run.folder.path(), run.from.as_deref());
    app.insert_resource(run.unsaved.clone())
        .insert_resource(run)
        .add_systems(Update, (keep, (write, save).chain().after(remember)))
        .add_systems(PostUpdate, keep_map.run_if(resource_exists_and_changed::<Rooms>))
        .add_systems(Last, close);
}

/// Keeps the seats as they are written, whoever sits there from now on.
pub fn forget_seats(world: &mut World) {
    world.remove_resource::<seats::KeptSeats>();
}

/// Keeps `config.toml` what the learner uses.
fn keep(mut run: ResMut<LiveRun>, learner: Res<LiveLearner>, sim: Res<SimConfig>) {
    let due = run.written.as_ref().is_none_or(|(at, _)| at.elapsed().as_secs_f32() >= CONFIG_SECONDS);
    if due && learner.is_accepted() {
        run.keep(&learner, sim.arenas);
    }
}

fn write(
    mut run: ResMut<LiveRun>,
    learner: Res<LiveLearner>,
    history: Res<History>,
    replay: Res<Replay>,
    mut hints: ResMut<HumanFeedback>,
) {
    let run = &mut *run;
    // What the disk refuses waits; it is told of with the next line.
    for episode in &history.latest {
        _ = run.folder.episode(episode);
        if episode.controller == Controller::Learning.name() {
            run.window.add(episode.clone());
        }
    }
    for hint in &std::mem::take(&mut hints.given) {
        _ = run.folder.hint(hint);
    }
    if run.line_at.elapsed().as_secs_f32() < LINE_SECONDS {
        return;
    }
    run.line_at = Instant::now();
    let status = learner.status();
    run.window.measured(status.measured(), status.effective_sample_size, status.policy_lag);
    // Steps of the run, which go on when the agent begins again with fresh networks.
    let mut line =
        run.window.line(replay.env_steps, status.gradient_steps, status.replay_len, status.refused);
    line.insert("time/env_steps_per_second".into(), history.env_step_rate.into());
    line.insert("time/gradient_steps_per_second".into(), status.gradient_steps_per_second.into());
    insert_times(&mut line, run.seconds());
    _ = run.folder.metric(&line);
    run.tell_lines();
}

/// Has checkpoints written: one at once, then by the clock and when somebody asks.
fn save(
    mut run: ResMut<LiveRun>,
    mut learner: ResMut<LiveLearner>,
    replay: Res<Replay>,
    episodes: Res<Episodes>,
) {
    let run = &mut *run;
    if let Some((receiver, env_steps)) = &run.under_way {
        let env_steps = *env_steps;
        match receiver.try_recv() {
            Err(TryRecvError::Empty) => return,
            Ok(result) => run.went(env_steps, result.err().map(|error| error.to_string())),
            // A learner that has stopped says so itself.
            Err(TryRecvError::Disconnected) => run.saving.went(true),
        }
        run.under_way = None;
    }
    // A learner that has failed keeps its last one. Steps whose episodes are not written yet belong to the next one.
    if matches!(learner.status().health, Health::Failed(_)) || !episodes.0.is_empty() {
        return;
    }
    let news = run.saved_at != Some(replay.env_steps);
    let due = run.saved_at.is_none() && run.unsaved.reason().is_none() || run.saving.is_due() && news;
    if learner.take_wish() || due {
        match run.begin_save(&mut learner, replay.env_steps) {
            Ok(receiver) => run.under_way = Some((receiver, replay.env_steps)),
            Err(problem) => run.went(replay.env_steps, Some(problem)),
        }
    }
}

/// Lets the session keep the map that is played by now, however it was changed: in its folder and in its checkpoints.
fn keep_map(rooms: Res<Rooms>, run: Res<LiveRun>, mut learner: ResMut<LiveLearner>) {
    let level = learner.level().and_then(|level| Some((level.name.clone(), level.text.clone()?)));
    let Some((name, text)) = level else { return };
    let map = rooms.first();
    if Level::parse(&name, &text).as_ref() == Ok(map) {
        return;
    }
    let text = map.text();
    if let Err(error) = run.folder.keep_level(&text, true) {
        run.unsaved.set(0, Some(error.to_string()));
    }
    learner.set_level_text(text);
}

fn close(
    mut exits: MessageReader<AppExit>,
    mut run: ResMut<LiveRun>,
    mut learner: ResMut<LiveLearner>,
    replay: Res<Replay>,
    sim: Res<SimConfig>,
) {
    if exits.read().count() == 0 {
        return;
    }
    let run = &mut *run;
    if !learner.is_accepted() {
        // It has learned nothing and changed nothing: what the run had come to stays as it is written.
        return;
    }
    // One that has failed keeps its last checkpoint.
    if !matches!(learner.status().health, Health::Failed(_) | Health::Starting) {
        let saved = match run.begin_save(&mut learner, replay.env_steps) {
            Ok(saving) => learner.finish_save(&saving).map_err(|error| error.to_string()),
            Err(problem) => Err(problem),
        };
        run.went(replay.env_steps, saved.err());
    }
    run.keep(&learner, sim.arenas);
    let status = learner.status();
    let mut summary = Summary {
        env: run.begun.env.clone(),
        seed: run.begun.seed,
        env_steps: replay.env_steps,
        agent_env_steps: Some(run.agent_env_steps().unwrap_or(status.env_steps)),
        gradient_steps: status.gradient_steps,
        episode_return: run.window.mean(|episode| episode.episode_return),
        success: run.window.mean(|episode| f32::from(u8::from(episode.success))),
        score: run.window.mean(|episode| episode.score),
        interrupted: replay.env_steps < run.begun.steps && run.solved.is_none(),
        device: status.device_reason.clone(),
        seconds: run.seconds(),
        eval: None,
        eval_training: None,
        solved: run.solved,
    };
    if let Err(error) = run.folder.summary(&mut summary) {
        run.unsaved.set(0, Some(error.to_string()));
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
