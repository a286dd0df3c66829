//! Both updates on the same random configurations and batches: whatever is combined, and in whatever shape,
//! they must agree. That they agree on the right values is left to the vectors in `tests/conformance`.
//!
//! `SAC_DEVICE=wgpu cargo test --lib agreement` compares on the default GPU instead of the CPU, on a software renderer
//! where there is no GPU, and says so where there is neither.

pub(in crate::algo::sac) mod continuous;

use std::collections::BTreeMap;

use burn::tensor::Device;
use rand::RngExt as _;

use super::AutodiffSac;
use crate::algo::sac::{
    Actions, ActorGradient, Backup, BehaviorCloning, CriticLoss, FusedSac, SacConfig, SacUpdate,
    TargetUpdate, Temperature, ValueNetwork,
};
use crate::mdp::{ActionBatch, ActionDimension, ActionNoise, GridShape, Rng, Stream, TransitionBatch, rng};
use crate::metrics::{Metrics, Value};
use crate::nn::{ConvLayer, Encoder, Head, HostTensor, Init, Inputs, Padding, TensorMap};

/// Random configurations compared.
const CASES: u64 = 250;

/// What a comparison needs beside its configurations.
#[derive(Debug, Clone, Copy)]
pub(in crate::algo::sac) struct Case {
    inputs: Inputs,
    /// Number of discrete actions, or of dimensions.
    actions: usize,
    continuous: bool,
    batch: usize,
    /// Whether the batch brings the actions of a score-function estimator.
    given: bool,
    seed: u64,
}

impl Case {
    /// What networks read.
    pub(in crate::algo::sac) fn inputs(&self) -> Inputs {
        self.inputs
    }

    /// Of the networks that both updates begin with.
    pub(in crate::algo::sac) fn generator(&self) -> Rng {
        rng(self.seed, Stream::Weights, 0)
    }

    /// Discrete ones, or a box with bounds that may exclude zero.
    pub(in crate::algo::sac) fn actions(&self) -> Actions {
        if !self.continuous {
            return self.actions.into();
        }
        let source = &mut rng(self.seed, Stream::Replay, 2);
        let dimension = |_| {
            let low = pick(source, &[-1.0, -3.0, 0.5]);
            ActionDimension { name: String::new(), low, high: low + pick(source, &[2.0, 0.5, 5.0]) }
        };
        Actions::Continuous((0..self.actions).map(dimension).collect())
    }
}

fn pick<T: Clone>(source: &mut Rng, options: &[T]) -> T {
    options[source.random_range(0..options.len())].clone()
}

/// Any combination that [`SacConfig::validate`] allows.
pub(in crate::algo::sac) fn random_case(seed: u64) -> (SacConfig, Case) {
    let source = &mut rng(seed, Stream::Replay, 1);
    let conv = |channels, stride| ConvLayer { channels, kernel: 3, stride, padding: Padding::Same };
    let grid = pick(source, &[None, None, None, Some(GridShape { channels: 2, height: 3, width: 4 })]);
    let layers = pick(source, &[vec![conv(3, 1)], vec![conv(3, 1), conv(5, 2)]]);
    let hidden = pick(source, &[vec![], vec![1], vec![9], vec![16, 6]]);
    let critic_hidden = pick(source, &[None, None, Some(vec![7]), Some(vec![5, 11])]);
    let value_network = pick(source, &[None, None, Some(ValueNetwork { learning_rate: 0.02 })]);
    let samples = source.random_range(1..4);
    let learned = Temperature::Learned { target_entropy_fraction: 0.5 };
    let annealed = Temperature::Annealed { upper_fraction: 0.9, lower_fraction: 0.2, steps: 2 };
    let config = SacConfig {
        // Normalizing fewer than three numbers leaves gradients that are nothing but rounding.
        layer_norm: hidden.iter().all(|width| *width > 2) && pick(source, &[false, false, true]),
        hidden,
        critic_hidden,
        encoder: if grid.is_some() { Encoder::Conv { layers } } else { Encoder::Auto },
        init: pick(source, &[Init::Uniform, Init::Orthogonal, Init::Xavier, Init::Kaiming]),
        backup: pick(source, &[Backup::Single, Backup::Double, Backup::Clipped, Backup::Mean]),
        entropy_in_target: pick(source, &[true, false]),
        critic_head: pick(source, &[Head::Linear, Head::Dueling]),
        value_network,
        critic_loss: pick(source, &[CriticLoss::Mse, CriticLoss::Huber]),
        q_clip: if value_network.is_none() { pick(source, &[None, Some(0.1), Some(0.5)]) } else { None },
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
        temperature: pick(source, &[learned, annealed, Temperature::Fixed]),
        actor_learning_rate: 0.03,
        critic_learning_rate: 0.01,
        temperature_learning_rate: 0.02,
        // Adam divides by the gradient's own size: an entry that is nothing but rounding moves its
        // parameter by the whole step size. With an ε far above rounding a step is no more than
        // step size / ε times as wrong as its gradient. The usual ε is held to the vectors.
        adam_epsilon: pick(source, &[0.01, 0.1]),
        grad_clip: pick(source, &[None, Some(0.1), Some(10.0)]),
        behavior_cloning: pick(source, &[None, None, Some(BehaviorCloning { weight: 0.7, steps: 2 })]),
        ..SacConfig::default()
    };
    let case = Case {
        inputs: Inputs { vector: source.random_range(usize::from(grid.is_none())..5), grid },
        actions: source.random_range(2..8),
        continuous: false,
        batch: pick(source, &[1, 2, 5, 17]),
        given: pick(source, &[true, false]),
        seed,
    };
    (config, case)
}

/// A batch in which every column matters.
fn random_batch(case: &Case, config: &SacConfig, step: u64) -> TransitionBatch {
    let source = &mut rng(case.seed, Stream::Replay, 10 + step);
    let mut floats = |len: usize, low: f32, high: f32| -> Vec<f32> {
        (0..len).map(|_| low + (high - low) * source.random::<f32>()).collect()
    };
    let (size, features) = (case.batch, case.inputs.features());
    let mut batch = TransitionBatch {
        batch: size,
        features,
        observations: floats(size * features, -1.0, 1.0),
        next_observations: floats(size * features, -1.0, 1.0),
        n_step_returns: floats(size, -2.0, 2.0),
        discounts: floats(size, 0.8, 1.0),
        weights: floats(size, 0.2, 1.0),
        behaviour_entropies: floats(size, 0.0, (case.actions as f32).ln()),
        demonstrated: (0..size).map(|row| (row % 2) as f32).collect(),
        indices: vec![0; size],
        ..TransitionBatch::default()
    };
    let actions = case.actions as u16;
    batch.actions = match case.actions() {
        Actions::Discrete(_) => (0..size).map(|_| source.random_range(0..actions)).collect::<Vec<_>>().into(),
        Actions::Continuous(dimensions) => {
            let rows = (0..size).flat_map(|_| &dimensions);
            let continuous = rows.map(|own| own.at(source.random())).collect();
            ActionBatch { rows: size, discrete: Vec::new(), continuous }
        }
    };
    batch.terminated = (0..size).map(|_| f32::from(u8::from(source.random_range(0..4) == 0))).collect();
    if case.continuous && case.given {
        let samples = match config.actor_gradient {
            ActorGradient::Reinforce { samples } => samples,
            _ => 0,
        };
        let next = if config.value_network.is_some() { 0 } else { size };
        let [here, next, sampled] = [size, next, size * samples]
            .map(|rows| (0..rows * case.actions).map(|_| 4.0 * source.random::<f32>() - 2.0).collect());
        batch.noise = ActionNoise { here, next, sampled };
    } else if let (ActorGradient::Reinforce { samples }, true, false) =
        (config.actor_gradient, case.given, case.continuous)
    {
        batch.sampled_actions = (0..size * samples).map(|_| source.random_range(0..actions)).collect();
    }
    batch
}

/// The device to compare on.
fn device() -> Device {
    #[cfg(feature = "gpu")]
    if std::env::var("SAC_DEVICE").is_ok_and(|device| device == "wgpu") {
        if Device::enumerate(burn::tensor::DeviceType::Wgpu).into_iter().next().is_some() {
            return Device::wgpu(burn::tensor::DeviceKind::DefaultDevice);
        }
        println!("skipped on wgpu: there is no graphics driver; on the CPU instead");
    }
    Device::flex()
}

/// Three steps through `autodiff` with `ours` and `fused` with `theirs`: where they first disagree, if they do.
fn disagreement(ours: &SacConfig, theirs: &SacConfig, case: Case) -> Option<String> {
    let (inputs, actions) = (case.inputs, case.actions());
    let mut autodiff =
        AutodiffSac::new(ours.clone(), inputs, actions, &mut case.generator(), device()).unwrap();
    compare(&mut autodiff, theirs, case)
}

/// The same for any `other` update.
pub(in crate::algo::sac) fn compare(
    other: &mut dyn SacUpdate,
    theirs: &SacConfig,
    case: Case,
) -> Option<String> {
    let mut fused =
        FusedSac::new(theirs.clone(), case.inputs, case.actions(), &mut case.generator()).unwrap();
    let mut begun = fused.export().unwrap();
    if other.config() == theirs {
        assert_eq!(other.export().unwrap(), begun, "both begin with the same networks");
    }
    // Target networks of their own, so that taking one for the other shows.
    let source = &mut rng(case.seed, Stream::Weights, 1);
    for (name, HostTensor { data, .. }) in &mut begun {
        if name.starts_with("target") {
            data.iter_mut().for_each(|value| *value += 0.6 * source.random::<f32>() - 0.3);
        }
    }
    other.import(&begun, 0).unwrap();
    fused.import(&begun, 0).unwrap();
    for step in 1..=3 {
        let batch = random_batch(&case, theirs, step);
        // Some steps without a report: TD errors are then read by themselves.
        let report = step != 2;
        let found = other.update(&batch, report).unwrap();
        let expected = fused.update(&batch, report).unwrap();
        // The specification's tolerances: errors of one step grow in the next.
        let relative = if step == 1 { 1e-4 } else { 1e-3 };
        let near = |name: &str, found: &[f32], expected: &[f32], scale: f32| {
            assert_eq!(found.len(), expected.len(), "{name}");
            let agree = |a: f32, b: f32| (a - b).abs() <= relative * (b.abs() + scale);
            let wrong = found.iter().zip(expected).enumerate().find(|(_, (a, b))| !agree(**a, **b));
            wrong.map(|(index, (a, b))| format!("step {step}: {name}[{index}] = {a}, fused has {b}"))
        };
        let td_errors = (other.td_errors().unwrap(), fused.td_errors().unwrap());
        let wrong = near("TD error", &td_errors.0, &td_errors.1, 0.1)
            .or_else(|| near("report", &figures(found), &figures(expected), 0.1))
            .or_else(|| {
                let (found, expected) = (other.export().unwrap(), fused.export().unwrap());
                assert!(found.keys().eq(expected.keys()));
                let scales = scales(&expected);
                let mut names = expected.iter();
                names.find_map(|(name, tensor)| {
                    near(name, &found[name].data, &tensor.data, scales[kind(name)])
                })
            });
        if wrong.is_some() {
            return wrong;
        }
    }
    None
}

/// Every figure of a report, in the order of their keys.
fn figures(report: Option<Metrics>) -> Vec<f32> {
    let report = report.unwrap_or_default();
    let mut figures: Vec<_> = report.iter().collect();
    figures.sort_by_key(|(key, _)| *key);
    let numbers = |value: &Value| match value {
        Value::Each(values) => values.clone(),
        value => value.number().map(|number| number as f32).into_iter().collect(),
    };
    figures.into_iter().flat_map(|(_, value)| numbers(value)).collect()
}

/// Parameters, or one kind of moment of one network: what is rounded alike.
fn kind(name: &str) -> &str {
    match name.strip_prefix("optimizer.").and_then(|rest| rest.split_once('.')) {
        None => "parameters",
        Some((network, rest)) => match (network, rest.ends_with(".m") || rest == "m") {
            ("actor", true) => "actor.m",
            ("actor", false) => "actor.v",
            (_, true) if network.starts_with("critic") => "critic.m",
            (_, false) if network.starts_with("critic") => "critic.v",
            ("value", true) => "value.m",
            ("value", false) => "value.v",
            (_, true) => "temperature.m",
            (_, false) => "temperature.v",
        },
    }
}

/// What an error is measured against beside the value itself: 0.1 for parameters; for moments, which may
/// be small altogether, the largest of their kind, because rounding grows with the terms of a sum and not
/// with what remains of them. A gradient may be nothing but the difference of terms near 1, hence the
/// floor: a hundredth of a gradient of 1 in `m ← 0.1 g`, its square in `v ← 0.001 g²`.
fn scales(tensors: &TensorMap) -> BTreeMap<&str, f32> {
    let mut scales = BTreeMap::new();
    for (name, tensor) in tensors {
        let largest = tensor.data.iter().fold(0.0, |largest: f32, value| largest.max(value.abs()));
        let floor = if kind(name).ends_with('m') { 1e-3 } else { 1e-7 };
        let scale = scales.entry(kind(name)).or_insert(floor);
        *scale = largest.max(*scale);
    }
    scales.insert("parameters", 0.1);
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

/// The comparison above would notice an update that takes one variant for another.
#[test]
fn one_variant_taken_for_another_is_noticed() {
    let plain = SacConfig { hidden: vec![8], adam_epsilon: 0.01, ..SacConfig::default() };
    let case = Case { inputs: 3.into(), actions: 4, continuous: false, batch: 6, given: true, seed: 1 };
    let change = |change: fn(&mut SacConfig)| {
        let mut config = plain.clone();
        change(&mut config);
        config
    };
    let reinforce = |config: &mut SacConfig| config.actor_gradient = ActorGradient::Reinforce { samples: 2 };
    let gumbel = |relaxation| ActorGradient::Gumbel { samples: 2, relaxation };
    let pairs = [
        (change(|config| config.backup = Backup::Double), change(|config| config.backup = Backup::Mean)),
        (plain.clone(), change(|config| config.backup = Backup::Mean)),
        (plain.clone(), change(|config| config.entropy_in_target = false)),
        (plain.clone(), change(|config| config.critic_loss = CriticLoss::Huber)),
        (plain.clone(), change(|config| config.q_clip = Some(0.1))),
        (change(|config| config.q_clip = Some(0.1)), change(|config| config.q_clip = Some(0.2))),
        (plain.clone(), change(|config| config.entropy_penalty = Some(0.1))),
        (plain.clone(), change(reinforce)),
        (plain.clone(), change(|config| config.actor_gradient = ActorGradient::ForwardKl)),
        (
            SacConfig { actor_gradient: gumbel(0.7), ..plain.clone() },
            SacConfig { actor_gradient: gumbel(0.8), ..plain.clone() },
        ),
        (plain.clone(), change(|config| config.target_update = TargetUpdate::Hard { interval: 2 })),
        (plain.clone(), change(|config| config.temperature = Temperature::Fixed)),
        (
            plain.clone(),
            change(|config| {
                config.temperature =
                    Temperature::Annealed { upper_fraction: 0.5, lower_fraction: 0.4, steps: 10 };
            }),
        ),
        (plain.clone(), change(|config| config.grad_clip = Some(0.1))),
        (
            change(|config| config.value_network = Some(ValueNetwork { learning_rate: 1e-3 })),
            change(|config| config.value_network = Some(ValueNetwork { learning_rate: 2e-3 })),
        ),
    ];
    for (ours, theirs) in pairs {
        assert_eq!(disagreement(&ours, &ours, case), None);
        let noticed = disagreement(&ours, &theirs, case);
        assert!(noticed.is_some(), "{ours:?}\n{theirs:?}");
    }
}
