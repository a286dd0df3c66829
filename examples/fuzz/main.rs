//! Fuzz targets, one per file format: whatever a file contains, it is accepted or refused in one line, within
//! bounded memory and time, and accepted content is usable.
//!
//! `cargo run --example fuzz -- TARGET [--inputs N] [--seconds S] [--seed N]` mutates valid files in ways
//! that break parsers, deterministically for a seed. An input that fails is kept, and its path is printed.

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

/// Time limit for one input, without optimization and on a busy machine: some levels are searched for a
/// solution, and played.
const PATIENCE: Duration = Duration::from_secs(60);
/// Limit for memory beyond that of the first inputs, in bytes.
const MEMORY: u64 = 128 << 20;
/// Maximum length of an error message in bytes: the names of all settings and an invalid value.
const LONGEST: usize = 1 << 17;
/// Inputs after which memory is expected to stay constant.
const WARM_UP: u64 = 50;

/// A file format.
trait Target {
    /// Generates the next input.
    fn make(&mut self, rng: &mut Pcg64Mcg) -> Vec<u8>;

    /// Reads `input` like the program and uses it if it is accepted; returns whether it was.
    fn read(&mut self, input: &[u8]) -> bool;
}

/// Requirements for an error message.
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

/// Peak memory of this process in bytes; 0 if unknown.
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
