//! Holds replay and the tabular reference to the published vectors: assembly of n-step transitions
//! (section 13), prioritized replay (14) and soft fixed points (15).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use entropy_arcade::algo::sac::tabular::{SoftValues, TabularMdp};
use entropy_arcade::mdp::{
    Action, EpisodeEnd, ObservationSpace, Origin, StepBatch, TabularModel, TransitionBatch,
};
use entropy_arcade::replay::{Priorities, PriorityConfig, ReplayBuffer, ReplayConfig};
use serde_json::Value;

use super::{Files, folders, say};

/// What the cases here are called.
pub const KINDS: &[&str] = &["nstep", "prioritized", "soft_value_iteration", "soft_policy_evaluation"];

struct Case {
    name: String,
    description: Value,
    floats: BTreeMap<String, Vec<f64>>,
    integers: BTreeMap<String, Vec<i64>>,
}

impl Case {
    fn load(folder: &Path) -> Self {
        let files = Files::read(folder);
        let name = files.name();
        let Files { description, floats, integers } = files;
        let wide = |values: Vec<f32>| values.into_iter().map(f64::from).collect();
        let floats = floats.into_iter().map(|(name, (_, values))| (name, wide(values))).collect();
        Self { name, description, floats, integers }
    }

    fn kind(&self) -> &str {
        self.description["kind"].as_str().unwrap()
    }

    fn number(&self, option: &str) -> f64 {
        self.description["config"][option].as_f64().unwrap()
    }

    fn count(&self, option: &str) -> usize {
        self.description["config"][option].as_u64().unwrap() as usize
    }

    fn shape(&self, extent: &str) -> usize {
        self.description["shapes"][extent].as_u64().unwrap() as usize
    }

    fn flag(&self, name: &str, at: usize) -> bool {
        self.integers[name][at] != 0
    }

    /// Compares what was found with what the case expects under `out.`, all names but `left_out`.
    fn conclude(
        &self,
        floats: &[(&str, Vec<f64>)],
        integers: &[(&str, Vec<i64>)],
        left_out: &[&str],
        failures: &mut Vec<String>,
    ) {
        let mut worst = 0.0f64;
        for (name, found) in floats {
            let expected = &self.floats[*name];
            assert_eq!(found.len(), expected.len(), "{} {name}", self.name);
            for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
                let error = (found - expected).abs() / (1e-5 + 1e-4 * expected.abs());
                worst = worst.max(error);
                if error.is_nan() || error > 1.0 {
                    failures.push(format!("{} {name}[{index}] = {found}, expected {expected}", self.name));
                }
            }
        }
        for (name, found) in integers {
            if *found != self.integers[*name] {
                let expected = &self.integers[*name];
                failures.push(format!("{} {name} = {found:?}, expected {expected:?}", self.name));
            }
        }
        let expected = self.description["expected"].as_array().unwrap();
        let expected: BTreeSet<&str> = expected.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
        let names = floats.iter().map(|(name, _)| *name).chain(integers.iter().map(|(name, _)| *name));
        let seen: BTreeSet<&str> = names.chain(left_out.iter().copied()).collect();
        assert_eq!(seen, expected, "{}", self.name);
        let compared = expected.len() - left_out.len();
        say(&format!("{:28} {compared} tensors, largest error {worst:.3} tolerances", self.name));
    }
}

/// Section 14's script, on the priorities and the draws that the replay buffer makes. The ring of slots
/// is the test's own: the buffer's is made of segments. `out.weight_buffer_max` belongs to another
/// normalization, which is not implemented.
fn prioritized(case: &Case, failures: &mut Vec<String>) {
    let capacity = case.count("capacity");
    let config = PriorityConfig {
        exponent: case.number("exponent"),
        epsilon: case.number("epsilon"),
        initial: case.number("initial_max_priority"),
    };
    let mut priorities = Priorities::new(capacity, config);
    let (first, more) = (case.count("insert_first"), case.count("insert_after_updates"));
    for slot in 0..first {
        priorities.insert(slot % capacity);
    }
    for (slot, td_error) in case.floats["in.td_initial"].iter().enumerate() {
        priorities.update(slot, *td_error);
    }
    for (slot, td_error) in case.integers["in.update_index"].iter().zip(&case.floats["in.update_td"]) {
        priorities.update(*slot as usize, *td_error);
    }
    for slot in first..first + more {
        priorities.insert(slot % capacity);
    }
    let filled = priorities.filled();
    let uniforms = &case.floats["in.uniform"];
    let drawn = uniforms.iter().enumerate().map(|(k, &u)| priorities.draw(k, uniforms.len(), u) as u32);
    let drawn: Vec<u32> = drawn.collect();
    let mut weights = Vec::new();
    priorities.importance_weights(&drawn, case.number("beta"), &mut weights);
    case.conclude(
        &[
            ("out.priority", (0..filled).map(|slot| priorities.raw(slot).unwrap()).collect()),
            ("out.probability", (0..filled).map(|slot| priorities.probability(slot)).collect()),
            ("out.total", vec![priorities.total()]),
            ("out.weight", weights.iter().map(|&weight| weight.into()).collect()),
        ],
        &[("out.index", drawn.iter().map(|&slot| slot.into()).collect())],
        &["out.weight_buffer_max"],
        failures,
    );
}

/// Pushes the case's steps into a replay buffer, as actors do, and reads back what it samples from.
///
/// Observations carry environment, time and whether they are final as three more numbers, so that
/// every output but `out.truncated` of a step that also terminated is compared: there the buffer
/// knows only the termination, which decides. `out.steps` is the time between both observations,
/// `out.truncated` whether the last one is final without being terminal.
///
/// A step is complete once the next observation is there. Where the stream stops inside an episode,
/// that observation is pushed as the beginning of one more step. The buffer then samples the last
/// starts with the steps they have, which is `flush_at_end`; without it those starts must be the
/// only ones beyond the expected rows.
fn nstep(case: &Case, failures: &mut Vec<String>) {
    let (time, envs, width) = (case.shape("time"), case.shape("envs"), case.shape("obs"));
    let n = case.count("n");
    let space = ObservationSpace { vector: vec![String::new(); width + 3], grid: None };
    let capacity = envs * (time + 65);
    let config = ReplayConfig { capacity, streams: 0, n_step: n, gamma: case.number("gamma") as f32 };
    let mut buffer = ReplayBuffer::new(space, config);
    let observation = |name: &str, t: usize, at: usize, env: usize, last: bool| -> Vec<f32> {
        let own = case.floats[name][at * width..(at + 1) * width].iter().map(|&value| value as f32);
        own.chain([env as f32, t as f32, f32::from(u8::from(last))]).collect()
    };
    let end = |at: usize| match (case.flag("in.terminated", at), case.flag("in.truncated", at)) {
        (true, _) => Some(EpisodeEnd::Terminated),
        (_, true) => Some(EpisodeEnd::Truncated),
        _ => None,
    };
    let mut fresh = vec![true; envs];
    for t in 0..=time {
        let mut steps = StepBatch::default();
        for (env, fresh) in fresh.iter_mut().enumerate() {
            let at = t * envs + env;
            // The observation after the last step, where the episode went on.
            if t == time && *fresh {
                continue;
            }
            let o = match t == time {
                true => observation("in.next_obs", t, at - envs, env, false),
                false => observation("in.obs", t, at, env, false),
            };
            let end = if t == time { None } else { end(at) };
            steps.streams.push(env as u32);
            steps.starts.push(*fresh);
            steps.observations.push(&o, &[]);
            let action = if t == time { 0 } else { case.integers["in.action"][at] };
            steps.actions.push(Action::Discrete(u16::try_from(action).unwrap()));
            steps.rewards.push(if t == time { 1e6 } else { case.floats["in.reward"][at] as f32 });
            steps.behaviour_entropies.push(0.0);
            steps.origins.push(Origin::Policy);
            steps.ends.push(end);
            if end.is_some() {
                steps.final_observations.push(&observation("in.next_obs", t + 1, at, env, true), &[]);
            }
            *fresh = end.is_some();
        }
        buffer.push(&steps);
    }

    let mut batch = TransitionBatch::default();
    buffer.gather_all(&mut batch);
    let features = batch.features;
    let tag =
        |observations: &[f32], row: usize, tag: usize| observations[row * features + width + tag] as i64;
    let start = |row: usize| [tag(&batch.observations, row, 0), tag(&batch.observations, row, 1)];
    let steps = |row: usize| tag(&batch.next_observations, row, 1) - start(row)[1];
    let ended = |row: usize| tag(&batch.next_observations, row, 2) == 1;
    let mut rows: Vec<usize> = (0..batch.batch).collect();
    rows.sort_by_key(|&row| start(row));
    if !case.description["config"]["flush_at_end"].as_bool().unwrap() {
        rows.retain(|&row| ended(row) || steps(row) == n as i64);
        let dropped = batch.batch - rows.len();
        let open = fresh.iter().filter(|fresh| !**fresh).count();
        assert!(dropped <= open * (n - 1), "{}: {dropped} short starts", case.name);
    }
    let integers = |of: &dyn Fn(usize) -> i64| rows.iter().map(|&row| of(row)).collect::<Vec<i64>>();
    let floats = |values: &[f32], each: usize, of: usize| -> Vec<f64> {
        rows.iter().flat_map(|&row| &values[row * each..row * each + of]).map(|&value| value.into()).collect()
    };
    let terminated = integers(&|row| batch.terminated[row] as i64);
    let mut truncated = integers(&|row| i64::from(ended(row) && batch.terminated[row] == 0.0));
    for (index, found) in truncated.iter_mut().enumerate() {
        if terminated[index] == 1 {
            *found = case.integers["out.truncated"].get(index).copied().unwrap_or(0);
        }
    }
    case.conclude(
        &[
            ("out.obs", floats(&batch.observations, features, width)),
            ("out.n_step_return", floats(&batch.n_step_returns, 1, 1)),
            ("out.discount", floats(&batch.discounts, 1, 1)),
            ("out.next_obs", floats(&batch.next_observations, features, width)),
        ],
        &[
            ("out.env", integers(&|row| start(row)[0])),
            ("out.start", integers(&|row| start(row)[1])),
            ("out.steps", integers(&steps)),
            ("out.action", integers(&|row| batch.actions.index(row) as i64)),
            ("out.terminated", terminated),
            ("out.truncated", truncated),
        ],
        &[],
        failures,
    );
}

/// The case's MDP. Its rows sum to 1 only as far as single precision goes.
fn mdp(case: &Case) -> TabularMdp {
    let shape = [case.shape("states"), case.shape("actions")];
    let model = TabularModel::dense(shape, &case.floats["in.transition"], &case.floats["in.reward"]);
    TabularMdp::new(model.unwrap(), case.number("gamma"), case.number("alpha")).unwrap()
}

fn soft_value_iteration(case: &Case, failures: &mut Vec<String>) {
    for optimum in [mdp(case).soft_value_iteration(), mdp(case).soft_policy_iteration()] {
        let SoftValues { q, v, .. } = optimum.values;
        let found =
            [("out.q", q), ("out.v", v), ("out.policy", optimum.policy), ("out.entropy", optimum.entropy)];
        case.conclude(&found, &[], &[], failures);
    }
}

fn soft_policy_evaluation(case: &Case, failures: &mut Vec<String>) {
    let values = mdp(case).soft_policy_evaluation(&case.floats["in.policy"]);
    let SoftValues { q, v, .. } = values.unwrap();
    case.conclude(&[("out.q", q), ("out.v", v)], &[], &[], failures);
}

/// Runs `check` on every case of `kind`; the shipped folder must hold exactly `covered`.
fn run(kind: &str, covered: &[&str], check: impl Fn(&Case, &mut Vec<String>)) {
    let (folders, shipped) = folders();
    let cases: Vec<Case> = folders.iter().map(|folder| Case::load(folder)).collect();
    let cases: Vec<&Case> = cases.iter().filter(|case| case.kind() == kind).collect();
    let mut failures = Vec::new();
    for case in &cases {
        check(case, &mut failures);
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    if shipped {
        assert_eq!(cases.iter().map(|case| case.name.as_str()).collect::<Vec<_>>(), covered);
    }
}

#[test]
fn prioritized_replay_draws_and_weighs_the_published_values() {
    run("prioritized", &["prioritized_basic", "prioritized_update", "prioritized_wrap"], prioritized);
}

#[test]
fn the_buffer_assembles_the_published_transitions() {
    let covered = ["nstep_short_episodes", "nstep_terminated_truncated", "nstep_vector_flush"];
    run("nstep", &covered, nstep);
}

#[test]
fn both_iterations_reach_the_published_optimum() {
    run("soft_value_iteration", &["tabular_soft_optimal"], soft_value_iteration);
}

#[test]
fn evaluation_reaches_the_published_values() {
    run("soft_policy_evaluation", &["tabular_soft_evaluation"], soft_policy_evaluation);
}
