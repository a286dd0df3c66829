//! An exact run of several processes: it writes the bytes of the same run in one process, whoever plays its arenas.
//!
//! The arenas are cut into parts. In every period each part is played by a process that has joined, from the state and with
//! the policy that the learner gives it, and the results are put together in the order in which one process would have
//! recorded them. Processes may come, go and be killed: a part's period is played again by another one, with the same result.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bevy::prelude::*;
use entropy_net::NetError;
use entropy_net::hub::{Control, Event, Hub, HubConfig};
use entropy_net::protocol::{End, join, split};
use entropy_net::steps::{self, Recorded};
use entropy_net::work::Part;
use entropy_net::zenoh::Zenoh;
use serde::{Deserialize, Serialize};

use super::episodes::received;
use super::{Serving, SessionError, identity, machine, own_number};
use crate::agent::{ActorStates, ActorStatesSnapshot, EpisodeFinished, LearningPolicy, MOST_SLOTS, Replay};
use crate::algo::{AlgorithmConfig, TrainedPolicy};
use crate::experiment::Experiment;
use crate::learner::untrained;
use crate::link::Published;
use crate::mdp::{EnvironmentSpec, PolicySnapshot};
use crate::run::headless::{Players, train_with};
use crate::run::{RunError, Summary, headless_app};
use crate::sim::ArenaSnapshot;
use crate::sim::arena::snapshots;

/// State of a part between two agent steps.
#[derive(Serialize, Deserialize)]
pub(super) struct PartState {
    pub arenas: Vec<ArenaSnapshot>,
    pub slots: ActorStatesSnapshot,
}

/// What a process has made of a part's period; the state after it and the recorded steps follow.
#[derive(Serialize, Deserialize)]
pub(super) struct Played {
    /// Steps recorded in each agent step, and those counted, refused ones included.
    pub rows: Vec<u32>,
    /// See there.
    pub made: Vec<u32>,
    /// The agent step in which each episode ended.
    pub ends: Vec<u32>,
    /// Bytes of the state.
    pub state: u32,
}

/// Trains `experiment` as one process would, with its arenas played in as many `parts` by all who join.
///
/// # Errors
/// [`SessionError`] if the address cannot be listened at, and as [`crate::run::train`].
pub fn serve_exactly(
    experiment: Experiment,
    serving: &Serving,
    parts: usize,
    stop: &Arc<AtomicBool>,
    silent: bool,
) -> Result<Summary, SessionError> {
    let Experiment { config, world, .. } = &experiment;
    if world.made_of().is_some() {
        let problem = "--exact: an outside environment keeps its state to itself; leave --exact out";
        return Err(SessionError::Argument(problem.into()));
    }
    if config.learner.exploration.is_some() {
        let problem = "--exact: learner.exploration is by an arena's place among all of its process, which differs \
                       here; leave one of them out";
        return Err(SessionError::Argument(problem.into()));
    }
    if parts == 0 || parts > config.arenas {
        let problem = format!("--exact {parts}: allowed: 1 to {}, the number of arenas", config.arenas);
        return Err(SessionError::Argument(problem));
    }
    let engine = Arc::new(Zenoh::listen(&serving.address, serving.security.as_ref())?);
    let session = own_number();
    let hub = Arc::new(Hub::open(
        engine,
        HubConfig {
            session,
            seed: config.seed,
            config: config.to_toml(),
            level: world.level().cloned(),
            identity: identity(&experiment),
            spec: world.spec(),
            streams: (config.arenas * MOST_SLOTS) as u32,
            most_actors: serving.most_actors,
            arenas: config.arenas as u32,
            exact: Some(machine()),
            sync_every: None,
        },
    )?);
    if !silent {
        crate::files::to_stderr(&format!(
            "listening at {}: join with `entropy-arcade actors --join {0}`",
            serving.address
        ));
    }
    let policy = LearningPolicy(untrained(&world.spec().action));
    let mut app = headless_app(world, experiment.sim(), experiment.assignment.clone(), policy, 1);
    let algorithm = config.learner.algorithm.clone();
    let state_width = config.learner.state_width();
    let spec = world.spec();
    let remote = hub.clone();
    let players = move |world: &mut World| {
        let crowd = Crowd::new(world, remote, session, parts, spec, algorithm, state_width, silent);
        Some(Box::new(crowd) as Box<dyn Players>)
    };
    let ended = train_with(&mut app, experiment, stop.clone(), silent, players);
    let (reason, well) = match &ended {
        Ok(summary) if !summary.interrupted => ("the run is complete".to_owned(), true),
        Ok(_) => ("the learner was stopped".to_owned(), true),
        Err(error) => (format!("the learner failed: {error}"), false),
    };
    hub.end(End { reason, well });
    // Everybody has time to hear it.
    std::thread::sleep(Duration::from_millis(300));
    Ok(ended?)
}

/// Those who play in place of the learner's own arenas.
struct Crowd {
    hub: Arc<Hub>,
    session: u64,
    spec: EnvironmentSpec,
    algorithm: AlgorithmConfig,
    state_width: usize,
    /// First arena of each part, and how many.
    parts: Vec<(usize, usize)>,
    states: Vec<Arc<Vec<u8>>>,
    silent: bool,
}

impl Crowd {
    fn new(
        world: &mut World,
        hub: Arc<Hub>,
        session: u64,
        parts: usize,
        spec: EnvironmentSpec,
        algorithm: AlgorithmConfig,
        state_width: usize,
        silent: bool,
    ) -> Self {
        let arenas = snapshots(world);
        let mut all = world.resource_mut::<ActorStates>();
        all.begin(arenas.len(), spec.slots());
        let slots = all.snapshot();
        let bounds: Vec<usize> = (0..=parts).map(|part| part * arenas.len() / parts).collect();
        let parts: Vec<_> = bounds.windows(2).map(|both| (both[0], both[1] - both[0])).collect();
        let state = |(first, count): &(usize, usize)| {
            let arenas = arenas[*first..first + count].to_vec();
            let state = PartState { arenas, slots: slots.of_arenas(*first, *count) };
            Arc::new(serde_json::to_vec(&state).unwrap_or_default())
        };
        let states = parts.iter().map(state).collect();
        Self { hub, session, spec, algorithm, state_width, parts, states, silent }
    }

    /// Waits for the results of the posted period; `None` once `stop` is set.
    fn wait(&self, stop: &AtomicBool) -> Option<Vec<Vec<u8>>> {
        let mut told = Instant::now();
        loop {
            for event in self.hub.events() {
                match event {
                    Event::Joined(_, name) if !self.silent => {
                        crate::files::to_stderr(&format!("joined: {name}"));
                    }
                    Event::Left(_, name) if !self.silent => {
                        crate::files::to_stderr(&format!("left: {name}"));
                    }
                    Event::Control(Control::Stop) => stop.store(true, Ordering::Relaxed),
                    _ => {}
                }
            }
            if let Some(results) = self.hub.board().results(Duration::from_millis(100)) {
                return Some(results);
            }
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            if told.elapsed() > Duration::from_secs(10) && !self.silent {
                told = Instant::now();
                crate::files::to_stderr("waiting for actors to play");
            }
        }
    }

    /// Reads what came of `part`.
    fn read(&self, part: usize, bytes: &[u8], steps: u32) -> Result<PartResult, NetError> {
        let (played, body) = split::<Played>("result", bytes)?;
        let wrong = |problem: &str| NetError::Malformed { what: "result", problem: problem.to_owned() };
        let (state, recorded) =
            body.split_at_checked(played.state as usize).ok_or_else(|| wrong("cut off"))?;
        let recorded = steps::decode(recorded, &self.spec, self.state_width)?;
        let (first, count) = self.parts[part];
        let own: PartState = serde_json::from_slice(state).map_err(|_| wrong("no state"))?;
        let whole = own.arenas.len() == count
            && own.slots.fits(count)
            && own.arenas.iter().all(|arena| arena.fits(&self.spec));
        let rows: u64 = played.rows.iter().map(|rows| u64::from(*rows)).sum();
        let streams = (count * MOST_SLOTS) as u32;
        let within = recorded.steps.streams.iter().all(|stream| *stream < streams)
            && recorded.episodes.iter().all(|episode| (episode.arena as usize) < count);
        let all = rows == recorded.steps.len() as u64
            && played.rows.len() == steps as usize
            && played.made.len() == steps as usize
            && played.ends.len() == recorded.episodes.len();
        if !(whole && within && all) {
            return Err(wrong("does not fit"));
        }
        Ok(PartResult { first, played, recorded, state: state.to_vec() })
    }
}

/// What came of a part.
struct PartResult {
    first: usize,
    played: Played,
    recorded: Recorded,
    state: Vec<u8>,
}

impl Players for Crowd {
    fn play(
        &mut self,
        world: &mut World,
        policy: &PolicySnapshot,
        actor: &Arc<dyn TrainedPolicy>,
        steps: u32,
        stop: &AtomicBool,
    ) -> Result<u32, RunError> {
        let failed = |error: NetError| RunError::Environment(error.to_string());
        let PolicySnapshot { version, gradient_steps, .. } = *policy;
        let published = Published { version, gradient_steps, policy: actor.clone() };
        let bytes = entropy_net::policy::encode(self.session, &published, &self.algorithm).map_err(failed)?;
        let bytes = Arc::new(bytes);
        let mut tries = 0;
        let results = loop {
            let part = |((first, count), state): (&(usize, usize), &Arc<Vec<u8>>)| Part {
                arenas: (*first as u32, *count as u32),
                state: state.clone(),
            };
            let parts = self.parts.iter().zip(&self.states).map(part).collect();
            self.hub.board().post(self.session, steps, bytes.clone(), parts);
            let Some(results) = self.wait(stop) else { return Ok(0) };
            let results = results.iter().enumerate();
            let read: Result<Vec<PartResult>, NetError> =
                results.map(|(part, bytes)| self.read(part, bytes, steps)).collect();
            match read {
                Ok(read) => break read,
                Err(error) if tries < 3 => {
                    tries += 1;
                    // Nobody has a state of a session that has just begun: everything is sent again.
                    self.session = own_number();
                    tracing::warn!("{error}; it is played again");
                }
                Err(error) => return Err(failed(error)),
            }
        };
        merge(world, &results, steps);
        self.states = results.into_iter().map(|part| Arc::new(part.state)).collect();
        Ok(steps)
    }

    fn state(&self) -> (Vec<ArenaSnapshot>, ActorStatesSnapshot) {
        let read = |state: &Arc<Vec<u8>>| serde_json::from_slice::<PartState>(state).ok();
        let parts: Vec<PartState> = self.states.iter().filter_map(read).collect();
        let (mut arenas, mut slots) = (Vec::new(), Vec::new());
        for part in parts {
            arenas.extend(part.arenas);
            slots.push(part.slots);
        }
        (arenas, ActorStatesSnapshot::joined(&slots))
    }
}

/// Records in `world` what all parts have played, step by step and arena by arena, as one process does.
fn merge(world: &mut World, parts: &[PartResult], steps: u32) {
    world.resource_mut::<Messages<EpisodeFinished>>().update();
    let (mut rows, mut ends) = (vec![0; parts.len()], vec![0; parts.len()]);
    for step in 0..steps {
        let made: u64 = parts.iter().map(|part| u64::from(part.played.made[step as usize])).sum();
        let env_steps = world.resource::<Replay>().env_steps + made;
        for part in parts {
            let ended = part.recorded.episodes.iter().zip(&part.played.ends);
            for (episode, _) in ended.filter(|(_, at)| **at == step) {
                let mut episode = episode.clone();
                episode.arena += part.first as u32;
                world.write_message(received(episode, 0, 0, env_steps));
            }
        }
        let mut replay = world.resource_mut::<Replay>();
        for (index, part) in parts.iter().enumerate() {
            let count = part.played.rows[step as usize] as usize;
            let from = replay.staged.len();
            ends[index] = replay.staged.append_rows(
                &part.recorded.steps,
                rows[index]..rows[index] + count,
                ends[index],
            );
            rows[index] += count;
            let offset = (part.first * MOST_SLOTS) as u32;
            replay.staged.streams[from..].iter_mut().for_each(|stream| *stream += offset);
        }
        replay.env_steps = env_steps;
    }
    let refused: u64 = parts.iter().map(|part| part.recorded.steps.refused).sum();
    world.resource_mut::<Replay>().staged.refused += refused;
}

/// The bytes of a result.
pub(super) fn result(
    played: &mut Played,
    state: &PartState,
    recorded: &Recorded,
) -> Result<Vec<u8>, NetError> {
    let wrong = |error: serde_json::Error| NetError::Malformed { what: "state", problem: error.to_string() };
    let state = serde_json::to_vec(state).map_err(wrong)?;
    played.state = state.len() as u32;
    join(played, &[state, steps::encode(recorded)?].concat())
}
