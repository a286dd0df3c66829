//! Kills training runs at random moments and prints, as one JSON line, how many continued correctly: `cargo
//! run --example kill -- --kills 1000`. Exit code 1 if one did not.
//!
//! Runs are headless, watched (if Xvfb is installed) and sweeps, at most two at a time. Problems are printed
//! to stderr, and the folder of such a run is kept.

#[path = "../tests/common/display.rs"]
#[expect(dead_code, reason = "no picture is taken here")]
mod display;
#[path = "../tests/common/kill.rs"]
mod kill;
#[path = "../tests/common/transitions.rs"]
mod transitions;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::{Parser, ValueEnum};
use display::Display;
use kill::{Dice, Scene, Tally};

#[derive(Parser)]
struct Arguments {
    /// Number of kills.
    #[arg(long, default_value_t = 20)]
    kills: u64,
    /// Kinds of runs.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "headless,watched,sweep")]
    kinds: Vec<Kind>,
    /// Concurrent runs.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=2))]
    jobs: u64,
    /// Seed of the moments of the kills.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The program; by default the one built with this example.
    #[arg(long)]
    program: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Kind {
    Headless,
    Watched,
    Sweep,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let built = std::env::current_exe().ok().and_then(|path| Some(path.parent()?.parent()?.to_owned()));
    let name = format!("entropy-arcade{}", std::env::consts::EXE_SUFFIX);
    let program = arguments.program.clone().or_else(|| Some(built?.join(name)));
    let Some(program) = program.filter(|program| program.is_file()) else {
        eprintln!("no program to kill: build it first, or give it with --program");
        return ExitCode::FAILURE;
    };
    let Ok(folder) = tempfile::tempdir() else {
        eprintln!("no temporary folder can be made");
        return ExitCode::FAILURE;
    };
    let display = arguments.kinds.contains(&Kind::Watched).then(Display::open).flatten();
    let (kinds, skipped): (Vec<Kind>, Vec<Kind>) =
        arguments.kinds.iter().copied().partition(|kind| *kind != Kind::Watched || display.is_some());
    if !skipped.is_empty() {
        eprintln!("watched runs are skipped: there is no Xvfb");
    }
    let begun = Instant::now();
    let tallies = kill_all(&arguments, &kinds, &program, folder.path(), display.as_ref());
    let mut line = serde_json::Map::new();
    let sum = |value: fn(&Tally) -> u64| tallies.iter().map(value).sum::<u64>();
    let unclean = sum(|tally| tally.problems.len() as u64).min(sum(|tally| tally.kills));
    for (key, value) in [
        ("kills", sum(|tally| tally.kills)),
        ("clean", sum(|tally| tally.kills) - unclean),
        ("transitions", sum(|tally| tally.transitions)),
        ("impossible_transitions", sum(|tally| tally.impossible)),
        ("seconds", begun.elapsed().as_secs()),
    ] {
        line.insert(key.into(), value.into());
    }
    for (kind, tally) in ["headless", "watched", "sweep"].iter().zip(&tallies) {
        line.insert(format!("kills_{kind}"), tally.kills.into());
    }
    println!("{}", serde_json::Value::Object(line));
    let problems: Vec<&String> = tallies.iter().flat_map(|tally| &tally.problems).collect();
    if problems.is_empty() {
        return ExitCode::SUCCESS;
    }
    problems.iter().for_each(|problem| eprintln!("{problem}"));
    eprintln!("see {}", folder.keep().display());
    ExitCode::FAILURE
}

/// Results by kind of run.
fn kill_all(
    arguments: &Arguments,
    kinds: &[Kind],
    program: &Path,
    folder: &Path,
    display: Option<&Display>,
) -> [Tally; 3] {
    let tallies = Mutex::new([Tally::default(), Tally::default(), Tally::default()]);
    let left = AtomicU64::new(arguments.kills);
    let chain = AtomicU64::new(0);
    let work = |thread: u64| {
        let mut dice = Dice(arguments.seed.wrapping_mul(1_000_003).wrapping_add(thread));
        let place = folder.join(format!("{thread}"));
        _ = std::fs::create_dir_all(&place);
        let scene = Scene { program, folder: &place, display };
        let (mut reference, mut table) = (None, None);
        loop {
            // A few kills per run, at most as many as remain.
            let take = |left: u64| left.checked_sub(left.min(5));
            let Ok(before) = left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| take(left).filter(|_| left > 0))
            else {
                return;
            };
            let kills = before.min(5);
            let kind = kinds[chain.fetch_add(1, Ordering::Relaxed) as usize % kinds.len()];
            let mut tally = Tally::default();
            match kind {
                Kind::Headless => {
                    let reference = &*reference.get_or_insert_with(|| scene.reference(&mut tally));
                    scene.headless(reference, &mut dice, kills, &mut tally);
                }
                Kind::Watched => scene.watched(&mut dice, kills, &mut tally),
                Kind::Sweep => {
                    if table.is_none() {
                        table = scene.sweep(None, &mut dice, 0, &mut tally);
                    }
                    scene.sweep(table.as_deref(), &mut dice, kills, &mut tally);
                }
            }
            // Runs that ended before enough kills leave the rest to others.
            left.fetch_add(kills.saturating_sub(tally.kills), Ordering::Relaxed);
            if let Ok(mut tallies) = tallies.lock() {
                let all = &mut tallies[kind as usize];
                all.kills += tally.kills;
                all.transitions += tally.transitions;
                all.impossible += tally.impossible;
                all.problems.append(&mut tally.problems);
            }
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..arguments.jobs {
            let work = &work;
            scope.spawn(move || work(thread));
        }
    });
    tallies.into_inner().unwrap_or_default()
}
