//! What a member asks of the chief, and what it hears.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{ASK_EVERY, PATIENCE, ROLE_PATIENCE, Shared, State};
use crate::engine::Verb;
use crate::protocol::{End, Welcome, from_text, join, split, to_text};
use crate::replicas::{Answer, Ask, What};

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn message(&self, state: &State, what: What, body: &[u8]) -> Option<Vec<u8>> {
        let State { gradient_steps, .. } = *state;
        let env_steps = state.env_steps.saturating_sub(state.counted);
        let (client, ready) = (self.hello.client, state.ready || self.every > 1);
        join(&Ask { client, env_steps, gradient_steps, ready, what }, body).ok()
    }

    /// Asks for news, or greets, where that is due.
    pub(super) fn watch(self: &Arc<Self>) {
        let mut state = self.state();
        let free = state.asking.is_none_or(|since| since.elapsed() > 2 * PATIENCE);
        let due = state.asked.is_none_or(|asked| asked.elapsed() > ASK_EVERY)
            || state.heard > state.asked.unwrap_or(state.heard);
        // The chief learns at once that there is enough for a meeting.
        let enough = self.every > 1 && state.made >= self.every && state.told < self.every;
        if !(free && due || enough) || state.open.is_some() || state.end.is_some() {
            return;
        }
        state.told = state.made;
        // Counted from the first question: a learner may take long to start.
        let since = *state.began.get_or_insert_with(Instant::now);
        if !state.answered && since.elapsed() > ROLE_PATIENCE {
            let problem = "the learner greets and answers nothing else: a replica needs the certificate of a learner \
                           (learner.pem and learner.key of the same `keys new`)";
            state.end = Some(End::bad(problem));
            return;
        }
        (state.asking, state.asked) = (Some(Instant::now()), Some(Instant::now()));
        let shared = self.clone();
        if state.greets {
            let Ok(message) = to_text(&self.hello) else { return };
            drop(state);
            let then = move |answer: Option<Vec<u8>>| shared.greeted(answer.as_deref());
            return self.engine.ask(Verb::Hello, message, PATIENCE, Box::new(then));
        }
        let Some(message) = self.message(&state, What::Watch(state.after), &[]) else { return };
        drop(state);
        let then = move |answer: Option<Vec<u8>>| shared.hear(answer.as_deref());
        self.engine.ask(Verb::Reduce, message, PATIENCE, Box::new(then));
    }

    fn hear(&self, answer: Option<&[u8]>) {
        let answer =
            answer.and_then(|bytes| split::<Answer>("meeting", bytes).ok()).map(|(answer, _)| answer);
        let mut state = self.state();
        state.asking = None;
        if answer.is_some() {
            (state.heard, state.answered) = (Instant::now(), true);
        }
        match answer {
            Some(Answer::Open(round)) => state.open = Some(round),
            Some(Answer::Step(step)) => state.begun = Some(step),
            Some(Answer::Unknown) => state.greets = true,
            Some(Answer::Stop(end)) => state.end = Some(end),
            _ => {}
        }
        self.changed.notify_all();
    }

    fn greeted(&self, answer: Option<&[u8]>) {
        let mut state = self.state();
        state.asking = None;
        let Some(bytes) = answer else { return };
        state.heard = Instant::now();
        match from_text::<Result<Welcome, String>>("greeting", bytes) {
            Ok(Ok(welcome)) if (&welcome.identity, welcome.seed) != (&self.identity, self.seed) => {
                state.end = Some(End::bad("the learner has started another run; start this anew"));
            }
            Ok(Ok(welcome)) => {
                // While the learner starts it cannot say yet.
                let Some(algorithm) = welcome.algorithm else { return };
                if algorithm != self.algorithm || welcome.sync_every != Some(self.every) {
                    state.end = Some(End::bad("the learner has other settings now; start this anew"));
                }
                (state.greets, state.after) = (false, 0);
                state.counted = state.env_steps;
            }
            Ok(Err(reason)) => state.end = Some(End::bad(reason)),
            Err(_) => {}
        }
    }

    /// Asks for `what` with `body` and waits for the answer, for so long at most.
    pub(super) fn ask(
        self: &Arc<Self>,
        what: What,
        body: &[u8],
        patience: Duration,
    ) -> Option<(Answer, Vec<u8>)> {
        let mut state = self.state();
        let message = self.message(&state, what, body)?;
        state.waits_for += 1;
        state.answer = None;
        let number = state.waits_for;
        drop(state);
        let shared = self.clone();
        let then = move |answer: Option<Vec<u8>>| {
            let answer = answer.and_then(|bytes| {
                let (answer, body) = split::<Answer>("meeting", &bytes).ok()?;
                Some((answer, body.to_vec()))
            });
            let mut state = shared.state();
            if state.waits_for == number {
                state.answer = Some(answer);
                shared.changed.notify_all();
            }
        };
        self.engine.ask(Verb::Reduce, message, patience, Box::new(then));
        let patience = patience + Duration::from_secs(1);
        let waited = self.changed.wait_timeout_while(self.state(), patience, |state| state.answer.is_none());
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        let answer = state.answer.take().flatten();
        match &answer {
            Some((Answer::Unknown, _)) => state.greets = true,
            Some((Answer::Stop(end), _)) => state.end = Some(end.clone()),
            _ => {}
        }
        if answer.is_some() {
            state.heard = Instant::now();
        }
        answer
    }
}
