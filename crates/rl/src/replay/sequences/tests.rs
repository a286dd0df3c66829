//! Compares windows with the specification.

use proptest::prelude::*;

use super::*;
use crate::mdp::{ActionRow, EpisodeEnd, ObservationSpace, Origin, StepBatch, Stream, rng};
use crate::replay::{ReplayConfig, ReplaySpace};

pub(super) fn buffer(capacity: usize, cut: SequenceConfig) -> ReplayBuffer {
    let space = ReplaySpace {
        observation: ObservationSpace::floats(&["stream", "time"]),
        action_dims: 1,
        state_width: 1,
    };
    let config = ReplayConfig { capacity, streams: 0, n_step: 1, gamma: 0.5 };
    let mut buffer = ReplayBuffer::new(space, config);
    buffer.set_sequences(Some(cut));
    buffer
}

/// A step whose values encode its stream and time.
pub(super) fn step(stream: u32, time: u32, starts: bool, end: Option<EpisodeEnd>) -> StepBatch {
    let (stream_number, now) = (stream as f32, time as f32);
    let mut steps = StepBatch {
        streams: vec![stream],
        starts: vec![starts],
        rewards: vec![now + 0.25],
        behaviour_entropies: vec![0.5],
        origins: vec![Origin::Policy],
        ends: vec![end],
        ..StepBatch::default()
    };
    steps.observations.push(&[stream_number, now], &[]);
    steps.actions.push(ActionRow::Continuous(&[now + 0.5]));
    steps.states.push(&[now + 0.75]);
    if end.is_some() {
        steps.final_observations.push(&[stream_number, now + 1.0], &[]);
    }
    steps
}

#[test]
fn the_first_window_is_padded_in_front_and_the_last_behind() {
    let mut buffer = buffer(128, SequenceConfig { burn_in: 1, learn: 3, stride: 2 });
    for time in 1..=5 {
        buffer.push(&step(0, time, time == 1, (time == 5).then_some(EpisodeEnd::Truncated)));
    }
    let mut all = SequenceBatch::default();
    buffer.gather_all_sequences(false, &mut all);
    assert_eq!((all.batch, all.length, all.features), (2, 4, 2));
    let times: Vec<f32> = all.observations.chunks(2).map(|row| row[1]).collect();
    assert_eq!(times, [0.0, 1.0, 2.0, 3.0, 4.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(all.is_first, [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(all.mask, [0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0]);
    assert_eq!(all.actions.continuous, [0.0, 1.5, 2.5, 3.5, 2.5, 3.5, 4.5, 5.5]);
    assert_eq!((all.truncated[7], all.terminated[7], all.truncated[3]), (1.0, 0.0, 0.0));
    assert_eq!((all.previous_actions.continuous, all.previous_rewards), (vec![0.0, 1.5], vec![0.0, 1.25]));
    assert_eq!(all.initial_states.values, [0.0, 2.75]);
}

#[test]
fn windows_that_are_not_full_yet_wait() {
    let config = SequenceConfig { burn_in: 0, learn: 4, stride: 4 };
    let mut buffer = buffer(128, config);
    (0..4).for_each(|time| _ = buffer.push(&step(0, time, time == 0, None)));
    let mut batch = SequenceBatch::default();
    let windows = |buffer: &ReplayBuffer, cut, batch: &mut SequenceBatch| {
        buffer.gather_all_sequences(cut, batch);
        batch.batch
    };
    assert_eq!((windows(&buffer, false, &mut batch), windows(&buffer, true, &mut batch)), (0, 1));
    assert_eq!(batch.mask, [1.0, 1.0, 1.0, 0.0]);
    // An incomplete one is better than none.
    assert!(buffer.sample_sequences(2, &mut rng(1, Stream::Replay, 0), &mut batch));
    buffer.push(&step(0, 4, false, None));
    assert_eq!(windows(&buffer, false, &mut batch), 1);
    let nothing = self::buffer(128, config);
    assert!(!nothing.sample_sequences(2, &mut rng(1, Stream::Replay, 0), &mut batch));
}

proptest! {
    /// Windows contain the recorded steps in order, across segments, and every transition is in a loss window
    /// at least once.
    #[test]
    fn windows_hold_recorded_steps(
        events in prop::collection::vec((0u32..3, 0u8..40), 1..900),
        (burn_in, learn) in (0usize..5, 1usize..7),
        stride in 1usize..7,
        capacity in 128usize..1000,
    ) {
        let config = SequenceConfig { burn_in, learn, stride: stride.min(learn) };
        let mut buffer = buffer(capacity, config);
        let (mut times, mut fresh) = ([0u32; 3], [true; 3]);
        let mut starts = std::collections::BTreeSet::new();
        for (stream, kind) in events {
            let s = stream as usize;
            let end = match kind { 0 => Some(EpisodeEnd::Terminated), 1 => Some(EpisodeEnd::Truncated), _ => None };
            times[s] += 1;
            if fresh[s] {
                starts.insert((stream, times[s]));
            }
            buffer.push(&step(stream, times[s], fresh[s], end));
            fresh[s] = end.is_some();
            times[s] += u32::from(end.is_some());
        }
        let mut all = SequenceBatch::default();
        buffer.gather_all_sequences(true, &mut all);
        let (length, mut covered) = (all.length, std::collections::BTreeSet::new());
        let mut whole = true;
        for b in 0..all.batch {
            let moment = |m: usize| {
                let row = &all.observations[(b * (length + 1) + m) * 2..][..2];
                (row[0] as u32, row[1] as u32)
            };
            let begin = b * length;
            let inside: Vec<usize> = (0..length).filter(|t| all.rewards[begin + t] > 0.0).collect();
            prop_assert!(inside.windows(2).all(|pair| pair[1] == pair[0] + 1));
            for &t in &inside {
                let (stream, time) = moment(t);
                prop_assert_eq!(moment(t + 1), (stream, time + 1));
                prop_assert_eq!(all.actions.vector(begin + t), [time as f32 + 0.5]);
                prop_assert_eq!(all.rewards[begin + t], time as f32 + 0.25);
                prop_assert_eq!(all.mask[begin + t] == 1.0, t >= burn_in);
                let first = all.is_first[b * (length + 1) + t] == 1.0;
                // A stream whose open segment was overwritten continues as if it had just started.
                let lost = buffer.index.begun > buffer.index.segments as u64;
                prop_assert!(first == starts.contains(&(stream, time)) || (first && lost));
                if t >= burn_in {
                    covered.insert((stream, time));
                }
            }
            let masked = all.mask[begin..begin + length].iter().sum::<f32>();
            prop_assert_eq!(masked, inside.iter().filter(|t| **t >= burn_in).count() as f32);
            let first = |m: usize| all.is_first[b * (length + 1) + m] == 1.0;
            let known = inside.first() == Some(&0) && !first(0);
            let state = all.initial_states.row(b)[0];
            prop_assert_eq!(state, if known { moment(0).1 as f32 + 0.75 } else { 0.0 });
            whole &= inside.first() == Some(&0) || first(inside[0]);
        }
        prop_assert!(whole, "padding in front of what is no beginning");
        // Nothing is omitted except the burn-in of an episode whose beginning is gone, up to its first place.
        let mut transitions = crate::mdp::TransitionBatch::default();
        buffer.gather_all(&mut transitions);
        let oldest = 3 * (burn_in + config.stride) * (1 + buffer.index.segments);
        prop_assert!(transitions.batch <= covered.len() + oldest);
        if buffer.index.begun <= buffer.index.segments as u64 {
            prop_assert_eq!(transitions.batch, covered.len());
        }
        let mut sampled = SequenceBatch::default();
        if buffer.sample_sequences(5, &mut rng(1, Stream::Replay, 0), &mut sampled) {
            prop_assert!(sampled.indices.iter().all(|index| all.indices.contains(index)));
        }
    }
}
