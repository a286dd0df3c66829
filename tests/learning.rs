//! The shipped experiments learn, on every one of three seeds, with nothing changed but their length.

mod common;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use entropy_arcade::app;
use entropy_arcade::config::RunConfig;
use entropy_arcade::learner::DeviceChoice;
use entropy_arcade::run::EvalSummary;
use entropy_arcade::sim::worlds::WorldChoice;

/// 100 greedy episodes after `steps` environment steps of the shipped experiment, for seeds 1 to 3.
fn evaluations(env: &str, steps: u64) -> Vec<EvalSummary> {
    [1, 2, 3]
        .map(|seed| {
            let mut config = RunConfig::resolve(Some(env), None, &[]).unwrap();
            (config.seed, config.steps, config.device) = (seed, steps, DeviceChoice::Cpu);
            config.run.eval_episodes = 100;
            let world = WorldChoice::new(env, None).unwrap();
            let stop = Arc::new(AtomicBool::new(false));
            let summary = app::train(config, &world, None, None, stop, true).unwrap();
            let eval = summary.eval.unwrap();
            println!("{env}, seed {seed}: success {:.2}, score {:+.2}", eval.success, eval.score.mean);
            eval
        })
        .into()
}

#[test]
fn lava_room_is_learned() {
    for eval in evaluations("lava-room", 40_000) {
        assert!(eval.success >= 0.95, "{eval:?}");
    }
}

#[test]
fn paddle_duel_is_learned_against_the_script() {
    for eval in evaluations("paddle-duel", 300_000) {
        assert!(eval.score.mean > 2.0, "{eval:?}");
    }
}
