//! Files of a watched run: the same as of a headless one, with lines at time intervals.
//!
//! Checkpoints are requested here, between two frames, so that each records the lengths of the appended
//! files. Leaving the world and closing the window write a last one and the summary.

mod closing;
mod opening;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bevy::prelude::*;

use super::assignment;
use super::folder::RunFolder;
use super::headless::{Solved, set_times};
use super::metrics::RollingMetrics;
use super::progress::Progress;
use super::record::Record;
use super::saving::Saving;
use super::{EvalSummary, RunError, Summary};
use crate::agent::feedback::FeedbackGiven;
use crate::agent::history::{History, remember};
use crate::agent::live::Unsaved;
use crate::agent::{Controller, EpisodeFinished, LiveLearner, Replay};
use crate::config::RunConfig;
use crate::learner::checkpoint::Checkpoint;
use crate::learner::owner::Owner;
use crate::learner::{Health, LearnerError};
use crate::link::Ticket;
use crate::metrics::run::{DROPPED_STEPS, ENV_STEPS_PER_SECOND, GRADIENT_STEPS_PER_SECOND};
use crate::metrics::{Metrics, Sink as _};
use crate::sim::{Conditions, SimConfig};
use crate::worlds::rooms::Rooms;
use crate::worlds::rooms::level::Level;
use closing::close;
pub use closing::leave;
pub use opening::{Opened, Opening};

/// Seconds between two lines in `metrics.jsonl`.
const LINE_SECONDS: f32 = 5.0;
/// Minimum seconds between two replacements of `config.toml`: a dragged value changes in every frame.
const CONFIG_SECONDS: f32 = 0.3;

/// What goes with a run's files and is not the learner's: that of a session of several processes.
pub trait Beside: Send + Sync {
    /// Calls `save` once, with more files for a checkpoint; nothing reaches the learner meanwhile from elsewhere.
    fn saving(&self, save: &mut dyn FnMut(Vec<(String, Vec<u8>)>));

    /// Adds measurements to a line of metrics.
    fn measure(&self, line: &mut Metrics);
}

/// The files of the running session.
#[derive(Resource)]
pub struct LiveRun {
    folder: RunFolder,
    /// The session that this one continues.
    from: Option<PathBuf>,
    /// `config.toml` at the start of the session.
    begun: RunConfig,
    /// The current content, and since when; `None` until the learner is ready for the first time.
    written: Option<(Instant, RunConfig)>,
    /// State of the run before this session, if it is resumed.
    solved: Option<Solved>,
    began: Instant,
    /// Seconds of earlier parts of the run.
    earlier: f64,
    /// When the last line was written; `None` where the next one is due.
    line_at: Option<Instant>,
    window: RollingMetrics,
    saving: Saving,
    /// The pending checkpoint, with the environment steps at its request.
    under_way: Option<(Ticket, u64)>,
    /// The last checkpoint of a session that is being left.
    leaving: Option<Ticket>,
    /// Environment steps of the last checkpoint; `None` before the first.
    saved_at: Option<u64>,
    unsaved: Unsaved,
    /// Why lines of its record are permanently lost.
    broken: Arc<OnceLock<String>>,
    beside: Option<Arc<dyn Beside>>,
    /// Shows lines of metrics as they are written.
    progress: Option<Progress>,
    /// Evaluations of the final policy.
    evals: (Option<EvalSummary>, Option<EvalSummary>),
    summary: Option<Summary>,
}

impl LiveRun {
    /// Writes into an open run folder, after the `record` of the checkpoint it continues from, if any. Its
    /// `config.toml` becomes `begun`, and then follows changes that the learner has accepted. `solved` comes
    /// from an earlier part of the run.
    pub fn new(folder: RunFolder, begun: RunConfig, record: Option<Record>, solved: Option<Solved>) -> Self {
        let now = Instant::now();
        let saved_at = record.as_ref().map(|record| record.env_steps);
        let record = record.unwrap_or_default();
        let env_steps = record.env_steps;
        let mut run = Self {
            earlier: record.seconds.max(folder.seconds()),
            from: saved_at.map(|_| folder.path().to_owned()),
            folder,
            written: None,
            solved,
            began: now,
            line_at: Some(now),
            window: record.window,
            saving: Saving::every(begun.learner.checkpoint_seconds),
            begun,
            under_way: None,
            leaving: None,
            saved_at,
            unsaved: Unsaved::default(),
            broken: Arc::default(),
            beside: None,
            progress: None,
            evals: (None, None),
            summary: None,
        };
        if run.begun.run.tensorboard
            && let Err(error) = run.folder.keep_events(env_steps, &run.begun.to_toml())
        {
            run.cannot_write(error.to_string());
        }
        run
    }

    /// Assigns controllers as in the session in `from`, which may be another folder.
    #[must_use]
    pub fn seated_as_in(mut self, from: Option<PathBuf>) -> Self {
        self.from = from;
        self
    }

    /// Writes what `beside` has into the same files.
    #[must_use]
    pub fn with(mut self, beside: Arc<dyn Beside>) -> Self {
        self.beside = Some(beside);
        self
    }

    /// Prints lines of metrics, of a run of as many environment steps as were asked for.
    pub fn print_progress(&mut self) {
        self.progress = Some(Progress::new(self.begun.steps, false));
    }

    /// Writes a line of metrics with the next frame.
    pub fn write_line(&mut self) {
        self.line_at = None;
    }

    /// Environment steps that the run was to have.
    pub fn steps(&self) -> u64 {
        self.begun.steps
    }

    /// The summary, once it is written.
    pub fn written_summary(&self) -> Option<Summary> {
        self.summary.clone()
    }

    /// What is not on the disk though it should be.
    pub fn problem(&self) -> Option<RunError> {
        let unsaved = self.unsaved.reason().map(RunError::Unsaved);
        unsaved.or_else(|| self.broken.get().cloned().map(RunError::NotWhole))
    }

    /// Adds evaluations of the final policy to the summary: on the levels asked for, and on those of training.
    pub fn set_evals(&mut self, eval: Option<EvalSummary>, training: Option<EvalSummary>) {
        self.evals = (eval, training);
    }

    /// Reports a write error.
    fn cannot_write(&self, problem: String) {
        self.unsaved.set(0, Some(problem));
    }

    /// The lock of its folder, held against other processes.
    pub fn owner(&self) -> Arc<Owner> {
        self.folder.owner()
    }

    /// Why lines of its record are permanently lost, if any are.
    pub fn broken(&self) -> Arc<OnceLock<String>> {
        self.broken.clone()
    }

    fn seconds(&self) -> f64 {
        self.earlier + self.began.elapsed().as_secs_f64()
    }

    /// Requests a checkpoint of everything recorded so far.
    fn begin_save(&mut self, learner: &mut LiveLearner, env_steps: u64) -> Result<Ticket, String> {
        self.flush_lines();
        self.folder.is_there().map_err(|error| error.to_string())?;
        let record = Record {
            lengths: Some(self.folder.lengths()),
            env_steps,
            seconds: self.seconds(),
            window: self.window.clone(),
        };
        let mut extra = vec![record.to_file().map_err(|error| error.to_string())?];
        let (place, mut files) = (self.folder.checkpoints(), Some(self.folder.files()));
        let Some(beside) = &self.beside else {
            return Ok(learner.begin_save(place, extra, files.unwrap_or_default()));
        };
        let mut ticket = None;
        beside.saving(&mut |more| {
            extra.extend(more);
            let extra = std::mem::take(&mut extra);
            ticket = Some(learner.begin_save(place.clone(), extra, files.take().unwrap_or_default()));
        });
        ticket.ok_or_else(|| "nothing was saved".to_owned())
    }

    /// Environment steps that the agent of the last checkpoint had received.
    fn agent_env_steps(&self) -> Option<u64> {
        let checkpoint = Checkpoint::open_only(&self.folder.checkpoints(), |_| false);
        Some(checkpoint.ok()?.manifest.counters.env_steps)
    }

    /// Writes pending lines and returns whether that succeeded.
    fn flush_lines(&mut self) {
        self.unsaved.set(0, self.folder.flush().err().map(|error| error.to_string()));
        if let Some(broken) = self.folder.broken()
            && self.broken.set(broken.to_owned()).is_ok()
        {
            tracing::error!("{broken}; the run continues");
        }
    }

    /// Writes the current configuration to `config.toml` if it has changed.
    fn keep(&mut self, learner: &LiveLearner, arenas: usize) {
        let now = RunConfig { arenas, device: learner.device(), ..self.begun.recorded(learner.config()) };
        self.saving.set_every(now.learner.checkpoint_seconds);
        let same = self.written.as_ref().is_some_and(|(_, written)| *written == now);
        let kept = if same { Ok(()) } else { self.folder.config(&now.to_toml()) };
        match kept {
            Ok(()) if !same => self.written = Some((Instant::now(), now)),
            Ok(()) => {}
            // Retried, like every failed write.
            Err(error) => self.unsaved.set(0, Some(error.to_string())),
        }
    }

    fn record_result(&mut self, env_steps: u64, problem: Option<String>) {
        self.saving.record_result(problem.is_none());
        if problem.is_none() {
            self.saved_at = Some(env_steps);
        }
        self.unsaved.set(1, problem);
    }
}

/// Maintains the files of `run`, and restores its controller assignment when it continues.
pub fn plugin(app: &mut App, run: LiveRun) {
    if let Some(mut learner) = app.world_mut().get_resource_mut::<LiveLearner>() {
        learner.record();
    }
    assignment::plugin(app, run.folder.path(), run.from.as_deref());
    app.insert_resource(run.unsaved.clone())
        .insert_resource(run)
        .add_systems(Update, (keep, (write, save).chain().after(remember)))
        .add_systems(PostUpdate, keep_map.run_if(resource_exists_and_changed::<Rooms>))
        .add_systems(Last, close);
}

/// Stops following changes of the controller assignment.
pub fn forget_seats(world: &mut World) {
    world.remove_resource::<assignment::SavedAssignment>();
}

/// Keeps `config.toml` equal to the settings the learner uses.
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
    conditions: Option<Res<Conditions>>,
    mut episodes: MessageReader<EpisodeFinished>,
    mut feedback: MessageReader<FeedbackGiven>,
) {
    let run = &mut *run;
    // Failed writes stay pending and are reported with the next line.
    let changed = conditions.is_some_and(|conditions| *conditions != Conditions::default());
    for mut episode in episodes.read().flat_map(EpisodeFinished::summaries) {
        if changed && episode.controller == Controller::Human.name() {
            // Not comparable with what people have reached under the world's own physics.
            "mixed".clone_into(&mut episode.controller);
        }
        _ = run.folder.episode(&episode);
        if episode.controller == Controller::Learning.name() {
            run.window.add(episode);
        }
    }
    for given in feedback.read() {
        _ = run.folder.hint(given);
    }
    if run.line_at.is_some_and(|at| at.elapsed().as_secs_f32() < LINE_SECONDS) {
        return;
    }
    run.line_at = Some(Instant::now());
    let status = learner.status();
    run.window.measured(status.measured(), status.effective_sample_size, status.policy_lag);
    // Steps of the run, which continue when the agent restarts with new networks.
    let mut line =
        run.window.line(replay.env_steps, status.gradient_steps, status.replay_len, status.refused);
    // Present only in runs that had any.
    if status.dropped > 0 {
        line.set(DROPPED_STEPS, status.dropped);
    }
    line.set(ENV_STEPS_PER_SECOND, history.env_step_rate);
    line.set(GRADIENT_STEPS_PER_SECOND, status.gradient_steps_per_second);
    set_times(&mut line, run.seconds());
    if let Some(beside) = &run.beside {
        beside.measure(&mut line);
    }
    _ = run.folder.metric(&line);
    // A failing terminal is harmless.
    _ = run.progress.as_mut().map(|progress| progress.record(replay.env_steps, &line));
    run.flush_lines();
}

/// Requests checkpoints: one at once, then at time intervals and on request. Runs after [`write`], so that
/// the lines of all episodes in a checkpoint are written.
fn save(mut run: ResMut<LiveRun>, mut learner: ResMut<LiveLearner>, replay: Res<Replay>) {
    let run = &mut *run;
    if let Some((ticket, env_steps)) = &run.under_way {
        let env_steps = *env_steps;
        match ticket.poll() {
            None => return,
            // A stopped learner reports that itself.
            Some(Err(LearnerError::Stopped(_))) => run.saving.record_result(true),
            Some(result) => run.record_result(env_steps, result.err().map(|error| error.to_string())),
        }
        run.under_way = None;
    }
    // A failed learner keeps its last checkpoint.
    if matches!(learner.status().health, Health::Failed(_)) {
        return;
    }
    let news = run.saved_at != Some(replay.env_steps);
    let due = run.saved_at.is_none() && run.unsaved.reason().is_none() || run.saving.is_due() && news;
    if learner.take_save_request() || due {
        match run.begin_save(&mut learner, replay.env_steps) {
            Ok(ticket) => run.under_way = Some((ticket, replay.env_steps)),
            Err(problem) => run.record_result(replay.env_steps, Some(problem)),
        }
    }
}

/// Saves the current map in the session's folder and checkpoints, after any change.
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
