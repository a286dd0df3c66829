//! A whole session within a process: greetings, steps, policies, commands, and its end.

use std::time::Instant;

use entropy_rl::learner::{DeviceChoice, Health, LearnerConfig, LearnerSetup};
use entropy_rl::link::{Command, Launch, Save, ThreadLink};
use entropy_rl::mdp::{Action, ActionSpace, EpisodeEnd, ObservationSpace, Origin, StepBatch};

use super::*;
use crate::actor::{ActorLink, greet};
use crate::local::Local;
use crate::outbox::OutboxConfig;
use crate::protocol::{Hello, PROTOCOL, Role, Version};

fn setup() -> LearnerSetup {
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
        publish_every: 5,
        ..LearnerConfig::default()
    };
    LearnerSetup { device: DeviceChoice::Cpu, ..LearnerSetup::new(spec, config) }
}

fn hub(engine: &Local, setup: &LearnerSetup) -> (Hub, Arc<ThreadLink>) {
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
        sync_every: Some(100),
    };
    let hub = Hub::open(Arc::new(engine.clone()), config).unwrap();
    let link = Arc::new(ThreadLink::launch(Launch { paced: true, ..Launch::new(setup.clone()) }));
    hub.set_link(link.clone());
    (hub, link)
}

fn hello(client: u64) -> Hello {
    Hello {
        protocol: PROTOCOL,
        client,
        name: format!("actor-{client}"),
        role: Role::Actor,
        machine: String::new(),
    }
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

fn joined(engine: &Local, client: u64, setup: &LearnerSetup) -> (ActorLink, Launch) {
    let engine: Arc<dyn Engine> = Arc::new(engine.clone());
    let welcome = greet(&*engine, &hello(client), "here", Duration::from_secs(1)).unwrap();
    let launch = Launch::new(setup.clone());
    let config =
        OutboxConfig { batch_bytes: 500, batch_age: Duration::from_millis(20), ..OutboxConfig::default() };
    (ActorLink::launch(engine, hello(client), &welcome, &launch, config).unwrap(), launch)
}

fn wait(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed().as_secs() < 60, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn steps_reach_the_learner_and_its_policies_the_actor() {
    let (engine, setup) = (Local::default(), setup());
    let (hub, learner) = hub(&engine, &setup);
    let (actor, launch) = joined(&engine, 5, &setup);
    assert_eq!(actor.connect(&entropy_rl::link::Handshake::new(&setup.spec)), Ok(()));
    for round in 0..40 {
        actor.send(steps(10, round == 0)).unwrap();
    }
    actor.episode(Episode {
        arena: 0,
        end: EpisodeEnd::Truncated,
        returns: vec![2.0],
        lengths: vec![50],
        success: vec![false],
        scores: vec![0.0],
        controllers: vec![1],
    });
    wait("steps", || learner.status().env_steps == 400);
    wait("gradient steps", || learner.status().gradient_steps >= 50);
    wait("a policy", || launch.policy.load().gradient_steps >= 5);
    let trained = learner.published().unwrap();
    wait("the newest policy", || launch.policy.load().version >= trained.version);
    wait("status", || actor.status().gradient_steps > 0);
    let events: Vec<Event> = hub.events().collect();
    assert!(events.contains(&Event::Joined(1, "actor-5".into())), "{events:?}");
    let counted: u64 =
        events.iter().map(|event| if let Event::Steps(count) = event { *count } else { 0 }).sum();
    assert_eq!(counted, 400);
    assert!(
        events.iter().any(|event| matches!(event, Event::Episode(1, episode) if episode.returns == [2.0]))
    );
    wait("measurements", || hub.status().actors.first().is_some_and(|actor| actor.env_steps == 400));
    assert!(hub.status().samples_per_insert > 0.5);
    drop(actor);
}

#[test]
fn an_actor_plays_on_without_its_learner_and_sends_what_is_left_later() {
    let (engine, setup) = (Local::default(), setup());
    let (first, learner) = hub(&engine, &setup);
    let (actor, _) = joined(&engine, 5, &setup);
    actor.send(steps(30, true)).unwrap();
    wait("the first steps", || learner.status().env_steps == 30);
    // The learner's process is gone.
    engine.silence();
    drop((first, learner));
    for _ in 0..10 {
        assert_eq!(actor.send(steps(30, false)), Ok(()), "nobody waits");
    }
    wait("a reason", || actor.link_status().steps.reason.is_some());
    assert_eq!(actor.stopped(), None);
    // Another one takes its place: it does not know the actor, which greets again.
    let (_hub, learner) = hub(&engine, &setup);
    wait("what waited", || learner.status().env_steps == 300);
    wait("acknowledgements", || actor.link_status().steps.waiting == 0);
    assert_eq!(actor.link_status().steps.dropped, 0);
}

#[test]
fn actors_wait_for_a_learner_that_is_behind_and_say_so() {
    let engine = Local::default();
    let mut setup = setup();
    setup.config.gradient_steps_per_env_step = 60.0;
    let (hub, learner) = hub(&engine, &setup);
    let (actor, _) = joined(&engine, 5, &setup);
    actor.send(steps(400, true)).unwrap();
    wait("open gradient steps", || learner.behind() > MOST_BEHIND);
    actor.send(steps(50, false)).unwrap();
    wait("a visible reason", || {
        actor.link_status().steps.reason.as_deref().is_some_and(|reason| reason.contains("actors wait"))
    });
    assert!(hub.pace().is_some());
    // What is asked for may change; then nobody waits.
    let mut config = setup.config.clone();
    config.actors_wait = false;
    assert!(learner.command(Command::Configure(Box::new(config))).wait().is_ok());
    wait("all steps", || learner.status().env_steps == 450);
}

#[test]
fn commands_from_afar_are_few_and_name_no_file() {
    let (engine, setup) = (Local::default(), setup());
    let (hub, _learner) = hub(&engine, &setup);
    let (actor, _) = joined(&engine, 5, &setup);
    assert!(actor.command(Command::Train(false)).wait().is_ok());
    assert!(actor.command(Command::Save(Save::default())).wait().is_ok());
    let events: Vec<Event> = hub.events().collect();
    assert!(
        events.contains(&Event::Control(Control::Train(false)))
            && events.contains(&Event::Control(Control::Save))
    );
    for refused in [
        Command::Load("elsewhere".into()),
        Command::Save(Save { folder: Some("elsewhere".into()), ..Save::default() }),
        Command::Rewind(1),
    ] {
        let said = actor.command(refused).wait().err().unwrap().to_string();
        assert!(said.contains("another process"), "{said}");
    }
    for quiet in [Command::PublishCritics(true), Command::Survey(true), Command::SaveOnCommand] {
        assert!(actor.command(quiet).wait().is_ok());
    }
}

#[test]
fn the_end_of_a_session_reaches_everybody() {
    let (engine, setup) = (Local::default(), setup());
    let (hub, _learner) = hub(&engine, &setup);
    let (actor, _) = joined(&engine, 5, &setup);
    hub.end(End { reason: "the run is complete".into(), well: true });
    wait("the word", || actor.stopped().is_some_and(|end| end.well && end.reason == "the run is complete"));
    assert!(actor.send(steps(3, true)).is_err());
    let late = greet(&engine, &hello(6), "here", Duration::from_secs(1)).unwrap_err().to_string();
    assert!(late.contains("the run is complete"), "{late}");
}

#[test]
fn who_does_not_fit_is_told_why() {
    let (engine, setup) = (Local::default(), setup());
    let (hub, _learner) = hub(&engine, &setup);
    let other = Hello { protocol: Version { major: 9, minor: 0 }, ..hello(1) };
    let said = greet(&engine, &other, "here", Duration::from_secs(1)).unwrap_err().to_string();
    assert!(said.contains("9.0") && said.contains("1.1"), "{said}");
    let two: Vec<_> = [1, 2].map(|client| joined(&engine, client, &setup).0).into();
    two.iter().for_each(|actor| actor.send(steps(9, true)).unwrap());
    wait("both", || hub.inner.intake().connected().count() == 2);
    let said = greet(&engine, &hello(3), "here", Duration::from_secs(1)).unwrap_err().to_string();
    assert!(said.contains("2 actors"), "{said}");
    assert_eq!(hub.inner.answer(Verb::Steps, b"").first(), Some(&b'{'));
    assert!(hub.inner.answer(Verb::Weights, b"garbage").is_empty());
    assert!(String::from_utf8(hub.inner.answer(Verb::Control, &[0xff; 9])).unwrap().contains("command"));
    let nobody = greet(&Local::default(), &hello(1), "tcp/127.0.0.1:1", Duration::from_millis(300));
    assert!(nobody.unwrap_err().to_string().contains("--listen"));
}

/// What failed is reported, and the actor goes on.
#[test]
fn a_policy_that_cannot_be_used_is_left_aside() {
    let setup = setup();
    for bad in [&b""[..], b"\xff\xff\xff\xff", b"\x02\0\0\0{}", &[0; 40]] {
        assert!(crate::policy::decode(bad, &setup.spec).is_err());
    }
    let (engine, learner) = (Local::default(), ThreadLink::start(setup.clone()));
    wait("a first policy", || learner.published().is_some() && learner.status().health != Health::Starting);
    drop(engine);
    let published = learner.published().unwrap();
    let bytes = crate::policy::encode(1, &published, &setup.config.algorithm).unwrap();
    let arrived = crate::policy::decode(&bytes, &setup.spec).unwrap();
    assert_eq!((arrived.head.session, arrived.head.version), (1, published.version));
    let other = EnvironmentSpec { observation: ObservationSpace::floats(&["x"]), ..setup.spec };
    assert!(crate::policy::decode(&bytes, &other).is_err(), "it plays other observations");
}
