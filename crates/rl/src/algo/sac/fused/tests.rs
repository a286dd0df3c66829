//! Properties of the gradient step that no single vector shows: the values themselves are held to
//! the conformance vectors in `tests/conformance`.

use rand::RngExt as _;

use super::temperature::LOG_TEMPERATURE_RANGE;
use super::*;
use crate::algo::report::{ACTION_PROBABILITIES, Q_STD, TEMPERATURE, TWIN_DISAGREEMENT};
use crate::algo::sac::{Backup, SacUpdate, Temperature, ValueNetwork};
use crate::mdp::{GridShape, Stream, rng};
use crate::nn::{ConvLayer, Encoder, Head, Init, Padding};

pub(super) fn batch(size: usize, features: usize, actions: u16, seed: u64) -> TransitionBatch {
    let mut source = rng(seed, Stream::Replay, 0);
    let mut normal =
        |len: usize| -> Vec<f32> { (0..len).map(|_| 2.0 * source.random::<f32>() - 1.0).collect() };
    let mut batch = TransitionBatch {
        batch: size,
        features,
        observations: normal(size * features),
        next_observations: normal(size * features),
        n_step_returns: normal(size),
        discounts: vec![0.99; size],
        terminated: vec![0.0; size],
        weights: vec![1.0; size],
        behaviour_entropies: vec![0.0; size],
        indices: vec![0; size],
        ..TransitionBatch::default()
    };
    batch.actions = (0..size).map(|_| source.random_range(0..actions)).collect::<Vec<_>>().into();
    batch
}

fn sac(hidden: &[usize]) -> FusedSac {
    let config = SacConfig { hidden: hidden.to_vec(), grad_clip: Some(1.0), ..SacConfig::default() };
    FusedSac::new(config, 8, 4, &mut rng(1, Stream::Weights, 0)).unwrap()
}

#[test]
fn threads_do_not_change_a_bit() {
    let train = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut sac = sac(&[256, 256]);
            for seed in 0..4 {
                sac.update(&batch(256, 8, 4, seed), false).unwrap();
            }
            sac.export().unwrap()
        })
    };
    let one = train(1);
    assert_eq!(one, train(2));
    assert_eq!(one, train(4));
}

#[test]
fn export_and_import_continue_exactly() {
    let mut first = sac(&[32, 16]);
    for seed in 0..3 {
        first.update(&batch(20, 8, 4, seed), false).unwrap();
    }
    let mut second = sac(&[32, 16]);
    second.import(&first.export().unwrap(), first.gradient_steps()).unwrap();
    assert_eq!(first.export().unwrap(), second.export().unwrap());
    for (size, seed) in [(20, 7), (64, 8), (3, 9)] {
        let reports =
            [&mut first, &mut second].map(|sac| sac.update(&batch(size, 8, 4, seed), true).unwrap());
        assert_eq!(reports[0], reports[1]);
        assert!(reports[0].is_some());
    }
    assert_eq!(first.export().unwrap(), second.export().unwrap());
    assert_eq!(second.gradient_steps(), 6);
}

#[test]
fn a_failed_import_changes_nothing() {
    let mut sac = sac(&[8]);
    let before = sac.export().unwrap();
    let mut tensors = before.clone();
    tensors.values_mut().for_each(|tensor| tensor.data.fill(0.25));
    tensors.remove("optimizer.critic2.layers.1.bias.v");
    let error = sac.import(&tensors, 9).unwrap_err();
    assert!(error.to_string().contains("optimizer.critic2.layers.1.bias.v"), "{error}");
    assert_eq!(sac.export().unwrap(), before);
    // Without any moments they start from zero.
    tensors.retain(|name, _| !name.starts_with("optimizer."));
    sac.import(&tensors, 9).unwrap();
    let after = sac.export().unwrap();
    assert_eq!(after["optimizer.actor.layers.0.weight.m"].data, vec![0.0; 64]);
    assert_eq!(after["critic1.layers.1.weight"].data, vec![0.25; 32]);
}

#[test]
fn what_cannot_be_learned_from_is_refused() {
    let mut sac = sac(&[8]);
    assert!(matches!(sac.update(&batch(0, 8, 4, 0), true), Err(TrainError::Batch { .. })));
    assert!(matches!(sac.update(&batch(4, 7, 4, 0), true), Err(TrainError::Batch { .. })));
    let mut wrong = batch(4, 8, 4, 0);
    wrong.actions.discrete[2] = 4;
    assert!(matches!(sac.update(&wrong, true), Err(TrainError::Batch { .. })));
    let mut infinite = batch(4, 8, 4, 0);
    infinite.n_step_returns[1] = f32::INFINITY;
    assert!(matches!(sac.update(&infinite, true), Err(TrainError::NotFinite { .. })));
}

#[test]
fn temperature_stays_in_its_range_and_configuration_changes_are_checked() {
    let mut sac = sac(&[8]);
    let mut config = sac.config().clone();
    config.temperature_learning_rate = 100.0;
    sac.set_config(config.clone()).unwrap();
    for seed in 0..3 {
        sac.update(&batch(8, 8, 4, seed), true).unwrap();
    }
    let (low, high) = LOG_TEMPERATURE_RANGE;
    assert!((low..=high).contains(&sac.temperature.log));
    assert!(sac.set_config(SacConfig { hidden: vec![9], ..config.clone() }).is_err());
    assert!(sac.set_config(SacConfig { backup: Backup::Single, ..config.clone() }).is_err());
    assert!(sac.set_config(SacConfig { gamma: 2.0, ..config.clone() }).is_err());
    assert_eq!(sac.config(), &config);
}

/// Fits a one-step problem: the reward of action 1 is 1, of the others 0.
#[test]
fn learns_the_rewarded_action() {
    let config = SacConfig {
        hidden: vec![32],
        temperature: Temperature::Fixed,
        initial_temperature: 0.05,
        actor_learning_rate: 3e-3,
        ..SacConfig::default()
    };
    let mut sac = FusedSac::new(config, 8, 4, &mut rng(1, Stream::Weights, 0)).unwrap();
    for seed in 0..600 {
        let mut batch = batch(32, 8, 4, seed);
        batch.terminated.fill(1.0);
        for (reward, action) in batch.n_step_returns.iter_mut().zip(&batch.actions.discrete) {
            *reward = f32::from(u8::from(*action == 1));
        }
        sac.update(&batch, false).unwrap();
    }
    assert!(sac.current.policy.iter().skip(1).step_by(4).all(|probability| *probability > 0.9));
}

#[test]
fn errors_and_spreads_are_those_of_both_critics() {
    let mut sac = sac(&[16]);
    assert!(sac.td_errors().unwrap().is_empty());
    let batch = batch(32, 8, 4, 1);
    let mut traced = std::collections::BTreeMap::new();
    let mut record = |name: &str, _: &[usize], values: &[f32]| {
        traced.insert(name.to_owned(), values.to_vec());
    };
    let report = sac.update_traced(&batch, true, &mut record).unwrap().unwrap();
    let value = |metric| report.get(metric).unwrap() as f32;
    let both = |name: &str| -> Vec<(f32, f32)> {
        let [first, second] = [1, 2].map(|critic| traced[&format!("{name}.critic{critic}")].clone());
        first.into_iter().zip(second).collect()
    };
    let expected: Vec<f32> = both("td").into_iter().map(|(a, b)| (a.abs() + b.abs()) / 2.0).collect();
    assert_eq!(sac.td_errors().unwrap()[..], expected[..]);
    let mean = |values: &mut dyn Iterator<Item = f32>| values.sum::<f32>() / 32.0;
    let (q, near) = (both("q_taken"), |a: f32, b: f32| assert!((a - b).abs() < 1e-5, "{a} is not {b}"));
    near(value(TWIN_DISAGREEMENT), mean(&mut q.iter().map(|(a, b)| (a - b).abs())));
    let deviation = |q: &[f32]| {
        let center = mean(&mut q.iter().copied());
        (mean(&mut q.iter().map(|q| q * q)) - center * center).sqrt()
    };
    let (first, second): (Vec<f32>, Vec<f32>) = q.into_iter().unzip();
    near(value(Q_STD), (deviation(&first) + deviation(&second)) / 2.0);
    assert!(value(Q_STD) > 0.01 && value(TWIN_DISAGREEMENT) > 0.01, "{report:?}");
    near(report.each(ACTION_PROBABILITIES).unwrap().iter().sum(), 1.0);
}

/// Convolutions, norms and a head of their own on a mixed observation: 3 floats and two planes of 4 × 5.
fn mixed(seed: u64) -> FusedSac {
    let (kernel, padding) = (3, Padding::Same);
    let layers = [(20, 1), (16, 2)].map(|(channels, stride)| ConvLayer { channels, kernel, stride, padding });
    let config = SacConfig {
        encoder: Encoder::Conv { layers: layers.to_vec() },
        hidden: vec![48],
        layer_norm: true,
        init: Init::Orthogonal,
        critic_head: Head::Dueling,
        value_network: Some(ValueNetwork::default()),
        actor_learning_rate: 3e-3,
        temperature: Temperature::Fixed,
        initial_temperature: 0.05,
        grad_clip: Some(1.0),
        ..SacConfig::default()
    };
    let grid = Some(GridShape { channels: 2, height: 4, width: 5 });
    FusedSac::new(config, Inputs { vector: 3, grid }, 4, &mut rng(seed, Stream::Weights, 0)).unwrap()
}

#[test]
fn convolutions_and_norms_train_and_resume_to_the_same_bits() {
    let train = |threads: usize, resumed_at: Option<u64>| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut sac = mixed(1);
            for seed in 0..6 {
                if resumed_at == Some(seed) {
                    let (tensors, steps) = (sac.export().unwrap(), sac.gradient_steps());
                    sac = mixed(2);
                    sac.import(&tensors, steps).unwrap();
                }
                sac.update(&batch(70, 43, 4, seed), false).unwrap();
            }
            sac.export().unwrap()
        })
    };
    let whole = train(1, None);
    assert_eq!(whole, train(2, None));
    assert_eq!(whole, train(1, Some(3)));
    for name in ["target_value.conv.1.weight", "optimizer.critic2.norms.0.bias.v", "critic1.advantage.weight"]
    {
        assert!(whole.contains_key(name), "{name}");
    }
}

#[test]
fn the_networks_training_began_with_stay() {
    let mut sac = mixed(1);
    let begun = sac.config().clone();
    for (key, config) in [
        ("sac.encoder", SacConfig { encoder: Encoder::Auto, ..begun.clone() }),
        ("sac.layer_norm", SacConfig { layer_norm: false, ..begun.clone() }),
        ("sac.init", SacConfig { init: Init::Uniform, ..begun.clone() }),
    ] {
        let error = sac.set_config(config).unwrap_err().to_string();
        assert!(error.starts_with(key) && error.lines().count() == 1, "{error}");
    }
    sac.set_config(SacConfig { gamma: 0.5, ..begun }).unwrap();
}

/// Fits a one-step problem that only the grid tells: the rewarded action is the row its brightest cell is in.
#[test]
fn the_grid_is_understood() {
    let mut sac = mixed(1);
    let mut right = 0.0;
    for seed in 0..400 {
        let mut data = batch(64, 43, 4, seed);
        data.terminated.fill(1.0);
        for b in 0..64 {
            let (row, column) = ((7 * seed as usize + 3 * b) % 4, (b / 4 + seed as usize) % 5);
            let grid = &mut data.observations[43 * b + 3..43 * (b + 1)];
            grid.fill(0.0);
            grid[20 + 5 * row + column] = 1.0;
            data.n_step_returns[b] = f32::from(u8::from(data.actions.index(b) == row));
        }
        sac.update(&data, false).unwrap();
        let chosen = |b: usize| sac.current.policy[4 * b + (7 * seed as usize + 3 * b) % 4];
        right = (0..64).map(chosen).sum::<f32>() / 64.0;
    }
    assert!(right > 0.9, "{right}");
}

#[test]
fn a_fixed_temperature_is_the_configurations_and_a_learned_one_has_begun() {
    let mut sac = sac(&[16]);
    let learned = sac.config().clone();
    sac.update(&batch(8, 8, 4, 1), true).unwrap();
    let error =
        sac.set_config(SacConfig { initial_temperature: 3.0, ..learned.clone() }).unwrap_err().to_string();
    assert!(error.starts_with("sac.initial_temperature = 3.0: it was 0.2"), "{error}");
    let fixed = SacConfig { temperature: Temperature::Fixed, ..learned.clone() };
    for temperature in [0.2, 0.75] {
        sac.set_config(SacConfig { initial_temperature: temperature, ..fixed.clone() }).unwrap();
        let set = sac.update(&batch(8, 8, 4, 1), true).unwrap().unwrap().get(TEMPERATURE).unwrap() as f32;
        assert!((set - temperature).abs() < 1e-6, "{set}");
    }
    // Learned again from where it is.
    sac.set_config(learned).unwrap();
    let set = sac.update(&batch(8, 8, 4, 1), true).unwrap().unwrap().get(TEMPERATURE).unwrap() as f32;
    assert!((set - 0.75).abs() < 0.01, "{set}");
}
