//! Properties of the gradient step on sequences that no single vector shows: the values themselves are held to the
//! conformance vectors in `tests/conformance`.

use rand::RngExt as _;

use super::*;
use crate::algo::sac::fused::together::{compare, together};
use crate::algo::sac::{ActorGradient, SacUpdate, SequenceTraining, Temperature};
use crate::mdp::{ActionBatch, StateBatch};
use crate::nn::memory::{Memory, Recurrent, Transformer};

fn memories() -> Vec<Memory> {
    let sizes = |hidden| Recurrent { hidden, embed: Some(6), skip: true, timescale: None };
    let transformer = Transformer { width: 8, heads: 2, blocks: 2, mlp: 9, window: 4, spatial: None };
    vec![Memory::Lstm(sizes(7)), Memory::Gru(sizes(5)), Memory::Transformer(transformer)]
}

fn config(memory: Memory) -> SacConfig {
    SacConfig { memory, hidden: vec![12], grad_clip: Some(1.0), ..SacConfig::default() }
}

/// Sequences that begin, end and are padded everywhere.
fn batch(config: &SacConfig, size: usize, length: usize, burn_in: usize, seed: u64) -> SequenceBatch {
    let source = &mut rng(seed, Stream::Replay, 0);
    let mut floats =
        |len: usize| -> Vec<f32> { (0..len).map(|_| 2.0 * source.random::<f32>() - 1.0).collect() };
    let (features, transitions) = (4, size * length);
    let width = config.memory.state_width();
    let mut batch = SequenceBatch {
        batch: size,
        length,
        burn_in,
        features,
        n_step: 3,
        observations: floats((transitions + size) * features),
        rewards: floats(transitions),
        previous_rewards: floats(size),
        behaviour_entropies: floats(transitions),
        weights: floats(size).iter().map(|weight| weight.abs() + 0.1).collect(),
        initial_states: StateBatch { width, values: floats(width * size) },
        terminated: vec![0.0; transitions],
        truncated: vec![0.0; transitions],
        mask: vec![1.0; transitions],
        is_first: vec![0.0; transitions + size],
        indices: vec![0; size],
        ..SequenceBatch::default()
    };
    let actions = |source: &mut Rng, len: usize| -> ActionBatch {
        (0..len).map(|_| source.random_range(0..3u16)).collect::<Vec<_>>().into()
    };
    batch.actions = actions(source, transitions);
    batch.previous_actions = actions(source, size);
    for b in 0..size {
        batch.mask[b * length..][..burn_in].fill(0.0);
        if source.random_range(0..2) == 0 {
            // An episode ends with transition `end`, the next one begins two moments later.
            let end = source.random_range(0..length - 1);
            let kind =
                if source.random_range(0..2) == 0 { &mut batch.terminated } else { &mut batch.truncated };
            kind[b * length + end] = 1.0;
            batch.mask[b * length + end + 1] = 0.0;
            if end + 2 <= length {
                batch.is_first[b * (length + 1) + end + 2] = 1.0;
            }
        }
    }
    batch
}

fn fresh(config: &SacConfig, seed: u64) -> FusedSequenceSac {
    FusedSequenceSac::new(config.clone(), 4, 3, &mut rng(seed, Stream::Weights, 0)).unwrap()
}

#[test]
fn threads_do_not_change_a_bit() {
    for memory in memories() {
        let config = SacConfig { hidden: vec![128, 128], ..config(memory) };
        let train = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut sac = fresh(&config, 1);
                for seed in 0..3 {
                    sac.update_sequences(&batch(&config, 32, 30, 5, seed), false).unwrap();
                }
                sac.export().unwrap()
            })
        };
        assert_eq!(train(1), train(2), "{config:?}");
    }
}

#[test]
fn export_and_import_continue_exactly() {
    for memory in memories() {
        let config = SacConfig { actor_gradient: ActorGradient::Reinforce { samples: 2 }, ..config(memory) };
        let mut first = fresh(&config, 1);
        for seed in 0..2 {
            first.update_sequences(&batch(&config, 5, 6, 2, seed), false).unwrap();
        }
        let mut second = fresh(&config, 2);
        second.import(&first.export().unwrap(), first.gradient_steps()).unwrap();
        for (size, seed) in [(5, 7), (9, 8), (1, 9)] {
            let data = batch(&config, size, 6, 2, seed);
            let reports = [&mut first, &mut second].map(|sac| sac.update_sequences(&data, true).unwrap());
            assert_eq!(reports[0], reports[1]);
            assert_eq!(first.td_errors().unwrap().len(), size);
        }
        assert_eq!(first.export().unwrap(), second.export().unwrap());
        let mut broken = first.export().unwrap();
        broken.values_mut().for_each(|tensor| tensor.data.fill(0.25));
        broken.remove("target_critic2.memory.norm.bias");
        broken.remove("target_critic2.memory.rnn.bias_hh");
        assert!(second.import(&broken, 3).is_err());
        assert_eq!(first.export().unwrap(), second.export().unwrap());
    }
}

#[test]
fn a_sequence_without_any_unmasked_step_changes_nothing_of_the_others() {
    for memory in memories() {
        let config = SacConfig { temperature: Temperature::Fixed, ..config(memory) };
        let all = batch(&config, 4, 6, 1, 3);
        let mut masked = all.clone();
        masked.mask[..6].fill(0.0);
        // Whatever lies in it.
        let mut other = masked.clone();
        other.rewards[..6].fill(1e3);
        other.observations[..7 * 4].iter_mut().for_each(|value| *value = 5.0 - *value);
        let train = |data: &SequenceBatch| {
            let mut sac = fresh(&config, 1);
            sac.update_sequences(data, false).unwrap();
            (sac.export().unwrap(), sac.td_errors().unwrap().to_vec())
        };
        assert_eq!(train(&masked), train(&other), "{config:?}");
        assert_eq!(train(&masked).1[0], 0.0);
        assert_ne!(train(&masked), train(&all));
        let mut none = all.clone();
        none.mask.fill(0.0);
        let (_, priorities) = train(&none);
        assert_eq!(priorities, [0.0; 4]);
    }
}

#[test]
fn the_learning_rate_of_the_memory_is_its_own() {
    for memory in memories() {
        let plain = config(memory);
        let sequence = SequenceTraining { memory_learning_rate_factor: 1e-6, ..SequenceTraining::default() };
        let mut sac = fresh(&SacConfig { sequence, ..plain.clone() }, 1);
        let before = sac.export().unwrap();
        sac.update_sequences(&batch(&plain, 5, 6, 2, 1), false).unwrap();
        for (name, tensor) in sac.export().unwrap() {
            let moved =
                tensor.data.iter().zip(&before[&name].data).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            if name.starts_with("critic1.memory") {
                assert!(moved < 1e-7, "{name} moved by {moved}");
            } else if name.starts_with("critic1.layers") {
                assert!(moved > 1e-5, "{name} moved by {moved}");
            }
        }
    }
}

#[test]
fn batches_that_do_not_fit_are_refused() {
    let config = config(memories().remove(0));
    let mut sac = fresh(&config, 1);
    let refused = |sac: &mut FusedSequenceSac, change: &dyn Fn(&mut SequenceBatch)| {
        let mut data = batch(&config, 4, 6, 1, 0);
        change(&mut data);
        assert!(matches!(sac.update_sequences(&data, true), Err(TrainError::Batch { .. })));
    };
    refused(&mut sac, &|data| data.batch = 0);
    refused(&mut sac, &|data| data.burn_in = 6);
    refused(&mut sac, &|data| data.mask.truncate(3));
    refused(&mut sac, &|data| data.is_first.truncate(24));
    refused(&mut sac, &|data| {
        let unmasked = data.mask.iter().position(|mask| *mask > 0.0).unwrap();
        data.actions.discrete[unmasked] = 3;
    });
    refused(&mut sac, &|data| data.initial_states.values.truncate(3));
    assert!(sac.update(&crate::mdp::TransitionBatch::default(), false).is_err());
    let error = FusedSequenceSac::new(SacConfig::default(), 4, 3, &mut rng(1, Stream::Weights, 0)).err();
    assert!(error.is_some_and(|error| error.to_string().starts_with("sac.memory.kind")));
}

/// The action rewarded at the end of an episode is the one that its first observation named: only a memory learns it.
#[test]
fn every_memory_learns_what_only_the_past_tells() {
    let sizes = Recurrent { hidden: 16, embed: Some(12), skip: true, timescale: None };
    let transformer = Transformer { width: 16, heads: 2, blocks: 1, mlp: 24, window: 4, spatial: None };
    for memory in [Memory::Lstm(sizes.clone()), Memory::Gru(sizes), Memory::Transformer(transformer)] {
        let config = SacConfig {
            temperature: Temperature::Fixed,
            initial_temperature: 0.1,
            actor_learning_rate: 5e-3,
            critic_learning_rate: 5e-3,
            ..config(memory)
        };
        let (mut sac, size, length) = (fresh(&config, 1), 24, 2);
        let mut right = 0.0;
        for seed in 0..600 {
            let mut data = batch(&config, size, length, 0, seed);
            data.mask.fill(1.0);
            data.is_first.fill(0.0);
            data.terminated.fill(0.0);
            data.truncated.fill(0.0);
            data.observations.fill(0.0);
            data.rewards.fill(0.0);
            for b in 0..size {
                data.is_first[b * (length + 1)] = 1.0;
                let cue = b % 3;
                data.observations[b * (length + 1) * 4 + cue] = 1.0;
                let last = b * length + length - 1;
                data.terminated[last] = 1.0;
                data.rewards[last] = f32::from(u8::from(data.actions.index(last) == cue));
            }
            sac.update_sequences(&data, false).unwrap();
            let mut sum = 0.0;
            for pass in &sac.passes {
                let last = pass.input.transitions.iter().filter(|one| one.at >= (length - 1) * size);
                sum += last.map(|one| pass.policies.policy[one.row * 3 + one.sequence % 3]).sum::<f32>();
            }
            right = sum / size as f32;
        }
        assert!(right > 0.8, "{right} with {config:?}");
    }
}

#[test]
fn two_learners_with_averaged_gradients_are_one_with_both_batches() {
    for memory in memories() {
        let what = format!("{memory:?}");
        let temperature = Temperature::Learned { target_entropy_fraction: 0.5 };
        let config = SacConfig { adam_epsilon: 0.01, temperature, ..config(memory) };
        let one = fresh(&config, 1);
        let mut whole = one.clone();
        // Of as many sequences, but not of as many transitions that enter the losses.
        let halves = |step: u64| [3, 5].map(|size| batch(&config, size, 7, 2, 10 * step + size as u64));
        for step in 0..3 {
            let [mut first, second] = halves(step);
            first.append(&second);
            whole.update_sequences(&first, false).unwrap();
        }
        let both = together(&one, |half, number| {
            for step in 0..3 {
                half.update_sequences(&halves(step)[number], false).unwrap();
            }
        });
        assert_eq!(both[0], both[1], "{what}: they stay equal to the bit");
        compare(&whole.export().unwrap(), &both[0], &what);
    }
}
