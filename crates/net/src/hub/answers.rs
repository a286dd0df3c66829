//! What a session answers to each verb, and what it announces.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};

use crossbeam_channel::Receiver;
use entropy_rl::learner::Health;
use entropy_rl::link::{Handshake, Published};

use super::{Control, Event, HubConfig, Inner, LARGE_BATCH, LOOK_EVERY, LOOKS_A_STATUS, MOST_BEHIND};
use crate::NetError;
use crate::engine::{Engine, News, Respond, Verb};
use crate::intake::Intake;
use crate::policy::{Have, encode};
use crate::protocol::{
    Answer, Hello, PROTOCOL, PolicyHead, Role, StepsReply, Welcome, from_text, join, plain, split, to_text,
};
use crate::work::{Ask, Offer};

impl Inner {
    pub(super) fn intake(&self) -> MutexGuard<'_, Intake> {
        self.intake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn answer(&self, verb: Verb, message: &[u8]) -> Vec<u8> {
        let answer = match verb {
            Verb::Hello => to_text(&self.greet(message).map_err(|error| error.to_string())),
            Verb::Steps => {
                let answer = self.steps(message);
                to_text(&StepsReply { answer, most_steps: self.most_steps() })
            }
            Verb::Weights => return self.weights(message).map(|bytes| bytes.to_vec()).unwrap_or_default(),
            Verb::Work => return self.work(message).unwrap_or_default(),
            Verb::Control => to_text(&self.control(message).map_err(|error| error.to_string())),
            // Not answered at once.
            Verb::Reduce => return Vec::new(),
        };
        answer.unwrap_or_default()
    }

    pub(super) fn greet(&self, message: &[u8]) -> Result<Welcome, NetError> {
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
        if hello.role == Role::Replica {
            self.greet_replica(&hello)?;
        } else {
            let greeted = self.intake().greet(hello.client, &hello.name, self.began.elapsed());
            greeted.map_err(NetError::Refused)?;
        }
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
            sync_every: self.config.sync_every,
            algorithm: status.map(|status| status.config.clone().algorithm),
        })
    }

    fn greet_replica(&self, hello: &Hello) -> Result<(), NetError> {
        if self.config.exact.is_some() {
            let problem = "an exact run has one learner alone; join it with `actors`".to_owned();
            return Err(NetError::Refused(problem));
        }
        if self.config.sync_every.is_none() {
            let problem = "this learner is a replica itself; join the one that it has joined".to_owned();
            return Err(NetError::Refused(problem));
        }
        self.chief.greet(hello.client, &hello.name).map_err(NetError::Refused)
    }

    pub(super) fn reduce(&self, message: &[u8], respond: Respond) {
        for (number, name) in self.chief.answer(message, respond) {
            _ = self.events.send(Event::Replica { number, name, present: true });
        }
    }

    pub(super) fn set_present(&self, client: u64, present: bool) {
        if let Some((number, name)) = self.chief.set_present(client, present) {
            _ = self.events.send(Event::Replica { number, name, present });
        }
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

    pub(super) fn steps(&self, message: &[u8]) -> Answer {
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
    pub(super) fn pace(&self) -> Option<String> {
        let link = self.link.load_full()?;
        let (behind, status) = (link.behind(), link.status());
        if !status.config.actors_wait {
            return None;
        }
        if status.health == Health::Paused {
            return Some("actors wait: training is switched off".into());
        }
        (behind > MOST_BEHIND)
            .then(|| format!("actors wait for the learner, which has {behind} gradient steps to make first"))
    }

    /// The most steps that a batch should have: all actors together should not send more at once than the learner may be
    /// behind.
    pub(super) fn most_steps(&self) -> u32 {
        let Some(link) = self.link.load_full() else { return 0 };
        let status = link.status();
        // A batch must have room in the replay buffer, and those that all actors have under way in the run.
        let actors = self.actors.load(Ordering::Relaxed).max(1);
        let remaining = self.remaining.load(Ordering::Relaxed) / (8 * actors);
        let room = ((status.config.replay_capacity / 4) as u64).min(remaining).max(1);
        if !status.config.actors_wait {
            return if room < LARGE_BATCH { room as u32 } else { 0 };
        }
        let open = MOST_BEHIND as f32 / status.config.most_gradient_steps_per_env_step();
        // Steps before the first gradient step are not waited for; some batches of each actor are under way at once. The
        // status may be older than what has been passed on.
        let env_steps = status.env_steps.max(self.received.load(Ordering::Relaxed));
        let collecting = status.config.learning_starts.saturating_sub(env_steps) / 4;
        ((open as u64).max(collecting) / actors).min(room).clamp(1, u64::from(u32::MAX)) as u32
    }

    /// The latest policy, unless the asker has it.
    pub(super) fn weights(&self, message: &[u8]) -> Option<Arc<Vec<u8>>> {
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

    pub(super) fn head(&self, published: &Published) -> PolicyHead {
        let Published { version, gradient_steps, .. } = *published;
        PolicyHead { session: self.config.session, version, gradient_steps }
    }

    /// Takes the result of a worker and gives it something to do; nothing if there is nothing.
    pub(super) fn work(&self, message: &[u8]) -> Result<Vec<u8>, NetError> {
        if let Some(end) = self.ended.load_full() {
            return join(&Offer::Stop((*end).clone()), &[]);
        }
        let (ask, body) = split::<Ask>("work", message)?;
        if !self.intake().known().contains_key(&ask.client) {
            return join(&Offer::Greet, &[]);
        }
        self.board.exchange(&ask, body)
    }

    pub(super) fn control(&self, message: &[u8]) -> Result<(), NetError> {
        let control: Control = from_text("command", message)?;
        if let Control::Forbid(number) = control {
            let mut intake = self.intake();
            if !intake.connected().any(|actor| actor.number == number) {
                return Err(NetError::Refused(format!(
                    "actor {number}: no connected actor has that number; `session status` lists them"
                )));
            }
            intake.forbid(number);
        }
        _ = self.events.send(Event::Control(control));
        Ok(())
    }

    /// Announces policies and the status until the session is closed.
    pub(super) fn announce(&self, engine: &dyn Engine, wake: &Receiver<()>) {
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
                self.chief.refresh();
                self.announce_status(engine);
            }
        }
    }
}
