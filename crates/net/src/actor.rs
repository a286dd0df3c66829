//! A link to a learner in another process: steps go out, policies and status come in, and nobody here waits for either.

mod thread;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use crossbeam_channel::{Sender, bounded, unbounded};
use entropy_rl::learner::{LearnerError, LearnerStatus, SnapshotHistory};
use entropy_rl::link::{Command, Handshake, Launch, LearnerLink, LinkError, PolicySlot, Reply, Ticket};
use entropy_rl::mdp::{PolicySnapshot, StepBatch};

use crate::NetError;
use crate::engine::{Engine, Verb};
use crate::hub::{Control, NetStatus};
use crate::outbox::{Outbox, OutboxConfig, OutboxCounts};
use crate::protocol::{End, Hello, PolicyHead, Welcome, from_text, to_text};
use crate::steps::Episode;
use thread::{Event, Worker};

/// How long an answer may take before the question is asked again.
const PATIENCE: Duration = Duration::from_secs(5);

/// Greets the learner behind `engine` and waits for its answer, at most `patience`.
///
/// # Errors
/// [`NetError::Nobody`] at `place` if nobody answers, [`NetError::Refused`] with the learner's reason.
pub fn greet(
    engine: &dyn Engine,
    hello: &Hello,
    place: &str,
    patience: Duration,
) -> Result<Welcome, NetError> {
    let began = Instant::now();
    loop {
        let (answer, answered) = bounded(1);
        let then = move |reply| _ = answer.send(reply);
        engine.ask(Verb::Hello, to_text(hello)?, PATIENCE, Box::new(then));
        match answered.recv_timeout(patience.min(PATIENCE) + Duration::from_secs(1)) {
            Ok(Some(bytes)) => {
                return from_text::<Result<Welcome, String>>("greeting", &bytes)?.map_err(NetError::Refused);
            }
            // A question that nobody is there to answer ends at once; the link may still be on its way up.
            _ if began.elapsed() < patience => std::thread::sleep(Duration::from_millis(200)),
            _ => return Err(NetError::Nobody { place: place.to_owned() }),
        }
    }
}

/// How the link of an actor stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LinkStatus {
    /// Its steps.
    pub steps: OutboxCounts,
    /// The policy it acts with; `None` before the first.
    pub policy: Option<PolicyHead>,
    /// Policies that were pulled.
    pub policies: u64,
    /// Seconds since that policy was last known to be the newest.
    pub policy_age: f32,
    /// Seconds since anything was heard of the learner, once that is long.
    pub silent: Option<f32>,
    /// The whole session, as the learner last said.
    pub net: NetStatus,
    /// Why the last command was refused.
    pub refused: Option<String>,
}

/// State shared with the thread.
struct Shared {
    began: Instant,
    outbox: Mutex<Outbox>,
    status: ArcSwap<LearnerStatus>,
    link: ArcSwap<LinkStatus>,
    /// How playing has come to an end.
    stop: OnceLock<End>,
    /// Whether what is played is not what the learner learns, so that nothing is sent.
    differs: AtomicBool,
    /// Why the last command was refused.
    refused: Mutex<Option<String>>,
}

impl Shared {
    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }
}

/// A link to a learner in another process. Dropping it sends what is left, for some seconds at most.
pub struct ActorLink {
    shared: Arc<Shared>,
    engine: Arc<dyn Engine>,
    handshake: Handshake,
    policy: PolicySlot,
    streams: u32,
    client: u64,
    wake: Sender<Event>,
    thread: Option<JoinHandle<()>>,
}

impl ActorLink {
    /// Starts a link for an actor that was made `welcome` after `hello`, with the environment, the algorithm and the
    /// policy slot of `launch`.
    ///
    /// # Errors
    /// [`NetError::Engine`] if the network or the system refuses.
    pub fn launch(
        engine: Arc<dyn Engine>,
        hello: Hello,
        welcome: &Welcome,
        launch: &Launch,
        config: OutboxConfig,
    ) -> Result<Self, NetError> {
        let Launch { setup, policy, .. } = launch;
        let mut outbox = Outbox::new(hello.client, &setup.spec, setup.config.state_width(), config);
        outbox.set_most_steps(welcome.most_steps as usize);
        let shared = Arc::new(Shared {
            began: Instant::now(),
            outbox: Mutex::new(outbox),
            status: ArcSwap::from_pointee(LearnerStatus::starting(setup)),
            link: ArcSwap::default(),
            stop: OnceLock::new(),
            differs: AtomicBool::new(false),
            refused: Mutex::default(),
        });
        let (wake, events) = unbounded();
        engine.present(hello.client)?;
        let handshake = welcome.handshake.clone();
        let own = hello.client;
        let worker = Worker::new(
            engine.clone(),
            shared.clone(),
            hello,
            welcome,
            setup.spec.clone(),
            policy.clone(),
            (wake.clone(), events),
        )?;
        let thread = std::thread::Builder::new().name("actor-link".into()).spawn(move || worker.run());
        let thread = thread.map_err(|error| NetError::Engine(error.to_string()))?;
        let (policy, streams, client) = (policy.clone(), welcome.streams, own);
        Ok(Self { shared, engine, handshake, policy, streams, client, wake, thread: Some(thread) })
    }

    /// Sends nothing while what is played here differs from what the learner learns: another level, other physics.
    pub fn set_differs(&self, differs: bool) {
        self.shared.differs.store(differs, Ordering::Relaxed);
    }

    /// Whether nothing is sent for that reason.
    pub fn differs(&self) -> bool {
        self.shared.differs.load(Ordering::Relaxed)
    }

    /// Adds an episode that has ended to what is sent.
    pub fn episode(&self, episode: Episode) {
        if self.differs() || episode.arena >= self.streams {
            return;
        }
        let now = self.shared.now();
        self.shared.outbox().push_episode(episode, now);
    }

    /// How it stands.
    pub fn link_status(&self) -> Arc<LinkStatus> {
        self.shared.link.load_full()
    }

    /// Sends what is left, for some seconds at most, and says how it stood in the end.
    pub fn close(mut self) -> LinkStatus {
        self.finish();
        let counts = self.shared.outbox().counts().clone();
        LinkStatus { steps: counts, ..(*self.link_status()).clone() }
    }

    fn finish(&mut self) {
        _ = self.wake.send(Event::Close);
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }

    /// How playing has come to an end, once it has.
    pub fn stopped(&self) -> Option<End> {
        self.shared.stop.get().cloned()
    }

    /// Whether so many steps wait that an actor should. While nothing is heard of the learner it plays on, and the oldest
    /// steps are dropped once there are too many.
    pub fn should_wait(&self) -> bool {
        self.shared.outbox().is_full() && self.shared.link.load().silent.is_none()
    }

    /// The number that this process drew.
    pub fn client(&self) -> u64 {
        self.client
    }

    fn control(&self, control: &Control) -> Ticket {
        let (ticket, answer) = Ticket::open("its answer was lost");
        let failed = |problem: String| Err(LearnerError::Failed(problem));
        let Ok(message) = to_text(control) else {
            answer(failed("this cannot be sent".into()));
            return ticket;
        };
        let shared = self.shared.clone();
        let then = move |reply: Option<Vec<u8>>| {
            let reply = reply.map(|bytes| from_text::<Result<(), String>>("answer", &bytes));
            let refused = match reply {
                None => Some("the learner does not answer, or may not be controlled from here".to_owned()),
                Some(Err(error)) => Some(error.to_string()),
                Some(Ok(Err(refused))) => Some(refused),
                Some(Ok(Ok(()))) => None,
            };
            shared.refused.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&refused);
            answer(refused.map_or(Ok(Reply::Done), failed));
        };
        self.engine.ask(Verb::Control, message, PATIENCE, Box::new(then));
        ticket
    }
}

impl LearnerLink for ActorLink {
    fn connect(&self, actor: &Handshake) -> Result<(), LinkError> {
        self.handshake.check(actor)
    }

    fn send(&self, steps: StepBatch) -> Result<(), LinkError> {
        if let Some(end) = self.stopped() {
            return Err(LinkError::Stopped(end.reason));
        }
        if self.differs() {
            return Err(LinkError::Stopped("what is played here is not what it learns".into()));
        }
        let mut steps = steps;
        if steps.streams.iter().any(|stream| *stream >= self.streams) {
            // More arenas than an actor may have are watched and not learned from.
            steps.retain(|all, row, _| all.streams[row] < self.streams);
        }
        let now = self.shared.now();
        let mut outbox = self.shared.outbox();
        outbox.push(&steps, now);
        if outbox.is_due(now) {
            _ = self.wake.send(Event::Wake);
        }
        Ok(())
    }

    fn policy(&self) -> Arc<PolicySnapshot> {
        self.policy.load_full()
    }

    fn status(&self) -> Arc<LearnerStatus> {
        self.shared.status.load_full()
    }

    fn snapshots(&self) -> Arc<SnapshotHistory> {
        Arc::default()
    }

    fn command(&self, command: Command) -> Ticket {
        match command {
            Command::Train(on) => self.control(&Control::Train(on)),
            Command::Save(save) if save.folder.is_none() => self.control(&Control::Save),
            // What a window shows of its own accord is not to be had from afar, and nothing is recorded here.
            Command::PublishCritics(_) | Command::Survey(_) | Command::SaveOnCommand => {
                Ticket::answered(Ok(Reply::Done))
            }
            _ => {
                let problem = "the learner runs in another process; change its settings there";
                Ticket::answered(Err(LearnerError::Failed(problem.into())))
            }
        }
    }
}

impl Drop for ActorLink {
    fn drop(&mut self) {
        self.finish();
    }
}
