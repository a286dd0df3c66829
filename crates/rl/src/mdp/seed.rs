//! Seeds: an independent random stream for every purpose and index.

use rand::Rng as _;
use rand_pcg::Pcg64Mcg;

/// The generator used everywhere: small, fast, serializable, the same on every machine.
pub type Rng = Pcg64Mcg;

/// The purpose of a random stream. The numbers are part of the reproducibility contract; 6 is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Episode starts of an arena.
    Environment = 1,
    /// Action sampling of a player slot.
    Exploration = 2,
    /// Transitions sampled by a gradient step.
    Replay = 3,
    /// Initial network parameters.
    Weights = 4,
    /// Evaluation episodes.
    Evaluation = 5,
    /// Actions a gradient step samples for its actor; the index is the number of the step.
    ActorGradient = 7,
    /// Generated levels; the seed is the level's number, the index its difficulty.
    Levels = 8,
    /// Seeds of later parts of a run.
    Part = 9,
}

/// Generator number `index` of `stream` under the run's `seed`.
///
/// The three make a state of SplitMix64 (Steele et al. 2014), whose next two outputs seed the generator; an
/// arena's stream does not depend on the number of arenas. A seed advances that state by one step of
/// SplitMix64 itself: the second half of a generator's seed is the first half of that of the next seed. Even
/// so, the first outputs of neighboring seeds are uncorrelated.
pub fn rng(seed: u64, stream: Stream, index: u64) -> Rng {
    let mut state = seed
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add((stream as u64).wrapping_mul(0xD1B5_4A32_D192_ED03))
        .wrapping_add(index.wrapping_mul(0x8CB9_2BA7_2F3D_8DD7));
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    Pcg64Mcg::new((u128::from(next()) << 64) | u128::from(next()))
}

/// The seed for continuing a run with `seed` after `lived` environment steps if the simulation is not
/// restored: with `seed` itself, starts and exploration would repeat what the replay buffer already holds.
pub fn later_seed(seed: u64, lived: u64) -> u64 {
    if lived == 0 { seed } else { rng(seed, Stream::Part, lived).next_u64() }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn streams_differ_and_repeat() {
        let draw = |seed, stream, index| rng(seed, stream, index).next_u64();
        assert_eq!(draw(1, Stream::Replay, 0), draw(1, Stream::Replay, 0));
        assert_ne!(draw(1, Stream::Replay, 0), draw(1, Stream::Replay, 1));
        assert_ne!(draw(1, Stream::Replay, 0), draw(2, Stream::Replay, 0));
        assert_ne!(draw(1, Stream::Replay, 0), draw(1, Stream::Weights, 0));
        assert_eq!(later_seed(7, 0), 7);
        assert_ne!(later_seed(7, 100), later_seed(7, 101));
    }

    #[test]
    fn neighboring_seeds_are_uncorrelated_in_their_first_outputs() {
        let first = |seed: u64| f64::from(rng(seed, Stream::Environment, 0).next_u32()) / f64::from(u32::MAX);
        let draws: Vec<f64> = (0..4001).map(first).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let with = |lag: usize| {
            let pairs = draws.iter().zip(&draws[lag..]);
            pairs.map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>()
        };
        // Three standard errors of 4000 independent pairs.
        assert!((with(1) / with(0)).abs() < 0.048, "{}", with(1) / with(0));
    }
}
