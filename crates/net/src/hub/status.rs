//! How a session stands, for the panel, the metrics and everybody who joined.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use entropy_rl::learner::LearnerStatus;
use serde::{Deserialize, Serialize};

use super::Inner;
use crate::engine::{Engine, News as Kind};
use crate::protocol::{End, to_text};
use crate::replicas::ReplicaStatus;

/// An actor as a session shows it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ActorStatus {
    /// The number that its process drew.
    pub client: u64,
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// Whether it is connected.
    pub present: bool,
    /// Steps taken of it.
    pub env_steps: u64,
    /// Recent ones per second.
    pub env_steps_per_second: f32,
    /// Batches taken of it, and bytes of their steps.
    pub batches: u64,
    /// See there.
    pub bytes: u64,
    /// Batches that came more than once.
    pub duplicates: u64,
    /// Batches that did not follow the one before, because one was lost.
    pub gaps: u64,
    /// Batches that did not fit.
    pub refused: u32,
}

/// How a session stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NetStatus {
    /// Actors of other processes, by number.
    pub actors: Vec<ActorStatus>,
    /// Other learners of the same agent, by number.
    #[serde(default)]
    pub replicas: Vec<ReplicaStatus>,
    /// How often a transition was drawn on average since the start: the real samples per insert.
    pub samples_per_insert: f32,
    /// Why steps are not taken at the moment.
    pub waits: Option<String>,
    /// Steps received of other processes.
    pub env_steps: u64,
    /// Recent ones per second.
    pub env_steps_per_second: f32,
    /// Bytes of their batches.
    pub bytes: u64,
    /// Recent bytes of steps per second.
    pub bytes_per_second: f32,
    /// Batches of all actors that came again, that did not follow the one before, and that did not fit.
    pub troubles: [u64; 3],
    /// When this was measured, in seconds since 1970.
    pub time: f64,
}

/// The announcement of a session's status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct News {
    /// Number of the learner's start.
    pub session: u64,
    /// The learner; `None` while it starts.
    pub learner: Option<LearnerStatus>,
    /// The session.
    pub net: NetStatus,
    /// How it has ended.
    pub ended: Option<End>,
}

impl Inner {
    pub(super) fn announce_status(&self, engine: &dyn Engine) {
        let learner = self.link.load_full().map(|link| link.status());
        let net = self.measure(learner.as_deref());
        self.status.store(Arc::new(net.clone()));
        let news = News {
            session: self.config.session,
            learner: learner.map(|status| (*status).clone()),
            net,
            ended: self.ended.load_full().map(|end| (*end).clone()),
        };
        if let Ok(message) = to_text(&news) {
            engine.announce(Kind::Status, message);
        }
    }

    fn measure(&self, learner: Option<&LearnerStatus>) -> NetStatus {
        let before = self.status.load_full();
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
        let seconds = ((time - before.time) as f32).max(0.1);
        let (known, totals) = {
            let intake = self.intake();
            (intake.snapshot(), intake.totals())
        };
        let mut actors: Vec<ActorStatus> = known
            .iter()
            .filter(|(_, actor)| actor.number > 0)
            .map(|(client, actor)| {
                let earlier = before.actors.iter().find(|before| before.client == *client);
                let new = actor.steps.saturating_sub(earlier.map_or(actor.steps, |before| before.env_steps));
                ActorStatus {
                    client: *client,
                    number: actor.number,
                    name: actor.name.clone(),
                    present: actor.present,
                    env_steps: actor.steps,
                    env_steps_per_second: new as f32 / seconds,
                    batches: actor.batches,
                    bytes: actor.bytes,
                    duplicates: actor.duplicates,
                    gaps: actor.gaps,
                    refused: actor.refused,
                }
            })
            .collect();
        actors.sort_by_key(|actor| actor.number);
        let rate = |now: u64, then: u64| now.saturating_sub(then) as f32 / seconds;
        let samples = learner.map_or(0.0, |status| {
            status.gradient_steps as f32 * status.config.batch_size as f32 / status.env_steps.max(1) as f32
        });
        NetStatus {
            samples_per_insert: samples,
            waits: self.waits.load_full().map(|reason| (*reason).clone()),
            env_steps: totals.steps,
            env_steps_per_second: rate(totals.steps, before.env_steps),
            bytes: totals.bytes,
            bytes_per_second: rate(totals.bytes, before.bytes),
            troubles: [totals.duplicates, totals.gaps, totals.refused],
            time,
            actors,
            replicas: self.chief.statuses(),
        }
    }
}
