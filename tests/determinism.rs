//! Headless runs are reproducible to the byte, and a resumed one continues as if it had never stopped.

mod common;

use common::{checkpoint_file, metrics, quick, train, two_at_a_time};
use entropy_arcade::algo::sac::SacConfig;
use entropy_arcade::config::RunConfig;
use entropy_arcade::learner::{ExplorationConfig, Learner, LearnerSetup, PrioritizedConfig};
use entropy_arcade::nn::Encoder;
use entropy_arcade::nn::memory::{Memory, Recurrent, Transformer};

#[test]
fn the_same_seed_gives_the_same_run() {
    for env in ["lava-room", "paddle-duel", "brick-breaker", "cartpole"] {
        let folder = tempfile::tempdir().unwrap();
        let config = quick(env, 7, 6_000);
        let (a, b, c) = (folder.path().join("a"), folder.path().join("b"), folder.path().join("c"));
        train(&config, &a, false).unwrap();
        train(&config, &b, false).unwrap();
        assert!(metrics(&a).len() >= 8, "too few lines to compare");
        assert_eq!(metrics(&a), metrics(&b));
        let last: serde_json::Value = serde_json::from_str(metrics(&a).last().unwrap()).unwrap();
        // The policy lag in a period is the number of gradient steps per period.
        let period = f64::from(config.run.period) * config.arenas as f64;
        let learned = period * f64::from(config.learner.gradient_steps_per_env_step);
        let lag = last["rollout/policy_lag"].as_f64().unwrap();
        assert!(lag > 0.0 && (lag - learned).abs() < 1.0, "{env}: {lag}, {learned} on average");
        let probabilities = last["train/action_probabilities"].as_array().unwrap();
        let sum: f64 = probabilities.iter().filter_map(|probability| probability.as_f64()).sum();
        assert!(probabilities.len() > 1 && (sum - 1.0).abs() < 1e-5, "{env}: {probabilities:?}");

        let other = quick(env, 8, 6_000);
        train(&other, &c, false).unwrap();
        assert_ne!(metrics(&a), metrics(&c), "the seed changes nothing");
    }
}

/// A short run of `env`; of an agent with a memory, in observations that flicker, where the name says so. An LSTM
/// learns from prioritized sequences with stored states.
fn run_of(env: &str, steps: u64) -> RunConfig {
    let (env, memory) = env.split_once(" with ").unwrap_or((env, ""));
    let mut config = quick(env, 3, steps);
    // Random actions beside the policy's own are part of what continues.
    config.learner.exploration =
        (env == "brick-breaker" || memory == "lstm").then(ExplorationConfig::default);
    if !memory.is_empty() {
        config.world.flicker = 0.2;
        config.learner.prioritized = (memory == "lstm").then(PrioritizedConfig::default);
        config.learner.batch_size = 128;
        let sac = config.learner.algorithm.get_mut::<SacConfig>().unwrap();
        sac.encoder = Encoder::Auto;
        sac.sequence.stored_state = true;
        (sac.sequence.learn, sac.sequence.stride) = (16, 8);
        sac.memory = match memory {
            "lstm" => Memory::Lstm(Recurrent { hidden: 8, embed: Some(8), skip: true, timescale: None }),
            _ => Memory::Transformer(Transformer {
                width: 8,
                heads: 2,
                blocks: 2,
                mlp: 8,
                window: 6,
                spatial: None,
            }),
        };
    }
    config
}

/// The replay buffer of the run in `out` has states, and sequences with different priorities.
fn assert_prioritized_states(config: &RunConfig, out: &std::path::Path) {
    let world = common::world_of(config);
    let setup = LearnerSetup {
        streams: config.arenas * world.spec().slots(),
        device: config.device,
        resume: Some(out.to_owned()),
        ..LearnerSetup::new(world.spec(), config.learner.clone())
    };
    let learner = Learner::new(setup).unwrap();
    let replay = learner.replay();
    let priorities = replay.priorities().unwrap();
    let mut raw: Vec<f64> = (0..priorities.slots()).filter_map(|slot| priorities.raw(slot)).collect();
    assert!(replay.states() > 50 && raw.len() > 50, "{} states, {} sequences", replay.states(), raw.len());
    raw.sort_by(f64::total_cmp);
    raw.dedup();
    assert!(raw.len() > 50, "{} different priorities", raw.len());
}

#[test]
fn a_resumed_run_continues_exactly() {
    let all = [
        "lava-room",
        "paddle-duel",
        "brick-breaker",
        "cartpole",
        "hopper",
        "memory-corridor with lstm",
        "cartpole with transformer",
    ];
    two_at_a_time(all, |env| {
        let folder = tempfile::tempdir().unwrap();
        let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
        // Sequences take longer.
        let end = if env.contains(" with ") { 3_000 } else { 6_000 };
        train(&run_of(env, end), &whole, false).unwrap();
        for (part, steps) in [1_700, 2 * end / 3 + 100, end].into_iter().enumerate() {
            train(&run_of(env, steps), &parts, part > 0).unwrap();
        }
        assert_eq!(metrics(&whole), metrics(&parts), "{env}");
        assert!(metrics(&whole).last().unwrap().contains("train/critic_loss"), "{env}: nothing was learned");
        let episodes = |out: &std::path::Path| std::fs::read(out.join("episodes.jsonl")).unwrap();
        assert_eq!(episodes(&whole), episodes(&parts));
        for file in ["weights.safetensors", "replay.bin"] {
            assert!(checkpoint_file(&whole, file) == checkpoint_file(&parts, file), "{env}: {file} differs");
        }
        if env.contains("lstm") {
            assert_prioritized_states(&run_of(env, end), &parts);
        }
        let simulation = |out: &std::path::Path| checkpoint_file(out, "simulation.json");
        assert!(simulation(&whole) == simulation(&parts), "{env}: the simulations differ");
        // Only seconds, and lengths of files that contain them, vary in the record.
        let record = |out: &std::path::Path| {
            let record: serde_json::Value =
                serde_json::from_slice(&checkpoint_file(out, "record.json")).unwrap();
            (record["env_steps"].clone(), record["window"].clone())
        };
        assert_eq!(record(&whole), record(&parts));
        assert!(record(&whole).1.is_object(), "{:?}", record(&whole));
    });
}

/// Large enough that both simulation and gradient step use several threads.
#[test]
fn the_number_of_threads_changes_nothing() {
    for env in ["lava-room", "puck", "cheetah"] {
        let folder = tempfile::tempdir().unwrap();
        let runs = [(1, 1), (2, 2), (5, 3)].map(|(sim, learner)| {
            let mut config = quick(env, 7, 3_000);
            (config.arenas, config.run.sim_threads, config.learner.threads) = (64, sim, learner);
            config.learner.batch_size = 256;
            config.learner.algorithm.get_mut::<SacConfig>().unwrap().hidden = vec![64, 64];
            config.learner.gradient_steps_per_env_step = 0.02;
            let out = folder.path().join(format!("{sim}-{learner}"));
            train(&config, &out, false).unwrap();
            (metrics(&out), ["weights.safetensors", "replay.bin"].map(|file| checkpoint_file(&out, file)))
        });
        assert!(runs[0].0.len() >= 4, "too few lines to compare");
        assert!(runs[0] == runs[1] && runs[0] == runs[2], "{env}");
    }
}
