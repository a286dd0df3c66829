//! Two learners that average their gradients learn what one does that has the batches of both.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex};

use super::tests::batch;
use super::*;
use crate::algo::sac::{ActorGradient, SacUpdate, Temperature, ValueNetwork};
use crate::mdp::ActionNoise;
use crate::nn::TensorMap;

type Brought = BTreeMap<usize, (f32, Vec<Vec<f32>>)>;

/// Where two threads meet for each part of each gradient step.
#[derive(Debug, Default)]
struct Room {
    brought: Mutex<BTreeMap<(u64, Part), Brought>>,
    complete: Condvar,
}

#[derive(Debug)]
struct Seat(Arc<Room>, usize);

impl AllReduce for Seat {
    fn all_reduce(&self, step: u64, part: Part, weight: f32, values: &mut [&mut [f32]]) {
        let Self(room, number) = self;
        let mut brought = room.brought.lock().unwrap();
        let mine = values.iter().map(|values| values.to_vec()).collect();
        brought.entry((step, part)).or_default().insert(*number, (weight, mine));
        room.complete.notify_all();
        let brought = room.complete.wait_while(brought, |all| all[&(step, part)].len() < 2).unwrap();
        let both = &brought[&(step, part)];
        let total: f32 = both.values().map(|(weight, _)| weight).sum();
        for (at, values) in values.iter_mut().enumerate() {
            for (index, value) in values.iter_mut().enumerate() {
                *value = both.values().map(|(weight, all)| weight / total * all[at][index]).sum();
            }
        }
    }
}

/// Both halves of training, each on a thread.
pub(in crate::algo::sac::fused) fn together<U: SacUpdate + Clone>(
    one: &U,
    train: impl Fn(&mut U, usize) + Sync,
) -> [TensorMap; 2] {
    let room = Arc::new(Room::default());
    let halves = std::thread::scope(|scope| {
        [0, 1]
            .map(|number| {
                let (mut half, train) = (one.clone(), &train);
                assert!(half.share_gradients(Some(Arc::new(Seat(room.clone(), number)))));
                scope.spawn(move || {
                    train(&mut half, number);
                    half.export().unwrap()
                })
            })
            .map(|thread| thread.join().unwrap())
    });
    assert!(room.brought.lock().unwrap().len() >= 6, "critics and actor in each step");
    halves
}

/// They are the same but for the order in which floats are added.
pub(in crate::algo::sac::fused) fn compare(whole: &TensorMap, half: &TensorMap, what: &str) {
    assert_eq!(whole.len(), half.len());
    for (name, tensor) in whole {
        for (one, other) in tensor.data.iter().zip(&half[name].data) {
            assert!((one - other).abs() <= 1e-4 + 1e-3 * one.abs(), "{what}: {name}: {one}, {other}");
        }
    }
}

/// A batch with everything that an update would draw by itself.
fn given(config: &SacConfig, actions: &Actions, size: usize, seed: u64) -> TransitionBatch {
    let mut batch = batch(size, 8, 4, seed);
    let noise = |rows: usize, salt: u64| -> Vec<f32> {
        (0..rows).map(|row| ((row as u64 * 7 + salt + seed) as f32).sin()).collect()
    };
    let samples = match config.actor_gradient {
        ActorGradient::Reinforce { samples } => samples,
        _ => 0,
    };
    if let Actions::Continuous(dimensions) = actions {
        let dims = dimensions.len();
        batch.noise = ActionNoise {
            here: noise(size * dims, 1),
            next: noise(size * dims, 2),
            sampled: noise(size * dims * samples, 3),
        };
        batch.actions = crate::mdp::ActionBatch {
            rows: size,
            continuous: noise(size * dims, 4).iter().map(|value| value * 0.9).collect(),
            ..Default::default()
        };
    } else {
        batch.sampled_actions = (0..size * samples).map(|row| (row % 4) as u16).collect();
    }
    batch
}

#[test]
fn two_learners_with_averaged_gradients_are_one_with_both_batches() {
    let base = SacConfig {
        hidden: vec![16],
        grad_clip: Some(0.5),
        adam_epsilon: 0.01,
        temperature: Temperature::Learned { target_entropy_fraction: 0.5 },
        ..SacConfig::default()
    };
    let value_network = Some(ValueNetwork { learning_rate: 0.01 });
    let reinforce = ActorGradient::Reinforce { samples: 2 };
    let dimension = |name: &str| crate::mdp::ActionDimension { name: name.into(), low: -1.0, high: 1.0 };
    let continuous = Actions::Continuous(vec![dimension("a"), dimension("b")]);
    let expected = base.actor_gradient;
    for (what, actions, value_network, actor_gradient) in [
        ("discrete", Actions::Discrete(4), None, expected),
        ("value network", Actions::Discrete(4), value_network, expected),
        ("REINFORCE", Actions::Discrete(4), None, reinforce),
        ("continuous", continuous.clone(), None, expected),
        ("continuous with a value network", continuous.clone(), value_network, expected),
        ("continuous REINFORCE", continuous, None, reinforce),
    ] {
        let config = SacConfig { value_network, actor_gradient, ..base.clone() };
        let one = FusedSac::new(config.clone(), 8, actions.clone(), &mut rng(1, Stream::Weights, 0)).unwrap();
        let mut whole = one.clone();
        // Of different sizes, as a mean over all must respect.
        let halves = |step: u64| [12, 20].map(|size| given(&config, &actions, size, 10 * step + size as u64));
        for step in 0..3 {
            let [mut first, second] = halves(step);
            first.append(&second);
            first.sampled_actions.extend(&second.sampled_actions);
            for (own, more) in [
                (&mut first.noise.here, &second.noise.here),
                (&mut first.noise.next, &second.noise.next),
                (&mut first.noise.sampled, &second.noise.sampled),
            ] {
                own.extend(more);
            }
            whole.update(&first, false).unwrap();
        }
        let whole = whole.export().unwrap();
        let both = together(&one, |half, number| {
            for step in 0..3 {
                half.update(&halves(step)[number], false).unwrap();
            }
        });
        assert_eq!(both[0], both[1], "{what}: they stay equal to the bit");
        compare(&whole, &both[0], what);
        assert!(one.export().unwrap() != both[0]);
    }
}
