//! Headless training: actors and learner in parallel, meeting at a barrier, reproducible to the byte.
//!
//! In period t the learner trains on all data up to period t − 1, while actors play with the policy of
//! the last barrier, which is learned from data up to t − 2. Neither sees anything of the other
//! before both are through.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bevy::prelude::*;
use serde::{Deserialize, Serialize};

use super::folder::{Claim, RunFolder};
use super::metrics::Window;
use super::progress::Progress;
use super::record::{Lengths, Record};
use super::saving::Saving;
use super::{EvalSummary, RunError};
use crate::agent::{self, Controller, Episodes, LearningPolicy, Replay, Roster, RosterSnapshot};
use crate::config::RunConfig;
use crate::learner::checkpoint::{Checkpoint, CheckpointError};
use crate::learner::{LearnerError, LearnerHandle, LearnerSetup, PeriodReport};
use crate::mdp::{Policy, StepBatch};
use crate::sim::ArenaSnapshot;
use crate::sim::arena::snapshots;
use crate::sim::run_agent_step;

/// What a headless run needs beside its composed app.
pub struct HeadlessSetup {
    /// The run's configuration.
    pub config: RunConfig,
    /// What the learner is made from.
    pub learner: LearnerSetup,
    /// Folder for results; nothing is written without one.
    pub out: Option<PathBuf>,
    /// Set from outside to end early, with a checkpoint.
    pub stop: Arc<AtomicBool>,
    /// Whether to say nothing.
    pub silent: bool,
    /// Plays greedy episodes with a policy, as many as `run.eval_episodes` says.
    pub evaluate: Evaluate,
    /// The same on the levels trained on, where others are kept for tests.
    pub evaluate_training: Option<Evaluate>,
}

/// Plays greedy episodes with a policy.
pub type Evaluate = Box<dyn Fn(Arc<dyn Policy>) -> EvalSummary>;

/// What a run came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Summary {
    /// World.
    pub env: String,
    /// Seed.
    pub seed: u64,
    /// Environment steps made.
    pub env_steps: u64,
    /// Gradient steps made.
    pub gradient_steps: u64,
    /// Mean return of the last 100 learning episodes.
    pub episode_return: Option<f32>,
    /// Share of them that succeeded.
    pub success: Option<f32>,
    /// Their mean score.
    pub score: Option<f32>,
    /// Whether it was ended early.
    pub interrupted: bool,
    /// Where the learner ran, and why there.
    pub device: String,
    /// Seconds of wall time, all parts of a resumed run together.
    pub seconds: f64,
    /// The last greedy evaluation, when one was asked for.
    pub eval: Option<EvalSummary>,
    /// The same policy on the levels trained on, where others are kept for tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval_training: Option<EvalSummary>,
    /// When the policy reached `run.target_return`, which ends the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solved: Option<Solved>,
}

impl Summary {
    /// Keeps what was measured of the same agent in an `earlier` part of the run.
    pub fn keep(&mut self, earlier: &Self) {
        if (self.env_steps, self.gradient_steps) != (earlier.env_steps, earlier.gradient_steps) {
            return;
        }
        if self.eval.is_none() {
            (self.eval, self.eval_training) = (earlier.eval, earlier.eval_training);
        }
        self.solved = self.solved.or(earlier.solved);
    }
}

/// What it took to reach `run.target_return`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Solved {
    /// Environment steps made.
    pub env_steps: u64,
    /// Seconds of wall time, this and earlier evaluations included.
    pub seconds: f64,
}

/// The simulation's part of a checkpoint, `simulation.json`.
#[derive(Serialize, Deserialize)]
struct SimulationState {
    env_steps: u64,
    next_log: u64,
    #[serde(default)]
    next_eval: u64,
    arenas: Vec<ArenaSnapshot>,
    roster: RosterSnapshot,
    staged: StepBatch,
}

/// Trains until the configured number of environment steps, or until stopped.
///
/// # Errors
/// [`RunError`] when the learner fails, a checkpoint does not fit or the disk refuses.
pub fn train(app: &mut App, setup: HeadlessSetup) -> Result<Summary, RunError> {
    let start = Instant::now();
    let HeadlessSetup { config, learner: mut learner_setup, out, stop, silent, evaluate, evaluate_training } =
        setup;
    let text = config.to_toml();
    let program = "entropy-arcade --no-render";
    let claim = Claim::for_run(out.as_deref(), &mut learner_setup.resume, &text, program)?;
    let mut run = Run {
        window: Window::default(),
        staged: StepBatch::default(),
        env_steps: 0,
        next_log: config.run.log_every,
        next_eval: config.run.eval_every,
        eval: None,
        solved: None,
        target_return: config.run.target_return,
        start,
        earlier: 0.0,
        folder: None,
        progress: Progress::new(config.steps, silent),
        saving: Saving::every(config.learner.checkpoint_seconds),
        told: [None, None],
        rates: (Instant::now(), 0, 0),
    };
    let mut lengths = None;
    if let Some(from) = &learner_setup.resume {
        let checkpoint = Checkpoint::open(from)?;
        checkpoint.check_spec(&learner_setup.spec)?;
        lengths = run.restore(app.world_mut(), &checkpoint, &config)?;
    }
    let begins = learner_setup.resume.is_none();
    let mut learner = LearnerHandle::start(learner_setup);
    app.insert_resource(LearningPolicy(learner.policy()));
    // An empty period waits for the device and brings the first policy.
    learner.begin_period(StepBatch::default());
    let mut period = learner.finish_period()?;
    // Only now that the learner has accepted everything does anything change on disk.
    run.folder = claim.map(|claim| claim.open(&text, lengths)).transpose()?;
    run.earlier = run.folder.as_ref().map_or(run.earlier, |folder| run.earlier.max(folder.seconds()));
    if begins {
        // A run that dies in its first minute can be gone on with too.
        run.checkpoint(app.world_mut(), &learner)?;
    }
    run.rates = (Instant::now(), run.env_steps, period.counters.gradient_steps);
    if !silent {
        let status = learner.status();
        eprintln!("learning on {}", status.device_reason);
    }

    let policy = learner.policy();
    let current = || policy.load().policy.clone();
    while run.env_steps < config.steps && run.solved.is_none() && !stop.load(Ordering::Relaxed) {
        learner.begin_period(std::mem::take(&mut run.staged));
        for _ in 0..config.run.period {
            run_agent_step(app.world_mut());
        }
        period = learner.finish_period()?;
        run.collect(app.world_mut(), &period)?;
        run.log(&config, &period, &|| evaluate(current()))?;
        if run.saving.is_due() {
            run.checkpoint(app.world_mut(), &learner)?;
        }
    }
    run.progress.finish();
    run.checkpoint(app.world_mut(), &learner)?;
    let interrupted = run.env_steps < config.steps && run.solved.is_none();
    let seconds = run.seconds();
    if config.run.eval_episodes > 0 && run.solved.is_none() && !interrupted {
        run.eval = Some(evaluate(current()));
    }
    let mut summary = Summary {
        env: config.env.clone(),
        seed: config.seed,
        env_steps: run.env_steps,
        gradient_steps: period.counters.gradient_steps,
        episode_return: run.window.mean(|episode| episode.episode_return),
        success: run.window.mean(|episode| f32::from(u8::from(episode.success))),
        score: run.window.mean(|episode| episode.score),
        interrupted,
        device: learner.status().device_reason.clone(),
        seconds,
        eval: run.eval,
        eval_training: evaluate_training.filter(|_| run.eval.is_some()).map(|evaluate| evaluate(current())),
        solved: run.solved,
    };
    if let Some(folder) = &mut run.folder {
        folder.summary(&mut summary)?;
    }
    // What the disk refused until the end is lost with this process.
    match run.told.into_iter().flatten().next() {
        Some(problem) => Err(RunError::Unsaved(problem)),
        None => Ok(summary),
    }
}

struct Run {
    window: Window,
    /// Recorded in the last period, for the learner in the next.
    staged: StepBatch,
    env_steps: u64,
    next_log: u64,
    next_eval: u64,
    eval: Option<EvalSummary>,
    solved: Option<Solved>,
    /// What it is solved with.
    target_return: Option<f32>,
    start: Instant,
    /// Seconds that earlier parts of the run took.
    earlier: f64,
    folder: Option<RunFolder>,
    progress: Progress,
    saving: Saving,
    /// What people were told that the disk refuses: lines, and the last checkpoint.
    told: [Option<String>; 2],
    /// When, env steps and gradient steps at the last line.
    rates: (Instant, u64, u64),
}

impl Run {
    /// Takes what the actors left behind.
    fn collect(&mut self, world: &mut World, period: &PeriodReport) -> Result<(), RunError> {
        let mut replay = world.resource_mut::<Replay>();
        self.staged = std::mem::take(&mut replay.staged);
        self.env_steps = replay.env_steps;
        for episode in std::mem::take(&mut world.resource_mut::<Episodes>().0) {
            // What is refused waits in memory, and is told of with the next line.
            _ = self.folder.as_mut().map(|folder| folder.episode(&episode));
            if episode.controller == Controller::Learning.name() {
                self.window.add(episode);
            }
        }
        self.window.measured(period.report.clone(), period.effective_sample_size, period.policy_lag);
        Ok(())
    }

    /// Seconds since the run began, all its parts together.
    fn seconds(&self) -> f64 {
        self.earlier + self.start.elapsed().as_secs_f64()
    }

    /// Says what the disk refuses, and when it does so no longer.
    fn tell(&mut self, what: usize, problem: Option<String>) {
        match (&self.told[what], &problem) {
            (before, Some(now)) if before.as_ref() != Some(now) => {
                self.progress.warn(&format!("{now}; the run goes on, and this is tried again"));
            }
            (Some(_), None) => self.progress.warn("what could not be written is written now"),
            _ => {}
        }
        self.told[what] = problem;
    }

    /// Writes a line of metrics and evaluates, when either is due.
    fn log(
        &mut self,
        config: &RunConfig,
        period: &PeriodReport,
        evaluate: &dyn Fn() -> EvalSummary,
    ) -> Result<(), RunError> {
        let eval_every = config.run.eval_every;
        let evaluates = eval_every > 0 && config.run.eval_episodes > 0 && self.env_steps >= self.next_eval;
        if self.env_steps < self.next_log && !evaluates {
            return Ok(());
        }
        while self.next_log <= self.env_steps {
            self.next_log += config.run.log_every;
        }
        let mut line = self.window.line(
            self.env_steps,
            period.counters.gradient_steps,
            period.replay_len,
            period.counters.refused,
        );
        let (at, env_steps, gradient_steps) = self.rates;
        let seconds = at.elapsed().as_secs_f64().max(1e-9);
        let rate = |now: u64, before: u64| ((now - before) as f64 / seconds).round();
        line.insert("time/env_steps_per_second".into(), rate(self.env_steps, env_steps).into());
        let made = rate(period.counters.gradient_steps, gradient_steps);
        line.insert("time/gradient_steps_per_second".into(), made.into());
        insert_times(&mut line, self.seconds());
        if evaluates {
            self.next_eval = (self.env_steps / eval_every + 1) * eval_every;
            let eval = evaluate();
            for (key, value) in [
                ("eval/episode_return", eval.episode_return.mean),
                ("eval/episode_length", eval.episode_length.mean),
                ("eval/success", eval.success),
                ("eval/score", eval.score.mean),
            ] {
                line.insert(key.into(), value.into());
            }
            self.eval = Some(eval);
            if config.run.target_return.is_some_and(|target| eval.episode_return.mean >= f64::from(target)) {
                let seconds = self.seconds();
                self.solved = Some(Solved { env_steps: self.env_steps, seconds });
            }
        }
        self.rates = (Instant::now(), self.env_steps, period.counters.gradient_steps);
        if let Some(folder) = &mut self.folder {
            let problem = folder.metric(&line).err();
            self.tell(0, problem.map(|error| error.to_string()));
        }
        self.progress.show(&line);
        Ok(())
    }

    /// Writes learner and simulation as they stand between two periods. A disk that refuses is told of and tried again.
    fn checkpoint(&mut self, world: &mut World, learner: &LearnerHandle) -> Result<(), RunError> {
        let Some(folder) = &mut self.folder else { return Ok(()) };
        let lines = folder.flush().err().map(|error| error.to_string());
        let checkpoints = folder.checkpoints();
        let unwritable =
            |reason: String| RunError::Folder { path: checkpoints.display().to_string(), reason };
        let record = Record {
            lengths: Some(folder.lengths()),
            env_steps: self.env_steps,
            seconds: self.earlier + self.start.elapsed().as_secs_f64(),
            window: self.window.clone(),
            solved: self.solved.zip(self.target_return),
        };
        let state = SimulationState {
            env_steps: self.env_steps,
            next_log: self.next_log,
            next_eval: self.next_eval,
            arenas: snapshots(world),
            roster: world.resource::<Roster>().snapshot(),
            staged: self.staged.clone(),
        };
        let bytes = serde_json::to_vec(&state).map_err(|error| unwritable(error.to_string()))?;
        let record = record.to_file().map_err(|error| unwritable(error.to_string()))?;
        let (files, extra) = (folder.files(), vec![("simulation.json".into(), bytes), record]);
        let write = || learner.finish_save(&learner.begin_save(checkpoints, extra, files));
        let saved = match folder.is_there().map(|()| write()) {
            Ok(Ok(_)) => None,
            Ok(Err(LearnerError::Checkpoint(error))) => Some(error.to_string()),
            Ok(Err(error)) => return Err(error.into()),
            Err(gone) => Some(gone.to_string()),
        };
        self.saving.went(saved.is_none());
        self.tell(0, lines);
        self.tell(1, saved);
        Ok(())
    }

    /// Brings the run back to a checkpoint, and the simulation where it holds one: one written while somebody watched
    /// begins new episodes.
    fn restore(
        &mut self,
        world: &mut World,
        checkpoint: &Checkpoint,
        config: &RunConfig,
    ) -> Result<Option<Lengths>, RunError> {
        let record = Record::of(checkpoint)?;
        (self.env_steps, self.earlier, self.window) = (record.env_steps, record.seconds, record.window);
        // A run that was solved stays so, unless more is asked of it now.
        let asked = |target: f32| config.run.target_return == Some(target);
        self.solved = record.solved.filter(|(_, target)| asked(*target)).map(|(solved, _)| solved);
        let lengths = record.lengths;
        world.resource_mut::<Replay>().env_steps = self.env_steps;
        if !checkpoint.has("simulation.json") {
            agent::begin_later(world, self.env_steps);
            let next = |every: u64| if every == 0 { 0 } else { (self.env_steps / every + 1) * every };
            (self.next_log, self.next_eval) = (next(config.run.log_every), next(config.run.eval_every));
            return Ok(lengths);
        }
        let state: SimulationState =
            serde_json::from_slice(checkpoint.file("simulation.json")?).map_err(|error| {
                CheckpointError::Damaged {
                    path: checkpoint.path(),
                    problem: format!("simulation.json: {error}"),
                }
            })?;
        let spec = &checkpoint.manifest.environment;
        if !state.arenas.iter().all(|arena| arena.fits(spec)) {
            let problem = "simulation.json: actions that do not exist".to_owned();
            return Err(CheckpointError::Damaged { path: checkpoint.path(), problem }.into());
        }
        agent::resume(world, &state.arenas, &state.roster, state.env_steps);
        world.resource_mut::<Replay>().env_steps = state.env_steps;
        self.env_steps = state.env_steps;
        self.next_log = state.next_log;
        self.next_eval = state.next_eval;
        self.staged = state.staged;
        Ok(lengths)
    }
}

/// The `time/` keys that say when a line of metrics was written: `seconds` since the run began, and by the clock.
pub(super) fn insert_times(line: &mut serde_json::Map<String, serde_json::Value>, seconds: f64) {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    for (key, value) in [("time/seconds", seconds), ("time/unix_seconds", unix)] {
        line.insert(key.into(), ((value * 1e3).round() / 1e3).into());
    }
}
