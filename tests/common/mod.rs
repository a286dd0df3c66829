//! Shared test helpers: small, quick runs, and all worlds.
#![allow(dead_code)]

pub mod display;
pub mod kill;
pub mod transitions;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use entropy_arcade::config::RunConfig;
use entropy_arcade::experiment::level::world_in;
use entropy_arcade::experiment::{Experiment, Mode};
use entropy_arcade::learner::DeviceChoice;
use entropy_arcade::mdp::{ActionKind, WorldOptions};
use entropy_arcade::run::{self, RunError, Summary};
use entropy_arcade::worlds::rooms::level::generate;
use entropy_arcade::worlds::{WorldChoice, find, names, rooms};

/// Every world, with every shipped level and option, by a descriptive name.
pub fn worlds() -> Vec<(String, WorldChoice)> {
    let mut all = Vec::new();
    for name in names() {
        let own: Vec<&str> =
            rooms::find(name).map_or(vec![], |rules| rules.levels.iter().map(|(file, _)| *file).collect());
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
        let varied = |options| WorldChoice::with_options(name, None, &options).unwrap();
        if ["cartpole", "acrobot", "mountain-car", "pendulum"].contains(&name) {
            let options = WorldOptions { velocity_masked: true, ..WorldOptions::default() };
            all.push((format!("{name}, velocities masked"), varied(options)));
        }
        if find(name).is_some_and(|world| !world.continuous_experiment.is_empty()) {
            let actions = Some(ActionKind::Continuous);
            let options = WorldOptions { actions, ..WorldOptions::default() };
            all.push((format!("{name}, continuous actions"), varied(options)));
        }
        if ["key-door", "paddle-duel"].contains(&name) {
            let options = WorldOptions {
                velocity_masked: true,
                flicker: 0.5,
                frame_stack: 3,
                ..WorldOptions::default()
            };
            all.push((format!("{name}, masked, flickering, stacked"), varied(options)));
        }
    }
    all
}

/// Does `work` with every one of `items`, two of them at a time.
pub fn two_at_a_time<T: Send>(items: impl IntoIterator<Item = T>, work: impl Fn(T) + Sync) {
    let queue = Mutex::new(items.into_iter().collect::<VecDeque<T>>());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().pop_front();
                    let Some(item) = next else { break };
                    work(item);
                }
            });
        }
    });
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

/// The world of `config`.
pub fn world_of(config: &RunConfig) -> WorldChoice {
    world_in(config, None).unwrap()
}

/// Trains like the command line.
pub fn train(config: &RunConfig, out: &Path, resume: bool) -> Result<Summary, RunError> {
    let world = world_in(config, None).unwrap();
    let (out, resume) = (Some(out.to_owned()), resume.then(|| out.to_owned()));
    let experiment = Experiment::at(config.clone(), world, Mode::Headless, out, resume)?;
    run::train(experiment, Arc::new(AtomicBool::new(false)), true)
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
