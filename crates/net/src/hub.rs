//! The learner's end of a session: greets actors, passes their steps on to the learner, and hands out policies.

mod answers;
mod status;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use entropy_rl::link::LearnerLink;
use entropy_rl::mdp::{EnvironmentSpec, LevelRecord};
use serde::{Deserialize, Serialize};

use crate::NetError;
use crate::engine::{Engine, Respond, Verb};
use crate::intake::{Accepted, Actor, Intake};
use crate::protocol::End;
use crate::replicas::Chief;
use crate::steps::Episode;
use crate::work::Board;
pub use status::{ActorStatus, NetStatus, News as StatusNews};

/// Gradient steps that may be open before actors wait, where they may be asked to.
const MOST_BEHIND: u64 = 256;
/// Steps of a batch that no batch has more of.
const LARGE_BATCH: u64 = 50_000;
/// Interval between two looks for a newer policy.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Looks between two announcements of the status.
const LOOKS_A_STATUS: u32 = 50;

/// What a session tells those who join.
#[derive(Debug, Clone)]
pub struct HubConfig {
    /// Number of this start of the learner.
    pub session: u64,
    /// The seed of the run.
    pub seed: u64,
    /// `config.toml` of the run.
    pub config: String,
    /// The level, if its world has levels.
    pub level: Option<LevelRecord>,
    /// What is played: environment, options, level and arenas, as text.
    pub identity: String,
    /// The environment.
    pub spec: EnvironmentSpec,
    /// Streams of each actor.
    pub streams: u32,
    /// The most actors besides the learner's own.
    pub most_actors: u32,
    /// Arenas of each.
    pub arenas: u32,
    /// What the results of an exact run depend on, which must be the same everywhere; `None` for one that is not.
    pub exact: Option<String>,
    /// Gradient steps between two averages over the learner's replicas; `None` if it has none.
    pub sync_every: Option<u64>,
}

/// A request of an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// Switches gradient steps on or off.
    Train(bool),
    /// Writes a checkpoint.
    Save,
    /// Takes no more steps of this actor.
    Forbid(u32),
    /// Ends the run as Ctrl-C does.
    Stop,
}

/// What came from actors, for the process of the learner.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Steps were passed on: so many.
    Steps(u64),
    /// An episode of this actor has ended.
    Episode(u32, Episode),
    /// An operator asked for this.
    Control(Control),
    /// An actor has come, by name.
    Joined(u32, String),
    /// An actor has gone.
    Left(u32, String),
    /// A replica of this number and name has come, or gone.
    Replica {
        /// Its number.
        number: u32,
        /// Its name.
        name: String,
        /// Whether it has come.
        present: bool,
    },
}

struct Inner {
    began: Instant,
    config: HubConfig,
    intake: Mutex<Intake>,
    link: ArcSwapOption<Arc<dyn LearnerLink>>,
    events: Sender<Event>,
    weights: Mutex<Option<(u64, Arc<Vec<u8>>)>>,
    status: ArcSwap<NetStatus>,
    /// How the session has ended.
    ended: ArcSwapOption<End>,
    /// Why steps were last not taken.
    waits: ArcSwapOption<String>,
    closed: AtomicBool,
    /// Connected actors, counted now and then.
    actors: AtomicU64,
    /// Steps passed on to the learner.
    received: AtomicU64,
    /// Steps that the run still takes.
    remaining: AtomicU64,
    board: Board,
    chief: Chief,
}

/// The learner's end of a session. Dropping it ends the session.
pub struct Hub {
    inner: Arc<Inner>,
    engine: Arc<dyn Engine>,
    events: Receiver<Event>,
    wake: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Hub {
    /// Opens a session on `engine`. Steps are taken once there is a learner, see [`Hub::set_link`].
    ///
    /// # Errors
    /// [`NetError::Engine`] if the network or the system refuses.
    pub fn open(engine: Arc<dyn Engine>, config: HubConfig) -> Result<Self, NetError> {
        let HubConfig { spec, streams, arenas, .. } = &config;
        let accepted = Accepted { spec: spec.clone(), state_width: 0, streams: *streams, arenas: *arenas };
        let (events, received) = unbounded();
        let chief = Chief::new(config.sync_every.unwrap_or(1));
        let inner = Arc::new(Inner {
            began: Instant::now(),
            intake: Mutex::new(Intake::new(accepted, config.most_actors)),
            config,
            link: ArcSwapOption::empty(),
            events,
            weights: Mutex::new(None),
            status: ArcSwap::default(),
            ended: ArcSwapOption::empty(),
            waits: ArcSwapOption::empty(),
            closed: AtomicBool::new(false),
            actors: AtomicU64::new(1),
            received: AtomicU64::new(0),
            remaining: AtomicU64::new(u64::MAX),
            board: Board::default(),
            chief,
        });
        for verb in Verb::ALL {
            let inner = inner.clone();
            let answerer = move |message: &[u8], respond: Respond| match verb {
                Verb::Reduce => inner.reduce(message, respond),
                _ => respond(inner.answer(verb, message)),
            };
            engine.answer(verb, Arc::new(answerer))?;
        }
        let watched = inner.clone();
        engine.watch(Arc::new(move |client, present| watched.set_present(client, present)))?;
        let (wake, woken) = bounded(0);
        let (its, announcer) = (inner.clone(), engine.clone());
        let work = move || its.announce(&*announcer, &woken);
        let thread = std::thread::Builder::new().name("hub".into()).spawn(work);
        let thread = thread.map_err(|error| NetError::Engine(error.to_string()))?;
        Ok(Self { inner, engine, events: received, wake: Some(wake), thread: Some(thread) })
    }

    /// Passes steps on to the learner behind `link` from now on.
    pub fn set_link(&self, link: Arc<dyn LearnerLink>) {
        self.inner.link.store(Some(Arc::new(link)));
    }

    /// Lets go of the learner: steps wait.
    pub fn clear_link(&self) {
        self.inner.link.store(None);
    }

    /// What has come since the last call.
    pub fn events(&self) -> impl Iterator<Item = Event> + '_ {
        self.events.try_iter()
    }

    /// How the session stands.
    pub fn status(&self) -> Arc<NetStatus> {
        self.inner.status.load_full()
    }

    /// Why actors wait at the moment, by the learner's pace; also what the learner's own actors should do.
    pub fn pace(&self) -> Option<String> {
        self.inner.pace()
    }

    /// The run takes so many steps yet: batches get smaller towards its end, so that few are played for nothing.
    pub fn set_remaining(&self, steps: u64) {
        self.inner.remaining.store(steps, Ordering::Relaxed);
    }

    /// Ends the session: actors are told to stop.
    pub fn end(&self, end: End) {
        self.inner.chief.stop(&end);
        self.inner.ended.store(Some(Arc::new(end)));
        self.inner.announce_status(&*self.engine);
    }

    /// Where the learner meets its replicas.
    pub fn chief(&self) -> &Chief {
        &self.inner.chief
    }

    /// The work of an exact run.
    pub fn board(&self) -> &Board {
        &self.inner.board
    }

    /// Takes no more steps of actor number `number`.
    pub fn forbid(&self, number: u32) {
        self.inner.intake().forbid(number);
    }

    /// Takes no steps while what comes back is there: what is known, received and saved meanwhile is of the same steps.
    pub fn hold(&self) -> Held<'_> {
        Held(self.inner.intake())
    }

    /// Goes on after such a checkpoint.
    pub fn restore(&self, actors: std::collections::BTreeMap<u64, Actor>) {
        self.inner.intake().restore(actors);
    }
}

/// No steps are taken while this is there.
pub struct Held<'a>(MutexGuard<'a, Intake>);

impl Held<'_> {
    /// What was taken of whom.
    pub fn taken(&self) -> std::collections::BTreeMap<u64, Actor> {
        self.0.snapshot()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.inner.closed.store(true, Ordering::Relaxed);
        self.inner.link.store(None);
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
