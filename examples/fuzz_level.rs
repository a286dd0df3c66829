//! A fuzz target for level files: whatever is in them, they are a level or one line, within bounded memory and time.
//!
//! `cargo run --example fuzz_level -- 20000` mutates the shipped levels that often and plays what still is a level.
//! Without a number it reads one file from standard input, which is how AFL++ and honggfuzz drive it.

use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use entropy_arcade::app::random_app;
use entropy_arcade::sim::level::{LARGEST_FILE, Level, SHIPPED};
use entropy_arcade::sim::run_agent_step;
use entropy_arcade::sim::worlds::WorldChoice;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

/// Longest that one file may take to be read and explained.
const PATIENCE: Duration = Duration::from_secs(1);
/// Most memory that all of it may take beyond what the program begins with, in bytes.
const MEMORY: u64 = 64 << 20;
/// What mutations insert beside random bytes.
const WORDS: [&str; 12] =
    ["(", "[", "\"", "####", "a.g", "\\u{0}", "99999999999", "-1", "version", "map:", "world: \"tag\",", "é"];

/// Reads `bytes` as the game would; whether they are a level.
fn read(bytes: &[u8]) -> Option<Level> {
    let Ok(text) = std::str::from_utf8(bytes) else { return None };
    let begun = Instant::now();
    let level = Level::parse("fuzz.ron", text);
    assert!(begun.elapsed() < PATIENCE, "{:?} for {text:?}", begun.elapsed());
    if let Err(error) = &level {
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
    level.ok()
}

fn mutate(text: &mut Vec<u8>, rng: &mut Pcg64Mcg) {
    for _ in 0..rng.random_range(1..8) {
        let at = rng.random_range(0..text.len().max(1)).min(text.len());
        let end = (at + rng.random_range(0..40usize)).min(text.len());
        match rng.random_range(0..5) {
            0 if at < text.len() => text[at] = rng.random(),
            1 => _ = text.drain(at..end),
            2 => {
                let word = WORDS[rng.random_range(0..WORDS.len())].as_bytes();
                text.splice(at..at, word.iter().copied());
            }
            3 => {
                let part = text[at..end].repeat(rng.random_range(1..200));
                text.splice(at..at, part);
            }
            // Another cell in the map keeps most files levels.
            _ if at < text.len() => text[at] = b"#.abgo~x*<>^v-|_=ryuRYU"[rng.random_range(0..23usize)],
            _ => {}
        }
        text.truncate(LARGEST_FILE as usize);
    }
}

/// Most memory this process has held, in bytes; 0 where the system does not say.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(rounds) = std::env::args().nth(1) else {
        let mut bytes = Vec::new();
        std::io::stdin().take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
        println!("{}", if read(&bytes).is_some() { "a level" } else { "no level" });
        return Ok(());
    };
    let rounds: u64 = rounds.parse()?;
    let mut rng = Pcg64Mcg::seed_from_u64(1);
    let path = std::env::temp_dir().join(format!("fuzz-level-{}.ron", std::process::id()));
    let before = peak();
    let mut played = 0;
    for round in 0..rounds {
        let mut text = SHIPPED[rng.random_range(0..SHIPPED.len())].1.as_bytes().to_vec();
        mutate(&mut text, &mut rng);
        let Some(level) = read(&text) else { continue };
        played += 1;
        // Every tenth of them is played: a level that parses must run, however odd it is.
        if round % 10 == 0 {
            std::fs::write(&path, &text)?;
            let world = WorldChoice::new(level.world, Some(Path::new(&path)))?;
            let mut app = random_app(&world, 1, round, 1);
            (0..30).for_each(|_| run_agent_step(app.world_mut()));
        }
    }
    _ = std::fs::remove_file(&path);
    let grown = peak() - before;
    println!("{rounds} files, {played} of them levels, {grown} bytes more memory at most");
    assert!(grown < MEMORY, "{grown} bytes");
    Ok(())
}
