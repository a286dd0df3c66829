//! A learner with memory: prioritized sequences, stored states, human steps, and whose states its policies
//! continue with.

use std::path::PathBuf;

use entropy_arcade::algo::report::CRITIC_LOSS;
use entropy_arcade::learner::checkpoint::Checkpoint;
use entropy_arcade::learner::{DeviceChoice, Learner, LearnerConfig, LearnerSetup, PrioritizedConfig};
use entropy_arcade::mdp::{LevelRecord, StepBatch};
use entropy_arcade::nn::memory::{Memory, Recurrent};

use super::{sac, setup, steps};

/// A learner with memory, whose episodes have up to 100 steps.
fn remembering(checkpoints: Option<PathBuf>) -> LearnerSetup {
    let mut setup = setup(checkpoints);
    setup.spec.episode_limit = 100;
    sac(&mut setup.config).memory =
        Memory::Gru(Recurrent { hidden: 4, embed: None, skip: false, timescale: None });
    setup
}

/// Steps with policy states that encode their number.
fn steps_with_states(count: usize, reward: f32) -> StepBatch {
    let mut steps = steps(count, reward);
    (0..count).for_each(|step| steps.states.push(&[step as f32 / count as f32; 4]));
    steps
}

#[test]
fn an_agent_with_memory_learns_on_sequences() {
    let setup = remembering(None);
    let mut learner = Learner::new(setup.clone()).unwrap();
    assert_eq!(learner.train(1, true).unwrap(), None, "there is nothing to learn from yet");
    let before = learner.publish(false).unwrap();
    learner.push(&steps(60, 1.0), true);
    let report = learner.train(3, true).unwrap().unwrap();
    assert!(report.get(CRITIC_LOSS).unwrap() > 0.0 && learner.counters().gradient_steps == 3);
    let after = learner.publish(true).unwrap();
    assert_eq!((before.policy.state_width(), before.policy.id()), (4, after.policy.id()));
    assert!(before.critics.is_none() && after.critics.is_some(), "critics go along where they are asked for");

    // Sequences longer than episodes, or than what is kept of a stream.
    let mut long = setup.config.clone();
    sac(&mut long).sequence.learn = 101;
    let mut short = setup.clone();
    (short.spec.episode_limit, short.streams) = (10_000, 100);
    sac(&mut short.config).sequence.learn = 200;
    for (setup, config, said) in [
        (&setup, long, "sac.sequence.learn = 101, with episodes of at most 100 steps: allowed: "),
        (
            &short,
            short.config.clone(),
            "sac.sequence.learn = 200 after a burn-in of 10, with 192 transitions",
        ),
    ] {
        let error = Learner::new(LearnerSetup { config: config.clone(), ..setup.clone() }).err().unwrap();
        assert!(error.to_string().starts_with(said) && error.to_string().lines().count() == 1, "{error}");
        let mut plain = setup.clone();
        sac(&mut plain.config).sequence.learn = 20;
        let mut learner = Learner::new(plain.clone()).unwrap();
        assert!(learner.set_config(config).unwrap_err().to_string().starts_with(said));
        assert_eq!(learner.config(), &plain.config);
    }
}

#[test]
fn an_agent_with_memory_replays_a_share_of_human_steps() {
    let mut setup = remembering(None);
    setup.config.human_share = Some(1.0);
    let mut learner = Learner::new(setup).unwrap();
    learner.push(&steps(60, 1.0), true);
    assert!(learner.train(3, true).unwrap().unwrap().get(CRITIC_LOSS).unwrap() > 0.0);
}

#[test]
fn prioritized_sequences_with_states_continue_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let prioritized = |resume| {
        let mut setup = LearnerSetup { resume, ..remembering(Some(folder.path().to_owned())) };
        setup.config.prioritized =
            Some(PrioritizedConfig { importance_anneal_steps: 100, ..PrioritizedConfig::default() });
        setup
    };
    let live = |learner: &mut Learner, rounds: std::ops::Range<u32>| {
        for round in rounds {
            learner.push(&steps_with_states(60, round as f32), true);
            learner.train(5, false).unwrap();
        }
    };
    let mut learner = Learner::new(prioritized(None)).unwrap();
    live(&mut learner, 0..5);
    let priorities = learner.replay().priorities().unwrap();
    let raw: Vec<f64> = (0..priorities.slots()).filter_map(|slot| priorities.raw(slot)).collect();
    // Windows of 20 transitions begin every 10 in 59, and the last one of a stream that was cut is not whole. Those that
    // begin at 20, 30 and 40 have a state 10 steps before; what may still begin later only the stream that goes on has.
    assert_eq!((raw.len(), learner.replay().states()), (5 * 4, 4 * 3 + 5));
    assert!(raw.iter().any(|own| *own != raw[0]), "no priority was updated: {raw:?}");
    let size = learner.effective_sample_size().unwrap();
    assert_eq!(size, 1.0, "a batch has one sequence");
    learner.save(folder.path(), Vec::new()).unwrap();
    let mut resumed = Learner::new(prioritized(Some(folder.path().to_owned()))).unwrap();
    assert_eq!(resumed.replay(), learner.replay());
    for learner in [&mut learner, &mut resumed] {
        live(learner, 5..9);
    }
    assert_eq!(resumed.replay(), learner.replay());
    let weights = [&learner, &resumed].map(|learner| {
        let place = learner.save(folder.path(), Vec::new()).unwrap();
        std::fs::read(place.join("weights.safetensors")).unwrap()
    });
    assert_eq!(weights[0], weights[1]);
    // Uniform replay, and back.
    learner.set_config(remembering(None).config).unwrap();
    live(&mut learner, 9..10);
    assert!(learner.replay().priorities().is_none() && learner.effective_sample_size().is_none());
    learner.set_config(prioritized(None).config).unwrap();
    live(&mut learner, 10..11);
    assert!(learner.effective_sample_size().is_some());
}

/// States make an update of their own, and a larger buffer keeps them.
#[test]
fn a_learner_reads_the_states_it_stores() {
    let with = |stored_state| {
        let mut setup = remembering(None);
        let sequence = &mut sac(&mut setup.config).sequence;
        (sequence.stored_state, sequence.burn_in) = (stored_state, 2);
        let mut learner = Learner::new(setup.clone()).unwrap();
        learner.push(&steps_with_states(60, 1.0), true);
        let report = learner.train(4, true).unwrap().unwrap();
        let states = learner.replay().states();
        learner.set_config(LearnerConfig { replay_capacity: 5_000, ..setup.config }).unwrap();
        assert_eq!(learner.replay().states(), states);
        (states, report)
    };
    let (stored, zeros) = (with(true), with(false));
    assert_eq!((stored.0, zeros.0), (6, 0));
    assert_ne!(stored.1, zeros.1);
}

/// A policy may continue with a state of its own line of training only.
#[test]
fn lines_of_training_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let setup = remembering(Some(folder.path().to_owned()));
    let id = |learner: &mut Learner| learner.publish(false).unwrap().policy.id();
    let mut learner = Learner::new(setup.clone()).unwrap();
    let own = id(&mut learner);
    let begun = learner.mark(0).unwrap();
    learner.push(&steps(60, 1.0), true);
    learner.train(5, false).unwrap();
    assert_eq!(id(&mut learner), own, "a newer version goes on");
    // The same shapes, trained apart: with another seed, in another world, on another level, by other settings.
    let faster = |config: &mut LearnerConfig| sac(config).actor_learning_rate = 0.5;
    let changes: [&dyn Fn(&mut LearnerSetup); 4] = [
        &|setup| setup.seed = 2,
        &|setup| setup.spec.name = "elsewhere".into(),
        &|setup| setup.level = Some(LevelRecord { name: "2".into(), text: None, near: None }),
        &|setup| faster(&mut setup.config),
    ];
    for change in changes {
        let mut apart = setup.clone();
        change(&mut apart);
        assert_ne!(id(&mut Learner::new(apart).unwrap()), own);
    }
    // Changed settings, an earlier snapshot, another device, a checkpoint and its policy are of the same line.
    let mut config = setup.config.clone();
    faster(&mut config);
    learner.set_config(config.clone()).unwrap();
    assert_eq!(id(&mut learner), own);
    learner.rewind(&begun).unwrap();
    learner.set_device(DeviceChoice::Cpu).unwrap();
    assert_eq!(id(&mut learner), own);
    let place = learner.save(folder.path(), Vec::new()).unwrap();
    let resume = Some(folder.path().to_owned());
    let mut resumed = Learner::new(LearnerSetup { resume, seed: 9, config, ..setup.clone() }).unwrap();
    assert_eq!(id(&mut resumed), own);
    let checkpoint = Checkpoint::open(&place).unwrap();
    assert_eq!(checkpoint.actor("weights.safetensors").unwrap().id(), own);
    // Fresh networks drawn from the same seed are not: those before them have learned since.
    resumed.reset(setup.config.clone()).unwrap();
    let fresh = id(&mut resumed);
    learner.reset(setup.config.clone()).unwrap();
    assert!(fresh != own && id(&mut learner) != own);
    // Policies without memory have no state to tell apart.
    let reactive = |seed| id(&mut Learner::new(LearnerSetup { seed, ..super::setup(None) }).unwrap());
    assert_eq!(reactive(1), reactive(2));
}
