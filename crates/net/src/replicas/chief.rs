//! The chief of a session's replicas: opens meetings, waits for those who come, and answers all with the mean.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, unbounded};
use entropy_rl::algo::{AllReduce, Part};
use entropy_rl::learner::replicas::{Replicas, Share, mean};

use super::table::{Answers, Gathered, Message, Table, message};
use super::{Answer, GRADIENT_PATIENCE, ReplicaStatus, SHARE_PATIENCE, spread};
use crate::engine::Respond;
use crate::protocol::End;

struct Shared {
    began: Instant,
    every: u64,
    table: Mutex<Table>,
    /// Somebody has come, or gone.
    changed: Condvar,
    /// To a thread that sends answers: a slow link must not keep the learner waiting.
    answers: Sender<Answers>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chief").field("every", &self.every).finish_non_exhaustive()
    }
}

/// The chief's end of all meetings. Its clones are the same one.
#[derive(Debug, Clone)]
pub struct Chief(Arc<Shared>);

fn send(answers: Answers) {
    answers.into_iter().for_each(|(respond, answer)| respond(Arc::unwrap_or_clone(answer)));
}

impl Chief {
    /// Averages `every` so many gradient steps.
    pub fn new(every: u64) -> Self {
        let (answers, due) = unbounded::<Answers>();
        let work = move || due.into_iter().for_each(send);
        // Without it answers are dropped, and members do without.
        _ = std::thread::Builder::new().name("replica-answers".into()).spawn(work);
        let (table, changed) = (Mutex::new(Table::new(every)), Condvar::new());
        Self(Arc::new(Shared { began: Instant::now(), every, table, changed, answers }))
    }

    /// Takes note of the process `client`.
    ///
    /// # Errors
    /// A line if there are too many.
    pub fn greet(&self, client: u64, name: &str) -> Result<(), String> {
        self.0.table().greet(client, name)
    }

    /// The process `client` is there or gone. Returns its number and name if it is a replica for which that is new.
    pub fn set_present(&self, client: u64, present: bool) -> Option<(u32, String)> {
        let (known, answers) = self.0.table().set_present(client, present);
        self.0.changed.notify_all();
        send(answers);
        known
    }

    /// Answers a member, now or later. Returns who has come with that, by number and name.
    pub fn answer(&self, message: &[u8], respond: Respond) -> Vec<(u32, String)> {
        // Read before the table is taken: it may be large.
        let Some(message) = Message::read(message) else {
            respond(Arc::unwrap_or_clone(super::table::message(&Answer::Late, &[])));
            return Vec::new();
        };
        let mut table = self.0.table();
        let (answers, joined) = (table.ask(message, respond), table.take_joined());
        drop(table);
        self.0.changed.notify_all();
        send(answers);
        joined
    }

    /// Lets everybody know that the chief is there.
    pub fn refresh(&self) {
        let answers = self.0.table().refresh();
        send(answers);
    }

    /// Training is over.
    pub fn stop(&self, end: &End) {
        let answers = self.0.table().stop(end);
        self.0.changed.notify_all();
        send(answers);
    }

    /// Environment steps that members have received since the last call.
    pub fn take_env_steps(&self) -> u64 {
        self.0.table().take_env_steps()
    }

    /// The members, by number.
    pub fn statuses(&self) -> Vec<ReplicaStatus> {
        self.0.table().statuses()
    }
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends `answers` on another thread.
    fn later(&self, answers: Answers) {
        if !answers.is_empty() {
            _ = self.answers.send(answers);
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Waits until `enough`, for so long at most.
    fn wait(&self, patience: Duration, enough: impl Fn(&Table) -> bool) -> MutexGuard<'_, Table> {
        let waiting = |table: &mut Table| !enough(table);
        let waited = self.changed.wait_timeout_while(self.table(), patience, waiting);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Replicas for Chief {
    fn is_due(&self, made: u64) -> bool {
        let Self(shared) = self;
        shared.table().is_due(made, shared.now())
    }

    fn meet(&self, share: Share) -> Option<Share> {
        let Self(shared) = self;
        let answers = shared.table().open(share, shared.now());
        shared.later(answers);
        let Gathered { shares, responds, mut answers } =
            shared.wait(SHARE_PATIENCE, Table::is_complete).close(shared.now())?;
        let mean = mean(&shares).filter(|_| !responds.is_empty());
        if let Some(mean) = &mean {
            answers.extend(shared.table().met(mean.gradient_steps));
            let body = mean.to_bytes().unwrap_or_default();
            let answer = message(&Answer::Mean { gradient_steps: mean.gradient_steps }, &body);
            answers.extend(responds.into_iter().map(|respond| (respond, answer.clone())));
        }
        shared.later(answers);
        mean
    }

    fn allow(&self, wanted: u64, next: u64) -> u64 {
        if self.0.every == 1 && wanted > 0 {
            self.0.table().goes_on_until(next + wanted - 1);
        }
        wanted
    }

    fn gradients(&self) -> Option<Arc<dyn AllReduce>> {
        let shared: Arc<dyn AllReduce> = self.0.clone();
        (self.0.every == 1).then_some(shared)
    }
}

impl AllReduce for Shared {
    fn all_reduce(&self, step: u64, part: Part, weight: f32, values: &mut [&mut [f32]]) {
        let mut table = self.table();
        if !table.is_followed() {
            return;
        }
        let answers = table.begin(step, part, weight, values.concat());
        drop(table);
        self.later(answers);
        let (mean, answers) = self.wait(GRADIENT_PATIENCE, Table::is_averaged).average(self.now());
        spread(&mean, values);
        self.later(answers);
    }
}
