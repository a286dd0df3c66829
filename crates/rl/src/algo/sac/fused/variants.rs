//! Properties of the step's variants: gradients against finite differences on degenerate shapes,
//! estimators against the exact gradient, exact resume with random draws. The values themselves are
//! held to the conformance vectors in `tests/conformance`.

use std::collections::BTreeMap;

use super::tests::batch;
use super::*;
use crate::algo::report::TARGET_ENTROPY;
use crate::algo::sac::{
    ActorGradient, Backup, BehaviorCloning, CriticLoss, SacUpdate, Temperature, ValueNetwork,
};
use crate::nn::categorical::softmax;
use crate::nn::{Head, TensorMap};

const REINFORCE: ActorGradient = ActorGradient::Reinforce { samples: 2 };
const GUMBEL: ActorGradient = ActorGradient::Gumbel { samples: 2, relaxation: 0.7 };

/// Every variant at least once, alone and together.
fn variants() -> Vec<SacConfig> {
    let plain = SacConfig::default;
    let value_network = Some(ValueNetwork::default());
    let (q_clip, entropy_penalty) = (Some(0.1), Some(1.5));
    vec![
        SacConfig { critic_head: Head::Dueling, ..plain() },
        SacConfig { q_clip, critic_loss: CriticLoss::Huber, backup: Backup::Single, ..plain() },
        SacConfig { entropy_penalty, backup: Backup::Mean, ..plain() },
        SacConfig { behavior_cloning: Some(BehaviorCloning { weight: 0.7, steps: 9 }), ..plain() },
        SacConfig { actor_gradient: REINFORCE, ..plain() },
        SacConfig { actor_gradient: GUMBEL, ..plain() },
        SacConfig { actor_gradient: ActorGradient::ForwardKl, ..plain() },
        SacConfig {
            actor_gradient: ActorGradient::ForwardKl,
            entropy_penalty,
            temperature: Temperature::Fixed,
            backup: Backup::Mean,
            ..plain()
        },
        SacConfig { value_network, backup: Backup::Double, ..plain() },
        SacConfig { value_network, critic_head: Head::Dueling, entropy_in_target: false, ..plain() },
        SacConfig {
            value_network,
            backup: Backup::Single,
            actor_gradient: GUMBEL,
            entropy_penalty,
            ..plain()
        },
        SacConfig {
            critic_head: Head::Dueling,
            backup: Backup::Mean,
            q_clip,
            entropy_penalty,
            actor_gradient: REINFORCE,
            ..plain()
        },
    ]
}

fn fresh(config: &SacConfig, features: usize, actions: usize, seed: u64) -> FusedSac {
    FusedSac::new(config.clone(), features, actions, &mut rng(seed, Stream::Weights, 0)).unwrap()
}

/// Everything one step shows, by name.
fn traced(sac: &mut FusedSac, batch: &TransitionBatch) -> BTreeMap<String, Vec<f32>> {
    let mut seen = BTreeMap::new();
    let mut record =
        |name: &str, _: &[usize], values: &[f32]| drop(seen.insert(name.to_owned(), values.to_vec()));
    sac.update_traced(batch, true, &mut record).unwrap();
    seen
}

/// What the straight-through estimator differentiates in place of its loss: the actor loss with
/// relaxed samples.
fn relaxed_loss(sac: &FusedSac, seen: &BTreeMap<String, Vec<f32>>, actions: usize) -> f64 {
    let ActorGradient::Gumbel { samples, relaxation } = sac.config.actor_gradient else { unreachable!() };
    let temperature = f64::from(seen["alpha"][0]);
    let states = seen["logits"].chunks(actions).zip(seen["q_agg"].chunks(actions)).zip(&seen["entropy"]);
    let mut loss = 0.0;
    for (b, ((logits, q), entropy)) in states.enumerate() {
        for noise in sac.draws.gumbel[b * samples * actions..][..samples * actions].chunks(actions) {
            let relaxed: Vec<f64> = logits
                .iter()
                .zip(noise)
                .map(|(l, g)| (f64::from(l + g) / f64::from(relaxation)).exp())
                .collect();
            let value = relaxed.iter().zip(q).map(|(y, q)| y * f64::from(*q)).sum::<f64>();
            loss -= value / relaxed.iter().sum::<f64>() / samples as f64;
        }
        loss -= temperature * f64::from(*entropy);
    }
    loss / seen["entropy"].len() as f64 + f64::from(seen["loss.entropy_penalty"][0])
}

#[test]
fn gradients_agree_with_finite_differences_on_degenerate_shapes() {
    for (index, config) in variants().into_iter().enumerate() {
        for (hidden, size, actions) in
            [(&[][..], 1, 2), (&[], 5, 3), (&[6], 1, 3), (&[6], 4, 2), (&[5, 4], 1, 2)]
        {
            let config = SacConfig {
                hidden: hidden.to_vec(),
                // The actor learns from critics after their step: it must not depend on the actor.
                critic_learning_rate: 1e-30,
                ..config.clone()
            };
            let sac = fresh(&config, 3, actions, 11);
            let mut tensors = sac.export().unwrap();
            for (name, tensor) in &mut tensors {
                if name.starts_with("target") {
                    tensor
                        .data
                        .iter_mut()
                        .enumerate()
                        .for_each(|(i, value)| *value += 0.2 * (i as f32).sin());
                }
            }
            let mut batch = batch(size, 3, actions as u16, index as u64);
            batch.weights.iter_mut().enumerate().for_each(|(b, weight)| *weight = 0.5 + b as f32 * 0.25);
            batch.behaviour_entropies.fill(0.3);
            batch.demonstrated = (0..size).map(|b| f32::from(u8::from(b % 3 == 0))).collect();
            if config.actor_gradient == REINFORCE {
                batch.sampled_actions = (0..2 * size).map(|i| (i * i % actions) as u16).collect();
            }
            let run = |tensors: &TensorMap| {
                let mut sac = sac.clone();
                sac.import(tensors, 0).unwrap();
                let seen = traced(&mut sac, &batch);
                (sac, seen)
            };
            let loss = |tensors: &TensorMap, network: &str| -> f64 {
                let (sac, seen) = run(tensors);
                match (network, config.actor_gradient) {
                    ("actor", ActorGradient::Gumbel { .. }) => relaxed_loss(&sac, &seen, actions),
                    _ => f64::from(seen[&format!("loss.{network}")][0]),
                }
            };
            let (_, seen) = run(&tensors);
            let (mut wrong, mut compared) = (Vec::new(), 0);
            for (name, found) in
                seen.iter().filter_map(|(name, values)| Some((name.strip_prefix("grad.")?, values)))
            {
                let Some((network, _)) = name.split_once('.') else { continue };
                for (index, found) in found.iter().enumerate() {
                    let difference = |h: f32| {
                        let mut moved = tensors.clone();
                        moved.get_mut(name).unwrap().data[index] += h;
                        loss(&moved, network)
                    };
                    compared += 1;
                    // A kink within the wider difference may lie outside the narrower one.
                    let agrees = |h: f32| {
                        let expected = (difference(h) - difference(-h)) / f64::from(2.0 * h);
                        (f64::from(*found) - expected).abs() <= 2e-3 + 1e-2 * expected.abs()
                    };
                    if !(agrees(4e-3) || agrees(5e-4)) {
                        wrong.push(format!("{name}[{index}] = {found}"));
                    }
                }
            }
            // A kink within the difference is no error, but must stay rare.
            assert!(wrong.len() * 20 <= compared, "{config:?} batch {size} actions {actions}: {wrong:#?}");
        }
    }
}

#[test]
fn estimators_average_to_the_exact_gradient_as_far_as_they_promise() {
    let q = [1.0, -0.5, 0.25, 2.0];
    let (mut log_policy, mut policy) = ([0.3, 0.1, -0.4, 0.0], [0.0; 4]);
    let entropy = softmax(&mut log_policy, &mut policy);
    let aggregate = Aggregate { first: &q, last: &q, backup: Backup::Single };
    let state = State { policy: &policy, log_policy: &log_policy, entropy, q: aggregate };
    let gradient_and_loss = |actor_gradient: ActorGradient, steps: u64| {
        let config = SacConfig { actor_gradient, ..SacConfig::default() };
        let (mut draws, mut gradient, mut loss) = (Draws::default(), [0.0; 4], 0.0);
        for step in 0..steps {
            draws.draw(&config, &[], &policy, 4, rng(3, Stream::ActorGradient, step));
            loss +=
                draws.loss(&config, 0.2, 0, &state, &mut Relaxed::default(), &mut gradient) / steps as f32;
        }
        (gradient.map(|value| value / steps as f32), loss)
    };
    let worst = |(found, _): &([f32; 4], f32), (exact, _): &([f32; 4], f32)| {
        found.iter().zip(exact).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    let exact = gradient_and_loss(ActorGradient::Expected, 1);
    let reinforce = gradient_and_loss(ActorGradient::Reinforce { samples: 64 }, 2000);
    assert!(worst(&reinforce, &exact) < 0.01, "{reinforce:?} {exact:?}");
    let sharp = gradient_and_loss(ActorGradient::Gumbel { samples: 64, relaxation: 0.1 }, 2000);
    assert!(worst(&sharp, &exact) < 0.02, "{sharp:?} {exact:?}");
    // The loss values sampled actions, whatever the relaxation; only the gradient is biased by it.
    let blunt = gradient_and_loss(ActorGradient::Gumbel { samples: 64, relaxation: 5.0 }, 2000);
    assert!(worst(&blunt, &exact) > 0.05, "{blunt:?} {exact:?}");
    for (_, loss) in [sharp, blunt] {
        assert!((loss - exact.1).abs() < 0.01, "{loss} {exact:?}");
    }
}

/// Both exact gradients rest at the softmax of the values. Away from it the reverse one comes to rest as well
/// where the policy has given the best action up; the forward one has all of it to gain.
#[test]
fn the_forward_divergence_wins_back_what_was_given_up() {
    let (temperature, q) = (0.1, [0.0f32, 0.3, 0.1]);
    let gradient = |actor_gradient: ActorGradient, logits: [f32; 3]| {
        let (mut log_policy, mut policy, mut gradient) = (logits, [0.0; 3], [0.0; 3]);
        let entropy = softmax(&mut log_policy, &mut policy);
        let aggregate = Aggregate { first: &q, last: &q, backup: Backup::Single };
        let state = State { policy: &policy, log_policy: &log_policy, entropy, q: aggregate };
        let config = SacConfig { actor_gradient, ..SacConfig::default() };
        let loss =
            Draws::default().loss(&config, temperature, 0, &state, &mut Relaxed::default(), &mut gradient);
        (gradient, loss)
    };
    let size = |gradient: [f32; 3]| gradient.iter().map(|value| value.abs()).fold(0.0, f32::max);
    let optimal = q.map(|q| q / temperature);
    let (forward, loss) = gradient(ActorGradient::ForwardKl, optimal);
    assert!(size(forward) < 1e-7 && loss.abs() < 1e-7, "{forward:?} {loss}");
    assert!(size(gradient(ActorGradient::Expected, optimal).0) < 1e-7);
    let given_up = [0.0, -30.0, 0.0];
    assert!(gradient(ActorGradient::Expected, given_up).0[1].abs() < 1e-11);
    let (forward, _) = gradient(ActorGradient::ForwardKl, given_up);
    let best = 1.0 / (1.0 + (-3.0f32).exp() + (-2.0f32).exp());
    assert!((forward[1] + temperature * best).abs() < 1e-6, "{forward:?}");
}

#[test]
fn threads_do_not_change_a_bit_of_any_variant() {
    for config in variants() {
        let config = SacConfig { hidden: vec![128, 128], grad_clip: Some(1.0), ..config };
        let train = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut sac = fresh(&config, 8, 4, 1);
                for seed in 0..3 {
                    sac.update(&batch(128, 8, 4, seed), false).unwrap();
                }
                sac.export().unwrap()
            })
        };
        assert_eq!(train(1), train(2), "{config:?}");
    }
}

#[test]
fn every_variant_resumes_exactly_and_refuses_another_shape() {
    for config in variants() {
        let config = SacConfig { hidden: vec![16], ..config };
        let mut first = fresh(&config, 8, 4, 1);
        for seed in 0..3 {
            first.update(&batch(20, 8, 4, seed), false).unwrap();
        }
        let saved = first.export().unwrap();
        assert_eq!(saved.contains_key("update_seed"), config.actor_gradient.is_sampled());
        assert_eq!(saved.contains_key("target_critic1.layers.0.weight"), config.value_network.is_none());
        // Another seed: everything that matters must come out of the saved tensors.
        let mut second = fresh(&config, 8, 4, 2);
        second.import(&saved, first.gradient_steps()).unwrap();
        for seed in 3..6 {
            let data = batch(20, 8, 4, seed);
            assert_eq!(first.update(&data, true).unwrap(), second.update(&data, true).unwrap());
        }
        assert_eq!(first.export().unwrap(), second.export().unwrap());
        let other_head = if config.critic_head == Head::Linear { Head::Dueling } else { Head::Linear };
        assert!(first.set_config(SacConfig { critic_head: other_head, ..config.clone() }).is_err());
        let other = if config.value_network.is_none() { Some(ValueNetwork::default()) } else { None };
        let other = SacConfig { value_network: other, q_clip: None, ..config.clone() };
        assert!(first.set_config(other).unwrap_err().to_string().starts_with("sac.value_network"));
        // What needs no other network may change between two steps.
        for actor_gradient in [ActorGradient::Expected, ActorGradient::ForwardKl, REINFORCE, GUMBEL] {
            first.set_config(SacConfig { actor_gradient, ..config.clone() }).unwrap();
            first.update(&batch(20, 8, 4, 9), true).unwrap();
        }
    }
}

#[test]
fn a_damaged_seed_is_named() {
    let mut sac =
        fresh(&SacConfig { hidden: vec![4], actor_gradient: GUMBEL, ..SacConfig::default() }, 8, 4, 1);
    let mut tensors = sac.export().unwrap();
    for damage in [0.5, -1.0, 65_536.0] {
        tensors.get_mut("update_seed").unwrap().data[2] = damage;
        assert!(sac.import(&tensors, 0).unwrap_err().to_string().contains("update_seed"));
    }
}

#[test]
fn batches_without_what_a_variant_reads_are_refused() {
    let config = SacConfig {
        hidden: vec![4],
        actor_gradient: REINFORCE,
        entropy_penalty: Some(1.0),
        ..SacConfig::default()
    };
    let mut sac = fresh(&config, 8, 4, 1);
    let refused = |sac: &mut FusedSac, change: &dyn Fn(&mut TransitionBatch)| {
        let mut data = batch(6, 8, 4, 0);
        change(&mut data);
        assert!(matches!(sac.update(&data, true), Err(TrainError::Batch { .. })));
    };
    refused(&mut sac, &|data| data.sampled_actions = vec![0; 6]);
    refused(&mut sac, &|data| data.sampled_actions = vec![4; 12]);
    refused(&mut sac, &|data| data.behaviour_entropies.clear());
    let mut given = batch(6, 8, 4, 0);
    given.sampled_actions = vec![3; 12];
    sac.update(&given, true).unwrap();
    assert_eq!(sac.draws.actions, given.sampled_actions);
}

#[test]
fn an_annealed_target_entropy_falls_to_its_end_and_stays() {
    let temperature = Temperature::Annealed { upper_fraction: 0.9, lower_fraction: 0.1, steps: 4 };
    let mut sac = fresh(&SacConfig { hidden: vec![4], temperature, ..SacConfig::default() }, 8, 4, 1);
    for expected in [0.9, 0.7, 0.5, 0.3, 0.1, 0.1, 0.1] {
        let report = sac.update(&batch(6, 8, 4, 0), true).unwrap().unwrap();
        let found = report.get(TARGET_ENTROPY).unwrap() as f32;
        assert!((found - expected * 4f32.ln()).abs() < 1e-6, "{report:?}");
    }
}

/// Fits a one-step problem with every variant: the reward of action 1 is 1, of the others 0.
#[test]
fn every_variant_learns_the_rewarded_action() {
    for config in variants() {
        let config = SacConfig {
            hidden: vec![32],
            temperature: Temperature::Fixed,
            initial_temperature: 0.05,
            actor_learning_rate: 3e-3,
            entropy_penalty: config.entropy_penalty.map(|_| 0.01),
            ..config
        };
        let mut sac = fresh(&config, 8, 4, 1);
        for seed in 0..800 {
            let mut data = batch(32, 8, 4, seed);
            data.terminated.fill(1.0);
            for (reward, action) in data.n_step_returns.iter_mut().zip(&data.actions.discrete) {
                *reward = f32::from(u8::from(*action == 1));
            }
            sac.update(&data, false).unwrap();
        }
        let mean = sac.current.policy.iter().skip(1).step_by(4).sum::<f32>() / 32.0;
        assert!(mean > 0.85, "{mean} with {config:?}");
    }
}
