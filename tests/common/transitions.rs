//! The equations of cartpole held against what a run has kept in replay: no transition that cannot have happened.

use std::path::Path;

use entropy_arcade::learner::checkpoint::Checkpoint;
use entropy_arcade::mdp::{Action, TransitionBatch};
use entropy_arcade::replay::{ReplayBuffer, ReplayConfig};
use entropy_arcade::sim::worlds::classic_control::cartpole::{FARTHEST, STEEPEST, out_of_bounds, step};

/// How far an observation may lie from what the equations say of the one before: both were rounded to single precision.
const TOLERANCE: f64 = 1e-5;

/// Transitions of a replay buffer, and how many of them contradict the equations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checked {
    pub transitions: usize,
    pub impossible: usize,
}

/// All transitions that `buffer` holds of cartpole, one step each.
pub fn check(buffer: &ReplayBuffer) -> Checked {
    let mut buffer = buffer.clone();
    buffer.set_returns(1, 0.5);
    let mut all = TransitionBatch::default();
    buffer.gather_all(&mut all);
    let impossible = (0..all.batch).filter(|&row| !possible(&all, row)).count();
    Checked { transitions: all.batch, impossible }
}

/// The same of the latest checkpoint of the run in `folder`.
pub fn check_run(folder: &Path) -> Result<Checked, Box<dyn std::error::Error>> {
    Ok(check(&replay(folder)?))
}

/// What the latest checkpoint of the run in `folder` keeps in replay.
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
    // As many segments of 64 steps as the file says, its fourth number after eight bytes.
    let segments = bytes.get(32..40).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes);
    let capacity = 64 * usize::try_from(segments)?;
    let config = ReplayConfig { capacity, streams: 0, n_step: 1, gamma: 0.5 };
    Ok(ReplayBuffer::new(spec.observation.clone(), config).load(&mut &bytes[..])?)
}

fn possible(all: &TransitionBatch, row: usize) -> bool {
    let state = |observations: &[f32]| -> [f64; 4] {
        std::array::from_fn(|entry| f64::from(observations[row * all.features + entry]))
    };
    let (before, after) = (state(&all.observations), state(&all.next_observations));
    let expected = step(before, Action::Discrete(all.actions[row]));
    let near = |a: f64, b: f64| (a - b).abs() <= TOLERANCE * (1.0 + a.abs());
    // An episode goes on from within the bounds, and ends by itself only beyond them.
    let [x, _, angle, _] = after.map(f64::abs);
    let on_the_edge = near(x, FARTHEST) || near(angle, STEEPEST);
    let ends = on_the_edge || (all.terminated[row] == 1.0) == out_of_bounds(&after);
    all.actions[row] < 2 && ends && expected.into_iter().zip(after).all(|(a, b)| near(a, b))
}
