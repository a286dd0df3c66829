//! Headless training: actors and learner in parallel, meeting at a barrier, reproducible to the byte.
//!
//! In period t the learner trains on all data up to period t − 1, while actors play with the policy of
//! the last barrier, which is learned from data up to t − 2. Neither sees anything of the other
//! before both are through. A run that is stopped leaves both where they are: the checkpoint then holds an open
//! period, and the run that goes on ends it before anything else.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bevy::prelude::*;
use serde::{Deserialize, Serialize};

use super::folder::{Lengths, RunFolder};
use super::metrics::Window;
use super::progress::Progress;
use super::resume::Earlier;
use super::{EvalSummary, RunError};
use crate::agent::{self, Controller, Episodes, LearningPolicy, Replay, Roster, RosterSnapshot};
use crate::config::RunConfig;
use crate::learner::checkpoint::{Checkpoint, CheckpointError};
use crate::learner::{
    CategoricalPolicy, LearnerHandle, LearnerSetup, LearnerStatus, PeriodReport, policy_bytes,
};
use crate::mdp::{Policy, PolicySnapshot, StepBatch};
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

/// Plays greedy episodes with a policy; `None` when the run was stopped meanwhile.
pub type Evaluate = Box<dyn Fn(Arc<dyn Policy>) -> Option<EvalSummary>>;

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
    #[serde(default)]
    solved: Option<Solved>,
    arenas: Vec<ArenaSnapshot>,
    roster: RosterSnapshot,
    staged: StepBatch,
    window: Window,
    lengths: Lengths,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    open: Option<OpenPeriod>,
}

/// A period that was left before its end. Its policy is in [`ACTING`], what it has recorded is `staged`, and the gradient
/// steps left of it are the learner's credit.
#[derive(Clone, Serialize, Deserialize)]
struct OpenPeriod {
    /// Agent steps played of it.
    played: u32,
    /// As measured at its beginning.
    policy_lag: Option<f32>,
    /// Version of its policy, and with how many gradient steps that was learned.
    policy: (u64, u64),
}

/// The policy of an open period, to be written again and to act with.
type Acting = (Arc<CategoricalPolicy>, PolicySnapshot);

/// Its file.
const ACTING: &str = "acting.safetensors";

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
        again: false,
        start,
        folder: None,
        progress: Progress::new(config.steps, silent),
        checkpoint_at: Instant::now(),
        rates: (Instant::now(), 0, 0),
        open: None,
        stop: stop.clone(),
    };
    let (mut lengths, mut acting, mut begun_with) = (None, None, 0);
    if let Some(from) = &resume {
        let checkpoint = Checkpoint::open(from)?;
        checkpoint.check_spec(&learner_setup.spec)?;
        lengths = run.restore(app.world_mut(), &checkpoint)?;
        acting = run.acting(&checkpoint)?;
        begun_with = checkpoint.manifest.counters.gradient_steps;
        if let Some((kept, why)) = Earlier::read(from)?.and_then(|earlier| run.ended(&config, earlier)) {
            if !silent {
                eprintln!("nothing is left to do: {why}");
            }
            return Ok(kept);
        }
    } else if let Some(path) = &out {
        RunFolder::check_free(path)?;
    }
    let mut learner = LearnerHandle::start_in_periods(learner_setup, stop.clone());
    app.insert_resource(LearningPolicy(learner.policy()));
    let Some(mut period) = learner.open(&stop)? else {
        // Nothing has changed yet, neither here nor on disk.
        return Ok(run.summary(&config, &learner, begun_with));
    };
    if let Some((actor, snapshot)) = acting {
        period.actor = Some(actor);
        learner.act_with(snapshot);
    }
    // Only now that the learner has accepted everything does anything change on disk.
    run.folder = match &out {
        Some(path) if resume.as_deref() == Some(path) => {
            Some(RunFolder::resume(path, &config.to_toml(), lengths)?)
        }
        Some(path) => Some(RunFolder::create(path, &config.to_toml())?),
        None => None,
    };
    run.rates = (Instant::now(), run.env_steps, period.counters.gradient_steps);
    if !silent {
        say_what_begins(&config, &learner.status(), run.solved);
    }

    let policy = learner.policy();
    let current = || policy.load().policy.clone();
    // A period that a stop has left open is ended first, whatever else is due.
    while run.open.is_some() || run.goes_on(app.world_mut(), &config, &learner, &period, &evaluate)? {
        let now = run.play_period(app.world_mut(), config.run.period, &mut learner)?;
        if run.open.is_some() {
            // The open period was played with the policy of the barrier before it.
            let acting = policy_bytes(period.actor.as_deref())?;
            run.progress.finish();
            run.checkpoint(app.world_mut(), &learner, vec![(ACTING.into(), acting)])?;
            return run.end(run.summary(&config, &learner, now.counters.gradient_steps));
        }
        period = now;
    }
    run.progress.finish();
    run.checkpoint(app.world_mut(), &learner, Vec::new())?;
    let mut summary = run.summary(&config, &learner, period.counters.gradient_steps);
    let solved = run.solved.is_some() && !run.again;
    summary.interrupted = run.env_steps < config.steps && !solved;
    // An evaluation that is stopped counts as not made: the run that goes on makes it.
    if config.run.eval_episodes > 0 && !summary.interrupted && (!solved || run.eval.is_none()) {
        let last = evaluate(current());
        summary.interrupted = last.is_none();
        summary.eval = last.or(summary.eval);
    }
    if let Some(evaluate) = evaluate_training.filter(|_| summary.eval.is_some()) {
        summary.eval_training = evaluate(current());
        summary.interrupted |= summary.eval_training.is_none();
    }
    run.end(summary)
}

/// What is good to know before a run has gone on for long.
fn say_what_begins(config: &RunConfig, status: &LearnerStatus, solved: Option<Solved>) {
    eprintln!("learning on {}", status.device_reason);
    let (capacity, asked) = (status.replay_capacity, config.learner.replay_capacity);
    let megabytes = status.replay_bytes as f64 / 1e6;
    let why = if capacity > asked.next_multiple_of(64) {
        format!(
            " (learner.replay_capacity = {asked} is less than 256 for each of the streams played at once)"
        )
    } else {
        String::new()
    };
    eprintln!("replay keeps {capacity} transitions, {megabytes:.1} MB when full{why}");
    if let Some(Solved { env_steps, .. }) = solved {
        eprintln!("solved after {env_steps} env steps; going on to {}", config.steps);
    }
    let starts = config.learner.learning_starts;
    if config.steps <= starts {
        eprintln!("nothing will be learned: learner.learning_starts = {starts}, steps = {}", config.steps);
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
    /// Whether it goes on although it was solved before.
    again: bool,
    start: Instant,
    folder: Option<RunFolder>,
    progress: Progress,
    checkpoint_at: Instant,
    /// When, env steps and gradient steps at the last line.
    rates: (Instant, u64, u64),
    /// Left by a stop.
    open: Option<OpenPeriod>,
    stop: Arc<AtomicBool>,
}

impl Run {
    /// At a barrier: does what is due there, and tells whether another period follows.
    fn goes_on(
        &mut self,
        world: &mut World,
        config: &RunConfig,
        learner: &LearnerHandle,
        period: &PeriodReport,
        evaluate: &Evaluate,
    ) -> Result<bool, RunError> {
        self.log(config, period, &|| evaluate(period.policy.policy.clone()))?;
        let every = config.learner.checkpoint_seconds;
        if every > 0.0 && self.checkpoint_at.elapsed().as_secs_f32() >= every {
            self.checkpoint(world, learner, Vec::new())?;
        }
        let solved = self.solved.is_some() && !self.again;
        Ok(self.env_steps < config.steps && !solved && !self.stop.load(Ordering::Relaxed))
    }

    /// Plays and learns one period of `length` agent steps, or what is left of the open one. A stop leaves it open.
    fn play_period(
        &mut self,
        world: &mut World,
        length: u32,
        learner: &mut LearnerHandle,
    ) -> Result<PeriodReport, RunError> {
        let begun = self.open.take();
        let (mut played, earlier_lag) = begun.map_or((0, None), |open| (open.played, open.policy_lag));
        let acting = learner.policy().load_full();
        learner.begin_period(std::mem::take(&mut self.staged));
        while played < length && !self.stop.load(Ordering::Relaxed) {
            run_agent_step(world);
            played += 1;
        }
        let mut period = learner.finish_period()?;
        period.policy_lag = period.policy_lag.or(earlier_lag);
        self.collect(world, &period)?;
        if played < length || !period.finished {
            let policy = (acting.version, acting.gradient_steps);
            self.open = Some(OpenPeriod { played, policy_lag: period.policy_lag, policy });
        } else {
            self.staged = std::mem::take(&mut world.resource_mut::<Replay>().staged);
        }
        Ok(period)
    }

    /// Takes what the actors left behind, but for the steps.
    fn collect(&mut self, world: &mut World, period: &PeriodReport) -> Result<(), RunError> {
        self.env_steps = world.resource::<Replay>().env_steps;
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
        evaluate: &dyn Fn() -> Option<EvalSummary>,
    ) -> Result<(), RunError> {
        let eval_every = config.run.eval_every;
        let evaluates = eval_every > 0 && config.run.eval_episodes > 0 && self.env_steps >= self.next_eval;
        if self.env_steps < self.next_log && !evaluates {
            return Ok(());
        }
        let eval = if evaluates { evaluate() } else { None };
        if evaluates && eval.is_none() {
            // Stopped: the run that goes on writes this line.
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
        if let Some(eval) = eval {
            self.next_eval = (self.env_steps / eval_every + 1) * eval_every;
            for (key, value) in [
                ("eval/episode_return", eval.episode_return.mean),
                ("eval/episode_length", eval.episode_length.mean),
                ("eval/success", eval.success),
                ("eval/score", eval.score.mean),
            ] {
                line.insert(key.into(), value.into());
            }
            self.eval = Some(eval);
            let target = config.run.target_return.filter(|_| self.solved.is_none());
            if target.is_some_and(|target| eval.episode_return.mean >= f64::from(target)) {
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

    /// Writes learner and simulation as they stand between two periods or, with its policy among `files`, in an open one.
    fn checkpoint(
        &mut self,
        world: &mut World,
        learner: &LearnerHandle,
        mut files: Vec<(String, Vec<u8>)>,
    ) -> Result<(), RunError> {
        let Some(folder) = &mut self.folder else { return Ok(()) };
        let state = SimulationState {
            env_steps: self.env_steps,
            next_log: self.next_log,
            next_eval: self.next_eval,
            solved: self.solved,
            arenas: snapshots(world),
            roster: world.resource::<Roster>().snapshot(),
            // Steps of an open period have not left the actors yet.
            staged: match self.open {
                Some(_) => world.resource::<Replay>().staged.clone(),
                None => self.staged.clone(),
            },
            open: self.open.clone(),
            window: self.window.clone(),
            lengths: folder.lengths()?,
        };
        let bytes = serde_json::to_vec(&state).map_err(|error| RunError::Folder {
            path: folder.checkpoints().display().to_string(),
            reason: error.to_string(),
        })?;
        files.push(("simulation.json".into(), bytes));
        learner.save_with(folder.checkpoints(), files)?;
        self.checkpoint_at = Instant::now();
        Ok(())
    }

    /// What it has come to so far.
    fn summary(&self, config: &RunConfig, learner: &LearnerHandle, gradient_steps: u64) -> Summary {
        Summary {
            env: config.env.clone(),
            seed: config.seed,
            env_steps: self.env_steps,
            gradient_steps,
            episode_return: self.window.mean(|episode| episode.episode_return),
            success: self.window.mean(|episode| f32::from(u8::from(episode.success))),
            score: self.window.mean(|episode| episode.score),
            interrupted: true,
            device: learner.status().device_reason.clone(),
            seconds: self.start.elapsed().as_secs_f64(),
            eval: self.eval,
            eval_training: None,
            solved: self.solved,
        }
    }

    /// Writes the summary.
    fn end(&mut self, summary: Summary) -> Result<Summary, RunError> {
        if let Some(folder) = &mut self.folder {
            folder.summary(&summary)?;
        }
        Ok(summary)
    }

    /// The policy that an open period is played with.
    fn acting(&self, checkpoint: &Checkpoint) -> Result<Option<Acting>, RunError> {
        let Some(open) = &self.open else { return Ok(None) };
        let (version, gradient_steps) = open.policy;
        let actor = Arc::new(checkpoint.actor(ACTING)?);
        let snapshot = PolicySnapshot { version, gradient_steps, policy: actor.clone(), critics: None };
        Ok(Some((actor, snapshot)))
    }

    /// Takes up what has changed in `config` since. The summary of a run that has ended and has nothing left to do under
    /// it, and why. One that was solved goes on when more steps or another target are asked for; `solved` stays, unless
    /// the target is higher.
    fn ended(&mut self, config: &RunConfig, earlier: Earlier) -> Option<(Summary, String)> {
        let Earlier { config: then, summary } = earlier;
        let made = self.env_steps;
        let next = |every: u64| (made / every.max(1) + 1).saturating_mul(every);
        if config.run.log_every != then.run.log_every {
            self.next_log = next(config.run.log_every);
        }
        if config.run.eval_every != then.run.eval_every {
            self.next_eval = next(config.run.eval_every);
        }
        let summary = summary.filter(|summary| !summary.interrupted && summary.env_steps == made);
        self.solved = self.solved.or(summary.as_ref().and_then(|summary| summary.solved));
        let [target, target_then] = [config.run.target_return, then.run.target_return];
        if target.zip(target_then).is_some_and(|(now, then)| now > then) {
            self.solved = None;
        }
        let solved_here = self.solved.is_some_and(|solved| solved.env_steps == made);
        let through = solved_here && target == target_then && config.steps <= then.steps;
        self.again = self.solved.is_some() && !through;
        if through {
            let why = format!(
                "it was solved after {made} env steps; --steps beyond {} or run.target_return=none goes on",
                then.steps
            );
            return summary.map(|summary| (summary, why));
        }
        let why = format!("{made} of {} env steps are made; --steps asks for more", config.steps);
        summary.filter(|_| made >= config.steps).map(|summary| (summary, why))
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
        self.solved = state.solved;
        match state.open {
            Some(_) => world.resource_mut::<Replay>().staged = state.staged,
            None => self.staged = state.staged,
        }
        self.open = state.open;
        self.window = state.window;
        Ok(Some(state.lengths))
    }
}
