//! Work of an exact run: the arenas are cut into parts, and a part's period is played by whoever is there.
//!
//! What comes of it depends on the part's state, the policy and the number of steps alone, so that it does not matter who
//! plays it, how often, and what is lost on the way: whatever result of a part's period comes first is the result.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::NetError;
use crate::protocol::{End, join};

/// Time after which a part is given to somebody else as well.
const SLOW: Duration = Duration::from_secs(20);
/// Silence after which a worker is not counted on, though nobody has seen it go.
const SILENCE: Duration = Duration::from_secs(3);

/// A period of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Task {
    /// Number of the learner's start.
    pub session: u64,
    /// Number of the period, counted by the learner since then.
    pub period: u64,
    /// The part.
    pub part: u32,
}

/// What a worker says. The result of what it has finished follows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The process.
    pub client: u64,
    /// The work whose result follows.
    pub finished: Option<Task>,
    /// Session and period of the policy it has.
    pub policy: Option<(u64, u64)>,
    /// Work whose final states it has.
    pub states: Vec<Task>,
}

/// What a worker gets; policy and state follow, where it does not have them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Offer {
    /// Nothing at the moment.
    Nothing,
    /// A period to play.
    Play {
        /// Which.
        task: Task,
        /// Agent steps.
        steps: u32,
        /// Number of the part's first arena, and of its arenas.
        arenas: (u32, u32),
        /// Bytes of the policy, which come first; 0 if the worker has it.
        policy: u32,
        /// Bytes of the state; 0 if the worker has it.
        state: u32,
    },
    /// To greet again.
    Greet,
    /// To stop.
    Stop(End),
}

/// A part of the arenas.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its first arena, and how many.
    pub arenas: (u32, u32),
    /// Its state at the beginning of the period.
    pub state: Arc<Vec<u8>>,
}

#[derive(Default)]
struct Open {
    session: u64,
    period: u64,
    steps: u32,
    policy: Arc<Vec<u8>>,
    parts: Vec<Part>,
    /// Who plays each part, since when.
    players: Vec<Option<(u64, Instant)>>,
    results: Vec<Option<Vec<u8>>>,
    /// Who played each part last, and so has its state.
    states: BTreeMap<u32, u64>,
    /// When each worker was last heard.
    heard: BTreeMap<u64, Instant>,
}

/// Where a learner posts periods, and workers find them.
#[derive(Default)]
pub struct Board {
    open: Mutex<Open>,
    changed: Condvar,
}

impl Board {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Posts a period of `steps` agent steps of all `parts` with the policy in `policy`.
    pub fn post(&self, session: u64, steps: u32, policy: Arc<Vec<u8>>, parts: Vec<Part>) {
        let mut open = self.open();
        open.session = session;
        open.period += 1;
        open.steps = steps;
        open.policy = policy;
        open.players = vec![None; parts.len()];
        open.results = vec![None; parts.len()];
        open.parts = parts;
    }

    /// The results of all parts, in their order, or `None` after `patience`.
    pub fn results(&self, patience: Duration) -> Option<Vec<Vec<u8>>> {
        let open = self.open();
        let unfinished = |open: &mut Open| open.results.iter().any(Option::is_none);
        let waited = self.changed.wait_timeout_while(open, patience, unfinished);
        let (mut open, timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
        if timed_out.timed_out() {
            return None;
        }
        // Nothing is left to do until the next period is posted.
        open.parts.clear();
        open.players.clear();
        Some(std::mem::take(&mut open.results).into_iter().map(Option::unwrap_or_default).collect())
    }

    /// Process `client` is gone: what it plays is there for others.
    pub fn leave(&self, client: u64) {
        let mut open = self.open();
        for player in &mut open.players {
            _ = player.take_if(|(who, _)| *who == client);
        }
        open.states.retain(|_, who| *who != client);
        open.heard.remove(&client);
    }

    /// Takes the result in `body`, if it is asked for, and offers something to do.
    pub(crate) fn exchange(&self, ask: &Ask, body: &[u8]) -> Result<Vec<u8>, NetError> {
        let mut open = self.open();
        if let Some(Task { period, part, session }) = ask.finished
            && (period, session) == (open.period, open.session)
            && open.results.get(part as usize).is_some_and(Option::is_none)
        {
            open.results[part as usize] = Some(body.to_vec());
            open.states.insert(part, ask.client);
            self.changed.notify_all();
        }
        open.heard.insert(ask.client, Instant::now());
        open.offer(ask)
    }
}

impl Open {
    fn offer(&mut self, ask: &Ask) -> Result<Vec<u8>, NetError> {
        let client = ask.client;
        // A worker that plays says nothing meanwhile.
        let slow = |(who, since): (u64, Instant)| who == client || since.elapsed() > SLOW;
        let unfinished = || self.players.iter().zip(&self.results).filter(|(_, result)| result.is_none());
        let plays = |who: u64| {
            let mut all = unfinished().filter_map(|(player, _)| *player);
            all.any(|(by, since)| by == who && since.elapsed() < SLOW)
        };
        let awake =
            |who: &u64| plays(*who) || self.heard.get(who).is_some_and(|heard| heard.elapsed() < SILENCE);
        let is_free = |part: usize| self.results[part].is_none() && self.players[part].is_none_or(slow);
        let free: Vec<usize> = (0..self.parts.len()).filter(|part| is_free(*part)).collect();
        let holder = |part: usize| self.states.get(&(part as u32)).copied().filter(awake);
        let plays_another = |part: usize| {
            let plays = |other: usize| self.results[other].is_none().then_some(self.players[other]).flatten();
            let mut others = (0..self.parts.len()).filter(|other| *other != part);
            holder(part).is_some_and(|who| others.any(|other| plays(other).is_some_and(|(by, _)| by == who)))
        };
        // First what this worker has the state of, then what nobody has, then what somebody has who plays another.
        let of = |wanted: &dyn Fn(usize) -> bool| free.iter().copied().find(|part| wanted(*part));
        let part = of(&|part| holder(part) == Some(client))
            .or_else(|| of(&|part| holder(part).is_none()))
            .or_else(|| of(&plays_another));
        let Some(part) = part else { return join(&Offer::Nothing, &[]) };
        self.players[part] = Some((client, Instant::now()));
        let (session, period) = (self.session, self.period);
        let before = Task { session, period: period - 1, part: part as u32 };
        let policy: &[u8] = if ask.policy == Some((session, period)) { &[] } else { &self.policy };
        let state: &[u8] = if ask.states.contains(&before) { &[] } else { &self.parts[part].state };
        let offer = Offer::Play {
            task: Task { period, ..before },
            steps: self.steps,
            arenas: self.parts[part].arenas,
            policy: policy.len() as u32,
            state: state.len() as u32,
        };
        join(&offer, &[policy, state].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::split;

    fn ask(board: &Board, ask: Ask) -> (Offer, Vec<u8>) {
        let bytes = board.exchange(&ask, b"result").unwrap();
        let (offer, body) = split::<Offer>("work", &bytes).unwrap();
        (offer, body.to_vec())
    }

    fn from(client: u64) -> Ask {
        Ask { client, ..Ask::default() }
    }

    fn post(board: &Board) {
        let part = |first| Part { arenas: (first, 2), state: Arc::new(b"state".to_vec()) };
        board.post(9, 8, Arc::new(b"policy".to_vec()), vec![part(0), part(2)]);
    }

    fn task(offer: &Offer) -> Task {
        match offer {
            Offer::Play { task, .. } => *task,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn parts_stay_with_who_has_their_state_and_go_to_others_when_those_are_gone() {
        let board = Board::default();
        assert_eq!(ask(&board, from(1)).0, Offer::Nothing);
        post(&board);
        let (first, body) = ask(&board, from(1));
        assert_eq!(body, b"policystate");
        let (second, _) = ask(&board, from(2));
        assert_eq!((task(&first).part, task(&second).part), (0, 1));
        assert_eq!(ask(&board, from(3)).0, Offer::Nothing);
        assert_eq!(ask(&board, Ask { finished: Some(task(&first)), ..from(1) }).0, Offer::Nothing);
        assert_eq!(ask(&board, Ask { finished: Some(task(&second)), ..from(2) }).0, Offer::Nothing);
        assert_eq!(board.results(Duration::ZERO).unwrap(), [b"result", b"result"]);
        // The same again: the state is there, the policy is new.
        post(&board);
        let (again, body) = ask(&board, Ask { states: vec![task(&second)], policy: Some((9, 1)), ..from(2) });
        assert_eq!((task(&again).part, body), (1, b"policy".to_vec()));
        // A result of the last period counts for nothing.
        ask(&board, Ask { finished: Some(task(&first)), ..from(1) });
        assert_eq!(board.results(Duration::from_millis(1)), None);
        // The second is gone in the middle, and with it the state.
        board.leave(2);
        let (mine, _) = ask(&board, from(1));
        assert_eq!(task(&mine).part, 0);
        let (theirs, body) =
            ask(&board, Ask { finished: Some(task(&mine)), policy: Some((9, 2)), ..from(1) });
        assert_eq!((task(&theirs).part, body), (1, b"state".to_vec()), "it has the policy");
        ask(&board, Ask { finished: Some(task(&theirs)), ..from(1) });
        assert!(board.results(Duration::ZERO).is_some());
    }

    #[test]
    fn what_was_lost_on_the_way_is_offered_again_and_the_first_result_counts() {
        let board = Board::default();
        post(&board);
        let (first, whole) = ask(&board, from(1));
        assert_eq!(ask(&board, from(1)), (first.clone(), whole), "the offer was lost");
        // It takes long.
        let part = task(&first).part as usize;
        board.open().players[part] = Instant::now().checked_sub(2 * SLOW).map(|since| (1, since));
        let (second, _) = ask(&board, from(2));
        assert_eq!(task(&first), task(&second));
        ask(&board, Ask { finished: Some(task(&second)), ..from(2) });
        ask(&board, Ask { finished: Some(task(&first)), ..from(1) });
        assert_eq!(board.open().states.get(&0), Some(&2), "the late one counts for nothing");
    }
}
