//! The network itself: zenoh, embedded. The learner's process is a router that listens; everybody else is a client with
//! one link to it. Nothing is found by scouting, and nobody comes in without a certificate, but on this machine alone.

mod settings;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::zenoh::Wait;
use ::zenoh::liveliness::LivelinessToken;
use ::zenoh::qos::{CongestionControl, Priority};
use ::zenoh::query::{ConsolidationMode, QueryTarget};
use ::zenoh::sample::SampleKind;

use crate::NetError;
use crate::engine::{Answerer, Engine, Hearer, News, Once, Then, Verb, Watcher};
use crate::protocol::LARGEST_MESSAGE;
pub use settings::{Address, Security, joiner};

/// Keys of this project begin with it.
const ROOT: &str = "arcade";

/// One process's end of a network over zenoh.
pub struct Zenoh {
    session: ::zenoh::Session,
    tokens: Mutex<Vec<LivelinessToken>>,
}

impl Zenoh {
    /// Listens at `address`, where [`Zenoh::join`] reaches it.
    ///
    /// # Errors
    /// [`NetError::Address`] or [`NetError::Keys`] for what is not allowed, [`NetError::Engine`] if the address is taken.
    pub fn listen(address: &Address, security: Option<&Security>) -> Result<Self, NetError> {
        Self::open(settings::listening(address, security)?, address, security)
    }

    /// Joins whoever listens at `address`. A link that breaks is made again without end.
    ///
    /// # Errors
    /// As [`Zenoh::listen`]; [`NetError::Nobody`] if nobody listens there.
    pub fn join(address: &Address, security: Option<&Security>) -> Result<Self, NetError> {
        Self::open(settings::joining(address, security)?, address, security)
    }

    fn open(
        config: ::zenoh::Config,
        address: &Address,
        security: Option<&Security>,
    ) -> Result<Self, NetError> {
        let session = ::zenoh::open(config).wait();
        let session = session.map_err(|error| settings::explain(address, security, &error))?;
        Ok(Self { session, tokens: Mutex::default() })
    }
}

fn engine(error: impl ToString) -> NetError {
    NetError::Engine(error.to_string().lines().next().unwrap_or_default().to_owned())
}

impl Engine for Zenoh {
    fn ask(&self, verb: Verb, message: Vec<u8>, patience: Duration, then: Then) {
        let once = Once::new(then);
        let priority = match verb {
            Verb::Steps => Priority::Data,
            Verb::Weights | Verb::Work | Verb::Reduce => Priority::DataHigh,
            Verb::Hello | Verb::Control => Priority::InteractiveHigh,
        };
        // What fails drops the callback, which says that there is no answer.
        _ = self
            .session
            .get(format!("{ROOT}/{}", verb.name()))
            .payload(message)
            .target(QueryTarget::BestMatching)
            .consolidation(ConsolidationMode::None)
            .congestion_control(CongestionControl::Block)
            .priority(priority)
            .timeout(patience)
            .callback(move |reply| {
                let answer = reply.result().ok().map(|sample| sample.payload().to_bytes().into_owned());
                once.call(answer);
            })
            .wait();
    }

    fn answer(&self, verb: Verb, answerer: Answerer) -> Result<(), NetError> {
        let key = format!("{ROOT}/{}", verb.name());
        let reply_to = key.clone();
        let callback = move |query: ::zenoh::query::Query| {
            // Its own handle: the query itself goes where it is answered.
            let payload = query.payload().cloned();
            let message = payload.as_ref().map(|payload| payload.to_bytes());
            let (message, reply_to) = (message.as_deref().unwrap_or_default(), reply_to.clone());
            if message.len() <= LARGEST_MESSAGE {
                answerer(message, Box::new(move |answer| _ = query.reply(&reply_to, answer).wait()));
            }
        };
        let queryable = self.session.declare_queryable(key).complete(true).callback(callback);
        queryable.background().wait().map_err(engine)
    }

    fn announce(&self, news: News, message: Vec<u8>) {
        _ = self
            .session
            .put(format!("{ROOT}/news/{}", news.name()), message)
            .congestion_control(CongestionControl::Drop)
            .priority(if news == News::Policy { Priority::InteractiveHigh } else { Priority::DataLow })
            .wait();
    }

    fn hear(&self, news: News, hearer: Hearer) -> Result<(), NetError> {
        let callback = move |sample: ::zenoh::sample::Sample| hearer(&sample.payload().to_bytes());
        let key = format!("{ROOT}/news/{}", news.name());
        self.session.declare_subscriber(key).callback(callback).background().wait().map_err(engine)
    }

    fn present(&self, client: u64) -> Result<(), NetError> {
        let token = self.session.liveliness().declare_token(format!("{ROOT}/present/{client:016x}"));
        let token = token.wait().map_err(engine)?;
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).push(token);
        Ok(())
    }

    fn watch(&self, watcher: Watcher) -> Result<(), NetError> {
        let callback = move |sample: ::zenoh::sample::Sample| {
            let name = sample.key_expr().as_str().rsplit('/').next();
            if let Some(client) = name.and_then(|name| u64::from_str_radix(name, 16).ok()) {
                watcher(client, sample.kind() == SampleKind::Put);
            }
        };
        let key = format!("{ROOT}/present/*");
        let subscriber = self.session.liveliness().declare_subscriber(key).history(true).callback(callback);
        subscriber.background().wait().map_err(engine)
    }
}
