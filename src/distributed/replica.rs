//! A replica of a learner: it trains the same agent from a replay buffer of its own, for whoever joins it and for itself,
//! and averages what it learns with the learner that it has joined.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bevy::prelude::*;
use entropy_net::NetError;
use entropy_net::engine::Engine;
use entropy_net::hub::{Event, Hub, HubConfig};
use entropy_net::local::Local;
use entropy_net::protocol::End;
use entropy_net::replicas::Member;
use entropy_net::zenoh::Zenoh;
use serde::Serialize;

use super::play::app;
use super::serve::learner;
use super::{Joined, Playing, Serving, SessionError, identity, own_number};
use crate::agent::{LiveLearner, MOST_SLOTS, Replay};
use crate::experiment::Mode;
use crate::learner::{Health, LearnerError, check_memory};
use crate::run::RunError;
use crate::sim::{Failure, run_agent_step};

/// Interval between two lines about how it goes.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Interval between two looks at everything but the simulation.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a replica has done.
#[derive(Debug, Clone, Serialize)]
pub struct ReplicaSummary {
    /// The address of the learner that it joined.
    pub learner: String,
    /// Environment steps that it learned from, those of its actors included.
    pub env_steps: u64,
    /// Gradient steps that its networks have been trained for.
    pub gradient_steps: u64,
    /// Gradient steps that it has made itself, those included that came too late for a meeting.
    pub own_gradient_steps: u64,
    /// Averages with the other learners; of parameters, where gradients are averaged those to begin with.
    pub meetings: u64,
    /// Seconds it ran.
    pub seconds: f64,
    /// Why it ended.
    pub ended: String,
}

/// Trains with the learner of the session that was `joined` until that ends or `stop` is set, and lets actors join where
/// `serving` says so; `playing` is how it plays itself.
///
/// # Errors
/// [`SessionError`] if its experiment cannot be played here, the address cannot be listened at, or training fails.
pub fn replicate(
    joined: &Joined,
    playing: &Playing,
    serving: Option<&Serving>,
    plays: bool,
    stop: &AtomicBool,
    silent: bool,
) -> Result<ReplicaSummary, SessionError> {
    let mut experiment = joined.experiment(Mode::Headless, playing.arenas, playing.env.as_deref())?;
    let most_actors = serving.map_or(0, |serving| serving.most_actors);
    experiment.streams *= 1 + most_actors as usize;
    let spec = experiment.world.spec();
    check_memory(&spec, &experiment.learner, experiment.streams).map_err(RunError::from)?;
    let member = joined.member(&experiment.learner)?;
    let engine: Arc<dyn Engine> = match serving {
        Some(serving) => Arc::new(Zenoh::listen(&serving.address, serving.security.as_ref())?),
        None => Arc::new(Local::default()),
    };
    let config = &experiment.config;
    let hub = Arc::new(Hub::open(
        engine,
        HubConfig {
            session: own_number(),
            seed: config.seed,
            config: joined.config().to_owned(),
            level: experiment.world.level().cloned(),
            identity: identity(&experiment),
            spec,
            streams: (config.arenas * MOST_SLOTS) as u32,
            most_actors,
            arenas: config.arenas as u32,
            exact: None,
            sync_every: None,
        },
    )?);
    if let Some(serving) = serving.filter(|_| !silent) {
        crate::files::to_stderr(&format!(
            "listening at {}: join with `entropy-arcade actors --join {0}`",
            serving.address
        ));
    }
    let setup = experiment.learner_setup(None);
    let learner = learner(setup, hub.clone(), Arc::new(member.clone()));
    let app = app(experiment, playing, learner);
    let began = Instant::now();
    let mut replica = Replica { app, hub, member, plays, patience: playing.patience, silent };
    let ended = replica.run(stop);
    let reason = ended.as_ref().map_or_else(ToString::to_string, Clone::clone);
    replica.hub.end(End { reason, well: ended.is_ok() });
    replica.hub.clear_link();
    let gradient_steps = replica.learner().status().gradient_steps;
    Ok(ReplicaSummary {
        learner: joined.place().to_owned(),
        env_steps: replica.env_steps(),
        gradient_steps,
        own_gradient_steps: replica.member.status().gradient_steps,
        meetings: replica.member.status().meetings,
        seconds: began.elapsed().as_secs_f64(),
        ended: ended?,
    })
}

/// A replica at work.
struct Replica {
    app: App,
    hub: Arc<Hub>,
    member: Member,
    plays: bool,
    patience: f32,
    silent: bool,
}

impl Replica {
    fn learner(&self) -> &LiveLearner {
        self.app.world().resource()
    }

    fn env_steps(&self) -> u64 {
        self.app.world().resource::<Replay>().env_steps
    }

    /// Plays and learns until something ends it, and says what.
    fn run(&mut self, stop: &AtomicBool) -> Result<String, SessionError> {
        let mut line = Instant::now();
        loop {
            if stop.load(Ordering::Relaxed) {
                return Ok("stopped".into());
            }
            if let Some(ended) = self.look()? {
                return Ok(ended);
            }
            let begun = Instant::now();
            while begun.elapsed() < LOOK_EVERY {
                if self.plays && self.learner().status().health.is_up() && self.hub.pace().is_none() {
                    run_agent_step(self.app.world_mut());
                } else {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            if line.elapsed() >= LINE_EVERY && !self.silent {
                line = Instant::now();
                // A closed pipe is the reader's choice.
                _ = writeln!(std::io::stdout(), "{}", self.describe());
            }
        }
    }

    /// Takes in what came. Returns why it ends, if it does.
    fn look(&mut self) -> Result<Option<String>, SessionError> {
        for event in self.hub.events() {
            match event {
                Event::Steps(count) => self.app.world_mut().resource_mut::<Replay>().env_steps += count,
                Event::Joined(number, name) if !self.silent => {
                    crate::files::to_stderr(&format!("actor {number} joined: {name}"));
                }
                Event::Left(number, name) if !self.silent => {
                    crate::files::to_stderr(&format!("actor {number} left: {name}"));
                }
                _ => {}
            }
        }
        self.member.set_env_steps(self.env_steps());
        if let Some(reason) = Failure::of(self.app.world()) {
            return Err(RunError::Environment(reason.to_owned()).into());
        }
        if let Health::Failed(reason) = &self.learner().status().health {
            return Err(RunError::from(LearnerError::Failed(reason.clone())).into());
        }
        let status = self.member.status();
        if let Some(End { reason, well }) = status.end {
            return if well { Ok(Some(reason)) } else { Err(NetError::Refused(reason).into()) };
        }
        match status.silent.filter(|silent| self.patience > 0.0 && *silent > self.patience) {
            Some(silent) => {
                let problem =
                    format!("the learner has been silent for {silent:.0} s; start it again, then this");
                Err(NetError::Refused(problem).into())
            }
            None => Ok(None),
        }
    }

    /// How it goes, in a line.
    fn describe(&self) -> String {
        let (status, member) = (self.learner().status(), self.member.status());
        let mut line = format!(
            "env_steps {}  gradient_steps {} ({} made here)  {} meetings",
            self.env_steps(),
            status.gradient_steps,
            member.gradient_steps,
            member.meetings
        );
        let silent = member.silent.map(|silent| format!("no word from the learner for {silent:.0} s"));
        for reason in silent.into_iter().chain(member.waits).chain(self.hub.pace()) {
            line += &format!("  {reason}");
        }
        line
    }
}
