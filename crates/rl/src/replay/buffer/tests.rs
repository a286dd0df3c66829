//! Tests of storage, sampling and priorities of the replay buffer.

use proptest::prelude::*;

use super::*;
use crate::mdp::{EpisodeEnd, ObservationBatch, ObservationSpace, Stream, TransitionBatch, rng};
use crate::replay::index::VALID;

fn space() -> ObservationSpace {
    ObservationSpace { vector: vec!["x".into(), "y".into()], grid: None }
}

fn config(capacity: usize, n_step: usize) -> ReplayConfig {
    ReplayConfig { capacity, streams: 0, n_step, gamma: 0.5 }
}

/// A step whose observation encodes its stream and time.
fn step(stream: u32, time: u32, starts: bool, end: Option<EpisodeEnd>) -> StepBatch {
    let mut steps = StepBatch {
        streams: vec![stream],
        starts: vec![starts],
        actions: vec![(time % 7) as u16].into(),
        rewards: vec![time as f32],
        behaviour_entropies: vec![0.0],
        origins: vec![Origin::Policy],
        ends: vec![end],
        ..StepBatch::default()
    };
    steps.observations.push(&[stream as f32, time as f32], &[]);
    if end.is_some() {
        steps.final_observations.push(&[stream as f32, time as f32 + 1.0], &[]);
    }
    steps
}

#[test]
fn memory_per_transition_is_one_observation_and_little_more() {
    for (vector, grid) in [(9, None), (4, Some(crate::mdp::GridShape { channels: 5, height: 7, width: 9 }))] {
        let space = ObservationSpace { vector: vec![String::new(); vector], grid };
        let observation = space.bytes();
        let mut buffer = ReplayBuffer::new(space, config(100_000, 1));
        for priorities in [None, Some(proportional(0.6))] {
            buffer.set_priorities(priorities);
            let each = buffer.bytes() as f64 / buffer.capacity() as f64;
            assert!(each <= 1.1 * observation as f64 + 32.0, "{each} bytes for {observation}");
        }
    }
}

#[test]
fn only_termination_stops_bootstrapping() {
    let mut buffer = ReplayBuffer::new(space(), config(128, 1));
    buffer.push(&step(0, 1, true, Some(EpisodeEnd::Truncated)));
    buffer.push(&step(0, 5, true, Some(EpisodeEnd::Terminated)));
    let mut batch = TransitionBatch::default();
    assert!(buffer.sample(50, &mut rng(1, Stream::Replay, 0), &mut batch));
    for row in 0..50 {
        let time = batch.observations[2 * row + 1];
        assert_eq!(batch.terminated[row], if time == 5.0 { 1.0 } else { 0.0 });
        assert_eq!(batch.next_observations[2 * row + 1], time + 1.0);
    }
}

#[test]
fn a_batch_holds_the_configured_human_fraction() {
    let mut buffer = ReplayBuffer::new(space(), config(640, 1));
    for time in 0..2000 {
        let mut one = step(0, time, time == 0, None);
        // A person plays every tenth step.
        one.origins[0] = if time % 10 == 0 { Origin::Human } else { Origin::Policy };
        buffer.push(&one);
    }
    let held = buffer.human_share();
    assert!((0.08..0.12).contains(&held), "{held}");
    let mut rng = rng(1, Stream::Replay, 0);
    let mut human = |buffer: &ReplayBuffer, share| {
        let mut batch = TransitionBatch::default();
        assert!(buffer.sample_shared(64, share, &mut rng, &mut batch));
        assert_eq!(batch.batch, 64);
        batch.observations.chunks(2).filter(|row| (row[1] as u32).is_multiple_of(10)).count()
    };
    assert_eq!([0.0, 0.25, 0.5, 1.0].map(|share| human(&buffer, share)), [0, 16, 32, 64]);
    // Saved and loaded, it samples the same.
    let mut bytes = Vec::new();
    buffer.save(&mut bytes).unwrap();
    assert_eq!(buffer.load(&mut bytes.as_slice()).unwrap(), buffer);
    // Without a person's steps, the batch is still full.
    let mut alone = ReplayBuffer::new(space(), config(640, 1));
    (0..100).for_each(|time| _ = alone.push(&step(0, time * 10 + 1, time == 0, None)));
    assert_eq!(human(&alone, 0.5), 0);
}

#[test]
fn a_gap_in_a_stream_is_never_bridged() {
    let mut buffer = ReplayBuffer::new(space(), config(128, 1));
    buffer.push(&step(0, 1, true, None));
    buffer.push(&step(0, 2, false, None));
    buffer.push(&step(0, 50, true, None));
    buffer.push(&step(0, 51, false, None));
    assert_eq!(buffer.len(), 2, "1→2 and 50→51");
}

#[test]
fn more_streams_than_segments_lose_transitions_and_nothing_else() {
    let mut buffer = ReplayBuffer::new(space(), config(128, 1));
    for time in 0..500 {
        for stream in 0..5 {
            buffer.push(&step(stream, time, time == 0, None));
        }
        let counted = buffer.index.flags.iter().filter(|&&flags| flags & VALID != 0).count();
        assert_eq!(buffer.len(), counted);
        let mut batch = TransitionBatch::default();
        assert_eq!(buffer.sample(4, &mut rng(1, Stream::Replay, 0), &mut batch), counted > 0);
    }
    let roomy = ReplayBuffer::new(space(), ReplayConfig { streams: 100, ..config(128, 1) });
    assert!(roomy.capacity() >= 100 * 4 * SEGMENT_STEPS);
}

proptest! {
    /// Every sample is a real transition, however streams interleave, end and wrap around.
    #[test]
    fn samples_are_recorded_transitions(
        events in prop::collection::vec((0u32..3, 0u8..12), 1..1500),
        capacity in 128usize..600,
        n_step in 1usize..5,
    ) {
        let mut buffer = ReplayBuffer::new(space(), config(capacity, n_step));
        let mut times = [0u32; 3];
        let mut fresh = [true; 3];
        // By (stream, time): the episode's end at that step.
        let mut ends = std::collections::HashMap::new();
        for (stream, kind) in events {
            let s = stream as usize;
            let end = match kind { 0 => Some(EpisodeEnd::Terminated), 1 => Some(EpisodeEnd::Truncated), _ => None };
            times[s] += 1;
            buffer.push(&step(stream, times[s], fresh[s], end));
            ends.insert((stream, times[s]), end);
            fresh[s] = end.is_some();
            // The final observation is "time + 1"; leave that number to it.
            times[s] += u32::from(end.is_some());
        }
        let mut batch = TransitionBatch::default();
        if buffer.sample(64, &mut rng(7, Stream::Replay, 0), &mut batch) {
            for row in 0..64 {
                let (stream, time) = (batch.observations[2 * row] as u32, batch.observations[2 * row + 1] as u32);
                let reached = batch.next_observations[2 * row + 1] as u32;
                prop_assert_eq!(batch.next_observations[2 * row] as u32, stream);
                let m = reached - time;
                prop_assert!(m >= 1 && m as usize <= n_step);
                prop_assert_eq!(batch.discounts[row], 0.5f32.powi(m as i32));
                let expected: f32 = (0..m).map(|k| 0.5f32.powi(k as i32) * (time + k) as f32).sum();
                prop_assert_eq!(batch.n_step_returns[row], expected);
                for k in 0..m - 1 {
                    prop_assert_eq!(ends[&(stream, time + k)], None);
                }
                let terminated = ends[&(stream, time + m - 1)] == Some(EpisodeEnd::Terminated);
                prop_assert_eq!(batch.terminated[row] == 1.0, terminated);
            }
        }
        prop_assert!(buffer.len() <= buffer.capacity());
        prop_assert_eq!(buffer.len(), buffer.index.flags.iter().filter(|&&flags| flags & VALID != 0).count());
    }
}

fn proportional(exponent: f64) -> PriorityConfig {
    PriorityConfig { exponent, epsilon: 0.01, initial: 1.0 }
}

#[test]
fn high_priorities_are_drawn_more_often_and_weighted_less() {
    let mut buffer = ReplayBuffer::new(space(), config(128, 1));
    buffer.set_priorities(Some(PriorityConfig { epsilon: 1e-9, ..proportional(1.0) }));
    for time in 0..3 {
        buffer.push(&step(0, time, time == 0, None));
    }
    buffer.update_priorities(&[0, 1], &[3.0, -1.0]);
    let mut batch = TransitionBatch::default();
    assert!(buffer.sample_prioritized(400, 1.0, &mut rng(1, Stream::Replay, 0), &mut batch));
    let first = batch.indices.iter().filter(|&&entry| entry == 0).count();
    assert_eq!((first, batch.batch), (300, 400), "strata leave little to chance");
    for row in 0..400 {
        let expected = if batch.indices[row] == 0 { 1.0 / 3.0 } else { 1.0 };
        assert!((batch.weights[row] - expected).abs() < 1e-6);
    }
}

proptest! {
    /// Priorities stay with their transitions while these are completed, updated and overwritten; final
    /// observations and open ends have none.
    #[test]
    fn priorities_belong_to_transitions(
        events in prop::collection::vec((0u32..3, 0u8..14, -2.0f32..2.0), 1..900),
        capacity in 128usize..500,
        n_step in 1usize..4,
        exponent in 0.1f64..1.0,
        seed in 0u64..1000,
    ) {
        let mut buffer = ReplayBuffer::new(space(), config(capacity, n_step));
        buffer.set_priorities(Some(proportional(exponent)));
        let (mut times, mut fresh) = ([0u32; 3], [true; 3]);
        // By (stream, time): raw priority.
        let mut known = std::collections::BTreeMap::new();
        let mut largest = 1.0f64;
        let mut random = rng(seed, Stream::Replay, 0);
        let (mut batch, mut all) = (TransitionBatch::default(), TransitionBatch::default());
        for (count, (stream, kind, td_error)) in events.into_iter().enumerate() {
            let s = stream as usize;
            if kind >= 12 {
                if buffer.sample_prioritized(8, 0.5, &mut random, &mut batch) {
                    let errors: Vec<f32> = (0..8).map(|row| td_error * row as f32).collect();
                    for (row, error) in errors.iter().enumerate() {
                        let raw = f64::from(*error).abs() + 0.01;
                        let key = [0, 1].map(|i| batch.observations[2 * row + i] as u32);
                        prop_assert!(known.insert(key, raw).is_some(), "{:?} was not sampleable", key);
                        largest = largest.max(raw);
                    }
                    buffer.update_priorities(&batch.indices, &errors);
                }
            } else {
                let end = match kind { 0 => Some(EpisodeEnd::Terminated), 1 => Some(EpisodeEnd::Truncated), _ => None };
                times[s] += 1;
                buffer.push(&step(stream, times[s], fresh[s], end));
                fresh[s] = end.is_some();
                times[s] += u32::from(end.is_some());
            }
            if !(kind < 12 || count % 50 == 0) {
                continue;
            }
            buffer.gather_all(&mut all);
            let mut now = std::collections::BTreeMap::new();
            let mut total = 0.0;
            let priorities = buffer.priorities().unwrap();
            for row in 0..all.batch {
                let key = [0, 1].map(|i| all.observations[2 * row + i] as u32);
                let raw = known.get(&key).copied().unwrap_or(largest);
                prop_assert_eq!(priorities.raw(all.indices[row] as usize), Some(raw));
                now.insert(key, raw);
                total += raw.powf(exponent);
            }
            known = now;
            prop_assert_eq!((priorities.filled(), all.batch), (buffer.len(), buffer.len()));
            prop_assert!((priorities.total() - total).abs() < 1e-9 * total.max(1.0));
        }
        let mut bytes = Vec::new();
        buffer.save(&mut bytes).unwrap();
        let mut empty = ReplayBuffer::new(space(), config(capacity, n_step));
        empty.set_priorities(Some(proportional(exponent)));
        prop_assert_eq!(empty.load(&mut bytes.as_slice()).unwrap(), buffer);
    }
}

#[test]
fn observations_of_bytes_read_as_shares_of_255() {
    let grid = crate::mdp::GridShape { channels: 1, height: 1, width: 2 };
    let mut buffer = ReplayBuffer::new(ObservationSpace { vector: vec![], grid: Some(grid) }, config(128, 1));
    let mut steps = step(0, 0, true, Some(EpisodeEnd::Terminated));
    steps.observations = ObservationBatch { count: 1, vector: vec![], grid: vec![255, 0] };
    steps.final_observations = ObservationBatch { count: 1, vector: vec![], grid: vec![0, 51] };
    buffer.push(&steps);
    let mut batch = TransitionBatch::default();
    buffer.sample(1, &mut rng(1, Stream::Replay, 0), &mut batch);
    assert!((batch.observations[0] - 1.0).abs() < 1e-6 && (batch.next_observations[1] - 0.2).abs() < 1e-6);
}
