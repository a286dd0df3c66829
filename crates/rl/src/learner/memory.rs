//! Memory: checks that the full replay buffer fits into the machine's memory, without allocating it, and that it holds
//! whole sequences.

use std::path::Path;

use super::setup::{priorities, replay_config, replay_space, sequences};
use super::{LearnerConfig, LearnerError};
use crate::files;
use crate::mdp::EnvironmentSpec;
use crate::replay::{ReplayBuffer, ReplaySpace};

/// Refuses a replay capacity that does not fit into this machine's memory, for `streams` streams.
///
/// # Errors
/// [`LearnerError::Memory`] gives the required and the available size.
pub fn check_memory(
    spec: &EnvironmentSpec,
    config: &LearnerConfig,
    streams: usize,
) -> Result<(), LearnerError> {
    fits(spec, config, streams, physical())
}

/// Refuses settings that do not go with the actions of `spec`, and sequences that no episode of `spec` fills, or of
/// which a replay buffer of `streams` streams keeps no whole one.
///
/// # Errors
/// [`LearnerError::Algorithm`] names the length, and what is allowed.
pub fn check_sequences(
    spec: &EnvironmentSpec,
    config: &LearnerConfig,
    streams: usize,
) -> Result<(), LearnerError> {
    Ok(config.algorithm.fits(spec, replay_config(config, streams).kept_per_stream())?)
}

fn fits(
    space: impl Into<ReplaySpace>,
    config: &LearnerConfig,
    streams: usize,
    memory: Option<u64>,
) -> Result<(), LearnerError> {
    let ranked = priorities(config).is_some();
    let (space, sequences) = (replay_space(space, config), sequences(config).0);
    let needed = ReplayBuffer::bytes_of(space, &replay_config(config, streams), ranked, sequences.as_ref());
    match memory {
        Some(memory) if needed > memory => {
            Err(LearnerError::Memory { capacity: config.replay_capacity, needed, memory })
        }
        _ => Ok(()),
    }
}

/// Memory of this machine in bytes. Known on Linux only; elsewhere nothing is refused.
fn physical() -> Option<u64> {
    total(&files::read_text(Path::new("/proc/meminfo"), files::LARGEST_TEXT).ok()?)
}

/// Parsed from `/proc/meminfo`, in units of 1024 bytes.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algo::sac::SacConfig;
    use crate::learner::PrioritizedConfig;
    use crate::mdp::ObservationSpace;
    use crate::nn::memory::{Memory, Recurrent};

    /// A hundred numbers.
    fn space() -> ObservationSpace {
        ObservationSpace { vector: vec!["x".into(); 100], grid: None }
    }

    #[test]
    fn a_replay_that_memory_cannot_hold_is_refused_in_one_line() {
        let space = space();
        let config = LearnerConfig { replay_capacity: 50_000_000, ..LearnerConfig::default() };
        let error = fits(&space, &config, 16, Some(1 << 30)).unwrap_err().to_string();
        assert!(
            error.starts_with("learner.replay_capacity = 50000000: takes ")
                && error.contains("of 1.1 GB of memory")
                && error.lines().count() == 1,
            "{error}"
        );
        assert!(fits(&space, &config, 16, None).is_ok());
        assert!(fits(&space, &LearnerConfig::default(), 16, Some(1 << 30)).is_ok());
        // Segments for many streams count as well.
        assert!(fits(&space, &LearnerConfig::default(), 1 << 24, Some(1 << 30)).is_err());
    }

    #[test]
    fn the_estimate_is_what_a_buffer_takes() {
        let space = space();
        let lstm = Memory::Lstm(Recurrent { hidden: 64, embed: None, skip: false, timescale: None });
        let mut sizes = Vec::new();
        for (memory, prioritized) in [
            (Memory::None, None),
            (Memory::None, Some(PrioritizedConfig::default())),
            (lstm, Some(PrioritizedConfig::default())),
        ] {
            let algorithm = SacConfig { memory, ..SacConfig::default() }.into();
            let config =
                LearnerConfig { replay_capacity: 10_000, prioritized, algorithm, ..LearnerConfig::default() };
            let own = replay_space(&space, &config);
            let mut buffer = ReplayBuffer::new(own.clone(), replay_config(&config, 16));
            let sequences = sequences(&config).0;
            buffer.set_sequences(sequences);
            buffer.set_priorities(priorities(&config));
            let estimate = ReplayBuffer::bytes_of(
                own,
                &replay_config(&config, 16),
                prioritized.is_some(),
                sequences.as_ref(),
            );
            let exact = buffer.bytes() as f64;
            assert!((estimate as f64 / exact - 1.0).abs() < 0.01, "{estimate} {exact}");
            sizes.push(exact / buffer.capacity() as f64);
        }
        // h and c of 64 units, once in 10 transitions.
        let states = sizes[2] - sizes[1];
        assert!((states - 2.0 * 64.0 * 4.0 / 10.0).abs() < 0.1, "{states} bytes per transition");
    }

    #[test]
    fn memory_is_known_on_linux() {
        assert_eq!(total("MemFree: 1 kB\nMemTotal:       16303428 kB\n"), Some(16_303_428 * 1024));
        assert_eq!(total("nothing of the kind"), None);
    }
}
