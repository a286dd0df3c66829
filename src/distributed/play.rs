//! A process that only plays: it gets everything from the learner and sends its steps there.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bevy::ecs::message::MessageCursor;
use bevy::prelude::*;
use entropy_net::actor::{ActorLink, LinkStatus};
use serde::Serialize;

use super::episodes::to_send;
use super::work::work;
use super::{Joined, SessionError};
use crate::agent::{EpisodeFinished, LiveLearner, Replay};
use crate::experiment::{Experiment, Mode};
use crate::link::Launch;
use crate::run::compose::simulation;
use crate::sim::{Failure, run_agent_step};

/// Interval between two lines about how it goes.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Agent steps between two looks at everything else, and the time after which there is one in any case.
const LOOK_EVERY: (u32, Duration) = (64, Duration::from_millis(50));

/// How a process plays.
#[derive(Debug, Clone, Default)]
pub struct Playing {
    /// Arenas; as many as the learner's experiment has where absent.
    pub arenas: Option<usize>,
    /// Threads of the simulation; the experiment's where absent.
    pub threads: Option<usize>,
    /// The one outside environment that may be made here.
    pub env: Option<String>,
    /// Seconds without a word from the learner after which it gives up, 0 for never.
    pub patience: f32,
}

/// What a process has played.
#[derive(Debug, Clone, Serialize)]
pub struct PlaySummary {
    /// The learner's address.
    pub learner: String,
    /// Steps played.
    pub env_steps: u64,
    /// Steps that the learner took.
    pub taken: u64,
    /// Steps that were dropped.
    pub dropped: u64,
    /// Policies it played with.
    pub policies: u64,
    /// Seconds it played.
    pub seconds: f64,
    /// Why it ended.
    pub ended: String,
}

/// Plays in the session that was `joined`, until the learner ends it or `stop` is set.
///
/// # Errors
/// [`SessionError`] if its experiment cannot be played here, or the learner is gone for too long.
pub fn play(
    joined: &Joined,
    playing: &Playing,
    stop: &AtomicBool,
    silent: bool,
) -> Result<PlaySummary, SessionError> {
    if joined.is_exact() {
        return work(joined, playing, stop);
    }
    let experiment = joined.experiment(Mode::Headless, playing.arenas, playing.env.as_deref())?;
    let launch = Launch::new(experiment.learner_setup(None));
    let link = Arc::new(joined.link(&launch)?);
    let learner = LiveLearner::attach(launch.setup, link.clone(), launch.policy);
    let mut app = app(experiment, playing, learner);
    let began = Instant::now();
    let ended = until_ended(&mut app, &link, playing, stop, silent);
    let env_steps = app.world().resource::<Replay>().env_steps;
    drop(app);
    let status = Arc::into_inner(link).map(ActorLink::close).unwrap_or_default();
    Ok(PlaySummary {
        learner: joined.place().to_owned(),
        env_steps,
        taken: status.steps.taken,
        dropped: status.steps.dropped,
        policies: status.policies,
        seconds: began.elapsed().as_secs_f64(),
        ended: ended?,
    })
}

/// The simulation, whose steps go to `learner`.
pub(super) fn app(experiment: Experiment, playing: &Playing, learner: LiveLearner) -> App {
    let sim = experiment.sim();
    let Experiment { config, world, assignment, .. } = experiment;
    let mut app = App::new();
    let threads = playing.threads.unwrap_or(config.run.sim_threads);
    simulation(&mut app, &world, sim, assignment, learner.policy(), threads);
    app.insert_resource(learner);
    app.finish();
    app.cleanup();
    app
}

/// Plays until something ends it, and says what.
fn until_ended(
    app: &mut App,
    link: &ActorLink,
    playing: &Playing,
    stop: &AtomicBool,
    silent: bool,
) -> Result<String, SessionError> {
    let mut episodes = MessageCursor::<EpisodeFinished>::default();
    let mut line = Instant::now();
    let (steps, time) = LOOK_EVERY;
    let mut last = 0;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Ok("stopped".into());
        }
        match link.stopped() {
            Some(end) if end.well => return Ok(end.reason),
            Some(end) => return Err(entropy_net::NetError::Refused(end.reason).into()),
            None => {}
        }
        if let Some(failure) = Failure::of(app.world()) {
            return Err(crate::run::RunError::Environment(failure.to_owned()).into());
        }
        if link.should_wait() {
            std::thread::sleep(Duration::from_millis(1));
        } else {
            let began = Instant::now();
            for _ in 0..steps {
                run_agent_step(app.world_mut());
                if began.elapsed() > time || link.should_wait() {
                    break;
                }
            }
            let world = app.world();
            for episode in episodes.read(world.resource::<Messages<EpisodeFinished>>()) {
                link.episode(to_send(episode));
            }
        }
        let status = link.link_status();
        let silence = status.silent.unwrap_or(0.0);
        if playing.patience > 0.0 && silence > playing.patience {
            let problem =
                format!("the learner has been silent for {silence:.0} s; start it again, then this");
            return Err(entropy_net::NetError::Refused(problem).into());
        }
        if line.elapsed() >= LINE_EVERY && !silent {
            let taken = status.steps.taken;
            let rate = (taken - last) as f32 / line.elapsed().as_secs_f32();
            // A closed pipe is the reader's choice.
            _ = writeln!(std::io::stdout(), "{}", describe(&status, rate));
            (line, last) = (Instant::now(), taken);
        }
    }
}

/// How it goes, in a line.
fn describe(status: &LinkStatus, rate: f32) -> String {
    let steps = &status.steps;
    let policy = status.policy.map_or_else(
        || "no policy yet".to_owned(),
        |policy| format!("policy of {} gradient steps", policy.gradient_steps),
    );
    let mut line = format!("env_steps {}  {rate:.0}/s  {policy}", steps.taken);
    if steps.dropped > 0 {
        line += &format!("  {} dropped", steps.dropped);
    }
    if let Some(silent) = status.silent {
        line += &format!("  no word from the learner for {silent:.0} s, {} steps wait", steps.waiting);
    } else if let Some(reason) = &steps.reason {
        line += &format!("  {reason}");
    }
    line
}
