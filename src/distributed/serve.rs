//! The learner's process: it learns, keeps the replay buffer and the run's files, and may play as well.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bevy::prelude::*;
use entropy_net::hub::{Control, Event, Hub, HubConfig};
use entropy_net::intake::Actor;
use entropy_net::protocol::End;
use entropy_net::zenoh::{Address, Security, Zenoh};

use super::episodes::received;
use super::{SessionError, identity, metrics, own_number};
use crate::agent::{LiveLearner, LivePlugin, MOST_SLOTS, Replay};
use crate::experiment::Experiment;
use crate::learner::checkpoint::Checkpoint;
use crate::learner::replicas::Replicas;
use crate::learner::{DeviceChoice, Health, LearnerError, LearnerSetup, check_memory};
use crate::link::{Launch, LearnerLink, ThreadLink};
use crate::mdp::later_seed;
use crate::metrics::Metrics;
use crate::run::compose::simulation;
use crate::run::headless::Evaluation;
use crate::run::live::{self, Beside, LiveRun, Opened, Opening};
use crate::run::{RunError, Summary};
use crate::sim::{Failure, SimConfig, run_agent_step};

/// What was taken of which actor, in a checkpoint.
const ACTORS: &str = "actors.json";
/// Interval between two looks at everything but the simulation.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long the last gradient steps of a run may take.
const LAST_STEPS: Duration = Duration::from_secs(600);

/// How a learner's process serves a session.
#[derive(Debug, Clone)]
pub struct Serving {
    /// Where it listens.
    pub address: Address,
    /// Its certificate; without one only this machine may join.
    pub security: Option<Security>,
    /// The most actors of other processes, which sizes the replay buffer.
    pub most_actors: u32,
    /// Whether it plays as well.
    pub plays: bool,
}

/// Learns `experiment` from the steps of all who join, until the configured number of environment steps or until `stop` is
/// set.
///
/// # Errors
/// [`SessionError`] if the address cannot be listened at, the learner fails or writing fails.
pub fn serve(
    mut experiment: Experiment,
    serving: &Serving,
    stop: &Arc<AtomicBool>,
    silent: bool,
) -> Result<Summary, SessionError> {
    let Some(out) = experiment.out.clone() else {
        let problem = "--listen: a session is kept in a folder; add --out DIR";
        return Err(SessionError::Argument(problem.into()));
    };
    experiment.streams *= 1 + serving.most_actors as usize;
    let spec = experiment.world.spec();
    check_memory(&spec, &experiment.learner, experiment.streams).map_err(RunError::from)?;
    let engine = Arc::new(Zenoh::listen(&serving.address, serving.security.as_ref())?);
    let opening = Opening::of(&mut experiment, "entropy-arcade --no-render").map_err(SessionError::Run)?;
    let config = &experiment.config;
    let hub = Arc::new(Hub::open(
        engine,
        HubConfig {
            session: own_number(),
            seed: config.seed,
            config: config.to_toml(),
            level: experiment.world.level().cloned(),
            identity: identity(&experiment),
            spec: spec.clone(),
            streams: (config.arenas * MOST_SLOTS) as u32,
            most_actors: serving.most_actors,
            arenas: config.arenas as u32,
            exact: None,
            sync_every: Some(experiment.learner.sync_every),
        },
    )?);
    if let Some(actors) = opening.checkpoint.as_ref().and_then(actors_of) {
        hub.restore(actors);
    }
    let opened = opening.begin(&experiment)?;
    let evaluation = Evaluation::of(&experiment, stop.clone());
    if !silent {
        crate::files::to_stderr(&format!(
            "listening at {}: join with `entropy-arcade actors --join {0}`",
            serving.address
        ));
    }
    let plays = serving.plays;
    let taken = Arc::<Mutex<_>>::default();
    let files = HubFiles { hub: hub.clone(), taken: taken.clone() };
    let mut session =
        Session { app: app(experiment, opened, files, out, silent)?, hub, taken, plays, silent };
    let ended = session.learn(stop);
    session.close(&evaluation, ended, stop)
}

/// What a checkpoint says of actors.
fn actors_of(checkpoint: &Checkpoint) -> Option<BTreeMap<u64, Actor>> {
    serde_json::from_slice(checkpoint.file(ACTORS).ok()?).ok()
}

/// The files of the session beside the learner's.
struct HubFiles {
    hub: Arc<Hub>,
    /// What was taken of whom, as of this frame.
    taken: Arc<Mutex<BTreeMap<u64, Actor>>>,
}

impl Beside for HubFiles {
    fn saving(&self, save: &mut dyn FnMut(Vec<(String, Vec<u8>)>)) {
        let file = serde_json::to_vec(&*lock(&self.taken)).ok().map(|bytes| (ACTORS.to_owned(), bytes));
        save(file.into_iter().collect());
    }

    fn measure(&self, line: &mut Metrics) {
        metrics::add(&self.hub.status(), line);
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A learner whose steps may come from elsewhere, and that averages what it learns with `replicas`.
pub(super) fn learner(setup: LearnerSetup, hub: Arc<Hub>, replicas: Arc<dyn Replicas>) -> LiveLearner {
    // The step on the processor is the one that averages gradients.
    let averages = setup.config.sync_every == 1 && setup.device == DeviceChoice::Auto;
    let setup = LearnerSetup { device: if averages { DeviceChoice::Cpu } else { setup.device }, ..setup };
    LiveLearner::start_over(setup, move |launch| {
        let launch = Launch { paced: true, replicas: Some(replicas.clone()), ..launch };
        let link: Arc<dyn LearnerLink> = Arc::new(ThreadLink::launch(launch));
        hub.set_link(link.clone());
        Box::new(link)
    })
}

/// The learner's process without a window: simulation, learner and files.
fn app(
    experiment: Experiment,
    opened: Opened,
    files: HubFiles,
    out: PathBuf,
    silent: bool,
) -> Result<App, SessionError> {
    let setup = experiment.learner_setup(Some(out.join("checkpoint")));
    let learner = learner(setup, files.hub.clone(), Arc::new(files.hub.chief().clone()));
    let Opened { folder, record, solved } = opened;
    let lived = record.as_ref().map_or(0, |record| record.env_steps);
    let sim = experiment.sim();
    // The simulation does not go on from where it stood, and must not live through the same starts again.
    let sim = SimConfig { seed: later_seed(experiment.config.seed, lived), ..sim };
    let Experiment { config, world, assignment, .. } = experiment;
    let mut app = App::new();
    simulation(&mut app, &world, sim, assignment, learner.policy(), config.run.sim_threads);
    app.insert_resource(learner).add_plugins(LivePlugin);
    app.world_mut().resource_mut::<Replay>().env_steps = lived;
    if let Some(folder) = folder {
        let mut run = LiveRun::new(folder, config, record, solved).with(Arc::new(files));
        if !silent {
            run.print_progress();
        }
        live::plugin(&mut app, run);
    }
    app.finish();
    app.cleanup();
    Ok(app)
}

/// A session under way.
struct Session {
    app: App,
    hub: Arc<Hub>,
    /// What was taken of whom, for a checkpoint in this frame.
    taken: Arc<Mutex<BTreeMap<u64, Actor>>>,
    plays: bool,
    silent: bool,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// After all environment steps.
    Complete,
    /// Stopped by somebody.
    Stopped,
}

impl Session {
    /// Learns until the end.
    fn learn(&mut self, stop: &AtomicBool) -> Result<Ended, RunError> {
        let steps = self.app.world().resource::<LiveRun>().steps();
        let mut told = Instant::now();
        loop {
            let begun = Instant::now();
            while begun.elapsed() < LOOK_EVERY && self.app.world().resource::<Replay>().env_steps < steps {
                if self.plays && self.hub.pace().is_none() && self.is_ready() {
                    run_agent_step(self.app.world_mut());
                } else {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            let asked = self.frame();
            self.check()?;
            if asked || stop.load(Ordering::Relaxed) {
                return Ok(Ended::Stopped);
            }
            if self.app.world().resource::<Replay>().env_steps >= steps {
                return Ok(Ended::Complete);
            }
            if told.elapsed() > Duration::from_secs(10) {
                told = Instant::now();
                self.tell();
            }
        }
    }

    /// Whether the learner has opened its device, so that steps are not thrown away.
    fn is_ready(&self) -> bool {
        self.app.world().resource::<LiveLearner>().status().health.is_up()
    }

    /// Why nothing more can be learned.
    fn check(&self) -> Result<(), RunError> {
        if let Some(reason) = Failure::of(self.app.world()) {
            return Err(RunError::Environment(reason.to_owned()));
        }
        match &self.app.world().resource::<LiveLearner>().status().health {
            Health::Failed(reason) => Err(LearnerError::Failed(reason.clone()).into()),
            _ => Ok(()),
        }
    }

    /// Takes in what came, and writes what is due: meanwhile no steps are taken, so that a checkpoint, what it says was
    /// taken, and the record of the run are of the same steps. Returns whether an operator wants an end.
    fn frame(&mut self) -> bool {
        let hub = self.hub.clone();
        let held = hub.hold();
        let asked = self.receive();
        *lock(&self.taken) = held.taken();
        let world = self.app.world();
        let left = world.resource::<LiveRun>().steps().saturating_sub(world.resource::<Replay>().env_steps);
        hub.set_remaining(left);
        self.app.update();
        asked
    }

    /// Takes in what came from actors. Returns whether an operator wants an end.
    fn receive(&mut self) -> bool {
        let world = self.app.world_mut();
        let arenas = world.resource::<SimConfig>().arenas;
        let mut stop = false;
        for event in self.hub.events() {
            match event {
                Event::Steps(count) => world.resource_mut::<Replay>().env_steps += count,
                Event::Episode(actor, episode) => {
                    let env_steps = world.resource::<Replay>().env_steps;
                    world.write_message(received(episode, actor, arenas, env_steps));
                }
                Event::Control(Control::Train(on)) => {
                    world.resource_mut::<LiveLearner>().set_training(on);
                }
                Event::Control(Control::Save) => world.resource_mut::<LiveLearner>().save(),
                Event::Control(Control::Stop) => stop = true,
                Event::Control(Control::Forbid(_)) => {}
                Event::Joined(number, name) if !self.silent => {
                    crate::files::to_stderr(&format!("actor {number} joined: {name}"));
                }
                Event::Left(number, name) if !self.silent => {
                    crate::files::to_stderr(&format!("actor {number} left: {name}"));
                }
                Event::Replica { number, name, present } if !self.silent => {
                    let has = if present { "joined" } else { "left" };
                    crate::files::to_stderr(&format!("replica {number} {has}: {name}"));
                }
                Event::Joined(..) | Event::Left(..) | Event::Replica { .. } => {}
            }
        }
        world.resource_mut::<Replay>().env_steps += self.hub.chief().take_env_steps();
        stop
    }

    /// Says what waits for what, if anything does.
    fn tell(&self) {
        let status = self.hub.status();
        let nobody = status.actors.iter().all(|actor| !actor.present)
            && status.replicas.iter().all(|replica| !replica.present);
        let own = self.plays || status.actors.iter().any(|actor| actor.present);
        let learner = self.app.world().resource::<LiveLearner>().status();
        if learner.config.sync_every == 1 && !own && !nobody && !self.silent {
            crate::files::to_stderr(
                "nobody plays for this learner, whose steps decide how many gradients are averaged: nothing is learned",
            );
        }
        if nobody && !self.plays && !self.silent {
            crate::files::to_stderr("no actor is connected: nothing is learned");
        }
    }

    /// Ends the session: actors stop, the last gradient steps are made, everything is saved.
    fn close(
        mut self,
        evaluation: &Evaluation,
        ended: Result<Ended, RunError>,
        stop: &AtomicBool,
    ) -> Result<Summary, SessionError> {
        let (reason, well) = match &ended {
            Ok(Ended::Complete) => ("the run is complete".to_owned(), true),
            Ok(Ended::Stopped) => ("the learner was stopped".to_owned(), true),
            Err(error) => (format!("the learner failed: {error}"), false),
        };
        self.hub.end(End { reason, well });
        let complete = ended.as_ref().is_ok_and(|ended| *ended == Ended::Complete);
        // Whatever fails here, what was learned is saved.
        let last = if complete { self.finish(evaluation, stop) } else { Ok(()) };
        // However short the session was, its metrics have a line of its end.
        self.app.world_mut().resource_mut::<LiveRun>().write_line();
        self.frame();
        // The summary and the last checkpoint are written as when a window closes.
        self.app.world_mut().write_message(AppExit::Success);
        self.frame();
        let run = self.app.world().resource::<LiveRun>();
        let (summary, unsaved) = (run.written_summary(), run.problem());
        self.hub.clear_link();
        ended?;
        last?;
        match unsaved {
            Some(problem) => Err(problem.into()),
            None => summary.ok_or_else(|| RunError::Unsaved("no summary was written".into()).into()),
        }
    }

    /// Makes the last gradient steps and evaluates the final policy.
    fn finish(&mut self, evaluation: &Evaluation, stop: &AtomicBool) -> Result<(), RunError> {
        self.finish_training(stop)?;
        let policy = self.app.world().resource::<LiveLearner>().policy().0.load().policy.clone();
        let eval = if evaluation.wanted() { evaluation.play(policy.clone())? } else { None };
        let training = evaluation.play_training(policy)?;
        self.app.world_mut().resource_mut::<LiveRun>().set_evals(eval, training);
        Ok(())
    }

    /// Makes the gradient steps that the last environment steps allow.
    fn finish_training(&mut self, stop: &AtomicBool) -> Result<(), RunError> {
        let begun = Instant::now();
        loop {
            self.frame();
            self.check()?;
            let learner = self.app.world().resource::<LiveLearner>();
            let paused = learner.status().health == Health::Paused;
            let stopped = stop.load(Ordering::Relaxed);
            if paused || stopped || learner.behind() == 0 || begun.elapsed() > LAST_STEPS {
                return Ok(());
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}
