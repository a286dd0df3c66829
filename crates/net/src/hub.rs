//! The learner's end of a session: greets actors, passes their steps on to the learner, and hands out policies.

mod status;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use entropy_rl::learner::Health;
use entropy_rl::link::{Handshake, LearnerLink, Published};
use entropy_rl::mdp::{EnvironmentSpec, LevelRecord};
use serde::{Deserialize, Serialize};

use crate::NetError;
use crate::engine::{Engine, News, Verb};
use crate::intake::{Accepted, Actor, Intake};
use crate::policy::{Have, encode};
use crate::protocol::{
    Answer, End, Hello, PROTOCOL, PolicyHead, StepsReply, Welcome, from_text, join, plain, split, to_text,
};
use crate::steps::Episode;
use crate::work::{Ask, Board, Offer};
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
    board: Board,
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
            board: Board::default(),
        });
        for verb in Verb::ALL {
            let inner = inner.clone();
            engine.answer(verb, Arc::new(move |message| inner.answer(verb, message)))?;
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

    /// Ends the session: actors are told to stop.
    pub fn end(&self, end: End) {
        self.inner.ended.store(Some(Arc::new(end)));
        self.inner.announce_status(&*self.engine);
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

impl Inner {
    fn intake(&self) -> MutexGuard<'_, Intake> {
        self.intake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, verb: Verb, message: &[u8]) -> Vec<u8> {
        let answer = match verb {
            Verb::Hello => to_text(&self.greet(message).map_err(|error| error.to_string())),
            Verb::Steps => {
                let answer = self.steps(message);
                to_text(&StepsReply { answer, most_steps: self.most_steps() })
            }
            Verb::Weights => return self.weights(message).map(|bytes| bytes.to_vec()).unwrap_or_default(),
            Verb::Work => return self.work(message).unwrap_or_default(),
            Verb::Control => to_text(&self.control(message).map_err(|error| error.to_string())),
        };
        answer.unwrap_or_default()
    }

    fn greet(&self, message: &[u8]) -> Result<Welcome, NetError> {
        let hello: Hello = from_text("greeting", message)?;
        hello.check()?;
        if let Some(end) = self.ended.load_full() {
            return Err(NetError::Refused(format!("the session has ended: {}", end.reason)));
        }
        if let Some(ours) = self.config.exact.as_ref().filter(|ours| **ours != hello.machine) {
            let theirs = plain(&hello.machine);
            return Err(NetError::Refused(format!(
                "an exact run needs the same program on the same kind of processor: the learner's is {ours}, this is {theirs}"
            )));
        }
        let greeted = self.intake().greet(hello.client, &hello.name, self.began.elapsed());
        greeted.map_err(NetError::Refused)?;
        if self.config.exact.is_some() {
            _ = self.events.send(Event::Joined(0, plain(&hello.name)));
        }
        let HubConfig { session, seed, config, level, spec, streams, arenas, exact, identity, .. } =
            &self.config;
        let status = self.link.load_full().map(|link| link.status());
        Ok(Welcome {
            protocol: PROTOCOL,
            session: *session,
            identity: identity.clone(),
            streams: *streams,
            arenas: *arenas,
            exact: exact.is_some(),
            most_steps: self.most_steps(),
            seed: *seed,
            config: config.clone(),
            level: level.clone(),
            handshake: Handshake::new(spec),
            algorithm: status.map(|status| status.config.clone().algorithm),
        })
    }

    fn set_present(&self, client: u64, present: bool) {
        let mut intake = self.intake();
        let before = intake.known().get(&client).filter(|actor| actor.present).cloned();
        intake.set_present(client, present);
        if !present {
            self.board.leave(client);
        }
        if let (Some(actor), false) = (before, present)
            && (actor.number > 0 || self.config.exact.is_some())
        {
            _ = self.events.send(Event::Left(actor.number, actor.name));
        }
    }

    fn steps(&self, message: &[u8]) -> Answer {
        if let Some(end) = self.ended.load_full() {
            return Answer::Stop((*end).clone());
        }
        let Some(link) = self.link.load_full() else { return Answer::Wait("the learner is starting".into()) };
        let mut intake = self.intake();
        let before: Vec<u32> = intake.connected().map(|actor| actor.number).collect();
        intake.accepted_mut().state_width = link.status().config.state_width();
        let answer = intake.steps(message, self.began.elapsed(), |number, recorded| {
            self.pace().map_or(Ok(()), Err)?;
            let count = recorded.steps.len() as u64 + recorded.steps.refused;
            link.send(recorded.steps).map_err(|error| error.to_string())?;
            self.received.fetch_add(count, Ordering::Relaxed);
            _ = self.events.send(Event::Steps(count));
            for episode in recorded.episodes {
                _ = self.events.send(Event::Episode(number, episode));
            }
            Ok(())
        });
        self.actors.store(intake.connected().count() as u64, Ordering::Relaxed);
        for actor in intake.connected().filter(|actor| !before.contains(&actor.number)) {
            _ = self.events.send(Event::Joined(actor.number, actor.name.clone()));
        }
        let waits = if let Answer::Wait(reason) = &answer { Some(Arc::new(reason.clone())) } else { None };
        self.waits.store(waits);
        answer
    }

    /// Why actors wait for the learner, if they may be asked to and it is behind.
    fn pace(&self) -> Option<String> {
        let link = self.link.load_full()?;
        let (behind, status) = (link.behind(), link.status());
        // While training is off nothing becomes less.
        let waits = status.config.actors_wait && status.health != Health::Paused;
        (waits && behind > MOST_BEHIND)
            .then(|| format!("actors wait for the learner, which has {behind} gradient steps to make first"))
    }

    /// The most steps that a batch should have: all actors together should not send more at once than the learner may be
    /// behind.
    fn most_steps(&self) -> u32 {
        let Some(link) = self.link.load_full() else { return 0 };
        let status = link.status();
        // A batch must have room in the replay buffer.
        let room = (status.config.replay_capacity / 4).max(1) as u64;
        if !status.config.actors_wait {
            return if room < LARGE_BATCH { room as u32 } else { 0 };
        }
        let open = MOST_BEHIND as f32 / status.config.most_gradient_steps_per_env_step();
        // Steps before the first gradient step are not waited for; some batches of each actor are under way at once. The
        // status may be older than what has been passed on.
        let env_steps = status.env_steps.max(self.received.load(Ordering::Relaxed));
        let collecting = status.config.learning_starts.saturating_sub(env_steps) / 4;
        let actors = self.actors.load(Ordering::Relaxed).max(1);
        ((open as u64).max(collecting) / actors).min(room).clamp(1, u64::from(u32::MAX)) as u32
    }

    /// The latest policy, unless the asker has it.
    fn weights(&self, message: &[u8]) -> Option<Arc<Vec<u8>>> {
        let Have { have } = Have::from_bytes(message).ok()?;
        let link = self.link.load_full()?;
        let published = link.published()?;
        if have == Some(self.head(&published)) {
            return None;
        }
        let mut kept = self.weights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((version, bytes)) = &*kept
            && *version == published.version
        {
            return Some(bytes.clone());
        }
        let algorithm = link.status().config.clone().algorithm;
        let bytes = Arc::new(encode(self.config.session, &published, &algorithm).ok()?);
        *kept = Some((published.version, bytes.clone()));
        Some(bytes)
    }

    fn head(&self, published: &Published) -> PolicyHead {
        let Published { version, gradient_steps, .. } = *published;
        PolicyHead { session: self.config.session, version, gradient_steps }
    }

    /// Takes the result of a worker and gives it something to do; nothing if there is nothing.
    fn work(&self, message: &[u8]) -> Result<Vec<u8>, NetError> {
        if let Some(end) = self.ended.load_full() {
            return join(&Offer::Stop((*end).clone()), &[]);
        }
        let (ask, body) = split::<Ask>("work", message)?;
        if !self.intake().known().contains_key(&ask.client) {
            return join(&Offer::Greet, &[]);
        }
        self.board.exchange(&ask, body)
    }

    fn control(&self, message: &[u8]) -> Result<(), NetError> {
        let control: Control = from_text("command", message)?;
        if let Control::Forbid(number) = control {
            self.intake().forbid(number);
        }
        _ = self.events.send(Event::Control(control));
        Ok(())
    }

    /// Announces policies and the status until the session is closed.
    fn announce(&self, engine: &dyn Engine, wake: &Receiver<()>) {
        let (mut looks, mut last) = (0_u32, PolicyHead::default());
        while !self.closed.load(Ordering::Relaxed) {
            let closed = wake.recv_timeout(LOOK_EVERY);
            if closed.is_err_and(|error| error.is_disconnected()) {
                return;
            }
            let head = self.link.load_full().and_then(|link| Some(self.head(&*link.published()?)));
            if let Some(head) = head.filter(|head| *head != last)
                && let Ok(message) = to_text(&head)
            {
                last = head;
                engine.announce(News::Policy, message);
            }
            looks += 1;
            if looks.is_multiple_of(LOOKS_A_STATUS) {
                self.announce_status(engine);
            }
        }
    }
}

#[cfg(test)]
mod tests;
