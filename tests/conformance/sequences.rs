//! Holds the assembly of sequences (section 11 of the specification of agents with memory) to its published vectors.

use std::collections::{BTreeMap, BTreeSet};

use entropy_arcade::mdp::{Action, EpisodeEnd, ObservationSpace, Origin, SequenceBatch, StepBatch};
use entropy_arcade::replay::{ReplayBuffer, ReplayConfig, ReplaySpace, SequenceConfig};

use super::{Files, folders, say};

/// What the cases here are called.
pub const KIND: &str = "sequence_assembly";

/// Numbers behind an observation's own: its environment and its time, counted from 1.
const TAGS: usize = 2;

/// Pushes the case's steps as actors do; the observation after the last one begins a step that never completes.
fn filled(case: &Files, cut: SequenceConfig) -> ReplayBuffer {
    let extent = |name: &str| case.description["shapes"][name].as_u64().unwrap() as usize;
    let (time, envs, width, state) = (extent("time"), extent("envs"), extent("obs"), extent("state"));
    let space = ReplaySpace {
        observation: ObservationSpace { vector: vec![String::new(); width + TAGS], grid: None },
        action_dims: 0,
        state_width: state,
    };
    let config = ReplayConfig { capacity: envs * (time + 65), streams: 0, n_step: 1, gamma: 0.5 };
    let mut buffer = ReplayBuffer::new(space, config);
    buffer.set_sequences(Some(cut));
    let row =
        |name: &str, at: usize, width: usize| case.floats[name].1[at * width..(at + 1) * width].to_vec();
    let observation = |name: &str, t: usize, at: usize, env: usize| {
        let mut values = row(name, at, width);
        values.extend([(env + 1) as f32, (t + 1) as f32]);
        values
    };
    let mut fresh = vec![true; envs];
    for t in 0..=time {
        for (env, fresh) in fresh.iter_mut().enumerate() {
            let (at, over) = (t * envs + env, t == time);
            if over && *fresh {
                continue;
            }
            let flag = |name: &str| !over && case.integers[name][at] != 0;
            let end = match (flag("in.terminated"), flag("in.truncated")) {
                (true, _) => Some(EpisodeEnd::Terminated),
                (_, true) => Some(EpisodeEnd::Truncated),
                _ => None,
            };
            let mut steps = StepBatch {
                streams: vec![env as u32],
                starts: vec![*fresh],
                rewards: vec![if over { 1e5 } else { case.floats["in.reward"].1[at] }],
                behaviour_entropies: vec![0.0],
                origins: vec![Origin::Policy],
                ends: vec![end],
                ..StepBatch::default()
            };
            let seen = if over {
                observation("in.next_obs", t, at - envs, env)
            } else {
                observation("in.obs", t, at, env)
            };
            steps.observations.push(&seen, &[]);
            let action = if over { 0 } else { case.integers["in.action"][at] };
            steps.actions.push(Action::Discrete(u16::try_from(action).unwrap()));
            steps.states.push(&if over { vec![0.0; state] } else { row("in.state", at, state) });
            if end.is_some() {
                steps.final_observations.push(&observation("in.next_obs", t + 1, at, env), &[]);
            }
            assert_eq!(buffer.push(&steps), 0);
            *fresh = end.is_some();
        }
    }
    buffer
}

fn sequences(case: &Files) {
    let config = &case.description["config"];
    let count = |name: &str| config[name].as_u64().unwrap() as usize;
    let (burn_in, learn, stride) = (count("burn_in"), count("learn"), count("stride"));
    let flush = config["flush_at_end"].as_bool().unwrap();
    let mut all = SequenceBatch::default();
    let buffer = filled(case, SequenceConfig { burn_in, learn, stride });
    buffer.gather_all_sequences(flush, &mut all);
    let (length, features) = (all.length, all.features);
    let width = features - TAGS;
    // The first moment behind the burn-in is always real: it says whose the sequence is.
    let tag = |b: usize, tag: usize| {
        all.observations[(b * (length + 1) + burn_in) * features + width + tag] as i64 - 1
    };
    let mut rows: Vec<usize> = (0..all.batch).collect();
    rows.sort_by_key(|&b| (tag(b, 0), tag(b, 1)));
    let floats = |values: &[f32], each: usize| -> Vec<f32> {
        rows.iter().flat_map(|&b| values[b * each..(b + 1) * each].to_vec()).collect()
    };
    let integers = |values: &[f32], each: usize| -> Vec<i64> {
        floats(values, each).into_iter().map(|value| value as i64).collect()
    };
    let moments = all.observations.chunks(features).flat_map(|row| row[..width].to_vec());
    let found = BTreeMap::from([
        ("out.obs", floats(&moments.collect::<Vec<_>>(), (length + 1) * width)),
        ("out.reward", floats(&all.rewards, length)),
        ("out.previous_reward", floats(&all.previous_rewards, 1)),
        ("out.state", floats(&all.initial_states.values, all.initial_states.width)),
    ]);
    let actions = |values: &[u16]| values.iter().map(|value| f32::from(*value)).collect::<Vec<_>>();
    let truncated: Vec<f32> = all.truncated.clone();
    let whole = BTreeMap::from([
        ("out.env", rows.iter().map(|&b| tag(b, 0)).collect()),
        ("out.first", rows.iter().map(|&b| tag(b, 1)).collect()),
        ("out.action", integers(&actions(&all.actions.discrete), length)),
        ("out.previous_action", integers(&actions(&all.previous_actions.discrete), 1)),
        ("out.terminated", integers(&all.terminated, length)),
        ("out.truncated", integers(&truncated, length)),
        ("out.start", integers(&all.is_first, length + 1)),
        ("out.mask", integers(&all.mask, length)),
    ]);
    for (name, found) in &found {
        assert_eq!(*found, case.floats[*name].1, "{} {name}", case.name());
    }
    for (name, found) in &whole {
        let mut expected = case.integers[*name].clone();
        if *name == "out.truncated" {
            // An end that is both is stored as what decides.
            let decided = whole["out.terminated"].iter().zip(&mut expected);
            decided.for_each(|(terminated, truncated)| *truncated &= 1 - terminated);
        }
        assert_eq!(*found, expected, "{} {name}", case.name());
    }
    let expected = case.description["expected"].as_array().unwrap();
    let expected: BTreeSet<&str> = expected.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    let seen: BTreeSet<&str> = found.keys().chain(whole.keys()).copied().collect();
    assert_eq!(seen, expected, "{}", case.name());
    say(&format!("{:28} {} tensors, equal", case.name(), expected.len()));
}

#[test]
fn windows_are_those_of_the_specification() {
    let (folders, shipped) = folders();
    let cases: Vec<Files> = folders.iter().map(|folder| Files::read(folder)).collect();
    let own = cases.iter().filter(|case| case.description["kind"] == KIND);
    let count = own.map(sequences).count();
    assert!(!shipped || count == 2, "{count} cases");
}
