//! Headless runs are reproducible to the byte, and a resumed one goes on as if it had never stopped.

mod common;

use common::{checkpoint_file, metrics, quick, train};

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
        // What the learner does in a period, in whole steps, is what the policy that plays in it lags behind.
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

#[test]
fn a_resumed_run_goes_on_exactly() {
    for env in ["lava-room", "paddle-duel", "brick-breaker", "cartpole"] {
        let folder = tempfile::tempdir().unwrap();
        let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
        train(&quick(env, 3, 6_000), &whole, false).unwrap();
        for (part, steps) in [1_700, 4_100, 6_000].into_iter().enumerate() {
            train(&quick(env, 3, steps), &parts, part > 0).unwrap();
        }
        assert_eq!(metrics(&whole), metrics(&parts));
        let episodes = |out: &std::path::Path| std::fs::read(out.join("episodes.jsonl")).unwrap();
        assert_eq!(episodes(&whole), episodes(&parts));
        for file in ["weights.safetensors", "replay.bin"] {
            assert!(checkpoint_file(&whole, file) == checkpoint_file(&parts, file), "{env}: {file} differs");
        }
        let simulation = |out: &std::path::Path| checkpoint_file(out, "simulation.json");
        assert!(simulation(&whole) == simulation(&parts), "{env}: the simulations differ");
        // Seconds, and lengths of files whose lines tell of them, vary; the rest of the record does not.
        let record = |out: &std::path::Path| {
            let record: serde_json::Value =
                serde_json::from_slice(&checkpoint_file(out, "record.json")).unwrap();
            (record["env_steps"].clone(), record["window"].clone())
        };
        assert_eq!(record(&whole), record(&parts));
        assert!(record(&whole).1.is_object(), "{:?}", record(&whole));
    }
}

/// Of a size from which both the simulation and the gradient step hand work to other threads.
#[test]
fn the_number_of_threads_changes_nothing() {
    for env in ["lava-room", "puck"] {
        let folder = tempfile::tempdir().unwrap();
        let runs = [(1, 1), (2, 2), (5, 3)].map(|(sim, learner)| {
            let mut config = quick(env, 7, 3_000);
            (config.arenas, config.run.sim_threads, config.learner.threads) = (64, sim, learner);
            (config.learner.batch_size, config.sac.hidden) = (256, vec![64, 64]);
            config.learner.gradient_steps_per_env_step = 0.02;
            let out = folder.path().join(format!("{sim}-{learner}"));
            train(&config, &out, false).unwrap();
            (metrics(&out), ["weights.safetensors", "replay.bin"].map(|file| checkpoint_file(&out, file)))
        });
        assert!(runs[0].0.len() >= 4, "too few lines to compare");
        assert!(runs[0] == runs[1] && runs[0] == runs[2], "{env}");
    }
}
