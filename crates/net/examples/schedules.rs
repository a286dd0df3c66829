//! Plays schedules of faults between actors and a learner, from the first to as many as are given:
//! `cargo run -p entropy-net --example schedules -- 10000`. A failing one is printed and can be played alone as
//! `schedules -- SEED 1`.

use std::process::ExitCode;

use entropy_net::simulator::{Faults, schedule};

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|number| number.parse().ok()).collect();
    let (first, count) = match numbers[..] {
        [first, count] => (first, count),
        [count] => (0, count),
        _ => (0, 200),
    };
    let mut transitions = 0;
    for seed in first..first + count {
        let actors = 1 + (seed % 4) as usize;
        match schedule(seed, actors, Faults::of(seed)) {
            Ok(outcome) => transitions += outcome.transitions,
            Err(problem) => {
                println!("schedule {seed} of {actors} actors, {:?}: {problem}", Faults::of(seed));
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{count} schedules, {transitions} transitions looked at, none that never happened");
    ExitCode::SUCCESS
}
