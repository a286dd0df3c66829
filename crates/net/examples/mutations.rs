//! Feeds a session with mutated messages: `cargo run -p entropy-net --example mutations -- 1000000` of them, each a message
//! that was really sent, with bytes changed, left out, added or repeated. The session must go on as before, and what an actor
//! sends meanwhile must arrive.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use entropy_net::NetError;
use entropy_net::actor::{ActorLink, greet};
use entropy_net::engine::{Answerer, Engine, Hearer, News, Then, Verb, Watcher};
use entropy_net::hub::{Hub, HubConfig};
use entropy_net::local::Local;
use entropy_net::outbox::OutboxConfig;
use entropy_net::protocol::{Hello, PROTOCOL, Role};
use entropy_net::replicas::Member;
use entropy_rl::learner::replicas::Replicas as _;
use entropy_rl::learner::{DeviceChoice, LearnerConfig, LearnerSetup};
use entropy_rl::link::{Launch, LearnerLink as _, ThreadLink};
use entropy_rl::mdp::{
    Action, ActionSpace, EnvironmentSpec, ObservationSpace, Origin, Rng, StepBatch, Stream, rng,
};
use rand::{Rng as _, RngExt as _};

/// Messages of each kind that are kept.
const KEPT: usize = 64;
/// Numbers of processes, large as those that are drawn.
const ACTOR: u64 = 0x5eed_1234_5678_9abc;
const REPLICA: u64 = 0x1dea_2345_6789_abcd;
const LATE: u64 = 0x7abe_3456_789a_bcde;

type Problem = Box<dyn std::error::Error>;

/// A network that keeps what is asked on it.
#[derive(Clone, Default)]
struct Tapped {
    local: Local,
    heard: Arc<Mutex<Vec<(Verb, Vec<u8>)>>>,
}

impl Tapped {
    fn heard(&self) -> Vec<(Verb, Vec<u8>)> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Engine for Tapped {
    fn ask(&self, verb: Verb, message: Vec<u8>, patience: Duration, then: Then) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.iter().filter(|(own, _)| *own == verb).count() < KEPT {
            heard.push((verb, message.clone()));
        }
        drop(heard);
        self.local.ask(verb, message, patience, then);
    }

    fn answer(&self, verb: Verb, answerer: Answerer) -> Result<(), NetError> {
        self.local.answer(verb, answerer)
    }

    fn announce(&self, news: News, message: Vec<u8>) {
        self.local.announce(news, message);
    }

    fn hear(&self, news: News, hearer: Hearer) -> Result<(), NetError> {
        self.local.hear(news, hearer)
    }

    fn present(&self, client: u64) -> Result<(), NetError> {
        self.local.present(client)
    }

    fn watch(&self, watcher: Watcher) -> Result<(), NetError> {
        self.local.watch(watcher)
    }
}

fn spec() -> EnvironmentSpec {
    EnvironmentSpec {
        name: "line".into(),
        summary: String::new(),
        observation: ObservationSpace::floats(&["x", "y"]),
        action: ActionSpace::discrete(&["a", "b"]),
        ticks_per_step: 1,
        tick_seconds: 1.0,
        episode_limit: 50,
        teams: vec![0],
        rewards: Vec::new(),
    }
}

fn hello(client: u64, role: Role) -> Hello {
    Hello { protocol: PROTOCOL, client, name: format!("joiner-{client}"), role, machine: String::new() }
}

fn steps(count: usize, first: bool) -> StepBatch {
    let mut steps = StepBatch::default();
    for step in 0..count {
        steps.streams.push(0);
        steps.starts.push(first && step == 0);
        steps.observations.push(&[step as f32, 1.0], &[]);
        steps.actions.push(Action::Discrete((step % 2) as u16));
        steps.rewards.push(0.1);
        steps.behaviour_entropies.push(0.5);
        steps.policy_gradient_steps.push(0);
        steps.origins.push(Origin::Policy);
        steps.ends.push(None);
    }
    steps
}

/// `message` with one to eight changes, most of them near its start, where its head is.
fn mutate(message: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut mutated = message.to_vec();
    for _ in 0..rng.random_range(1..=8) {
        let within = if rng.random_bool(0.7) { mutated.len().min(200) } else { mutated.len() };
        let at = if within == 0 { 0 } else { rng.random_range(0..within) };
        match rng.random_range(0..6) {
            0 => mutated.truncate(at),
            1 if within > 0 => _ = mutated.remove(at),
            2 => mutated.insert(at, rng.next_u32() as u8),
            // A digit for a digit leaves JSON readable and its numbers wrong.
            3 if within > 0 && mutated[at].is_ascii_digit() => mutated[at] = b'0' + rng.random_range(0..10),
            4 if within > 0 => mutated.extend_from_within(at..),
            _ if within > 0 => mutated[at] ^= 1 << rng.random_range(0..8),
            _ => {}
        }
    }
    mutated
}

/// Resident memory in MiB, where the system says it.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

fn session(count: u64) -> Result<String, Problem> {
    let engine = Tapped::default();
    let config = LearnerConfig {
        batch_size: 16,
        learning_starts: 100,
        live_learning_starts: 100,
        publish_every: 5,
        ..LearnerConfig::default()
    };
    let setup = LearnerSetup { device: DeviceChoice::Cpu, ..LearnerSetup::new(spec(), config) };
    let hub = Hub::open(
        Arc::new(engine.clone()),
        HubConfig {
            session: 77,
            seed: 3,
            config: "env = \"line\"".into(),
            level: None,
            identity: "line".into(),
            spec: spec(),
            streams: 8,
            // A changed number of a process is another process.
            most_actors: 1000,
            arenas: 1,
            exact: None,
            sync_every: Some(100),
        },
    )?;
    let learner = Arc::new(ThreadLink::launch(Launch { paced: true, ..Launch::new(setup.clone()) }));
    hub.set_link(learner);
    let shared: Arc<dyn Engine> = Arc::new(engine.clone());
    let welcome = greet(&*shared, &hello(ACTOR, Role::Actor), "here", Duration::from_secs(1))?;
    let launch = Launch::new(setup.clone());
    let often =
        OutboxConfig { batch_bytes: 500, batch_age: Duration::from_millis(10), ..OutboxConfig::default() };
    let actor = ActorLink::launch(shared.clone(), hello(ACTOR, Role::Actor), &welcome, &launch, often)?;
    let own = greet(&*shared, &hello(REPLICA, Role::Replica), "here", Duration::from_secs(1))?;
    let algorithm = setup.config.algorithm.clone();
    let member = Member::new(shared.clone(), hello(REPLICA, Role::Replica), &own, 100, algorithm)?;
    for round in 0..60 {
        actor.send(steps(10, round == 0)).map_err(|_| "the actor's queue is full")?;
        _ = member.is_due(200);
        std::thread::sleep(Duration::from_millis(5));
    }
    for command in ["\"status\"", "{\"forbid\":3}", "\"save\""] {
        engine.ask(Verb::Control, command.into(), Duration::from_secs(1), Box::new(|_| {}));
    }
    engine.ask(
        Verb::Work,
        format!("{{\"client\":{ACTOR}}}").into_bytes(),
        Duration::from_secs(1),
        Box::new(|_| {}),
    );
    let messages = engine.heard();
    let kinds: Vec<String> = Verb::ALL
        .iter()
        .map(|verb| format!("{} {}", messages.iter().filter(|(own, _)| own == verb).count(), verb.name()))
        .collect();
    let mut random = rng(1, Stream::Environment, 0);
    let (mut early, begun) = (None, Instant::now());
    for number in 0..count {
        let (verb, message) = &messages[random.random_range(0..messages.len())];
        engine.local.ask(*verb, mutate(message, &mut random), Duration::from_secs(1), Box::new(|_| {}));
        if number == count / 10 {
            early = memory();
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    // An actor that comes now is welcome, and its steps are taken.
    let welcome = greet(&*shared, &hello(LATE, Role::Actor), "here", Duration::from_secs(1))?;
    let late =
        ActorLink::launch(shared, hello(LATE, Role::Actor), &welcome, &launch, OutboxConfig::default())?;
    late.send(steps(10, true)).map_err(|_| "the late actor's queue is full")?;
    while late.link_status().steps.taken < 10 {
        if begun.elapsed().as_secs_f64() > seconds + 30.0 {
            return Err("the steps of an actor that came later were not taken".into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let grown = memory().zip(early).map_or(0, |(now, early)| now.saturating_sub(early));
    if grown > 64 {
        return Err(format!("memory grew by {grown} MiB").into());
    }
    Ok(format!(
        "{count} mutations of {} in {seconds:.0} s; the session goes on, {grown} MiB more than after the first tenth",
        kinds.join(", ")
    ))
}

fn main() -> ExitCode {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(20_000);
    match session(count) {
        Ok(outcome) => {
            println!("{outcome}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            println!("{problem}");
            ExitCode::FAILURE
        }
    }
}
