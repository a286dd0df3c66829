//! What several test files need: small quick runs.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use entropy_arcade::app;
use entropy_arcade::config::RunConfig;
use entropy_arcade::learner::DeviceChoice;
use entropy_arcade::run::{RunError, Summary};

/// A run of `env` that takes seconds.
pub fn quick(env: &str, seed: u64, steps: u64) -> RunConfig {
    let sets =
        ["sac.hidden=[32, 32]", "learner.learning_starts=200", "run.log_every=500", "run.eval_episodes=0"]
            .map(String::from);
    let mut config = RunConfig::resolve(Some(env), None, &sets).unwrap();
    (config.seed, config.steps, config.arenas) = (seed, steps, 8);
    config.device = DeviceChoice::Cpu;
    config
}

/// Trains as the command line would.
pub fn train(config: &RunConfig, out: &Path, resume: bool) -> Result<Summary, RunError> {
    let world = app::world(config).unwrap();
    let resume = resume.then(|| out.to_owned());
    app::train(config.clone(), &world, Some(out.to_owned()), resume, Arc::new(AtomicBool::new(false)), true)
}

/// `metrics.jsonl` without its `time/` keys.
pub fn metrics(out: &Path) -> Vec<String> {
    std::fs::read_to_string(out.join("metrics.jsonl"))
        .unwrap()
        .lines()
        .map(|line| {
            let mut line: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
            line.retain(|key, _| !key.starts_with("time/"));
            serde_json::to_string(&line).unwrap()
        })
        .collect()
}

/// The bytes of a file of the latest checkpoint.
pub fn checkpoint_file(out: &Path, name: &str) -> Vec<u8> {
    let folder = out.join("checkpoint");
    let latest = std::fs::read_to_string(folder.join("latest")).unwrap();
    std::fs::read(folder.join(latest).join(name)).unwrap()
}

/// The program under test.
pub fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_entropy-arcade"))
}
