//! The learner's end of the way of a step: takes each batch once and in order, and nothing that does not fit.
//!
//! A step follows the one before it in its stream only if both came in the same batch or in two batches with consecutive
//! numbers: what a batch lost on the way leaves behind is marked as the start of a stream, so that no transition is
//! learned that never happened. Like the [`outbox`](crate::outbox) it has neither a thread nor a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use entropy_rl::mdp::EnvironmentSpec;
use serde::{Deserialize, Serialize};

use crate::protocol::{Answer, End, Envelope, MOST_ACTORS, plain, split};
use crate::steps::{Recorded, decode};

/// Silence after which the number of an actor is free, though nobody has seen it go.
const SILENCE: Duration = Duration::from_secs(60);
/// The most processes that are kept in mind.
const MOST_KNOWN: usize = 4 * MOST_ACTORS as usize;
/// Refused batches after which an actor is told to stop.
const STRIKES: u32 = 3;

/// An actor as the learner knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Its number, which decides its streams; 0 once another process has it.
    pub number: u32,
    /// Whether it got a number since its last batch, so that the next one follows none.
    pub moved: bool,
    /// Its name.
    pub name: String,
    /// The last batch taken.
    pub last: Option<u64>,
    /// Steps taken.
    pub steps: u64,
    /// Bytes of their batches.
    pub bytes: u64,
    /// Batches taken.
    pub batches: u64,
    /// Batches that came again.
    pub duplicates: u64,
    /// Batches that did not follow the one before.
    pub gaps: u64,
    /// Batches that did not fit.
    pub refused: u32,
    /// Whether it is connected.
    pub present: bool,
    /// When anything was last heard of it.
    #[serde(skip)]
    pub heard: Duration,
    /// Whether it has greeted this start of the learner.
    #[serde(skip)]
    pub greeted: bool,
    /// `[streams]`: whether a step of the stream was taken since streams were last interrupted.
    #[serde(skip)]
    seen: Vec<bool>,
}

/// Which steps fit.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The environment.
    pub spec: EnvironmentSpec,
    /// Floats of a policy's state, 0 without memory.
    pub state_width: usize,
    /// Streams of an actor: stream `s` of actor `n` is stream `n · streams + s` of the learner.
    pub streams: u32,
    /// Arenas of an actor.
    pub arenas: u32,
}

/// Takes batches of many actors.
#[derive(Debug, Clone)]
pub struct Intake {
    accepted: Accepted,
    most: u32,
    actors: BTreeMap<u64, Actor>,
    totals: Totals,
}

/// Sums over all actors since the learner's start, whoever has their numbers by now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Steps taken.
    pub steps: u64,
    /// Bytes of their batches.
    pub bytes: u64,
    /// Batches that came again.
    pub duplicates: u64,
    /// Batches that did not follow the one before.
    pub gaps: u64,
    /// Batches that did not fit.
    pub refused: u64,
}

impl Intake {
    /// For steps that are `accepted`, of at most `most` actors besides the learner's own.
    pub fn new(accepted: Accepted, most: u32) -> Self {
        Self { accepted, most: most.min(MOST_ACTORS - 1), actors: BTreeMap::new(), totals: Totals::default() }
    }

    /// What it accepts, to be changed when the agent is.
    pub fn accepted_mut(&mut self) -> &mut Accepted {
        &mut self.accepted
    }

    /// Takes note of the process `client` at time `now`. It gets a number with its first steps.
    ///
    /// # Errors
    /// A line when there is no number for it.
    pub fn greet(&mut self, client: u64, name: &str, now: Duration) -> Result<(), String> {
        let has = self.actors.get(&client).is_some_and(|actor| actor.number > 0);
        if !has {
            self.free(now)?;
        }
        self.forget();
        let actor = self.actors.entry(client).or_default();
        (actor.present, actor.heard, actor.greeted, actor.name) = (true, now, true, plain(name));
        Ok(())
    }

    /// The lowest number that no connected actor has.
    fn free(&self, now: Duration) -> Result<u32, String> {
        let heard = |actor: &&Actor| now.saturating_sub(actor.heard) < SILENCE;
        let taken: BTreeSet<u32> = self.connected().filter(heard).map(|actor| actor.number).collect();
        let free = (1..=self.most).find(|number| !taken.contains(number));
        free.ok_or_else(|| {
            format!("{} actors are connected already, as many as the learner has streams for", taken.len())
        })
    }

    /// Gives the process `client`, which is known, a number. One that was used by an actor which has gone goes on with that
    /// one's streams, whose next steps are starts.
    fn number(&mut self, client: u64, now: Duration) -> Result<(), String> {
        let number = self.free(now)?;
        // What was taken of the last one is kept in mind: its batches may still come, for the second time.
        for actor in self.actors.values_mut().filter(|actor| actor.number == number) {
            (actor.number, actor.present) = (0, false);
        }
        if let Some(actor) = self.actors.get_mut(&client) {
            (actor.number, actor.moved) = (number, true);
        }
        Ok(())
    }

    /// Forgets processes without a number that have long been silent, once there are many.
    fn forget(&mut self) {
        while self.actors.len() > MOST_KNOWN {
            let gone = self.actors.iter().filter(|(_, actor)| actor.number == 0);
            let Some(oldest) = gone.min_by_key(|(_, actor)| actor.heard).map(|(client, _)| *client) else {
                return;
            };
            self.actors.remove(&oldest);
        }
    }

    /// Actors connected at the moment.
    pub fn connected(&self) -> impl Iterator<Item = &Actor> {
        self.actors().filter(|actor| actor.present)
    }

    /// The process `client` is gone, or is there again.
    pub fn set_present(&mut self, client: u64, present: bool) {
        if let Some(actor) = self.actors.get_mut(&client) {
            actor.present = present;
        }
    }

    /// Makes the actor called `number` stop the next time it sends.
    pub fn forbid(&mut self, number: u32) {
        if let Some(actor) = self.actors.values_mut().find(|actor| actor.number == number) {
            actor.refused = STRIKES;
        }
    }

    /// All actors that have not been replaced.
    pub fn actors(&self) -> impl Iterator<Item = &Actor> {
        self.actors.values().filter(|actor| actor.number > 0)
    }

    /// Takes a message with steps at time `now`; what is new and fits goes to `keep`, with the number of its actor. It may
    /// be refused there for now, with a reason.
    pub fn steps(
        &mut self,
        message: &[u8],
        now: Duration,
        keep: impl FnOnce(u32, Recorded) -> Result<(), String>,
    ) -> Answer {
        let (envelope, body) = match split::<Envelope>("steps", message) {
            Ok(parts) => parts,
            Err(error) => return Answer::Refused(error.to_string()),
        };
        let Envelope { client, sequence, previous } = envelope;
        let known = self.actors.get(&client).filter(|actor| actor.greeted);
        let Some(number) = known.map(|actor| actor.number) else { return Answer::Unknown };
        if number == 0
            && let Err(reason) = self.number(client, now)
        {
            return Answer::Wait(reason);
        }
        let Self { accepted, actors, totals, .. } = self;
        let Some(actor) = actors.get_mut(&client) else { return Answer::Unknown };
        (actor.present, actor.heard) = (true, now);
        if actor.refused >= STRIKES {
            return Answer::Stop(End::bad("the learner takes no more steps of this actor"));
        }
        if actor.last.is_some_and(|last| sequence <= last) {
            actor.duplicates += 1;
            totals.duplicates += 1;
            return Answer::Taken;
        }
        if previous.is_some_and(|previous| actor.last.is_none_or(|last| last < previous)) {
            return Answer::Early;
        }
        let read = decode(body, &accepted.spec, accepted.state_width).map_err(|error| error.to_string());
        let mut recorded = match read.and_then(|recorded| within(recorded, accepted)) {
            Ok(recorded) => recorded,
            Err(problem) => {
                actor.refused += 1;
                totals.refused += 1;
                return Answer::Refused(problem);
            }
        };
        let follows = !actor.moved && actor.last.is_some() && actor.last == sequence.checked_sub(1);
        let mut seen = if follows { std::mem::take(&mut actor.seen) } else { Vec::new() };
        seen.resize(accepted.streams as usize, false);
        let before = seen.clone();
        begin_streams(&mut recorded, &mut seen);
        move_streams(&mut recorded, actor.number, accepted.streams);
        let steps = recorded.steps.len() as u64;
        if let Err(reason) = keep(actor.number, recorded) {
            if follows {
                actor.seen = before;
            }
            return Answer::Wait(reason);
        }
        actor.seen = seen;
        let gap = u64::from(!follows && sequence > 1);
        actor.gaps += gap;
        actor.steps += steps;
        actor.bytes += body.len() as u64;
        totals.gaps += gap;
        totals.steps += steps;
        totals.bytes += body.len() as u64;
        actor.batches += 1;
        (actor.last, actor.moved) = (Some(sequence), false);
        Answer::Taken
    }

    /// Sums over all actors.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// All processes that are known, by the numbers they drew.
    pub fn known(&self) -> &BTreeMap<u64, Actor> {
        &self.actors
    }

    /// The actors with what was taken of each, for a checkpoint that holds those steps.
    pub fn snapshot(&self) -> BTreeMap<u64, Actor> {
        self.actors.clone()
    }

    /// Goes on after a checkpoint: nobody is connected or has a number, and what was taken since is not here.
    pub fn restore(&mut self, actors: BTreeMap<u64, Actor>) {
        self.actors = actors;
        self.actors.values_mut().for_each(|actor| {
            (actor.present, actor.greeted, actor.number) = (false, false, 0);
        });
    }
}

/// Refuses streams and arenas that are not the sender's.
fn within(recorded: Recorded, accepted: &Accepted) -> Result<Recorded, String> {
    let Accepted { streams, arenas, .. } = accepted;
    if let Some(stream) = recorded.steps.streams.iter().find(|stream| *stream >= streams) {
        return Err(format!("stream {stream} of an actor with {streams}"));
    }
    match recorded.episodes.iter().find(|episode| episode.arena >= *arenas) {
        Some(episode) => Err(format!("arena {} of an actor with {arenas}", episode.arena)),
        None => Ok(recorded),
    }
}

/// Marks the first step of every stream that is not `seen` as one that follows none: a batch need not have all streams, so
/// that what was lost may be missed only by a later one.
fn begin_streams(recorded: &mut Recorded, seen: &mut [bool]) {
    let steps = &mut recorded.steps;
    for (stream, start) in steps.streams.iter().zip(&mut steps.starts) {
        if let Some(seen) = seen.get_mut(*stream as usize) {
            *start |= !std::mem::replace(seen, true);
        }
    }
}

/// Gives the streams of actor `number` their numbers at the learner.
fn move_streams(recorded: &mut Recorded, number: u32, streams: u32) {
    let offset = number * streams;
    recorded.steps.streams.iter_mut().for_each(|stream| *stream += offset);
}

#[cfg(test)]
mod tests;
