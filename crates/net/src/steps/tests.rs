//! Steps are what they were, or refused.

use entropy_rl::mdp::{Action, ActionSpace, EpisodeEnd, ObservationSpace, Rng, Stream, rng};
use rand::{Rng as _, RngExt as _};

use super::*;

fn spec(continuous: bool) -> EnvironmentSpec {
    let action = if continuous {
        ActionSpace::continuous(&[("x", [-1.0, 1.0]), ("y", [0.0, 2.0])])
    } else {
        ActionSpace::discrete(&["a", "b", "c"])
    };
    EnvironmentSpec {
        name: "some world".into(),
        summary: String::new(),
        observation: ObservationSpace::floats(&["p", "q", "r"]),
        action,
        ticks_per_step: 1,
        tick_seconds: 0.1,
        episode_limit: 9,
        teams: vec![0, 1],
        rewards: Vec::new(),
    }
}

/// Steps as two arenas of two players leave them, with some left out.
fn recorded(rng: &mut Rng, continuous: bool, states: usize, whole: bool) -> Recorded {
    let mut all = Recorded::default();
    for step in 0..rng.random_range(1..40) {
        for stream in [0, 1, 8, 9] {
            if !whole && rng.random_bool(0.2) {
                continue;
            }
            let steps = &mut all.steps;
            let number = |rng: &mut Rng| rng.random_range(-3.0..3.0_f32);
            steps.streams.push(stream);
            steps.starts.push(rng.random_bool(0.1));
            let observation = [number(rng), f32::MIN_POSITIVE, -0.0];
            steps.observations.push(&observation, &[]);
            steps.actions.push(if continuous {
                Action::continuous(&[rng.random_range(-1.0..1.0), 0.5])
            } else {
                Action::Discrete(rng.random_range(0..3))
            });
            steps.rewards.push(number(rng));
            steps.behaviour_entropies.push(0.25);
            steps.policy_gradient_steps.push(step / 3);
            steps.origins.push(if rng.random_bool(0.3) { Origin::Human } else { Origin::Policy });
            let end = [None, None, Some(EpisodeEnd::Terminated), Some(EpisodeEnd::Truncated)];
            steps.ends.push(end[rng.random_range(0..4)]);
            if steps.ends.last().is_some_and(Option::is_some) {
                steps.final_observations.push(&[number(rng), 1.0, 2.0], &[]);
            }
            if states > 0 {
                let state: Vec<f32> = (0..states).map(|_| number(rng)).collect();
                steps.states.push(&state);
            }
        }
    }
    all.steps.refused = rng.random_range(0..3);
    for arena in 0..rng.random_range(0..3) {
        all.episodes.push(Episode {
            arena,
            end: if rng.random_bool(0.5) { EpisodeEnd::Terminated } else { EpisodeEnd::Truncated },
            returns: vec![1.5, -2.0],
            lengths: vec![7, 8],
            success: vec![true, false],
            scores: vec![0.0, 3.0],
            controllers: vec![1, 4],
        });
    }
    all
}

#[test]
fn steps_of_any_kind_arrive_as_they_were() {
    let mut rng = rng(3, Stream::Environment, 0);
    for round in 0..300 {
        let (continuous, states, whole) = (round % 2 == 1, [0, 0, 5][round % 3], round % 5 > 1);
        let recorded = recorded(&mut rng, continuous, states, whole);
        let bytes = encode(&recorded).unwrap();
        assert_eq!(decode(&bytes, &spec(continuous), states).unwrap(), recorded, "{round}");
    }
    let nothing = Recorded::default();
    assert_eq!(decode(&encode(&nothing).unwrap(), &spec(false), 0).unwrap(), nothing);
}

#[test]
fn a_transition_takes_its_observation_and_a_dozen_bytes() {
    let mut all = Recorded::default();
    for step in 0..4000_u32 {
        let steps = &mut all.steps;
        steps.streams.push(step % 16 * 8);
        steps.starts.push(step < 16);
        steps.observations.push(&[0.5; 3], &[]);
        steps.actions.push(Action::Discrete(1));
        steps.rewards.push(1.0);
        steps.behaviour_entropies.push(0.5);
        steps.policy_gradient_steps.push(u64::from(step / 1000));
        steps.origins.push(Origin::Policy);
        steps.ends.push(None);
    }
    let bytes = encode(&all).unwrap().len() as f32 / 4000.0;
    println!("{bytes} bytes a transition of 12 bytes of observation");
    assert!(bytes <= 1.1 * (12.0 + 12.0), "{bytes}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut rng = rng(4, Stream::Environment, 0);
    let good = recorded(&mut rng, false, 0, true);
    let refused = |change: &dyn Fn(&mut StepBatch)| {
        let mut bad = good.clone();
        change(&mut bad.steps);
        decode(&encode(&bad).unwrap(), &spec(false), 0).unwrap_err().to_string()
    };
    refused(&|steps| steps.actions.discrete[0] = 3);
    refused(&|steps| _ = steps.rewards.pop());
    refused(&|steps| steps.streams[0] = u32::MAX);
    refused(&|steps| steps.observations.vector.truncate(5));
    refused(&|steps| steps.final_observations.vector.push(0.0));
    refused(&|steps| steps.policy_gradient_steps.truncate(2));
    refused(&|steps| steps.rewards[0] = f32::NAN);
    refused(&|steps| steps.observations.vector[1] = f32::INFINITY);
    refused(&|steps| steps.states = StateBatch { width: 4, values: vec![0.0; 4] });
    let said = decode(&encode(&good).unwrap(), &spec(true), 0).unwrap_err().to_string();
    assert!(said.starts_with("steps: ") && !said.contains('\n'), "{said}");
    assert!(decode(&encode(&good).unwrap(), &spec(false), 7).is_ok(), "states may be absent");
}

#[test]
fn mutated_messages_are_steps_or_refused_and_never_more() {
    let mut rng = rng(5, Stream::Environment, 0);
    let bytes = encode(&recorded(&mut rng, false, 0, false)).unwrap();
    let header = 8 + u64::from_le_bytes(*bytes.first_chunk::<8>().unwrap()) as usize;
    let (mut read, mut refused) = (0, 0);
    for round in 0..100_000 {
        let mut mutated = bytes.clone();
        let within = if round % 2 == 0 { header } else { bytes.len() };
        for _ in 0..rng.random_range(1..4) {
            match rng.random_range(0..4) {
                0 => mutated.truncate(rng.random_range(0..=mutated.len())),
                1 if !mutated.is_empty() => {
                    _ = mutated.remove(rng.random_range(0..mutated.len().min(within)))
                }
                2 => mutated.insert(rng.random_range(0..=mutated.len().min(within)), rng.next_u32() as u8),
                _ if !mutated.is_empty() => {
                    let at = rng.random_range(0..mutated.len().min(within));
                    mutated[at] = rng.next_u32() as u8;
                }
                _ => {}
            }
        }
        match decode(&mutated, &spec(false), 0) {
            Ok(recorded) => {
                assert!(recorded.steps.fits(&spec(false)));
                read += 1;
            }
            Err(error) => {
                assert!(error.to_string().len() < 400, "{error}");
                refused += 1;
            }
        }
    }
    assert!(read > 1000 && refused > 1000, "{read} read, {refused} refused");
}

#[test]
fn runs_and_periods_are_undone() {
    for values in [vec![], vec![1], vec![1, 1, 2, 2, 2, 1]] {
        let (kept, counts) = runs(&values);
        assert_eq!(unroll(&kept, &counts, values.len()).unwrap(), values);
    }
    assert!(unroll(&[1], &[u32::MAX], 3).is_err());
    for (streams, length) in [(vec![], 0), (vec![4], 1), (vec![1, 2, 1, 2, 1], 2), (vec![1, 2, 1, 3], 4)] {
        assert_eq!(period(&streams), length, "{streams:?}");
    }
}
