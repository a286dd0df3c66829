//! Headless training: actors and learner in parallel, meeting at a barrier, reproducible to the byte.
//!
//! In period t the learner trains on all data up to period t − 1, while actors play with the policy of
//! the last barrier, which is learned from data up to t − 2. Neither sees anything of the other
//! before both are through. A run that is stopped leaves both where they are: the checkpoint then holds an open
//! period, and the run that goes on ends it before anything else.

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
use super::resume::Earlier;
use super::saving::Saving;
use super::{EvalSummary, RunError};
use crate::agent::{ActorStates, ActorStatesSnapshot, Controller, Episodes, LearningPolicy, Replay};
use crate::config::RunConfig;
use crate::files::in_plain_words;
use crate::learner::checkpoint::{Checkpoint, CheckpointError};
use crate::learner::{
    CategoricalPolicy, Counters, LearnerError, LearnerHandle, LearnerSetup, LearnerStatus, PeriodReport,
    policy_bytes,
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
    /// Environment steps that the run has made, by all its agents together.
    pub env_steps: u64,
    /// Those of them that its present agent has taken in, as in its checkpoint's manifest: fewer after a reset in the
    /// window, and without the last period's, which are learned from in the next one. `None` in files of older programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_env_steps: Option<u64>,
    /// Gradient steps that its present agent has made.
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
    #[serde(default)]
    solved: Option<Solved>,
    arenas: Vec<ArenaSnapshot>,
    #[serde(rename = "roster")]
    actor_states: ActorStatesSnapshot,
    staged: StepBatch,
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
    let HeadlessSetup { config, learner: mut learner_setup, out, stop, silent, evaluate, evaluate_training } =
        setup;
    let text = config.to_toml();
    let program = "entropy-arcade --no-render";
    let claim = Claim::for_run(out.as_deref(), &mut learner_setup.resume, &text, program)?;
    let begins = learner_setup.resume.is_none();
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
        earlier: 0.0,
        folder: None,
        progress: Progress::new(config.steps, silent),
        saving: Saving::every(config.learner.checkpoint_seconds),
        told: [None, None],
        told_broken: false,
        rates: (Instant::now(), 0, 0),
        open: None,
        stop: stop.clone(),
    };
    let (mut lengths, mut acting, mut begun_with) = (None, None, Counters::default());
    let level = learner_setup.level.as_ref().and_then(|level| level.text.clone());
    if let Some(from) = &learner_setup.resume {
        let checkpoint = Checkpoint::open(from)?;
        checkpoint.check_spec(&learner_setup.spec)?;
        lengths = run.restore(app.world_mut(), &checkpoint, &config)?;
        acting = run.acting(&checkpoint)?;
        begun_with = checkpoint.manifest.counters;
        if let Some((kept, why)) = Earlier::read(from)?.and_then(|earlier| run.ended(&config, earlier)) {
            if !silent {
                crate::files::to_stderr(&format!("nothing is left to do: {why}"));
            }
            return Ok(kept);
        }
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
    run.folder = claim.map(|claim| claim.open(Some(&text), lengths)).transpose()?;
    run.earlier = run.folder.as_ref().map_or(run.earlier, |folder| run.earlier.max(folder.seconds()));
    if let (Some(folder), Some(level)) = (&run.folder, &level) {
        folder.keep_level(level, begins)?;
    }
    if begins {
        // A run that dies in its first minute can be gone on with too.
        run.checkpoint(app.world_mut(), &learner, Vec::new())?;
    }
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
            return run.end(run.summary(&config, &learner, now.counters));
        }
        period = now;
    }
    run.progress.finish();
    run.checkpoint(app.world_mut(), &learner, Vec::new())?;
    let mut summary = run.summary(&config, &learner, period.counters);
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
    crate::files::to_stderr(&format!("learning on {}", status.device_reason));
    let (capacity, asked) = (status.replay_capacity, config.learner.replay_capacity);
    let megabytes = status.replay_bytes as f64 / 1e6;
    let why = if capacity > asked.next_multiple_of(64) {
        format!(
            " (learner.replay_capacity = {asked} is less than 256 for each of the streams played at once)"
        )
    } else {
        String::new()
    };
    crate::files::to_stderr(&format!(
        "replay keeps {capacity} transitions, {megabytes:.1} MB when full{why}"
    ));
    if let Some(Solved { env_steps, .. }) = solved {
        crate::files::to_stderr(&format!("solved after {env_steps} env steps; going on to {}", config.steps));
    }
    let starts = config.learner.learning_starts;
    if config.steps <= starts {
        crate::files::to_stderr(&format!(
            "nothing will be learned: learner.learning_starts = {starts}, steps = {}",
            config.steps
        ));
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
    /// Seconds that earlier parts of the run took.
    earlier: f64,
    folder: Option<RunFolder>,
    progress: Progress,
    saving: Saving,
    /// What people were told that the disk refuses: lines, and the last checkpoint.
    told: [Option<String>; 2],
    /// Whether they were told that the record is not whole.
    told_broken: bool,
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
        if self.saving.is_due() {
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

    /// Says once that lines are lost for good.
    fn tell_broken(&mut self) {
        let broken = self.folder.as_ref().and_then(RunFolder::broken);
        if let Some(broken) = broken.filter(|_| !self.told_broken) {
            self.progress.warn(&format!("{broken}; the run goes on"));
            self.told_broken = true;
        }
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
        insert_times(&mut line, self.seconds());
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
                let seconds = self.seconds();
                self.solved = Some(Solved { env_steps: self.env_steps, seconds });
            }
        }
        self.rates = (Instant::now(), self.env_steps, period.counters.gradient_steps);
        if let Some(folder) = &mut self.folder {
            let problem = folder.metric(&line).err();
            self.tell(0, problem.map(|error| error.to_string()));
            self.tell_broken();
        }
        self.progress.show(&line);
        Ok(())
    }

    /// Writes learner and simulation as they stand between two periods or, with its policy among `files`, in an open one.
    /// A disk that refuses is told of and tried again.
    fn checkpoint(
        &mut self,
        world: &mut World,
        learner: &LearnerHandle,
        mut files: Vec<(String, Vec<u8>)>,
    ) -> Result<(), RunError> {
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
        };
        let state = SimulationState {
            env_steps: self.env_steps,
            next_log: self.next_log,
            next_eval: self.next_eval,
            solved: self.solved,
            arenas: snapshots(world),
            actor_states: world.resource::<ActorStates>().snapshot(),
            // Steps of an open period have not left the actors yet.
            staged: match self.open {
                Some(_) => world.resource::<Replay>().staged.clone(),
                None => self.staged.clone(),
            },
            open: self.open.clone(),
        };
        let bytes = serde_json::to_vec(&state).map_err(|error| unwritable(error.to_string()))?;
        files.push(("simulation.json".into(), bytes));
        files.push(record.to_file().map_err(|error| unwritable(error.to_string()))?);
        let lengths = folder.files();
        let write = || learner.finish_save(&learner.begin_save(checkpoints, files, lengths));
        let saved = match folder.is_there().map(|()| write()) {
            Ok(Ok(_)) => None,
            Ok(Err(LearnerError::Checkpoint(error))) => Some(error.to_string()),
            Ok(Err(error)) => return Err(error.into()),
            Err(gone) => Some(gone.to_string()),
        };
        self.saving.went(saved.is_none());
        self.tell(0, lines);
        self.tell_broken();
        self.tell(1, saved);
        Ok(())
    }

    /// What it has come to so far.
    fn summary(&self, config: &RunConfig, learner: &LearnerHandle, made: Counters) -> Summary {
        Summary {
            env: config.env.clone(),
            seed: config.seed,
            env_steps: self.env_steps,
            agent_env_steps: Some(made.env_steps),
            gradient_steps: made.gradient_steps,
            episode_return: self.window.mean(|episode| episode.episode_return),
            success: self.window.mean(|episode| f32::from(u8::from(episode.success))),
            score: self.window.mean(|episode| episode.score),
            interrupted: true,
            device: learner.status().device_reason.clone(),
            seconds: self.seconds(),
            eval: self.eval,
            eval_training: None,
            solved: self.solved,
        }
    }

    /// Writes the summary.
    ///
    /// # Errors
    /// [`RunError::Unsaved`] for what the disk refused until the end: it is lost with this process.
    /// [`RunError::NotWhole`] for lines that were lost on the way.
    fn end(&mut self, mut summary: Summary) -> Result<Summary, RunError> {
        if let Some(folder) = &mut self.folder {
            folder.summary(&mut summary)?;
        }
        let broken = self.folder.as_ref().and_then(RunFolder::broken);
        match (self.told.iter_mut().find_map(Option::take), broken) {
            (Some(problem), _) => Err(RunError::Unsaved(problem)),
            (None, Some(broken)) => Err(RunError::NotWhole(broken.to_owned())),
            (None, None) => Ok(summary),
        }
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
        let untaken = if *config == then { "" } else { "; other settings given with --resume are not taken" };
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
                "it was solved after {made} env steps; --steps beyond {} or run.target_return=none goes on{untaken}",
                then.steps
            );
            return summary.map(|summary| (summary, why));
        }
        let why = format!("{made} of {} env steps are made; --steps asks for more{untaken}", config.steps);
        summary.filter(|_| made >= config.steps).map(|summary| (summary, why))
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
        let lengths = record.lengths;
        world.resource_mut::<Replay>().env_steps = self.env_steps;
        if !checkpoint.has("simulation.json") {
            crate::sim::begin_later(world, self.env_steps);
            let next = |every: u64| (self.env_steps / every.max(1) + 1).saturating_mul(every);
            (self.next_log, self.next_eval) = (next(config.run.log_every), next(config.run.eval_every));
            return Ok(lengths);
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
        crate::sim::resume(world, &state.arenas, &state.actor_states, state.env_steps);
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
