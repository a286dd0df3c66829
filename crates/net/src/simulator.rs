//! Seeded faults between actors and a learner: messages are lost, repeated, reordered and delayed, actors are cut off,
//! and either side crashes and starts anew. What runs between them is the code that runs between machines.
//!
//! The oracle is a world that counts: an observation says which process made it, in which stream, in which episode and at
//! which step. Every transition that can be drawn from the learner's replay buffer must lead to the observation that its
//! process really saw so many steps later, and whatever was acknowledged must have been stored exactly once.

mod counting;
mod faults;
mod wire;

use std::collections::BTreeMap;
use std::time::Duration;

use entropy_rl::mdp::{Rng, Stream, TransitionBatch, rng};
use entropy_rl::replay::{ReplayBuffer, ReplayConfig, ReplaySpace};
use rand::RngExt as _;

use crate::intake::{Accepted, Actor, Intake};
use crate::outbox::{Next, Outbox, OutboxConfig};
use crate::protocol::Answer;
use counting::Player;
pub use faults::{Faults, QUIET};
use wire::{Message, Wire};

/// Streams of an actor.
const STREAMS: u32 = 3;
/// Virtual time between two looks at everything.
const TICK: Duration = Duration::from_millis(10);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_millis(800);

/// What a schedule came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Batches stored.
    pub stored: u64,
    /// Batches acknowledged.
    pub acknowledged: u64,
    /// Batches that came again.
    pub duplicates: u64,
    /// Batches dropped by actors.
    pub dropped_steps: u64,
    /// Crashes of actors, and of the learner.
    pub crashes: (u32, u32),
    /// Transitions looked at.
    pub transitions: u64,
}

/// The learner's process: what is lost when it crashes, and what a checkpoint holds.
#[derive(Clone)]
struct Learner {
    intake: Intake,
    replay: ReplayBuffer,
    /// How often each batch of each process was stored.
    stored: BTreeMap<(u64, u64), u32>,
    steps: u64,
}

/// One actor's process.
struct Process {
    client: u64,
    outbox: Outbox,
    player: Player,
    /// Messages without an answer so far: when each was sent.
    open: BTreeMap<u64, Duration>,
    greets: bool,
    cut_until: Duration,
}

struct Simulation {
    faults: Faults,
    rng: Rng,
    now: Duration,
    wire: Wire,
    learner: Learner,
    checkpoint: (Learner, BTreeMap<u64, Actor>),
    actors: Vec<Process>,
    clients: u64,
    /// Processes that have crashed unnoticed.
    gone: Vec<u64>,
    /// Batches acknowledged since the learner's last crash.
    acknowledged: Vec<(u64, u64)>,
    outcome: Outcome,
}

/// Plays schedule number `seed` of `actors` actors under `faults`.
///
/// # Errors
/// What the oracle found wrong.
pub fn schedule(seed: u64, actors: usize, faults: Faults) -> Result<Outcome, String> {
    let mut simulation = Simulation::new(seed, actors, faults);
    let ticks = 600;
    for _ in 0..ticks {
        simulation.tick(true)?;
    }
    simulation.faults = Faults { delay: TICK, ..QUIET };
    // Longer than a silent actor keeps its number.
    let mut left = 10_000;
    while simulation.actors.iter().any(|actor| !actor.outbox.is_empty()) {
        simulation.tick(false)?;
        left -= 1;
        if left == 0 {
            return Err("an outbox is not empty long after all faults have ended".into());
        }
    }
    simulation.check()?;
    Ok(simulation.outcome)
}

/// Small batches, so that a schedule has many.
fn outbox(client: u64) -> Outbox {
    let config = OutboxConfig {
        batch_bytes: 600,
        batch_age: Duration::from_millis(100),
        in_flight: 4,
        queue_bytes: 30_000,
        retry: Duration::from_millis(50),
        offer: Duration::from_millis(20),
    };
    Outbox::new(client, &counting::spec(), 0, config)
}

impl Simulation {
    fn new(seed: u64, actors: usize, faults: Faults) -> Self {
        let spec = counting::spec();
        let accepted = Accepted { spec: spec.clone(), state_width: 0, streams: STREAMS, arenas: STREAMS };
        let space = ReplaySpace { observation: spec.observation, action_dims: 0, state_width: 0 };
        let streams = (actors + 1) * STREAMS as usize;
        let config = ReplayConfig { capacity: 100_000, streams, n_step: 3, gamma: 1.0 };
        let learner = Learner {
            intake: Intake::new(accepted, actors as u32),
            replay: ReplayBuffer::new(space, config),
            stored: BTreeMap::new(),
            steps: 0,
        };
        let mut simulation = Self {
            faults,
            rng: rng(seed, Stream::Levels, 0),
            now: Duration::ZERO,
            wire: Wire::default(),
            checkpoint: (learner.clone(), BTreeMap::new()),
            learner,
            actors: Vec::new(),
            clients: 0,
            gone: Vec::new(),
            acknowledged: Vec::new(),
            outcome: Outcome::default(),
        };
        for _ in 0..actors {
            let process = simulation.process();
            simulation.actors.push(process);
        }
        simulation
    }

    /// A process that has just started.
    fn process(&mut self) -> Process {
        self.clients += 1;
        let client = self.clients;
        Process {
            client,
            outbox: outbox(client),
            player: Player::new(client),
            open: BTreeMap::new(),
            greets: true,
            cut_until: Duration::ZERO,
        }
    }

    fn tick(&mut self, plays: bool) -> Result<(), String> {
        self.now += TICK;
        self.break_things();
        for index in 0..self.actors.len() {
            self.act(index, plays)?;
        }
        for message in self.wire.arrived(self.now) {
            self.deliver(message)?;
        }
        if self.rng.random_bool(0.02) {
            self.checkpoint = (self.learner.clone(), self.learner.intake.snapshot());
        }
        Ok(())
    }

    fn break_things(&mut self) {
        let Faults { cut, actor_crash, learner_crash, .. } = self.faults;
        for index in 0..self.actors.len() {
            if self.rng.random_bool(actor_crash) {
                self.outcome.crashes.0 += 1;
                let gone = self.actors[index].client;
                self.actors[index] = self.process();
                self.gone.push(gone);
            }
            if self.rng.random_bool(cut) {
                let seconds = self.rng.random_range(0.0..2.0);
                self.actors[index].cut_until = self.now + Duration::from_secs_f64(seconds);
            }
        }
        // An absence is noticed sooner or later, often after the next process greets.
        if self.rng.random_bool(0.05) {
            self.gone.drain(..).for_each(|client| self.learner.intake.set_present(client, false));
        }
        if self.rng.random_bool(learner_crash) {
            self.outcome.crashes.1 += 1;
            let (learner, actors) = self.checkpoint.clone();
            self.learner = learner;
            self.learner.intake.restore(actors);
            self.acknowledged.clear();
        }
    }

    /// One actor plays, sends, and gives up on what was not answered.
    fn act(&mut self, index: usize, plays: bool) -> Result<(), String> {
        let now = self.now;
        let process = &mut self.actors[index];
        if plays && self.rng.random_bool(0.7) {
            let steps = process.player.play(&mut self.rng);
            process.outbox.push(&steps, now);
        }
        process.outbox.close_if_due(now).map_err(|error| error.to_string())?;
        let late: Vec<u64> = process
            .open
            .iter()
            .filter(|(_, sent)| now.saturating_sub(**sent) > PATIENCE)
            .map(|(sequence, _)| *sequence)
            .collect();
        for sequence in late {
            process.open.remove(&sequence);
            process.outbox.answered(sequence, None, now);
        }
        if process.greets && self.rng.random_bool(0.2) {
            let message = Message::Greet { actor: index, client: process.client };
            self.send(index, message);
        }
        while let Some((sequence, bytes)) = self.actors[index].outbox.next(now) {
            self.actors[index].open.insert(sequence, now);
            let client = self.actors[index].client;
            self.send(index, Message::Steps { actor: index, client, sequence, bytes });
        }
        self.outcome.dropped_steps = self.actors.iter().map(|process| process.outbox.counts().dropped).sum();
        Ok(())
    }

    /// Puts a message of or for an actor on the wire, as the faults will have it.
    fn send(&mut self, actor: usize, message: Message) {
        let Faults { loss, duplicate, delay, .. } = self.faults;
        let copies = if self.rng.random_bool(duplicate) { 2 } else { 1 };
        for _ in 0..copies {
            let lost = self.rng.random_bool(loss) || self.actors[actor].cut_until > self.now;
            let late = self.rng.random_range(Duration::ZERO..=delay);
            if !lost {
                self.wire.send(self.now + late, message.clone());
            }
        }
    }

    fn deliver(&mut self, message: Message) -> Result<(), String> {
        match message {
            Message::Greet { actor, client } => {
                let greeted = self.learner.intake.greet(client, "simulated", self.now).is_ok();
                self.send(actor, Message::Greeted { actor, client, greeted });
            }
            Message::Greeted { actor, client, greeted } => {
                if self.actors[actor].client == client {
                    self.actors[actor].greets = !greeted;
                }
            }
            Message::Steps { actor, client, sequence, bytes } => {
                let answer = self.take(client, sequence, &bytes);
                let life = self.outcome.crashes.1;
                self.send(actor, Message::Answer { actor, client, sequence, answer, life });
            }
            Message::Answer { actor, client, sequence, answer, life } => {
                let process = &mut self.actors[actor];
                if process.client != client || process.open.remove(&sequence).is_none() {
                    return Ok(());
                }
                if answer == Answer::Taken {
                    self.outcome.acknowledged += 1;
                    // What a learner took before it crashed may be gone with it.
                    if life == self.outcome.crashes.1 {
                        self.acknowledged.push((client, sequence));
                    }
                }
                match process.outbox.answered(sequence, Some(answer), self.now) {
                    Next::GoOn => {}
                    Next::Greet => process.greets = true,
                    Next::Stop(end) => return Err(format!("an honest actor was stopped: {}", end.reason)),
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, client: u64, sequence: u64, bytes: &[u8]) -> Answer {
        let (now, busy) = (self.now, self.rng.random_bool(self.faults.busy));
        let Learner { intake, replay, stored, steps } = &mut self.learner;
        intake.steps(bytes, now, |_, recorded| {
            if busy {
                return Err("busy".into());
            }
            *steps += recorded.steps.len() as u64;
            *stored.entry((client, sequence)).or_default() += 1;
            replay.push(&recorded.steps);
            Ok(())
        })
    }

    /// Whether everything is as it must be.
    fn check(&mut self) -> Result<(), String> {
        let Learner { intake, replay, stored, steps } = &self.learner;
        self.outcome.stored = stored.len() as u64;
        self.outcome.duplicates = intake.actors().map(|actor| actor.duplicates).sum();
        if let Some((batch, count)) = stored.iter().find(|(_, count)| **count != 1) {
            return Err(format!("batch {batch:?} was stored {count} times"));
        }
        if let Some(batch) = self.acknowledged.iter().find(|batch| !stored.contains_key(batch)) {
            return Err(format!("batch {batch:?} was acknowledged and is not stored"));
        }
        if *steps > 0 && replay.is_empty() && *steps > 100 {
            return Err(format!("{steps} steps were stored and there is no transition"));
        }
        let count = (4 * replay.len()).min(20_000);
        let mut batch = TransitionBatch::default();
        if count > 0 && replay.sample(count, &mut self.rng, &mut batch) {
            counting::check(&batch)?;
            self.outcome.transitions = count as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
