//! Tests of the replay buffer on disk: what goes on the same, and what is refused.

use super::super::{PriorityConfig, ReplayConfig};
use super::*;
use crate::mdp::{Action, ObservationSpace, Origin, StepBatch, Stream, TransitionBatch, rng};

/// A step of one of two streams in turn that says when it is.
fn step(time: u32, starts: bool) -> StepBatch {
    let mut steps = StepBatch {
        streams: vec![time % 2],
        starts: vec![starts],
        actions: vec![Action::Discrete(1)],
        rewards: vec![time as f32],
        behaviour_entropies: vec![0.5],
        origins: vec![Origin::Policy],
        ends: vec![None],
        ..StepBatch::default()
    };
    steps.observations.push(&[time as f32], &[]);
    steps
}

fn filled() -> ReplayBuffer {
    let space = ObservationSpace { vector: vec!["x".into()], grid: None };
    let mut buffer =
        ReplayBuffer::new(space, ReplayConfig { capacity: 200, streams: 2, n_step: 2, gamma: 0.9 });
    (0..500).for_each(|time| _ = buffer.push(&step(time, time < 2)));
    buffer
}

#[test]
fn a_saved_buffer_goes_on_the_same() {
    let buffer = filled();
    let mut bytes = Vec::new();
    buffer.save(&mut bytes).unwrap();
    let loaded = buffer.load(&mut bytes.as_slice()).unwrap();
    assert_eq!(loaded, buffer);
    let (mut a, mut b) = (TransitionBatch::default(), TransitionBatch::default());
    buffer.sample(32, &mut rng(1, Stream::Replay, 0), &mut a);
    loaded.sample(32, &mut rng(1, Stream::Replay, 0), &mut b);
    assert_eq!(a, b);
}

/// Remembers the most that was ever asked for at once.
struct Asked<'a>(&'a [u8], usize);

impl Read for Asked<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.1 = self.1.max(into.len());
        self.0.read(into)
    }
}

#[test]
fn what_is_saved_is_read_in_blocks() {
    let space = ObservationSpace { vector: vec!["x".into(); 40], grid: None };
    let config = ReplayConfig { capacity: 200, streams: 2, n_step: 1, gamma: 0.9 };
    let mut buffer = ReplayBuffer::new(space, config);
    for time in 0..500 {
        let mut steps = step(time, time < 2);
        steps.observations.clear();
        steps.observations.push(&[time as f32; 40], &[]);
        buffer.push(&steps);
    }
    let mut bytes = Vec::new();
    buffer.save(&mut bytes).unwrap();
    let mut input = Asked(&bytes, 0);
    assert_eq!(buffer.load(&mut input).unwrap(), buffer);
    assert!(input.1 <= 4096, "{} bytes at once", input.1);
}

const PROPORTIONAL: PriorityConfig = PriorityConfig { exponent: 0.6, epsilon: 1e-3, initial: 1.0 };

fn prioritized() -> ReplayBuffer {
    let mut buffer = filled();
    buffer.set_priorities(Some(PROPORTIONAL));
    let mut batch = TransitionBatch::default();
    for seed in 0..20 {
        buffer.sample_prioritized(16, 0.4, &mut rng(seed, Stream::Replay, 0), &mut batch);
        let errors: Vec<f32> = batch.indices.iter().map(|&index| 0.1 * (index % 31) as f32).collect();
        buffer.update_priorities(&batch.indices, &errors);
    }
    buffer
}

#[test]
fn priorities_go_on_the_same() {
    let buffer = prioritized();
    let mut bytes = Vec::new();
    buffer.save(&mut bytes).unwrap();
    let mut like = filled();
    like.set_priorities(Some(PROPORTIONAL));
    let loaded = like.load(&mut bytes.as_slice()).unwrap();
    assert_eq!(loaded, buffer);
    let (mut a, mut b) = (TransitionBatch::default(), TransitionBatch::default());
    buffer.sample_prioritized(32, 0.7, &mut rng(3, Stream::Replay, 0), &mut a);
    loaded.sample_prioritized(32, 0.7, &mut rng(3, Stream::Replay, 0), &mut b);
    assert_eq!(a, b);
    // A run without priorities leaves them behind.
    assert_eq!(filled().load(&mut bytes.as_slice()).unwrap(), filled());
    // Each cut and each damaged byte of the priorities is refused or read, never a panic.
    for position in bytes.len() - 2000..bytes.len() {
        assert!(like.load(&mut &bytes[..position]).is_err());
        let mut damaged = bytes.clone();
        damaged[position] ^= 0xff;
        _ = like.load(&mut damaged.as_slice());
    }
}

#[test]
fn files_without_priorities_give_everything_the_largest() {
    let mut bytes = Vec::new();
    filled().save(&mut bytes).unwrap();
    // Version 1 ended where version 2 says whether priorities follow.
    let mut old = bytes[..bytes.len() - 8].to_vec();
    old[8] = 1;
    let mut expected = filled();
    expected.set_priorities(Some(PROPORTIONAL));
    for bytes in [bytes, old] {
        assert_eq!(filled().load(&mut bytes.as_slice()).unwrap(), filled());
        let loaded = expected.load(&mut bytes.as_slice()).unwrap();
        assert_eq!(loaded, expected);
        let priorities = loaded.priorities().unwrap();
        assert_eq!((priorities.filled(), priorities.total()), (loaded.len(), loaded.len() as f64));
    }
}

/// Observation, action, reward, next observation of everything that can be sampled, by time.
fn transitions(buffer: &ReplayBuffer) -> Vec<[u32; 4]> {
    let mut buffer = buffer.clone();
    buffer.set_returns(1, 0.5);
    let mut all = TransitionBatch::default();
    buffer.gather_all(&mut all);
    let row = |row: usize| {
        let [before, reward, after] =
            [all.observations[row], all.n_step_returns[row], all.next_observations[row]];
        [before as u32, u32::from(all.actions[row]), reward as u32, after as u32]
    };
    let mut all: Vec<_> = (0..all.batch).map(row).collect();
    all.sort_unstable();
    all
}

#[test]
fn damaged_bytes_are_refused_or_harmless() {
    let buffer = prioritized();
    let mut bytes = Vec::new();
    buffer.save(&mut bytes).unwrap();
    assert!(buffer.load(&mut &bytes[..bytes.len() / 2]).is_err());
    assert!(buffer.load(&mut &b"something else altogether"[..]).is_err());
    let whole = transitions(&buffer);
    let mut refused = 0;
    for position in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[position] ^= 0xff;
        let mut loaded = match buffer.load(&mut damaged.as_slice()) {
            Ok(loaded) => loaded,
            Err(error) => {
                assert_eq!(error.to_string().lines().count(), 1, "{error}");
                refused += 1;
                continue;
            }
        };
        // Of the head only the numbers of segments, there and begun, can differ and leave all there is in its place.
        if position < 64 {
            assert!((32..48).contains(&position), "byte {position} of the head is not looked at");
            assert_eq!(transitions(&loaded), whole);
        }
        // What is only a value is one that can be learned from, and everything goes on.
        assert_eq!(loaded.len(), loaded.flags.iter().filter(|&&flags| flags & VALID != 0).count());
        let mut all = TransitionBatch::default();
        loaded.gather_all(&mut all);
        let values =
            [&all.observations, &all.next_observations, &all.n_step_returns, &all.behaviour_entropies];
        assert!(values.into_iter().flatten().all(|value| value.is_finite()), "byte {position}");
        loaded.sample_prioritized(16, 0.5, &mut rng(1, Stream::Replay, 0), &mut all);
        (500..640).for_each(|time| _ = loaded.push(&step(time, false)));
    }
    assert!(refused > 500, "{refused}");
}

#[test]
fn what_is_not_finite_in_a_file_is_left_out() {
    let mut buffer = prioritized();
    let whole = transitions(&buffer);
    let valid: Vec<usize> = (0..buffer.flags.len()).filter(|&at| buffer.flags[at] & VALID != 0).collect();
    let of = |entry: usize, buffer: &ReplayBuffer| buffer.rewards[entry] as u32;
    let gone = [valid[10], valid[50], valid[90], valid[91]].map(|entry| of(entry, &buffer));
    buffer.rewards[valid[10]] = f32::NAN;
    buffer.entropies[valid[50]] = f32::INFINITY;
    // What one transition leads to is what the next begins with.
    buffer.vectors[valid[91]] = f32::NEG_INFINITY;
    for cursor in buffer.cursors.clone().into_iter().flatten() {
        buffer.rewards[cursor.last()] = f32::NAN;
    }
    let mut bytes = Vec::new();
    buffer.save(&mut bytes).unwrap();
    let mut loaded = buffer.load(&mut bytes.as_slice()).unwrap();
    let expected: Vec<_> = whole.into_iter().filter(|row| !gone.contains(&row[0])).collect();
    assert_eq!(transitions(&loaded), expected);
    let priorities = loaded.priorities().unwrap();
    assert_eq!((loaded.len(), priorities.filled()), (expected.len(), expected.len()));
    // Nor is the last step of a stream completed by what comes next.
    (500..502).for_each(|time| _ = loaded.push(&step(time, false)));
    assert_eq!(loaded.len(), expected.len());
}

#[test]
fn streams_that_are_cut_are_not_gone_on_with() {
    let mut buffer = filled();
    let before = transitions(&buffer);
    buffer.cut_streams();
    (700..704).for_each(|time| _ = buffer.push(&step(time, false)));
    let mut expected = before;
    expected.extend([[700, 1, 700, 702], [701, 1, 701, 703]]);
    assert_eq!(transitions(&buffer), expected);
}
