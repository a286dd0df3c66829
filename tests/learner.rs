//! The background learner: its failures never crash the program, it keeps its ratio, and it can be restarted.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use entropy_arcade::algo::report::TEMPERATURE;
use entropy_arcade::algo::sac::{Backup, SacConfig, Temperature};
use entropy_arcade::algo::{Algorithm, Persist, TrainError, TrainedPolicy};
use entropy_arcade::learner::{
    DeviceChoice, Health, Learner, LearnerConfig, LearnerError, LearnerSetup, LearnerStatus,
    PrioritizedConfig, UniformPolicy,
};
use entropy_arcade::link::{Command, Launch, LearnerLink, LockStep, Reply, Save, ThreadLink};
use entropy_arcade::mdp::{
    Action, ActionSpace, EnvironmentSpec, Fault, ObservationSpace, Origin, StepBatch, TransitionBatch,
};
use entropy_arcade::metrics::Metrics;
use entropy_arcade::nn::Init;

#[path = "learner/continuous.rs"]
mod continuous;
#[path = "learner/memory.rs"]
mod memory;

fn setup(checkpoints: Option<PathBuf>) -> LearnerSetup {
    LearnerSetup {
        spec: EnvironmentSpec {
            name: "test".into(),
            summary: String::new(),
            observation: ObservationSpace { vector: vec!["x".into(); 3], grid: None },
            action: ActionSpace::discrete(&["a", "b"]),
            ticks_per_step: 1,
            tick_seconds: 1.0,
            episode_limit: 10,
            teams: vec![0],
            rewards: Vec::new(),
        },
        streams: 1,
        level: None,
        world: Default::default(),
        config: LearnerConfig {
            batch_size: 16,
            learning_starts: 50,
            gradient_steps_per_env_step: 0.5,
            replay_capacity: 1000,
            checkpoint_seconds: 0.0,
            algorithm: SacConfig { hidden: vec![8], ..SacConfig::default() }.into(),
            ..LearnerConfig::default()
        },
        device: DeviceChoice::Cpu,
        seed: 1,
        checkpoints,
        resume: None,
        demonstrations: None,
    }
}

fn sac(config: &mut LearnerConfig) -> &mut SacConfig {
    config.algorithm.get_mut().unwrap()
}

/// `config` with hidden layers of other widths.
fn with_hidden(config: &LearnerConfig, hidden: Vec<usize>) -> LearnerConfig {
    let mut config = config.clone();
    sac(&mut config).hidden = hidden;
    config
}

fn steps(count: usize, reward: f32) -> StepBatch {
    let mut steps = StepBatch::default();
    for step in 0..count {
        steps.streams.push(0);
        steps.starts.push(step == 0);
        steps.observations.push(&[step as f32 / count as f32, 0.5, -0.5], &[]);
        steps.actions.push(Action::Discrete((step % 2) as u16));
        steps.rewards.push(reward);
        steps.behaviour_entropies.push(0.5);
        steps.origins.push(if step % 4 == 0 { Origin::Human } else { Origin::Policy });
        steps.ends.push(None);
    }
    steps
}

fn wait_for(link: &ThreadLink, what: &str, ready: impl Fn(&LearnerStatus) -> bool) -> Arc<LearnerStatus> {
    let start = Instant::now();
    loop {
        let status = link.status();
        if ready(&status) {
            return status;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{what} never came: {status:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn gradient_steps_stay_within_the_ratio() {
    let link = ThreadLink::start(setup(None));
    link.send(steps(50, 1.0)).unwrap();
    wait_for(&link, "experience", |status| status.env_steps == 50);
    link.send(steps(200, 1.0)).unwrap();
    wait_for(&link, "training", |status| status.gradient_steps == 100);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(link.status().gradient_steps, 100, "half of the 200 steps after the first 50");
    assert!(link.status().policy_version > 1);

    link.command(Command::Train(false));
    link.send(steps(200, 1.0)).unwrap();
    let status =
        wait_for(&link, "pause", |status| status.health == Health::Paused && status.env_steps == 450);
    assert_eq!(status.gradient_steps, 100);
    assert!(status.human_share > 0.2 && status.human_share < 0.3, "{}", status.human_share);
}

#[test]
fn values_that_are_not_finite_are_refused_and_counted() {
    let link = ThreadLink::start(setup(None));
    link.send(steps(300, f32::NAN)).unwrap();
    let status = wait_for(&link, "refusal", |status| status.env_steps == 300);
    assert_eq!((status.refused, status.replay_len, status.gradient_steps), (300, 0, 0));
    let mut some = steps(200, 1.0);
    some.observations.row_mut(50).0[1] = f32::INFINITY;
    some.behaviour_entropies[120] = f32::NAN;
    link.send(some).unwrap();
    let status = wait_for(&link, "training", |status| status.gradient_steps > 0);
    // The step before a refused one is incomplete, and so is the last.
    assert_eq!((status.refused, status.replay_len, status.env_steps), (302, 200 - 5, 500));
    assert_eq!(status.health, Health::Training);
}

#[test]
fn finite_values_that_no_error_could_be_squared_of_are_refused_and_the_largest_allowed_are_learned_from() {
    for prioritized in [None, Some(PrioritizedConfig::default())] {
        let mut setup = setup(None);
        setup.config.prioritized = prioritized;
        sac(&mut setup.config).gamma = 0.999;
        let link = ThreadLink::start(setup);
        link.send(steps(300, 1e30)).unwrap();
        let status = wait_for(&link, "refusal", |status| status.env_steps == 300);
        assert_eq!((status.refused, status.replay_len), (300, 0));
        // The largest allowed values, of either sign.
        let mut some = steps(900, Fault::LARGEST);
        some.rewards.iter_mut().skip(1).step_by(3).for_each(|reward| *reward = -Fault::LARGEST);
        let values = some.observations.vector.iter_mut().enumerate();
        values.for_each(|(at, value)| *value = if at % 5 == 0 { -Fault::LARGEST } else { Fault::LARGEST });
        some.observations.row_mut(500).0[2] = 2e6;
        link.send(some).unwrap();
        let status = wait_for(&link, "training", |status| {
            status.gradient_steps > 400 || matches!(status.health, Health::Failed(_))
        });
        assert_eq!((&status.health, status.refused), (&Health::Training, 301));
    }
}

#[test]
fn losses_that_are_not_finite_stop_the_learner_and_not_the_program() {
    // No accepted step does that: larger values are refused.
    let mut wild = setup(None);
    sac(&mut wild.config).critic_learning_rate = 1e30;
    let link = ThreadLink::start(wild);
    link.send(steps(300, 1.0)).unwrap();
    let status = wait_for(&link, "failure", |status| matches!(status.health, Health::Failed(_)));
    let Health::Failed(reason) = &status.health else { unreachable!() };
    assert!(reason.contains("not finite"), "{reason}");
    // Actors continue with the policy, and commands to the dead learner are harmless.
    assert!(link.policy().version >= 1);
    assert!(link.send(steps(10, 1.0)).is_err());
    let saved = link.command(Command::Save(Save::default())).wait();
    assert!(matches!(saved, Err(LearnerError::Stopped(reason)) if reason.contains("not finite")));
}

/// An algorithm whose gradient step panics, as burn's do when a device is lost.
struct Panicking;

impl Persist for Panicking {}

impl Algorithm for Panicking {
    fn update(&mut self, _: &TransitionBatch, _: bool) -> Result<Option<Metrics>, TrainError> {
        panic!("device lost")
    }
    fn policy(&self) -> Result<Arc<dyn TrainedPolicy>, TrainError> {
        Ok(Arc::new(UniformPolicy { actions: 2.into() }))
    }
}

#[test]
fn a_panic_stops_the_learner_and_a_new_one_takes_over() {
    let folder = tempfile::tempdir().unwrap();
    let good = setup(Some(folder.path().to_owned()));
    let first = ThreadLink::start(good.clone());
    first.send(steps(300, 1.0)).unwrap();
    let trained = wait_for(&first, "training", |status| status.gradient_steps >= 100).gradient_steps;
    assert!(matches!(first.command(Command::Save(Save::default())).wait(), Ok(Reply::Saved(_))));
    drop(first);

    let launch = Launch::new(good.clone());
    let policy = launch.policy.clone();
    let broken = ThreadLink::launch_with(launch, |setup| {
        Ok(Learner::with_algorithm(setup, Box::new(Panicking), "to see it fail".into()))
    });
    broken.send(steps(300, 1.0)).unwrap();
    let status = wait_for(&broken, "failure", |status| matches!(status.health, Health::Failed(_)));
    assert!(matches!(&status.health, Health::Failed(reason) if reason.contains("device lost")), "{status:?}");

    let good = LearnerSetup { resume: Some(folder.path().to_owned()), ..good };
    let resumed = ThreadLink::launch(Launch { policy, ..Launch::new(good) });
    let status = wait_for(&resumed, "the checkpoint", |status| status.gradient_steps > 0);
    assert!(status.gradient_steps >= trained, "it begins where the good one was saved");
}

#[test]
fn a_reset_may_have_other_networks() {
    let link = ThreadLink::start(setup(None));
    link.send(steps(300, 1.0)).unwrap();
    wait_for(&link, "training", |status| status.gradient_steps == 150);
    let config = setup(None).config;
    let wider = |hidden| with_hidden(&config, hidden);
    // Resuming with other widths is refused, as is starting with invalid ones.
    link.command(Command::Configure(Box::new(wider(vec![24]))));
    wait_for(&link, "a refusal", |status| status.message.contains("sac.hidden = [24]"));
    link.command(Command::Reset(Box::new(wider(vec![0]))));
    let status = wait_for(&link, "a refusal", |status| status.message.contains("sac.hidden = [0]"));
    assert_eq!(status.gradient_steps, 150, "nothing has changed");
    link.command(Command::Reset(Box::new(wider(vec![24]))));
    wait_for(&link, "fresh networks", |status| status.message == "fresh networks");
    link.send(steps(300, 1.0)).unwrap();
    wait_for(&link, "training anew", |status| status.gradient_steps == 150);
}

/// Networks, optimizer and temperature in a checkpoint of `learner`.
fn weights(learner: &Learner) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let place = learner.save(folder.path(), Vec::new()).unwrap();
    std::fs::read(place.join("weights.safetensors")).unwrap()
}

#[test]
fn the_device_changes_without_a_break() {
    let mut learner = Learner::new(setup(None)).unwrap();
    let fresh = weights(&learner);
    live(&mut learner, 100, 0..3);
    let (before, counters) = (weights(&learner), learner.counters());
    assert_ne!(before, fresh);
    learner.set_device(DeviceChoice::Auto).unwrap();
    assert_eq!(learner.counters(), counters);
    assert!(weights(&learner) == before, "networks and optimizer go with it");

    let link = ThreadLink::start(setup(None));
    link.send(steps(300, 1.0)).unwrap();
    let before = wait_for(&link, "training", |status| status.gradient_steps == 150);
    link.command(Command::SetDevice(DeviceChoice::Auto));
    let status = wait_for(&link, "the new device", |status| status.message.starts_with("learning on"));
    assert_eq!(status.gradient_steps, before.gradient_steps, "the count goes on");
    assert_eq!(status.device_choice, DeviceChoice::Auto);
    link.send(steps(100, 1.0)).unwrap();
    wait_for(&link, "more training", |status| status.gradient_steps == 200);
}

#[test]
fn every_setting_that_is_accepted_takes_effect() {
    let mut learner = Learner::new(setup(None)).unwrap();
    live(&mut learner, 300, 0..4);
    let (before, held) = (learner.config().clone(), learner.replay().len());
    assert!(held > 800, "{held}");
    let larger = LearnerConfig { replay_capacity: 4000, threads: 1, ..before.clone() };
    learner.set_config(larger.clone()).unwrap();
    assert_eq!((learner.config(), learner.replay().len()), (&larger, held));
    live(&mut learner, 300, 4..9);
    assert!(learner.replay().len() > 2000, "{}", learner.replay().len());
    learner.set_config(before.clone()).unwrap();
    assert!(learner.replay().len() <= 1024, "{}", learner.replay().len());
    // A refused setting changes nothing, even together with a valid one.
    let mut wider = with_hidden(&before, vec![24]);
    sac(&mut wider).gamma = 0.5;
    let error = learner.set_config(wider).unwrap_err().to_string();
    assert!(error.starts_with("sac.hidden = [24]: it was [8] when training began; allowed: [8]"), "{error}");
    assert_eq!(learner.config(), &before);
    live(&mut learner, 300, 9..10);
}

/// Settings requested for a resumed learner take effect, or it does not start.
#[test]
fn a_checkpoint_resumes_as_configured_or_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut learner = Learner::new(setup(None)).unwrap();
    live(&mut learner, 300, 0..4);
    learner.save(folder.path(), Vec::new()).unwrap();
    let resumed = |change: &dyn Fn(&mut LearnerSetup)| {
        let mut setup = LearnerSetup { resume: Some(folder.path().to_owned()), ..setup(None) };
        change(&mut setup);
        Learner::new(setup)
    };
    let larger = resumed(&|setup| setup.config.replay_capacity = 5000).unwrap();
    let more_streams = resumed(&|setup| setup.streams = 30).unwrap();
    for (other, capacity) in [(larger, 5056), (more_streams, 7680)] {
        assert_eq!((other.replay().capacity(), other.replay().len()), (capacity, learner.replay().len()));
        assert_eq!(weights(&other), weights(&learner));
    }
    let fixed = resumed(&|setup| {
        sac(&mut setup.config).temperature = Temperature::Fixed;
        sac(&mut setup.config).initial_temperature = 0.5;
    });
    let mut fixed = fixed.unwrap();
    let temperature = fixed.train(1, true).unwrap().unwrap().get(TEMPERATURE).unwrap() as f32;
    assert!((temperature - 0.5).abs() < 1e-6, "{temperature}");
    let changes: [(&str, &dyn Fn(&mut LearnerSetup)); 3] = [
        ("sac.backup = single: it was clipped", &|setup| sac(&mut setup.config).backup = Backup::Single),
        ("sac.init = orthogonal: it was uniform", &|setup| sac(&mut setup.config).init = Init::Orthogonal),
        ("sac.hidden = [9]: it was [8]", &|setup| sac(&mut setup.config).hidden = vec![9]),
    ];
    for (message, change) in changes {
        let error = resumed(change).err().expect(message).to_string();
        assert!(
            error.contains(message) && !error.contains("damaged") && error.lines().count() == 1,
            "{error}"
        );
    }
}

#[test]
fn a_period_publishes_its_policy_at_the_barrier_only() {
    let mut steady = LockStep::start(setup(None), Arc::default());
    steady.begin_period(StepBatch::default());
    steady.finish_period().unwrap();
    let before = steady.policy().load().version;
    steady.begin_period(steps(300, 1.0));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(steady.policy().load().version, before, "published before the barrier");
    let report = steady.finish_period().unwrap();
    assert_eq!(report.counters.gradient_steps, 150);
    assert!(steady.policy().load().version > before);
}

#[test]
fn policy_lag_counts_gradient_steps_behind_those_of_the_policy() {
    let mut learner = Learner::new(setup(None)).unwrap();
    learner.push(&steps(300, 1.0), true);
    assert_eq!(learner.policy_lag(), None, "nobody said which policy chose");
    learner.train(learner.credit(), false).unwrap();
    assert_eq!(learner.counters().gradient_steps, 150);
    let mut later = steps(8, 1.0);
    // Every fourth step is a person's.
    later.policy_gradient_steps = vec![0, 140, 140, 140, 0, 130, 130, 130];
    learner.push(&later, true);
    assert_eq!(learner.policy_lag(), Some(15.0));
    learner.push(&StepBatch::default(), true);
    assert_eq!(learner.policy_lag(), Some(15.0), "nothing arrived since");
    later.policy_gradient_steps = vec![200; 8];
    learner.push(&later, true);
    assert_eq!(learner.policy_lag(), Some(0.0), "from before a checkpoint was loaded");
}

fn prioritized(checkpoints: Option<PathBuf>) -> LearnerSetup {
    let mut setup = setup(checkpoints);
    setup.config.n_step = 3;
    setup.config.prioritized =
        Some(PrioritizedConfig { importance_anneal_steps: 50, ..PrioritizedConfig::default() });
    setup
}

/// Takes `count` random-looking steps and the gradient steps they allow.
fn live(learner: &mut Learner, count: usize, rounds: std::ops::Range<usize>) {
    for round in rounds {
        let mut steps = steps(count, 0.0);
        for (step, reward) in steps.rewards.iter_mut().enumerate() {
            *reward = ((7 * step + 13 * round) % 11) as f32 - 5.0;
        }
        learner.push(&steps, true);
        learner.train(learner.credit(), true).unwrap();
    }
}

#[test]
fn prioritized_replay_ranks_by_error_and_continues_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let mut learner = Learner::new(prioritized(None)).unwrap();
    assert_eq!(learner.effective_sample_size(), None);
    live(&mut learner, 60, 0..4);
    let size = learner.effective_sample_size().unwrap();
    assert!(size > 1.0 && size < 16.0, "{size}");
    let priorities = learner.replay().priorities().unwrap();
    assert_eq!(priorities.filled(), learner.replay().len());
    assert!(priorities.largest() > 1.0, "{}", priorities.largest());

    learner.save(folder.path(), Vec::new()).unwrap();
    let mut resumed =
        Learner::new(LearnerSetup { resume: Some(folder.path().to_owned()), ..prioritized(None) }).unwrap();
    assert_eq!(resumed.replay(), learner.replay());
    for learner in [&mut learner, &mut resumed] {
        live(learner, 60, 4..8);
    }
    assert_eq!(resumed.replay(), learner.replay());
    assert_eq!(resumed.effective_sample_size(), learner.effective_sample_size());
    assert_eq!(resumed.counters(), learner.counters());
    let weights = [&learner, &resumed].map(|learner| {
        let place = learner.save(folder.path(), Vec::new()).unwrap();
        std::fs::read(place.join("weights.safetensors")).unwrap()
    });
    assert_eq!(weights[0], weights[1]);
}

#[test]
fn priorities_can_be_switched_on_and_off_while_learning() {
    let mut learner = Learner::new(setup(None)).unwrap();
    live(&mut learner, 60, 0..2);
    assert!(learner.replay().priorities().is_none() && learner.effective_sample_size().is_none());
    learner.set_config(prioritized(None).config).unwrap();
    assert_eq!(learner.replay().priorities().unwrap().filled(), learner.replay().len());
    live(&mut learner, 60, 2..4);
    assert!(learner.effective_sample_size().is_some());
    learner.set_config(setup(None).config).unwrap();
    live(&mut learner, 60, 4..5);
    assert!(learner.replay().priorities().is_none() && learner.effective_sample_size().is_none());
}

/// The same steps, draws and errors for both implementations of the gradient step.
#[cfg(feature = "gpu")]
#[test]
fn prioritized_replay_ranks_the_same_on_any_device() {
    let setup = prioritized(None);
    use entropy_arcade::algo::Place;
    let mut places = vec![Place::Cpu, Place::Device(burn::tensor::Device::flex())];
    match entropy_arcade::learner::device::card(true) {
        Ok(card) => places.push(Place::Card(burn::tensor::Device::flex(), card)),
        Err(why) => println!("skipped on a GPU: {why}, nor a software renderer"),
    }
    let ranked: Vec<Vec<f64>> = places
        .into_iter()
        .map(|place| {
            let generator =
                &mut entropy_arcade::mdp::rng(setup.seed, entropy_arcade::mdp::Stream::Weights, 0);
            let algorithm = setup.config.algorithm.build(&setup.spec, place, generator).unwrap();
            let mut learner = Learner::with_algorithm(setup.clone(), algorithm, "to compare".into());
            learner.push(&steps(60, 1.0), true);
            // Every third step reports: TD errors are read with the report or separately.
            (0..3).for_each(|round| _ = learner.train(1, round == 1).unwrap());
            let priorities = learner.replay().priorities().unwrap();
            (0..priorities.slots()).filter_map(|slot| priorities.raw(slot)).collect::<Vec<_>>()
        })
        .collect();
    let ours = &ranked[0];
    assert!(ours.len() > 40 && ours.iter().any(|priority| *priority != ours[0]));
    for theirs in &ranked[1..] {
        for (a, b) in ours.iter().zip(theirs) {
            assert!((a - b).abs() < 1e-4, "{ours:?} {theirs:?}");
        }
    }
}

/// A GPU is asked for priorities several steps at a time: all are set when training returns, and what it does not keep up
/// with is drawn with the priorities of a few steps ago.
#[cfg(feature = "gpu")]
#[test]
fn a_gpu_has_ranked_all_it_has_drawn_when_training_returns() {
    use entropy_arcade::algo::Place;
    let card = match entropy_arcade::learner::device::card(true) {
        Ok(card) => card,
        Err(why) => return println!("skipped: {why}, nor a software renderer"),
    };
    let setup = prioritized(None);
    let generator = &mut entropy_arcade::mdp::rng(setup.seed, entropy_arcade::mdp::Stream::Weights, 0);
    let place = Place::Card(burn::tensor::Device::flex(), card.clone());
    let algorithm = setup.config.algorithm.build(&setup.spec, place, generator).unwrap();
    assert!(algorithm.device().starts_with("gpu (fused, "), "{}", algorithm.device());
    let mut learner = Learner::with_algorithm(setup, algorithm, "to try".into());
    learner.push(&steps(60, 1.0), true);
    let raw = |learner: &Learner| {
        let priorities = learner.replay().priorities().unwrap();
        (0..priorities.slots()).filter_map(|slot| priorities.raw(slot)).collect::<Vec<_>>()
    };
    let (fresh, before) = (raw(&learner), card.counts().reads);
    learner.train(40, false).unwrap();
    // Other tests may read from the same card.
    assert!(card.counts().reads - before >= 3);
    let changed = raw(&learner).iter().zip(&fresh).filter(|(now, before)| now != before).count();
    assert!(changed > 30, "{changed} of {} have a priority of their own", fresh.len());
}

#[test]
fn values_out_of_range_are_named() {
    for (change, key) in [
        (PrioritizedConfig { priority_exponent: 1.5, ..Default::default() }, "priority_exponent = 1.5"),
        (PrioritizedConfig { importance_exponent_start: -0.1, ..Default::default() }, "start = -0.1"),
        (PrioritizedConfig { epsilon: 0.0, ..Default::default() }, "epsilon = 0"),
        (PrioritizedConfig { epsilon: f32::NAN, ..Default::default() }, "epsilon = NaN"),
    ] {
        let config = LearnerConfig { prioritized: Some(change), ..LearnerConfig::default() };
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
    let config = PrioritizedConfig { importance_anneal_steps: 10, ..PrioritizedConfig::default() };
    let exponents = [0, 5, 10, 1000].map(|steps| config.importance_exponent(steps) as f32);
    assert_eq!(exponents, [0.4, 0.7, 1.0, 1.0]);
}
