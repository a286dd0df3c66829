//! The unmodified shipped experiments learn on each of three seeds.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use entropy_arcade::config::RunConfig;
use entropy_arcade::experiment::{Experiment, Mode};
use entropy_arcade::learner::DeviceChoice;
use entropy_arcade::run::{EvalSummary, train};
use entropy_arcade::worlds::WorldChoice;

/// 100 greedy episodes after the shipped experiment, for seeds 1 to 3.
fn evaluations(env: &str, level: Option<&str>) -> Vec<EvalSummary> {
    [1, 2, 3]
        .map(|seed| {
            let mut config = RunConfig::resolve(Some(env), None, &[]).unwrap();
            (config.seed, config.device, config.level) = (seed, DeviceChoice::Cpu, level.map(PathBuf::from));
            config.run.eval_episodes = 100;
            let world = WorldChoice::new(env, level.map(Path::new)).unwrap();
            let stop = Arc::new(AtomicBool::new(false));
            let experiment = Experiment::new(config, world, Mode::Headless).unwrap();
            let summary = train(experiment, stop, true).unwrap();
            let eval = summary.eval.unwrap();
            println!(
                "{env} {level:?}, seed {seed}: success {:.2}, score {:+.2}",
                eval.success, eval.score.mean
            );
            eval
        })
        .into()
}

#[test]
#[ignore = "trains for minutes: cargo test --test learning --test tabular -- --ignored"]
fn every_level_of_lava_room_is_learned() {
    for level in ["1", "2", "3", "4", "5", "6", "7", "8"] {
        for eval in evaluations("lava-room", Some(level)) {
            assert!(eval.success >= 0.95, "{level}: {eval:?}");
        }
    }
}

#[test]
#[ignore = "trains for minutes: cargo test --test learning --test tabular -- --ignored"]
fn paddle_duel_is_learned_against_the_script() {
    for eval in evaluations("paddle-duel", None) {
        assert!(eval.score.mean > 2.0, "{eval:?}");
    }
}
