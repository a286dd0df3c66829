//! Compares priorities and stored states of sequences with plain lists of what was recorded.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::tests::{buffer, step};
use super::*;
use crate::mdp::{EpisodeEnd, Origin, Stream, rng};
use crate::replay::{PriorityConfig, ReplayConfig};

const PROPORTIONAL: PriorityConfig = PriorityConfig { exponent: 0.7, epsilon: 0.01, initial: 1.0 };

/// The key of sequence `b` of `batch`: stream and time of its window's first moment.
fn key(batch: &SequenceBatch, b: usize) -> [u32; 2] {
    let row = (b * (batch.length + 1) + batch.burn_in) * batch.features;
    [0, 1].map(|i| batch.observations[row + i] as u32)
}

/// Events of three streams: a step that may end its episode, an interruption, or a sampled batch with errors.
fn events() -> impl Strategy<Value = Vec<(u32, u8, f32)>> {
    prop::collection::vec((0u32..3, 0u8..44, 0.0f32..3.0), 1..900)
}

/// Streams whose values encode stream and time.
#[derive(Default)]
struct Streams {
    times: [u32; 3],
    open: [bool; 3],
}

impl Streams {
    fn push(&mut self, buffer: &mut ReplayBuffer, stream: u32, kind: u8) {
        let s = stream as usize;
        let end = match kind {
            0 => Some(EpisodeEnd::Terminated),
            1 => Some(EpisodeEnd::Truncated),
            _ => None,
        };
        self.times[s] += 1;
        let starts = !self.open[s] || kind == 2;
        assert_eq!(buffer.push(&step(stream, self.times[s], starts, end)), 0);
        self.open[s] = end.is_none();
        self.times[s] += u32::from(end.is_some());
    }
}

proptest! {
    /// Every whole window is an item, with the priority it was given last or the largest there was; nothing else is. A
    /// saved, a resized and a differently cut buffer have what follows from that.
    #[test]
    fn priorities_belong_to_whole_windows(
        events in events(),
        (burn_in, learn, stride) in (0usize..70, 1usize..9, 1usize..9),
        capacity in 128usize..900,
        seed in 0u64..1000,
    ) {
        let config = SequenceConfig { burn_in, learn, stride: stride.min(learn) };
        let mut buffer = buffer(capacity, config);
        buffer.set_priorities(Some(PROPORTIONAL));
        let mut streams = Streams::default();
        let mut known: BTreeMap<[u32; 2], f64> = BTreeMap::new();
        let mut largest = 1.0f64;
        let mut random = rng(seed, Stream::Replay, 0);
        let (mut batch, mut all) = (SequenceBatch::default(), SequenceBatch::default());
        let mut stale: Option<(SequenceBatch, Vec<[u32; 2]>)> = None;
        for (count, (stream, kind, error)) in events.into_iter().enumerate() {
            if kind < 40 {
                streams.push(&mut buffer, stream, kind);
            } else if buffer.sample_sequences_prioritized(4, 0.5, &mut random, &mut batch) {
                let errors: Vec<f32> = (0..4).map(|b| error * b as f32).collect();
                for (b, error) in errors.iter().enumerate() {
                    let raw = f64::from(*error) + 0.01;
                    prop_assert!(known.insert(key(&batch, b), raw).is_some());
                    largest = largest.max(raw);
                }
                buffer.update_sequence_priorities(&batch, &errors);
                // The same batch again, a while later: only what is still there may change.
                if let Some((old, keys)) = stale.replace((batch.clone(), (0..4).map(|b| key(&batch, b)).collect())) {
                    buffer.update_sequence_priorities(&old, &[0.5; 4]);
                    for (b, key) in keys.iter().enumerate() {
                        let entry = old.indices[b] as usize;
                        let there = buffer.index.generations[entry / SEGMENT_ENTRIES] == old.generations[b];
                        if let Some(raw) = known.get_mut(key).filter(|_| there) {
                            *raw = 0.51;
                        }
                    }
                }
            }
            if count % 7 != 0 && kind < 40 {
                buffer.gather_all_sequences(false, &mut all);
                for b in 0..all.batch {
                    known.entry(key(&all, b)).or_insert(largest);
                }
                continue;
            }
            buffer.gather_all_sequences(false, &mut all);
            let priorities = buffer.priorities().unwrap();
            let mut now = BTreeMap::new();
            for b in 0..all.batch {
                let raw = known.get(&key(&all, b)).copied().unwrap_or(largest);
                prop_assert_eq!(priorities.raw(all.indices[b] as usize), Some(raw));
                now.insert(key(&all, b), raw);
            }
            prop_assert_eq!(priorities.filled(), all.batch);
            known = now;
        }
        let mut bytes = Vec::new();
        buffer.save(&mut bytes).unwrap();
        prop_assert_eq!(&buffer.load(&mut bytes.as_slice()).unwrap(), &buffer);
        // In another size the newest are left, each with its own priority.
        for capacity in [1200, 128] {
            let other = ReplayConfig { capacity, ..buffer.config };
            let mut resized = buffer.clone();
            resized.resize(other);
            let mut empty = self::buffer(capacity, config);
            empty.set_priorities(Some(PROPORTIONAL));
            prop_assert_eq!(&empty.load(&mut bytes.as_slice()).unwrap(), &resized);
            resized.gather_all_sequences(false, &mut all);
            let priorities = resized.priorities().unwrap();
            prop_assert_eq!(priorities.filled(), all.batch);
            for b in 0..all.batch {
                let raw = known.get(&key(&all, b)).copied().unwrap_or(largest);
                prop_assert_eq!(priorities.raw(all.indices[b] as usize), Some(raw));
            }
        }
        // Cut differently, all are new.
        buffer.set_sequences(Some(SequenceConfig { learn: learn + 1, ..config }));
        buffer.gather_all_sequences(false, &mut all);
        let priorities = buffer.priorities().unwrap();
        prop_assert_eq!(priorities.filled(), all.batch);
        prop_assert!(all.indices.iter().all(|at| priorities.raw(*at as usize) == Some(largest)));
        bytes.clear();
        buffer.save(&mut bytes).unwrap();
        prop_assert_eq!(&buffer.load(&mut bytes.as_slice()).unwrap(), &buffer);
    }

    /// Every sequence has the state that was recorded before its first moment, and no segment has more states than its
    /// sequences can use.
    #[test]
    fn states_are_those_of_first_moments(
        events in events(),
        (burn_in, learn, stride) in (0usize..70, 1usize..20, 1usize..20),
        capacity in 128usize..900,
    ) {
        let config = SequenceConfig { burn_in, learn, stride: stride.min(learn) };
        let mut buffer = buffer(capacity, config);
        let mut streams = Streams::default();
        let mut all = SequenceBatch::default();
        for (stream, kind, _) in events {
            streams.push(&mut buffer, stream, kind.min(30));
            let most = crate::replay::states::most_states(config.stride);
            let mut counts = BTreeMap::<usize, usize>::new();
            for (entry, _) in buffer.columns.states.iter() {
                *counts.entry(entry / SEGMENT_ENTRIES).or_default() += 1;
            }
            prop_assert!(counts.values().all(|count| *count <= most), "{counts:?}");
        }
        buffer.gather_all_sequences(true, &mut all);
        for b in 0..all.batch {
            let row = b * (all.length + 1);
            let time = all.observations[row * 2 + 1];
            let real = all.rewards[b * all.length] > 0.0 && all.is_first[row] == 0.0;
            prop_assert_eq!(all.initial_states.row(b), [if real { time + 0.75 } else { 0.0 }]);
        }
        // What is there after a while is what was recorded.
        let mut bytes = Vec::new();
        buffer.save(&mut bytes).unwrap();
        prop_assert_eq!(&buffer.load(&mut bytes.as_slice()).unwrap(), &buffer);
        for (entry, state) in buffer.columns.states.iter() {
            prop_assert_eq!(state, [buffer.columns.vectors[entry * 2 + 1] + 0.75]);
            prop_assert!(buffer.index.begins_sequence(entry));
        }
        // With a longer burn-in on the same grid, an episode's last states are too late for a window.
        let mut states: Vec<usize> = buffer.columns.states.iter().map(|(entry, _)| entry).collect();
        buffer.set_sequences(Some(SequenceConfig { burn_in: burn_in + config.stride, ..config }));
        states.retain(|entry| buffer.index.state_is_of_use(*entry));
        prop_assert_eq!(buffer.columns.states.iter().map(|(entry, _)| entry).collect::<Vec<_>>(), states);
        buffer.set_state_width(2);
        prop_assert_eq!(buffer.states(), 0);
    }
}

/// Streams that are interrupted again and again leave no states behind that take the place of useful ones.
#[test]
fn interrupted_episodes_keep_no_useless_states() {
    let config = SequenceConfig { burn_in: 15, learn: 17, stride: 17 };
    let mut buffer = buffer(640, config);
    let mut all = SequenceBatch::default();
    for time in 0..60 {
        if time % 8 == 7 {
            buffer.cut_streams();
        }
        buffer.push(&step(0, time, time % 4 == 0, None));
    }
    assert!(buffer.states() <= 1, "{} states of episodes shorter than a stride", buffer.states());
    (60..200).for_each(|time| _ = buffer.push(&step(0, time, time == 60, None)));
    buffer.gather_all_sequences(true, &mut all);
    let later: Vec<usize> = (0..all.batch).filter(|b| key(&all, *b)[1] >= 60 + 17).collect();
    assert!(later.len() > 5, "{later:?}");
    for b in later {
        assert_eq!(all.initial_states.row(b), [key(&all, b)[1] as f32 - 15.0 + 0.75]);
    }
}

#[test]
fn a_state_is_stored_once_in_a_stride() {
    for (stride, width) in [(1, 1), (10, 1), (32, 1)] {
        let mut buffer = buffer(20_000, SequenceConfig { burn_in: 7, learn: 40, stride });
        (0..40_000).for_each(|time| _ = buffer.push(&step(0, time, time == 0, None)));
        let floats = buffer.states() as f64 * f64::from(width) / buffer.len() as f64;
        let expected = f64::from(width) / stride as f64;
        assert!(
            (floats / expected - 1.0).abs() < 0.02,
            "{floats} floats per transition, {expected} expected"
        );
        let bytes = buffer.columns.states.bytes() as f64 / buffer.len() as f64;
        assert!(bytes < 5.2 * expected, "{bytes} bytes per transition");
    }
}

#[test]
fn sequences_are_drawn_in_proportion_to_their_priorities() {
    let mut buffer = buffer(640, SequenceConfig { burn_in: 2, learn: 4, stride: 4 });
    buffer.set_priorities(Some(PriorityConfig { exponent: 1.0, epsilon: 0.5, initial: 1.0 }));
    (0..=40).for_each(|time| _ = buffer.push(&step(0, time, time == 0, None)));
    let mut all = SequenceBatch::default();
    buffer.gather_all_sequences(false, &mut all);
    assert_eq!(all.batch, 10);
    let errors: Vec<f32> = (0..10).map(|b| b as f32).collect();
    buffer.update_sequence_priorities(&all, &errors);
    let (mut counts, mut batch) = (BTreeMap::<u32, u32>::new(), SequenceBatch::default());
    let (mut random, rounds) = (rng(4, Stream::Replay, 0), 2_000);
    for _ in 0..rounds {
        assert!(buffer.sample_sequences_prioritized(5, 0.4, &mut random, &mut batch));
        batch.indices.iter().for_each(|index| *counts.entry(*index).or_default() += 1);
        // The weight of a sequence is (N P)^-0.4, divided by the largest of the batch.
        let plain: Vec<f64> = (batch.indices.iter())
            .map(|index| (10.0 * buffer.priorities().unwrap().probability(*index as usize)).powf(-0.4))
            .collect();
        let most = plain.iter().copied().fold(0.0, f64::max);
        let close = |(own, plain): (&f32, &f64)| (f64::from(*own) - plain / most).abs() < 1e-6;
        assert!(batch.weights.iter().zip(&plain).all(close));
    }
    let total: f64 = (0..10).map(|b| f64::from(b) + 0.5).sum();
    for (b, index) in all.indices.iter().enumerate() {
        let expected = (b as f64 + 0.5) / total * 5.0 * f64::from(rounds);
        let found = f64::from(counts.get(index).copied().unwrap_or(0));
        // Four standard deviations of independent draws; strata have less.
        assert!((found - expected).abs() < 4.0 * expected.sqrt(), "{b}: {found}, {expected} expected");
    }
}

#[test]
fn a_share_of_sequences_has_a_persons_steps() {
    let mut buffer = buffer(2_000, SequenceConfig { burn_in: 2, learn: 4, stride: 4 });
    for time in 1..=1_000 {
        let mut one = step(0, time, time == 1, None);
        // A person plays 40 steps of every 200.
        let human = time % 200 < 40;
        one.origins = vec![if human { Origin::Human } else { Origin::Policy }];
        buffer.push(&one);
    }
    let mut batch = SequenceBatch::default();
    let human = |batch: &SequenceBatch, b: usize| {
        (0..4).any(|t| batch.observations[(b * 7 + 2 + t) * 2 + 1] as u32 % 200 < 40)
    };
    for (share, wanted) in [(0.0, 0), (0.25, 2), (0.5, 4), (1.0, 8)] {
        for seed in 0..50 {
            assert!(buffer.sample_sequences_shared(8, share, &mut rng(seed, Stream::Replay, 0), &mut batch));
            let found = (0..8).filter(|b| human(&batch, *b)).count();
            // A window in which a person takes over is selected by steps of both.
            assert!((0..wanted).all(|b| human(&batch, b)) && found <= wanted + 3, "{found}, {wanted} wanted");
        }
    }
    let mut alone = self::buffer(640, SequenceConfig { burn_in: 2, learn: 4, stride: 4 });
    (1..=100).for_each(|time| _ = alone.push(&step(0, time, time == 1, None)));
    let [mut a, mut b] = [SequenceBatch::default(), SequenceBatch::default()];
    assert!(alone.sample_sequences_shared(8, 0.5, &mut rng(1, Stream::Replay, 0), &mut a));
    assert!(alone.sample_sequences(8, &mut rng(1, Stream::Replay, 0), &mut b));
    assert_eq!(a, b, "there is no person");
}

#[test]
fn places_keep_their_priority_when_an_episode_loses_its_beginning() {
    let mut buffer = buffer(256, SequenceConfig { burn_in: 3, learn: 6, stride: 5 });
    buffer.set_priorities(Some(PROPORTIONAL));
    let mut all = SequenceBatch::default();
    for time in 0..3_000 {
        buffer.push(&step(0, time, time == 0, None));
        if time % 50 == 49 {
            buffer.gather_all_sequences(false, &mut all);
            let errors: Vec<f32> = (0..all.batch).map(|b| key(&all, b)[1] as f32).collect();
            buffer.update_sequence_priorities(&all, &errors);
        }
    }
    buffer.gather_all_sequences(false, &mut all);
    assert!(all.batch > 30, "{}", all.batch);
    for b in 0..all.batch {
        let time = key(&all, b)[1];
        assert_eq!(time % 5, 0, "the grid begins with the episode, which is long overwritten");
        let raw = buffer.priorities().unwrap().raw(all.indices[b] as usize);
        assert_eq!(raw, Some(f64::from(time) + 0.01));
        assert_eq!(all.initial_states.row(b), [time as f32 - 3.0 + 0.75]);
    }
}
