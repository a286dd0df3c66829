//! A learner on a thread of this process. A failure ends the thread, never the program.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::backlog::Backlog;
use super::worker::{Message, Shared, Worker};
use super::{Command, Handshake, Launch, LearnerLink, LinkError, PolicySlot, Published, Ticket};
use crate::learner::{Health, Learner, LearnerError, LearnerSetup, LearnerStatus, SnapshotHistory};
use crate::mdp::{PolicySnapshot, StepBatch};

/// A link to a learner on its own thread. Dropping it lets the thread finish what it was sent, and waits for
/// it.
pub struct ThreadLink {
    inbox: Sender<Message>,
    shared: Shared,
    handshake: Handshake,
    /// Closes once the thread has ended and its status has the reason.
    ended: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl ThreadLink {
    /// Starts a learner. It opens its device on its own thread; until its first policy is published, actions
    /// are uniformly random.
    pub fn start(setup: LearnerSetup) -> Self {
        Self::launch(Launch::new(setup))
    }

    /// Starts a learner as `launch` says.
    pub fn launch(launch: Launch) -> Self {
        Self::launch_with(launch, Learner::new)
    }

    /// Starts a learner that `make` creates on its own thread.
    pub fn launch_with(
        launch: Launch,
        make: impl FnOnce(LearnerSetup) -> Result<Learner, LearnerError> + Send + 'static,
    ) -> Self {
        Self::spawn(launch, make, None)
    }

    /// Starts a learner that only trains in periods; the open one ends early once `stop` is set.
    pub fn start_in_periods(launch: Launch, stop: Arc<AtomicBool>) -> Self {
        Self::spawn(launch, Learner::new, Some(stop))
    }

    fn spawn(
        launch: Launch,
        make: impl FnOnce(LearnerSetup) -> Result<Learner, LearnerError> + Send + 'static,
        periods: Option<Arc<AtomicBool>>,
    ) -> Self {
        let Launch { setup, policy, cut_streams, snapshot, paced, replicas } = launch;
        let handshake = Handshake::new(&setup.spec);
        let shared = Shared {
            policy,
            status: Arc::new(ArcSwap::from_pointee(LearnerStatus::starting(&setup))),
            published: Arc::default(),
            credit: Arc::default(),
            snapshots: Arc::default(),
            backlog: Backlog::new(setup.config.replay_capacity),
        };
        // Bounded by steps, not by messages: see the backlog.
        let (inbox, messages) = unbounded();
        let (alive, ended) = bounded(0);
        let its = shared.clone();
        let work = move || {
            let status = its.status.clone();
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let checkpoints = setup.checkpoints.clone();
                let mut learner = make(setup)?;
                if cut_streams {
                    learner.cut_streams();
                }
                if let Some(snapshot) = snapshot {
                    learner.rewind(&snapshot)?;
                }
                if let Some(replicas) = replicas {
                    learner.join(replicas)?;
                }
                Worker::new(learner, checkpoints, its, periods, paced).run(&messages)
            }));
            match outcome {
                Ok(Ok(())) => {}
                Ok(Err(error)) => fail(&status, error.to_string()),
                Err(panic) => fail(&status, format!("it panicked: {}", panic_text(&*panic))),
            }
            // Closed last: a ticket without a reply then finds the reason in the status.
            drop(alive);
        };
        let thread = std::thread::Builder::new().name("learner".into()).spawn(work);
        if let Err(error) = &thread {
            fail(&shared.status, format!("its thread could not be started: {error}"));
        }
        Self { inbox, shared, handshake, ended, thread: thread.ok() }
    }

    /// Where policies are published.
    pub fn slot(&self) -> PolicySlot {
        self.shared.policy.clone()
    }
}

impl LearnerLink for ThreadLink {
    fn connect(&self, actor: &Handshake) -> Result<(), LinkError> {
        self.handshake.check(actor)
    }

    fn send(&self, steps: StepBatch) -> Result<(), LinkError> {
        self.shared.backlog.enter(&steps)?;
        self.inbox.send(Message::Steps(Box::new(steps))).map_err(|back| {
            if let Message::Steps(steps) = back.into_inner() {
                self.shared.backlog.leave(&steps);
            }
            LinkError::Stopped(reason(&self.shared.status))
        })
    }

    fn policy(&self) -> Arc<PolicySnapshot> {
        self.shared.policy.load_full()
    }

    fn published(&self) -> Option<Arc<Published>> {
        self.shared.published.load_full()
    }

    fn behind(&self) -> u64 {
        let Shared { status, backlog, credit, .. } = &self.shared;
        let (status, waiting) = (status.load(), backlog.waiting());
        // The status may be older than what waits: that it collects is no reason to take steps for free.
        let each = match status.health {
            Health::Paused => 0.0,
            _ => status.config.most_gradient_steps_per_env_step(),
        };
        let open = if waiting > 0 { ((waiting as f32 * each) as u64).max(1) } else { 0 };
        credit.load(Ordering::Relaxed) + open
    }

    fn status(&self) -> Arc<LearnerStatus> {
        let status = self.shared.status.load_full();
        let dropped = self.shared.backlog.dropped();
        if status.dropped == dropped {
            return status;
        }
        // A busy learner has not reported them yet.
        Arc::new(LearnerStatus { dropped, ..(*status).clone() })
    }

    fn snapshots(&self) -> Arc<SnapshotHistory> {
        self.shared.snapshots.load_full()
    }

    fn command(&self, command: Command) -> Ticket {
        let status = self.shared.status.clone();
        let (ticket, reply) = Ticket::new(self.ended.clone(), Box::new(move || reason(&status)));
        // A learner that has stopped drops the sender, which the ticket notices.
        _ = self.inbox.send(Message::Command(command, reply));
        ticket
    }
}

impl Drop for ThreadLink {
    fn drop(&mut self) {
        // Closing the channel lets the thread finish its gradient step and end.
        self.inbox = unbounded().0;
        // A learner that is still opening its device has nothing to finish, and drivers may take long.
        let opening = self.shared.status.load().health == Health::Starting;
        if let Some(thread) = self.thread.take().filter(|_| !opening) {
            _ = thread.join();
        }
    }
}

fn fail(status: &ArcSwap<LearnerStatus>, reason: String) {
    let last = status.load_full();
    let health = Health::Failed(reason);
    status.store(Arc::new(LearnerStatus { health, gradient_steps_per_second: 0.0, ..(*last).clone() }));
}

/// Why a learner has stopped.
fn reason(status: &ArcSwap<LearnerStatus>) -> String {
    match &status.load().health {
        Health::Failed(reason) => reason.clone(),
        _ => "it was closed".to_owned(),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
