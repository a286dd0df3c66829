//! An actor's end of the way of a step: collects steps into batches, keeps them until they are acknowledged, sends them
//! again, and drops the oldest when there are too many.
//!
//! It has neither a thread nor a clock; times are since its start. What is dropped or lost leaves out a number, by which
//! the [`intake`](crate::intake) sees that the steps after it do not follow those before.

use std::collections::VecDeque;
use std::time::Duration;

use entropy_rl::mdp::{EnvironmentSpec, StepBatch};

use crate::NetError;
use crate::protocol::{Answer, End, Envelope, join};
use crate::steps::{Episode, Recorded, encode};

/// Limits of an outbox.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutboxConfig {
    /// Bytes of steps at which a batch is closed. Below 64 KiB the price of a message shows.
    pub batch_bytes: usize,
    /// Age of its first step at which a smaller batch is closed.
    pub batch_age: Duration,
    /// Batches on their way at once.
    pub in_flight: usize,
    /// Bytes of closed batches that are kept; beyond that the oldest that is not on its way is dropped.
    pub queue_bytes: usize,
    /// Time after which a batch that was not answered is sent again.
    pub retry: Duration,
    /// Time after which one is offered again that the learner was not ready for.
    pub offer: Duration,
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self {
            batch_bytes: 256 << 10,
            batch_age: Duration::from_millis(500),
            in_flight: 4,
            queue_bytes: 64 << 20,
            retry: Duration::from_millis(200),
            offer: Duration::from_millis(20),
        }
    }
}

/// State of a closed batch.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// Not to be sent before this time.
    Waits(Duration),
    /// On its way.
    Sent,
}

#[derive(Debug)]
struct Closed {
    sequence: u64,
    steps: u64,
    body: Vec<u8>,
    state: State,
}

/// What has come of an outbox so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OutboxCounts {
    /// Steps taken by the learner.
    pub taken: u64,
    /// Bytes of their batches.
    pub bytes: u64,
    /// Steps dropped, because too many waited or the learner refused them.
    pub dropped: u64,
    /// Batches sent more than once.
    pub resent: u64,
    /// Batches refused.
    pub refused: u64,
    /// Steps that wait.
    pub waiting: u64,
    /// Bytes that wait.
    pub waiting_bytes: usize,
    /// Why the learner takes none at the moment.
    pub reason: Option<String>,
}

/// What an answer asks of the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    GoOn,
    /// To greet the learner again.
    Greet,
    /// To stop playing.
    Stop(End),
}

/// Steps on their way to the learner.
#[derive(Debug)]
pub struct Outbox {
    config: OutboxConfig,
    client: u64,
    /// Bytes of a step, roughly.
    step_bytes: usize,
    open: Recorded,
    opened: Duration,
    closed: VecDeque<Closed>,
    last: u64,
    /// The most steps of a batch, 0 for any number.
    most_steps: usize,
    /// Whether the learner was not ready for the last batch.
    waits: bool,
    counts: OutboxCounts,
}

impl Outbox {
    /// An empty outbox of the process `client`, for steps of `spec` with states of `state_width` floats.
    pub fn new(client: u64, spec: &EnvironmentSpec, state_width: usize, config: OutboxConfig) -> Self {
        let observation = 4 * spec.observation.vector_len() + spec.observation.grid_len();
        let action = if spec.action.is_continuous() { 4 * spec.action.dimensions().len() } else { 2 };
        Self {
            config,
            client,
            step_bytes: observation + action + 9 + 4 * state_width,
            open: Recorded::default(),
            opened: Duration::ZERO,
            closed: VecDeque::new(),
            last: 0,
            most_steps: 0,
            waits: false,
            counts: OutboxCounts::default(),
        }
    }

    /// Adds steps at time `now`.
    pub fn push(&mut self, steps: &StepBatch, now: Duration) {
        self.begin(now);
        self.open.steps.append(steps);
    }

    /// Adds an episode that ended with steps pushed before or next.
    pub fn push_episode(&mut self, episode: Episode, now: Duration) {
        self.begin(now);
        self.open.episodes.push(episode);
    }

    fn begin(&mut self, now: Duration) {
        if self.open.is_empty() {
            self.opened = now;
        }
    }

    /// Whether the steps pushed since the last [`Outbox::close`] are due.
    pub fn is_due(&self, now: Duration) -> bool {
        let steps = self.open.steps.len();
        steps * self.step_bytes >= self.config.batch_bytes
            || (self.most_steps > 0 && steps >= self.most_steps)
            || (!self.open.is_empty() && now.saturating_sub(self.opened) >= self.config.batch_age)
    }

    /// Takes out the steps pushed since the last time, to be encoded and given to [`Outbox::add`] outside any lock. What is
    /// much more than a batch is cut: the rest stays, and is due.
    pub fn close(&mut self) -> Recorded {
        let most = (self.config.batch_bytes / self.step_bytes.max(1)).max(1);
        let whole = std::mem::take(&mut self.open);
        if whole.steps.len() <= 2 * most {
            return whole;
        }
        let mut batch = StepBatch { refused: whole.steps.refused, ..StepBatch::default() };
        let end = batch.append_rows(&whole.steps, 0..most, 0);
        self.open.steps.append_rows(&whole.steps, most..whole.steps.len(), end);
        self.open.episodes = whole.episodes;
        Recorded { steps: batch, episodes: Vec::new() }
    }

    /// Adds a batch as encoded by [`encode`], of `steps` steps.
    pub fn add(&mut self, steps: usize, body: Vec<u8>, now: Duration) {
        self.last += 1;
        self.counts.waiting += steps as u64;
        self.counts.waiting_bytes += body.len();
        let (sequence, steps) = (self.last, steps as u64);
        self.closed.push_back(Closed { sequence, steps, body, state: State::Waits(now) });
        while self.counts.waiting_bytes > self.config.queue_bytes {
            let Some(oldest) = self.closed.iter().position(|batch| batch.state != State::Sent) else { break };
            self.drop_batch(oldest);
        }
    }

    /// Leaves out a batch of `steps` steps that cannot be sent.
    pub fn lose(&mut self, steps: usize) {
        self.last += 1;
        self.counts.dropped += steps as u64;
    }

    /// Closes what is due and adds it.
    ///
    /// # Errors
    /// As [`encode`]; these steps are dropped then.
    pub fn close_if_due(&mut self, now: Duration) -> Result<(), NetError> {
        while self.is_due(now) {
            let recorded = self.close();
            self.add(recorded.steps.len(), encode(&recorded)?, now);
        }
        Ok(())
    }

    /// The next message to send, if one may be sent now; it is on its way then.
    pub fn next(&mut self, now: Duration) -> Option<(u64, Vec<u8>)> {
        let window = self.closed.len().min(self.config.in_flight);
        let ready = |batch: &Closed| matches!(batch.state, State::Waits(until) if until <= now);
        let index = (0..window).find(|index| ready(&self.closed[*index]))?;
        let previous = index.checked_sub(1).map(|before| self.closed[before].sequence);
        let batch = &mut self.closed[index];
        batch.state = State::Sent;
        let envelope = Envelope { client: self.client, sequence: batch.sequence, previous };
        // An envelope is always JSON.
        let message = join(&envelope, &batch.body).ok()?;
        Some((batch.sequence, message))
    }

    /// The answer to batch `sequence`; `None` if none came in time. A batch that is not here any more was answered before.
    pub fn answered(&mut self, sequence: u64, answer: Option<Answer>, now: Duration) -> Next {
        let Some(index) = self.closed.iter().position(|batch| batch.sequence == sequence) else {
            return Next::GoOn;
        };
        let (mut next, mut retry) = (Next::GoOn, self.config.retry);
        match answer {
            Some(Answer::Taken) => {
                let batch = self.remove(index);
                self.counts.taken += batch.steps;
                self.counts.bytes += batch.body.len() as u64;
                (self.counts.reason, self.waits) = (None, false);
                return next;
            }
            Some(Answer::Refused(reason)) => {
                self.counts.refused += 1;
                self.counts.reason = Some(reason);
                self.drop_batch(index);
                return next;
            }
            // The one before it is on its way or about to be.
            Some(Answer::Early) => retry = Duration::from_millis(5),
            Some(Answer::Wait(reason)) => {
                (self.counts.reason, self.waits, retry) = (Some(reason), true, self.config.offer);
            }
            Some(Answer::Unknown) => next = Next::Greet,
            Some(Answer::Stop(end)) => next = Next::Stop(end),
            None => self.counts.reason = Some("the learner does not answer".into()),
        }
        self.counts.resent += 1;
        self.closed[index].state = State::Waits(now + retry);
        next
    }

    fn remove(&mut self, index: usize) -> Closed {
        let batch = self.closed.remove(index);
        let batch =
            batch.unwrap_or_else(|| Closed { sequence: 0, steps: 0, body: Vec::new(), state: State::Sent });
        self.counts.waiting -= batch.steps;
        self.counts.waiting_bytes -= batch.body.len();
        batch
    }

    fn drop_batch(&mut self, index: usize) {
        self.counts.dropped += self.remove(index).steps;
    }

    /// What has come of it so far.
    pub fn counts(&self) -> &OutboxCounts {
        &self.counts
    }

    /// Whether everything pushed was answered.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty() && self.closed.is_empty()
    }

    /// Closes batches of at most `most` steps from now on, 0 for any number.
    pub fn set_most_steps(&mut self, most: usize) {
        self.most_steps = most;
    }

    /// Whether an actor should wait before it plays on: the learner was not ready for what it has, or more waits than can
    /// be on its way.
    pub fn is_full(&self) -> bool {
        let most = match (self.waits, self.most_steps) {
            (true, _) => 1,
            (false, 1..) => 2,
            (false, 0) => 2 * self.config.in_flight,
        };
        let steps = self.open.steps.len();
        let open = steps * self.step_bytes >= self.config.batch_bytes
            || (self.most_steps > 0 && steps >= self.most_steps);
        self.closed.len() + usize::from(open) >= most || (open && self.most_steps > 0 && self.waits)
    }
}
