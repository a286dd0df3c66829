//! Steps on sequences: what must not matter, what must, and the smallest shapes. That the values are right is left to the
//! vectors in `tests/conformance`.

use burn::tensor::Device;
use rand::RngExt as _;

use super::AutodiffSac;
use crate::algo::TrainError;
use crate::algo::report::{CRITIC_GRADIENT_NORM, CRITIC_LOSS, TD_ERROR};
use crate::algo::sac::{SacConfig, SacUpdate};
use crate::mdp::{GridShape, SequenceBatch, StateBatch, Stream, TransitionBatch, rng};
use crate::nn::{Inputs, TensorMap};

const ACTIONS: usize = 3;
const GRID: GridShape = GridShape { channels: 2, height: 2, width: 3 };

const LSTM: &str = r#"{"kind": "lstm", "hidden": 4, "embed": 5, "skip": true}"#;
const GRU: &str = r#"{"kind": "gru", "hidden": 4}"#;
const TRANSFORMER: &str =
    r#"{"kind": "transformer", "width": 4, "heads": 2, "blocks": 2, "mlp": 5, "window": 3}"#;
const SPATIAL: &str = r#"{"kind": "transformer", "width": 4, "heads": 2, "mlp": 5, "window": 9,
    "spatial": {"layers": [{"channels": 3, "kernel": 3}]}}"#;

fn inputs(memory: &str) -> Inputs {
    Inputs { vector: 2, grid: memory.contains("spatial").then_some(GRID) }
}

fn config(memory: &str, sequence: &str) -> SacConfig {
    let text = format!(r#"{{"hidden": [5], "memory": {memory}, "sequence": {sequence}}}"#);
    serde_json::from_str(&text).unwrap()
}

/// An agent whose memories take part in everything, unlike fresh ones.
fn sac(config: &SacConfig, inputs: Inputs) -> AutodiffSac {
    let seed = &mut rng(1, Stream::Weights, 0);
    let mut sac = AutodiffSac::new(config.clone(), inputs, ACTIONS, seed, Device::flex()).unwrap();
    let mut tensors = sac.export().unwrap();
    for (name, tensor) in &mut tensors {
        if !name.contains("optimizer") && !name.ends_with("log_alpha") {
            tensor.data.iter_mut().for_each(|value| *value += 0.4 * seed.random::<f32>() - 0.2);
        }
    }
    sac.import(&tensors, 0).unwrap();
    sac
}

/// Three sequences of six transitions: one from its episode's start, one across two episodes, one that ends early.
fn batch(inputs: Inputs, burn_in: usize) -> SequenceBatch {
    let source = &mut rng(2, Stream::Replay, 0);
    let (size, length, features) = (3, 6, inputs.features());
    let mut floats = |len: usize| (0..len).map(|_| 2.0 * source.random::<f32>() - 1.0).collect::<Vec<f32>>();
    let mut batch = SequenceBatch {
        batch: size,
        length,
        burn_in,
        n_step: 2,
        features,
        observations: floats(size * (length + 1) * features),
        rewards: floats(size * length),
        terminated: vec![0.0; size * length],
        truncated: vec![0.0; size * length],
        is_first: vec![0.0; size * (length + 1)],
        mask: vec![1.0; size * length],
        previous_rewards: floats(size),
        behaviour_entropies: vec![0.5; size * length],
        weights: vec![1.0, 0.5, 0.8],
        indices: vec![0; size],
        ..SequenceBatch::default()
    };
    let mut actions = |len: usize| (0..len).map(|_| source.random_range(0..3)).collect::<Vec<u16>>();
    batch.actions = actions(size * length).into();
    batch.previous_actions = actions(size).into();
    for b in 0..size {
        batch.mask[b * length..b * length + burn_in].fill(0.0);
    }
    batch.is_first[0] = 1.0;
    // The second: an episode is truncated by transition 2, moment 4 begins the next one.
    batch.truncated[length + 2] = 1.0;
    batch.mask[length + 3] = 0.0;
    batch.is_first[length + 1 + 4] = 1.0;
    // The third ends with transition 4.
    batch.terminated[2 * length + 4] = 1.0;
    batch.mask[2 * length + 5] = 0.0;
    batch
}

fn parameters(sac: &AutodiffSac) -> TensorMap {
    let mut tensors = sac.export().unwrap();
    tensors.retain(|name, _| !name.starts_with("optimizer"));
    tensors
}

#[test]
fn what_masked_transitions_hold_does_not_matter() {
    for memory in [LSTM, GRU, TRANSFORMER, SPATIAL] {
        let (config, inputs) = (config(memory, "{}"), inputs(memory));
        let plain = batch(inputs, 1);
        let mut other = plain.clone();
        let (steps, moments) = (plain.length, plain.length + 1);
        // Void transitions, the moment behind the end, and what came before the first moment of an episode.
        for at in [steps + 3, 2 * steps + 5] {
            (other.rewards[at], other.terminated[at], other.actions.discrete[at]) = (9.0, 1.0, u16::MAX);
        }
        let last = (3 * moments - 1) * plain.features;
        other.observations[last..].fill(7.0);
        (other.previous_rewards[0], other.previous_actions.discrete[0]) = (5.0, 2);
        let results = [plain, other].map(|batch| {
            let mut sac = sac(&config, inputs);
            let report = sac.update_sequences(&batch, true).unwrap();
            (report, sac.td_errors().unwrap().to_vec(), parameters(&sac))
        });
        assert_eq!(results[0], results[1], "{memory}");
    }
}

#[test]
fn without_an_unmasked_transition_nothing_changes() {
    for memory in [LSTM, GRU, TRANSFORMER, SPATIAL] {
        let (config, inputs) = (config(memory, "{}"), inputs(memory));
        let mut void = batch(inputs, 1);
        void.mask.fill(0.0);
        let mut sac = sac(&config, inputs);
        // Targets still follow their networks.
        let online = |sac: &AutodiffSac| {
            let mut tensors = parameters(sac);
            tensors.retain(|name, _| !name.starts_with("target"));
            tensors
        };
        let before = online(&sac);
        let report = sac.update_sequences(&void, true).unwrap().unwrap();
        assert_eq!(report.get(CRITIC_LOSS), Some(0.0));
        assert_eq!(*sac.td_errors().unwrap(), [0.0; 3]);
        assert_eq!(online(&sac), before, "{memory}");
        assert_eq!(sac.gradient_steps(), 1);
    }
}

#[test]
fn gradient_flows_through_the_burn_in_only_if_asked_to() {
    for memory in [LSTM, GRU, TRANSFORMER, SPATIAL] {
        let inputs = inputs(memory);
        let [constant, through] = [r#"{}"#, r#"{"burn_in_gradient": true}"#].map(|sequence| {
            let mut sac = sac(&config(memory, sequence), inputs);
            let report = sac.update_sequences(&batch(inputs, 3), true).unwrap().unwrap();
            let errors = sac.td_errors().unwrap().to_vec();
            (report.get(TD_ERROR).unwrap(), errors, report.get(CRITIC_GRADIENT_NORM).unwrap())
        });
        assert!((constant.0 - through.0).abs() < 1e-6, "{memory}");
        assert!(constant.1.iter().zip(&through.1).all(|(a, b)| (a - b).abs() < 1e-5), "{memory}");
        assert!((constant.2 - through.2).abs() > 1e-5 * through.2, "{memory}");
    }
}

#[test]
fn recorded_states_are_where_an_unroll_begins() {
    for (memory, width) in [(LSTM, 8), (GRU, 4)] {
        let (config, inputs) = (config(memory, "{}"), inputs(memory));
        let mut found = Vec::new();
        for stored in [0, width, 3 * width] {
            let mut batch = batch(inputs, 0);
            let values = (0..3 * stored).map(|at| (at as f32).sin()).collect();
            batch.initial_states = StateBatch { width: stored, values };
            let mut sac = sac(&config, inputs);
            sac.update_sequences(&batch, false).unwrap();
            found.push(sac.td_errors().unwrap().to_vec());
        }
        // The first sequence begins an episode.
        assert!(found.iter().all(|errors| (errors[0] - found[0][0]).abs() < 1e-6), "{memory} {found:?}");
        assert!(found[0][1] != found[1][1] && found[1][1] != found[2][1], "{memory} {found:?}");
    }
}

#[test]
fn the_factor_concerns_memories_alone() {
    for memory in [LSTM, SPATIAL] {
        let inputs = inputs(memory);
        let slow = r#"{"memory_learning_rate_factor": 0.25}"#;
        let [plain, slow] = ["{}", slow].map(|sequence| {
            let mut sac = sac(&config(memory, sequence), inputs);
            let before = parameters(&sac);
            sac.update_sequences(&batch(inputs, 1), false).unwrap();
            (before, parameters(&sac))
        });
        for (name, before) in plain.0.iter().filter(|(name, _)| name.starts_with("critic")) {
            let factor = if name.contains(".memory.") { 0.25 } else { 1.0 };
            let changes = [&plain.1, &slow.1].map(|after| &after[name].data);
            for (at, value) in before.data.iter().enumerate() {
                let [whole, part] = changes.map(|after| after[at] - value);
                assert!((part - factor * whole).abs() < 1e-6, "{name}[{at}]: {whole}, {part}");
            }
        }
    }
}

#[test]
fn the_smallest_shapes_learn_and_go_on_after_loading() {
    let bare = r#"{"kind": "transformer", "width": 2, "heads": 1, "mlp": 1, "window": 50, "spatial": {}}"#;
    let grid = Inputs { vector: 0, grid: Some(GRID) };
    let blind = r#"{"previous_action": false, "previous_reward": false, "burn_in": 0}"#;
    for (memory, inputs, sequence) in [
        (bare, grid, blind),
        (bare, Inputs { vector: 1, grid: Some(GRID) }, blind),
        (bare, grid, "{}"),
        (TRANSFORMER, 0.into(), r#"{"previous_action": false}"#),
        (r#"{"kind": "lstm", "hidden": 1}"#, 1.into(), blind),
        (r#"{"kind": "gru", "hidden": 1, "embed": 1, "skip": true}"#, 0.into(), "{}"),
    ] {
        let config = SacConfig { hidden: Vec::new(), ..config(memory, sequence) };
        let features = inputs.features();
        let batch = SequenceBatch {
            batch: 1,
            length: 1,
            features,
            observations: vec![0.5; 2 * features],
            actions: vec![1].into(),
            rewards: vec![1.0],
            terminated: vec![0.0],
            truncated: vec![0.0],
            is_first: vec![1.0, 0.0],
            mask: vec![1.0],
            previous_actions: vec![0].into(),
            previous_rewards: vec![0.0],
            weights: vec![1.0],
            indices: vec![0],
            ..SequenceBatch::default()
        };
        let mut sac = sac(&config, inputs);
        let before = parameters(&sac);
        sac.update_sequences(&batch, true).unwrap().unwrap();
        assert_ne!(parameters(&sac), before, "{memory}");
        let seed = &mut rng(7, Stream::Weights, 0);
        let mut loaded = AutodiffSac::new(config, inputs, ACTIONS, seed, Device::flex()).unwrap();
        loaded.import(&sac.export().unwrap(), 1).unwrap();
        for sac in [&mut sac, &mut loaded] {
            sac.update_sequences(&batch, true).unwrap();
        }
        assert_eq!(sac.export().unwrap(), loaded.export().unwrap(), "{memory}");
        let policies = sac.policies(&batch).unwrap();
        assert_eq!(policies.len(), 2 * ACTIONS);
        assert!((policies.iter().sum::<f32>() - 2.0).abs() < 1e-5);
    }
}

#[test]
fn batches_that_do_not_fit_are_refused() {
    let plain = SacConfig { hidden: vec![5], ..SacConfig::default() };
    let (lstm, inputs) = (config(LSTM, "{}"), inputs(LSTM));
    let refused = |config: &SacConfig, batch: &SequenceBatch| {
        let seed = &mut rng(1, Stream::Weights, 0);
        let mut sac = AutodiffSac::new(config.clone(), inputs, ACTIONS, seed, Device::flex()).unwrap();
        let error = sac.update_sequences(batch, false).unwrap_err();
        assert_eq!(sac.gradient_steps(), 0);
        error.to_string()
    };
    let whole = batch(inputs, 1);
    let states = StateBatch { width: 5, values: vec![0.0; 15] };
    let mut unknown = whole.clone();
    unknown.actions.discrete[1] = 3;
    for (start, config, batch) in [
        ("the batch holds sequences, an agent without memory", &plain, whole.clone()),
        ("the batch is empty", &lstm, SequenceBatch::default()),
        ("the batch has a burn-in of 6", &lstm, SequenceBatch { burn_in: 6, ..whole.clone() }),
        ("the batch has 3 features", &lstm, SequenceBatch { features: 3, ..whole.clone() }),
        ("the batch has columns", &lstm, SequenceBatch { rewards: Vec::new(), ..whole.clone() }),
        ("the batch has 3 states of 5 numbers", &lstm, SequenceBatch { initial_states: states, ..whole }),
        ("the batch holds action 3", &lstm, unknown),
    ] {
        let error = refused(config, &batch);
        assert!(error.starts_with(start), "{error}");
    }
    let error = sac(&lstm, inputs).update(&TransitionBatch::default(), false).unwrap_err();
    assert!(matches!(&error, TrainError::Batch { problem } if problem.contains("learns from sequences")));
}
