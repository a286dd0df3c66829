//! The verbs of a network: one asks and another answers, one announces and all hear, and everybody sees who is present.
//!
//! Nothing here waits. A question may be carried out although its answer is lost, and an announcement may be lost, so
//! that everything above resends, recognizes what came before, and asks for what it has not heard.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::NetError;

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// A greeting.
    Hello,
    /// Steps.
    Steps,
    /// The latest policy.
    Weights,
    /// Work of an exact run, and its results.
    Work,
    /// Commands to the learner.
    Control,
    /// Averages over replicas of the learner.
    Reduce,
}

impl Verb {
    /// All verbs.
    pub const ALL: [Self; 6] =
        [Self::Hello, Self::Steps, Self::Weights, Self::Work, Self::Control, Self::Reduce];

    /// Its name on the network.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Steps => "steps",
            Self::Weights => "weights",
            Self::Work => "work",
            Self::Control => "control",
            Self::Reduce => "reduce",
        }
    }
}

/// What is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum News {
    /// Which policy is the latest.
    Policy,
    /// Status of the learner and of its actors.
    Status,
}

impl News {
    /// Its name on the network.
    pub fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Status => "status",
        }
    }
}

/// Gets the answer to a question, or `None` if there was none in time.
pub type Then = Box<dyn FnOnce(Option<Vec<u8>>) + Send>;
/// Answers questions: is called with each and with where its answer goes, at once or later; who asked learns that there is no
/// answer when that is dropped.
pub type Answerer = Arc<dyn Fn(&[u8], Respond) + Send + Sync>;
/// Where an answer goes.
pub type Respond = Box<dyn FnOnce(Vec<u8>) + Send>;
/// Hears announcements.
pub type Hearer = Arc<dyn Fn(&[u8]) + Send + Sync>;
/// Sees who comes (`true`) and goes, by the number of its process.
pub type Watcher = Arc<dyn Fn(u64, bool) + Send + Sync>;

/// One process's end of a network. What it registered stays until it is dropped.
pub trait Engine: Send + Sync {
    /// Asks whoever answers `verb`; `then` is called once, on any thread.
    fn ask(&self, verb: Verb, message: Vec<u8>, patience: Duration, then: Then);

    /// Answers `verb` from now on. The answerer runs on the network's thread and must not wait.
    ///
    /// # Errors
    /// [`NetError::Engine`] if the network refuses.
    fn answer(&self, verb: Verb, answerer: Answerer) -> Result<(), NetError>;

    /// Tells everybody who listens now; what cannot be sent at once may be lost.
    fn announce(&self, news: News, message: Vec<u8>);

    /// Hears announcements from now on, on the network's thread.
    ///
    /// # Errors
    /// As [`Engine::answer`].
    fn hear(&self, news: News, hearer: Hearer) -> Result<(), NetError>;

    /// Shows that process `client` is present until this end is dropped or cut off.
    ///
    /// # Errors
    /// As [`Engine::answer`].
    fn present(&self, client: u64) -> Result<(), NetError>;

    /// Sees who comes and goes, first those who are there already.
    ///
    /// # Errors
    /// As [`Engine::answer`].
    fn watch(&self, watcher: Watcher) -> Result<(), NetError>;
}

/// Calls a [`Then`] once: with the first answer, or with none when no more can come.
pub(crate) struct Once(Mutex<Option<Then>>);

impl Once {
    pub(crate) fn new(then: Then) -> Self {
        Self(Mutex::new(Some(then)))
    }

    pub(crate) fn call(&self, answer: Option<Vec<u8>>) {
        let then = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(then) = then {
            then(answer);
        }
    }
}

impl Drop for Once {
    fn drop(&mut self) {
        self.call(None);
    }
}
