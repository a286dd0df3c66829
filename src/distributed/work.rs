//! A process that plays parts of an exact run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bevy::ecs::message::MessageCursor;
use bevy::prelude::*;
use crossbeam_channel::bounded;
use entropy_net::NetError;
use entropy_net::engine::Verb;
use entropy_net::policy;
use entropy_net::protocol::{join, split};
use entropy_net::steps::Recorded;
use entropy_net::work::{Ask, Offer, Task};

use super::episodes::to_send;
use super::exact::{PartState, Played, result};
use super::{Joined, PlaySummary, Playing, SessionError};
use crate::agent::{ActorStates, EpisodeFinished, LearningPolicy, Recording, Replay};
use crate::experiment::{Experiment, Mode};
use crate::learner::untrained;
use crate::mdp::PolicySnapshot;
use crate::run::{RunError, headless_app};
use crate::sim::arena::snapshots;
use crate::sim::{Failure, run_agent_step};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest pause before the next question when there is nothing to do.
const LONGEST_PAUSE: Duration = Duration::from_millis(8);

/// The arenas of a part.
struct Part {
    app: App,
    episodes: MessageCursor<EpisodeFinished>,
    /// The work that it has finished last.
    at: Option<Task>,
}

/// A process that works.
struct Worker<'a> {
    joined: &'a Joined,
    playing: &'a Playing,
    policy: Arc<ArcSwap<PolicySnapshot>>,
    /// Session and period of that policy.
    has: Option<(u64, u64)>,
    /// By number of arenas and part.
    parts: BTreeMap<(u32, u32), Part>,
    policies: u64,
    env_steps: u64,
}

/// Plays parts of the exact run that was `joined`, until the learner ends it or `stop` is set.
///
/// # Errors
/// [`SessionError`] if its experiment cannot be played here, or the learner is gone for too long.
pub(super) fn work(
    joined: &Joined,
    playing: &Playing,
    stop: &AtomicBool,
) -> Result<PlaySummary, SessionError> {
    let began = Instant::now();
    joined.engine().present(joined.client())?;
    let spec = joined.experiment(Mode::Headless, Some(1), None)?.world.spec();
    let policy = untrained(&spec.action);
    let parts = BTreeMap::new();
    let mut worker = Worker { joined, playing, policy, has: None, parts, policies: 0, env_steps: 0 };
    let ended = worker.until_ended(stop)?;
    Ok(PlaySummary {
        learner: joined.place().to_owned(),
        env_steps: worker.env_steps,
        taken: worker.env_steps,
        dropped: 0,
        policies: worker.policies,
        seconds: began.elapsed().as_secs_f64(),
        ended,
    })
}

impl Worker<'_> {
    fn until_ended(&mut self, stop: &AtomicBool) -> Result<String, SessionError> {
        let (mut finished, mut pause) = (None, Duration::from_micros(500));
        let mut heard = Instant::now();
        loop {
            if stop.load(Ordering::Relaxed) {
                return Ok("stopped".into());
            }
            let (task, body): (Option<Task>, &[u8]) =
                finished.as_ref().map_or((None, &[]), |(task, body): &(Task, Vec<u8>)| (Some(*task), body));
            let states = self.parts.values().filter_map(|part| part.at).collect();
            let ask = Ask { client: self.joined.client(), finished: task, policy: self.has, states };
            let Some(answer) = self.ask(&join(&ask, body)?) else {
                let silence = heard.elapsed().as_secs_f32();
                if self.playing.patience > 0.0 && silence > self.playing.patience {
                    let problem = format!("the learner has been silent for {silence:.0} s");
                    return Err(NetError::Refused(problem).into());
                }
                std::thread::sleep(Duration::from_millis(200));
                continue;
            };
            heard = Instant::now();
            finished = None;
            let (offer, body) = split::<Offer>("work", &answer)?;
            match offer {
                Offer::Nothing => {
                    std::thread::sleep(pause);
                    pause = (2 * pause).min(LONGEST_PAUSE);
                }
                Offer::Play { task, steps, arenas, policy, state } => {
                    pause = Duration::from_micros(500);
                    let wrong = || NetError::Malformed { what: "work", problem: "cut off".into() };
                    let (policy, rest) = body.split_at_checked(policy as usize).ok_or_else(wrong)?;
                    let state = rest.get(..state as usize).ok_or_else(wrong)?;
                    finished = Some((task, self.play(task, steps, arenas.1, policy, state)?));
                }
                Offer::Greet => match self.joined.greet_again() {
                    // Gone again: see above.
                    Err(SessionError::Net(NetError::Nobody { .. } | NetError::NobodyOrRefused { .. })) => {}
                    greeted => greeted?,
                },
                Offer::Stop(end) if end.well => return Ok(end.reason),
                Offer::Stop(end) => return Err(NetError::Refused(end.reason).into()),
            }
        }
    }

    /// Asks, and waits for the answer.
    fn ask(&self, message: &[u8]) -> Option<Vec<u8>> {
        let (sender, answer) = bounded(1);
        let then = move |reply| _ = sender.send(reply);
        self.joined.engine().ask(Verb::Work, message.to_vec(), PATIENCE, Box::new(then));
        answer.recv_timeout(2 * PATIENCE).ok().flatten()
    }

    fn play(
        &mut self,
        task: Task,
        steps: u32,
        arenas: u32,
        policy: &[u8],
        state: &[u8],
    ) -> Result<Vec<u8>, SessionError> {
        let key = (arenas, task.part);
        if !self.parts.contains_key(&key) {
            let experiment = self.joined.experiment(Mode::Headless, Some(arenas as usize), None)?;
            self.parts.insert(key, self.part(experiment));
        }
        let Some(part) = self.parts.get_mut(&key) else {
            return Err(NetError::Refused("no part".into()).into());
        };
        let world = part.app.world_mut();
        if !policy.is_empty() {
            let spec = world.resource::<crate::agent::tick::Spec>().0.clone();
            let arrived = policy::decode(policy, &spec)?;
            self.policy.store(Arc::new(arrived.snapshot()));
            self.has = Some((task.session, task.period));
            self.policies += 1;
        }
        if !state.is_empty() {
            let wrong = |problem: String| NetError::Malformed { what: "state", problem };
            let own: PartState = serde_json::from_slice(state).map_err(|error| wrong(error.to_string()))?;
            if own.arenas.len() != arenas as usize {
                return Err(wrong(format!("of {} arenas instead of {arenas}", own.arenas.len())).into());
            }
            crate::sim::resume(world, &own.arenas, &own.slots, 0);
        }
        // Until it is finished, the part is at the end of nothing.
        part.at = None;
        let mut played = Played { rows: Vec::new(), made: Vec::new(), ends: Vec::new(), state: 0 };
        let mut recorded = Recorded::default();
        for step in 0..steps {
            let before = world.resource::<Replay>().env_steps;
            run_agent_step(world);
            if let Some(failure) = Failure::of(world) {
                return Err(RunError::Environment(failure.to_owned()).into());
            }
            let mut replay = world.resource_mut::<Replay>();
            played.made.push((replay.env_steps - before) as u32);
            let staged = std::mem::take(&mut replay.staged);
            played.rows.push(staged.len() as u32);
            recorded.steps.append(&staged);
            for episode in part.episodes.read(world.resource::<Messages<EpisodeFinished>>()) {
                played.ends.push(step);
                recorded.episodes.push(to_send(episode));
            }
        }
        self.env_steps += recorded.steps.len() as u64;
        let slots = world.resource::<ActorStates>().snapshot();
        let bytes = result(&mut played, &PartState { arenas: snapshots(world), slots }, &recorded)?;
        part.at = Some(task);
        Ok(bytes)
    }

    fn part(&self, experiment: Experiment) -> Part {
        let threads = self.playing.threads.unwrap_or(experiment.config.run.sim_threads);
        let (sim, policy) = (experiment.sim(), LearningPolicy(self.policy.clone()));
        let mut app = headless_app(&experiment.world, sim, experiment.assignment.clone(), policy, threads);
        app.world_mut().resource_mut::<Recording>().states = experiment.learner.wants_states();
        Part { app, episodes: MessageCursor::default(), at: None }
    }
}
