//! Headless training: actors and learner in parallel, meeting at a barrier, reproducible to the byte.
//!
//! In period t the learner trains on all data up to period t − 1, while actors play with the policy of the
//! last barrier, which was learned from data up to t − 2. Neither sees the other's results before both are
//! done. A stopped run leaves both where they are: the checkpoint then holds an open period, which the
//! resumed run finishes first.

mod ended;
mod evaluation;
mod log;
mod players;
mod state;
mod summary;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bevy::ecs::message::MessageCursor;
use bevy::prelude::*;

use super::compose::headless_app;
use super::earlier::Earlier;
use super::eval::still_there;
use super::folder::{Claim, RunFolder};
use super::metrics::RollingMetrics;
use super::progress::Progress;
use super::saving::Saving;
use super::{EvalSummary, RunError};
use crate::agent::{Controller, EpisodeFinished, Exploration, LearningPolicy, Recording, Replay};
use crate::algo::TrainedPolicy;
use crate::config::RunConfig;
use crate::experiment::Experiment;
use crate::learner::checkpoint::Checkpoint;
use crate::learner::{Counters, policy_bytes, untrained};
use crate::link::{LockStep, PeriodReport};
use crate::mdp::{Policy, StepBatch};
use crate::sim::{Failure, run_agent_step};
pub(crate) use evaluation::Evaluation;
use log::print_start;
pub(super) use log::set_times;
pub use players::Players;
use state::{ACTING, OpenPeriod};
pub use summary::{Solved, Summary};

/// Trains without a window, until the configured number of environment steps or until `stop` is set.
///
/// # Errors
/// [`RunError`] if the learner fails, a checkpoint does not fit or writing fails.
pub fn train(experiment: Experiment, stop: Arc<AtomicBool>, silent: bool) -> Result<Summary, RunError> {
    let policy = LearningPolicy(untrained(&experiment.world.spec().action));
    let assignment = experiment.assignment.clone();
    let threads = experiment.config.run.sim_threads;
    let mut app = headless_app(&experiment.world, experiment.sim(), assignment, policy, threads);
    train_in(&mut app, experiment, stop, silent)
}

/// Like [`train`], in an app already composed for the experiment.
///
/// # Errors
/// As [`train`].
pub fn train_in(
    app: &mut App,
    experiment: Experiment,
    stop: Arc<AtomicBool>,
    silent: bool,
) -> Result<Summary, RunError> {
    train_with(app, experiment, stop, silent, |_| None)
}

/// Like [`train_in`], with what `players` makes of the app's world, once it is where the run begins or goes on.
///
/// # Errors
/// As [`train`].
pub fn train_with(
    app: &mut App,
    mut experiment: Experiment,
    stop: Arc<AtomicBool>,
    silent: bool,
    players: impl FnOnce(&mut World) -> Option<Box<dyn Players>>,
) -> Result<Summary, RunError> {
    let text = experiment.config.to_toml();
    let program = "entropy-arcade --no-render";
    let claim = Claim::for_run(experiment.out.as_deref(), &mut experiment.resume, &text, program)?;
    // Checkpoints of a headless run include its simulation, so the run writes them, not the learner.
    let setup = experiment.learner_setup(None);
    let level = setup.level.as_ref().and_then(|level| level.text.clone());
    let made_of = experiment.world.made_of();
    let begins = setup.resume.is_none();
    let mut run = Run::new(experiment, stop, silent);
    let (mut lengths, mut acting, mut counters) = (None, None, Counters::default());
    if let Some(from) = &setup.resume {
        let checkpoint = Checkpoint::open(from)?;
        checkpoint.check_spec(&setup.spec)?;
        lengths = run.restore(app.world_mut(), &checkpoint)?;
        acting = run.acting(&checkpoint)?;
        counters = checkpoint.manifest.counters;
        if let Some((summary, why)) = Earlier::read(from)?.and_then(|earlier| run.ended(earlier)) {
            if !silent {
                crate::files::to_stderr(&format!("nothing to do: {why}"));
            }
            return Ok(summary.unwrap_or_else(|| run.summary("none, nothing was trained", counters)));
        }
    }
    run.players = players(app.world_mut());
    let mut learner = LockStep::start(setup, run.stop.clone());
    app.insert_resource(LearningPolicy(learner.policy()));
    app.world_mut().resource_mut::<Recording>().states = run.config.learner.wants_states();
    app.insert_resource(Exploration(run.config.learner.exploration));
    let Some(mut period) = learner.open(&run.stop)? else {
        // Nothing has changed yet, in memory or on disk.
        return Ok(run.summary(&learner.status().device_reason, counters));
    };
    if let Some((actor, snapshot)) = acting {
        period.actor = Some(actor);
        learner.act_with(snapshot);
    }
    // The disk changes only after the learner has accepted everything.
    run.folder = claim.map(|claim| claim.open(Some(&text), lengths)).transpose()?;
    if let (Some(folder), true) = (&mut run.folder, run.config.run.tensorboard) {
        folder.keep_events(run.env_steps, &text)?;
    }
    run.earlier = run.folder.as_ref().map_or(run.earlier, |folder| run.earlier.max(folder.seconds()));
    if let (Some(folder), Some(level)) = (&run.folder, &level) {
        folder.keep_level(level, begins)?;
    }
    if let (Some(folder), Some(made_of)) = (&run.folder, &made_of) {
        folder.keep_outside(made_of)?;
    }
    if begins {
        // A run killed in its first minute can be resumed too.
        run.checkpoint(app.world_mut(), &learner, Vec::new())?;
    }
    run.rates = (Instant::now(), run.env_steps, period.counters.gradient_steps);
    if !silent {
        print_start(&run.config, &learner.status(), run.solved);
    }
    run.play(app.world_mut(), &mut learner, period)
}

struct Run {
    config: RunConfig,
    evaluation: Evaluation,
    /// Who plays in place of its own arenas.
    players: Option<Box<dyn Players>>,
    window: RollingMetrics,
    /// Steps recorded in the last period, for the learner in the next.
    staged: StepBatch,
    env_steps: u64,
    next_log: u64,
    next_eval: u64,
    eval: Option<EvalSummary>,
    solved: Option<Solved>,
    /// Whether it continues although it was solved.
    again: bool,
    start: Instant,
    /// Seconds of earlier parts of the run.
    earlier: f64,
    folder: Option<RunFolder>,
    progress: Progress,
    saving: Saving,
    /// Reported write errors: of lines, and of the last checkpoint.
    reported: [Option<String>; 2],
    /// Whether the incomplete record was reported.
    reported_broken: bool,
    /// Time, env steps and gradient steps at the last line.
    rates: (Instant, u64, u64),
    /// The period left open by a stop.
    open: Option<OpenPeriod>,
    /// Number of finished episodes already processed.
    episodes: MessageCursor<EpisodeFinished>,
    stop: Arc<AtomicBool>,
}

impl Run {
    fn new(experiment: Experiment, stop: Arc<AtomicBool>, silent: bool) -> Self {
        let evaluation = Evaluation::of(&experiment, stop.clone());
        let config = experiment.config;
        Self {
            players: None,
            window: RollingMetrics::default(),
            staged: StepBatch::default(),
            env_steps: 0,
            next_log: config.run.log_every,
            next_eval: config.run.eval_every,
            eval: None,
            solved: None,
            again: false,
            start: Instant::now(),
            earlier: 0.0,
            folder: None,
            progress: Progress::new(config.steps, silent),
            saving: Saving::every(config.learner.checkpoint_seconds),
            reported: [None, None],
            reported_broken: false,
            rates: (Instant::now(), 0, 0),
            open: None,
            episodes: MessageCursor::default(),
            config,
            evaluation,
            stop,
        }
    }

    /// Plays and learns period by period, from the barrier before `period`, to the end or until stopped.
    fn play(
        mut self,
        world: &mut World,
        learner: &mut LockStep,
        mut period: PeriodReport,
    ) -> Result<Summary, RunError> {
        // An open period is finished first.
        while self.open.is_some() || self.goes_on(world, learner, &period)? {
            let now = self.play_period(world, learner, period.actor.as_ref())?;
            if self.open.is_some() {
                // The open period is played with the policy of the barrier before it.
                let acting = policy_bytes(period.actor.as_deref())?;
                self.progress.finish();
                self.checkpoint(world, learner, vec![(ACTING.into(), acting)])?;
                let summary = self.end(self.summary(&learner.status().device_reason, now.counters))?;
                return still_there(world).map(|()| summary);
            }
            period = now;
        }
        self.progress.finish();
        self.checkpoint(world, learner, Vec::new())?;
        let mut summary = self.summary(&learner.status().device_reason, period.counters);
        let policy = learner.policy().load().policy.clone();
        let ended = still_there(world).and_then(|()| self.evaluate(&mut summary, policy));
        summary.interrupted |= ended.is_err();
        let summary = self.end(summary)?;
        ended.map(|()| summary)
    }

    /// Evaluates the final policy, unless the run was stopped or ended by an evaluation.
    fn evaluate(&self, summary: &mut Summary, policy: Arc<dyn Policy>) -> Result<(), RunError> {
        let solved = self.solved.is_some() && !self.again;
        summary.interrupted = self.env_steps < self.config.steps && !solved;
        // A stopped evaluation is discarded: the resumed run repeats it.
        if self.evaluation.wanted() && !summary.interrupted && (!solved || self.eval.is_none()) {
            let last = self.evaluation.play(policy.clone())?;
            summary.interrupted = last.is_none();
            summary.eval = last.or(summary.eval);
        }
        if self.evaluation.is_split() && summary.eval.is_some() {
            summary.eval_training = self.evaluation.play_training(policy)?;
            summary.interrupted |= summary.eval_training.is_none();
        }
        Ok(())
    }

    /// As [`Run::continues`]. Where the environment has failed in an evaluation, what was learned until then is saved.
    fn goes_on(
        &mut self,
        world: &mut World,
        learner: &LockStep,
        period: &PeriodReport,
    ) -> Result<bool, RunError> {
        let goes_on = self.continues(world, learner, period);
        if matches!(goes_on, Err(RunError::Environment(_))) {
            self.progress.finish();
            self.checkpoint(world, learner, Vec::new())?;
            self.end(self.summary(&learner.status().device_reason, period.counters))?;
        }
        goes_on
    }

    /// Does what is due at a barrier, and returns whether another period follows.
    fn continues(
        &mut self,
        world: &mut World,
        learner: &LockStep,
        period: &PeriodReport,
    ) -> Result<bool, RunError> {
        self.log(period)?;
        if self.saving.is_due() {
            self.checkpoint(world, learner, Vec::new())?;
        }
        let solved = self.solved.is_some() && !self.again;
        Ok(self.env_steps < self.config.steps && !solved && !self.stop.load(Ordering::Relaxed))
    }

    /// Plays and learns one period, or the rest of the open one. A stop leaves it open.
    fn play_period(
        &mut self,
        world: &mut World,
        learner: &mut LockStep,
        actor: Option<&Arc<dyn TrainedPolicy>>,
    ) -> Result<PeriodReport, RunError> {
        let length = self.config.run.period;
        let begun = self.open.take();
        let (mut played, earlier_lag) = begun.map_or((0, None), |open| (open.played, open.policy_lag));
        let acting = learner.policy().load_full();
        learner.begin_period(std::mem::take(&mut self.staged));
        if let (Some(players), Some(actor)) = (&mut self.players, actor) {
            played += players.play(world, &acting, actor, length - played, &self.stop)?;
        }
        // An environment that has failed stops the run as somebody might: what was learned until then is saved.
        while self.players.is_none()
            && played < length
            && !self.stop.load(Ordering::Relaxed)
            && Failure::of(world).is_none()
        {
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

    /// Collects the actors' results except the steps.
    fn collect(&mut self, world: &mut World, period: &PeriodReport) -> Result<(), RunError> {
        self.env_steps = world.resource::<Replay>().env_steps;
        let episodes = self.episodes.read(world.resource::<Messages<EpisodeFinished>>());
        for episode in episodes.flat_map(EpisodeFinished::summaries) {
            // Failed writes stay in memory and are reported with the next line.
            _ = self.folder.as_mut().map(|folder| folder.episode(&episode));
            if episode.controller == Controller::Learning.name() {
                self.window.add(episode);
            }
        }
        self.window.measured(period.report.clone(), period.effective_sample_size, period.policy_lag);
        Ok(())
    }

    /// Seconds since the run began, all its parts together, to the microsecond: so few digits are read back from JSON as
    /// they were written (`serde_json` may be off by the last bit of longer ones).
    fn seconds(&self) -> f64 {
        ((self.earlier + self.start.elapsed().as_secs_f64()) * 1e6).round() / 1e6
    }

    /// Its summary so far, with the learner's `device`.
    fn summary(&self, device: &str, made: Counters) -> Summary {
        Summary {
            env: self.config.env.clone(),
            seed: self.config.seed,
            env_steps: self.env_steps,
            agent_env_steps: Some(made.env_steps),
            gradient_steps: made.gradient_steps,
            episode_return: self.window.mean(|episode| episode.episode_return),
            success: self.window.mean(|episode| f32::from(u8::from(episode.success))),
            score: self.window.mean(|episode| episode.score),
            interrupted: true,
            device: device.to_owned(),
            seconds: self.seconds(),
            eval: self.eval,
            eval_training: None,
            solved: self.solved,
        }
    }

    /// Writes the summary.
    ///
    /// # Errors
    /// [`RunError::Unsaved`] for what could not be written until the end, which is lost with this process.
    /// [`RunError::NotWhole`] for lines lost during the run.
    fn end(&mut self, mut summary: Summary) -> Result<Summary, RunError> {
        if let Some(folder) = &mut self.folder {
            folder.summary(&mut summary)?;
        }
        let broken = self.folder.as_ref().and_then(RunFolder::broken);
        match (self.reported.iter_mut().find_map(Option::take), broken) {
            (Some(problem), _) => Err(RunError::Unsaved(problem)),
            (None, Some(broken)) => Err(RunError::NotWhole(broken.to_owned())),
            (None, None) => Ok(summary),
        }
    }
}
