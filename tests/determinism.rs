//! Headless runs are reproducible to the byte, and a resumed one goes on as if it had never stopped.

mod common;

use common::{checkpoint_file, metrics, quick, train};

#[test]
fn the_same_seed_gives_the_same_run() {
    for env in ["lava-room", "paddle-duel", "cartpole"] {
        let folder = tempfile::tempdir().unwrap();
        let config = quick(env, 7, 6_000);
        let (a, b, c) = (folder.path().join("a"), folder.path().join("b"), folder.path().join("c"));
        train(&config, &a, false).unwrap();
        train(&config, &b, false).unwrap();
        assert!(metrics(&a).len() >= 8, "too few lines to compare");
        assert_eq!(metrics(&a), metrics(&b));
        assert_eq!(
            std::fs::read(a.join("episodes.jsonl")).unwrap(),
            std::fs::read(b.join("episodes.jsonl")).unwrap()
        );
        assert_eq!(checkpoint_file(&a, "weights.safetensors"), checkpoint_file(&b, "weights.safetensors"));

        let other = quick(env, 8, 6_000);
        train(&other, &c, false).unwrap();
        assert_ne!(metrics(&a), metrics(&c), "the seed changes nothing");
    }
}

#[test]
fn a_resumed_run_goes_on_exactly() {
    for env in ["lava-room", "paddle-duel", "cartpole"] {
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
        // The lengths of the line files vary with the digits of their `time/` keys.
        let simulation = |out: &std::path::Path| {
            let bytes = checkpoint_file(out, "simulation.json");
            let mut state: serde_json::Map<String, serde_json::Value> =
                serde_json::from_slice(&bytes).unwrap();
            state.remove("lengths").unwrap();
            state
        };
        assert!(simulation(&whole) == simulation(&parts), "{env}: the simulations differ");
    }
}
