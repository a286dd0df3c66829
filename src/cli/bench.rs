//! The command `bench`.

use super::args::Bench;
use super::{Failure, say};
use crate::app;
use crate::config::RunConfig;
use crate::experiment::level::world_in;
#[cfg(feature = "arcade")]
use crate::experiment::{Mode, Request};
use crate::run::bench::Line;
use crate::worlds::{WorldChoice, names};

/// Runs one benchmark and prints its lines.
pub(super) fn run(what: Bench) -> Result<(), Failure> {
    match what {
        Bench::Env { env, arenas, peer, runs, seconds, threads } => {
            bench_env(env.as_deref(), &arenas, &peer, runs as usize, seconds, threads)
        }
        Bench::Tick { env, arenas, runs, seconds } => {
            for name in &env {
                let world = WorldChoice::new(name, None)?;
                app::bench_tick(&world, arenas as usize, runs as usize, seconds)
                    .iter()
                    .try_for_each(print)?;
            }
            app::bench_bodies(runs as usize, seconds).iter().try_for_each(print)
        }
        #[cfg(feature = "arcade")]
        Bench::Frames { env, rounds, seconds, overlays, fps } => {
            let experiment = Request::of(&env, Mode::Watched).resolve()?;
            let apart = fps.map_or(0.0, |fps| 1.0 / fps as f32);
            app::bench_frames(experiment, rounds as usize, seconds as f32, overlays, apart)
        }
        #[cfg(feature = "arcade")]
        Bench::Minute { env, seed, seconds } => {
            let request = Request { seed: Some(seed), ..Request::of(&env, Mode::Watched) };
            app::bench_minute(request.resolve()?, seconds as f32)
        }
        Bench::Act { runs, seconds } => {
            app::bench_act(runs as usize, seconds).try_for_each(|lines| lines?.iter().try_for_each(print))
        }
        Bench::Replay { items, runs, seconds } => {
            app::bench_replay(items as usize, runs as usize, seconds).iter().try_for_each(print)
        }
        Bench::Sequences { memory, peer, device, runs, seconds, threads } => {
            app::bench_sequences(device, &memory, &peer, runs as usize, seconds, threads)
                .try_for_each(|lines| lines?.iter().try_for_each(print))
        }
        Bench::Products { batch, hidden, runs, seconds } => {
            let (batch, hidden) = (batch as usize, hidden as usize);
            app::bench_products(batch, hidden, runs as usize, seconds).iter().try_for_each(print)
        }
        Bench::Learner { actions, batch, hidden, prioritized, peer, device, runs, seconds, threads } => {
            let sizes = paired(&batch, &hidden)?;
            app::bench_learner(
                actions.into(),
                &sizes,
                prioritized,
                device,
                &peer,
                runs as usize,
                seconds,
                threads,
            )
            .try_for_each(|lines| lines?.iter().try_for_each(print))
        }
    }
}

fn bench_env(
    env: Option<&str>,
    arenas: &[usize],
    peers: &[String],
    runs: usize,
    seconds: f64,
    threads: usize,
) -> Result<(), Failure> {
    for name in env.map_or_else(|| names().collect(), |name| vec![name]) {
        let world = world_in(&RunConfig::resolve(Some(name), None, &[])?, None)?;
        for &count in arenas {
            if !(1..=4096).contains(&count) {
                return Err(format!("--arenas {count}: allowed: 1 to 4096").into());
            }
            app::bench_env(&world, count, peers, runs, seconds, threads)?.iter().try_for_each(print)?;
        }
    }
    Ok(())
}

/// Every batch size with a width.
fn paired(batch: &[u32], hidden: &[u32]) -> Result<Vec<(usize, usize)>, Failure> {
    let count = batch.len().max(hidden.len());
    if [batch, hidden].iter().any(|list| list.len() != count && list.len() != 1) {
        let (batch, hidden) = (batch.len(), hidden.len());
        return Err(
            format!("--batch has {batch} values and --hidden {hidden}: allowed: as many, or one").into()
        );
    }
    let at = |list: &[u32], index: usize| list[index % list.len()] as usize;
    Ok((0..count).map(|index| (at(batch, index), at(hidden, index))).collect())
}

/// Prints one benchmark line.
fn print(line: &Line) -> Result<(), Failure> {
    say(&serde_json::to_string(line)?);
    Ok(())
}
