//! Trains an agent from code, without a window: `cargo run --example train_headless`.
//!
//! Uses the world's own settings, a few changes to keep it short, and a folder that `entropy-arcade --resume`
//! and `entropy-arcade agents export` read.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::UNIX_EPOCH;

use entropy_arcade::experiment::{Mode, Request};
use entropy_arcade::run;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A run never replaces another one: a folder of its own for every start, unless one is given.
    let now = UNIX_EPOCH.elapsed()?.as_millis();
    let out = std::env::args().nth(1).unwrap_or_else(|| format!("target/train_headless-{now}"));
    let out = PathBuf::from(out);
    let request = Request {
        set: ["steps=12000", "run.eval_episodes=10", "device=cpu"].map(String::from).into(),
        seed: Some(1),
        out: Some(out.clone()),
        ..Request::of("cartpole", Mode::Headless)
    };
    // Set it to stop early: the run then writes a checkpoint to resume from.
    let stop = Arc::new(AtomicBool::new(false));
    let summary = run::train(request.resolve()?, stop, false)?;
    println!("{}: {}", out.display(), serde_json::to_string(&summary)?);

    let evaluation = summary.eval.ok_or("the run was not evaluated")?;
    println!(
        "mean return {:.0} over {} greedy episodes",
        evaluation.episode_return.mean, evaluation.episodes
    );
    if evaluation.episode_return.mean < 100.0 {
        return Err("nothing was learned: a random policy gets 22".into());
    }
    Ok(())
}
