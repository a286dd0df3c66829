//! Backlog: counts the steps waiting for the learner, limits them, and counts those dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::LinkError;
use crate::mdp::StepBatch;

/// Bounded count of waiting steps, shared by both ends of a link.
#[derive(Clone)]
pub(super) struct Backlog(Arc<Counts>);

struct Counts {
    waiting: AtomicUsize,
    most: usize,
    dropped: AtomicU64,
    /// Whether a warning about dropped steps was given since steps were last taken.
    warned: AtomicBool,
}

impl Backlog {
    /// At most `most` steps may wait.
    pub(super) fn new(most: usize) -> Self {
        let (waiting, dropped, warned) = Default::default();
        Self(Arc::new(Counts { waiting, most, dropped, warned }))
    }

    /// Size of a batch in the backlog. One that only reports refused steps must not be free either.
    fn places(steps: &StepBatch) -> usize {
        steps.len().max(1)
    }

    /// Reserves room for `steps`, or counts them as dropped.
    pub(super) fn enter(&self, steps: &StepBatch) -> Result<(), LinkError> {
        let Counts { waiting, most, dropped, warned } = &*self.0;
        let room = |now: usize| Some(now + Self::places(steps)).filter(|then| then <= most);
        match waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room) {
            Ok(_) => {
                warned.store(false, Ordering::Relaxed);
                Ok(())
            }
            Err(waiting) => {
                dropped.fetch_add(steps.len() as u64, Ordering::Relaxed);
                let error = LinkError::Full { waiting };
                if !warned.swap(true, Ordering::Relaxed) {
                    tracing::warn!("{error}");
                }
                Err(error)
            }
        }
    }

    /// Releases the room of `steps`, which the learner has taken.
    pub(super) fn leave(&self, steps: &StepBatch) {
        self.0.waiting.fetch_sub(Self::places(steps), Ordering::Relaxed);
    }

    /// Steps that wait.
    pub(super) fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::Relaxed)
    }

    /// Steps dropped since the start.
    pub(super) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}
