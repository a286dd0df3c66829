//! A policy acts for a row as if it were alone, and as its probabilities say.

use super::*;
use crate::algo::sac::{FusedSac, FusedSequenceSac, SacUpdate};
use crate::mdp::{ActionBatch, GridShape, ObservationBatch, Rng, StateBatch, Stream, rng};
use crate::nn::{ConvLayer, Encoder, Padding};

fn policy(config: &SacConfig, inputs: Inputs) -> CategoricalPolicy {
    let sac = FusedSac::new(config.clone(), inputs, 4, &mut rng(5, Stream::Weights, 0)).unwrap();
    CategoricalPolicy::from_tensors(config, inputs, 4, &sac.export_actor().unwrap()).unwrap()
}

fn dense(hidden: &[usize]) -> SacConfig {
    SacConfig { hidden: hidden.to_vec(), ..SacConfig::default() }
}

fn observations(inputs: Inputs, count: usize) -> ObservationBatch {
    let mut source = rng(6, Stream::Environment, 0);
    let vector = (0..count * inputs.vector).map(|_| 4.0 * source.random::<f32>() - 2.0).collect();
    let bytes = count * (inputs.features() - inputs.vector);
    ObservationBatch { count, vector, grid: (0..bytes).map(|_| source.random()).collect() }
}

fn act(
    policy: &CategoricalPolicy,
    observations: &ObservationBatch,
    rngs: &mut [Rng],
    output: &mut PolicyOutput,
) {
    let states = &mut StateBatch::default();
    let (previous_actions, previous_rewards) = (&ActionBatch::default(), &[][..]);
    let is_first = &[];
    policy.act(
        ActInput { observations, states, previous_actions, previous_rewards, is_first, rngs, greedy: false },
        output,
    );
}

#[test]
fn a_row_does_not_depend_on_its_company() {
    let grid = Some(GridShape { channels: 5, height: 7, width: 9 });
    let (vector, grid, both) = (8.into(), Inputs { vector: 0, grid }, Inputs { vector: 4, grid });
    let layers = [(16, 1), (20, 2)].map(|(channels, stride)| ConvLayer {
        channels,
        kernel: 3,
        stride,
        padding: Padding::Same,
    });
    let deep = Encoder::Conv { layers: layers.to_vec() };
    for (config, inputs) in [
        (dense(&[128, 128]), vector),
        (dense(&[64, 24]), vector),
        (dense(&[]), vector),
        (SacConfig { layer_norm: true, ..dense(&[64, 24]) }, vector),
        (dense(&[32]), grid),
        (dense(&[]), both),
        (SacConfig { encoder: Encoder::Flat, ..dense(&[32]) }, both),
        (SacConfig { encoder: deep, layer_norm: true, ..dense(&[33]) }, both),
    ] {
        let policy = policy(&config, inputs);
        let all = observations(inputs, 256);
        let fresh = || (0..256).map(|i| rng(7, Stream::Exploration, i)).collect::<Vec<_>>();
        let mut together = PolicyOutput::default();
        act(&policy, &all, &mut fresh(), &mut together);
        let mut alone = PolicyOutput::default();
        for (index, source) in fresh().iter_mut().enumerate() {
            let mut one = ObservationBatch::default();
            let (vector, grid) = all.row(index);
            one.push(vector, grid);
            act(&policy, &one, std::slice::from_mut(source), &mut alone);
            assert_eq!(alone.actions.row(0), together.actions.row(index));
            assert_eq!(alone.entropies[0].to_bits(), together.entropies[index].to_bits());
            assert_eq!(alone.probabilities[..], together.probabilities[index * 4..index * 4 + 4]);
        }
        let varied = together.probabilities.chunks_exact(4).any(|row| row != &together.probabilities[..4]);
        assert!(varied, "every row is the same");
    }
}

#[test]
fn sampling_follows_the_probabilities() {
    let policy = policy(&dense(&[16]), 8.into());
    let mut one = ObservationBatch::default();
    one.push(&[1.0, -1.0, 2.0, 0.5, -2.0, 1.5, 0.0, 1.0], &[]);
    let mut source = [rng(8, Stream::Exploration, 0)];
    let mut decisions = PolicyOutput::default();
    let mut counts = [0.0f32; 4];
    for _ in 0..20_000 {
        act(&policy, &one, &mut source, &mut decisions);
        counts[decisions.actions.index(0)] += 1.0 / 20_000.0;
    }
    for (count, probability) in counts.iter().zip(&decisions.probabilities) {
        assert!((count - probability).abs() < 0.015, "{counts:?} {:?}", decisions.probabilities);
    }
    assert!((decisions.probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
}

#[test]
fn layers_that_do_not_fit_are_named() {
    let config = dense(&[6, 5]);
    let sac = FusedSac::new(config.clone(), 3, 2, &mut rng(5, Stream::Weights, 0)).unwrap();
    let tensors = sac.export_actor().unwrap();
    let without = |name: &str| {
        let mut tensors = tensors.clone();
        tensors.remove(name);
        CategoricalPolicy::from_tensors(&config, 3, 2, &tensors).unwrap_err().to_string()
    };
    assert!(without("actor.layers.0.weight").contains("actor.layers.0.weight"));
    assert!(without("actor.layers.1.bias").contains("actor.layers.1.bias"));
    let mut other = tensors.clone();
    other.get_mut("actor.layers.1.weight").unwrap().shape = vec![6, 5];
    assert!(CategoricalPolicy::from_tensors(&config, 3, 2, &other).is_err());
    assert_eq!(CategoricalPolicy::from_tensors(&config, 3, 2, &tensors).unwrap().actions(), 2);
}

/// Acts on moment `t` of `count` slots that see the same; what came before is that of a slot's own number.
fn act_with_memory(
    policy: &CategoricalPolicy,
    slots: std::ops::Range<usize>,
    t: usize,
    first: bool,
    states: &mut StateBatch,
) -> Vec<f32> {
    let mut seen = ObservationBatch::default();
    let row = |slot: usize| [0, 1, 2].map(|j| ((7 * t + 3 * slot + j) as f32).sin());
    slots.clone().for_each(|slot| seen.push(&row(slot), &[]));
    let before: Vec<u16> = slots.clone().map(|slot| ((slot + t) % 4) as u16).collect();
    let rewards: Vec<f32> = slots.clone().map(|slot| slot as f32 - t as f32).collect();
    let mut output = PolicyOutput::default();
    let input = ActInput {
        observations: &seen,
        states,
        previous_actions: &before.into(),
        previous_rewards: &rewards,
        is_first: &vec![first; slots.len()],
        rngs: &mut [],
        greedy: true,
    };
    policy.act(input, &mut output);
    output.probabilities
}

#[test]
fn a_memory_is_carried_in_its_state_and_forgotten_at_a_start() {
    for memory in [
        r#"{"kind": "lstm", "hidden": 9, "embed": 5, "skip": true}"#,
        r#"{"kind": "gru", "hidden": 6}"#,
        r#"{"kind": "transformer", "width": 8, "heads": 2, "blocks": 2, "window": 3}"#,
    ] {
        let config = SacConfig { memory: serde_json::from_str(memory).unwrap(), ..dense(&[7]) };
        let sac = FusedSequenceSac::new(config.clone(), 3, 4, &mut rng(5, Stream::Weights, 0)).unwrap();
        let mut tensors = sac.export_actor().unwrap();
        // A new transformer reacts to the present alone.
        let source = &mut rng(6, Stream::Weights, 0);
        tensors
            .values_mut()
            .flat_map(|tensor| &mut tensor.data)
            .for_each(|value| *value += source.random::<f32>() - 0.5);
        let policy = CategoricalPolicy::from_tensors(&config, 3, 4, &tensors).unwrap();
        assert_eq!(policy.tensors(), tensors);
        let (width, count) = (policy.state_width(), 11);
        assert!(width > 0);
        let mut together = StateBatch::zeros(width, count);
        let mut alone: Vec<StateBatch> = (0..count).map(|_| StateBatch::zeros(width, 1)).collect();
        for t in 0..8 {
            let all = act_with_memory(&policy, 0..count, t, t == 0, &mut together);
            for (slot, state) in alone.iter_mut().enumerate() {
                let own = act_with_memory(&policy, slot..slot + 1, t, t == 0, state);
                assert_eq!(own, all[slot * 4..(slot + 1) * 4], "{memory} {t}");
                assert_eq!(state.row(0), together.row(slot));
            }
        }
        // The same moment after another past, and after none.
        let mut states = [together.clone(), StateBatch::zeros(width, count), together.clone(), together];
        act_with_memory(&policy, 0..count, 3, false, &mut states[2]);
        let [continued, fresh, other, restarted] = &mut states;
        let later = |states: &mut StateBatch, first| act_with_memory(&policy, 0..count, 9, first, states);
        let (after, blank) = (later(continued, false), later(fresh, true));
        assert_ne!(after, blank, "{memory}");
        assert_ne!(after, later(other, false), "{memory}");
        assert_eq!(blank, later(restarted, true), "{memory}");
    }
}

#[test]
fn attention_is_read_without_changing_what_is_done() {
    let memory = r#"{"kind": "transformer", "width": 8, "heads": 2, "window": 4, "spatial": {"layers": []}}"#;
    let config = SacConfig { memory: serde_json::from_str(memory).unwrap(), ..dense(&[7]) };
    let inputs = Inputs { vector: 2, grid: Some(GridShape { channels: 2, height: 2, width: 3 }) };
    let sac = FusedSequenceSac::new(config.clone(), inputs, 4, &mut rng(5, Stream::Weights, 0)).unwrap();
    let policy = CategoricalPolicy::from_tensors(&config, inputs, 4, &sac.export_actor().unwrap()).unwrap();
    let (mut states, mut others) = (StateBatch::zeros(policy.state_width(), 1), StateBatch::default());
    let mut output = PolicyOutput::default();
    let before: ActionBatch = vec![1].into();
    for t in 0..6 {
        let seen = observations(inputs, 1);
        let input = |states| ActInput {
            observations: &seen,
            states,
            previous_actions: &before,
            previous_rewards: &[0.5],
            is_first: if t == 0 { &[true] } else { &[false] },
            rngs: &mut [],
            greedy: true,
        };
        others.clone_from(&states);
        let attention = policy.attention(input(&mut others)).unwrap();
        policy.act(input(&mut states), &mut output);
        assert_eq!(states, others);
        assert_eq!(output.features.len(), 8);
        assert_eq!((attention.heads, attention.reach()), (2, 4.min(t + 1)));
        assert!((attention.mean().iter().sum::<f32>() - 1.0).abs() < 1e-5);
        let cells = attention.cells.unwrap();
        assert_eq!((cells.shape, cells.weights.len(), cells.offset, cells.step), ([2, 3], 6, 0.0, 1.0));
    }
    assert_eq!((policy.reach(), self::policy(&dense(&[4]), 3.into()).reach()), (Some(5), Some(1)));
}

/// While a thread waits for the other half of a large product, it acts for somebody else.
#[test]
fn threads_of_one_pool_act_at_once() {
    let policy = policy(&dense(&[256, 256]), 8.into());
    let all = observations(8.into(), 512);
    let fresh = || (0..512).map(|i| rng(7, Stream::Exploration, i)).collect::<Vec<_>>();
    let mut expected = PolicyOutput::default();
    act(&policy, &all, &mut fresh(), &mut expected);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let mut found: Vec<PolicyOutput> = (0..60).map(|_| PolicyOutput::default()).collect();
    pool.in_place_scope(|scope| {
        let (policy, all) = (&policy, &all);
        for output in &mut found {
            scope.spawn(move |_| act(policy, all, &mut fresh(), output));
        }
    });
    assert!(found.iter().all(|output| output.actions == expected.actions));
}
