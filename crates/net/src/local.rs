//! A network within a process, for tests and for sessions of threads: everything arrives, at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::NetError;
use crate::engine::{Answerer, Engine, Hearer, News, Once, Then, Verb, Watcher};

#[derive(Default)]
struct Wires {
    answerers: BTreeMap<Verb, Answerer>,
    hearers: BTreeMap<News, Vec<Hearer>>,
    present: BTreeSet<u64>,
    watchers: Vec<Watcher>,
}

/// A network within a process. Its clones are ends of the same one.
#[derive(Clone, Default)]
pub struct Local(Arc<Mutex<Wires>>);

impl Local {
    fn wires(&self) -> MutexGuard<'_, Wires> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Process `client` is cut off.
    pub fn leave(&self, client: u64) {
        self.wires().present.remove(&client);
        self.tell(client, false);
    }

    /// Nobody answers any more.
    pub fn silence(&self) {
        self.wires().answerers.clear();
    }

    fn tell(&self, client: u64, present: bool) {
        let watchers = self.wires().watchers.clone();
        watchers.iter().for_each(|watcher| watcher(client, present));
    }
}

impl Engine for Local {
    fn ask(&self, verb: Verb, message: Vec<u8>, _patience: Duration, then: Then) {
        let answerer = self.wires().answerers.get(&verb).cloned();
        let once = Once::new(then);
        if let Some(answerer) = answerer {
            answerer(&message, Box::new(move |answer| once.call(Some(answer))));
        }
    }

    fn answer(&self, verb: Verb, answerer: Answerer) -> Result<(), NetError> {
        self.wires().answerers.insert(verb, answerer);
        Ok(())
    }

    fn announce(&self, news: News, message: Vec<u8>) {
        let hearers = self.wires().hearers.get(&news).cloned().unwrap_or_default();
        hearers.iter().for_each(|hearer| hearer(&message));
    }

    fn hear(&self, news: News, hearer: Hearer) -> Result<(), NetError> {
        self.wires().hearers.entry(news).or_default().push(hearer);
        Ok(())
    }

    fn present(&self, client: u64) -> Result<(), NetError> {
        self.wires().present.insert(client);
        self.tell(client, true);
        Ok(())
    }

    fn watch(&self, watcher: Watcher) -> Result<(), NetError> {
        let there = self.wires().present.clone();
        self.wires().watchers.push(watcher.clone());
        there.into_iter().for_each(|client| watcher(client, true));
        Ok(())
    }
}
