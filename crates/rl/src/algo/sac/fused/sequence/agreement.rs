//! Both updates on the same random configurations and sequences: whatever memory, options and shapes are
//! combined, they must agree. That they agree on the right values is left to the vectors in `tests/conformance`.

mod continuous;

use std::collections::BTreeMap;

use burn::tensor::Device;
use rand::RngExt as _;

use super::*;
use crate::algo::sac::{
    ActorGradient, AutodiffSac, Backup, CriticLoss, SacUpdate, SequenceTraining, TargetUpdate, Temperature,
};
use crate::mdp::{ActionBatch, ActionDimension, GridShape, StateBatch};
use crate::metrics::Value;
use crate::nn::memory::{Memory, Recurrent, Spatial, Transformer};
use crate::nn::{ConvLayer, Head, HostTensor, Padding, TensorMap};

/// Random configurations compared.
const CASES: u64 = 150;

/// What a comparison needs beside its configurations.
#[derive(Debug, Clone, Copy)]
struct Case {
    inputs: Inputs,
    /// Number of discrete actions, or of dimensions.
    actions: usize,
    continuous: bool,
    batch: usize,
    n_step: usize,
    /// Networks whose states are stored.
    stored: usize,
    /// Whether the batch brings the actions of a score-function estimator.
    given: bool,
    seed: u64,
}

impl Case {
    fn actions(&self) -> Actions {
        if !self.continuous {
            return self.actions.into();
        }
        let dimension = |j: usize| {
            let low = [-1.0, 0.5, -3.0][(j + self.seed as usize) % 3];
            ActionDimension { name: String::new(), low, high: low + [2.0, 4.0][j % 2] }
        };
        Actions::Continuous((0..self.actions).map(dimension).collect())
    }
}

fn pick<T: Clone>(source: &mut Rng, options: &[T]) -> T {
    options[source.random_range(0..options.len())].clone()
}

fn random_memory(source: &mut Rng, grid: bool) -> Memory {
    let sizes = Recurrent {
        hidden: source.random_range(1..7),
        embed: pick(source, &[None, Some(3), Some(17)]),
        skip: pick(source, &[false, true]),
        timescale: None,
    };
    let heads = source.random_range(1..4);
    let layers = [(3, 1), (2, 2)].map(|(channels, stride)| ConvLayer {
        channels,
        kernel: 3,
        stride,
        padding: Padding::Same,
    });
    let count = source.random_range(0..3);
    let transformer = Transformer {
        width: heads * source.random_range(4..6),
        heads,
        blocks: source.random_range(1..3),
        mlp: source.random_range(1..6),
        window: source.random_range(1..6),
        spatial: (grid && pick(source, &[true, false])).then(|| Spatial { layers: layers[..count].to_vec() }),
    };
    pick(source, &[Memory::Lstm(sizes.clone()), Memory::Gru(sizes), Memory::Transformer(transformer)])
}

/// Any combination that [`SacConfig::validate`] allows with a memory.
fn random_case(seed: u64) -> (SacConfig, Case) {
    let source = &mut rng(seed, Stream::Replay, 1);
    let grid = pick(source, &[None, Some(GridShape { channels: 2, height: 3, width: 2 })]);
    let memory = random_memory(source, grid.is_some());
    let hidden = pick(source, &[vec![], vec![5], vec![9, 6]]);
    let (samples, learn) = (source.random_range(1..4), source.random_range(1..6));
    let sequence = SequenceTraining {
        learn,
        burn_in: source.random_range(0..4),
        stride: 1,
        burn_in_gradient: pick(source, &[false, true]),
        previous_action: pick(source, &[false, true]),
        previous_reward: pick(source, &[false, true]),
        priority_eta: pick(source, &[0.0, 0.7, 1.0]),
        value_rescaling: pick(source, &[None, Some(0.01)]),
        memory_learning_rate_factor: pick(source, &[1.0, 0.3]),
        ..SequenceTraining::default()
    };
    let learned = Temperature::Learned { target_entropy_fraction: 0.5 };
    let config = SacConfig {
        memory,
        sequence,
        layer_norm: !hidden.is_empty() && pick(source, &[false, false, true]),
        hidden,
        critic_hidden: pick(source, &[None, Some(vec![7])]),
        gamma: 0.9,
        backup: pick(source, &[Backup::Single, Backup::Double, Backup::Clipped, Backup::Mean]),
        entropy_in_target: pick(source, &[true, false]),
        critic_head: pick(source, &[Head::Linear, Head::Dueling]),
        critic_loss: pick(source, &[CriticLoss::Mse, CriticLoss::Huber]),
        q_clip: pick(source, &[None, Some(0.1)]),
        actor_gradient: pick(
            source,
            &[
                ActorGradient::Expected,
                ActorGradient::ForwardKl,
                ActorGradient::Reinforce { samples },
                ActorGradient::Gumbel { samples, relaxation: 0.7 },
            ],
        ),
        entropy_penalty: pick(source, &[None, Some(1.5)]),
        target_update: pick(source, &[TargetUpdate::Soft { tau: 0.3 }, TargetUpdate::Hard { interval: 2 }]),
        temperature: pick(source, &[learned, Temperature::Fixed]),
        actor_learning_rate: 0.03,
        critic_learning_rate: 0.01,
        temperature_learning_rate: 0.02,
        // Far above rounding, as where transitions are compared.
        adam_epsilon: pick(source, &[0.01, 0.1]),
        grad_clip: pick(source, &[None, Some(0.1), Some(10.0)]),
        ..SacConfig::default()
    };
    let case = Case {
        inputs: Inputs { vector: source.random_range(1..5), grid },
        actions: source.random_range(2..6),
        batch: pick(source, &[1, 2, 5]),
        n_step: source.random_range(1..4),
        stored: source.random_range(0..2) * pick(source, &[1, config.network_names().len()]),
        given: pick(source, &[true, false]),
        continuous: false,
        seed,
    };
    (config, case)
}

/// Sequences in which every column matters.
fn random_batch(case: &Case, config: &SacConfig, step: u64) -> SequenceBatch {
    let source = &mut rng(case.seed, Stream::Replay, 10 + step);
    let (size, features) = (case.batch, case.inputs.features());
    let (burn_in, length) = (config.sequence.burn_in, config.sequence.burn_in + config.sequence.learn);
    let (transitions, moments) = (size * length, size * (length + 1));
    let width = case.stored * config.memory.state_width();
    let mut floats = |len: usize, low: f32, high: f32| -> Vec<f32> {
        (0..len).map(|_| low + (high - low) * source.random::<f32>()).collect()
    };
    let mut batch = SequenceBatch {
        batch: size,
        length,
        burn_in,
        n_step: case.n_step,
        features,
        observations: floats(moments * features, -1.0, 1.0),
        rewards: floats(transitions, -2.0, 2.0),
        previous_rewards: floats(size, -1.0, 1.0),
        weights: floats(size, 0.2, 1.0),
        behaviour_entropies: floats(transitions, 0.0, (case.actions as f32).ln()),
        initial_states: StateBatch { width, values: floats(width * size, -0.9, 0.9) },
        indices: vec![0; size],
        ..SequenceBatch::default()
    };
    let mut flags = |len: usize, one_in: u32| -> Vec<f32> {
        (0..len).map(|_| f32::from(u8::from(source.random_range(0..one_in) == 0))).collect()
    };
    batch.terminated = flags(transitions, 6);
    batch.truncated = flags(transitions, 6);
    batch.is_first = flags(moments, 5);
    batch.mask = flags(transitions, 5).iter().map(|masked| 1.0 - masked).collect();
    (0..size).for_each(|b| batch.mask[b * length..][..burn_in].fill(0.0));
    let mut actions =
        |len: usize| -> Vec<u16> { (0..len).map(|_| source.random_range(0..case.actions as u16)).collect() };
    if let Actions::Continuous(dimensions) = case.actions() {
        let mut points = |rows: usize| {
            let entries = (0..rows).flat_map(|_| &dimensions);
            let continuous = entries.map(|own| own.at(source.random())).collect();
            ActionBatch { rows, discrete: Vec::new(), continuous }
        };
        (batch.actions, batch.previous_actions) = (points(transitions), points(size));
        if case.given {
            let mut noise =
                || (0..moments * case.actions).map(|_| 4.0 * source.random::<f32>() - 2.0).collect();
            batch.noise = ActionNoise { here: noise(), next: noise(), sampled: Vec::new() };
        }
        return batch;
    }
    batch.actions = actions(transitions).into();
    batch.previous_actions = actions(size).into();
    if let (ActorGradient::Reinforce { samples }, true) = (config.actor_gradient, case.given) {
        batch.sampled_actions = actions(transitions * samples);
    }
    batch
}

/// Three steps through both: where they first disagree, if they do.
fn disagreement(ours: &SacConfig, theirs: &SacConfig, case: Case) -> Option<String> {
    let generator = || rng(case.seed, Stream::Weights, 0);
    let (inputs, actions) = (case.inputs, case.actions());
    let mut fused = FusedSequenceSac::new(ours.clone(), inputs, actions.clone(), &mut generator()).unwrap();
    let mut autodiff =
        AutodiffSac::new(theirs.clone(), inputs, actions, &mut generator(), Device::flex()).unwrap();
    let mut begun = fused.export().unwrap();
    // Zeros would hide what is behind them, equal target networks one taken for the other.
    let source = &mut rng(case.seed, Stream::Weights, 1);
    for (name, HostTensor { data, .. }) in &mut begun {
        // One that is shared has no weights.
        let unused = ours.shared_std && name.contains("log_std.weight");
        if !unused && !name.starts_with("optimizer") && !name.starts_with("update_seed") {
            data.iter_mut().for_each(|value| *value += 0.6 * source.random::<f32>() - 0.3);
        }
    }
    fused.import(&begun, 0).unwrap();
    autodiff.import(&begun, 0).unwrap();
    for step in 1..=3 {
        let batch = random_batch(&case, ours, step);
        let report = step != 2;
        let found = fused.update_sequences(&batch, report).unwrap();
        let expected = autodiff.update_sequences(&batch, report).unwrap();
        let relative = if step == 1 { 1e-4 } else { 1e-3 };
        let near = |name: &str, found: &[f32], expected: &[f32], scale: f32| {
            assert_eq!(found.len(), expected.len(), "{name}");
            let agree = |a: f32, b: f32| (a - b).abs() <= relative * (b.abs() + scale);
            let wrong = found.iter().zip(expected).enumerate().find(|(_, (a, b))| !agree(**a, **b));
            wrong.map(|(index, (a, b))| format!("step {step}: {name}[{index}] = {a}, autodiff has {b}"))
        };
        let priorities = (fused.td_errors().unwrap(), autodiff.td_errors().unwrap());
        let (found, expected) = (figures(found), figures(expected));
        assert_eq!(Vec::from_iter(found.keys()), Vec::from_iter(expected.keys()));
        let wrong = near("priority", &priorities.0, &priorities.1, 0.1)
            .or_else(|| {
                // Means over no transition at all: one says 0, the other what stands in for it.
                let some = batch.mask.iter().any(|mask| *mask > 0.0);
                let mut figures = found.iter().filter(|_| some);
                figures.find_map(|(name, own)| near(name, own, &expected[name], 0.1))
            })
            .or_else(|| {
                let (found, expected) = (fused.export().unwrap(), autodiff.export().unwrap());
                assert!(found.keys().eq(expected.keys()));
                let scales = scales(&expected);
                let mut names = expected.iter();
                names.find_map(|(name, tensor)| {
                    near(name, &found[name].data, &tensor.data, scales[&kind(name)])
                })
            });
        if wrong.is_some() {
            return wrong;
        }
    }
    None
}

/// Every figure of a report by its key.
fn figures(report: Option<Metrics>) -> BTreeMap<String, Vec<f32>> {
    let numbers = |value: &Value| match value {
        Value::Each(values) => values.clone(),
        value => value.number().map(|number| number as f32).into_iter().collect(),
    };
    report.unwrap_or_default().iter().map(|(key, value)| (key.to_string(), numbers(value))).collect()
}

/// Parameters, or one kind of moment of one network: what is rounded alike.
fn kind(name: &str) -> (&str, &str) {
    match name.strip_prefix("optimizer.").and_then(|rest| rest.split_once('.')) {
        None => ("parameters", ""),
        Some((network, rest)) => (network.trim_end_matches(['1', '2']), &rest[rest.len() - 1..]),
    }
}

/// What an error is measured against beside the value itself: 0.1 for parameters, for moments the largest of their kind,
/// with floors for those that are the difference of terms near 1.
fn scales(tensors: &TensorMap) -> BTreeMap<(&str, &str), f32> {
    let mut scales = BTreeMap::new();
    for (name, tensor) in tensors {
        let largest = tensor.data.iter().fold(0.0, |largest: f32, value| largest.max(value.abs()));
        let floor = if kind(name).1 == "m" { 1e-3 } else { 1e-7 };
        let scale = scales.entry(kind(name)).or_insert(floor);
        *scale = largest.max(*scale);
    }
    scales.insert(("parameters", ""), 0.1);
    scales
}

/// Compares as many cases.
fn agree(cases: u64, random: fn(u64) -> (SacConfig, Case)) {
    let wrong: Vec<String> = (0..cases)
        .filter_map(|seed| {
            let (config, case) = random(seed);
            config.validate().unwrap();
            disagreement(&config, &config, case).map(|wrong| format!("{wrong}\n    {case:?}\n    {config:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {cases} disagree:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn both_updates_agree_whatever_is_combined() {
    agree(CASES, random_case);
}

/// The comparison above would notice an update that takes one option for another.
#[test]
fn one_option_taken_for_another_is_noticed() {
    let sizes = Recurrent { hidden: 5, embed: Some(4), skip: true, timescale: None };
    let sequence = SequenceTraining { learn: 5, burn_in: 2, stride: 1, ..SequenceTraining::default() };
    let plain = SacConfig {
        memory: Memory::Lstm(sizes),
        sequence,
        hidden: vec![8],
        adam_epsilon: 0.01,
        ..SacConfig::default()
    };
    let case = Case {
        inputs: 3.into(),
        actions: 4,
        continuous: false,
        batch: 6,
        n_step: 2,
        stored: 1,
        given: false,
        seed: 1,
    };
    let with = |sequence: SequenceTraining| SacConfig { sequence, ..plain.clone() };
    for other in [
        with(SequenceTraining { burn_in_gradient: true, ..sequence }),
        with(SequenceTraining { priority_eta: 0.5, ..sequence }),
        with(SequenceTraining { value_rescaling: Some(0.01), ..sequence }),
        with(SequenceTraining { memory_learning_rate_factor: 0.5, ..sequence }),
        SacConfig { gamma: 0.9, ..plain.clone() },
        SacConfig { backup: Backup::Mean, ..plain.clone() },
        SacConfig { q_clip: Some(0.1), ..plain.clone() },
        SacConfig { entropy_penalty: Some(0.1), ..plain.clone() },
        SacConfig { grad_clip: Some(0.1), ..plain.clone() },
    ] {
        assert_eq!(disagreement(&plain, &plain, case), None);
        assert!(disagreement(&plain, &other, case).is_some(), "{other:?}");
    }
}
