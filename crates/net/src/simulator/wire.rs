//! The simulated wire: messages arrive at their times.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::protocol::Answer;

/// A message of or for an actor.
#[derive(Debug, Clone)]
pub(super) enum Message {
    Greet { actor: usize, client: u64 },
    Greeted { actor: usize, client: u64, greeted: bool },
    Steps { actor: usize, client: u64, sequence: u64, bytes: Vec<u8> },
    Answer { actor: usize, client: u64, sequence: u64, answer: Answer, life: u32 },
}

/// Messages on their way, by time of arrival and then in the order in which they were sent.
#[derive(Default)]
pub(super) struct Wire {
    sent: u64,
    messages: BTreeMap<(Duration, u64), Message>,
}

impl Wire {
    pub(super) fn send(&mut self, arrives: Duration, message: Message) {
        self.sent += 1;
        self.messages.insert((arrives, self.sent), message);
    }

    /// Takes out what has arrived at time `now`.
    pub(super) fn arrived(&mut self, now: Duration) -> Vec<Message> {
        let later = self.messages.split_off(&(now, u64::MAX));
        std::mem::replace(&mut self.messages, later).into_values().collect()
    }
}
