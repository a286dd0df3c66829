//! Headless training: actors and learner in parallel, meeting at a barrier, reproducible to the byte.
//!
//! In period t the learner trains on all data up to period t − 1, while actors play with the policy of
//! the last barrier, which is learned from data up to t − 2. Neither sees anything of the other
//! before both are through.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bevy::prelude::*;
use serde::{Deserialize, Serialize};

use super::folder::{Lengths, RunFolder};
use super::metrics::Window;
use super::progress::Progress;
use super::{EvalSummary, RunError};
use crate::agent::{self, Controller, Episodes, LearningPolicy, Replay, Roster, RosterSnapshot};
use crate::config::RunConfig;
use crate::files::in_plain_words;
use crate::learner::checkpoint::{Checkpoint, CheckpointError};
use crate::learner::{LearnerHandle, LearnerSetup, PeriodReport};
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
    /// Seconds of wall time, earlier parts of a resumed run not counted.
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
    window: Window,
    lengths: Lengths,
}

/// Trains until the configured number of environment steps, or until stopped.
///
/// # Errors
/// [`RunError`] when the learner fails, a checkpoint does not fit or the disk refuses.
pub fn train(app: &mut App, setup: HeadlessSetup) -> Result<Summary, RunError> {
    let start = Instant::now();
    let HeadlessSetup { config, learner: learner_setup, out, stop, silent, evaluate, evaluate_training } =
        setup;
    let resume = learner_setup.resume.clone();
    let mut run = Run {
        window: Window::default(),
        staged: StepBatch::default(),
        env_steps: 0,
        next_log: config.run.log_every,
        next_eval: config.run.eval_every,
        eval: None,
        solved: None,
        start,
        folder: None,
        progress: Progress::new(config.steps, silent),
        checkpoint_at: Instant::now(),
        rates: (Instant::now(), 0, 0),
    };
    let mut lengths = None;
    let level = learner_setup.level.as_ref().and_then(|level| level.text.clone());
    let mut other_level = false;
    if let Some(from) = &resume {
        let checkpoint = Checkpoint::open(from)?;
        checkpoint.check_spec(&learner_setup.spec)?;
        other_level = checkpoint.manifest.level.as_ref().is_some_and(|kept| kept.text != level);
        lengths = run.restore(app.world_mut(), &checkpoint)?;
    } else if let Some(path) = &out {
        RunFolder::check_free(path)?;
    }
    let mut learner = LearnerHandle::start(learner_setup);
    app.insert_resource(LearningPolicy(learner.policy()));
    // An empty period waits for the device and brings the first policy.
    learner.begin_period(StepBatch::default());
    let mut period = learner.finish_period()?;
    // Only now that the learner has accepted everything does anything change on disk.
    run.folder = match &out {
        Some(path) if resume.as_deref() == Some(path) => {
            Some(RunFolder::resume(path, &config.to_toml(), lengths)?)
        }
        Some(path) => Some(RunFolder::create(path, &config.to_toml())?),
        None => None,
    };
    if let (Some(folder), Some(level)) = (&run.folder, &level) {
        folder.keep_level(level, other_level)?;
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
        let every = config.learner.checkpoint_seconds;
        if every > 0.0 && run.checkpoint_at.elapsed().as_secs_f32() >= every {
            run.checkpoint(app.world_mut(), &learner)?;
        }
    }
    run.progress.finish();
    run.checkpoint(app.world_mut(), &learner)?;
    let interrupted = run.env_steps < config.steps && run.solved.is_none();
    let seconds = start.elapsed().as_secs_f64();
    if config.run.eval_episodes > 0 && run.solved.is_none() && !interrupted {
        run.eval = Some(evaluate(current()));
    }
    let summary = Summary {
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
        folder.summary(&summary)?;
    }
    Ok(summary)
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
    start: Instant,
    folder: Option<RunFolder>,
    progress: Progress,
    checkpoint_at: Instant,
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
            if let Some(folder) = &mut self.folder {
                folder.episode(&episode)?;
            }
            if episode.controller == Controller::Learning.name() {
                self.window.add(episode);
            }
        }
        self.window.measured(period.report.clone(), period.effective_sample_size, period.policy_lag);
        Ok(())
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
                let seconds = self.start.elapsed().as_secs_f64();
                self.solved = Some(Solved { env_steps: self.env_steps, seconds });
            }
        }
        self.rates = (Instant::now(), self.env_steps, period.counters.gradient_steps);
        if let Some(folder) = &mut self.folder {
            folder.metric(&line)?;
        }
        self.progress.show(&line);
        Ok(())
    }

    /// Writes learner and simulation as they stand between two periods.
    fn checkpoint(&mut self, world: &mut World, learner: &LearnerHandle) -> Result<(), RunError> {
        let Some(folder) = &mut self.folder else { return Ok(()) };
        let state = SimulationState {
            env_steps: self.env_steps,
            next_log: self.next_log,
            next_eval: self.next_eval,
            arenas: snapshots(world),
            roster: world.resource::<Roster>().snapshot(),
            staged: self.staged.clone(),
            window: self.window.clone(),
            lengths: folder.lengths()?,
        };
        let bytes = serde_json::to_vec(&state).map_err(|error| RunError::Folder {
            path: folder.checkpoints().display().to_string(),
            reason: error.to_string(),
        })?;
        learner.save_with(folder.checkpoints(), vec![("simulation.json".into(), bytes)])?;
        self.checkpoint_at = Instant::now();
        Ok(())
    }

    /// Brings the simulation back to a checkpoint. One without a simulation (written while somebody
    /// watched) begins new episodes.
    fn restore(&mut self, world: &mut World, checkpoint: &Checkpoint) -> Result<Option<Lengths>, RunError> {
        self.env_steps = checkpoint.manifest.counters.env_steps;
        world.resource_mut::<Replay>().env_steps = self.env_steps;
        if !checkpoint.has("simulation.json") {
            agent::begin_later(world, self.env_steps);
            return Ok(None);
        }
        let state: SimulationState =
            serde_json::from_slice(checkpoint.file("simulation.json")?).map_err(|error| {
                CheckpointError::Damaged {
                    path: checkpoint.path(),
                    problem: format!("simulation.json: {}", in_plain_words(&error.to_string())),
                }
            })?;
        let spec = &checkpoint.manifest.environment;
        if !state.arenas.iter().all(|arena| arena.fits(spec)) || !state.staged.fits(spec) {
            let problem = "simulation.json: steps that cannot be".to_owned();
            return Err(CheckpointError::Damaged { path: checkpoint.path(), problem }.into());
        }
        agent::resume(world, &state.arenas, &state.roster, state.env_steps);
        world.resource_mut::<Replay>().env_steps = state.env_steps;
        self.env_steps = state.env_steps;
        self.next_log = state.next_log;
        self.next_eval = state.next_eval;
        self.staged = state.staged;
        self.window = state.window;
        Ok(Some(state.lengths))
    }
}
