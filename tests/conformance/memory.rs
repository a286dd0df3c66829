//! Holds agents with memory to the published vectors: gradient steps on sequences, policies moment by moment, priorities
//! of sequences and value rescaling.

use entropy_arcade::algo::TrainError;
use entropy_arcade::algo::sac::{
    Actions, AutodiffSac, FusedSequenceSac, SacConfig, SacUpdate, ValueRescaling, sequence_priorities,
};
use entropy_arcade::mdp::{ActionBatch, ActionNoise, GridShape, Rng, SequenceBatch, StateBatch, Stream, rng};
use entropy_arcade::nn::Inputs;
use entropy_arcade::replay::{Priorities, PriorityConfig};
use serde_json::{Value, json};

use super::folders;
use super::updates::{Case, Check, check_steps};

/// What the cases here are called.
pub const KINDS: &[&str] = &[
    "sac_discrete_sequence_update",
    "sac_continuous_sequence_update",
    "memory_acting",
    "sequence_priority",
    "value_rescaling",
];

/// The shipped cases that must run: coverage cannot shrink unnoticed.
const COVERED: &[&[&str]] = &[
    &[
        "seq_gru",
        "seq_lstm",
        "seq_lstm_burn_in",
        "seq_lstm_mean_masked",
        "seq_lstm_rescaled",
        "seq_transformer",
        "seq_transformer_burn_in",
        "seq_transformer_spatial",
    ],
    &["seq_lstm_continuous"],
    &["seq_acting_lstm", "seq_acting_spatial", "seq_acting_transformer"],
    &["seq_priority"],
    &["seq_value_rescaling"],
];

/// Makes an implementation of the gradient step on sequences.
type Make = fn(SacConfig, Inputs, Actions, &mut Rng) -> Result<Box<dyn SacUpdate>, TrainError>;

/// All that read sequences.
const IMPLEMENTATIONS: &[Make] = &[
    |config, inputs, actions, rng| Ok(Box::new(FusedSequenceSac::new(config, inputs, actions, rng)?)),
    |config, inputs, actions, rng| {
        Ok(Box::new(AutodiffSac::new(config, inputs, actions, rng, burn::tensor::Device::flex())?))
    },
];

fn inputs(case: &Case) -> Inputs {
    let shapes = &case.description["shapes"];
    let grid = shapes["grid"].as_array().map(|extents| {
        let extents: Vec<usize> = extents.iter().map(|extent| extent.as_u64().unwrap() as usize).collect();
        GridShape { channels: extents[0], height: extents[1], width: extents[2] }
    });
    Inputs { vector: shapes["obs"].as_u64().unwrap_or(0) as usize, grid }
}

/// The memory that all networks of the case have, as a setting, or why they cannot be made.
fn memory(case: &Case) -> Result<Value, String> {
    let networks = case.description["networks"].as_object().unwrap();
    let memory = &networks["actor"]["memory"];
    if networks.values().any(|network| network["memory"] != *memory) {
        return Err("memories of different sizes".to_owned());
    }
    let mut memory = memory.clone();
    let settings = memory.as_object_mut().unwrap();
    settings.remove("inputs");
    if let Some(spatial) = settings.get_mut("spatial").filter(|spatial| spatial.is_object()) {
        *spatial = json!({"layers": spatial["conv"]});
    }
    Ok(memory)
}

fn config(case: &Case) -> Result<SacConfig, String> {
    let mut settings = case.settings()?;
    let config = &case.description["config"];
    let sequence = &config["sequence"];
    let count = |name: &str| sequence[name].as_u64().unwrap();
    settings["gamma"] = sequence["gamma"].clone();
    settings["memory"] = memory(case)?;
    settings["reward_scale"] = json!(1.0);
    let factor = &config["optimizer"]["memory_lr_factor"];
    settings["sequence"] = json!({
        "learn": count("length") - count("burn_in"),
        "burn_in": sequence["burn_in"],
        "stride": 1,
        "burn_in_gradient": sequence["burn_in_gradient"],
        "previous_action": sequence["previous_action"],
        "previous_reward": sequence["previous_reward"],
        "priority_eta": sequence["priority_eta"],
        "value_rescaling": sequence["value_rescaling"],
        "reward_scale": config["reward_scale"].as_f64().unwrap_or(1.0),
        "memory_learning_rate_factor": factor.as_f64().unwrap_or(1.0),
    });
    Ok(serde_json::from_value(settings).unwrap())
}

/// Actions; what stands in masked transitions may be none.
fn actions(values: &[i64]) -> Vec<u16> {
    values.iter().map(|action| u16::try_from(*action).unwrap_or(u16::MAX)).collect()
}

/// `[rows, vector + grid]` of the two tensors, either of which may be absent.
fn observations(case: &Case, prefix: &str, rows: usize, inputs: Inputs) -> Vec<f32> {
    let part = |name: &str, row: usize, width: usize| -> Vec<f32> {
        if width == 0 {
            return Vec::new();
        }
        case.tensors[&format!("{prefix}.{name}")].data[row * width..(row + 1) * width].to_vec()
    };
    let grid = inputs.features() - inputs.vector;
    (0..rows).flat_map(|row| [part("obs", row, inputs.vector), part("grid", row, grid)].concat()).collect()
}

/// States of the networks in `stored`, zeros of the others; without those of critics if only the actor's are stored.
fn states(case: &Case, prefix: &str, config: &SacConfig, stored: &[&str], rows: usize) -> StateBatch {
    let names = config.network_names();
    let names = if stored == ["actor"] { &names[..1] } else { names };
    let (width, lstm) = (config.memory.state_width(), config.memory.kind() == "lstm");
    let hidden = if lstm { width / 2 } else { width };
    let mut states = StateBatch::default();
    if stored.is_empty() || width == 0 {
        return states;
    }
    for row in 0..rows {
        let mut values = Vec::new();
        for name in names {
            for part in if lstm { &["h", "c"][..] } else { &["h"] } {
                match case.tensors.get(&format!("{prefix}.{name}.{part}")).filter(|_| stored.contains(name)) {
                    Some(tensor) => values.extend_from_slice(&tensor.data[row * hidden..(row + 1) * hidden]),
                    None => values.resize(values.len() + hidden, 0.0),
                }
            }
        }
        states.push(&values);
    }
    states
}

/// The actions before the sequences; any where no network reads them.
fn previous_actions(case: &Case, name: &str, size: usize) -> ActionBatch {
    let there = case.integers.contains_key(name) || case.tensors.contains_key(name);
    match case.actions() {
        _ if there => case.action_batch(name, size),
        Actions::Discrete(_) => vec![0; size].into(),
        Actions::Continuous(dimensions) => {
            ActionBatch { rows: size, discrete: Vec::new(), continuous: vec![0.0; size * dimensions.len()] }
        }
    }
}

fn batch(case: &Case, config: &SacConfig, step: u64) -> SequenceBatch {
    let sequence = &case.description["config"]["sequence"];
    let count = |name: &str| sequence[name].as_u64().unwrap() as usize;
    let name = |field: &str| format!("batch{step}.{field}");
    let floats = |field: &str| case.tensors[&name(field)].data.clone();
    let given = |field: &str| case.tensors.get(&name(field)).map_or(Vec::new(), |own| own.data.clone());
    let integers = |field: &str| case.integers.get(&name(field)).map(|values| actions(values));
    let inputs = inputs(case);
    let (rewards, weights) = (floats("reward"), floats("weight"));
    let (size, steps) = (weights.len(), rewards.len());
    let stored: Vec<&str> =
        sequence["stored_state"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    SequenceBatch {
        batch: size,
        length: count("length"),
        burn_in: count("burn_in"),
        n_step: count("n_step"),
        features: inputs.features(),
        observations: observations(case, &format!("batch{step}"), steps + size, inputs),
        actions: case.action_batch(&name("action"), steps),
        rewards,
        terminated: case.flags(&name("terminated")),
        truncated: case.flags(&name("truncated")),
        is_first: case.flags(&name("start")),
        mask: case.flags(&name("mask")),
        previous_actions: previous_actions(case, &name("previous_action"), size),
        previous_rewards: case
            .tensors
            .get(&name("previous_reward"))
            .map_or(vec![0.0; size], |tensor| tensor.data.clone()),
        initial_states: states(case, &name("state"), config, &stored, size),
        sampled_actions: integers("sampled_actions").unwrap_or_default(),
        behaviour_entropies: case
            .tensors
            .get(&name("behaviour_entropy"))
            .map_or(vec![0.0; steps], |tensor| tensor.data.clone()),
        weights,
        noise: ActionNoise { here: given("noise"), next: given("next_noise"), sampled: Vec::new() },
        indices: vec![0; size],
        generations: Vec::new(),
    }
}

/// Runs `check` on every case of kind number `kind`, and asserts that none fails or is left out.
fn run(kind: usize, check: impl Fn(&Case, &mut Vec<String>) -> Result<(), String>) {
    let (folders, shipped) = folders();
    let cases = folders.iter().map(|folder| Case::load(folder));
    let (mut covered, mut failures) = (Vec::new(), Vec::new());
    for case in cases.filter(|case| case.description["kind"] == KINDS[kind]) {
        if let Err(option) = check(&case, &mut failures) {
            failures.push(format!("{} not covered: {option}", case.name));
        }
        covered.push(case.name);
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    if shipped {
        assert_eq!(covered, COVERED[kind]);
    }
}

/// Three steps of every implementation.
fn check_implementations(case: &Case, failures: &mut Vec<String>) -> Result<(), String> {
    let config = config(case)?;
    for make in IMPLEMENTATIONS {
        let random = &mut rng(0, Stream::Weights, 0);
        let mut sac =
            make(config.clone(), inputs(case), case.actions(), random).map_err(|error| error.to_string())?;
        let update = |sac: &mut dyn SacUpdate, step| sac.update_sequences(&batch(case, &config, step), true);
        check_steps(case, &mut *sac, update, failures);
    }
    Ok(())
}

#[test]
fn steps_on_sequences_report_the_published_values() {
    run(0, check_implementations);
}

#[test]
fn steps_on_sequences_of_continuous_actions_report_the_published_values() {
    run(1, check_implementations);
}

/// Every quantity the specification names, through the trace of the hand-written step.
#[test]
fn steps_on_sequences_trace_the_published_values() {
    for kind in [0, 1] {
        run(kind, |case, failures| {
            let config = config(case)?;
            let random = &mut rng(0, Stream::Weights, 0);
            let mut sac = FusedSequenceSac::new(config.clone(), inputs(case), case.actions(), random)
                .map_err(|error| error.to_string())?;
            sac.import(&case.initial(), 0).unwrap();
            let mut check = Check::new(case);
            for step in 1..=3 {
                let mut record = |name: &str, shape: &[usize], values: &[f32]| {
                    check.see(&format!("step{step}.{name}"), shape, values)
                };
                sac.update_sequences_traced(&batch(case, &config, step), true, &mut record).unwrap();
                check.see_parameters(&sac, step);
            }
            failures.extend(check.unseen());
            check.conclude("traced", failures);
            Ok(())
        });
    }
}

/// All moments as one batch.
#[test]
fn policies_with_memory_have_the_published_values() {
    run(2, |case, failures| {
        let (inputs, options) = (inputs(case), &case.description["config"]);
        let config: SacConfig = serde_json::from_value(json!({
            "hidden": case.description["networks"]["actor"]["hidden"],
            "backup": "single",
            "memory": memory(case)?,
            "sequence": {
                "previous_action": options["previous_action"],
                "previous_reward": options["previous_reward"],
            },
        }))
        .unwrap();
        let (size, moments) = (case.extent("envs"), case.extent("moments"));
        let actions_before = actions(&case.integers["in.previous_action"]);
        let rewards_before = &case.tensors["in.previous_reward"].data;
        let first = |row: usize| row * moments;
        let later = |row: usize| row * moments + 1..(row + 1) * moments;
        let mut states = StateBatch::default();
        if config.memory.state_width() > 0 {
            for row in 0..size {
                let part = |name: &str| {
                    case.tensors.get(name).map_or(&[][..], |tensor| {
                        let width = tensor.data.len() / size;
                        &tensor.data[row * width..(row + 1) * width]
                    })
                };
                states.push(&[part("in.h"), part("in.c")].concat());
            }
        }
        let steps = size * (moments - 1);
        let batch = SequenceBatch {
            batch: size,
            length: moments - 1,
            features: inputs.features(),
            observations: observations(case, "in", size * moments, inputs),
            actions: (0..size).flat_map(|row| actions_before[later(row)].to_vec()).collect::<Vec<_>>().into(),
            rewards: (0..size).flat_map(|row| rewards_before[later(row)].to_vec()).collect(),
            terminated: vec![0.0; steps],
            truncated: vec![0.0; steps],
            is_first: case.flags("in.start"),
            mask: vec![0.0; steps],
            previous_actions: (0..size).map(|row| actions_before[first(row)]).collect::<Vec<_>>().into(),
            previous_rewards: (0..size).map(|row| rewards_before[first(row)]).collect(),
            initial_states: states,
            weights: vec![1.0; size],
            ..SequenceBatch::default()
        };
        let device = burn::tensor::Device::flex();
        let actions = case.extent("actions");
        let random = &mut rng(0, Stream::Weights, 0);
        let mut sac =
            AutodiffSac::new(config, inputs, actions, random, device).map_err(|error| error.to_string())?;
        let mut tensors = sac.export().unwrap();
        tensors.extend(case.initial());
        sac.import(&tensors, 0).unwrap();
        let mut check = Check::new(case);
        check.see("out.policy", &[size, moments, actions], &sac.policies(&batch).unwrap());
        check.conclude(&format!("{}, as one batch", sac.device()), failures);
        Ok(())
    });
}

#[test]
fn priorities_of_sequences_have_the_published_values() {
    run(3, |case, failures| {
        let option = |name: &str| case.description["config"][name].as_f64().unwrap();
        let (count, steps) = (case.extent("sequences"), case.extent("steps"));
        let mask = case.flags("in.mask");
        let errors: Vec<_> =
            case.tensors.iter().filter(|(name, _)| name.starts_with("in.td.")).map(|(_, own)| own).collect();
        let mean = |at: usize| errors.iter().map(|own| own.data[at].abs()).sum::<f32>() / errors.len() as f32;
        let deltas: Vec<f32> =
            mask.iter().enumerate().map(|(at, mask)| if *mask == 0.0 { 0.0 } else { mean(at) }).collect();
        let unmasked = deltas.iter().enumerate().filter(|(at, _)| mask[*at] != 0.0);
        let ranked = sequence_priorities(
            option("eta") as f32,
            count,
            unmasked.map(|(at, delta)| (at / steps, *delta)),
        );
        let config =
            PriorityConfig { exponent: option("exponent"), epsilon: option("epsilon"), initial: 1.0 };
        let mut priorities = Priorities::new(count, config);
        for (slot, priority) in ranked.iter().enumerate() {
            priorities.insert(slot);
            priorities.update(slot, f64::from(*priority));
        }
        let probabilities: Vec<f32> = (0..count).map(|slot| priorities.probability(slot) as f32).collect();
        let (mut weights, slots) = (Vec::new(), (0..count as u32).collect::<Vec<_>>());
        priorities.importance_weights(&slots, option("beta"), &mut weights);
        let mut check = Check::new(case);
        check.see("out.step_priority", &[count, steps], &deltas);
        check.see("out.priority", &[count], &ranked);
        check.see("out.probability", &[count], &probabilities);
        check.see("out.weight", &[count], &weights);
        check.conclude("replay", failures);
        Ok(())
    });
}

#[test]
fn value_rescaling_has_the_published_values() {
    run(4, |case, failures| {
        let epsilon = case.description["config"]["epsilon"].as_f64().unwrap() as f32;
        let (rescaling, x) = (ValueRescaling { epsilon }, &case.tensors["in.x"].data);
        let mut check = Check::new(case);
        let mut see = |name: &str, of: &dyn Fn(f32) -> f32| {
            check.see(name, &[x.len()], &x.iter().map(|x| of(*x)).collect::<Vec<_>>());
        };
        see("out.h", &|x| rescaling.apply(x));
        see("out.h_inverse", &|x| rescaling.invert(x));
        see("out.h_derivative", &|x| rescaling.derivative(x));
        check.conclude("value rescaling", failures);
        Ok(())
    });
}
