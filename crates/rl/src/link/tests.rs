//! Links from both ends: bounds, replies, handshakes, and serialization.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::*;
use crate::algo::AlgorithmConfig;
use crate::algo::sac::SacConfig;
use crate::learner::{DeviceChoice, Health, Learner, LearnerConfig, LearnerError};
use crate::mdp::{Action, ActionSpace, EnvironmentSpec, LevelRecord, ObservationSpace, Origin};

fn spec() -> EnvironmentSpec {
    EnvironmentSpec {
        name: "test".into(),
        summary: "A test.".into(),
        observation: ObservationSpace::floats(&["x"]),
        action: ActionSpace::discrete(&["a", "b"]),
        ticks_per_step: 1,
        tick_seconds: 1.0,
        episode_limit: 10,
        teams: vec![0],
        rewards: Vec::new(),
    }
}

fn with_hidden(width: usize) -> AlgorithmConfig {
    SacConfig { hidden: vec![width], ..SacConfig::default() }.into()
}

fn setup() -> LearnerSetup {
    let mut config = LearnerConfig { replay_capacity: 1_000, batch_size: 4, ..LearnerConfig::default() };
    config.algorithm = with_hidden(8);
    LearnerSetup { device: DeviceChoice::Cpu, streams: 1, ..LearnerSetup::new(spec(), config) }
}

fn steps(count: usize) -> StepBatch {
    let mut steps = StepBatch::default();
    for step in 0..count {
        steps.streams.push(0);
        steps.starts.push(step == 0);
        steps.observations.push(&[step as f32 / count as f32], &[]);
        steps.actions.push(Action::Discrete((step % 2) as u16));
        steps.rewards.push(1.0);
        steps.behaviour_entropies.push(0.5);
        steps.origins.push(Origin::Policy);
        steps.ends.push(None);
    }
    steps
}

fn until(link: &ThreadLink, what: &str, done: impl Fn(&LearnerStatus) -> bool) {
    let begun = Instant::now();
    while !done(&link.status()) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}: {:?}", link.status());
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_slow_learner_drops_and_counts_steps_beyond_capacity() {
    let (go, waits) = crossbeam_channel::bounded::<()>(0);
    let link = ThreadLink::launch_with(Launch::new(setup()), move |setup| {
        _ = waits.recv();
        Learner::new(setup)
    });
    let sent: Vec<_> = (0..5).map(|_| link.send(steps(300))).collect();
    assert!(sent[..3].iter().all(Result::is_ok));
    assert_eq!(sent[3..], [Err(LinkError::Full { waiting: 900 }), Err(LinkError::Full { waiting: 900 })]);
    // Counted although the learner is not there to report it, and although smaller batches still fit.
    assert_eq!((link.status().dropped, link.status().health.clone()), (600, Health::Starting));
    assert!(link.send(steps(100)).is_ok() && link.send(steps(1)).is_err());
    assert!(link.send(StepBatch { refused: 1, ..StepBatch::default() }).is_err(), "nothing is free");
    drop(go);
    until(&link, "what waited", |status| status.env_steps == 1_000);
    assert!(link.send(steps(300)).is_ok());
    until(&link, "what came later", |status| status.env_steps == 1_300);
    assert_eq!(link.status().dropped, 601);
}

#[test]
fn every_command_is_answered_in_order_by_living_and_dead_learners() {
    let link = ThreadLink::start(setup());
    _ = link.send(steps(50));
    let wider = |width| {
        let mut config = setup().config;
        config.algorithm = with_hidden(width);
        Box::new(config)
    };
    let refused = link.command(Command::Configure(wider(9)));
    let reset = link.command(Command::Reset(wider(9)));
    let unsaved = link.command(Command::Save(Save::default()));
    let unknown = link.command(Command::Rewind(77));
    let trains = link.command(Command::Train(false));
    assert!(matches!(trains.wait(), Ok(Reply::Done)));
    let error = |ticket: Ticket| ticket.poll().unwrap().err().unwrap().to_string();
    assert!(error(refused).contains("sac.hidden = [9]: it was [8]"));
    assert!(matches!(reset.poll(), Some(Ok(Reply::Message(text))) if text == "fresh networks"));
    assert!(error(unsaved).contains("--out") && error(unknown).contains("snapshot 77"));
    assert_eq!((link.status().health.clone(), link.status().env_steps), (Health::Paused, 0));

    let launch = Launch { policy: link.slot(), ..Launch::new(setup()) };
    let dead = ThreadLink::launch_with(launch, |_| panic!("device lost"));
    let ticket = dead.command(Command::Open);
    let lost = |result: Result<Reply, LearnerError>| match result {
        Err(LearnerError::Stopped(reason)) => reason.contains("device lost"),
        _ => false,
    };
    assert!(lost(ticket.wait()) && lost(ticket.poll().unwrap()) && lost(dead.command(Command::Open).wait()));
    assert!(matches!(dead.send(steps(1)), Err(LinkError::Stopped(reason)) if reason.contains("device lost")));
}

#[test]
fn snapshots_are_described_in_the_status_and_restored_by_number() {
    let link = ThreadLink::start(setup());
    until(&link, "a first snapshot", |status| !status.snapshots.is_empty());
    let first = link.snapshots().all()[0].clone();
    assert_eq!(link.status().snapshots, [first.info()]);
    assert!(
        matches!(link.command(Command::Rewind(first.id)).wait(), Ok(Reply::Message(text)) if text == "back at minute 0")
    );
    let now: Vec<u64> = link.status().snapshots.iter().map(|snapshot| snapshot.id).collect();
    assert_eq!(now, [0, 1]);
    // Another agent has no earlier snapshots, and numbers are not reused.
    _ = link.command(Command::Reset(Box::new(setup().config))).wait();
    assert!(matches!(link.command(Command::Rewind(0)).wait(), Err(LearnerError::NoSnapshot(0))));
    until(&link, "a snapshot of the new agent", |status| !status.snapshots.is_empty());
    assert_eq!(link.snapshots().all()[0].id, 2);

    let launch = Launch { snapshot: Some(first.clone()), ..Launch::new(setup()) };
    let again = ThreadLink::launch(launch);
    assert!(again.command(Command::Open).wait().is_ok(), "{:?}", again.status());
}

#[test]
fn an_actor_of_another_environment_or_protocol_is_refused_in_one_line() {
    let link = ThreadLink::start(setup());
    let ours = Handshake::new(&spec());
    assert_eq!(link.connect(&ours), Ok(()));
    let reworded = EnvironmentSpec { summary: "In other words.".into(), ..spec() };
    assert_eq!(link.connect(&Handshake::new(&reworded)), Ok(()));
    for (other, said) in [
        (Handshake { protocol: PROTOCOL + 1, ..ours.clone() }, "run the same version of both"),
        (
            Handshake::new(&EnvironmentSpec { name: "other".into(), ..spec() }),
            "environment `other` of the actor is not the learner's `test`; start both with the same one",
        ),
        (
            Handshake::new(&EnvironmentSpec { action: ActionSpace::discrete(&["b", "a"]), ..spec() }),
            "its spaces, timing or rewards differ",
        ),
        (Handshake::new(&EnvironmentSpec { tick_seconds: 0.5, ..spec() }), "timing"),
    ] {
        let error = link.connect(&other).unwrap_err().to_string();
        assert!(error.contains(said) && error.lines().count() == 1, "{error}");
        let text = serde_json::to_string(&other).unwrap();
        assert_eq!(serde_json::from_str::<Handshake>(&text).unwrap(), other);
    }
    // The same on every machine and in every release.
    assert_eq!(ours.spec, 13_936_601_093_551_437_084);
}

/// An example of every command. One without a line here does not compile.
macro_rules! examples {
    ($($command:pat => $example:expr,)+) => {{
        fn _every_one(command: &Command) {
            match command { $($command => (),)+ }
        }
        vec![$($example),+]
    }};
}

#[test]
fn commands_round_trip_through_text() {
    let mut config = LearnerConfig { batch_size: 7, ..LearnerConfig::default() };
    config.algorithm.get_mut::<SacConfig>().unwrap().gamma = 0.25;
    let save = Save { folder: Some("out".into()), extra: vec![("a".into(), vec![1, 2])], files: Vec::new() };
    let level = LevelRecord { name: "1".into(), text: Some("#".into()), near: None };
    let commands = examples! {
        Command::Train(_) => Command::Train(false),
        Command::PublishCritics(_) => Command::PublishCritics(true),
        Command::Survey(_) => Command::Survey(true),
        Command::Configure(_) => Command::Configure(Box::new(config.clone())),
        Command::SetLevel(_) => Command::SetLevel(level),
        Command::Save(_) => Command::Save(save),
        Command::SaveOnCommand => Command::SaveOnCommand,
        Command::Load(_) => Command::Load(PathBuf::from("run")),
        Command::Rewind(_) => Command::Rewind(3),
        Command::SetDevice(_) => Command::SetDevice(DeviceChoice::Gpu),
        Command::Reset(_) => Command::Reset(Box::new(config)),
        Command::Open => Command::Open,
        Command::Period(_) => Command::Period(Box::new(steps(3))),
    };
    for command in commands {
        let text = serde_json::to_string(&command).unwrap();
        let back: Command = serde_json::from_str(&text).unwrap();
        assert_eq!(format!("{back:?}"), format!("{command:?}"));
    }
}
