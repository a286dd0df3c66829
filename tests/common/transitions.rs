//! Compares the replay buffer of a run with the equations of cartpole: no impossible transitions.

use std::path::Path;

use entropy_arcade::learner::checkpoint::Checkpoint;
use entropy_arcade::mdp::TransitionBatch;
use entropy_arcade::replay::{ReplayBuffer, ReplayConfig};
use entropy_arcade::worlds::classic_control::cartpole::{FARTHEST, STEEPEST, out_of_bounds, push, step};

/// Tolerance between an observation and the one predicted from its predecessor: both are rounded to single
/// precision.
const TOLERANCE: f64 = 1e-5;

/// Number of transitions in a replay buffer, and of those that contradict the equations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checked {
    pub transitions: usize,
    pub impossible: usize,
}

/// All single-step transitions of cartpole in `buffer`.
pub fn check(buffer: &ReplayBuffer) -> Checked {
    let mut buffer = buffer.clone();
    buffer.set_returns(1, 0.5);
    let mut all = TransitionBatch::default();
    buffer.gather_all(&mut all);
    let impossible = (0..all.batch).filter(|&row| !possible(&all, row)).count();
    Checked { transitions: all.batch, impossible }
}

/// The same for the latest checkpoint of the run in `folder`.
pub fn check_run(folder: &Path) -> Result<Checked, Box<dyn std::error::Error>> {
    Ok(check(&replay(folder)?))
}

/// The replay buffer of the latest checkpoint of the run in `folder`.
pub fn replay(folder: &Path) -> Result<ReplayBuffer, Box<dyn std::error::Error>> {
    let checkpoint = Checkpoint::open_only(folder, |name| name == "replay.bin")?;
    let spec = &checkpoint.manifest.environment;
    if spec.name != "cartpole" || spec.observation.vector_len() != 4 {
        return Err(format!(
            "{}: only the equations of cartpole are known, with all of its state",
            spec.name
        )
        .into());
    }
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut checkpoint.stream()?, &mut bytes)?;
    // The number of 64-step segments in the header.
    let header = bytes.get(..8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes);
    let header: serde_json::Value = serde_json::from_slice(bytes.get(8..8 + header as usize).unwrap_or(&[]))?;
    let segments = header["__metadata__"]["segments"].as_str().unwrap_or("0");
    let capacity = 64 * segments.parse::<usize>()?;
    let config = ReplayConfig { capacity, streams: 0, n_step: 1, gamma: 0.5 };
    Ok(ReplayBuffer::new(spec.observation.clone(), config).load(&mut &bytes[..])?)
}

fn possible(all: &TransitionBatch, row: usize) -> bool {
    let state = |observations: &[f32]| -> [f64; 4] {
        std::array::from_fn(|entry| f64::from(observations[row * all.features + entry]))
    };
    let (before, after) = (state(&all.observations), state(&all.next_observations));
    let expected = step(before, push(all.actions.row(row)));
    let near = |a: f64, b: f64| (a - b).abs() <= TOLERANCE * (1.0 + a.abs());
    // An episode continues within the bounds, and terminates only outside them.
    let [x, _, angle, _] = after.map(f64::abs);
    let on_the_edge = near(x, FARTHEST) || near(angle, STEEPEST);
    let ends = on_the_edge || (all.terminated[row] == 1.0) == out_of_bounds(&after);
    all.actions.index(row) < 2 && ends && expected.into_iter().zip(after).all(|(a, b)| near(a, b))
}
