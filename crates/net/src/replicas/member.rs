//! A replica that trains with a chief in another process.

mod link;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use entropy_rl::algo::{AlgorithmConfig, AllReduce, Part};
use entropy_rl::learner::replicas::{Replicas, Share};

use super::{Answer, GRADIENT_PATIENCE, MOST_APART, SHARE_PATIENCE, What, from_bytes, spread, to_bytes};
use crate::NetError;
use crate::engine::Engine;
use crate::protocol::{End, Hello, LARGEST_MESSAGE, Welcome};

/// How long a question may go without an answer before it is asked again: the chief answers every second.
const PATIENCE: Duration = Duration::from_secs(4);
/// Least interval between two questions where nobody answers.
const ASK_EVERY: Duration = Duration::from_millis(300);
/// How long the chief's next gradient step is waited for at a time.
const STEP_WAIT: Duration = Duration::from_millis(20);
/// After so long without a word the chief counts as silent.
const SILENCE: Duration = Duration::from_secs(3);
/// How long a chief that has greeted may answer nothing else.
const ROLE_PATIENCE: Duration = Duration::from_secs(10);
/// Largest share: one message, and some room for its head.
const MOST_BYTES: usize = LARGEST_MESSAGE - (1 << 16);

/// How a member stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MemberStatus {
    /// Meetings that it took the mean of.
    pub meetings: u64,
    /// Gradient steps that it has made itself.
    pub gradient_steps: u64,
    /// Why it makes no gradient steps now, if it does not.
    pub waits: Option<String>,
    /// Seconds since anything was heard of the chief, once that is long.
    pub silent: Option<f32>,
    /// How training has ended.
    pub end: Option<End>,
}

struct State {
    /// Environment steps received, and those of them before the last greeting.
    env_steps: u64,
    counted: u64,
    gradient_steps: u64,
    ready: bool,
    /// Gradient steps since the last meeting, when news were last asked for, and before.
    made: u64,
    told: u64,
    made_before: u64,
    /// When the question for news that is under way was asked, and when the last one was.
    asking: Option<Instant>,
    asked: Option<Instant>,
    heard: Instant,
    /// The last meeting that it took the mean of, 0 if it has to be told everything.
    after: u64,
    /// The meeting that is open.
    open: Option<u64>,
    /// The gradient step that the chief has begun.
    begun: Option<u64>,
    /// Number of the question that is waited for, and its answer once there is one.
    waits_for: u64,
    answer: Option<Option<(Answer, Vec<u8>)>>,
    greets: bool,
    /// Whether the chief has ever answered anything but a greeting, and since when it is asked.
    answered: bool,
    began: Option<Instant>,
    meetings: u64,
    end: Option<End>,
}

struct Shared {
    engine: Arc<dyn Engine>,
    hello: Hello,
    identity: String,
    seed: u64,
    every: u64,
    algorithm: AlgorithmConfig,
    state: Mutex<State>,
    changed: Condvar,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member").field("every", &self.every).finish_non_exhaustive()
    }
}

/// A member's end of all meetings. Its clones are the same one.
#[derive(Debug, Clone)]
pub struct Member(Arc<Shared>);

impl Member {
    /// A member that was made `welcome` after `hello`, learns with `algorithm` and averages `every` so many gradient steps.
    ///
    /// # Errors
    /// [`NetError::Engine`] if the network refuses.
    pub fn new(
        engine: Arc<dyn Engine>,
        hello: Hello,
        welcome: &Welcome,
        every: u64,
        algorithm: AlgorithmConfig,
    ) -> Result<Self, NetError> {
        engine.present(hello.client)?;
        let state = State {
            env_steps: 0,
            counted: 0,
            gradient_steps: 0,
            ready: false,
            made: 0,
            told: 0,
            made_before: 0,
            answered: false,
            began: None,
            asking: None,
            asked: None,
            heard: Instant::now(),
            after: 0,
            open: None,
            begun: None,
            waits_for: 0,
            answer: None,
            greets: false,
            meetings: 0,
            end: None,
        };
        let (identity, seed, state) = (welcome.identity.clone(), welcome.seed, Mutex::new(state));
        let changed = Condvar::new();
        Ok(Self(Arc::new(Shared { engine, hello, identity, seed, every, algorithm, state, changed })))
    }

    /// Takes note of the environment steps that this replica has received so far.
    pub fn set_env_steps(&self, env_steps: u64) {
        self.0.state().env_steps = env_steps;
    }

    /// How it stands.
    pub fn status(&self) -> MemberStatus {
        let state = self.0.state();
        let silent = state.heard.elapsed();
        let silent = (silent > SILENCE).then_some(silent.as_secs_f32());
        let most = MOST_APART * self.0.every;
        let waits = if state.after == 0 {
            Some("waits for the chief's networks".to_owned())
        } else if self.0.every > 1 && state.made >= most {
            Some(format!("waits for the chief: {most} gradient steps since the last meeting"))
        } else {
            None
        };
        let State { meetings, made, made_before, .. } = *state;
        let gradient_steps = made_before + made;
        MemberStatus { meetings, gradient_steps, waits, silent, end: state.end.clone() }
    }
}

impl Replicas for Member {
    fn is_due(&self, made: u64) -> bool {
        self.0.state().made = made;
        self.0.watch();
        self.0.state().open.is_some()
    }

    fn meet(&self, share: Share) -> Option<Share> {
        let Self(shared) = self;
        let (round, after) = {
            let mut state = shared.state();
            (state.open.take()?, state.after)
        };
        // In step with the chief it has nothing of its own to bring, nor has one that was not at the last meeting.
        let made = if shared.every == 1 || after == 0 { 0 } else { share.made };
        let mut body = share.to_bytes().ok()?;
        if body.len() > MOST_BYTES {
            let (size, most) = (body.len() >> 20, MOST_BYTES >> 20);
            let problem =
                format!("networks of {size} MiB cannot be averaged over a network; at most {most} can");
            shared.state().end = Some(End::bad(problem));
            return None;
        }
        if made == 0 {
            body.clear();
        }
        // The chief waits for others too.
        let answer = shared.ask(What::Share { round, after, made }, &body, 2 * SHARE_PATIENCE);
        let mut state = shared.state();
        let Some((Answer::Mean { gradient_steps }, bytes)) = answer else {
            state.after = 0;
            return None;
        };
        let mean = Share { gradient_steps, ..Share::default() }.with_bytes(&bytes).ok()?;
        (state.after, state.begun, state.gradient_steps) = (round, None, gradient_steps);
        state.made_before += std::mem::take(&mut state.made);
        state.told = 0;
        state.meetings += 1;
        Some(mean)
    }

    fn follows(&self) -> bool {
        self.0.every == 1
    }

    fn allow(&self, wanted: u64, next: u64) -> u64 {
        let Self(shared) = self;
        let mut state = shared.state();
        (state.gradient_steps, state.ready) = (next - 1, wanted > 0);
        let most = (MOST_APART * shared.every).saturating_sub(state.made);
        let allowed = if state.meetings == 0 || state.end.is_some() {
            0
        } else if shared.every > 1 {
            wanted.min(most)
        } else {
            0
        };
        if allowed > 0 || wanted == 0 {
            return allowed;
        }
        // With nothing to do it waits for the chief, for a moment.
        drop(state);
        shared.watch();
        let waiting =
            |state: &mut State| state.begun.is_none() && state.open.is_none() && state.end.is_none();
        let waited = shared.changed.wait_timeout_while(shared.state(), STEP_WAIT, waiting);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        match state.begun.take() {
            Some(begun) if begun == next && state.after > 0 && shared.every == 1 => 1,
            Some(_) => {
                state.after = 0;
                0
            }
            None => 0,
        }
    }

    fn gradients(&self) -> Option<Arc<dyn AllReduce>> {
        let gradients: Arc<dyn AllReduce> = Arc::new(self.clone());
        (self.0.every == 1).then_some(gradients)
    }
}

impl AllReduce for Member {
    fn all_reduce(&self, step: u64, part: Part, weight: f32, values: &mut [&mut [f32]]) {
        let Self(shared) = self;
        if shared.state().after == 0 {
            return;
        }
        let body = to_bytes(&values.concat());
        let answer = shared.ask(What::Gradients { step, part, weight }, &body, 2 * GRADIENT_PATIENCE);
        let mut state = shared.state();
        let mean = match answer {
            Some((Answer::Gradients { more }, bytes)) => {
                state.begun = (more && part == Part::Actor).then_some(step + 1);
                from_bytes(&bytes).ok().filter(|mean| mean.len() * 4 == body.len())
            }
            _ => None,
        };
        // Without it this replica's networks are its own from here on.
        let Some(mean) = mean else {
            state.after = 0;
            return;
        };
        if part == Part::Actor {
            // Nothing of the step is left to be averaged.
            state.gradient_steps = step;
        }
        spread(&mean, values);
    }
}
