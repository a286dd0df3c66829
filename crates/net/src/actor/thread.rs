//! The thread of an actor's link: sends steps, pulls policies, greets again after a break.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use entropy_rl::link::{Handshake, PolicySlot};
use entropy_rl::mdp::EnvironmentSpec;

use super::{LinkStatus, PATIENCE, Shared};
use crate::NetError;
use crate::engine::{Engine, News, Verb};
use crate::hub::StatusNews;
use crate::outbox::Next;
use crate::policy::{Arrived, Have, decode};
use crate::protocol::{End, Hello, PolicyHead, StepsReply, Welcome, from_text, to_text};
use crate::steps::encode;

/// Interval between two looks at the outbox.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Interval between two questions for a policy when none is announced: announcements may be lost. Also the pulse by which
/// the learner's silence is noticed.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// Shortest interval between two policies that are pulled.
const PULL_EVERY: Duration = Duration::from_millis(100);
/// Silence that is worth a word.
const SILENCE: Duration = Duration::from_secs(4);
/// How long a link that is closed goes on sending.
const CLOSING: Duration = Duration::from_secs(5);

/// What happens to a link.
pub(super) enum Event {
    /// Steps are due.
    Wake,
    /// No more steps will come.
    Close,
    /// The answer to a batch.
    Answered(u64, Option<Vec<u8>>),
    /// A policy was announced.
    Announced(PolicyHead),
    /// A policy, or nothing newer.
    Weights(Option<Vec<u8>>),
    /// The answer to a greeting.
    Greeted(Option<Vec<u8>>),
    /// The session's status.
    Status(Box<StatusNews>),
}

pub(super) struct Worker {
    engine: Arc<dyn Engine>,
    shared: Arc<Shared>,
    hello: Hello,
    handshake: Handshake,
    identity: String,
    session: u64,
    spec: EnvironmentSpec,
    slot: PolicySlot,
    sender: Sender<Event>,
    events: Receiver<Event>,
    have: Option<PolicyHead>,
    announced: Option<PolicyHead>,
    policies: u64,
    /// Since when a policy has been asked for.
    asking: Option<Instant>,
    asked: Option<Instant>,
    /// When the policy was last known to be the newest.
    fresh: Instant,
    heard: Instant,
    greets: bool,
    greeted: Option<Instant>,
    closing: Option<Instant>,
}

impl Worker {
    pub(super) fn new(
        engine: Arc<dyn Engine>,
        shared: Arc<Shared>,
        hello: Hello,
        welcome: &Welcome,
        spec: EnvironmentSpec,
        slot: PolicySlot,
        (sender, events): (Sender<Event>, Receiver<Event>),
    ) -> Result<Self, NetError> {
        let heads = sender.clone();
        let hear = move |message: &[u8]| {
            if let Ok(head) = from_text("policy", message) {
                _ = heads.send(Event::Announced(head));
            }
        };
        engine.hear(News::Policy, Arc::new(hear))?;
        let news = sender.clone();
        let hear = move |message: &[u8]| {
            if let Ok(status) = from_text("status", message) {
                _ = news.send(Event::Status(Box::new(status)));
            }
        };
        engine.hear(News::Status, Arc::new(hear))?;
        let now = Instant::now();
        Ok(Self {
            engine,
            shared,
            hello,
            handshake: welcome.handshake.clone(),
            identity: welcome.identity.clone(),
            session: welcome.session,
            spec,
            slot,
            sender,
            events,
            have: None,
            announced: None,
            policies: 0,
            asking: None,
            asked: None,
            fresh: now,
            heard: now,
            greets: false,
            greeted: None,
            closing: None,
        })
    }

    pub(super) fn run(mut self) {
        loop {
            match self.events.recv_timeout(LOOK_EVERY) {
                Ok(event) => {
                    self.take(event);
                    while let Ok(event) = self.events.try_recv() {
                        self.take(event);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let closing = self.closing.is_some();
            self.send(closing);
            self.ask();
            self.show();
            let over = self.closing.is_some_and(|since| since.elapsed() > CLOSING);
            if closing && (over || self.shared.outbox().is_empty() || self.shared.stop.get().is_some()) {
                return;
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Wake => {}
            Event::Close => self.closing = self.closing.or(Some(Instant::now())),
            Event::Answered(sequence, answer) => {
                let reply = answer.and_then(|bytes| from_text::<StepsReply>("answer", &bytes).ok());
                self.heard = if reply.is_some() { Instant::now() } else { self.heard };
                let now = self.shared.now();
                let mut outbox = self.shared.outbox();
                if let Some(reply) = &reply {
                    outbox.set_most_steps(reply.most_steps as usize);
                }
                let next = outbox.answered(sequence, reply.map(|reply| reply.answer), now);
                drop(outbox);
                match next {
                    Next::GoOn => {}
                    Next::Greet => self.greets = true,
                    Next::Stop(end) => _ = self.shared.stop.set(end),
                }
            }
            Event::Announced(head) => {
                self.heard = Instant::now();
                // Another start of the learner may be another run.
                self.greets |= head.session != self.session;
                self.announced = Some(head);
            }
            Event::Weights(answer) => self.take_weights(answer),
            Event::Greeted(answer) => self.take_welcome(answer),
            Event::Status(news) => {
                self.heard = Instant::now();
                if let Some(learner) = news.learner {
                    self.shared.status.store(Arc::new(learner));
                }
                let link = LinkStatus { net: news.net, ..(*self.shared.link.load_full()).clone() };
                self.shared.link.store(Arc::new(link));
                if let Some(end) = news.ended {
                    _ = self.shared.stop.set(end);
                }
            }
        }
    }

    fn take_weights(&mut self, answer: Option<Vec<u8>>) {
        self.asking = None;
        let Some(bytes) = answer else { return };
        self.heard = Instant::now();
        if bytes.is_empty() {
            // Nothing newer, or nothing yet.
            self.fresh = Instant::now();
            return;
        }
        match decode(&bytes, &self.spec) {
            Ok(arrived) => {
                self.greets |= arrived.head.session != self.session;
                self.fresh = Instant::now();
                self.have = Some(arrived.head);
                self.policies += 1;
                self.publish(&arrived);
            }
            Err(error) => tracing::warn!("a policy that cannot be used: {error}"),
        }
    }

    fn publish(&self, arrived: &Arrived) {
        self.slot.store(Arc::new(arrived.snapshot()));
    }

    fn take_welcome(&mut self, answer: Option<Vec<u8>>) {
        let Some(bytes) = answer else { return };
        self.heard = Instant::now();
        match from_text::<Result<Welcome, String>>("greeting", &bytes) {
            Ok(Ok(welcome)) => {
                let same = |theirs: &Welcome| {
                    (&theirs.identity, theirs.exact, &theirs.handshake)
                        == (&self.identity, false, &self.handshake)
                };
                self.greets = !same(&welcome);
                if self.greets {
                    let reason = "the learner has started another run, of another world, level or size; start this anew";
                    _ = self.shared.stop.set(End::bad(reason));
                }
                self.session = welcome.session;
            }
            Ok(Err(reason)) => _ = self.shared.stop.set(End::bad(reason)),
            Err(error) => tracing::warn!("{error}"),
        }
    }

    /// Sends what is due, and everything once the link is closed.
    fn send(&mut self, everything: bool) {
        let now = self.shared.now();
        loop {
            let recorded = {
                let mut outbox = self.shared.outbox();
                (everything || outbox.is_due(now)).then(|| outbox.close())
            };
            let Some(recorded) = recorded.filter(|recorded| !recorded.is_empty()) else { break };
            match encode(&recorded) {
                Ok(body) => self.shared.outbox().add(recorded.steps.len(), body, now),
                Err(error) => {
                    tracing::warn!("{error}");
                    self.shared.outbox().lose(recorded.steps.len());
                }
            }
        }
        // Not before the learner is known to be that of this run.
        while !self.greets && self.shared.stop.get().is_none() {
            let next = self.shared.outbox().next(now);
            let Some((sequence, message)) = next else { break };
            let events = self.sender.clone();
            let then = move |answer| _ = events.send(Event::Answered(sequence, answer));
            self.engine.ask(Verb::Steps, message, PATIENCE, Box::new(then));
        }
    }

    /// Asks for a policy or greets, where that is due.
    fn ask(&mut self) {
        let since = |then: Option<Instant>| then.is_none_or(|then| then.elapsed() >= ASK_EVERY);
        if self.greets && since(self.greeted) {
            self.greeted = Some(Instant::now());
            let events = self.sender.clone();
            if let Ok(message) = to_text(&self.hello) {
                let then = move |answer| _ = events.send(Event::Greeted(answer));
                self.engine.ask(Verb::Hello, message, PATIENCE, Box::new(then));
            }
        }
        let newer = self.announced.is_some()
            && self.announced != self.have
            && self.asked.is_none_or(|asked| asked.elapsed() >= PULL_EVERY);
        // An answer that never comes is not waited for.
        let free = self.asking.is_none_or(|since| since.elapsed() > 2 * PATIENCE);
        if free && (newer || since(self.asked)) {
            self.announced = None;
            (self.asking, self.asked) = (Some(Instant::now()), Some(Instant::now()));
            let events = self.sender.clone();
            if let Ok(message) = (Have { have: self.have }).to_bytes() {
                let then = move |answer| _ = events.send(Event::Weights(answer));
                self.engine.ask(Verb::Weights, message, PATIENCE, Box::new(then));
            }
        }
    }

    fn show(&self) {
        let last = self.shared.link.load_full();
        let silent = self.heard.elapsed();
        let link = LinkStatus {
            steps: self.shared.outbox().counts().clone(),
            policy: self.have,
            policies: self.policies,
            policy_age: self.fresh.elapsed().as_secs_f32(),
            silent: (silent > SILENCE).then_some(silent.as_secs_f32()),
            net: last.net.clone(),
            refused: self.shared.refused.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        };
        self.shared.link.store(Arc::new(link));
    }
}
