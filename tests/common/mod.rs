//! What several test files need: small quick runs, every world.
#![allow(dead_code)]

pub mod display;
pub mod kill;
pub mod transitions;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use entropy_arcade::app;
use entropy_arcade::config::RunConfig;
use entropy_arcade::learner::DeviceChoice;
use entropy_arcade::mdp::WorldOptions;
use entropy_arcade::run::{RunError, Summary};
use entropy_arcade::sim::level::{Kind, SHIPPED, generate};
use entropy_arcade::sim::worlds::{WorldChoice, names};

/// Every world, with every level that comes with it and every option it has, by a name that says which.
pub fn worlds() -> Vec<(String, WorldChoice)> {
    let mut all = Vec::new();
    for name in names() {
        let levels: Vec<&str> = SHIPPED.iter().map(|(file, _)| *file).collect();
        let own = levels.into_iter().filter(|file| {
            Kind::of(name).is_some()
                && file.strip_prefix(name).is_some_and(|rest| rest.len() == "-1.ron".len())
        });
        let own: Vec<&str> = own.collect();
        if own.is_empty() {
            all.push((name.to_owned(), WorldChoice::new(name, None).unwrap()));
        }
        for file in own {
            all.push((file.to_owned(), WorldChoice::new(name, Some(Path::new(file))).unwrap()));
        }
        if generate::worlds().any(|drawn| drawn == name) {
            let drawn = WorldChoice::new(name, Some(Path::new("random:3:20"))).unwrap();
            all.push((format!("{name}, generated"), drawn));
        }
        if let Ok(masked) = WorldChoice::varied(name, None, &WorldOptions { velocity_masked: true }) {
            all.push((format!("{name}, velocities masked"), masked));
        }
    }
    all
}

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
