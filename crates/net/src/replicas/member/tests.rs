//! Whole learners that train together within a process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use entropy_rl::learner::replicas::Replicas;
use entropy_rl::learner::{DeviceChoice, LearnerConfig, LearnerSetup};
use entropy_rl::link::{Command, Launch, LearnerLink, ThreadLink};
use entropy_rl::mdp::{
    Action, ActionSpace, EnvironmentSpec, EpisodeEnd, ObservationSpace, Origin, StepBatch,
};
use entropy_rl::nn::TensorMap;

use super::super::*;
use crate::actor::greet;
use crate::engine::Engine;
use crate::hub::{Event, Hub, HubConfig};
use crate::local::Local;
use crate::protocol::{Hello, PROTOCOL, Role};

fn setup(sync_every: u64, seed: u64) -> LearnerSetup {
    let spec = EnvironmentSpec {
        name: "line".into(),
        summary: String::new(),
        observation: ObservationSpace::floats(&["x", "y"]),
        action: ActionSpace::discrete(&["a", "b"]),
        ticks_per_step: 1,
        tick_seconds: 1.0,
        episode_limit: 50,
        teams: vec![0],
        rewards: Vec::new(),
    };
    let config = LearnerConfig {
        batch_size: 16,
        learning_starts: 100,
        live_learning_starts: 100,
        sync_every,
        ..LearnerConfig::default()
    };
    LearnerSetup { device: DeviceChoice::Cpu, seed, ..LearnerSetup::new(spec, config) }
}

fn steps(count: usize, salt: f32) -> StepBatch {
    let mut steps = StepBatch::default();
    for step in 0..count {
        let last = step % 10 == 9;
        steps.streams.push(0);
        steps.starts.push(step % 10 == 0);
        steps.observations.push(&[(step as f32 + salt).sin(), 1.0], &[]);
        steps.actions.push(Action::Discrete((step % 2) as u16));
        steps.rewards.push((step % 3) as f32 + salt);
        steps.behaviour_entropies.push(0.5);
        steps.policy_gradient_steps.push(0);
        steps.origins.push(Origin::Policy);
        steps.ends.push(last.then_some(EpisodeEnd::Terminated));
        if last {
            steps.final_observations.push(&[0.0, 0.0], &[]);
        }
    }
    steps
}

fn chief(engine: &Local, sync_every: u64) -> (Hub, Arc<ThreadLink>) {
    let setup = setup(sync_every, 1);
    let config = HubConfig {
        session: 77,
        seed: 3,
        config: "env = \"line\"".into(),
        level: None,
        identity: "line".into(),
        spec: setup.spec.clone(),
        streams: 8,
        most_actors: 2,
        arenas: 1,
        exact: None,
        sync_every: Some(sync_every),
    };
    let hub = Hub::open(Arc::new(engine.clone()), config).unwrap();
    let replicas: Option<Arc<dyn Replicas>> = Some(Arc::new(hub.chief().clone()));
    let link = Arc::new(ThreadLink::launch(Launch { paced: true, replicas, ..Launch::new(setup) }));
    hub.set_link(link.clone());
    (hub, link)
}

fn member(engine: &Local, client: u64, sync_every: u64) -> (Member, ThreadLink) {
    let engine: Arc<dyn Engine> = Arc::new(engine.clone());
    let hello = Hello {
        protocol: PROTOCOL,
        client,
        name: "replica".into(),
        role: Role::Replica,
        machine: String::new(),
    };
    let welcome = greet(&*engine, &hello, "here", Duration::from_secs(1)).unwrap();
    let algorithm = setup(sync_every, 1).config.algorithm;
    let member = Member::new(engine, hello, &welcome, sync_every, algorithm).unwrap();
    let replicas: Option<Arc<dyn Replicas>> = Some(Arc::new(member.clone()));
    let launch = Launch { paced: true, replicas, ..Launch::new(setup(sync_every, 10 + client)) };
    (member, ThreadLink::launch(launch))
}

fn wait(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed().as_secs() < 60, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn weights(link: &ThreadLink) -> TensorMap {
    // Publishes anew.
    let on = link.published().is_some_and(|published| published.version % 2 == 0);
    link.command(Command::PublishCritics(on)).wait().unwrap();
    link.command(Command::PublishCritics(!on)).wait().unwrap();
    link.published().unwrap().policy.tensors()
}

#[test]
fn with_averaged_gradients_replicas_stay_equal_to_the_bit() {
    let engine = Local::default();
    let (hub, first) = chief(&engine, 1);
    let (member, second) = member(&engine, 5, 1);
    second.send(steps(600, 0.5)).unwrap();
    wait("the chief's networks", || member.status().meetings >= 1);
    assert_eq!(member.status().waits, None);
    // The first hundred are collected.
    first.send(steps(100, 0.0)).unwrap();
    first.send(steps(400, 0.0)).unwrap();
    wait("the chief's steps", || first.behind() == 0 && first.status().gradient_steps == 100);
    wait("the same ones", || second.status().gradient_steps == 100);
    assert_eq!(weights(&first), weights(&second));
    wait("measurements", || hub.status().replicas.len() == 1);
    // One that comes later is told everything, and keeps up.
    let (third_member, third) = self::member(&engine, 6, 1);
    third.send(steps(700, 0.9)).unwrap();
    wait("a third", || third_member.status().meetings >= 1);
    wait("its steps", || third.status().gradient_steps == 100 && third.status().env_steps == 700);
    first.send(steps(200, 0.1)).unwrap();
    wait("three in step", || {
        [&*first, &second, &third].iter().all(|link| link.status().gradient_steps == 150)
    });
    assert_eq!(weights(&first), weights(&second));
    assert_eq!(weights(&first), weights(&third));
    // One to be told everything, and one to come into step.
    assert!(third_member.status().meetings <= 2 && member.status().meetings <= 4);
    // One that is cut off is not waited for; the other goes on.
    drop(third);
    engine.leave(6);
    let begun = Instant::now();
    first.send(steps(400, 0.2)).unwrap();
    wait("without it", || second.status().gradient_steps == 250);
    assert!(begun.elapsed().as_secs() < 20);
    assert_eq!(weights(&first), weights(&second));
}

#[test]
fn with_averaged_parameters_everybody_trains_at_their_own_pace() {
    let engine = Local::default();
    let (hub, first) = chief(&engine, 20);
    let (member, second) = member(&engine, 5, 20);
    member.set_env_steps(600);
    second.send(steps(600, 0.5)).unwrap();
    wait("the chief's networks", || member.status().meetings >= 1);
    // The chief has no steps to learn from, and takes what the member has learned.
    wait("its steps", || second.behind() == 0 && second.status().gradient_steps == 150);
    wait("a meeting", || first.status().gradient_steps >= 140);
    first.send(steps(100, 0.0)).unwrap();
    first.send(steps(1900, 0.0)).unwrap();
    wait("the chief's steps", || first.behind() == 0 && first.status().gradient_steps >= 600);
    let status = member.status();
    assert!(status.meetings > 3, "{status:?}");
    wait("steps of both", || {
        let events = hub.events();
        hub.chief().take_env_steps() == 600 || events.count() > 1000
    });
    // Those of the last meeting, and what each has done since.
    let [ours, theirs] = [weights(&first), weights(&second)];
    for (name, tensor) in &ours {
        for (one, other) in tensor.data.iter().zip(&theirs[name].data) {
            assert!((one - other).abs() < 0.05, "{name}: {one}, {other}");
        }
    }
    // A chief that begins anew takes nobody's parameters.
    first.command(Command::Reset(Box::new(setup(20, 1).config))).wait().unwrap();
    wait("a meeting", || member.status().meetings > status.meetings);
    wait("its networks", || second.status().gradient_steps < 100);
    assert_eq!(weights(&first), weights(&second));
    // It is gone, and comes back without remembering anybody.
    engine.silence();
    drop((hub, first));
    wait("silence", || member.status().silent.is_some());
    // On its own it goes no further than twice the interval.
    let before = second.status().gradient_steps;
    second.send(steps(1000, 0.5)).unwrap();
    wait("a reason", || member.status().waits.is_some_and(|reason| reason.contains("40 gradient steps")));
    assert!(second.status().gradient_steps <= before + 40);
    let met = member.status().meetings;
    let (hub, _first) = chief(&engine, 20);
    wait("a meeting with the next chief", || member.status().meetings > met);
    assert_eq!(hub.chief().take_env_steps(), 0, "the chief that is gone has counted them");
    assert!(hub.events().any(|event| matches!(event, Event::Replica { number: 1, present: true, .. })));
}
