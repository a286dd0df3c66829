//! Fuzz targets, one for each format of files that the program reads: whatever is in a file, it is taken or explained in
//! one line, within bounded memory and time, and what is taken can be used.
//!
//! `cargo run --example fuzz -- TARGET [--inputs N] [--seconds S] [--seed N]` changes good files in every way that breaks
//! readers, and always in the same ways for a seed. An input that fails is kept, and its place is printed.

mod agent;
mod checkpoint;
mod config;
mod level;
mod mutate;
#[cfg(feature = "arcade")]
mod preferences;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand_pcg::Pcg64Mcg;

/// Longest that one input may take, without optimization and on a machine that does other things as well: some levels are
/// searched for a way, and played.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most memory that all inputs may take beyond what the first ones did, in bytes.
const MEMORY: u64 = 128 << 20;
/// Longest that a refusal may be, in bytes: the names of all settings and a value that is wrong.
const LONGEST: usize = 1 << 17;
/// Inputs after which memory is taken as given.
const WARM_UP: u64 = 50;

/// One format.
trait Target {
    /// Makes the next input.
    fn make(&mut self, rng: &mut Pcg64Mcg) -> Vec<u8>;

    /// Reads `input` as the program does and uses what it takes; whether it did.
    fn read(&mut self, input: &[u8]) -> bool;
}

/// What a refusal must be, wherever it comes from.
fn refused(error: &impl ToString) -> bool {
    let text = error.to_string();
    assert_eq!(text.lines().count(), 1, "{text:?}");
    assert!(text.len() < LONGEST, "{} bytes: {text:?}", text.len());
    false
}

fn target(name: &str) -> Result<Box<dyn Target>, Box<dyn std::error::Error>> {
    Ok(match name {
        "level" => Box::new(level::Levels::new()?),
        "config" => Box::new(config::Configs::new()?),
        "agent" => Box::new(agent::Agents::new()?),
        "checkpoint" => Box::new(checkpoint::Checkpoints::new()?),
        #[cfg(feature = "arcade")]
        "preferences" => Box::new(preferences::Kept::new()),
        _ => return Err("give a target: level, config, agent, checkpoint or preferences".into()),
    })
}

/// Most memory this process has held, in bytes; 0 where the system does not say.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let (mut inputs, mut seconds, mut seed) = (u64::MAX, f64::INFINITY, 1);
    while let Some(key) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{key}: give a number"))?;
        match key.as_str() {
            "--inputs" => inputs = value.parse()?,
            "--seconds" => seconds = value.parse()?,
            "--seed" => seed = value.parse()?,
            _ => return Err(format!("{key}: known are --inputs, --seconds and --seed").into()),
        }
    }
    if inputs == u64::MAX && seconds == f64::INFINITY {
        seconds = 60.0;
    }
    let mut target = target(&name)?;
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let (begun, mut made, mut taken, mut before) = (Instant::now(), 0, 0, 0);
    while made < inputs && begun.elapsed().as_secs_f64() < seconds {
        let input = target.make(&mut rng);
        let at = Instant::now();
        let read = catch_unwind(AssertUnwindSafe(|| target.read(&input)));
        let took = at.elapsed();
        if read.is_err() || took > PATIENCE {
            let path = std::env::temp_dir().join(format!("fuzz-{name}-{seed}-{made}"));
            std::fs::write(&path, &input)?;
            return Err(format!("{}: input {made} failed after {took:?}", path.display()).into());
        }
        taken += u64::from(read.unwrap_or(false));
        made += 1;
        if made == WARM_UP {
            before = peak();
        }
    }
    let grown = peak().saturating_sub(before);
    let rate = made as f64 / begun.elapsed().as_secs_f64();
    println!(
        "{name}: {made} inputs, {taken} of them taken, {rate:.0} a second, {grown} bytes more memory at most"
    );
    if made > WARM_UP && grown > MEMORY {
        return Err(format!("{grown} bytes of memory").into());
    }
    Ok(())
}
