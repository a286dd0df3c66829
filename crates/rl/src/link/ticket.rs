//! Ticket: the pending reply to a command. It can be waited for, polled or dropped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};

use super::Reply;
use crate::learner::LearnerError;

/// The result of a command.
pub(super) type Answer = Result<Reply, LearnerError>;

/// Why a learner has stopped: set before the sender is dropped.
pub(super) type Ended = Box<dyn Fn() -> String + Send + Sync>;

/// The pending reply to one command.
pub struct Ticket {
    reply: Receiver<Answer>,
    /// Closes when the learner has stopped.
    ended: Receiver<()>,
    reason: Ended,
}

impl Ticket {
    /// A ticket, and the sender of its reply. `ended` closes once the learner has stopped and `reason` is
    /// set.
    pub(super) fn new(ended: Receiver<()>, reason: Ended) -> (Self, Sender<Answer>) {
        let (sender, reply) = bounded(1);
        (Self { reply, ended, reason }, sender)
    }

    /// A ticket with its reply, for links that reply immediately.
    pub fn answered(answer: Result<Reply, LearnerError>) -> Self {
        let (ticket, reply) = Self::new(bounded(0).1, Box::new(|| "its reply was taken before".into()));
        _ = reply.send(answer);
        ticket
    }

    /// A ticket, and what answers it from another thread; dropping that without a call says `unanswered`.
    pub fn open(
        unanswered: &'static str,
    ) -> (Self, impl FnOnce(Result<Reply, LearnerError>) + Send + 'static) {
        let (ticket, reply) = Self::new(bounded(0).1, Box::new(|| unanswered.into()));
        let answer = move |answer| {
            // Nobody may be waiting for it.
            _ = reply.send(answer);
        };
        (ticket, answer)
    }

    /// Waits for the reply.
    ///
    /// # Errors
    /// The reason for a refusal, or [`LearnerError::Stopped`] if the learner stopped before it got to the
    /// command.
    pub fn wait(&self) -> Result<Reply, LearnerError> {
        match self.reply.recv() {
            Ok(answer) => answer,
            Err(_) => {
                _ = self.ended.recv();
                Err(self.stopped())
            }
        }
    }

    /// The reply if it has arrived.
    pub fn poll(&self) -> Option<Result<Reply, LearnerError>> {
        match self.reply.try_recv() {
            Ok(answer) => Some(answer),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => match self.ended.try_recv() {
                Err(TryRecvError::Empty) => None,
                _ => Some(Err(self.stopped())),
            },
        }
    }

    /// Waits for the reply until `stop` is set; `None` then.
    pub fn wait_unless(&self, stop: &AtomicBool) -> Option<Result<Reply, LearnerError>> {
        while !stop.load(Ordering::Relaxed) {
            match self.reply.recv_timeout(Duration::from_millis(50)) {
                Ok(answer) => return Some(answer),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Some(self.wait()),
            }
        }
        None
    }

    fn stopped(&self) -> LearnerError {
        LearnerError::Stopped((self.reason)())
    }
}
